"""The flux scale of frames: how bright the detail of each is, compared with that of a composite.

Detail is smoothed first, and its Laplacian is fitted beside it: to first order, other seeing adds a
part of the Laplacian to an image, and takes no light away.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..image.robust import robust_sigma
from ..sky.neighbourhood import gaussian_mean
from .surfaces import Surfaces, penalised

TOLERANCES = (0.003, 0.02, 0.05)
"""Detail agrees within a part of it: no bright star may outweigh all others, nor a saturated one
decide. The least part, the one to begin with, and the largest one."""

BRIGHT = 30.0
"""Detail of so many standard deviations of the noise tells that part."""

REJECTED = 4.0
"""A pixel counts nothing if it is so many standard deviations off (Tukey's biweight)."""

ZONES = 6
"""The zones along each side, whose scatter tells the standard error of a scale."""

MANY = 20
"""The least number of pixels that do."""

ROUNDS = 2
"""Weights and scales are found by turns."""

TINY = float(np.finfo(np.float32).tiny)

LEAST = 1e-3
"""A smoothed pixel of which less than this part is known counts nothing."""


@dataclass(frozen=True, eq=False)
class Detail:
    """The smoothed detail of a composite.

    Attributes
    ----------
    values, laplacian : ndarray, (h, w), linear
    deviation : float
        Of the Gaussian, in pixels.
    smooth : ndarray, (M,)
        The coordinates of what is smooth in the composite.
    stiffness : float
        That of surfaces by which frames may differ.
    """

    values: np.ndarray
    laplacian: np.ndarray
    deviation: float
    smooth: np.ndarray
    stiffness: float

    @classmethod
    def of(
        cls,
        composite: np.ndarray,
        weight: np.ndarray,
        surfaces: Surfaces,
        stiffness: float,
        deviation: float,
    ) -> Detail:
        """From a composite and its weights, (h w,), for surfaces that are so stiff."""
        smooth, fine = smoothed(composite[np.newaxis], weight, surfaces, stiffness)
        plane = fine.reshape(surfaces.shape).astype(float)
        values = gaussian_mean(plane, deviation).astype(np.float32)
        return cls(values, _laplacian(values), deviation, smooth[0], stiffness)


@dataclass(frozen=True, eq=False)
class Compared:
    """Scales of frames beyond those that were assumed.

    Attributes
    ----------
    change, error : ndarray, (n,)
        What to add to the scale, and its standard error.
    patchy : ndarray, (n,)
        How much the scale scatters over the zones of the frame, beyond its errors.
    """

    change: np.ndarray
    error: np.ndarray
    patchy: np.ndarray


def compared(
    left: np.ndarray, valid: np.ndarray, detail: Detail, scale: np.ndarray, surfaces: Surfaces
) -> Compared:
    """Compare what is left of frames with the detail of their composite.

    Parameters
    ----------
    left : ndarray, (n, h w), float32, linear
        Frames without their smooth surfaces and without the composite times `scale`; 0 where they
        are not `valid`.
    detail : Detail
    scale : ndarray, (n,)
    surfaces : Surfaces
        What frames may differ by otherwise: detail that is alike tells nothing.
    """
    smooth, seen = _smoothed(left, valid, detail.deviation, surfaces.shape)
    noise = np.array([robust_sigma(plane[own]) for plane, own in zip(smooth, seen, strict=True)])
    noise = np.nan_to_num(noise, nan=1.0).astype(np.float32)
    scale = scale.astype(np.float32)
    pair = np.stack([detail.values, detail.laplacian])
    off, tolerance = smooth, np.full(len(left), TOLERANCES[1], np.float32)
    for _ in range(ROUNDS):
        weight = _weights(off, noise, tolerance * scale, detail) * seen
        mean = weight.mean(axis=0).ravel()
        flat = smoothed(pair.reshape(2, -1), mean, surfaces, detail.stiffness)[1]
        own = flat.reshape(pair.shape)
        matrix = np.einsum("ayx,byx,nyx->nab", own, pair, weight)
        matrix[:, (0, 1), (0, 1)] += 1e-9 * np.trace(matrix, axis1=1, axis2=2)[:, np.newaxis] + TINY
        right = np.einsum("ayx,nyx->na", own, weight * smooth)
        change = np.linalg.solve(matrix, right[..., np.newaxis])[..., 0]
        off = smooth - np.tensordot(change.astype(np.float32), pair, 1)
        tolerance = _tolerances(off, noise, scale, detail, seen)
    share = np.where(matrix[:, 1, 1] > 0, matrix[:, 0, 1] / matrix[:, 1, 1], 0)
    rows = []
    for plane, own_weight, part in zip(off, weight, share, strict=True):
        # The part of the detail that its Laplacian does not explain carries the scale.
        carries = own_weight * (own[0] - part * own[1])
        rows.append(_scatter(carries * plane, carries * detail.values))
    return Compared(change[:, 0], *np.array(rows).T)


def _smoothed(
    left: np.ndarray, valid: np.ndarray, deviation: float, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """(n, h, w): smoothed planes, and where at least half of what they come from is valid."""
    smooth = np.empty((len(left), *shape), np.float32)
    seen = np.empty(smooth.shape, bool)
    for number, (plane, own) in enumerate(zip(left, valid, strict=True)):
        known = gaussian_mean(own.reshape(shape).astype(float), deviation)
        seen[number] = known > 0.5
        smooth[number] = gaussian_mean(plane.reshape(shape).astype(float), deviation)
        smooth[number] /= np.maximum(known, LEAST)
    return smooth, seen


def _tolerances(
    off: np.ndarray, noise: np.ndarray, scale: np.ndarray, detail: Detail, seen: np.ndarray
) -> np.ndarray:
    """(n,): the part within which bright detail of each frame agrees."""
    found = np.full(len(off), TOLERANCES[1])
    for number, (plane, sigma, times, own) in enumerate(zip(off, noise, scale, seen, strict=True)):
        bright = own & (times * np.abs(detail.values) > BRIGHT * sigma)
        if np.count_nonzero(bright) > MANY:
            found[number] = robust_sigma(plane[bright] / (times * detail.values[bright]))
    clipped = np.clip(found, TOLERANCES[0], TOLERANCES[2]).astype(np.float32)
    return np.asarray(clipped)


def _weights(
    off: np.ndarray, noise: np.ndarray, part: np.ndarray, detail: Detail
) -> np.ndarray:
    """(n, h, w): the weights of smoothed pixels that are so far off, for a tolerated part each."""
    bright = np.abs(part[:, np.newaxis, np.newaxis] * detail.values)
    expected = np.hypot(noise[:, np.newaxis, np.newaxis], bright) + TINY
    found: np.ndarray = np.clip(1 - (off / (REJECTED * expected)) ** 2, 0, 1) ** 2 / expected**2
    return found


def smoothed(
    planes: np.ndarray, weight: np.ndarray, surfaces: Surfaces, stiffness: float
) -> tuple[np.ndarray, np.ndarray]:
    """The least-squares surfaces of planes, (m, h w), for weights, (h w,), and what they leave."""
    own = weight.astype(np.float32)
    total = float(own.sum())
    matrix = penalised(surfaces.products(own), surfaces.energy, stiffness, total)
    left, coordinates = planes.astype(np.float32), np.zeros((len(planes), len(matrix)))
    for _ in range(2):  # the products are those of cells, and the second step mends that
        slope = surfaces.along(left * own) - total * stiffness * surfaces.energy * coordinates
        change = np.linalg.solve(matrix, slope.T).T
        coordinates += change
        left = left - surfaces.values(change)
    return coordinates, left


def _scatter(slope: np.ndarray, curvature: np.ndarray) -> tuple[float, float]:
    """The standard error of a scale, and how much it scatters beyond, from sums over zones."""
    edges = [np.linspace(0, size, ZONES + 1).astype(int)[:-1] for size in slope.shape]

    def summed(plane: np.ndarray) -> np.ndarray:
        rows = np.add.reduceat(plane, np.unique(edges[0]), axis=0)
        total: np.ndarray = np.add.reduceat(rows, np.unique(edges[1]), axis=1)
        return total

    slopes, curvatures = summed(slope), summed(curvature)
    total = curvatures.sum()
    if total <= 0:
        return np.inf, 0.0
    error = float(np.sqrt((slopes**2).sum()) / total)
    # Zones with much detail tell of transparency that differs over the frame.
    telling = curvatures > 0.2 * total / curvatures.size
    local = slopes[telling] / curvatures[telling]
    return error, robust_sigma(local) if telling.sum() > 3 else 0.0


def _laplacian(values: np.ndarray) -> np.ndarray:
    padded = np.pad(values, 1, mode="edge")
    found: np.ndarray = (
        padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:] - 4 * values
    )
    return found
