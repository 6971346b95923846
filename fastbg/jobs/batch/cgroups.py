"""The memory that the control groups of this process leave (Linux, cgroups(7))."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def left_by_groups(root: Path = Path("/")) -> Iterable[int]:
    """The memory that each group with a limit leaves, in bytes; file caches count as free.

    Parameters
    ----------
    root : Path
        The folder that contains ``proc`` and ``sys``.
    """
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
    except (OSError, ValueError):  # "max" means no limit
        return None


def _fields(file: Path) -> dict[str, int]:
    """The numbers in a file whose lines are a name and a number."""
    found = {}
    try:
        for line in file.read_text(encoding="ascii").splitlines():
            name, value, *_ = line.split()
            found[name] = int(value)
    except (OSError, ValueError):
        pass
    return found
