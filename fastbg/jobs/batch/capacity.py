"""How many workers a computer can have: by its cores, and by its memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...errors import FastbgError
from ...io import formats
from ...settings.settings import Settings
from ..outputs import default_name
from ..source import open_source

SHARE = 0.9
"""Of the available memory: the rest is for this process and for what others will want."""


def workers_for(
    paths: Iterable[Path], keywords: Mapping[str, Any], settings: Settings, limit: int | None
) -> int:
    """Workers whose jobs fit into memory together.

    Parameters
    ----------
    paths : iterable of Path
    keywords, settings
        Of `fastbg.process_file`; ``settings.worker_threads`` is the number of all threads together.
    limit : int, optional
        Bytes for all workers together; what is available by default. A file that needs more than
        an explicit limit for itself does not count, since it will be refused.
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
    """The memory that a job on a file is estimated to need, in bytes; 0 where it will fail."""
    output = default_name(path, keywords["output_dir"], "bgSubtracted")
    compress = keywords.get("compress", False) or formats.is_packed(output)
    try:
        with ExitStack() as files:
            source = open_source(path, keywords.get("mask"), settings, files)
            return source.memory_needs(settings, compress=compress).bytes_needed()
    except FastbgError:
        return 0


def available_bytes(root: Path = Path("/")) -> int | None:
    """Memory that this process and its children may still take; None where nobody tells.

    The smallest of what the system has available and of what the control groups of this process
    leave; file caches count as available.
    """
    left = [*_available(root), *_left_by_groups(root)]
    return int(SHARE * max(0, min(left))) if left else None


def _available(root: Path) -> Iterable[int]:
    fields = _fields(root / "proc/meminfo")
    if "MemAvailable:" in fields:
        yield 1024 * fields["MemAvailable:"]


def _left_by_groups(root: Path) -> Iterable[int]:
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if controllers == "":
            top, limit, usage, cache = "", "memory.max", "memory.current", "inactive_file"
        elif controllers == "memory":
            top, limit = "memory", "memory.limit_in_bytes"
            usage, cache = "memory.usage_in_bytes", "total_inactive_file"
        else:
            continue
        base = root / "sys/fs/cgroup" / top
        folder = base / group.lstrip("/")
        for each in (folder, *folder.parents):
            allowed, used = _number(each / limit), _number(each / usage)
            if allowed is not None and used is not None:
                yield allowed - used + _fields(each / "memory.stat").get(cache, 0)
            if each == base:
                break


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):  # "max" among them
        return None


def _fields(file: Path) -> dict[str, int]:
    """Lines of a name and a number."""
    found = {}
    try:
        for line in file.read_text(encoding="ascii").splitlines():
            name, value, *_ = line.split()
            found[name] = int(value)
    except (OSError, ValueError):
        pass
    return found
