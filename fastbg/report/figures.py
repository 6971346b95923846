"""The diagnostics of a model as plain data."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..diagnostics import Diagnostics
from ..diagnostics.whole_frame import Extreme, WholeFrame
from ..image.robust import medians
from ..words import place


def described_diagnostics(diagnostics: Diagnostics, shape: tuple[int, int]) -> dict[str, Any]:
    """As a report tells them.

    Parameters
    ----------
    diagnostics : Diagnostics
    shape : (H, W)
        Of the fitted image, in whose pixels places are told.
    """
    uncertainty, jackknife = (
        each.reshape(-1, each.shape[-1])
        for each in (diagnostics.uncertainty, diagnostics.jackknife)
    )
    return {
        "gradient_before": diagnostics.gradient_before.tolist(),
        "gradient_after": diagnostics.gradient_after.tolist(),
        "noise": diagnostics.noise.tolist(),
        "below": diagnostics.below,
        "follows": diagnostics.follows,
        "uncertainty": {
            "rms": diagnostics.uncertain.tolist(),
            "median": medians(uncertainty, axis=0).tolist(),
            "max": uncertainty.max(axis=0).tolist(),
            "jackknife": medians(jackknife, axis=0).tolist(),
            "choice": _known(diagnostics.undecided),
        },
        "contrast": _known(diagnostics.contrast),
        "whole_frame": described_frame(diagnostics.whole_frame, shape),
    }


def described_frame(frame: WholeFrame, shape: tuple[int, int]) -> dict[str, Any]:
    """What a model did to the whole frame; see `described_diagnostics`."""
    return {
        "width_before": _known(frame.width_before.tolist()),
        "width_after": _known(frame.width_after.tolist()),
        "widening": _known(frame.widening),
        "corners_before": _by_name(frame.corners_before),
        "corners_after": _by_name(frame.corners_after),
        "beside_objects": _known(frame.beside_objects.tolist()),
        "beyond": _known(frame.beyond.tolist()),
        "land": _known(frame.land),
        "darkest": _placed(frame.darkest, shape),
        "brightest": _placed(frame.brightest, shape),
    }


def _known(value: Any) -> Any:
    """Numbers, with None in the place of those that are not known."""
    if isinstance(value, list):
        return [_known(each) for each in value]
    return None if math.isnan(value) else value


def _by_name(corners: np.ndarray) -> dict[str, Any]:
    return {place(*corner): _known(corners[corner].tolist()) for corner in np.ndindex(2, 2)}


def _placed(extreme: Extreme, shape: tuple[int, int]) -> dict[str, Any] | None:
    if math.isnan(extreme.sigma):
        return None
    pixel = [int(part * size) for part, size in zip((extreme.y, extreme.x), shape, strict=True)]
    return {
        "sigma": extreme.sigma,
        "where": extreme.where,
        "y": extreme.y,
        "x": extreme.x,
        "pixel": pixel,
    }
