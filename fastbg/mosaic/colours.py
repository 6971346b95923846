"""The light of a mosaic as sums of its channels that know nothing of each other.

The objects of a field have few colours: where all light has one, there are sums of three channels
in which none is left, and a step is known in these as well as noise allows. Only the sum that has
all of the light is as uncertain as each channel by itself, and it has more of the signal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..image.robust import MAD_TO_SIGMA
from .strips import Strip

WIDTH, APART = 3, 3
"""Waves are second differences of means of so many cells, which are so many cells apart."""

DRAWN = 1e-6
"""The least noise, in the largest sample: a drawn image has none."""

ROUNDS = 10
"""A few stars do not decide: waves count less the more they stand out, in some rounds."""


@dataclass(frozen=True, eq=False)
class Colours:
    """Sums of the channels in which noise and light are independent of each other.

    Attributes
    ----------
    matrix : ndarray, (K, K)
        Samples @ matrix are these sums; the noise of each is about 1.
    back : ndarray, (K, K)
        The inverse.
    """

    matrix: np.ndarray
    back: np.ndarray

    @classmethod
    def of(cls, trials: Sequence[Strip]) -> Colours:
        """By waves of the light of strips that have no step."""
        noise = np.median([noise_of(each) for each in trials], axis=0)
        waves = np.concatenate([_waves(each) for each in trials]) / noise
        spread = np.eye(len(noise))
        for _ in range(ROUNDS if len(waves) else 0):
            square = np.einsum("nk,kl,nl->n", waves, np.linalg.inv(spread), waves)
            usual = np.median(square) + np.finfo(np.float32).tiny
            own = waves / np.sqrt(1 + square / usual)[:, np.newaxis]
            spread = own.T @ own + np.finfo(np.float32).tiny * np.eye(len(noise))
            spread /= np.trace(spread)
        turned = np.linalg.eigh(spread)[1]
        return cls(turned / noise[:, np.newaxis], turned.T * noise)

    def sums(self, strip: Strip) -> Strip:
        """A strip with these sums as its channels."""
        return replace(strip, values=strip.values @ self.matrix)


def noise_of(strip: Strip) -> np.ndarray:
    """(K,), linear: the noise of a cell, by what differs from a straight line along the border."""
    values, sides = strip.values, strip.sides
    second = np.diff(values, n=2, axis=0)
    alike = (sides[2:] == sides[1:-1]) & (sides[1:-1] == sides[:-2]) & (sides[1:-1] != 0)
    if not alike.any():
        return np.ones(values.shape[2])
    noise = MAD_TO_SIGMA * np.median(np.abs(second[alike]), axis=0) / np.sqrt(6)
    return np.maximum(noise, DRAWN * np.abs(values[sides != 0]).max())


def _waves(strip: Strip) -> np.ndarray:
    """(P, K), linear: second differences of a strip, along it and across."""
    from scipy.ndimage import uniform_filter

    size = (WIDTH, WIDTH, 0)
    means, known = uniform_filter(strip.values, size), strip.sides != 0
    found = []
    for _ in range(2):
        if len(means) > 2 * APART:
            second = means[: -2 * APART] - 2 * means[APART:-APART] + means[2 * APART :]
            seen = known[: -2 * APART] & known[APART:-APART] & known[2 * APART :]
            found.append(second[seen])
        means, known = means.swapaxes(0, 1), known.T
    return np.concatenate(found)
