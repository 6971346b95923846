"""The job on any number of files, several at a time; finished files are skipped.

`journal` records which files are finished, and `tasks` does the work on one file. `pool` runs the
tasks in processes, whose number `capacity` chooses, and `cluster` runs them with Dask. `watch`
looks for new files.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Unpack

from ...backends.registry import choose
from ...errors import Cancelled, InputError, SettingsError
from ...io.names import clashes, default_name, same_name
from ...progress import Progress
from ...settings.options import Options
from ...settings.settings import Settings
from ..arguments import Count, Masks, Paths, merged, public
from ..drawn import paths_of
from ..inputs import Inputs
from ..memory import MaxMemory, in_bytes
from . import cluster, pool
from .capacity import workers_for
from .journal import Journal, State, content_hash
from .pool import Event
from .tasks import Outcome as Outcome
from .tasks import Task, failed, key_of, skip
from .watch import Watch

LOOK_SECONDS = 1.0
"""The time between two searches for new files."""


@dataclass(frozen=True)
class BatchProgress:
    """The progress of a batch.

    Attributes
    ----------
    files : int
        The number of files that are known so far.
    workers : int
        The number of processes that work on them; 0 before they start, while the batch waits for
        new files, and on a cluster.
    path : Path or None
        The file that `stage` or `outcome` belongs to.
    stage : Progress or None
        The progress of its job; a cluster reports none.
    outcome : Outcome or None
        The outcome of its job, once that has ended.
    """

    files: int
    workers: int
    path: Path | None = None
    stage: Progress | None = None
    outcome: Outcome | None = None


@dataclass(frozen=True)
class Summary:
    """The outcomes of a batch.

    Attributes
    ----------
    outcomes : list of Outcome
        One for each file, in the order in which the jobs ended; files that are left out come
        first. A file that was tried again has the outcome of the last attempt.
    seconds : float
        The time from the beginning of the batch to its end.
    """

    outcomes: list[Outcome]
    seconds: float

    def __repr__(self) -> str:
        statuses = ("done", "skipped", "doubtful", "failed")
        counts = (f"{len(self.with_status(s))} {s}" for s in statuses)
        return f"Summary({', '.join(counts)}, in {self.seconds:.1f} s)"

    def with_status(self, status: str) -> list[Outcome]:
        """The outcomes with one status: see `Outcome`."""
        return [outcome for outcome in self.outcomes if outcome.status == status]


BatchCallback = Callable[[BatchProgress], object]
"""Called from the thread that runs the batch, at least once a second. False cancels the batch."""


@public
def process_files(
    paths: Paths,
    *,
    output_dir: str | Path = ".",
    keep_tree: bool = False,
    again: bool = False,
    write_model: bool = True,
    mask: Masks = None,
    sky: Masks = None,
    samples: str | Path | None = None,
    reference: str | Path | None = None,
    compress: bool = False,
    overwrite: bool = False,
    max_memory: MaxMemory = None,
    workers: Count = 0,
    watch: bool = False,
    dask: str | None = None,
    settings: Settings | None = None,
    progress: BatchCallback | None = None,
    **options: Unpack[Options],
) -> Summary:
    """Take the background out of many files, in several processes.

    The outputs are those of `process_file`, bit for bit. If a file fails, or is doubtful and the
    settings are strict, the others are still processed, and the summary holds its error. A file is
    skipped if it was finished before from the same content, with the same settings, mask, sky,
    samples, reference and version of fastbg. The folder ``.fastbg-batch`` in the output folder
    records what is finished, also if the batch is killed.

    The processes import the main module of the program, so a script must call this function under
    ``if __name__ == "__main__":``.

    Parameters
    ----------
    paths : path, str or iterable of them
        Files, folders (for the images in them) and patterns of `glob`, including ``**``.
    output_dir : path
        The folder of the outputs, which is created if it does not exist.
    keep_tree : bool
        Keep the folders of the files: each output lies below ``output_dir`` as its input lies
        below the common folder of ``paths``. Each of these folders has a journal of its own.
    again : bool
        Process images that fastbg wrote itself, which their HISTORY tells, too. Without it they
        are left out. What this batch writes is always left out, while it watches.
    write_model, mask, sky, compress
        As for `process_file`; the same for all files.
    samples : path, optional
        A file of samples, as for `process_file`: the same places in all files.
    reference : path, optional
        An image of the sky that all files show, as for `process_file`.
    overwrite : bool
        Process finished files again, and replace all outputs. Without it, an output is replaced
        only if the journal shows that it was made from the same file, and that the file or the
        settings have changed since.
    max_memory : int or str, optional
        The memory of all workers together, in bytes or as a size like "2GB"; by default what is
        available. A file whose job needs more than the share of one worker is refused.
    workers : int or "auto"
        The number of processes; 0 or "auto" means as many as the cores and the memory allow.
    watch : bool
        Wait for new and changed files in the end, until ``progress`` returns False.
    dask : str, optional
        The address of a Dask scheduler that runs the tasks instead, with one thread for each unless
        ``settings`` give another number. Its workers must find the files under the same absolute
        paths.
    settings, **options
        As for `remove_background`; ``threads`` is the number for all workers together.
    progress : callable, optional
        Called with a `BatchProgress`; it cancels the batch by returning False.

    Raises
    ------
    InputError
        If a pattern matches no file, a mask cannot be read, or two files have the same name, and
        would have the same outputs. No file was processed.
    SettingsError, OutputError, BackendError
        If no file at all can be processed.
    Cancelled
        If ``progress`` returned False. Finished files remain finished.
    """
    settings = merged(settings, options)
    limit = in_bytes(max_memory)
    if dask and workers:
        raise SettingsError("a cluster has its own workers: leave their number out")
    if not dask:
        choose(settings.backend)
    drawn = {"mask": mask, "sky": sky, "samples": samples, "reference": reference}
    hashes = {name: hash_of(given, name) for name, given in drawn.items()}
    key = key_of(settings, **hashes, compress=compress, write_model=write_model)
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    inputs = Inputs([str(each) for each in given], again=again, wait=watch)
    folder_of = inputs.output_folders(Path(output_dir), keep_tree=keep_tree)
    batch = Batch(
        task_of=lambda path: Task(
            path,
            folder_of(path),
            settings,
            masks=tuple(paths_of(mask)),
            sky=tuple(paths_of(sky)),
            samples=Path(samples) if samples else None,
            reference=Path(reference) if reference else None,
            write_model=write_model,
            compress=compress,
            max_memory=limit,
            overwrite=overwrite,
            key=key,
        ),
        workers=int(workers),
        dask=dask,
        callback=progress,
    )
    found = inputs.find()
    for first, second in batch.clashes(found.images):
        raise InputError(same_name(first, second))
    watcher = Watch()
    with batch.journals:
        for path in found.images:
            watcher.take(path, State.of(path))
        batch.work_on(found.images, found.left_out)
        while watch:
            time.sleep(LOOK_SECONDS)
            batch.tell(None)
            found = inputs.find()
            new = watcher.look(batch.not_written(found.images))
            batch.work_on(new, batch.not_written(found.left_out))
    return batch.summary()


@dataclass
class Batch:
    """The state of one call of `process_files`."""

    task_of: Callable[[Path], Task]
    workers: int
    dask: str | None
    callback: BatchCallback | None
    started: float = field(default_factory=time.monotonic)
    outcomes: dict[Path, Outcome] = field(default_factory=dict)
    names: dict[str, Path] = field(default_factory=dict)
    journals: ExitStack = field(default_factory=ExitStack)
    folders: set[Path] = field(default_factory=set)
    files: int = 0
    running: int = 0

    def clashes(self, paths: Iterable[Path]) -> list[tuple[Path, Path]]:
        """Pairs of files, among these and earlier ones, whose outputs would have the same name."""

        def corrected(path: Path) -> Path:
            return default_name(path, self.task_of(path).folder, "bgSubtracted")

        return list(clashes(paths, self.names, corrected))

    def not_written(self, paths: Iterable[Path]) -> list[Path]:
        """The files without those that this batch has written, or knows to be finished."""
        written = {
            os.path.realpath(output)
            for outcome in self.outcomes.values()
            if outcome.report
            for output in outcome.report["outputs"].values()
        }
        return [path for path in paths if os.path.realpath(path) not in written]

    def work_on(self, paths: list[Path], left_out: Iterable[Path] = ()) -> None:
        """Process the files until each has an outcome.

        Parameters
        ----------
        left_out : iterable of Path
            Files that are only to be told of, once.
        """
        clashing = {second: first for first, second in self.clashes(paths)}
        self.files = len(self.outcomes.keys() | {*paths, *left_out})
        for path in left_out:
            if path not in self.outcomes:
                self.tell((path, Outcome(path, "left_out")))
        todo = []
        for path in paths:
            task = self.task_of(path)
            if path in clashing:
                self.tell((path, failed(path, same_name(clashing[path], path))))
                continue
            self._open_journal(task.folder)
            if finished := skip(task):
                self.tell((path, finished))
            else:
                todo.append(task)
        if not todo:
            return
        self.tell(None)
        with closing(self._events(todo)) as events:
            for event in events:
                self.tell(event)
        self.running = 0

    def _open_journal(self, folder: Path) -> None:
        if folder not in self.folders:
            self.journals.enter_context(Journal(folder).opened())
            self.folders.add(folder)

    def tell(self, event: Event) -> None:
        """Keep an outcome, and call the callback.

        Raises
        ------
        Cancelled
            If the callback returns False.
        """
        path, what = event or (None, None)
        stage = what if isinstance(what, Progress) else None
        outcome = what if isinstance(what, Outcome) else None
        if outcome and path:
            self.outcomes.pop(path, None)  # so that it moves to the end
            self.outcomes[path] = outcome
        now = BatchProgress(self.files, self.running, path, stage, outcome)
        if self.callback and self.callback(now) is False:
            raise Cancelled("the batch was cancelled; finished files remain finished")

    def summary(self) -> Summary:
        return Summary([*self.outcomes.values()], time.monotonic() - self.started)

    def _events(self, todo: list[Task]) -> Generator[Event]:
        if self.dask:
            return cluster.run(todo, self.dask)
        workers = min(self.workers or workers_for(todo), len(todo))
        self.running = workers
        return pool.run(_shares_of(todo, workers), workers)


def _shares_of(tasks: list[Task], workers: int) -> list[Task]:
    """The tasks of one batch with their shares of the threads and of the memory of all workers."""
    first = tasks[0]
    share = first.with_threads(max(1, first.settings.worker_threads // workers)).settings
    limit = first.max_memory and first.max_memory // workers
    return [replace(task, settings=share, max_memory=limit) for task in tasks]


def hash_of(drawn: Masks, name: str) -> str | None:
    hashes = []
    for path in paths_of(drawn):
        found = content_hash(path)
        if not found:
            raise InputError(f"{path} cannot be read: check the name of the {name}")
        hashes.append(found)
    return " ".join(hashes) or None
