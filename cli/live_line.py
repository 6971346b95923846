"""The progress of a job as one live line on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.text import Text

from ..progress import Progress, ProgressCallback
from .lines import fit_line, memory_line


@contextmanager
def live(console: Console) -> Iterator[ProgressCallback]:
    """A progress callback that updates the line."""
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
                console.print(memory_line(progress.memory), highlight=False)
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
        return Text(fit_line(progress, task.speed))
