"""Minimum, median and maximum of images and of rendered models."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import closing

import numpy as np

from .backends.protocol import Backend
from .image.bands import SAMPLED_PIXELS
from .image.image import ZERO, Image
from .image.kernels import ABOVE_1, NEGATIVE, VALID
from .image.order_statistics import Quantiles, quantiles
from .model.model import BackgroundModel
from .model.render import Rendered, pixel_centres
from .result import Measured

LEVELS = (0, 0.5, 1)
"""Minimum, median and maximum as quantiles."""

LEVELS_ROWS = 256
"""The approximate number of rows of a large image in which `LEVELS` of a model are measured.

A model is smooth: on real images and simulated skies its median then differs from that over all
pixels by less than 1e-3 of its range, and its minimum and maximum by less than 1e-2."""

GUESSED = 1024
"""The median of a spline is expected to be that at few points within 1/1024 of its range."""

BETWEEN = 0.01
"""Between these rows, a model may lie beyond what it is in them by this part of its range."""


def around(levels: np.ndarray) -> np.ndarray:
    """Between which values the `LEVELS` of a spline lie, (K, 3, 2), by those at fewer points."""
    reach = (levels[:, 2:] - levels[:, :1]) / GUESSED
    return np.stack([levels - reach, levels + reach], axis=2)


def levels_of_model(
    model: BackgroundModel,
    image: Image,
    rendered: Rendered,
    levels: np.ndarray | None,
    backend: Backend,
    threads: int,
    *,
    missing: int,
    advance: Callable[[int], None],
) -> tuple[Measured, tuple[int, int]]:
    """`LEVELS` of a model over the valid samples of an image, and how many of it were clamped.

    Parameters
    ----------
    model : BackgroundModel
    image : Image
    rendered : Rendered
        The model at the size of the image.
    levels : ndarray, (K, 3), optional
        A guess, in the space of the model.
    backend : Backend
    threads : int
    missing : int
        The number of samples of the image that are missing.
    advance : callable
        Is told the number of rows that are done.

    Returns
    -------
    Measured, linear
    (int, int)
        The numbers of samples below and above the ends of the stretch.
    """
    guess, kernels = None if levels is None else around(levels), backend.kernels
    found = levels_in_few_rows(model, image, guess, backend, threads, whole=missing == 0)
    if found is None:
        found = quantiles(rendered.stretched, LEVELS, threads, image, guess, advance, kernels)
    # The inverse stretch is monotone: order statistics may pass it instead of all samples.
    low, middle, high = found.values(lambda pairs: model.stretch.invert(pairs, kernels)[0]).T
    clamped = found.total(NEGATIVE), found.total(ABOVE_1)
    return Measured(low, middle, high, missing), clamped


def levels_in_few_rows(
    model: BackgroundModel,
    image: Image,
    guess: np.ndarray | None,
    backend: Backend,
    threads: int,
    *,
    whole: bool,
) -> Quantiles | None:
    """`LEVELS` of a stretched model in some rows of a large image.

    None if the image is not large, and where some of all pixels may lie beyond the stretch.

    Parameters
    ----------
    model : BackgroundModel
    image : Image
        Only the pixels count that it has.
    guess : ndarray, (K, 3, 2), optional
        Between which values they lie; see `around`.
    backend : Backend
    threads : int
    whole : bool
        Whether no sample of the image is missing.
    """
    height, width = image.shape
    step = height // LEVELS_ROWS
    if height * width < SAMPLED_PIXELS or step < 2:
        return None
    y, x = pixel_centres(height)[step // 2 :: step], pixel_centres(width)
    with closing(Rendered(backend, model.spline, model.stretch, y, x)) as few:
        # Hundreds of single rows take longer to read than to render.
        rows = image.every(step).filled(1) if whole else image.every(step)
        found = quantiles(few.stretched, LEVELS, threads, rows, guess, kernels=backend.kernels)
    low, _, high = found.values().T
    beyond = BETWEEN * (high - low)
    return found if (low > beyond).all() and (high < 1 - beyond).all() else None


def measured_of(image: Image, statistics: np.ndarray, found: Quantiles) -> Measured:
    """`LEVELS` of an image, (K, 3), linear, with the number of samples that were not counted."""
    low, middle, high = np.where(np.abs(statistics) <= ZERO, 0, statistics).T
    samples = image.channels * math.prod(image.shape)
    return Measured(low, middle, high, samples - found.total(VALID))
