"""Any number of files: found, skipped where they are finished, and worked on side by side.

`inputs` finds them, `journal` knows what is finished, `tasks` is the work on one of them, `pool`
and `cluster` are where that runs, `capacity` says on how many workers, and `watch` waits for more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ...backends.registry import choose
from ...errors import Cancelled, InputError, SettingsError
from ...progress import Progress
from ...settings.settings import Settings
from ..source import Masks, paths_of
from . import cluster, inputs, pool
from .capacity import workers_for
from .journal import Journal, State, content_hash
from .pool import Event
from .tasks import Outcome as Outcome
from .tasks import Task, failed, key_of, skip
from .watch import Watch

LOOK_SECONDS = 1.0
"""Between two looks for new files."""


@dataclass(frozen=True)
class BatchProgress:
    """Where a batch is.

    Attributes
    ----------
    files : int
        How many there are, as far as is known.
    workers : int
        Processes that work on them; 0 before they start, while waiting for new files, and on a
        cluster.
    path : Path or None
        The file that this is about.
    stage : Progress or None
        Where its job is; not told by a cluster.
    outcome : Outcome or None
        How it ended.
    """

    files: int
    workers: int
    path: Path | None = None
    stage: Progress | None = None
    outcome: Outcome | None = None


@dataclass(frozen=True)
class Summary:
    """What became of the files of a batch.

    Attributes
    ----------
    outcomes : list of Outcome
        In the order in which they ended; of a file that was tried again, the last.
    seconds : float
    """

    outcomes: list[Outcome]
    seconds: float

    def with_status(self, status: str) -> list[Outcome]:
        """Those that are "done", "skipped" or "failed"."""
        return [outcome for outcome in self.outcomes if outcome.status == status]


BatchCallback = Callable[[BatchProgress], object]
"""Called from the thread that runs the batch, at least every second. False cancels it."""


def process_files(
    paths: str | Path | Iterable[str | Path],
    *,
    output_dir: str | Path = ".",
    mask: Masks = None,
    compress: bool = False,
    overwrite: bool = False,
    max_memory: int | None = None,
    workers: int = 0,
    watch: bool = False,
    dask: str | None = None,
    settings: Settings | None = None,
    progress: BatchCallback | None = None,
    **options: Any,
) -> Summary:
    """Take the background out of many files, in several processes.

    Outputs are those of `process_file`, bit for bit. What fails is named in the summary, and the
    rest is done. A file that was finished before, from the same content, with the same settings,
    mask and version of fastbg, is skipped: ``.fastbg-batch`` in the output folder keeps the
    record, however the batch ended.

    Processes import the main module of the program: a script calls this under
    ``if __name__ == "__main__":``.

    Parameters
    ----------
    paths : path, str or iterable of them
        Files, folders (the images in them) and patterns of `glob`, ``**`` too. Outputs of fastbg
        in the output folder are left out.
    output_dir : path
        Created if it does not exist.
    mask, compress
        As for `process_file`, for all files.
    overwrite : bool
        Do all files, also the finished ones, and replace their outputs. Without it, an output is
        replaced only if the journal tells that it was made from the same file, which has changed
        since, or with other settings.
    max_memory : int, optional
        Bytes for all workers together, instead of what is available. A file whose job needs more
        than the share of a worker is refused.
    workers : int
        0 = as many as there are cores, and as fit into memory.
    watch : bool
        Then wait for new and changed files, until ``progress`` returns False.
    dask : str, optional
        Address of a Dask scheduler that runs the tasks instead, one thread each unless
        ``settings`` say otherwise. Its workers must see the files under the same absolute names.
    settings, **options
        As for `remove_background`; ``threads`` are those of all workers together.
    progress : callable, optional
        Called with a `BatchProgress`; returning False cancels the batch.

    Raises
    ------
    InputError
        If a pattern matches nothing, the mask cannot be read, or two files have the same name and
        would have the same outputs; nothing was done.
    SettingsError, OutputError, BackendError
        If nothing can be done at all.
    Cancelled
        If ``progress`` returned False; what was finished stays so.
    """
    settings = replace(settings or Settings(), **options)
    if workers < 0:
        raise SettingsError(f"the number of workers must be at least 0, not {workers}")
    if dask and workers:
        raise SettingsError("a cluster has its own workers: leave their number out")
    if not dask:
        choose(settings.backend)
    folder = Path(output_dir)
    journal = Journal(folder)
    given = [paths] if isinstance(paths, str | Path) else list(paths)

    def find() -> list[Path]:
        return inputs.find(given, folder, journal.outputs, wait=watch)

    batch = _Batch(
        folder=folder,
        keywords={"mask": mask, "compress": compress},
        key=key_of(settings, _mask_hash(mask), compress=compress),
        settings=settings,
        overwrite=overwrite,
        max_memory=max_memory,
        workers=workers,
        dask=dask,
        callback=progress,
    )
    files = find()
    for first, second in batch.clashes(files):
        raise InputError(_same_name(first, second))
    watcher = Watch(find)
    with journal.opened():
        for path in files:
            watcher.take(path, State.of(path))
        batch.work_on(files)
        while watch:
            time.sleep(LOOK_SECONDS)
            batch.tell(None)
            batch.work_on(watcher.look())
    return batch.summary()


@dataclass
class _Batch:
    """What one call of `process_files` knows and has done."""

    folder: Path
    keywords: dict[str, Any]
    key: dict[str, Any]
    settings: Settings
    overwrite: bool
    max_memory: int | None
    workers: int
    dask: str | None
    callback: BatchCallback | None
    started: float = field(default_factory=time.monotonic)
    outcomes: dict[Path, Outcome] = field(default_factory=dict)
    names: dict[str, Path] = field(default_factory=dict)
    files: int = 0
    running: int = 0

    def clashes(self, paths: Iterable[Path]) -> list[tuple[Path, Path]]:
        """Pairs of files, among these and those before, whose outputs would have one name."""
        return list(inputs.clashes(paths, self.names))

    def work_on(self, paths: list[Path]) -> None:
        """Bring every file to an outcome."""
        clashing = {second: first for first, second in self.clashes(paths)}
        self.files = len(self.outcomes.keys() | {*paths})
        todo = []
        for path in paths:
            task = Task(path, self.folder, self.keywords, self.key, self.overwrite)
            if path in clashing:
                self.tell((path, failed(path, _same_name(clashing[path], path))))
            elif finished := skip(task):
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

    def tell(self, event: Event) -> None:
        """Keep an outcome, and call the callback.

        Raises
        ------
        Cancelled
            If it asks for that.
        """
        path, what = event or (None, None)
        stage = what if isinstance(what, Progress) else None
        outcome = what if isinstance(what, Outcome) else None
        if outcome and path:
            self.outcomes.pop(path, None)  # to the end
            self.outcomes[path] = outcome
        now = BatchProgress(self.files, self.running, path, stage, outcome)
        if self.callback and self.callback(now) is False:
            raise Cancelled("the batch was cancelled; what is finished stays so")

    def summary(self) -> Summary:
        return Summary([*self.outcomes.values()], time.monotonic() - self.started)

    def _events(self, todo: list[Task]) -> Generator[Event]:
        settings, limit = self.settings, self.max_memory
        if self.dask:
            return cluster.run(_with(todo, settings=settings, max_memory=limit), self.dask)
        keywords = {**self.keywords, "output_dir": self.folder}
        paths = [task.path for task in todo]
        workers = self.workers or workers_for(paths, keywords, settings, limit)
        self.running = workers = min(workers, len(todo))
        settings = replace(settings, threads=max(1, settings.worker_threads // workers))
        limit = limit and limit // workers
        return pool.run(_with(todo, settings=settings, max_memory=limit), workers)


def _with(tasks: list[Task], **keywords: Any) -> list[Task]:
    return [replace(task, keywords={**task.keywords, **keywords}) for task in tasks]


def _same_name(first: Path, second: Path) -> str:
    return f"{second} and {first} would have outputs of the same name: give each its own folder"


def _mask_hash(masks: Masks) -> str | None:
    hashes = []
    for mask in paths_of(masks):
        found = content_hash(mask)
        if not found:
            raise InputError(f"{mask} cannot be read: check the name of the mask")
        hashes.append(found)
    return " ".join(hashes) or None
