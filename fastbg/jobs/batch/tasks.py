"""The work on one file of a batch, in a worker process or on a cluster."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from ...errors import Cancelled, FastbgError
from ...progress import Progress, ProgressCallback
from ...settings.settings import WITHOUT_EFFECT, Settings
from ...version import version
from ..source import paths_of
from .journal import Journal, State, content_hash


@dataclass(frozen=True)
class Task:
    """A file to process.

    Attributes
    ----------
    path, folder : Path
        The input, and the folder of its outputs.
    keywords : dict
        Further arguments of `fastbg.process_file`, among them ``settings``.
    key : dict
        Everything but the content of the file that determines the result: see `key_of`.
    overwrite : bool
        Process the file even if it is finished, and replace existing outputs.
    """

    path: Path
    folder: Path
    keywords: Mapping[str, Any]
    key: Mapping[str, Any]
    overwrite: bool = False

    def absolute(self) -> Task:
        """The same task with absolute paths, for a process with another current folder."""
        masks = [os.path.abspath(mask) for mask in paths_of(self.keywords.get("mask"))]
        keywords = {**self.keywords, "mask": masks}
        path, folder = Path(os.path.abspath(self.path)), Path(os.path.abspath(self.folder))
        return replace(self, path=path, folder=folder, keywords=keywords)


@dataclass(frozen=True)
class Outcome:
    """The outcome of the job on a file.

    Attributes
    ----------
    path : Path
    status : {"done", "skipped", "failed"}
        A file is skipped if it is finished according to the journal.
    report : dict or None
        See `fastbg.report.report`; a skipped file has the report of the time when it was done.
    error : str or None
        The cause of a failure and its cure, in one line.
    """

    path: Path
    status: Literal["done", "skipped", "failed"]
    report: dict[str, Any] | None = None
    error: str | None = None


def key_of(settings: Settings, mask: str | None, **keywords: Any) -> dict[str, Any]:
    """Everything but the content of the file that determines the result, as plain JSON.

    These are the version of fastbg, the hash of the mask, and the settings that change a result.
    The backend is one of them, since evaluators differ in the last bits.
    """
    decisive = {k: v for k, v in settings.to_dict().items() if k not in WITHOUT_EFFECT}
    key = {"fastbg": version(), "settings": decisive, "mask": mask, **keywords}
    return json.loads(json.dumps(key))


def skip(task: Task) -> Outcome | None:
    """The outcome of a finished task, if the state of the file shows it, without its content."""
    if task.overwrite:
        return None
    report = Journal(task.folder).finished(task.path, task.key, State.of(task.path))
    return Outcome(task.path, "skipped", report) if report else None


def run(task: Task, progress: ProgressCallback) -> Outcome:
    """Process a file, and record it in the journal.

    Raises
    ------
    Cancelled
        If ``progress`` returned False; nothing was written.
    """
    try:
        with Journal(task.folder).working():
            return _run(task, progress)
    except Cancelled:
        raise
    except FastbgError as error:
        return failed(task.path, str(error))
    except MemoryError:
        return failed(task.path, f"{task.path}: not enough memory: use fewer workers")
    except Exception as error:
        text = f"{task.path}: unexpected {type(error).__name__} ({error}): please report it"
        return failed(task.path, text)


def failed(path: Path, error: str) -> Outcome:
    """The outcome of a file that failed."""
    return Outcome(path, "failed", error=" ".join(error.split()))


def _run(task: Task, progress: ProgressCallback) -> Outcome:
    from ..run import process_file

    path, journal = task.path, Journal(task.folder)
    state = State.of(path)
    content = content_hash(path) if state else None
    if state and content and not task.overwrite:
        report = journal.finished(path, task.key, state, content)
        if report:
            journal.write(path, task.key, state, content, report)  # with its present state
            return Outcome(path, "skipped", report)

    with journal.attempt(path) as begin:
        begun = False

        def follow(where: Progress) -> object:
            # The job refuses existing outputs before it reports its first progress.
            nonlocal begun
            if not begun:
                begin()
                begun = True
            return progress(where)

        report = process_file(
            path,
            output_dir=task.folder,
            overwrite=task.overwrite or journal.owns(path),
            progress=follow,
            **task.keywords,
        ).report
        if state:
            journal.write(path, task.key, state, content, report)
    return Outcome(path, "done", report)
