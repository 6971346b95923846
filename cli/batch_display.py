"""The progress of a batch while it runs, and a summary of its files at the end."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from ..errors import FastbgError
from ..report.alike import alike
from ..report.gradient import Gradient
from .errors import DOUBTFUL, REFUSED, raise_if_stopped, refused, worded
from .streams import write_line
from .summary import print_json, print_rows

if TYPE_CHECKING:
    from ..jobs.batch import BatchProgress, Outcome
    from ..progress import Progress as Stage

NAME_WIDTH = 36
"""The largest number of characters of a file name in the live lines and in the table."""


class BatchDisplay:
    """The progress callback of a batch; as a context manager, it prints a summary at its end.

    On a terminal, live lines on stderr show the progress; otherwise each finished file gets a line
    on stdout. A failure is printed on stderr when it happens.
    """

    def __init__(self, *, quiet: bool, as_json: bool, watch: bool, summary: bool = True) -> None:
        console = Console(stderr=True)
        interactive = sys.stderr.isatty() and console.is_interactive
        self._quiet, self._as_json, self._summary = quiet, as_json, summary
        self._live = _LiveLines(console, watch) if interactive and not quiet else None
        self._outcomes: dict[Path, Outcome] = {}
        self._started = time.monotonic()
        self._stack = ExitStack()

    @property
    def exit_code(self) -> int:
        """That of the command: whether a file failed, or else whether one is doubtful."""
        statuses = {outcome.status for outcome in self._outcomes.values()}
        return REFUSED if "failed" in statuses else DOUBTFUL if "doubtful" in statuses else 0

    def __enter__(self) -> BatchDisplay:
        if self._live:
            self._stack.enter_context(self._live)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()
        if not self._summary or (error and not self._outcomes):
            return
        if self._as_json:
            print_json(_plain(self._outcomes.values()))
        elif not self._quiet:
            self._print_summary()

    def __call__(self, progress: BatchProgress) -> None:
        """Show the latest progress, and keep the outcome of a file."""
        raise_if_stopped()
        outcome = progress.outcome
        if outcome and outcome.error:
            outcome = replace(outcome, error=worded(outcome.error))
        if outcome:
            self._outcomes.pop(outcome.path, None)
            self._outcomes[outcome.path] = outcome
            for line in () if self._as_json and not outcome.error else _loud(outcome):
                self._tell_failure(line)
        if self._live:
            self._live.show(progress, Counter(each.status for each in self._outcomes.values()))
        elif outcome and not self._quiet and not self._as_json:
            told = f"{len(self._outcomes)}/{progress.files}  {_line(outcome)}"
            write_line(sys.stdout, told)

    def _tell_failure(self, text: str) -> None:
        if self._live:
            self._live.print_above(f"fastbg: {text}")
        else:
            refused(FastbgError(text))

    def _print_summary(self) -> None:
        console = Console(highlight=False)
        outcomes = self._outcomes.values()
        print_rows(("warning", text) for text in warnings_of(outcomes))
        if (self._live or console.is_terminal) and any(
            o.status in ("done", "doubtful", "failed") for o in outcomes
        ):
            console.print(_table(outcomes))
        took = _duration(time.monotonic() - self._started)
        console.print(f"{_counts(Counter(outcome.status for outcome in outcomes))}, in {took}")


class _LiveLines:
    """A bar for the whole batch, and a line for each file that a worker processes."""

    def __init__(self, console: Console, watch: bool) -> None:
        self._console, self._watch = console, watch
        self._all = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("[cyan]left"),
            TextColumn("{task.fields[counts]}"),
            console=console,
        )
        self._files = Progress(
            TextColumn("  {task.description}"),
            BarColumn(bar_width=12),
            TextColumn("{task.fields[stage]}"),
            console=console,
        )
        self._lines: dict[Path, TaskID] = {}
        self._whole = self._all.add_task("", total=1, counts="")
        self._live = Live(Group(self._all, self._files), console=console, transient=True)

    def __enter__(self) -> None:
        self._live.start()

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, progress: BatchProgress, statuses: Counter[str]) -> None:
        """Update the lines."""
        if progress.path and progress.stage:
            self._show_file(progress.path, progress.stage)
        if progress.path and progress.outcome and progress.path in self._lines:
            self._files.remove_task(self._lines.pop(progress.path))
        done = sum(statuses.values())
        bad = ("doubtful", "failed")
        counts = [f"[red]{statuses[each]} {each}" for each in bad if statuses[each]]
        counts += [f"{progress.workers} workers"] if progress.workers > 1 else []
        waiting = self._watch and done == progress.files
        self._all.update(
            self._whole,
            total=progress.files,
            completed=done,
            description="waiting for new files; Ctrl-C ends" if waiting else "",
            counts="  ".join(counts),
        )

    def print_above(self, text: str) -> None:
        """Print a line above the live lines, where it stays."""
        self._console.print(Text(text), soft_wrap=True)

    def _show_file(self, path: Path, stage: Stage) -> None:
        if path not in self._lines:
            self._lines[path] = self._files.add_task(_short(path), total=None, stage="")
        # The share that is done is unknown in a stage of one step: its bar only moves.
        total = stage.total if stage.total > 1 else None
        loss = f"  loss {stage.loss:.4f}" if stage.loss is not None else ""
        self._files.update(
            self._lines[path], total=total, completed=stage.done, stage=f"{stage.stage}{loss}"
        )


def _plain(outcomes: Iterable[Outcome]) -> dict[str, list[Any]]:
    """The outcomes for JSON: the reports, or else the names and the errors."""
    statuses = ("done", "skipped", "left_out", "doubtful", "failed")
    found: dict[str, list[Any]] = {status: [] for status in statuses}
    for outcome in outcomes:
        cause = {"error": outcome.error} if outcome.error else {}
        found[outcome.status].append(outcome.report or {"input": str(outcome.path), **cause})
    return found


def _loud(outcome: Outcome) -> Iterator[str]:
    """What is told of a file as soon as it is known: its error, or that it got worse."""
    if outcome.error:
        yield outcome.error
    elif outcome.status == "done" and outcome.report:
        yield from (f"{outcome.path}: warning: {line}" for line in outcome.report["worse"])


def _counts(statuses: Counter[str]) -> str:
    words = [f"{statuses['done']} done"]
    if statuses["skipped"]:
        words.append(f"{statuses['skipped']} finished before")
    if statuses["left_out"]:
        words.append(f"{statuses['left_out']} left out (written by fastbg; see --again)")
    if statuses["doubtful"]:
        words.append(f"{statuses['doubtful']} doubtful and not written")
    if statuses["failed"]:
        words.append(f"{statuses['failed']} failed")
    return ", ".join(words)


def _line(outcome: Outcome) -> str:
    words = [f"{outcome.status.replace('_', ' '):<8}", str(outcome.path)]
    if outcome.report and outcome.status == "done":
        removed, seconds, warnings = _figures(outcome.report)
        words += [removed and f"gradient taken out: {removed}", f"{seconds} s", warnings]
    return "  ".join(filter(None, words))


def _table(outcomes: Iterable[Outcome]) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 2, 0, 0),
        header_style="dim",
        border_style="dim",
    )
    table.add_column("file", no_wrap=True, max_width=NAME_WIDTH)
    table.add_column("gradient taken out", justify="right", no_wrap=True)
    table.add_column("seconds", justify="right", no_wrap=True)
    table.add_column("")
    # Failures are last, next to the prompt, where they are seen.
    ordered = sorted(outcomes, key=lambda each: (bool(each.error), each.path))
    names = _names(outcome.path for outcome in ordered)
    for outcome in ordered:
        name = Text(names[outcome.path])
        if outcome.status == "done" and outcome.report:
            removed, seconds, warnings = _figures(outcome.report)
            table.add_row(name, removed, seconds, Text(warnings, style="yellow"))
        elif outcome.error:
            # The first column has the name already.
            text = outcome.error.removeprefix(str(outcome.path)).lstrip(": ")
            table.add_row(name, "", "", Text(text, style="red"))
    return table


def _figures(report: Mapping[str, Any]) -> tuple[str, str, str]:
    count = len(report["warnings"])
    warnings = f"{count} warning{'s' if count > 1 else ''}" if count else ""
    if report["worse"]:
        warnings = f"GOT WORSE, {warnings}"
    # A model that was fitted elsewhere has no diagnostics.
    share = Gradient.of(report).share if "diagnostics" in report else ""
    return share, f"{report['seconds']['total']:.1f}", warnings


def warnings_of(outcomes: Iterable[Outcome]) -> Iterable[str]:
    """The warnings of the files that are done, one line for all that differ only in numbers."""
    done = [each for each in outcomes if each.status == "done" and each.report]
    names = _names(outcome.path for outcome in done)
    ordered = sorted(done, key=lambda each: each.path)
    return alike([(names[each.path], (each.report or {})["warnings"]) for each in ordered], "files")


def _names(paths: Iterable[Path]) -> dict[Path, str]:
    """Short names of files; those of the same name have as many folders as tell them apart."""
    alike: dict[str, list[Path]] = {}
    for path in paths:
        alike.setdefault(path.name, []).append(path)
    return {path: name for each in alike.values() for path, name in _apart(each)}


def _apart(paths: list[Path]) -> Iterator[tuple[Path, str]]:
    folders = [path.parent.parts[::-1] for path in paths]  # the nearest one first
    depth = 0
    while len({each[:depth] for each in folders}) < len(set(folders)):
        depth += 1
    for path, each in zip(paths, folders, strict=True):
        yield path, str(Path(*each[:depth][::-1], _short(path)))


def _short(path: Path) -> str:
    # Both ends are kept: the number of a frame is at one of them, and its object at the other.
    name, half = path.name, NAME_WIDTH // 2
    return name if len(name) <= NAME_WIDTH else f"{name[: half - 1]}…{name[-half:]}"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"
