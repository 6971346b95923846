"""The progress of a job as plain lines on stderr."""

from __future__ import annotations

import sys
import time
from contextlib import suppress

from ..progress import Progress
from ..words import format_bytes
from .streams import write_line

LINE_EVERY = 100
"""The number of iterations of the fit between two plain lines."""


class Lines:
    """A progress callback that prints a line for each stage, and in the fit some lines more."""

    def __init__(self) -> None:
        self._last_line = 0.0

    def __call__(self, progress: Progress) -> None:
        now = time.perf_counter()
        if progress.memory is not None:
            tell_line(memory_line(progress.memory))
        elif progress.done == 0:
            tell_line(progress.stage)
        elif progress.stage == "fit" and progress.done % LINE_EVERY == 0:
            rate = LINE_EVERY / (now - self._last_line)
            tell_line(f"fit  {fit_line(progress, rate)}")
        else:
            return
        self._last_line = now


def tell_line(line: str) -> None:
    """Print a line on stderr, which nothing depends on."""
    with suppress(OSError):  # a job does not fail because nobody reads how far it is
        write_line(sys.stderr, line)


def fit_line(progress: Progress, rate: float | None) -> str:
    """The iterations, the loss and, where it is known, the rate of a fit."""
    words = [f"{progress.done}/{progress.total}"]
    if progress.loss is not None:
        words.append(f"loss {progress.loss:.4f}")
    if rate:
        words.append(f"{rate:.0f} it/s")
    return "  ".join(words)


def memory_line(estimate: int) -> str:
    """What a job will need."""
    return f"memory needed: about {format_bytes(estimate)}"
