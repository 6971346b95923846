"""The scale between an image and a reference, by the stars or the structure that both have.

The light between the scales of stars and of gradients is compared, in means of blocks: of a star,
they hold all of the light, however sharp it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..image.robust import MAD_TO_SIGMA
from ..sky.blas import one_thread
from ..sky.neighbourhood import gaussian_mean
from .band import COARSE, FINE, Band
from .combination import Combination, combine
from .copies import Copies

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

BESIDE = 0.5
"""The reach of what is saturated: there may be many such stars, and beside them all is linear."""

PARTS = 4
"""The parts of the frame along each side, of a jackknife."""

MOST_ERROR = 0.1
"""The largest relative standard error of a scale that is determined."""

INEXACT = 0.03
"""A scale is doubtful above this relative standard error."""

COARSER = 2.0
"""What is too faint against the noise for an exact scale is looked at in a band this many times as
coarse, too."""

ROOM = 6.0
"""The frame must be this many times as wide as the coarser Gaussian of that band: with less of its
structure, the parts of a jackknife tell too small an error."""

CONTRADICTS = 0.2, 5.0
"""Two scales contradict each other if they are apart by more than this part, and by so many
standard errors."""

MOST_DISPLACED = 1.0
"""A reference is not registered if it is displaced by more than this, in units of `FINE`."""


@dataclass(frozen=True, eq=False)
class Scale:
    """How much of each channel of a reference is in each channel of an image.

    Attributes
    ----------
    factors : ndarray, (K, R)
    covariance : ndarray, (K, R, R)
        Of the factors of each channel; 0 where they were given.
    error : ndarray, (K,)
        The standard errors of the sums, relative to them.
    told_by : tuple of str
        What tells each: "stars", "structure" or "given".
    displaced : (float, float)
        How far down and to the right the reference seems to be displaced, in pixels of the image.
    doubts : tuple of str
        Whole sentences with a cure, without a period.
    """

    factors: np.ndarray
    covariance: np.ndarray
    error: np.ndarray
    told_by: tuple[str, ...]
    displaced: tuple[float, float]
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class _Told:
    """What tells the scale of one channel, in a band so many times as coarse."""

    stars: Combination
    structure: Combination
    coarser: float = 1.0

    @property
    def contradictory(self) -> bool:
        one, other = self.stars, self.structure
        return max(one.error, other.error) <= MOST_ERROR and _contradicts(
            one.factors.sum(), other.factors.sum(), one.error, other.error
        )

    @property
    def by(self) -> str:
        """Which of them is taken: the surer one, and of two that contradict, what objects tell."""
        surer = np.hypot(self.stars.error, STAR_ERROR) < self.structure.error
        return "stars" if surer and not self.contradictory else "structure"

    @property
    def taken(self) -> Combination:
        return self.stars if self.by == "stars" else self.structure


@one_thread
def scale_of(copies: Copies, given: tuple[float, ...] = ()) -> Scale:
    """Find the scale, or compare one that is given with what the images tell.

    Parameters
    ----------
    copies : Copies
    given : tuple of float, optional
        One number, or one for each channel of the image, or of the reference of a mono image.

    Raises
    ------
    InputError
        If the scale is not positive or not determined, or the reference is not registered.
    """
    usable = copies.covered & ~_around(copies.saturated, BESIDE)
    told, differs = _told(copies, usable)
    if differs.any():
        # In a band, what differs reaches far.
        told, _ = _told(copies, usable & ~differs)
    room = min(usable.shape) >= ROOM * COARSER * copies.size * COARSE
    if room and max(each.taken.error for each in told) > INEXACT:
        coarser, _ = _told(copies, usable & ~differs, COARSER)
        both = zip(told, coarser, strict=True)
        told = [min(each, key=lambda told: told.taken.error) for each in both]
    channels, others = copies.image.shape[2], copies.reference.shape[2]
    factors, covariance = np.zeros((channels, others)), np.zeros((channels, others, others))
    for channel, each in enumerate(told):
        own = _channels(channel, channels, others)
        factors[channel, own] = each.taken.factors
        covariance[channel, own, own] = each.taken.covariance
    sure = [each for each in told if each.taken.error <= MOST_ERROR]
    moves = [each.coarser * each.taken.moved[:2] for each in sure]
    moved = np.median(moves, axis=0) if moves else np.zeros(2)
    unit = FINE * copies.size * copies.factor
    if np.hypot(*moved) > MOST_DISPLACED:
        pixels = unit * np.hypot(*moved)
        raise InputError(
            f"the reference is displaced by some {pixels:.2g} pixels: register it to the image"
        )
    down, right = (float(unit * each) for each in moved)
    if given:
        by_hand = _by_hand(given, channels, others)
        doubts = tuple(_against(by_hand, told))
        nothing = np.zeros_like(covariance)
        how = ("given",) * channels
        return Scale(by_hand, nothing, np.zeros(channels), how, (down, right), doubts)
    for channel, each in enumerate(told):
        _check(each.taken, f"channel {channel + 1}" if channels > 1 else "the image")
    error = np.array([each.taken.error for each in told])
    doubts = (*_contradictions(told), *_inexact(told))
    return Scale(factors, covariance, error, tuple(each.by for each in told), (down, right), doubts)


def _told(
    copies: Copies, usable: np.ndarray, coarser: float = 1.0
) -> tuple[list[_Told], np.ndarray]:
    """What tells the scale of each channel, and where the images differ all the same, (h, w).

    The scales of the band are so many times as large.
    """
    size = coarser * copies.size
    image = Band.of(copies.image, usable, size, moves=False)
    pixel = 0.0 if copies.mapping.how == "same grid" else copies.pixel
    reference = Band.of(copies.reference, usable, size, pixel=pixel)
    stars, others_light = _stars(copies, usable)
    starry, inside = _around(stars), image.inside & ~_around(others_light)
    part = _parts(usable.shape)
    channels, others = copies.image.shape[2], copies.reference.shape[2]

    def tell(channel: int, moved: np.ndarray | None = None) -> _Told:
        own = _channels(channel, channels, others)
        target, light = image.values[..., channel], reference.values[..., own]
        derivatives, noise = reference.derivatives[..., own, :], reference.noise[own]
        stars, structure = (
            combine(target[at], light[at], derivatives[at], noise, part[at], moved)
            for at in (inside & starry, inside & ~starry)
        )
        return _Told(stars, structure, coarser)

    told = [tell(channel) for channel in range(channels)]
    surest = min((each.taken for each in told), key=lambda taken: taken.error)
    if surest.error <= INEXACT:
        # All channels are displaced alike, but in a faint one noise hides it.
        told = [
            tell(channel, surest.moved) if each.taken.error > INEXACT else each
            for channel, each in enumerate(told)
        ]
    differs = np.zeros_like(usable)
    for channel, each in enumerate(told):
        own = _channels(channel, channels, others)
        theirs = each.taken.of(reference.values[..., own], reference.derivatives[..., own, :])
        off = np.abs(image.values[..., channel] - theirs)
        if inside.any():
            differs |= off > OUTLYING * MAD_TO_SIGMA * np.median(off[inside])
    return told, differs & usable


def _channels(channel: int, channels: int, others: int) -> slice:
    """The channels of a reference of which one of an image is made."""
    return slice(channel, channel + 1) if channels == others else slice(others)


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


def _around(cells: np.ndarray, reach: float = FINE) -> np.ndarray:
    """(h, w) bool: with their neighbourhood."""
    near: np.ndarray = gaussian_mean(cells.astype(float), reach) > SPREAD
    return near


def _parts(shape: tuple[int, int]) -> np.ndarray:
    """(h, w): the number of the part of the frame."""
    row, column = (np.arange(size) * PARTS // size for size in shape)
    return row[:, np.newaxis] * PARTS + column


def _contradicts(one: float, other: float, *errors: float) -> bool:
    part, sigma = CONTRADICTS
    apart = abs(one / other - 1) if other else np.inf
    return bool(apart > max(part, sigma * float(np.hypot.reduce(errors))))


def _check(taken: Combination, name: str) -> None:
    if not taken.factors.any():
        raise InputError(
            f"the reference has nothing of {name}, or the opposite: give a linear image of the "
            "same sky, through a filter like that of the image"
        )
    if taken.error > MOST_ERROR:
        more = "more than " if taken.error > 1 else ""
        raise InputError(
            f"the scale between the reference and {name} is not determined "
            f"({taken.factors.sum():.2g}, give or take {more}{100 * min(taken.error, 1):.3g} %): "
            "too few stars and too little structure; give reference_scale, or another reference"
        )


def _by_hand(given: tuple[float, ...], channels: int, others: int) -> np.ndarray:
    """(K, R): factors that are given."""
    numbers = np.array(given, float)
    if len(given) not in (1, max(channels, others)):
        one = "" if max(channels, others) == 1 else f" or {max(channels, others)} numbers"
        raise InputError(
            f"the scale of the reference has {len(given)} numbers: give one number{one}"
        )
    if channels == others:
        return np.diag(np.broadcast_to(numbers, channels))
    if others == 1:
        return np.broadcast_to(numbers, channels)[:, np.newaxis].copy()
    # One number is that of the mean of the channels.
    return (numbers if len(given) > 1 else np.full(others, given[0] / others))[np.newaxis]


def _against(by_hand: np.ndarray, told: list[_Told]) -> Iterator[str]:
    for channel, (factors, each) in enumerate(zip(by_hand, told, strict=True), start=1):
        own, found = factors.sum(), each.taken.factors.sum()
        if each.taken.error > MOST_ERROR or not found:
            continue
        if abs(own / found - 1) > max(0.03, 3 * each.taken.error):
            yield (
                f"the scale that is given, {own:.3g} in channel {channel}, is not what the images "
                f"tell, {found:.3g} by their {each.by}: leave it out, unless you know better"
            )


def _inexact(told: list[_Told]) -> Iterator[str]:
    worst = max(range(len(told)), key=lambda channel: told[channel].taken.error)
    error = told[worst].taken.error
    if error > INEXACT:
        yield (
            f"the scale of the reference is known within {100 * error:.2g} % in channel "
            f"{worst + 1}, and as much of the objects may be left in the model: give a reference "
            "with less noise, or reference_scale"
        )


def _contradictions(told: list[_Told]) -> Iterator[str]:
    for channel, each in enumerate(told, start=1):
        if each.contradictory:
            stars, structure = each.stars.factors.sum(), each.structure.factors.sum()
            yield (
                f"stars tell a scale of {stars:.3g} in channel {channel}, and objects one of "
                f"{structure:.3g}, which was taken: the filters differ, so look at the model"
            )
