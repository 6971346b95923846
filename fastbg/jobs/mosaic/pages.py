"""The page and the report of a mosaic, beside its corrected panels."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...io import atomic
from ...mosaic.cells import Grid, Panel
from ...mosaic.surfaces import Background
from ...report.html import mosaic_page
from ...report.report import Report, to_json

LONGEST = 720
"""The most pixels along the longer side of the picture."""

SIDE = 1.5
"""Its pixels are at least so many times as large as those of the small copies: none is missed."""

NODES = 33
"""A background is computed at so many places along each side, and interpolated between them."""


def pages(folder: Path) -> list[Path]:
    """The names of the page and of the report."""
    return [folder / "mosaic_report.html", folder / "mosaic_report.json"]


def write(
    targets: Sequence[Path], report: Report, shown: mosaic_page.Pictures, files: ExitStack
) -> None:
    """Write both; they get their names when `files` is closed."""
    page, data = files.enter_context(atomic.staged(targets, overwrite=True))
    text = mosaic_page.render(report, shown)
    page.write_text(text, encoding="utf-8", errors="backslashreplace")
    data.write_text(to_json(report) + "\n", encoding="utf-8")


def in_place(panels: Sequence[Panel], backgrounds: Sequence[Background]) -> mosaic_page.Pictures:
    """The panels where they lie in the sky, as the first one shows it, and their backgrounds."""
    panels = _turned(panels)
    grid = _grid(panels)
    channels = panels[0].values.shape[2]
    seen, taken = (np.full((grid.shape[0] * grid.shape[1], channels), np.nan) for _ in range(2))
    for panel, own in zip(panels, backgrounds, strict=True):
        place = grid.places(panel.v, panel.u)
        valid = np.isfinite(panel.values).all(axis=2) & (place >= 0)
        cells, where = np.unique(place[valid], return_inverse=True)
        count = np.bincount(where, minlength=len(cells))
        for planes, values in ((seen, panel.values), (taken, _surface(panel, own))):
            for channel in range(channels):
                sums = np.bincount(where, values[..., channel][valid], minlength=len(cells))
                planes[cells, channel] = sums / np.maximum(count, 1)
    return mosaic_page.Pictures(*(_planes(each, grid.shape) for each in (seen, taken)))


def _planes(cells: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    return np.moveaxis(cells.reshape(*shape, -1), 2, 0)


def _turned(panels: Sequence[Panel]) -> list[Panel]:
    """Panels on a plane whose axes are those of the first one, in its pixels."""
    first = panels[0]
    axes = [[np.nanmean(np.diff(at, axis=axis)) for axis in (0, 1)] for at in (first.v, first.u)]
    (a, b), (c, d) = np.linalg.inv(axes)
    return [
        replace(panel, v=a * panel.v + b * panel.u, u=c * panel.v + d * panel.u) for panel in panels
    ]


def _grid(panels: Sequence[Panel]) -> Grid:
    """The pixels of the picture."""
    low, high = (
        np.array([[of(panel.v), of(panel.u)] for panel in panels]) for of in (np.nanmin, np.nanmax)
    )
    (top, left), extent = low.min(axis=0), high.max(axis=0) - low.min(axis=0)
    side = max(SIDE * max(panel.pixel for panel in panels), float(extent.max()) / (LONGEST - 1))
    rows, columns = (int(each / side) + 1 for each in extent)
    return Grid(float(top), float(left), side, (rows, columns))


def _surface(panel: Panel, background: Background) -> np.ndarray:
    """(h, w, K), linear: a background at the pixels of its panel."""
    from scipy.interpolate import RectBivariateSpline

    nodes = np.linspace(0, 1, NODES)
    points = np.stack(np.meshgrid(nodes, nodes, indexing="ij"), axis=-1).reshape(-1, 2)
    values = background.at(points).reshape(NODES, NODES, -1)
    planes = [
        RectBivariateSpline(nodes, nodes, plane, s=0)(panel.y, panel.x)
        for plane in np.moveaxis(values, 2, 0)
    ]
    return np.stack(planes, axis=2)
