"""The numbers of a report: what matters at the top, and everything else in tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from ...jobs.memory import format_bytes
from ...settings.settings import Settings
from . import words
from .markup import Markup, element
from .noise import Noise

Report = Mapping[str, Any]

ENDED = {
    "iterations": "all that were allowed",
    "converged": "until it no longer fell",
    "diverged": "then the descent diverged",
}
"""Why a descent ended."""


def cards(report: Report, noise: Noise) -> Markup:
    """The few numbers to read first."""
    fit, fitted, seconds = report["fit"], report["fitted"], report["seconds"]
    diagnostics = report["diagnostics"]
    before, after, uncertainty = (
        np.mean(each)
        for each in (
            diagnostics["gradient_before"],
            diagnostics["gradient_after"],
            diagnostics["uncertainty"]["median"],
        )
    )
    usable = fitted["usable_pixels"] / (fitted["width"] * fitted["height"])
    shown = [
        (
            words.percent(max(0, 1 - after / before) if before else 1),
            "of the gradient taken out",
            f"its deviation fell from {words.number(before, 2)} to {words.number(after, 2)}, "
            f"linear; the model is sure to {words.number(uncertainty, 2)}",
        ),
        _quality(report),
        (
            words.number(_median(noise.mean), 3),
            "background RMS",
            "median box of the corrected image, linear",
        ),
        (
            words.percent(usable),
            "of the fit is sky",
            f"{fitted['width']} {words.TIMES} {fitted['height']} pixels, "
            f"{fit['control_points']} control points",
        ),
        (
            f"{seconds['total']:.1f} s",
            "time",
            f"{seconds['fit']:.1f} s of it the fit ({fit['backend']}: {fit['detail']})",
        ),
        (
            format_bytes(report["peak_memory_bytes"]),
            "memory at its peak",
            f"{fit['threads']} threads" if fit["threads"] > 1 else "1 thread",
        ),
    ]
    return element(
        "dl",
        *(
            element(
                "div",
                element("dt", name),
                element("dd", value, class_="value"),
                element("dd", note, class_="more"),
            )
            for value, name, note in shown
        ),
        class_="cards",
    )


def _quality(report: Report) -> tuple[str, str, str]:
    fit = report["fit"]
    if fit["ended"] == "chosen":
        share = words.percent(report["sky"]["explained"])
        return share, "on a smooth surface", "the part of the frame that is plain sky"
    steps = f"{words.count(fit['iterations'])} iterations, {ENDED[fit['ended']]}"
    return words.number(fit["loss"], 5), "loss", steps


def warnings(report: Report) -> Markup:
    """The warnings, if there are any."""
    lines = report["warnings"]
    if not lines:
        return Markup()
    title = "1 warning" if len(lines) == 1 else f"{len(lines)} warnings"
    return element(
        "section",
        element("h2", title),
        element("ul", *(element("li", line) for line in lines)),
        class_="warnings",
    )


def statistics(report: Report) -> Markup:
    """Minimum, median and maximum of each channel of each image, and the pedestal."""
    images = {"input": "before", "background": "model", "corrected": "after"}
    columns = ("min", "median", "max")
    rows = []
    for k, name in enumerate(words.channels(report["image"]["channels"])):
        cells = [
            element("td", words.number(report["statistics"][image][column][k], 5))
            for image in images
            for column in columns
        ]
        level = element("td", words.number(report["pedestal"][k], 5))
        head = element("th", name, scope="row", class_=f"channel {name.lower()}")
        rows.append(element("tr", head, *cells, level))
    groups = [element("th", name, colspan=3, scope="colgroup") for name in images.values()]
    heads = [element("th", column, scope="col") for _ in images for column in columns]
    return element(
        "section",
        element("h2", "Statistics"),
        element(
            "div",
            element(
                "table",
                element(
                    "thead",
                    element("tr", element("td"), *groups, element("th", "added", scope="col")),
                    element("tr", element("td"), *heads, element("th", "back", scope="col")),
                ),
                element("tbody", *rows),
                class_="grouped",
            ),
            class_="scroll",
        ),
        element("p", "Linear values of the valid samples, 0 = black, 1 = white.", class_="note"),
    )


def settings(report: Report) -> Markup:
    """All settings; those that are not the defaults stand out."""
    defaults = {field.name: field.default for field in fields(Settings)}
    rows = [
        element(
            "tr",
            element("th", name.replace("_", " "), scope="row"),
            element("td", _value(value)),
            element("td", "" if value == defaults.get(name) else _value(defaults.get(name))),
            class_=None if value == defaults.get(name) else "changed",
        )
        for name, value in report["settings"].items()
    ]
    heads = element("tr", element("td"), element("th", "used"), element("th", "default if other"))
    return element(
        "section",
        element("h2", "Settings"),
        element("table", element("thead", heads), element("tbody", *rows), class_="settings"),
    )


def timings(report: Report) -> Markup:
    """Seconds of each stage, as bars."""
    seconds = report["seconds"]
    longest = max(seconds["total"], 1e-9)
    rows = [
        element(
            "tr",
            element("th", stage, scope="row"),
            element("td", element("i", class_="bar", style=f"width:{100 * took / longest:.1f}%")),
            element("td", f"{took:.2f} s"),
        )
        for stage, took in seconds.items()
    ]
    return element(
        "section", element("h2", "Time"), element("table", element("tbody", *rows), class_="bars")
    )


def counts(report: Report) -> Markup:
    """Samples of note."""
    meanings = {
        "missing": "missing in the input (zero, NaN or infinite)",
        "held": "of the model held at the ends of the stretch",
        "below_0": "of the corrected image below 0",
        "above_1": "of the corrected image above 1",
    }
    image = report["image"]
    samples = image["height"] * image["width"] * image["channels"]
    rows = [
        element(
            "tr",
            element("th", meanings.get(name, name), scope="row"),
            element("td", words.count(value)),
            element("td", words.percent(value / samples)),
        )
        for name, value in report["counts"].items()
    ]
    return element("section", element("h2", "Samples"), element("table", element("tbody", *rows)))


def paths(report: Report) -> Markup:
    """Where everything came from and went."""
    named = [("input", report["input"]), *report["outputs"].items()]
    return element("section", element("h2", "Files"), _listed(named))


def stretch(report: Report) -> Markup:
    """The stretch between linear values and those that the fit sees."""
    used = report["stretch"]
    channels = words.channels(report["image"]["channels"])
    names = {"pedestal": "black", "scale": "black to white", "midtones": "midtones balance"}
    rows = [
        element(
            "tr",
            element("th", channel, scope="row", class_=f"channel {channel.lower()}"),
            *(element("td", words.number(used[name][k], 5)) for name in names),
        )
        for k, channel in enumerate(channels)
    ]
    heads = element(
        "tr", element("td"), *(element("th", text, scope="col") for text in names.values())
    )
    return element(
        "section",
        element("h2", "Stretch of the fit"),
        element("table", element("thead", heads), element("tbody", *rows)),
    )


def _listed(pairs: Iterable[tuple[str, str]]) -> Markup:
    rows = [
        element(
            "tr",
            element("th", name.replace("_", " "), scope="row"),
            element("td", element("code", value)),
        )
        for name, value in pairs
    ]
    return element("table", element("tbody", *rows), class_="files")


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return words.number(value, 6) if isinstance(value, float) else str(value)


def _median(values: np.ndarray) -> float:
    seen = values[np.isfinite(values)]
    return float(np.median(seen)) if seen.size else float("nan")
