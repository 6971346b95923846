"""Processes that print JSON, and the memory that a call takes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastbg.report.process import peak_memory_bytes


def report_of(*arguments: str, python: str = sys.executable, **options: Any) -> dict[str, Any]:
    """The JSON object at the end of the output of a Python process.

    With ``-P`` the process imports the installed module, not one in this folder.

    Raises
    ------
    RuntimeError
        If the process fails; the message is the last line that it printed.
    """
    done = subprocess.run([python, *arguments], capture_output=True, text=True, **options)
    if done.returncode:
        said = done.stderr.strip() or f"exit code {done.returncode}"
        raise RuntimeError(f"{Path(arguments[0]).name}: {said.splitlines()[-1]}")
    report: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{") :])
    return report


def memory_added(function: Callable[..., object], *arguments: object) -> int | None:
    """The largest rise of the resident size of this process during a call, in bytes; Linux only."""
    try:
        # Writing 5 resets the peak.
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return None
    before = peak_memory_bytes()
    function(*arguments)
    after = peak_memory_bytes()
    return None if before is None or after is None else after - before
