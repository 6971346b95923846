"""``--events``: what a job does, as JSON on stdout for the program that started it.

One object a line, in the order in which things happen:

``{"event": "stage", "stage": "fit", "total": 1000}``
    A stage of ``total`` steps begins: read, prepare, protect, fit, render, correct, report or
    write.
``{"event": "memory", "bytes": 308000000}``
    About how much the job will need; once, while it reads.
``{"event": "progress", "stage": "fit", "done": 120, "total": 1000, "loss": -2.17}``
    Steps that are done, about ten times a second at most; ``loss`` in the fit alone, which may end
    early.
``{"event": "done", "report": {...}}``
    The last line where all went well: what ``--json`` prints. The exit code is 0.
``{"event": "error", "message": "...", "exit_code": 2}``
    The last line where not; the same message is on stderr, and that is the exit code. A program
    that stops fastbg by SIGINT or SIGTERM gets 130 or 143 here, and no unfinished file.

``fastbg apply`` works on several files: there, stages, memory and progress name their ``input``, a
file that failed is told by ``{"event": "failed", "input": "...", "message": "..."}``, and the last
line has a list of reports; where files failed it is an error that has ``report``, too.

Keys may be added; numbers that are not finite are null.
"""

from __future__ import annotations

from time import monotonic

from ..errors import Cancelled
from ..progress import Progress
from ..report.report import to_json
from .streams import silence_stdout

PERIOD = 0.1
"""Seconds between two lines of progress, at least."""


def emit(event: str, **content: object) -> None:
    """Print one line.

    Raises
    ------
    Cancelled
        If nobody reads it any more, or it cannot be written.
    """
    try:
        print(to_json({"event": event, **content}, indent=None), flush=True)
    except BrokenPipeError:
        silence_stdout()
        raise Cancelled("stopped, because nobody reads the events any more") from None
    except OSError as error:
        silence_stdout()
        raise Cancelled(f"stopped, because events cannot be written ({error.strerror})") from error


class Stream:
    """A progress callback that emits events, each with the same additional keys."""

    def __init__(self, **keys: object) -> None:
        self._keys = keys
        self._last = 0.0

    def __call__(self, progress: Progress) -> None:
        where = {"stage": progress.stage, "total": progress.total}
        if progress.memory is not None:
            emit("memory", **self._keys, bytes=progress.memory)
        elif progress.done == 0:
            emit("stage", **self._keys, **where)
        elif progress.done == progress.total or monotonic() - self._last >= PERIOD:
            self._last = monotonic()
            loss = {} if progress.loss is None else {"loss": progress.loss}
            emit("progress", **self._keys, **where, done=progress.done, **loss)
