"""The number of workers that the cores and the memory of a computer allow."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace

from ...errors import FastbgError
from ...io.names import default_name, told_format
from ..source import open_source
from .cgroups import left_by_groups
from .tasks import Task

SHARE = 0.9
"""The part of the available memory that workers may take. The rest is left to this process and to
others."""


def workers_for(tasks: Sequence[Task]) -> int:
    """The number of workers whose jobs fit into memory at the same time.

    Parameters
    ----------
    tasks : sequence of Task, of one batch
        Their settings have the threads of all workers together, and their ``max_memory`` is that
        of all workers; by default it is the memory that is available. A file that alone needs more
        than an explicit limit does not count, since it will be refused.
    """
    threads, limit = tasks[0].settings.worker_threads, tasks[0].max_memory
    workers = min(threads, len(tasks))
    budget = limit or available_bytes()
    if budget is None or workers < 2:
        return max(1, workers)
    # All have the same settings, and making others takes a third of the time that a file takes.
    alone = tasks[0].with_threads(1).settings
    sizes = [bytes_needed(replace(task, settings=alone)) for task in tasks]
    counting = [number for number, size in enumerate(sizes) if not (limit and size > limit)]
    if not counting:
        return 1
    largest = max(counting, key=sizes.__getitem__)
    needed = sizes[largest]
    while workers > 1 and workers * needed > budget:
        workers = max(1, min(workers - 1, int(budget // needed)))
        # Fewer workers have more threads each, which need more memory.
        needed = bytes_needed(tasks[largest].with_threads(threads // workers))
    return workers


def bytes_needed(task: Task) -> int:
    """The estimated memory of the job on a file, in bytes; 0 if the file cannot be opened."""
    told = told_format(default_name(task.path, task.folder, "bgSubtracted"))
    in_tiles = told is not None and told[1] == "tiles"
    compress = task.compress or in_tiles
    try:
        with ExitStack() as files:
            source = open_source(task.path, task.masks, task.sky, task.settings, files)
            return source.memory_needs(
                task.settings, compress=compress, in_tiles=in_tiles
            ).bytes_needed()
    except FastbgError:
        return 0


def available_bytes() -> int | None:
    """The memory that this process and its children may still take, in bytes; None if unknown.

    This is `SHARE` of the smallest of two amounts: what the system has available, and what the
    control groups of this process leave. File caches count as available.
    """
    import psutil

    left = [*left_by_groups()]
    with suppress(OSError, RuntimeError):  # Linux without /proc
        left.append(psutil.virtual_memory().available)
    return int(SHARE * max(0, min(left))) if left else None
