"""What is fine in the frames, stars and structure: it tells which of them show the same field."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..image.robust import robust_sigma
from .surfaces import STIFFNESSES, Surfaces

LIMIT = 10.0
"""Detail counts up to so many standard deviations of the noise: one saturated star is no field."""

BRIGHT = 6.0
"""Standard deviations of the noise above the smooth part of a frame at which a pixel is bright."""

SIGNIFICANT = 6.0
"""Two frames show the same detail if it is correlated so many times as strongly as noise is, ..."""

SIMILAR = 0.15
"""... and at least with this part of the median correlation of the others."""

ROUNDS, CLIPPED = 2, 3.0
"""Smooth parts are fitted so many times, to values within so many standard deviations of them."""


@dataclass(frozen=True, eq=False)
class Likeness:
    """How alike the detail of frames is, summed over channels.

    Attributes
    ----------
    products : ndarray, (n, n)
        Sums of the products of detail, in units of the noise, over the pixels that two share.
    squares : ndarray, (n, n)
        Sums of the squares of the first of the two over the same pixels.
    pixels, bright : ndarray, (n, n) and (n,)
        The number of these pixels, and of the bright pixels of each frame.
    """

    products: np.ndarray
    squares: np.ndarray
    pixels: np.ndarray
    bright: np.ndarray

    @classmethod
    def of(cls, detail: np.ndarray, noise: np.ndarray, valid: np.ndarray) -> Likeness:
        """From the detail of one channel, (n, h w), 0 where missing, and its noise, (n,).

        The detail is overwritten.
        """
        detail /= np.maximum(noise, np.finfo(np.float32).tiny)[:, np.newaxis]
        scaled = detail
        bright = np.count_nonzero(scaled > BRIGHT, axis=1)
        np.clip(scaled, -LIMIT, LIMIT, out=scaled)
        products, known = scaled @ scaled.T, valid.astype(np.float32)
        np.square(scaled, out=scaled)
        return cls(products, scaled @ known.T, known @ known.T, bright)

    def __add__(self, other: Likeness) -> Likeness:
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Likeness(*(mine + theirs for mine, theirs in pairs))

    @property
    def correlation(self) -> np.ndarray:
        """(n, n): the correlation of each two frames; 0 where they share nothing."""
        root = np.sqrt(self.squares * self.squares.T)
        return np.divide(self.products, root, out=np.zeros_like(root), where=root > 0)

    @property
    def significance(self) -> np.ndarray:
        """(n, n): the correlation in units of that of noise."""
        return self.correlation * np.sqrt(np.maximum(self.pixels, 1))


def members(likeness: Likeness) -> np.ndarray | None:
    """(n,) bool: the largest group of frames that show the same; None if no two do."""
    correlation = likeness.correlation * (likeness.significance > SIGNIFICANT)
    np.fill_diagonal(correlation, 0)
    alike = correlation > 0
    if not alike.any():
        return None
    # Frames need not overlap with all others: a chain of pairs is enough.
    pivot = int(np.argmax(np.where(alike, correlation, 0).sum(axis=1)))
    typical = np.array(
        [
            np.median(row[own]) if own.any() else 0
            for row, own in zip(correlation, alike, strict=True)
        ]
    )
    found = np.zeros(len(alike), bool)
    found[pivot] = True
    while True:
        more = found | (alike[found].any(axis=0) & (typical > SIMILAR * np.median(typical[found])))
        if (more == found).all():
            return found
        found = more


def smooth_parts(
    planes: np.ndarray,
    valid: np.ndarray,
    surfaces: Surfaces,
    stiffness: float = STIFFNESSES[-1],
) -> tuple[np.ndarray, np.ndarray]:
    """The smooth part of each frame, whatever it is, and the detail that is left.

    Parameters
    ----------
    planes : ndarray, (n, h w), float32, linear; 0 where missing
    valid : ndarray, (n, h w), bool
    surfaces : Surfaces
    stiffness : float, optional

    Returns
    -------
    coordinates : ndarray, (n, M)
    detail : ndarray, (n, h w), float32, linear; 0 where missing
    """
    coordinates = np.zeros((len(planes), len(surfaces.energy)))
    detail = planes.copy()
    for number, own in enumerate(valid):
        if not own.any():
            continue
        equations = surfaces.equations(own.astype(np.float32))
        level = np.median(planes[number][own])
        constant = surfaces.constant * level
        coordinates[number] = constant
        detail[number] -= level * own
        for _ in range(ROUNDS):
            within = CLIPPED * robust_sigma(detail[number][own])
            slope = surfaces.along(np.clip(detail[number], -within, within))
            change = np.linalg.solve(*equations.of(slope, coordinates[number], stiffness))
            coordinates[number] += change
            detail[number] -= surfaces.values(change) * own
    return coordinates, detail


def noise_of(planes: np.ndarray, valid: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """(n,), linear: the noise of a pixel of each frame, by its difference from its neighbours.

    Where most of these are alike, so that rounding hides the noise, it is that of rounding. A pixel
    without neighbours on both sides differs from the others by its noise, and may by more.
    """
    found = []
    for plane, own in zip(planes, valid, strict=True):
        grid = np.where(own, plane, np.nan).reshape(shape)
        along = grid if shape[1] > 2 else grid.T
        off = (along[:, 1:-1] - (along[:, :-2] + along[:, 2:]) / 2) / 1.5**0.5
        known = off if np.isfinite(off).any() else plane[own]
        found.append(robust_sigma(known) or _rounding(plane[own]))
    return np.array(found)


def _rounding(values: np.ndarray) -> float:
    """The standard deviation of what was rounded away, for the smallest step between values."""
    steps = np.diff(np.unique(values))
    least = float(np.abs(values).max()) * float(np.finfo(np.float32).eps)
    return max(float(steps.min()) if steps.size else 0.0, least) / 12**0.5
