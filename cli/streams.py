"""The streams of this process, which may be missing: services, GUIs and ``>&-`` close them."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from typing import TextIO


def open_missing() -> None:
    """Let the streams that this process was started without lead nowhere.

    Where a descriptor is missing, the next file that is opened would get its number, and what is
    printed would be written into that file. Called before any other file is opened.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        mode = "w" if number else "r"
        if not _is_usable(getattr(sys, name), mode):
            stream = open(os.devnull, mode, encoding="utf-8")  # noqa: SIM115
            if stream.fileno() == number:  # it took the place of a standard stream
                os.set_inheritable(number, True)
            setattr(sys, name, stream)


def write_line(stream: TextIO, line: str) -> None:
    """Write a line at once, as `print` does not: a signal may not come between it and its end.

    What is written next, such as the line about the signal, would continue it.
    """
    stream.write(f"{line}\n")
    stream.flush()


def silence_stdout() -> None:
    """Redirect stdout to nowhere: its reader is gone, and the interpreter flushes it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _is_usable(stream: TextIO | None, mode: str) -> bool:
    if stream is None or stream.closed:
        return False
    with suppress(AttributeError, ValueError):  # a stream of a program, without a descriptor
        try:
            number = stream.fileno()
            if mode == "w":
                os.write(number, b"")  # refused where the descriptor is closed, or only to be read
            else:
                os.fstat(number)
        except OSError as error:
            return error.errno != errno.EBADF
    return True
