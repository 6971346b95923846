"""The progress of a job: how it is told, how it cancels a job, and the time of each stage."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .errors import Cancelled


@dataclass(frozen=True)
class Progress:
    """The progress of a job.

    Attributes
    ----------
    stage : str
        "read", "prepare", "protect", "fit", "render", "correct", "report" or "write".
    done, total : int
        Units of this stage: fits of the search, iterations of the fit, rows of the image.
    loss : float or None
        The latest loss, during the fit.
    memory : int or None
        The estimated memory that the job needs, in bytes; told once, as soon as it is known.
    """

    stage: str
    done: int
    total: int
    loss: float | None = None
    memory: int | None = None


ProgressCallback = Callable[[Progress], object]
"""Called from the thread that runs the job. Returning False cancels it."""


class Stages:
    """Times the stages of one job and passes its progress on."""

    def __init__(self, callback: ProgressCallback | None) -> None:
        self._callback = callback
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str, total: int = 1) -> Iterator[Callable[..., None]]:
        """Time a stage; the value is a function ``advance(done, loss=None, memory=None)``.

        Raises
        ------
        Cancelled
            From ``advance`` or on entry, if the callback asks for it.
        """

        def advance(done: int, loss: float | None = None, memory: int | None = None) -> None:
            progress = Progress(name, done, total, loss, memory)
            if self._callback and self._callback(progress) is False:
                raise Cancelled(f"cancelled during the stage {name}; nothing was written")

        started = time.perf_counter()
        advance(0)
        yield advance
        self.seconds[name] = self.seconds.get(name, 0) + time.perf_counter() - started
