"""The page of a set of frames that were corrected together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from ...image.image import Image
from ...model.correction import Correction
from ..preview.histogram import ticks
from ..preview.pictures import SkyLevels
from . import views, words
from .colours import DIVERGING, colours
from .plot import Plot
from .template import fill

HEIGHT = 250
"""Of a chart."""

REACH = 0.98
"""The colour scale of the maps reaches to this quantile of all their values, but for clouds."""

WIDTH = 720
"""The least width of the pictures of the mean, in pixels."""

ROOM = 0.08
"""Of a chart above and below its values."""


SMALL = 1e-3
"""The numbers of a chart are in units of a power of ten if all of them are smaller."""


class _OverFrames(Plot):
    """A plot over the numbers of frames, which are whole."""

    @property
    def x_ticks(self) -> np.ndarray:
        found = super().x_ticks
        return found[found == np.round(found)]


@dataclass(frozen=True, eq=False)
class Pictures:
    """What the page shows of a set.

    Attributes
    ----------
    maps : sequence of ndarray, (K, h, w), linear
        The own gradient of each frame.
    mean, common : ndarray, (K, H, W), linear
        The mean of the frames, NaN where missing, and the background that all share.
    """

    maps: Sequence[np.ndarray]
    mean: np.ndarray
    common: np.ndarray


def render(report: Mapping[str, Any], shown: Pictures) -> str:
    """A set as one HTML page, which refers to nothing outside itself.

    Parameters
    ----------
    report : mapping
        See `fastbg.report.together`.
    shown : Pictures
    """
    rows = report["frames"]
    solved = [row for row in rows if "scale" in row]
    limit = _limit([m for m, row in zip(shown.maps, rows, strict=False) if row["status"] == "used"])
    maps = [
        (row, _map(each, limit), number)
        for number, (each, row) in enumerate(zip(shown.maps, rows, strict=False), start=1)
        if "scale" in row
    ]
    charts = [
        _chart("Flux scale", "", [row["scale"] for row in solved], solved, rows),
        _chart("Own gradient", "linear", [row["gradient"] for row in solved], solved, rows),
        _chart("Level of the background", "linear", [row["level"] for row in solved], solved, rows),
    ]
    return fill(
        "set.html.j2",
        report=report,
        rows=rows,
        used=[row for row in rows if row["status"] == "used"],
        maps=maps,
        limit=limit,
        anchors=DIVERGING,
        charts=charts,
        views=views_of(
            *(shown.mean, shown.common),
            np.median(shown.common, axis=(1, 2)).astype(np.float64),
            "The mean",
            report["grid"]["factor"],
            report["common"]["protected"],
        ),
        errors=[row for row in rows if row["error"]],
        names=[Path(row["input"]).name for row in rows],
        strongest=max(float(np.mean(row["gradient"])) for row in solved if row["status"] == "used"),
    )


def _limit(maps: Sequence[np.ndarray]) -> float:
    values = [np.abs(_flat(each)).ravel() for each in maps]
    return float(np.quantile(np.concatenate(values), REACH)) or 1.0 if values else 1.0


def _flat(planes: np.ndarray) -> np.ndarray:
    """The mean over the channels, apart from its level."""
    mean = planes.mean(axis=0)
    flat: np.ndarray = mean - np.median(mean)
    return flat


def _map(planes: np.ndarray, limit: float) -> np.ndarray:
    return colours(0.5 + _flat(planes) / (2 * limit), DIVERGING)


def views_of(
    planes: np.ndarray,
    background: np.ndarray,
    level: np.ndarray,
    name: str,
    factor: int = 1,
    protected: Sequence[Mapping[str, Any]] = (),
    shapes: Sequence[views.Shape] = (),
) -> Markup:
    """An image and its background, (K, H, W) linear, as they are and without it, with a name.

    The image is NaN where it is missing, and its sky gets a level, (K,). The outlines of what is
    protected are in pixels of which it has one in so many along each side, and so are the shapes
    that are drawn as well.
    """
    times = -(-WIDTH // planes.shape[2])
    image, taken = (
        Image.from_samples(
            np.moveaxis(each.astype(np.float32), 0, 2).repeat(times, 0).repeat(times, 1)
        )
        for each in (planes, background)
    )
    correction = Correction(image, taken, "subtract", level)
    sky = SkyLevels.of(correction, level)
    seen = views.look(views.together(correction), sky, threads=1)
    height, width = (factor * size for size in planes.shape[1:])
    return views.figure(seen, name, {"height": height, "width": width}, protected, shapes)


def _chart(
    title: str,
    unit: str,
    values: Sequence[Sequence[float]],
    solved: Sequence[Mapping[str, Any]],
    rows: Sequence[Mapping[str, Any]],
) -> Markup:
    """A curve for each channel over the frames; a mark at those that are not used."""
    numbers = np.array(values, float)
    at = np.array([rows.index(row) + 1 for row in solved], float)
    largest = float(np.abs(numbers).max())
    if 0 < largest < SMALL:
        power = int(np.floor(np.log10(largest)))
        numbers, unit = numbers / 10.0**power, f"{unit}, {words.power(power)}"
    low, high = float(numbers.min()), float(numbers.max())
    room = ROOM * (high - low) or ROOM * abs(high) or 1.0
    plot = _OverFrames(
        (0.5, len(rows) + 0.5), (low - room, high + room), top=12, bottom=HEIGHT - 48
    )
    names = words.channels(numbers.shape[1])
    kept_out = [at[n] for n, row in enumerate(solved) if row["status"] != "used"]
    return fill(
        "set_chart.html.j2",
        title=f"{title} ({unit})" if unit else title,
        plot=plot,
        height=HEIGHT,
        rules=[(value, words.number(value, 6)) for value in ticks(*plot.y)],
        curves=[
            (name.lower(), plot.points(at, each), list(zip(at, each, strict=True)))
            for name, each in zip(names, numbers.T, strict=True)
        ],
        kept_out=kept_out,
    )
