"""What a finished job tells: a few lines for people, or one JSON report for programs."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from ..report.gradient import Gradient
from ..report.report import to_json

_LABEL_WIDTH = 15

_ENDED = {
    "iterations": "the most allowed",
    "converged": "the loss no longer fell",
    "diverged": "the descent diverged",
}


def tell(report: Mapping[str, Any], *, quiet: bool, as_json: bool, events: bool = False) -> None:
    """Print a report of the library on stdout."""
    if events:
        from .events import emit

        emit("done", report=report)
    elif as_json:
        print_json(report)
    elif not quiet:
        print_rows(_rows(report))


def print_json(report: Mapping[str, Any] | Sequence[Any]) -> None:
    """Print strict JSON: what is not a finite number is null."""
    print(to_json(report))


def print_rows(rows: Iterable[tuple[str, str]]) -> None:
    """Print labelled lines, wrapped on a terminal only."""
    console = Console(highlight=False)
    width = max(20, console.width - _LABEL_WIDTH) if console.is_terminal else 100_000
    for label, value in rows:
        # File names stay in one piece, to be copied.
        lines = textwrap.wrap(value, width, break_long_words=False, break_on_hyphens=False)
        for number, line in enumerate(lines or [""]):
            head = Text(
                f"{'' if number else label:<{_LABEL_WIDTH}}",
                style="yellow" if label == "warning" else "dim",
            )
            console.print(head + line, soft_wrap=True)


def _rows(report: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    from ..words import format_bytes

    yield from report["outputs"].items()
    seconds = report["seconds"]
    if fitted := report.get("fitted"):
        pixels = fitted["height"] * fitted["width"]
        share = 100 * fitted["usable_pixels"] / pixels
        yield "fitted at", f"{fitted['width']} x {fitted['height']} pixels, {share:.4g} % usable"
    if model := report.get("model"):
        yield "scaled by", "  ".join(f"{factor:.4g}" for factor in model["scale"])
    took = f"{seconds['total']:.1f} s"
    if fit := report.get("fit"):
        if fit["ended"] == "chosen":
            explained = f"{report['sky']['explained']:.0%} of the frame on a smooth surface"
            yield "sky", f"{explained}, stiffness {report['sky']['stiffness']:.0e}"
            yield "loss", f"{fit['loss']:.4f}"
        else:
            ended = _ENDED[fit["ended"]]
            yield "loss", f"{fit['loss']:.4f} after {fit['iterations']} iterations ({ended})"
        yield "gradient", str(Gradient.of(report["diagnostics"]))
        took += f", {seconds['fit']:.1f} s of it the fit ({fit['backend']}: {fit['detail']})"
    yield "time", took
    yield "memory", f"{format_bytes(report['peak_memory_bytes'])} at its peak"
    for warning in report["warnings"]:
        yield "warning", warning
