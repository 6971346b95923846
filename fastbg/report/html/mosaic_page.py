"""The page of the panels of a mosaic, which were solved together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .set_page import views_of
from .template import fill


@dataclass(frozen=True, eq=False)
class Pictures:
    """The panels where they lie in the sky, each over those before it.

    Attributes
    ----------
    panels, backgrounds : ndarray, (K, H, W), linear
        NaN where there is none.
    """

    panels: np.ndarray
    backgrounds: np.ndarray


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
    warnings = [*report["warnings"]]
    for image in report["images"]:
        name = Path(image["input"]).name
        warnings += [f"{name}: {line}" for line in (*image["warnings"], *image["worse"])]
    level = np.array(report["level"])
    background = np.where(
        np.isnan(shown.backgrounds), level[:, np.newaxis, np.newaxis], shown.backgrounds
    )
    return fill(
        "mosaic.html.j2",
        report=report,
        names=[Path(name).name for name in report["panels"]],
        input=Path(report["images"][0]["input"]).name,
        seams=list(zip(report["seams"], before, after, error, strict=True)),
        steps=[float(np.sqrt(np.mean(np.square(each)))) for each in (before, after, error) if each],
        warnings=warnings,
        views=views_of(shown.panels, background, level, "The mosaic"),
        seconds=sum(report["seconds"].values()),
    )
