"""The lines below the title of a preview."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..gradient import Gradient

if TYPE_CHECKING:
    from ...result import Fitted, Prepared
    from ...settings.settings import Settings


def captions(prepared: Prepared, settings: Settings, fitted: Fitted | None) -> list[str]:
    """Sentences about the fit, if there is one, and about the image that it works on."""
    lines = _of_fit(fitted, prepared, settings) if fitted else []
    if prepared.sky:
        explained = prepared.sky.surface.explained
        lines.append(f"Sky: {100 * explained:.3g} % of the usable frame lies on the fitted sky.")
    height, width = prepared.frame.image.shape
    h, w, _ = prepared.problem.data.shape
    used = 100 * np.count_nonzero(prepared.problem.kept) / (h * w)
    factor = settings.downscaling_factor
    unit = "superpixels" if prepared.frame.pattern else "pixels"
    lines.append(
        f"Image: {width} x {height} {unit}, reduced to {w} x {h} ({settings.downscaling_func} of "
        f"{factor} x {factor}), of which the fit uses {used:.3g} %."
    )
    return lines


def _of_fit(fitted: Fitted, prepared: Prepared, settings: Settings) -> list[str]:
    fit = fitted.fit
    if settings.control_points:
        how = f"{len(fit.spline.centres)} control points, order {settings.order}"
        steps = f" after {len(fit.descent.losses)} iterations"
    else:
        assert prepared.sky is not None
        how, steps = f"stiffness {prepared.sky.surface.stiffness:.0e}", ""
    return [
        f"Gradient: {Gradient(*fitted.diagnostics.gradient())}.",
        f"Fit: {how}, loss {fit.descent.loss:.4f}{steps}, pedestal {settings.pedestal}.",
    ]
