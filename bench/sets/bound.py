"""What noise allows: the least error of gradients that are told from differences of frames.

A cell of frame i of M, divided by the flux scale a_i, is y_i = s + g_i + e_i: the sky's objects s,
which are unknown in every cell, a gradient g_i, and noise e_i of the deviation d_i. Differences
determine g_i - mean(g) and nothing of s or of mean(g). With a surface of p freedoms, least squares
give the projection of y_i - mean(y) onto it, in which s has cancelled. Its error is

* the projection of e_i - mean(e): over n cells on the average, the variance is p / n v_i, with
  v_i = d_i^2 (1 - 2 / M) + sum(d_j^2) / M^2;
* what of g_i - mean(g) is no such surface: it falls as p rises;
* what a_i adds, which the frames have to tell as well. If it is off by a part q_i, then q_i s is
  left in the difference. Let s be r + t, r its projection onto surfaces and t what they leave: t
  tells q_i with the variance v_i / sum(t^2), cell by cell less where light adds noise, and the
  surface is wrong by q_i r. So the variance grows by v_i mean(r^2) / sum(t^2).

The bound is the least root of the sum of these, over polynomials of degrees up to `HIGHEST`; who
chooses the degree knows the truth. The level of a frame does not count, in errors and freedoms, and
all of it is about the part of the field that all frames see. Cells are means; where a sample of one
is near saturation it tells nothing of a_i.
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

SATURATED = 0.9
"""Light above this part of the range tells nothing of flux scales."""


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


def bounds(
    frames: Sequence[Frame], points: np.ndarray, factor: int, light: np.ndarray
) -> tuple[np.ndarray, float]:
    """The bound of each frame, (M, K), on the scale of the field, and the median of the freedoms.

    Parameters
    ----------
    frames, points
        See `sampled`.
    factor : int
        The side of a cell in pixels.
    light : ndarray, (H, W, K), linear
        What an unturned frame in the middle of the field sees of it, without noise.
    """
    truth = relative(np.stack([sampled(f.background, f, points) / f.scale for f in frames]))
    deviation = np.stack([f.noise / f.scale for f in frames]) / factor
    area = np.isfinite(truth[0, ..., 0]).sum() * (points[0, 1, 0] - points[0, 0, 0]) ** 2
    cells = np.array([[area / (factor * f.grid.scale) ** 2] for f in frames])
    count = len(frames)
    # The variance of a cell of y_i - mean(y).
    variance = deviation**2 * (1 - 2 / count) + (deviation**2).sum(axis=0) / count**2
    level = np.median([np.median(f.image[f.valid] / f.scale, axis=0) for f in frames], axis=0)
    seen = np.isfinite(truth[0, ..., 0]).mean()
    errors, freedoms = [], []
    for degree in range(1, HIGHEST + 1):
        free = (degree + 1) * (degree + 2) // 2 - 1
        noise = free / cells + _of_scales(light, factor, degree, level) / seen
        errors.append(rms(_no_polynomial(truth, points, degree)) ** 2 + noise * variance)
        freedoms.append(free)
    best = np.argmin(errors, axis=0)
    return np.sqrt(np.min(errors, axis=0)), float(np.median(np.take(freedoms, best)))


def _of_scales(light: np.ndarray, factor: int, degree: int, level: np.ndarray) -> np.ndarray:
    """(K,): mean(r^2) / sum(t^2), see above, over the cells of a frame."""
    height, width = (size // factor for size in light.shape[:2])
    whole = light[: height * factor, : width * factor]
    blocks = whole.reshape(height, factor, width, factor, -1)
    cells, told = blocks.mean(axis=(1, 3)), blocks.max(axis=(1, 3)) < SATURATED
    where = np.indices((height, width)) - np.reshape([height / 2, width / 2], (2, 1, 1))
    fine = _no_polynomial(cells[np.newaxis], where, degree)[0]
    smooth = cells - fine
    smooth -= smooth.mean(axis=(0, 1))
    more = 1 + np.maximum(cells - np.median(cells, axis=(0, 1)), 0) / level
    found: np.ndarray = (smooth**2).mean(axis=(0, 1)) / (told * fine**2 / more).sum(axis=(0, 1))
    return found


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
