"""The flux scale of frames: how bright the detail of each is, compared with that of a composite.

Detail is smoothed first, and its Laplacian is fitted beside it: to first order, other seeing adds a
part of the Laplacian to an image, and takes no light away.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache

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

LEAST_OTHERS = 0.05
"""All other zones count as at least this part of the detail in the error that one of them tells."""

TELLING = 0.2
"""A zone tells of the transparency there if it has this part of the detail of the average zone."""

TINY = float(np.finfo(np.float32).tiny)

LEAST, MOST = 1e-3, 0.9
"""A smoothed pixel counts if more than the second part of what it comes from is known; the first
one keeps the others finite."""


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
        known = weight > 0
        values = _smoothed(fine[0] * known, known, deviation, surfaces.shape)[0]
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
        are not `valid`; overwritten.
    detail : Detail
    scale : ndarray, (n,)
    surfaces : Surfaces
        What frames may differ by otherwise: detail that is alike tells nothing.
    """
    shape = len(left), *surfaces.shape
    smooth, seen = left.reshape(shape), np.empty(shape, bool)
    for number, each in enumerate(zip(left, valid, strict=True)):
        smooth[number], seen[number] = _smoothed(*each, detail.deviation, surfaces.shape)
    noise = np.array([robust_sigma(plane[own]) for plane, own in zip(smooth, seen, strict=True)])
    noise = np.nan_to_num(noise, nan=1.0).astype(np.float32)
    scale = scale.astype(np.float32)
    pair = np.stack([detail.values, detail.laplacian])
    tolerance = np.full(len(left), TOLERANCES[1], np.float32)
    change: np.ndarray = np.zeros((len(left), 2))
    weight, matrix, right = np.empty_like(smooth), np.empty((len(left), 2, 2)), change.copy()
    # Frame by frame: a hundred of them would take much memory.
    for turn in range(ROUNDS):
        for number, plane in enumerate(smooth):
            off = _off(plane, change[number], pair)
            told = noise[number], scale[number], detail
            if turn:
                tolerance[number] = _tolerance(off, *told, seen[number])
            expected = _expected(*told, tolerance[number])
            own = np.clip(1 - (off / (REJECTED * expected)) ** 2, 0, 1) ** 2 / expected**2
            weight[number] = own * seen[number]
        mean = weight.mean(axis=0).ravel()
        flat = smoothed(pair.reshape(2, -1), mean, surfaces, detail.stiffness)[1]
        for number, plane in enumerate(smooth):
            weighted = flat * weight[number].ravel()
            matrix[number], right[number] = weighted @ flat.T, weighted @ plane.ravel()
        matrix[:, (0, 1), (0, 1)] += 1e-9 * np.trace(matrix, axis1=1, axis2=2)[:, np.newaxis] + TINY
        change = np.linalg.solve(matrix, right[..., np.newaxis])[..., 0]
    share = np.where(matrix[:, 1, 1] > 0, matrix[:, 0, 1] / matrix[:, 1, 1], 0)
    flat, rows = flat.reshape(pair.shape), []
    for number, part in enumerate(share):
        # The part of the detail that its Laplacian does not explain carries the scale.
        carries, off = flat[0] - part * flat[1], _off(smooth[number], change[number], pair)
        expected = _expected(noise[number], scale[number], detail, tolerance[number])
        used, every = carries * weight[number], carries * seen[number] / expected**2
        error = _error(used * off, used * detail.values)
        rows.append((error, _patchy(every * off, every * detail.values)))
    return Compared(change[:, 0], *np.array(rows).T)


def _off(smooth: np.ndarray, change: np.ndarray, pair: np.ndarray) -> np.ndarray:
    """What is left of smoothed detail, (h, w), without a change of its scale and seeing, (2,)."""
    found: np.ndarray = smooth - np.tensordot(change.astype(np.float32), pair, 1)
    return found


def _smoothed(
    plane: np.ndarray, valid: np.ndarray, deviation: float, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """A plane, (h w,), smoothed where it is valid, (h, w), and where most of that is."""
    known, most = _known(valid.tobytes(), deviation, shape)
    return gaussian_mean(plane.reshape(shape), deviation, np.float32) / known, most


@lru_cache(maxsize=8)  # frames on one grid have the same valid pixels, in all rounds
def _known(valid: bytes, deviation: float, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """What smoothing takes of valid pixels, bool, (h, w), and where that is most of it."""
    plane = np.frombuffer(valid, bool).reshape(shape)
    known = gaussian_mean(plane, deviation, np.float32)
    return np.maximum(known, np.float32(LEAST)), known > MOST


def _tolerance(
    off: np.ndarray, noise: float, scale: float, detail: Detail, seen: np.ndarray
) -> float:
    """The part within which bright detail of a frame agrees."""
    bright = seen & (scale * np.abs(detail.values) > BRIGHT * noise)
    if np.count_nonzero(bright) <= MANY:
        return TOLERANCES[1]
    # The noise scatters it as well.
    part = 1 / (scale * detail.values[bright])
    found = robust_sigma(off[bright] * part) ** 2 - float(np.median((noise * part) ** 2))
    return float(np.clip(max(found, 0.0) ** 0.5, TOLERANCES[0], TOLERANCES[2]))


def _expected(noise: float, scale: float, detail: Detail, part: float) -> np.ndarray:
    """(h, w): the standard deviation of smoothed pixels, for a tolerated part of the detail."""
    # By way of float64, in a third of the time of numpy.hypot.
    square = (part * scale * detail.values).astype(np.float64)
    square *= square
    square += float(noise) ** 2
    found: np.ndarray = np.sqrt(square, out=square).astype(np.float32) + TINY
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


def _error(slope: np.ndarray, curvature: np.ndarray) -> float:
    """The standard error of a scale, by how far it moves without each zone of the frame.

    The scale follows a zone with most of the detail, which then leaves little there: what is left
    of a zone is compared with the scale that the others tell.
    """
    total = float(curvature.sum())
    if total <= 0:
        return np.inf
    others = np.maximum(total - _of_zones(curvature), LEAST_OTHERS * total)
    return float(np.sqrt(((_of_zones(slope) / others) ** 2).sum()))


def _patchy(slope: np.ndarray, curvature: np.ndarray) -> float:
    """The scatter of the scale over zones that have enough detail; nothing in them is rejected."""
    slopes, curvatures = _of_zones(slope), _of_zones(curvature)
    telling = curvatures > TELLING * curvatures.sum() / curvatures.size
    local = slopes[telling] / curvatures[telling]
    return robust_sigma(local) if telling.sum() > ZONES else 0.0


def _of_zones(plane: np.ndarray) -> np.ndarray:
    """The sums over zones of the frame."""
    rows, columns = map(_first_of_zones, plane.shape)
    found: np.ndarray = np.add.reduceat(np.add.reduceat(plane, rows, axis=0), columns, axis=1)
    return found


@cache  # for all frames in all rounds, and it takes as long as the sums
def _first_of_zones(size: int) -> np.ndarray:
    """Where the zones along a side begin."""
    return np.unique(np.linspace(0, size, ZONES + 1).astype(int)[:-1])


def _laplacian(values: np.ndarray) -> np.ndarray:
    padded = np.pad(values, 1, mode="edge")
    found: np.ndarray = (
        padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:] - 4 * values
    )
    return found
