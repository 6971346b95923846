"""The page, the report and the picture of a mosaic, beside its corrected panels."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...errors import OutputError
from ...image.outlines import Outline
from ...io import atomic
from ...mosaic.cells import Grid, Panel
from ...mosaic.surfaces import Background
from ...report.html import mosaic_page
from ...report.mosaic import Named, Pictures, edges_of
from ...report.report import Report
from .. import set_pages
from .solving import Solved
from .told import step_in_words

LONGEST = 720
"""The most pixels along the longer side of the picture."""

SIDE = 1.5
"""Its pixels are at least so many times as large as those of the small copies: none is missed."""

NODES = 33
"""A background is computed at so many places along each side, and interpolated between them."""


def check_preview(
    preview: Path, pages: tuple[Path, Path], inputs: Sequence[Path], *, overwrite: bool
) -> None:
    """Raise OutputError if the picture cannot be written, or is one that no mosaic drew there."""
    if preview.suffix.lower() != ".png":
        raise OutputError(f"{preview} does not tell that it holds PNG: end it in .png")
    with suppress(OSError, ValueError):
        earlier = json.loads(pages[1].read_text("utf-8"))
        overwrite |= isinstance(earlier, dict) and earlier.get("preview") == str(preview)
    atomic.check_targets([preview], overwrite=overwrite, inputs=[*inputs, *pages])


def write(
    pages: tuple[Path, Path], report: Report, solved: Solved, factors: Mapping[Path, int]
) -> None:
    """Write the page, the report and the picture: all or none.

    Parameters
    ----------
    factors : mapping of Path to int
        The downscaling factor of each image.
    """
    protected = {
        each["input"]: [Outline(**own) for own in each.get("protected", ())]
        for each in report["images"]
    }
    shown = in_place(solved, protected, factors)
    with ExitStack() as files:
        if report["preview"]:
            (part,) = files.enter_context(atomic.staged([report["preview"]], overwrite=True))
            _draw(report, shown, part)
        set_pages.write(pages, mosaic_page.render(report, shown), report, files)


def in_place(
    solved: Solved, protected: Mapping[str, Sequence[Outline]], factors: Mapping[Path, int]
) -> Pictures:
    """The panels where they lie in the sky, as the first one shows it, and their backgrounds."""
    panels = _turned(solved.panels)
    grid = _grid(panels)
    channels = panels[0].values.shape[2]
    seen, taken = (np.full((grid.shape[0] * grid.shape[1], channels), np.nan) for _ in range(2))
    borders: list[Named] = []
    outlines: dict[tuple[str, int, int], Named] = {}
    for name, path, panel, own in zip(
        *(solved.names, solved.paths, panels, solved.solution.backgrounds), strict=True
    ):
        place = grid.places(panel.v, panel.u)
        valid = np.isfinite(panel.values).all(axis=2) & (place >= 0)
        cells, where = np.unique(place[valid], return_inverse=True)
        count = np.bincount(where, minlength=len(cells))
        for planes, values in ((seen, panel.values), (taken, _surface(panel, own))):
            for channel in range(channels):
                sums = np.bincount(where, values[..., channel][valid], minlength=len(cells))
                planes[cells, channel] = sums / np.maximum(count, 1)
        covered = np.zeros(grid.shape, bool)
        covered.flat[cells] = True
        borders.append((Path(name).name, edges_of(covered)))
        for each in protected.get(str(path), ()):
            points = _on(grid, panel, (each.points() + 0.5) / factors[path])
            # Panels show the same object at the same place, about.
            y, x = (points.mean(axis=0) / max(grid.shape) * 50).round().astype(int).tolist()
            outlines.setdefault((each.name, y, x), (each.name, points))
    shown, removed = (_planes(each, grid.shape) for each in (seen, taken))
    return Pictures(shown, removed, borders, [*outlines.values()])


def _draw(report: Report, shown: Pictures, path: Path) -> None:
    from ...report.preview import mosaic

    steps = step_in_words(report["seams"], report["noise"]) if report["seams"] else ""
    names = [Path(image["input"]).name for image in report["images"]]
    title = f"{names[0]} and {len(names) - 1} other panels" if len(names) > 1 else "".join(names)
    lines = [f"Steps at seams: {steps}"] if steps else []
    level = np.array(report["level"])
    picture = mosaic.draw(shown, level, title=title, captions=lines)
    picture.save(path, format="png")


def _on(grid: Grid, panel: Panel, points: np.ndarray) -> np.ndarray:
    """(n, 2): where places in pixels of the small copy, from its outer corner, are on a grid."""
    (top, left), (height, width) = panel.corner, panel.v.shape
    y, x = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    known = np.isfinite(panel.v)
    terms = np.column_stack([y[known], x[known], np.ones(known.sum())])
    # What reaches beyond the panel is on its tangent.
    plane = np.linalg.lstsq(terms, np.column_stack([panel.v[known], panel.u[known]]), rcond=None)[0]
    inside = np.column_stack([points - 0.5 - (top, left), np.ones(len(points))])
    found: np.ndarray = (inside @ plane - (grid.top, grid.left)) / grid.side
    return found


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
