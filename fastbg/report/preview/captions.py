"""The lines below the title of a preview."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..gradient import Gradient

if TYPE_CHECKING:
    from ...result import Prepared, Result
    from ...settings.settings import Settings


def captions(prepared: Prepared, settings: Settings, result: Result | None) -> list[str]:
    """Sentences about the fit, if there is a result, and about what it works on."""
    lines = _of_result(result, settings) if result else []
    if prepared.sky:
        explained = prepared.sky.surface.explained
        lines.append(f"Sky: {100 * explained:.3g} % of the usable frame lies on the fitted sky.")
    height, width = prepared.image.shape
    h, w, _ = prepared.problem.data.shape
    used = 100 * np.count_nonzero(prepared.problem.kept) / (h * w)
    factor = settings.downscaling_factor
    lines.append(
        f"Image: {width} x {height} pixels, reduced to {w} x {h} ({settings.downscaling_func} of "
        f"{factor} x {factor}), of which the fit uses {used:.3g} %."
    )
    return lines


def _of_result(result: Result, settings: Settings) -> list[str]:
    fit = result.report["fit"]
    if settings.control_points:
        how = f"{fit['control_points']} control points, order {settings.order}"
        steps = f" after {fit['iterations']} iterations"
    else:
        how, steps = f"stiffness {result.report['sky']['stiffness']:.0e}", ""
    return [
        f"Gradient: {Gradient.of(result.report['judgement'])}.",
        f"Fit: {how}, loss {fit['loss']:.4f}{steps}, pedestal {settings.pedestal}.",
    ]
