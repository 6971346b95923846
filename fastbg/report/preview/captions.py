"""The lines below the title of a preview."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from ...reference.sky import ReferencedSky
from ...result import Fitted, Prepared
from ...samples.sky import SampledSky
from ...settings.settings import Settings
from ...words import bends, compared_with, explained_by_sky, glows, mosaic_of, through_samples
from ..doubts import doubts_of
from ..gradient import Gradient
from ..report import seams_in_pixels
from ..warnings import guesses


def captions(prepared: Prepared, settings: Settings, fitted: Fitted | None) -> list[str]:
    """Sentences about the fit, if there is one, its doubts, and the image that it works on."""
    begun = prepared.preparation()
    lines = _of_fit(fitted, settings) if fitted else []
    if fitted:
        doubts = doubts_of(settings, begun, fitted)
        lines += [f"Doubt: {line}." for line in doubts]
    if isinstance(prepared.sky, SampledSky):
        fit, surface = prepared.sky.fit, prepared.sky.surface
        count = int(np.count_nonzero(fit.used))
        told = through_samples(count, len(fit.used), fit.freedom)
        lines.append(f"Sky: {told}; {explained_by_sky(surface.explained)}.")
    elif prepared.sky:
        surface = prepared.sky.surface
        told = explained_by_sky(surface.explained)
        lines.append(f"Sky: {told}, which {bends(surface.stiffness)}{glows(surface.glow)}.")
        if seams := prepared.sky.seams:
            described = seams_in_pixels(seams, prepared.frame.samples.shape)
            lines.append(f"Mosaic: {mosaic_of(len(seams) + 1, described)}.")
    lines += [f"Guess: {line}." for line in guesses(settings, begun.sky)]
    if isinstance(prepared.sky, ReferencedSky):
        lines.append(f"Reference: {compared_with(asdict(prepared.sky.compared))}.")
    height, width = prepared.frame.image.shape
    h, w, _ = prepared.problem.data.shape
    factor = settings.downscaling_factor
    unit = "superpixels" if prepared.frame.pattern else "pixels"
    used = ""
    if not isinstance(prepared.sky, SampledSky):
        share = 100 * np.count_nonzero(prepared.problem.kept) / (h * w)
        used = f", of which the fit uses {share:.3g} %"
    lines.append(
        f"Image: {width} x {height} {unit}, reduced to {w} x {h} ({settings.downscaling_func} of "
        f"{factor} x {factor}){used}."
    )
    return lines


def _of_fit(fitted: Fitted, settings: Settings) -> list[str]:
    lines = [f"Gradient: {Gradient(*fitted.diagnostics.gradient())}."]
    if settings.control_points:  # without a descent, the loss compares with nothing
        fit = fitted.fit
        lines.append(
            f"Fit: {len(fit.spline.centres)} control points, order {settings.order}, loss "
            f"{fit.descent.loss:.4f} after {len(fit.descent.losses)} iterations."
        )
    return lines
