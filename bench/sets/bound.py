"""What noise allows: the least error of gradients that are told from differences of frames.

On one flux scale, a cell of frame i of M is y_i = s + g_i + e_i: the sky's objects s, which are
unknown in every cell, a gradient g_i, and noise e_i of the deviation d_i. Differences determine
g_i - mean(g) and nothing of s or of mean(g). With a surface of p freedoms, least squares give the
projection of y_i - mean(y) onto it, in which s has cancelled. Its error is

* the projection of e_i - mean(e): over n cells on the average, the variance is
  p / n (d_i^2 (1 - 2 / M) + sum(d_j^2) / M^2);
* what of g_i - mean(g) is no such surface: it falls as p rises.

The bound is the least root of the sum of both, over polynomials of degrees up to `HIGHEST`; who
chooses the degree knows the truth. The level of a frame does not count, in errors and freedoms, and
all of it is about the part of the field that all frames see.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import map_coordinates

from scenes import Shape

from .fields import Grid
from .frames import Frame

HIGHEST = 8
SPACING = 40
"""The number of points, along the longest side of a frame, in which gradients are compared."""

BLOCKS = 20_000
"""Of noise, to measure that of their medians."""


def points_of(shape: Shape) -> np.ndarray:
    """(2, h, w): points of a field, from its middle, on a mesh over an unturned frame."""
    step = max(1, max(shape) // SPACING)
    return Grid(shape).pixels()[:, step // 2 :: step, step // 2 :: step]


def sampled(planes: np.ndarray, frame: Frame, points: np.ndarray) -> np.ndarray:
    """(h, w, K): what lies over points of the field, (H, W, K); NaN where the frame sees no sky."""
    where = frame.grid.from_field(*points)
    values = [
        map_coordinates(plane, where, order=1, mode="nearest")
        for plane in np.moveaxis(planes, 2, 0)
    ]
    seen = map_coordinates(frame.valid.astype(np.float32), where, order=1, cval=0) > 0.999
    return np.where(seen[..., np.newaxis], np.stack(values, axis=2), np.nan).astype(np.float64)


def relative(fields: np.ndarray) -> np.ndarray:
    """Fields, (M, h, w, K), less their mean over the frames, and less the level of each.

    NaN where not all frames see the sky.
    """
    apart = fields - fields.mean(axis=0)
    level: np.ndarray = np.nanmean(apart, axis=(1, 2), keepdims=True)
    return apart - level


def rms(fields: np.ndarray) -> np.ndarray:
    """(M, K): the root of the mean square over the points."""
    found: np.ndarray = np.sqrt(np.nanmean(fields**2, axis=(1, 2)))
    return found


def bounds(frames: Sequence[Frame], points: np.ndarray, factor: int) -> tuple[np.ndarray, float]:
    """The bound of each frame, (M, K), on the scale of the field, and the median of the freedoms.

    ``factor`` is the side of a cell in pixels, whose median it has.
    """
    truth = relative(np.stack([sampled(f.background, f, points) / f.scale for f in frames]))
    deviation = np.stack([f.noise / f.scale for f in frames]) * median_noise(factor)
    area = np.isfinite(truth[0, ..., 0]).sum() * (points[0, 1, 0] - points[0, 0, 0]) ** 2
    cells = np.array([[area / (factor * f.grid.scale) ** 2] for f in frames])
    count = len(frames)
    # The variance of a cell of y_i - mean(y).
    variance = deviation**2 * (1 - 2 / count) + (deviation**2).sum(axis=0) / count**2
    errors, freedoms = [], []
    for degree in range(1, HIGHEST + 1):
        free = (degree + 1) * (degree + 2) // 2 - 1
        errors.append(rms(_no_polynomial(truth, points, degree)) ** 2 + free / cells * variance)
        freedoms.append(free)
    best = np.argmin(errors, axis=0)
    return np.sqrt(np.min(errors, axis=0)), float(np.median(np.take(freedoms, best)))


def median_noise(factor: int) -> float:
    """The deviation of the median of factor x factor samples of normal noise."""
    noise = np.random.default_rng(1).standard_normal((BLOCKS, factor**2))
    return float(np.median(noise, axis=1).std())


def _no_polynomial(fields: np.ndarray, points: np.ndarray, degree: int) -> np.ndarray:
    """What of fields, (M, h, w, K), no polynomial of a degree has."""
    y, x = points / np.abs(points).max()
    terms = [y**i * x**j for i in range(degree + 1) for j in range(degree + 1 - i)]
    basis, left = np.stack(terms, axis=-1), np.full_like(fields, np.nan)
    for field, over in zip(fields, left, strict=True):
        seen = np.isfinite(field[..., 0])
        solved = np.linalg.lstsq(basis[seen], field[seen], rcond=None)[0]
        over[seen] = field[seen] - basis[seen] @ solved
    return left
