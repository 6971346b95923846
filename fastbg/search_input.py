"""From a small copy to a problem: what may be used, what is known, and the search for the sky."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .checks import check_used
from .image.downscale import BELOW, block_centres
from .image.frame import Frame
from .image.image import Image
from .image.outlines import hidden
from .image.weights import (
    feathered,
    image_without_border,
    inverted,
    weight_from_image,
    weight_from_thresholds,
    without_border,
)
from .result import Reduced
from .settings.settings import Settings
from .sky.detection import Sky
from .sky.edges import placed
from .sky.panels import detect_panels
from .sky.seams import find_seams, seams_at
from .spline.loss import Problem
from .spline.panels import Seam

if TYPE_CHECKING:
    from .reference.copies import Copies, Reference
    from .samples.points import SamplePoints
    from .samples.sky import MeasuredSamples

KNOWN = 0.5
"""What is known to be sky by this part or more is so inside of an outline, too."""

Weight = Image | np.ndarray | None
"""How much of each pixel may be used: of the fitted image or, (h, w), of its small copy."""


def of_blocks(image: Image, reduced: Reduced, settings: Settings, **work: Any) -> np.ndarray:
    """An image of weights on the grid of the fit, (h, w, K), 0 where the fitted image is missing.

    Parameters
    ----------
    image : Image, of 1 or K channels, in [0, 1]
    reduced : Reduced
    settings : Settings
    **work
        Threads, kernels, and the name in errors: see `fastbg.image.weights.weight_from_image`.

    Raises
    ------
    InputError
        If it does not fit the image.
    """
    blocks = reduced.factor, settings.block_function
    return weight_from_image(image, reduced.frame.image.shape, reduced.stretched, *blocks, **work)


def known(
    reduced: Reduced, sky: Image | None, settings: Settings, **work: Any
) -> np.ndarray | None:
    """How much of each pixel is known to be sky: see `fastbg.pipeline.Job.known`."""
    if sky is None:
        return None
    found: np.ndarray = of_blocks(sky, reduced, settings, name="sky", **work).mean(axis=2)
    return found


def usable(
    reduced: Reduced,
    weight: Weight,
    known: np.ndarray | None,
    settings: Settings,
    **work: Any,
) -> np.ndarray:
    """How much of each pixel may be used: see `fastbg.pipeline.Job.weigh`."""
    if weight is None:
        low, high = settings.threshold_min, settings.threshold_max
        used = weight_from_thresholds(reduced.stretched, low, high)
        if known is not None:
            used = np.maximum(used, known[..., np.newaxis] * ~np.isnan(reduced.stretched))
    elif isinstance(weight, np.ndarray):
        used = np.where(np.isnan(reduced.stretched), np.float32(0), weight[..., np.newaxis])
    else:
        weight = inverted(weight) if settings.invert_mask else weight
        used = of_blocks(weight, reduced, settings, **work)
    check_used(used, settings, masked=weight is not None)
    return outside_outlines(inside(used, reduced, settings), reduced, known)


def outside_outlines(
    used: np.ndarray, reduced: Reduced, known: np.ndarray | None = None
) -> np.ndarray:
    """What may be used without the objects of the frame, but for what is known to be sky."""
    objects = objects_of(reduced, known)
    if objects is None:
        return used
    return np.where(objects[..., np.newaxis], np.float32(0), used)


def objects_of(reduced: Reduced, known: np.ndarray | None) -> np.ndarray | None:
    """Which down-scaled pixels are objects of the frame, (h, w) bool; None where it has none."""
    outlines = reduced.frame.outlines
    if not outlines:
        return None
    sizes = reduced.frame.image.shape
    y, x = (at * size - 0.5 for at, size in zip(centres(reduced), sizes, strict=True))
    within = hidden(outlines, y, x) & ~np.isnan(reduced.small).any(axis=2)
    return within if known is None else within & (known < KNOWN)


def inside(used: np.ndarray, reduced: Reduced, settings: Settings) -> np.ndarray:
    """What may be used without the border of the settings; see `fastbg.image.weights`.

    Raises
    ------
    InputError
        If nothing is left.
    """
    frame = reduced.frame
    block = reduced.factor * (2 if frame.pattern else 1)
    return without_border(used, settings.sides, frame.samples.shape, block)


def seams_of(reduced: Reduced, used: np.ndarray, settings: Settings) -> list[Seam]:
    """The seams of the image, if its sky is to be searched for panel by panel."""
    wanted, frame = settings.seams, reduced.frame
    if wanted == "off":
        return []
    if wanted != "auto":
        return seams_at(wanted, frame.samples.shape)
    return placed(find_seams(reduced.small, used), frame.image, reduced.factor)


def softened(used: np.ndarray, known: np.ndarray | None, pixels: float) -> np.ndarray:
    """What may be used, rising from what is ignored over some pixels of the fit.

    What is known to be sky keeps all of its weight.
    """
    soft = feathered(used, pixels)
    return soft if known is None else np.maximum(soft, used * known[..., np.newaxis])


def problem_of(reduced: Reduced, used: np.ndarray, settings: Settings) -> Problem:
    """The problem that a spline is fitted to."""
    stretched, (y, x) = reduced.stretched, centres(reduced)
    # Cells of the mesh have medians where single blocks have none.
    clipped = stretched == BELOW
    if clipped.any():
        stretched = np.where(clipped, np.float32(np.nan), stretched)
        used = np.where(clipped, np.float32(0), used)
    return Problem(stretched, used, y, x, settings.order, settings.alpha)


def centres(reduced: Reduced) -> tuple[np.ndarray, np.ndarray]:
    """The normalised coordinates of the rows and of the columns of the down-scaled image."""
    height, width = reduced.frame.image.shape
    return block_centres(height, reduced.factor), block_centres(width, reduced.factor)


def aligned(reduced: Reduced, reference: Reference, settings: Settings, **work: Any) -> Copies:
    """A reference on the grid of the fit: see `fastbg.reference.copies`.

    Raises
    ------
    InputError
        If it does not cover enough of the image.
    """
    from .reference.copies import copies_of

    own = reduced.own
    fitted = own.pedestal + own.scale * reduced.small
    how = fitted, reference, reduced.factor, settings.block_function
    return copies_of(reduced.frame.image, *how, **work)


def searched(
    reduced: Reduced,
    used: np.ndarray,
    settings: Settings,
    known: np.ndarray | None,
    copies: Copies | None,
    watch: Callable[[int], None],
    *,
    masked: bool,
    **work: Any,
) -> Sky:
    """The sky that is found in the image, or in what a reference leaves of it.

    See `fastbg.sky.panels.detect_panels` and `fastbg.reference.difference.Difference`.
    """
    difference, protection = None, settings.protection(masked=masked)
    if copies:
        from .reference.difference import Difference

        scale = settings.reference_scale
        given = () if isinstance(scale, str) else tuple(np.atleast_1d(scale).tolist())
        own = reduced.own, copies, given, settings.reference_degree
        difference = Difference.of(reduced.small, used, centres(reduced), *own, **work)
        reduced = replace(reduced, small=difference.values, own=difference.stretch)
        used *= np.isfinite(difference.values) | (difference.values == BELOW)
        # No object is left, and what differs may be brighter or darker.
        protection = "off" if protection == "off" else "difference"
    seams = seams_of(reduced, used, settings)
    sky = detect_panels(
        *(reduced.small, used, *centres(reduced), reduced.own, protection, seams, watch),
        given=settings.seams != "auto",
        known=known,
        flexibility=settings.flexibility,
        objects=objects_of(reduced, known),
        **work,
    )
    return difference.sky(sky, settings.flexibility) if difference else sky


def measured_samples(
    frame: Frame, samples: SamplePoints, weight: Image | None, settings: Settings
) -> MeasuredSamples:
    """The levels of samples: see `fastbg.pipeline.Job.measure_samples`."""
    from .samples.sky import MeasuredSamples

    if weight is not None and settings.invert_mask:
        weight = inverted(weight)
    # Of a mosaic, superpixels are fitted.
    block = 2 if frame.pattern else 1
    samples = samples.binned(block) if frame.pattern else samples
    if any(settings.sides):
        sides = [-(-side // block) for side in settings.sides]
        weight = image_without_border(weight or replace(frame.image, channels=1).filled(1), sides)
    return MeasuredSamples.of(frame.image, samples, weight)


def sky_of_samples(
    samples: MeasuredSamples, reduced: Reduced, used: np.ndarray, settings: Settings
) -> Sky:
    """The sky through samples, in the place of one that is searched for."""
    from .samples.sky import sky_through

    y, x = centres(reduced)
    smoothing = None if settings.smoothing == "auto" else settings.smoothing
    found = reduced.small, used, y, x, reduced.own
    return sky_through(samples, *found, smoothing=smoothing, protection=settings.protect)
