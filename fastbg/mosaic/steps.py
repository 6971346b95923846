"""The step from one panel to the next where they meet, by the pixels on both sides of the border.

The light of the sky goes through the border, and the step does not. What is known of the light is
that it is smooth, and how smooth it is differs from place to place: a surface that bends as little
as the pixels allow is fitted to both sides at once, with a step, and may bend more where it had to,
in stars and at edges of nebulae. Most is told by the nearest five pixels on either side: the copy
that is searched for the sky is too small for that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from ..image.robust import MAD_TO_SIGMA

HALF = 12
"""Pixels of a strip on either side of a border."""

STIFFNESSES, ROUNDS = (1.0, 3.0, 10.0), 5
"""The weight of the square of the bending of the light, in its noise: light is told from noise from
waves of some 7 to 12 pixels on. In so many rounds, it becomes less where the light bends more."""

SURPRISE = 4.0
"""Of steps that are none, no error counts as more than so many of the usual ones."""

LEAST_BESIDE = 4
"""The least number of pixels on either side, in each line across the border on the average."""

NORMAL_MEDIAN = 0.6745
"""The median of what is off by a normal error, in its standard deviation."""

SHORT = 24
"""A strip of fewer lines tells a level of the step, and no slope."""


@dataclass(frozen=True, eq=False)
class Strip:
    """Pixels on both sides of a border: lines across it, side by side.

    Attributes
    ----------
    panels : (int, int)
        The numbers of the panel on the one side and of that on the other.
    values : ndarray, (n, m, K), linear
    sides : ndarray, (n, m), int
        1 for a pixel of the one panel, -1 for one of the other, and 0 for one that is unknown.
    points : ndarray, (n, 2), normalised (y, x)
        Where the lines cross the border.
    """

    panels: tuple[int, int]
    values: np.ndarray
    sides: np.ndarray
    points: np.ndarray

    @property
    def tells(self) -> bool:
        """Whether enough of both sides is known."""
        least = LEAST_BESIDE * len(self.sides)
        return min((self.sides == side).sum() for side in (1, -1)) >= least

    def step(self, stiffness: float) -> tuple[np.ndarray, np.ndarray]:
        """The level of the one panel minus that of the other in each line, and its error.

        Returns
        -------
        (n, K) each, linear
        """
        lines, across, channels = self.values.shape
        known = (self.sides != 0).reshape(-1, 1)
        noise = _noise(self.values, self.sides)
        data = np.where(known, self.values.reshape(-1, channels), 0)
        data = np.where(known, data - np.median(data[known[:, 0]], axis=0), 0) / noise
        terms = np.linspace(-1, 1, lines)[:, np.newaxis] ** np.arange(1 + (lines >= SHORT))
        step = (self.sides[..., np.newaxis] / 2 * terms[:, np.newaxis]).reshape(len(data), -1)
        pliant = np.ones((lines, across))
        for _ in range(ROUNDS):
            # The light that is left of steps and data where a smooth surface is taken from both.
            solved = _smooth(known[:, 0].astype(float), np.hstack([step, data]), stiffness * pliant)
            of_step, of_data = np.split(solved, [terms.shape[1]], axis=1)
            normal = step.T @ (step - of_step)
            coordinates = np.linalg.solve(normal, step.T @ (data - of_data))
            light = (of_data - of_step @ coordinates).reshape(lines, across, channels)
            pliant = _pliant(light)
        error = np.sqrt(np.einsum("np,pq,nq->n", terms, np.linalg.inv(normal), terms))
        return terms @ coordinates * noise, error[:, np.newaxis] * noise


@dataclass(frozen=True)
class Calibration:
    """What steps that are none tell: how stiff the light is, and how uncertain a step.

    Attributes
    ----------
    stiffness : float
    excess : float
        By this factor, errors are larger than smoothness and noise alone make them.
    """

    stiffness: float
    excess: float

    @classmethod
    def of(cls, trials: Sequence[Strip]) -> Calibration:
        """By strips inside of panels, where no step is: the stiffness that finds the least."""
        found = []
        for stiffness in STIFFNESSES:
            told = [strip.step(stiffness) for strip in trials]
            steps, errors = (np.concatenate([each[n] for each in told]) for n in (0, 1))
            off = np.abs(steps / errors)
            off = np.minimum(off, SURPRISE * np.median(off) / NORMAL_MEDIAN)
            weight = errors**-2.0
            uncertain = (weight**2 * (off * errors) ** 2).sum(axis=0) / weight.sum(axis=0) ** 2
            excess = float(np.sqrt(np.mean(off**2)))
            found.append((float(uncertain.mean()), cls(stiffness, max(1.0, excess))))
        return min(found, key=lambda each: each[0])[1]


def _noise(values: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """(K,), linear: the noise of a pixel, by what differs from a straight line along the border."""
    second = np.diff(values, n=2, axis=0)
    alike = (sides[2:] == sides[1:-1]) & (sides[1:-1] == sides[:-2]) & (sides[1:-1] != 0)
    if not alike.any():
        return np.ones(values.shape[2])
    noise = MAD_TO_SIGMA * np.median(np.abs(second[alike]), axis=0) / np.sqrt(6)
    # A drawn image has no noise.
    return np.maximum(noise, np.finfo(np.float32).eps * np.abs(values[sides != 0]).max())


def _smooth(weight: np.ndarray, planes: np.ndarray, stiffness: np.ndarray) -> np.ndarray:
    """Smooth surfaces, (n m, P), through planes, (n m, P), which are 0 where the weight is.

    ``stiffness``, (n, m), is how much the square of the bending counts at each pixel.
    """
    from scipy.linalg import cho_solve_banded, cholesky_banded
    from scipy.sparse import diags_array

    bends = _second_differences(*stiffness.shape)
    pairs = stiffness[1:] + stiffness[:-1]
    corners = (pairs[:, 1:] + pairs[:, :-1]) / 4
    counted = [each.ravel() for each in (stiffness[:, 1:-1], stiffness[1:-1], corners)]
    normal = (bends.T @ diags_array(np.concatenate(counted)) @ bends).todia()
    band, size = 2 * stiffness.shape[1], stiffness.size
    rows = np.zeros((band + 1, size))
    for offset, diagonal in zip(normal.offsets, normal.data, strict=True):
        if offset >= 0:
            rows[band - offset, offset:] = diagonal[offset:size]
    # Where nothing is known for a long way, the bending alone determines nothing.
    rows[-1] += weight + np.finfo(np.float32).eps
    factor = cholesky_banded(rows, overwrite_ab=True, check_finite=False)
    smooth: np.ndarray = cho_solve_banded((factor, False), planes, check_finite=False)
    return smooth


@lru_cache(maxsize=8)
def _second_differences(lines: int, across: int) -> Any:
    """The sparse matrix of the second differences of (n, m) pixels: across, along, and mixed."""
    from scipy.sparse import diags_array, eye_array, kron, vstack

    def of(order: tuple[float, ...], size: int) -> Any:
        each = [np.full(size - len(order) + 1, number) for number in order]
        shape = len(each[0]), size
        return diags_array(each, offsets=range(len(order)), shape=shape)

    second, first = (1.0, -2.0, 1.0), (-1.0, 1.0)
    parts = (
        kron(eye_array(lines), of(second, across)),
        kron(of(second, lines), eye_array(across)),
        2**0.5 * kron(of(first, lines), of(first, across)),
    )
    return vstack(parts).tocsr()


def _pliant(light: np.ndarray) -> np.ndarray:
    """(n, m): how much bending counts at each pixel of a surface, (n, m, K): less where it bends.

    The prior of that is a distribution with wide tails, by which stars are bends like any other.
    """
    from scipy.ndimage import uniform_filter

    wider = np.pad(light, ((1, 1), (1, 1), (0, 0)), mode="reflect", reflect_type="odd")
    middle = 2 * light
    down = wider[2:, 1:-1] - middle + wider[:-2, 1:-1]
    right = wider[1:-1, 2:] - middle + wider[1:-1, :-2]
    mixed = (wider[2:, 2:] - wider[2:, :-2] - wider[:-2, 2:] + wider[:-2, :-2]) / 4
    square = uniform_filter((down**2 + right**2 + 2 * mixed**2).mean(axis=2), 3)
    usual = np.median(square) + np.finfo(np.float32).tiny
    pliant: np.ndarray = 1 / (1 + square / usual)
    return pliant
