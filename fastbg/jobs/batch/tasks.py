"""The work on one file of a batch, the same wherever it runs: here, in a worker, on a cluster."""

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
    """A file to work on.

    Attributes
    ----------
    path, folder : Path
        The input, and where its outputs go.
    keywords : dict
        More of `fastbg.process_file`, ``settings`` among them.
    key : dict
        What decides the result besides the content of the file: see `key_of`.
    overwrite : bool
        Work also on what is finished, and replace any output.
    """

    path: Path
    folder: Path
    keywords: Mapping[str, Any]
    key: Mapping[str, Any]
    overwrite: bool = False

    def absolute(self) -> Task:
        """The same for a process in another folder."""
        masks = [os.path.abspath(mask) for mask in paths_of(self.keywords.get("mask"))]
        keywords = {**self.keywords, "mask": masks}
        path, folder = Path(os.path.abspath(self.path)), Path(os.path.abspath(self.folder))
        return replace(self, path=path, folder=folder, keywords=keywords)


@dataclass(frozen=True)
class Outcome:
    """What became of a file.

    Attributes
    ----------
    path : Path
    status : {"done", "skipped", "failed"}
        Skipped is what the journal knows as finished.
    report : dict or None
        See `fastbg.report.report`; of what was skipped, that of the time when it was done.
    error : str or None
        Why it failed: one line with cause and cure.
    """

    path: Path
    status: Literal["done", "skipped", "failed"]
    report: dict[str, Any] | None = None
    error: str | None = None


def key_of(settings: Settings, mask: str | None, **keywords: Any) -> dict[str, Any]:
    """What decides a result besides the content of the file, as plain JSON.

    The version of fastbg, the hash of the mask, all settings but those without effect. The
    backend is one of those that count: evaluators differ in the last bits.
    """
    decisive = {k: v for k, v in settings.to_dict().items() if k not in WITHOUT_EFFECT}
    key = {"fastbg": version(), "settings": decisive, "mask": mask, **keywords}
    return json.loads(json.dumps(key))


def skip(task: Task) -> Outcome | None:
    """The outcome of a task that is finished, as far as that can be told without reading."""
    if task.overwrite:
        return None
    report = Journal(task.folder).finished(task.path, task.key, State.of(task.path))
    return Outcome(task.path, "skipped", report) if report else None


def run(task: Task, progress: ProgressCallback) -> Outcome:
    """Work on a file, and record it in the journal.

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
            journal.write(path, task.key, state, content, report)  # with the state it now has
            return Outcome(path, "skipped", report)

    with journal.attempt(path) as begin:
        begun = False

        def follow(where: Progress) -> object:
            # The first call comes after existing outputs were refused.
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
