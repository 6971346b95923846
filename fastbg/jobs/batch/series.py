"""Several batches of the same files, one after the other, which tell one progress."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Self

from ...errors import InputError
from ...io.names import same_name
from ...settings.settings import WITHOUT_EFFECT, Settings
from . import Batch, BatchCallback, BatchProgress
from .tasks import Outcome, Task


class Series:
    """The batches of a set of files; their journals stay open until it is closed.

    Parameters
    ----------
    workers, dask, callback
        As for `fastbg.process_files`.
    files : int
        The number of files of the set.

    Attributes
    ----------
    failed : list of Outcome
        Those of files that took no part in the last batch.
    """

    def __init__(
        self, workers: int, dask: str | None, callback: BatchCallback | None, files: int
    ) -> None:
        self._workers, self._dask, self._callback = workers, dask, callback
        self._files = files
        self._stack = ExitStack()
        self.failed: list[Outcome] = []
        self._idle = self.batch(_no_task)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def batch(self, task_of: Callable[[Path], Task], quiet: bool = False) -> Batch:
        """A batch of some of the files; a quiet one tells of no outcome but failures."""
        callback = self._callback

        def tell(progress: BatchProgress) -> object:
            outcome = progress.outcome
            if callback is None:
                return None
            if quiet and outcome and outcome.status != "failed":
                progress = replace(progress, outcome=None)
            return callback(replace(progress, files=self._files))

        batch = Batch(task_of, self._workers, self._dask, tell)
        self._stack.enter_context(batch.journals)
        return batch

    def watch(self) -> None:
        """Tell that the work goes on; raises Cancelled if it is not to."""
        self._idle.tell(None)

    def fail(self, outcome: Outcome) -> None:
        """Keep, and tell, the outcome of a file that takes no part."""
        self.failed.append(outcome)
        self._idle.tell((outcome.path, outcome))

    def check_names(self, paths: list[Path], folder: Path, settings: Settings) -> None:
        """Raise InputError if two files would have the same outputs."""
        batch = self.batch(lambda path: Task(path, folder, settings))
        for first, second in batch.clashes(paths):
            raise InputError(same_name(first, second))


def only(settings: Settings, names: Iterable[str]) -> Settings:
    """Some of the settings, and those that change no result; the others are the defaults."""
    return Settings(**{name: getattr(settings, name) for name in (*names, *WITHOUT_EFFECT)})


def _no_task(path: Path) -> Task:
    raise AssertionError("this batch only tells that the work goes on")
