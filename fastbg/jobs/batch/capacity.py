"""The number of workers that the cores and the memory of a computer allow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...errors import FastbgError
from ...io.names import default_name, told_format
from ...settings.settings import Settings
from ..source import open_source
from .cgroups import left_by_groups

SHARE = 0.9
"""The part of the available memory that workers may take. The rest is left to this process and to
others."""


def workers_for(
    paths: Iterable[Path], keywords: Mapping[str, Any], settings: Settings, limit: int | None
) -> int:
    """The number of workers whose jobs fit into memory at the same time.

    Parameters
    ----------
    paths : iterable of Path
    keywords, settings
        Arguments of `fastbg.process_file`. ``settings.worker_threads`` is the number of threads of
        all workers together.
    limit : int, optional
        The memory of all workers together, in bytes; by default what is available. A file that
        alone needs more than an explicit limit does not count, since it will be refused.
    """
    paths = list(paths)
    threads = settings.worker_threads
    workers = min(threads, len(paths))
    budget = limit or available_bytes()
    if budget is None or workers < 2:
        return max(1, workers)
    lone = replace(settings, threads=1)
    sizes = [(bytes_needed(path, keywords, lone), path) for path in paths]
    sizes = [each for each in sizes if not (limit and each[0] > limit)]
    if not sizes:
        return 1
    needed, largest = max(sizes)
    while workers > 1 and workers * needed > budget:
        workers = max(1, min(workers - 1, int(budget // needed)))
        # Fewer workers have more threads each, which need more memory.
        each = replace(settings, threads=threads // workers)
        needed = bytes_needed(largest, keywords, each)
    return workers


def bytes_needed(path: Path, keywords: Mapping[str, Any], settings: Settings) -> int:
    """The estimated memory of a job on a file, in bytes; 0 if the file cannot be opened."""
    output = default_name(path, keywords["output_dir"], "bgSubtracted")
    told = told_format(output)
    compress = keywords.get("compress", False) or (told is not None and told[1] == "tiles")
    try:
        with ExitStack() as files:
            source = open_source(path, keywords.get("mask"), settings, files)
            return source.memory_needs(settings, compress=compress).bytes_needed()
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
