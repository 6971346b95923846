"""The scale between an image and a reference, by the stars or the structure that both have.

The light between the scales of stars and of gradients is compared, in means of blocks: of a star,
they hold all of the light, however sharp it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..errors import InputError
from ..sky.blas import one_thread
from .band import COARSE, FINE
from .combination import Combination
from .copies import Copies
from .told import INEXACT, MOST_ERROR, Told, around, channels_of, tell

BESIDE = 0.5
"""The reach of what is saturated: there may be many such stars, and beside them all is linear."""

COARSER = 2.0
"""What is too faint against the noise for an exact scale is looked at in a band this many times as
coarse, too."""

ROOM = 6.0
"""The frame must be this many times as wide as the coarser Gaussian of that band: with less of its
structure, the parts of a jackknife tell too small an error."""

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
    usable = copies.covered & ~around(copies.saturated, BESIDE)
    told, differs = tell(copies, usable)
    if differs.any():
        # In a band, what differs reaches far.
        told, _ = tell(copies, usable & ~differs)
    room = min(usable.shape) >= ROOM * COARSER * copies.size * COARSE
    if room and max(each.taken.error for each in told) > INEXACT:
        coarser, _ = tell(copies, usable & ~differs, COARSER)
        both = zip(told, coarser, strict=True)
        surer = [min(each, key=lambda told: told.taken.error) for each in both]
        # What is fine has the larger range of brightness.
        told = [replace(one, trend=fine.trend) for one, fine in zip(surer, told, strict=True)]
    channels, others = copies.image.shape[2], copies.reference.shape[2]
    factors, covariance = np.zeros((channels, others)), np.zeros((channels, others, others))
    for channel, each in enumerate(told):
        own = channels_of(channel, channels, others)
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
        doubts = (*_changes(told), *_against(by_hand, told))
        nothing = np.zeros_like(covariance)
        how = ("given",) * channels
        return Scale(by_hand, nothing, np.zeros(channels), how, (down, right), doubts)
    for channel, each in enumerate(told):
        _check(each.taken, f"channel {channel + 1}" if channels > 1 else "the image")
    error = np.array([each.taken.error for each in told])
    doubts = (*_changes(told), *_contradictions(told), *_inexact(told))
    return Scale(factors, covariance, error, tuple(each.by for each in told), (down, right), doubts)


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
            f"({taken.factors.sum():.3g}, give or take {more}{100 * min(taken.error, 1):.3g} %): "
            "too few stars and too little structure; give the reference scale by hand, or another "
            "reference"
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


def _against(by_hand: np.ndarray, told: list[Told]) -> Iterator[str]:
    for channel, (factors, each) in enumerate(zip(by_hand, told, strict=True), start=1):
        own, found = factors.sum(), each.taken.factors.sum()
        if each.taken.error > MOST_ERROR or not found:
            continue
        if abs(own / found - 1) > max(0.03, 3 * each.taken.error):
            yield (
                f"the scale that is given, {own:.3g} in channel {channel}, is not what the images "
                f"tell, {found:.3g} by their {each.by}: leave it out, unless you know better"
            )


def _inexact(told: list[Told]) -> Iterator[str]:
    worst = max(range(len(told)), key=lambda channel: told[channel].taken.error)
    error = told[worst].taken.error
    if error > INEXACT:
        yield (
            f"the scale of the reference is known within {100 * error:.2g} % in channel "
            f"{worst + 1}, and as much of the objects may be left in the model: give a reference "
            "with less noise, or the reference scale by hand"
        )


def _contradictions(told: list[Told]) -> Iterator[str]:
    for channel, each in enumerate(told, start=1):
        if each.contradictory:
            stars, structure = each.stars.factors.sum(), each.structure.factors.sum()
            yield (
                f"stars tell a scale of {stars:.3g} in channel {channel}, and objects one of "
                f"{structure:.3g}, which was taken: the filters differ, so look at the model"
            )


def _changes(told: list[Told]) -> Iterator[str]:
    rises = [each.trend[0] for each in told if each.changing]
    if rises:
        most = max(rises, key=abs)
        which, how = ("reference", "rises") if most > 0 else ("image", "falls")
        yield (
            f"the scale of the reference {how} by {100 * abs(most):.0f} % from faint to bright "
            f"objects: the {which} is probably stretched, so give a linear one; if it is linear, "
            "the filters differ, so look at the model"
        )
