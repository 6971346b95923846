"""The progress of a job: one live line on a terminal, or plain lines if the output is piped."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.text import Text

from ..progress import Progress, ProgressCallback
from ..words import format_bytes
from .errors import raise_if_stopped

LINE_EVERY = 100
"""The number of iterations of the fit between two plain lines."""


@contextmanager
def display(
    *, quiet: bool, as_json: bool = False, events: bool = False, **keys: object
) -> Iterator[ProgressCallback]:
    """Show the progress of a job; the value is the callback of the job, which a signal makes raise.

    It is on stderr, so that stdout has only the result: a live line on a terminal, or plain lines,
    which are left out beside a JSON report. With ``events``, JSON lines on stdout take the place of
    both, each with some ``keys`` more.
    """
    console = Console(stderr=True)
    with ExitStack() as stack:
        show: ProgressCallback | None = None
        if events:
            from .events import Stream

            show = Stream(**keys)
        elif quiet:
            pass
        elif sys.stderr.isatty() and console.is_interactive:
            show = stack.enter_context(_live(console))
        elif not as_json:
            show = _Lines()

        def callback(progress: Progress) -> None:
            raise_if_stopped()
            if show:
                show(progress)

        yield callback


def _fit_line(progress: Progress, rate: float | None) -> str:
    words = [f"{progress.done}/{progress.total}"]
    if progress.loss is not None:
        words.append(f"loss {progress.loss:.4f}")
    if rate:
        words.append(f"{rate:.0f} it/s")
    return "  ".join(words)


def _memory_line(estimate: int) -> str:
    return f"memory needed: about {format_bytes(estimate)}"


@contextmanager
def _live(console: Console) -> Iterator[ProgressCallback]:
    bar = Bar(
        TextColumn("{task.description:<8}"),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        _FitColumn(),
        console=console,
        transient=True,
    )
    with bar:
        task = bar.add_task("", total=None, progress=None)

        def show(progress: Progress) -> None:
            if progress.memory is not None:
                console.print(_memory_line(progress.memory), highlight=False)
            elif progress.done == 0:
                # The share that is done is unknown in a stage of one step: its bar only moves.
                total = progress.total if progress.total > 1 else None
                bar.reset(task, total=total, description=progress.stage, progress=progress)
            else:
                bar.update(task, completed=progress.done, progress=progress)

        yield show


class _FitColumn(ProgressColumn):
    """The iterations, the loss and their rate during the fit; empty in other stages."""

    def render(self, task: Task) -> Text:
        progress = task.fields["progress"]
        if progress is None or progress.stage != "fit":
            return Text()
        return Text(_fit_line(progress, task.speed))


def tell_line(line: str) -> None:
    """Print a line on stderr, which nothing depends on."""
    with suppress(OSError):  # a job does not fail because nobody reads how far it is
        sys.stderr.write(f"{line}\n")  # at once: a signal may not come between its parts
        sys.stderr.flush()


class _Lines:
    """A progress callback that prints a line for each stage, and in the fit some lines more."""

    def __init__(self) -> None:
        self._last_line = 0.0

    def __call__(self, progress: Progress) -> None:
        now = time.perf_counter()
        if progress.memory is not None:
            tell_line(_memory_line(progress.memory))
        elif progress.done == 0:
            tell_line(progress.stage)
        elif progress.stage == "fit" and progress.done % LINE_EVERY == 0:
            rate = LINE_EVERY / (now - self._last_line)
            tell_line(f"fit  {_fit_line(progress, rate)}")
        else:
            return
        self._last_line = now
