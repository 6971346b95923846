"""Several batches of the same files, one after the other, which tell one progress."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Self

from ...errors import InputError
from ...io.names import same_name
from ...settings.settings import WITHOUT_EFFECT, Settings
from ...words import listed
from . import Batch, BatchCallback, BatchProgress
from .tasks import Outcome, Task


class Series:
    """The batches of a set of files; their journals stay open until it is closed.

    If an `InputError` does that, so that the set is refused, the small copies of its files and the
    folders that were made for them are removed.

    Parameters
    ----------
    workers, dask, callback
        As for `fastbg.process_files`.
    files : int
        The number of files of the set.
    home : Path
        The folder of the small copies, in that of the outputs.

    Attributes
    ----------
    failed : list of Outcome
        Those of files that took no part in the last batch.
    """

    def __init__(
        self,
        workers: int,
        dask: str | None,
        callback: BatchCallback | None,
        files: int,
        home: Path,
    ) -> None:
        self._workers, self._dask, self._callback = workers, dask, callback
        self._files = files
        self._new = [each for each in (home, *home.parents) if not each.exists()]
        self._stack = ExitStack()
        self.failed: list[Outcome] = []
        self._idle = self.batch(_no_task)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        self._stack.close()
        if error and issubclass(error, InputError) and self._new:
            shutil.rmtree(self._new[0], ignore_errors=True)
            with suppress(OSError):
                for folder in self._new[1:]:
                    folder.rmdir()

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


def refusal(left_out: Mapping[Path, InputError]) -> InputError:
    """Why a set is refused of which these files cannot be used: one line that names all of them."""
    (_, first), *others = left_out.items()
    if not others:
        return first
    names = listed([str(path) for path, _ in others])
    return InputError(f"{first}; {names} cannot be used, either")


def only(settings: Settings, names: Iterable[str]) -> Settings:
    """Some of the settings, and those that change no result; the others are the defaults."""
    return Settings(**{name: getattr(settings, name) for name in (*names, *WITHOUT_EFFECT)})


def _no_task(path: Path) -> Task:
    raise AssertionError("this batch only tells that the work goes on")
