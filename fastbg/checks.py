"""What an image must have for a fit, and what it should tell."""

from __future__ import annotations

import math

import numpy as np

from .errors import InputError, SettingsError
from .image.patterns import BAYER_PATTERNS
from .settings.settings import Settings
from .sky.grid import LEAST_CELLS

UNTOLD_PATTERN = (
    "its 2 x 2 pixels have different levels, as in a frame that is not debayered, and no pattern "
    "is told: it was treated as mono; give its pattern with --cfa PATTERN "
    f"({', '.join(BAYER_PATTERNS)}; cfa= in Python), or --cfa off if it is mono"
)
"""The warning of a frame that seems to be undebayered."""


UNUSED_SKY = (
    "what is known to be sky had no effect: the background goes through samples; leave one of the "
    "two out"
)
"""The warning of a job with samples and with a sky."""


def check_size(shape: tuple[int, int], settings: Settings) -> None:
    """Raise InputError if the down-scaled image has too few pixels for a fit."""
    factor, points = settings.factor(shape), settings.control_points
    h, w = (-(-size // factor) for size in shape)
    least = points or LEAST_CELLS
    if h * w >= least:
        return
    what, cures = (f"{points} control points", ["fewer points"]) if points else ("a fit", [])
    if math.prod(shape) >= least:
        cures.append("a smaller factor")
    cure = f"use {' or '.join(cures)}" if cures else f"give one of at least {least} pixels"
    raise InputError(
        f"a downscaling factor of {factor} leaves {w} x {h} pixels of the image, too few for "
        f"{what}: {cure}"
    )


def check_settings(
    settings: Settings, *, masked: bool, sampled: bool, referenced: bool = False
) -> None:
    """Raise SettingsError if a job cannot do as the settings ask with what it is given.

    Parameters
    ----------
    settings : Settings
    masked, sampled, referenced : bool
        Whether there is a mask, whether there are samples, and whether there is a reference.
    """
    if settings.invert_mask and not masked:
        raise SettingsError("there is no mask to invert: give one, or leave inverting out")
    if sampled and referenced:
        raise SettingsError(
            "samples take the place of a search, and a reference is for one: leave one of the two "
            "out"
        )
    if settings.control_points and (sampled or referenced):
        what, are = ("samples", "are") if sampled else ("a reference", "is")
        raise SettingsError(
            f"{what} {are} fitted without a descent: leave the number of control points out, or "
            f"the {what.split()[-1]}"
        )
    if settings.second_opinion and referenced:
        raise SettingsError(
            "a second opinion descends on the image itself, objects and all: leave it out, or the "
            "reference"
        )
    if settings.second_opinion and sampled:
        raise SettingsError(
            "a second opinion is one about a search, and samples take its place: leave one of the "
            "two out"
        )


def check_used(used: np.ndarray, settings: Settings, *, masked: bool) -> None:
    """Raise InputError if no pixel may be used.

    Parameters
    ----------
    used : ndarray, (h, w, K)
    settings : Settings
    masked : bool
        Whether a mask told which.
    """
    if used.any():
        return
    cure = "widen the thresholds"
    if masked:
        inverting = "leave inverting out" if settings.invert_mask else "invert it"
        cure = f"give a mask that is 1 where the sky is, or {inverting}"
    raise InputError(f"every pixel is masked or missing: {cure}")
