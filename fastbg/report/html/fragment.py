"""A finished job in a notebook: one piece of HTML without a script, which needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from ...backends.registry import SLOW, choose, unavailable
from ...image.image import Image
from ...model.correction import Correction
from ...model.model import BackgroundModel
from ..gradient import Gradient
from ..preview.page import size_in
from ..preview.pictures import STRETCHED, SkyLevels
from . import views
from .template import fill

BOX = (240, 320)
"""Largest height and width of a picture on screen, in pixels."""


def render(report: Mapping[str, Any], model: BackgroundModel, before: np.ndarray | None) -> str:
    """A finished job as a piece of HTML.

    Parameters
    ----------
    report : mapping
        The finished report of a job: see `fastbg.report.report`.
    model : BackgroundModel
    before : ndarray, (K, h, w), linear, or None
        A small copy of the image; without it, the model alone is drawn.
    """
    name = Path(report["input"]).name if "input" in report else ""
    filled = fill(
        "fragment.html.j2",
        report=report,
        name=name,
        gradient=Gradient.of(report) if "diagnostics" in report else None,
        pictures=_pictures(report["settings"], model, before, name or "The image"),
        stretched=STRETCHED,
        columns=_columns(report),
    )
    return str(filled)


def _pictures(
    settings: Mapping[str, Any], model: BackgroundModel, before: np.ndarray | None, name: str
) -> list[tuple[str, np.ndarray, tuple[int, int], str]]:
    """The name, the pixels, (height, width) on screen and the alternative text of each picture."""
    shape = size_in(BOX, model.shape) if before is None else before.shape[1:]
    backend = choose(SLOW if unavailable("c") else "c")
    with closing(model.rendered(backend, shape)) as rendered:
        planes = rendered.linear.planes()
    background, image = map(_image, (planes, planes if before is None else before))
    medians = np.median(planes, axis=(1, 2)).astype(np.float64)
    # Pictures are the same whatever the pedestal.
    strength = settings["strength"]
    correction = Correction(image, background, settings["mode"], medians, strength=strength)
    seen = views.look(views.together(correction), SkyLevels.of(correction, medians), threads=1)
    drawn = [("Model", seen.model, "The fitted background")]
    if before is not None:
        drawn.insert(0, ("Before", seen.before, f"{name} before the correction"))
        drawn.append(("After", seen.after, f"{name} after the correction"))
    return [(title, rgb, size_in(BOX, rgb.shape[:2]), alt) for title, rgb, alt in drawn]


def _image(planes: np.ndarray) -> Image:
    return Image.from_samples(np.moveaxis(planes, 0, 2))


def _columns(report: Mapping[str, Any]) -> dict[str, Sequence[float]]:
    """Numbers of each channel, by what they are."""
    if "diagnostics" in report:
        diagnostics = report["diagnostics"]
        columns = {
            "gradient before": diagnostics["gradient_before"],
            "gradient after": diagnostics["gradient_after"],
            "uncertainty": diagnostics["uncertainty"]["rms"],
        }
    else:
        columns = {"scale": report["model"]["scale"]}
    medians = {"input": "median before", "corrected": "median after"}
    levels = report["statistics"]
    return columns | {medians[each]: levels[each]["median"] for each in medians if each in levels}
