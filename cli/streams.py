"""The streams of this process."""

from __future__ import annotations

import os
import sys


def silence_stdout() -> None:
    """Redirect stdout to nowhere: its reader is gone, and the interpreter flushes it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
