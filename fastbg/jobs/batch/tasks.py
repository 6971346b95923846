"""The work on one file of a batch, in a worker process or on a cluster."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from ...errors import Cancelled, DoubtError, FastbgError
from ...progress import Progress, ProgressCallback
from ...settings.settings import WITHOUT_EFFECT, Settings
from ...version import version
from ...words import brief
from .journal import Journal, State, content_hash


@dataclass(frozen=True)
class Task:
    """A file to process.

    Attributes
    ----------
    path, folder : Path
        The input, and the folder of its outputs.
    settings : Settings
    masks, sky : tuple of Path
    samples, reference : Path or None
    write_model, compress : bool
    max_memory : int or None
        As for `fastbg.process_file`.
    overwrite : bool
        Process the file even if it is finished, and replace existing outputs.
    key : dict
        Everything but the content of the file that determines the result: see `key_of`.
    """

    path: Path
    folder: Path
    settings: Settings
    masks: tuple[Path, ...] = ()
    sky: tuple[Path, ...] = ()
    samples: Path | None = None
    reference: Path | None = None
    write_model: bool = True
    compress: bool = False
    max_memory: int | None = None
    overwrite: bool = False
    key: Mapping[str, Any] = field(default_factory=dict)

    def absolute(self) -> Task:
        """The same task with absolute paths, for a process with another current folder."""
        path, folder = map(_absolute, (self.path, self.folder))
        masks, sky = (tuple(map(_absolute, each)) for each in (self.masks, self.sky))
        samples, reference = (each and _absolute(each) for each in (self.samples, self.reference))
        shown = replace(self, samples=samples, reference=reference)
        return replace(shown, path=path, folder=folder, masks=masks, sky=sky)

    def with_threads(self, threads: int) -> Task:
        """The same task on so many threads."""
        return replace(self, settings=replace(self.settings, threads=threads))

    def content(self, state: State) -> str | None:
        """The hash of the file, which is in this state; None if it cannot be read."""
        return content_hash(self.path)

    def process(self, progress: ProgressCallback, *, overwrite: bool) -> dict[str, Any]:
        """Do the work, and return its report, which names the outputs."""
        from ..run import process_file

        return process_file(
            self.path,
            output_dir=self.folder,
            write_model=self.write_model,
            mask=self.masks,
            sky=self.sky,
            samples=self.samples,
            reference=self.reference,
            compress=self.compress,
            overwrite=overwrite,
            max_memory=self.max_memory,
            settings=self.settings,
            progress=progress,
        ).report


@dataclass(frozen=True)
class Outcome:
    """The outcome of the job on a file.

    Attributes
    ----------
    path : Path
    status : {"done", "skipped", "left_out", "doubtful", "failed"}
        A file is skipped if it is finished according to the journal. It is left out if fastbg
        wrote it. It is doubtful if its model may be wrong and the settings are strict; nothing of
        it was written then.
    report : dict or None
        See `fastbg.report.report`; a skipped file has the report of the time when it was done.
    error : str or None
        The cause of a failure or a doubt and its cure, in one line.
    """

    path: Path
    status: Literal["done", "skipped", "left_out", "doubtful", "failed"]
    report: dict[str, Any] | None = None
    error: str | None = None

    __repr__ = brief


def key_of(
    settings: Settings,
    mask: str | None,
    sky: str | None = None,
    samples: str | None = None,
    reference: str | None = None,
    *,
    compress: bool = False,
    write_model: bool = True,
) -> dict[str, Any]:
    """Everything but the content of the file that determines the result, as plain JSON.

    These are the version of fastbg, the hashes of the mask, of what is known to be sky, of the
    samples and of the reference, the settings that change a result, and what is written of it. The
    backend is one of them, since evaluators differ in the last bits.
    """
    decisive = {k: v for k, v in settings.to_dict().items() if k not in WITHOUT_EFFECT}
    written = {"compress": compress, "model": write_model}
    key = {"fastbg": version(), "settings": decisive, "mask": mask, "sky": sky, **written}
    # Journals of earlier versions have none of these.
    key |= {k: v for k, v in (("samples", samples), ("reference", reference)) if v}
    return json.loads(json.dumps(key))


def skip(task: Task) -> Outcome | None:
    """The outcome of a finished task, if the state of the file shows it, without its content."""
    if task.overwrite:
        return None
    report = _finished(task, State.of(task.path))
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
    except DoubtError as error:
        return Outcome(task.path, "doubtful", error=str(error))
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


def doubtful(path: Path, error: str) -> Outcome:
    """The outcome of a file whose model may be wrong, if the settings are strict."""
    return replace(failed(path, error), status="doubtful")


def _finished(task: Task, state: State | None, content: str | None = None) -> dict[str, Any] | None:
    """The report of a file that need not be processed; one with doubts must be if strict."""
    report = Journal(task.folder).finished(task.path, task.key, state, content)
    return None if report and task.settings.strict and report.get("doubts") else report


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))


def _run(task: Task, progress: ProgressCallback) -> Outcome:
    path, journal = task.path, Journal(task.folder)
    state = State.of(path)
    content = task.content(state) if state else None
    if state and content and not task.overwrite:
        report = _finished(task, state, content)
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

        owned = task.overwrite or journal.owns(path)
        report = task.process(follow, overwrite=owned)
        if state:
            journal.write(path, task.key, state, content, report)
    return Outcome(path, "done", report)
