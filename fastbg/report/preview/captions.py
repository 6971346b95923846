"""The lines below the title of a preview."""

from __future__ import annotations

import numpy as np

from ...result import Fitted, Prepared
from ...settings.settings import Settings
from ..words import told_gradient


def captions(prepared: Prepared, settings: Settings, fitted: Fitted | None) -> list[str]:
    """What was fitted, by what, and with which result."""
    height, width = prepared.frame.image.shape
    h, w, _ = prepared.problem.data.shape
    usable = 100 * np.count_nonzero(prepared.problem.kept) / (h * w)
    lines = [
        f"{width} x {height} pixels, fitted at {w} x {h} ({settings.downscaling_func} of "
        f"{settings.downscaling_factor} x {settings.downscaling_factor}), {usable:.4g} % usable"
    ]
    if sky := prepared.sky:
        lines.append(
            f"{sky.surface.explained:.0%} of that lies on the smoothest surface that is sky"
        )
    if fitted:
        fit = fitted.fit
        if settings.control_points:
            how = f"{len(fit.spline.centres)} control points, order {settings.order}, "
            steps = f" after {len(fit.descent.losses)} iterations"
        else:
            assert prepared.sky is not None
            how, steps = f"stiffness {prepared.sky.surface.stiffness:.0e}, ", ""
        lines.append(f"{how}loss {fit.descent.loss:.4f}{steps}, pedestal {settings.pedestal}")
        lines.append(f"The gradient: {told_gradient(*fitted.diagnostics.gradient())}, linear")
    return lines
