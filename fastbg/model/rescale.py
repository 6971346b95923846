"""Bringing a model that was fitted to one image to the level of another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..backends.protocol import Backend
from ..image.image import Image, is_valid
from .model import BackgroundModel

SAMPLES = 1 << 17
"""About how many pixels are looked at."""

NOISE_TO_MAD = 1.4826
"""The deviation of normal noise in units of its median absolute deviation."""


def match_level(
    model: BackgroundModel, image: Image, backend: Backend
) -> tuple[BackgroundModel, np.ndarray]:
    """The model whose channels are scaled and shifted so that they fit the sky of an image.

    ``image = scale * model + shift`` by least squares with a Cauchy loss, for which stars and other
    bright pixels hardly count. A model without a gradient, or one that the image contradicts, is
    only shifted.

    Parameters
    ----------
    model : BackgroundModel
        Of as many channels as the image.
    image : Image, linear

    Returns
    -------
    model : BackgroundModel
    scale : ndarray, (K,)
    """
    from scipy.optimize import least_squares

    background = model.image(backend, image.shape)
    step = max(1, round((np.prod(image.shape) / SAMPLES) ** 0.5))
    rows = [slice(top, top + 1) for top in range(step // 2, image.shape[0], step)]
    sky, found = (
        np.concatenate([part.rows(row)[:, :, step // 2 :: step].copy() for row in rows], axis=1)
        for part in (image, background)
    )
    scales, shifts = [], []
    for samples, expected in zip(sky, found, strict=True):
        valid = is_valid(samples)
        y, x = samples[valid].astype(np.float64), expected[valid].astype(np.float64)
        middle = np.median(x)
        spread = x.std() or 1.0
        x = (x - middle) / spread
        start = np.array([spread, np.median(y - spread * x)])
        residual = y - spread * x - start[1]
        noise = NOISE_TO_MAD * np.median(np.abs(residual)) or 1e-9

        def off(
            p: np.ndarray, x: np.ndarray = x, y: np.ndarray = y, n: float = noise
        ) -> np.ndarray:
            return (p[0] * x + p[1] - y) / n

        slope, level = least_squares(off, start, loss="cauchy").x
        scale = slope / spread if slope > 0 and np.ptp(x) > 0 else 1.0
        scales.append(scale)
        shifts.append(level - scale * middle)
    scale, shift = np.array(scales), np.array(shifts)
    stretch = replace(
        model.stretch,
        pedestal=scale * model.stretch.pedestal + shift,
        scale=scale * model.stretch.scale,
    )
    return replace(model, stretch=stretch), scale
