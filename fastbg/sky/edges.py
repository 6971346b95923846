"""Where seams are in the image itself: to the pixel, where the small copy tells a block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..image.image import Image, is_valid
from ..image.robust import medians
from ..spline.panels import Box, Seam, boxes

PIECES, THICK = 32, 16
"""A seam is looked at in so many pieces; each is the median of so many pixels along it."""

ROWS = 64
"""So many rows of the image are read at a time."""

NEAR, FAR = 1.5, 3.0
"""The blocks on each side in which a sharp seam may be; up to so many times as far, the sky beside
it is taken for a straight line."""

LEAST_BLOCK = 4
"""The least size of a block for this, in pixels."""

OUTLYING = 3.0
"""A pixel counts as one that is so many standard deviations off, if it is further off."""


def placed(seams: Sequence[Seam], image: Image, factor: int) -> list[Seam]:
    """The same seams, moved to the edges that the image has near them, and as soft as those are.

    Parameters
    ----------
    seams : sequence of Seam
        Found in the image that was reduced by `factor`.
    image : Image, linear
    """
    found: list[Seam] = []
    block = max(factor, LEAST_BLOCK)
    for seam in seams:
        box = boxes(found)[seam.panel]
        near = round(NEAR * block)
        if seam.width:
            near = max(near, round(seam.width * image.shape[seam.axis]))
            seam = _softened(_View(seam, box, image, near), block)
        if not seam.width:
            seam = _placed(_View(seam, box, image, near))
        found.append(seam)
    return found


class _View:
    """What is seen of a seam in the image: profiles across it, in pieces along it.

    Attributes
    ----------
    seam : Seam
    size, length : int
        The pixels across the seam and along it.
    along : ndarray, (pieces,)
        The pixels of the pieces along the seam.
    start : ndarray, (pieces,), int
        The pixels across it of the seam as it was given.
    errors : (ndarray, ndarray), (K, pieces, 2 near)
        By how much the image is off the straight line of each side, around the seam, in standard
        deviations of the noise. Only pieces that are known are there.
    """

    def __init__(self, seam: Seam, box: Box, image: Image, near: int) -> None:
        self.seam, self.near = seam, near
        self.size, self.length = image.shape[seam.axis], image.shape[1 - seam.axis]
        first, last = (edge * self.length for edge in box[2 - 2 * seam.axis : 4 - 2 * seam.axis])
        along = first + (np.arange(PIECES) + 0.5) / PIECES * (last - first)
        slope = (seam.last - seam.first) * self.size / self.length
        start = np.rint(seam.first * self.size + slope * along).astype(int)
        profiles = _profiles(image, seam.axis, along, start, round(near * FAR))
        errors = _errors(profiles, near)
        known = np.isfinite(errors).all(axis=(0, 1, 3))
        self.along, self.start, self.errors = along[known], start[known], errors[:, :, known]

    @property
    def known(self) -> bool:
        """Whether enough is seen of it."""
        return len(self.along) >= PIECES // 2

    def moved(self, level: float, slope: float, width: float = 0) -> Seam:
        """The seam through a pixel at the beginning, with a slope in pixels."""
        last = level + slope * self.length
        return replace(
            self.seam, first=level / self.size, last=last / self.size, width=width / self.size
        )


def _softened(view: _View, block: int) -> Seam:
    """The seam with the place and the width that describe the image best; 0 for an edge."""
    if not view.known:
        return view.seam
    before, beyond = view.errors
    at = np.arange(-view.near, view.near) + 0.5
    shifts = np.linspace(-0.6, 0.6, 25) * view.near
    best, found = np.inf, (0.0, 0.0)
    for width in WIDTHS * view.near:
        for shift in shifts:
            share = np.clip((at - shift) / max(width, 1) + 0.5, 0, 1)
            off = (1 - share) * before + share * beyond
            cost = np.minimum(off**2, OUTLYING**2).sum()
            if cost < best:
                best, found = cost, (shift, width)
    shift, width = found
    seam, slope = view.seam, (view.seam.last - view.seam.first) * view.size / view.length
    moved = view.moved(seam.first * view.size + shift, slope, width if width > block else 0)
    return moved


WIDTHS = np.array([0, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9, 1.05, 1.2])
"""The widths that a soft seam may have, as parts of the one with which it was found."""


def _placed(view: _View) -> Seam:
    """The seam through the edge that describes the image best."""
    if not view.known:
        return view.seam
    seam, near, along, start = view.seam, view.near, view.along, view.start
    costs = _costs(view.errors)
    pieces, middle, span = np.arange(len(along)), (along[0] + along[-1]) / 2, along[-1] - along[0]
    tilt = (seam.last - seam.first) * view.size / view.length
    best, found = np.inf, (seam.first * view.size, tilt)
    for turn in range(-near, near + 1):
        slope = tilt + turn / max(span, 1)
        for shift in range(-near, near + 1):
            level = seam.first * view.size + tilt * middle + shift
            at = np.rint(level + slope * (along - middle)).astype(int) - start + near
            if at.min() < 0 or at.max() > 2 * near:
                continue
            cost = costs[pieces, at].sum() + abs(slope) * span * TILT
            if cost < best:
                best, found = cost, (level - slope * middle, slope)
    level, slope = found
    if abs(slope) * span < 1:
        level, slope = float(np.rint(level + slope * middle)), 0.0
    return view.moved(level, slope)


TILT = 1e-3
"""The cost of a pixel of tilt: of edges that are as good, the one along the frame is taken."""


def _profiles(
    image: Image, axis: int, along: np.ndarray, start: np.ndarray, reach: int
) -> np.ndarray:
    """(K, pieces, 2 reach): medians along the seam, across it; NaN where there is no image."""
    size = image.shape[axis]
    own = np.floor(along).astype(int)[:, np.newaxis] + np.arange(THICK) - THICK // 2
    own = np.clip(own, 0, image.shape[1 - axis] - 1)
    profiles = np.full((image.channels, len(along), 2 * reach), np.nan, np.float32)
    if axis == 1:
        for piece, place in enumerate(start):
            low, high = max(0, place - reach), min(size, place + reach)
            band = image.rows(slice(own[piece, 0], own[piece, -1] + 1))[:, :, low:high]
            profiles[:, piece, low - place + reach : high - place + reach] = _medians(band)
        return profiles
    # Few rows at a time, for all of them may be much of the image.
    for top in range(max(0, start.min() - reach), min(size, start.max() + reach), ROWS):
        band = image.rows(slice(top, min(top + ROWS, size)))
        for piece, place in enumerate(start):
            low, high = max(top, place - reach), min(top + band.shape[1], place + reach)
            if low < high:
                part = band[:, low - top : high - top, own[piece, 0] : own[piece, -1] + 1]
                middles = _medians(part.swapaxes(1, 2))
                profiles[:, piece, low - place + reach : high - place + reach] = middles
    return profiles


def _medians(samples: np.ndarray) -> np.ndarray:
    """(K, n): the medians of (K, m, n); NaN where one of the m is missing."""
    known = is_valid(samples).all(axis=1)
    middles: np.ndarray = np.where(known, medians(samples, axis=1), np.nan)
    return middles


def _errors(profiles: np.ndarray, near: int) -> np.ndarray:
    """(2, K, pieces, 2 near): how far profiles are off the lines of both sides; see `_View`."""
    reach = profiles.shape[2] // 2
    at = np.arange(-reach, reach) + 0.5
    middle = slice(reach - near, reach + near)
    steps = np.diff(profiles, axis=2)
    steps = steps[:, np.asarray(np.isfinite(steps).all(axis=(0, 2)))].reshape(len(steps), -1)
    noise = np.ones(len(profiles))
    if steps.size:
        noise = 1.4826 / 2**0.5 * medians(np.abs(steps), axis=1) + np.finfo(np.float32).tiny
    errors = []
    for own in (at < -near, at > near):
        design = np.stack([np.ones(np.count_nonzero(own)), at[own]], axis=1)
        lines = profiles[..., own] @ np.linalg.pinv(design).T
        shown = lines @ np.stack([np.ones(2 * near), at[middle]])
        errors.append((profiles[..., middle] - shown) / noise[:, np.newaxis, np.newaxis])
    return np.clip(np.stack(errors), -1e6, 1e6)


def _costs(errors: np.ndarray) -> np.ndarray:
    """(pieces, 2 near + 1): how badly an edge at each place describes each piece."""
    before, beyond = np.minimum(errors**2, OUTLYING**2).sum(axis=1)
    zero = np.zeros((len(before), 1))
    low = np.hstack([zero, np.cumsum(before, axis=1)])
    high = np.hstack([np.cumsum(beyond[:, ::-1], axis=1)[:, ::-1], zero])
    costs: np.ndarray = low + high
    return costs
