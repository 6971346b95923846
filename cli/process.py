"""The end of a process that has nothing left to do."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress


def run_and_end(main: Callable[[], None]) -> None:
    """Run a command line that raises SystemExit, and end this process with its code.

    Python would take all modules apart first, which takes 20 ms and changes nothing: files are
    closed and flushed by those who opened them. What is registered for the end is called, and
    where a thread still runs, or a stream cannot be flushed, Python ends the process as usual.
    """
    try:
        main()
    except SystemExit as end:
        if not isinstance(end.code, int) or threading.active_count() > 1:
            raise
        atexit._run_exitfuncs()
        with suppress(OSError, ValueError):  # Python tells of a stream that is full or closed
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            os._exit(end.code)
        raise
