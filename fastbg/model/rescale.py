"""A model that was fitted to one image, scaled and shifted to the sky of another."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import numpy as np

from ..backends.protocol import Backend
from ..image.bands import thinning_step
from ..image.blocks import blocks
from ..image.image import CLIPPED, Image, is_valid
from ..image.robust import MAD_TO_SIGMA
from .model import BackgroundModel

SAMPLES = 1 << 17
"""The approximate number of pixels that are compared."""

POOLED = 8
"""The side of the blocks of these pixels whose medians are compared where the sky is clipped."""


def rescaled(
    model: BackgroundModel, image: Image, backend: Backend
) -> tuple[BackgroundModel, np.ndarray]:
    """The model whose channels are scaled and shifted so that they fit the sky of an image.

    ``image = scale * model + shift`` by least squares with a Cauchy loss, for which stars and other
    bright pixels hardly count. A model without a gradient, or one that the image contradicts, is
    only shifted; a channel without a valid sample leaves the model as it is.

    Parameters
    ----------
    model : BackgroundModel
        It has as many channels as the image.
    image : Image, linear
    backend : Backend

    Returns
    -------
    model : BackgroundModel
    scale : ndarray, (K,)
    """
    step = thinning_step(image.shape, SAMPLES)
    rows = [slice(top, top + 1) for top in range(step // 2, image.shape[0], step)]
    with closing(model.rendered(backend, image.shape)) as rendered:
        sky, found = (
            np.concatenate([part.rows(row)[:, :, step // 2 :: step].copy() for row in rows], axis=1)
            for part in (image, rendered.linear)
        )
    fits = [_fit(*planes) for planes in zip(sky, found, strict=True)]
    scale, shift = np.array(fits).T
    stretch = replace(
        model.stretch,
        pedestal=scale * model.stretch.pedestal + shift,
        scale=scale * model.stretch.scale,
    )
    return replace(model, stretch=stretch), scale


def _fit(samples: np.ndarray, background: np.ndarray) -> tuple[float, float]:
    """Scale and shift of one channel."""
    from scipy.optimize import least_squares

    if (samples == CLIPPED).any():
        samples, background = (_medians(plane, samples) for plane in (samples, background))
    valid = is_valid(samples) & (samples != CLIPPED)
    if not valid.any():
        return 1.0, 0.0
    y, x = samples[valid].astype(np.float64), background[valid].astype(np.float64)
    middle = np.median(x)
    spread = x.std() or 1.0
    x = (x - middle) / spread
    start = np.array([spread, np.median(y - spread * x)])
    noise = MAD_TO_SIGMA * np.median(np.abs(y - spread * x - start[1])) or 1e-9
    slope, level = least_squares(lambda p: (p[0] * x + p[1] - y) / noise, start, loss="cauchy").x
    scale = slope / spread if slope > 0 and np.ptp(x) > 0 else 1.0
    return scale, level - scale * middle


def _medians(plane: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """The medians of blocks of a plane, where the samples are not missing; 0 if all are."""
    known = np.where(is_valid(samples), plane, np.float32(np.nan))
    ordered = np.sort(blocks(known, POOLED), axis=2)
    middle = np.count_nonzero(~np.isnan(ordered), axis=2, keepdims=True) // 2
    return np.nan_to_num(np.take_along_axis(ordered, middle, axis=2)[..., 0])
