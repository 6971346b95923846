"""The page of the panels of a mosaic, which were solved together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..mosaic import Pictures
from .set_page import views_of
from .template import fill
from .views import Shape


def render(report: Mapping[str, Any], shown: Pictures) -> str:
    """A mosaic as one HTML page, which refers to nothing outside itself.

    Parameters
    ----------
    report : mapping
        See `fastbg.jobs.mosaic.told.describe_mosaic`.
    shown : Pictures
    """
    noise = report["noise"]
    before, after, error = (
        [seam[what] / noise if noise else 0.0 for seam in report["seams"]]
        for what in ("before", "after", "error")
    )
    level = np.array(report["level"])
    own = shown.panels, shown.filled(level), level, "The mosaic"
    panels = report["panels"]
    return fill(
        "mosaic.html.j2",
        report=report,
        panels=panels,
        used=[panel for panel in panels if "scale" in panel],
        errors=list(dict.fromkeys(panel["error"] for panel in panels if panel["error"])),
        input=Path(report["images"][0]["input"]).name if report["images"] else "",
        seams=list(zip(report["seams"], before, after, error, strict=True)),
        steps=[float(np.sqrt(np.mean(np.square(each)))) for each in (before, after, error) if each],
        views=views_of(*own, shapes=_shapes(shown)),
        protected=list(dict.fromkeys(name for name, _ in shown.protected)),
    )


def _shapes(shown: Pictures) -> list[Shape]:
    found: list[Shape] = []
    for name, lines in shown.borders:
        ends = lines.astype(int)
        path = "".join(f"M{a[1]} {a[0]}L{b[1]} {b[0]}" for a, b in ends)
        found.append(("border", name, path))
    for name, points in shown.protected:
        path = "L".join(f"{x:.1f} {y:.1f}" for y, x in points)
        found.append(("protected", name, f"M{path}Z"))
    return found
