"""The progress of a job: one live line on a terminal, or plain lines if the output is piped."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from ..progress import Progress, ProgressCallback
from .errors import raise_if_stopped
from .lines import Lines

if TYPE_CHECKING:
    from rich.console import Console


@contextmanager
def display(
    *, quiet: bool, as_json: bool = False, events: bool = False, **keys: object
) -> Iterator[ProgressCallback]:
    """Show the progress of a job; the value is the callback of the job, which a signal makes raise.

    It is on stderr, so that stdout has only the result: a live line on a terminal, or plain lines,
    which are left out beside a JSON report. With ``events``, JSON lines on stdout take the place of
    both, each with some ``keys`` more.
    """
    with ExitStack() as stack:
        show: ProgressCallback | None = None
        if events:
            from .events import Stream

            show = Stream(**keys)
        elif quiet:
            pass
        elif console := _interactive():
            from .live_line import live

            show = stack.enter_context(live(console))
        elif not as_json:
            show = Lines()

        def callback(progress: Progress) -> None:
            raise_if_stopped()
            if show:
                show(progress)

        yield callback


def _interactive() -> Console | None:
    """The terminal that stderr is, if it can show a live line."""
    if not sys.stderr.isatty():
        return None
    from rich.console import Console

    console = Console(stderr=True)
    return console if console.is_interactive else None
