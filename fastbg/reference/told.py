"""What tells how much of a reference is in an image: stars, and structure, faint and bright.

Of two linear images, the scale is the same wherever it is looked at. Stretching one of them makes
faint light stronger than bright light, so that the scale changes with brightness.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from ..image.robust import MAD_TO_SIGMA
from ..sky.neighbourhood import gaussian_mean
from .band import FINE, Band
from .combination import Combination, combine
from .copies import Copies
from .linearity import trend

STAR_SIGMA = 5.0
"""A block has the light of stars if its mean exceeds its median by so many standard deviations."""

ANOTHER = 0.7
"""A block has the light of something else if one image has this part more of it than the other."""

STAR_ERROR = 0.01
"""The relative error of what stars tell that no scatter shows: halos differ between telescopes."""

SPREAD = 0.01
"""A neighbourhood belongs to what fills more than this part of it."""

LEAST_BLOCKS = 20
"""With fewer blocks that have the light of stars in both images, nothing tells their ratio."""

OUTLYING = 8.0
"""Images differ where a band is so many standard deviations off."""

PARTS = 4
"""The parts of the frame along each side, of a jackknife."""

MOST_ERROR = 0.1
"""The largest relative standard error of a scale that is determined."""

INEXACT = 0.03
"""A scale is doubtful above this relative standard error."""

CONTRADICTS = 0.2, 5.0
"""Stars and structure contradict each other if their scales are apart by more than this part, and
by so many standard errors."""

CHANGES = 0.1, 6.0
"""A scale changes with brightness if it rises or falls by more than this part of it, and by so many
standard errors."""


@dataclass(frozen=True, eq=False)
class Told:
    """What tells the scale of one channel.

    Attributes
    ----------
    stars, structure : Combination
    coarser : float
        The scales of the band in which they were found are so many times as large.
    trend : (float, float)
        By what part of itself the scale rises from faint to bright structure, and the standard
        error of that.
    """

    stars: Combination
    structure: Combination
    coarser: float = 1.0
    trend: tuple[float, float] = 0.0, math.inf

    @property
    def contradictory(self) -> bool:
        """Whether stars and structure contradict each other, and both are determined."""
        one, other = self.stars, self.structure
        return max(one.error, other.error) <= MOST_ERROR and _apart(CONTRADICTS, one, other)

    @property
    def changing(self) -> bool:
        """Whether the scale changes with brightness."""
        rise, error = self.trend
        return CHANGES[1] * error < abs(rise) > CHANGES[0]

    @property
    def by(self) -> str:
        """Which of them is taken: the surer one, and of two that contradict, what objects tell."""
        surer = np.hypot(self.stars.error, STAR_ERROR) < self.structure.error
        return "stars" if surer and not self.contradictory else "structure"

    @property
    def taken(self) -> Combination:
        return self.stars if self.by == "stars" else self.structure


def tell(copies: Copies, usable: np.ndarray, coarser: float = 1.0) -> tuple[list[Told], np.ndarray]:
    """What tells the scale of each channel, and where the images differ all the same, (h, w).

    Parameters
    ----------
    copies : Copies
    usable : ndarray, (h, w), bool
    coarser : float
        See `Told`.
    """
    size = coarser * copies.size
    image = Band.of(copies.image, usable, size, moves=False)
    pixel = 0.0 if copies.mapping.how == "same grid" else copies.pixel
    reference = Band.of(copies.reference, usable, size, pixel=pixel)
    stars, others_light = _stars(copies, usable)
    starry, inside = around(stars), image.inside & ~around(others_light)
    structured, part = inside & ~starry, _parts(usable.shape)
    channels, others = copies.image.shape[2], copies.reference.shape[2]

    def compare(channel: int, moved: np.ndarray | None = None) -> Told:
        own = channels_of(channel, channels, others)
        target, light = image.values[..., channel], reference.values[..., own]
        derivatives, noise = reference.derivatives[..., own, :], reference.noise[own]
        stars, structure = (
            combine(target[at], light[at], derivatives[at], noise, part[at], moved)
            for at in (inside & starry, structured)
        )
        return Told(stars, structure, coarser)

    told = [compare(channel) for channel in range(channels)]
    surest = min((each.taken for each in told), key=lambda taken: taken.error)
    if surest.error <= INEXACT:
        # All channels are displaced alike, but in a faint one noise hides it.
        told = [
            compare(channel, surest.moved) if each.taken.error > INEXACT else each
            for channel, each in enumerate(told)
        ]
    differs = np.zeros_like(usable)
    smooth = _smooth(copies.without_stars, usable, FINE * size)
    for channel, each in enumerate(told):
        own = channels_of(channel, channels, others)
        light = each.taken.of(reference.values[..., own], reference.derivatives[..., own, :])
        target = image.values[..., channel]
        bright = smooth[..., own] @ each.taken.factors
        places = target[structured], light[structured], part[structured], bright[structured]
        rise = trend(*places, each.taken.variance(reference.noise[own]))
        told[channel] = replace(each, trend=rise)
        off = np.abs(target - light)
        if inside.any():
            differs |= off > OUTLYING * MAD_TO_SIGMA * np.median(off[inside])
    return told, differs & usable


def channels_of(channel: int, channels: int, others: int) -> slice:
    """The channels of a reference of which one of an image is made."""
    return slice(channel, channel + 1) if channels == others else slice(others)


def around(cells: np.ndarray, reach: float = FINE) -> np.ndarray:
    """(h, w) bool: with their neighbourhood."""
    near: np.ndarray = gaussian_mean(cells.astype(float), reach) > SPREAD
    return near


def _stars(copies: Copies, usable: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(h, w) bool, twice: the blocks with the light of stars, and those with another one's light.

    A satellite is in one of both images alone, and would outweigh the stars.
    """
    ours, theirs = (
        _light_of_stars(*both, usable)
        for both in ((copies.image, copies.fitted), (copies.reference, copies.without_stars))
    )
    starry = usable & (ours + theirs > 2 * STAR_SIGMA)
    both = usable & (np.minimum(ours, theirs) > STAR_SIGMA)
    if np.count_nonzero(both) < LEAST_BLOCKS:
        return starry, starry
    theirs = theirs * np.median(ours[both] / theirs[both])
    most = np.maximum(ours, theirs)
    return starry, starry & (np.abs(ours - theirs) > ANOTHER * most)


def _light_of_stars(means: np.ndarray, medians: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """(h, w): by how many standard deviations means exceed medians, the mean over the channels."""
    total = np.zeros(usable.shape)
    for plane in np.moveaxis(means - medians, 2, 0):
        seen = plane[usable]
        middle = np.median(seen) if seen.size else 0.0
        scatter = MAD_TO_SIGMA * np.median(np.abs(seen - middle)) if seen.size else 0.0
        total += np.where(usable, (plane - middle) / (scatter + np.finfo(np.float32).tiny), 0)
    stars: np.ndarray = total / means.shape[2]
    return stars


def _parts(shape: tuple[int, int]) -> np.ndarray:
    """(h, w): the number of the part of the frame."""
    row, column = (np.arange(size) * PARTS // size for size in shape)
    return row[:, np.newaxis] * PARTS + column


def _smooth(image: np.ndarray, usable: np.ndarray, deviation: float) -> np.ndarray:
    """(h, w, R): an image without its noise; anything where it cannot be used."""
    near = np.maximum(gaussian_mean(usable.astype(float), deviation), SPREAD)
    planes = (np.where(usable, plane, 0) for plane in np.moveaxis(image, 2, 0))
    return np.stack([gaussian_mean(plane, deviation) / near for plane in planes], axis=2)


def _apart(limits: tuple[float, float], one: Combination, other: Combination) -> bool:
    """Whether two scales differ by more than a part of them, and by so many standard errors."""
    part, sigma = limits
    scale = other.factors.sum()
    apart = abs(one.factors.sum() / scale - 1) if scale else np.inf
    return bool(apart > max(part, sigma * np.hypot(one.error, other.error)))
