"""The result of a job on stdout: some lines for people, or a JSON report for programs."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..report.gradient import Gradient
from ..report.report import to_json
from ..words import (
    bends,
    compared_with,
    explained_by_sky,
    format_bytes,
    glows,
    mosaic_of,
    names_of,
    through_samples,
)
from .lines import tell_line

_LABEL_WIDTH = 15

_ENDED = {
    "iterations": "the largest number allowed",
    "converged": "converged",
    "diverged": "diverged",
}


def tell(report: Mapping[str, Any], *, quiet: bool, as_json: bool, events: bool = False) -> None:
    """Print a report of the library on stdout.

    That a frame got worse is told first, on stderr, even with `quiet`; programs find it in the
    report.
    """
    if not (events or as_json):
        for line in report["worse"]:
            tell_line(f"fastbg: warning: {line}")
    if events:
        from .events import emit

        emit("done", report=report)
    elif as_json:
        print_json(report)
    elif not quiet:
        print_rows(_rows(report))


def print_json(report: Mapping[str, Any] | Sequence[Any]) -> None:
    """Print strict JSON, in which numbers that are not finite are null."""
    print(to_json(report))


def print_rows(rows: Iterable[tuple[str, str]]) -> None:
    """Print labelled lines; on a terminal they are wrapped beside the labels."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    width = max(20, console.width - _LABEL_WIDTH) if console.is_terminal else 100_000
    for label, value in rows:
        style = "yellow" if label == "warning" else "dim"
        # File names stay in one piece, to be copied.
        lines = textwrap.wrap(value, width, break_long_words=False, break_on_hyphens=False)
        for number, line in enumerate(lines or [""]):
            head = f"{'' if number else label:<{_LABEL_WIDTH}}"
            console.print(Text.assemble((head, style), line), soft_wrap=True)


def _rows(report: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    yield from report["outputs"].items()
    fit = report.get("fit")
    if fit:
        yield "gradient", str(Gradient.of(report))
    if samples := report.get("samples"):
        used = sum(each["used"] for each in samples)
        yield "samples", through_samples(used, len(samples), report["sky"]["freedom"])
        yield "sky", explained_by_sky(report["sky"]["explained"])
    elif sky := report.get("sky"):
        told = f"{explained_by_sky(sky['explained'])}, which {bends(sky['stiffness'])}"
        yield "sky", told + glows(sky["glow"])
        if "seams" in sky:
            yield "mosaic", mosaic_of(sky["panels"], sky["seams"])
    if protected := report.get("protected"):
        yield "protected", names_of(protected)
    if reference := report.get("reference"):
        yield "reference", f"{reference['file']}: {compared_with(reference)}"
    if opinion := report.get("second_opinion"):
        yield "opinion", _told_opinion(opinion)
    if fit and fit["ended"] in _ENDED:  # without a descent, the loss compares with nothing
        ended = _ENDED[fit["ended"]]
        yield "loss", f"{fit['loss']:.4f} after {fit['iterations']} iterations ({ended})"
    if fitted := report.get("fitted"):
        yield "reduced to", _reduced_to(fitted, report["settings"], "samples" not in report)
    if model := report.get("model"):
        yield "scaled by", "  ".join(f"{factor:.4g}" for factor in model["scale"])
    yield "time", _time(report["seconds"], fit)
    yield "memory", f"{format_bytes(report['peak_memory_bytes'])} at its peak"
    for warning in report["warnings"]:
        yield "warning", warning


def _told_opinion(opinion: Mapping[str, float]) -> str:
    off, uncertainty = opinion["difference"], opinion["uncertainty"]
    if abs(off) <= uncertainty:
        return "a descent agrees with the sky that was found, within the uncertainty, everywhere"
    side = "above" if off > 0 else "below"
    return (
        f"a descent differs most at {100 * opinion['y']:.0f} % of the height and "
        f"{100 * opinion['x']:.0f} % of the width, from the upper left corner: there it lies "
        f"{abs(off):.2g} {side} the sky that was found, {abs(off) / uncertainty:.2g} times the "
        "uncertainty"
    )


def _reduced_to(fitted: Mapping[str, int], settings: Mapping[str, Any], used: bool) -> str:
    height, width, factor = fitted["height"], fitted["width"], settings["downscaling_factor"]
    share = 100 * fitted["usable_pixels"] / (height * width)
    function = settings["downscaling_func"]
    told = f", of which the fit uses {share:.3g} %" if used else ""
    return f"{width} x {height} ({function} of {factor} x {factor}){told}"


def _time(seconds: Mapping[str, float], fit: Mapping[str, Any] | None) -> str:
    total = f"{seconds['total']:.1f} s"
    if not fit:
        return total
    # The search for the sky is a part of the fit for people, and may be all of it.
    spent = seconds.get("protect", 0) + seconds["fit"]
    return f"{total}, of which {spent:.1f} s for the fit ({fit['backend']}: {fit['detail']})"
