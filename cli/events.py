"""``--events``: the progress of a job as JSON on stdout, for the program that started it.

Each line is one object. The lines come in the order of the events:

``{"event": "stage", "stage": "fit", "total": 1000}``
    A stage begins, which has so many steps. The stages are, in this order: read, prepare, protect,
    fit, render, correct, report and write. A job has only those that it needs: protect is the
    search for the sky, and report is there with ``--report``.
``{"event": "memory", "bytes": 308000000}``
    The estimated memory of the job; once, in the stage read.
``{"event": "progress", "stage": "fit", "done": 120, "total": 1000, "loss": -2.17}``
    So many steps of the stage are done; at most about ten lines a second. Only a descent has a
    ``loss``. The stages protect and fit may end before all of their steps are done.
``{"event": "done", "report": {...}}``
    The last line of a job that succeeded, with the report that ``--json`` prints. The exit code
    is 0.
``{"event": "error", "message": "...", "exit_code": 2}``
    The last line of a job that failed, with its exit code and the message, which is on stderr, too.
    With ``--strict``, a job with doubts has the exit code 3.
    A job that SIGINT or SIGTERM stops has the exit code 130 or 143, and leaves no unfinished file.

``fastbg apply`` works on several files. Its lines about stages, memory and progress have a key
``input``; a file that failed gives ``{"event": "failed", "input": "...", "message": "..."}``; one
that fastbg wrote and that is left out gives ``{"event": "left_out", "input": "..."}``; and
``report`` in the last line is a list of reports, which is there also if the last line is an error.

Keys may be added. Numbers that are not finite are null.
"""

from __future__ import annotations

import sys
from time import monotonic

from ..errors import Cancelled
from ..progress import Progress
from ..report.report import to_json
from .streams import silence_stdout, write_line

PERIOD = 0.1
"""The shortest time between two lines of progress, in seconds."""


def emit(event: str, **content: object) -> None:
    """Print one line.

    Raises
    ------
    Cancelled
        If nobody reads the line, or it cannot be written.
    """
    try:
        write_line(sys.stdout, to_json({"event": event, **content}, indent=None))
    except BrokenPipeError:
        silence_stdout()
        raise Cancelled("stopped, because nobody reads the events any more") from None
    except OSError as error:
        silence_stdout()
        raise Cancelled(f"stopped, because events cannot be written ({error.strerror})") from error


class Stream:
    """A progress callback that prints events, each with some keys of its own."""

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
