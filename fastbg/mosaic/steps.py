"""The step from one panel to the next, from the pixels on both sides of their border.

A surface with a step is fitted to them, which bends as little as they allow, and more where it has
to. How little, and how far from the border it is worth to look, is told by strips beside borders,
where no step is, and so is how uncertain a step is: light of few waves is followed far, and rough
light is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .bending import energy, pliant, smooth
from .colours import noise_of
from .strips import Strip

HALF = 48
"""Pixels of a strip on either side of a border, at most."""

ROUNDS = 4
"""In so many rounds, bending counts less where the light bends more."""

SURPRISE = 4.0
"""Of steps that are none, no error counts as more than so many of the usual ones."""

NORMAL_MEDIAN = 0.6745
"""The median of what is off by a normal error, in its standard deviation."""

DEGREE, SHORT = 5, 100
"""The highest degree of a step along a strip, which has so many pixels for each one."""


@dataclass(frozen=True)
class Way:
    """How a step is found.

    Attributes
    ----------
    half : int
        How far from the border pixels count.
    side : int
        They are taken in squares of so many along each side.
    stiffness : float
        The weight of the square of the bending of the light, of pixels and in their noise. Light is
        told from noise from waves of 2 pi times its fourth root on.
    """

    half: int
    side: int
    stiffness: float

    def step(self, strip: Strip) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The level of the one panel minus that of the other, at some places of a strip.

        The places are those of Gauss and Legendre, in which errors are independent of each other.

        Returns
        -------
        points : (n, 2), normalised (y, x)
        steps, errors : (n, K), linear
        """
        cells = strip.in_cells(self.half, self.side)
        (lines, across), channels = cells.sides.shape, strip.values.shape[2]
        known, weight = cells.sides.ravel() != 0, cells.weight.ravel()
        noise = noise_of(cells)
        data = cells.values.reshape(-1, channels)
        level = np.median(data[known], axis=0) if known.any() else 0
        data = np.where(known[:, np.newaxis], data - level, 0) / noise
        along = np.linspace(-1, 1, lines)
        degree = min(DEGREE, lines * self.side // SHORT)
        terms = np.polynomial.legendre.legvander(along, degree)
        step = (cells.sides[..., np.newaxis] / 2 * terms[:, np.newaxis]).reshape(len(data), -1)
        weighted = step * weight[:, np.newaxis]
        bends = np.ones((lines, across))
        for _ in range(ROUNDS):
            # The light that is left of steps and data where a smooth surface is taken from both.
            band = self.stiffness / self.side**4 * energy(bends)
            solved = smooth(weight, np.hstack([step, data]), band)
            of_step, of_data = np.split(solved, [degree + 1], axis=1)
            normal = weighted.T @ (step - of_step)
            normal += np.finfo(np.float32).eps * np.eye(degree + 1)
            coordinates = np.linalg.solve(normal, weighted.T @ (data - of_data))
            bends = pliant((of_data - of_step @ coordinates).reshape(lines, across, channels))
        at = np.polynomial.legendre.leggauss(degree + 1)[0]
        few = np.polynomial.legendre.legvander(at, degree)
        error = np.sqrt(np.einsum("np,pq,nq->n", few, np.linalg.inv(normal), few))
        points = np.stack([np.interp(at, along, each) for each in cells.points.T], axis=1)
        return points, few @ coordinates * noise, error[:, np.newaxis] * noise


WAYS = tuple(
    Way(half, side, stiffness)
    for half, side, every in (
        (12, 1, (1.0, 10.0, 100.0)),
        (24, 2, (10.0, 100.0, 1e3)),
        (HALF, 3, (30.0, 300.0, 3e3)),
    )
    for stiffness in every
)
"""Those that are tried, as far as panels are wide enough."""

PLAIN = WAYS[1]
"""That where nothing is told."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """What steps that are none tell of each channel: how to find a step, and how uncertain it is.

    Attributes
    ----------
    ways : list of Way, (K,)
    excess : ndarray, (K,)
        By this factor, errors are larger than smoothness and noise alone make them.
    """

    ways: list[Way]
    excess: np.ndarray

    @classmethod
    def of(cls, trials: Sequence[Strip], ways: Sequence[Way]) -> Calibration:
        """By strips inside of panels, where no step is: the ways that find the least."""
        found = []
        for way in ways:
            told = [way.step(strip) for strip in trials]
            steps, errors = (np.concatenate([each[n] for each in told]) for n in (1, 2))
            off = np.abs(steps / errors)
            off = np.minimum(off, SURPRISE * np.median(off, axis=0) / NORMAL_MEDIAN)
            weight = errors**-2.0
            square = (weight**2 * (off * errors) ** 2).sum(axis=0) / weight.sum(axis=0) ** 2
            found.append((square, np.maximum(1.0, np.sqrt(np.mean(off**2, axis=0)))))
        uncertain, excess = (np.array([each[n] for each in found]) for n in (0, 1))
        best = np.argmin(uncertain, axis=0)
        own = np.take_along_axis(excess, best[np.newaxis], axis=0)[0]
        return cls([ways[number] for number in best], own)

    @classmethod
    def plain(cls, channels: int) -> Calibration:
        """That where panels are too narrow for strips beside their borders."""
        return cls([PLAIN] * channels, np.ones(channels))

    def step(self, strip: Strip) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The step of a strip: see `Way.step`."""
        told = {way: way.step(strip) for way in dict.fromkeys(self.ways)}
        points = next(iter(told.values()))[0]
        steps, errors = (
            np.stack([told[way][n][:, k] for k, way in enumerate(self.ways)], axis=1)
            for n in (1, 2)
        )
        plain = [_plain(*each) for each in zip(steps.T, (self.excess * errors).T, strict=True)]
        values, deviations = (np.stack([each[n] for each in plain], axis=1) for n in (0, 1))
        return points, values, deviations


def _plain(step: np.ndarray, error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A step along a strip and its error, (n,) each, as a polynomial of the degree that is seen.

    The degree is chosen by the information criterion of Akaike.
    """
    at = np.polynomial.legendre.leggauss(len(step))[0]
    found = []
    for terms in range(1, len(step) + 1):
        matrix = np.polynomial.legendre.legvander(at, terms - 1)
        weighted = matrix / error[:, np.newaxis]
        fitted = matrix @ np.linalg.lstsq(weighted, step / error, rcond=None)[0]
        spread = matrix @ np.linalg.pinv(weighted)
        criterion = float((((step - fitted) / error) ** 2).sum()) + 2 * terms
        found.append((criterion, fitted, np.sqrt((spread**2).sum(axis=1))))
    return min(found, key=lambda each: each[0])[1:]
