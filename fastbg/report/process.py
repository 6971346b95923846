"""The process that a job runs in: the version of fastbg, and the memory that was taken."""

from __future__ import annotations

import sys
from pathlib import Path


def version() -> str:
    """The version of fastbg, or "unknown" where it is not installed."""
    from importlib import metadata

    try:
        return metadata.version("fastbg")
    except metadata.PackageNotFoundError:
        return "unknown"


def peak_memory_bytes() -> int | None:
    """The largest resident size of this process so far."""
    try:
        # Not getrusage: that counts the size of the process which started this one, too.
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return 1024 * int(status.partition("VmHWM:")[2].split()[0])
    except (OSError, LookupError, ValueError):
        pass
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
