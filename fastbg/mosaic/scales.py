"""The flux scales of panels: how bright the light of the sky is in each, by what overlaps show.

Panels of other nights were taken through another air. Where there are objects in an overlap, panels
differ by a part of their light there, beside the smooth backgrounds; that part tells the ratio of
the scales.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..image.robust import MAD_TO_SIGMA
from .cells import Panel
from .differences import Difference
from .joint import ITERATIONS, TOLERANCE
from .solve import Group, Solution, level_of

MOST_ERROR = 0.05
"""A scale is not told if its relative standard error is larger."""

MOST_PART = 1.2
"""Panels that differ by more than this part of their mean light, a factor of four, do not show the
same: one is all cloud, or there is a trail."""

SURE = 4.0
"""All scales are 1 unless one is off by so many standard errors."""

GREY = 0.003
"""By so much, at least, the scales of channels may differ."""

DEGREE = 5
"""The degree of the polynomials by which backgrounds may differ along an overlap."""

LEAST_CELLS, PARTS = 60, 8
"""An overlap of fewer cells tells no scale, and so many parts of it tell the error of one."""

LEAST_ERROR = 0.003
"""The relative error of a scale that no scatter shows."""


@dataclass(frozen=True, eq=False)
class Scales:
    """The scales of all panels.

    Attributes
    ----------
    values, errors : ndarray, (n, K)
        The geometric mean over panels that overlaps connect is 1. Errors are relative, and infinite
        where overlaps do not tell the scales, which are 1 then.
    """

    values: np.ndarray
    errors: np.ndarray

    @classmethod
    def unknown(cls, count: int, channels: int) -> Scales:
        """Those of panels that nothing tells."""
        return cls(np.ones((count, channels)), np.full((count, channels), np.inf))

    @classmethod
    def of(cls, panels: Sequence[Panel], groups: Sequence[Group]) -> Scales:
        """The scales that the overlaps of connected panels tell."""
        found = cls.unknown(len(panels), panels[0].values.shape[2])
        for group in groups:
            logs, errors = _told(len(group.numbers), group.differences, found.values.shape[1])
            found.errors[group.numbers] = errors
            if (np.abs(logs) > SURE * errors).any():
                found.values[group.numbers] = np.exp(logs)
        return found

    @property
    def known(self) -> np.ndarray:
        """(n,) bool: whether the scales of all channels of a panel are told."""
        known: np.ndarray = np.isfinite(self.errors).all(axis=1)
        return known

    def taken_out(self, panels: Sequence[Panel]) -> list[Panel]:
        """Panels on one scale."""
        return [
            replace(panel, values=panel.values / scale)
            for panel, scale in zip(panels, self.values, strict=True)
        ]

    def back(self, solution: Solution) -> Solution:
        """The solution of panels that were brought to one scale, on the scale of each."""
        own = [
            replace(each, coordinates=each.coordinates * scale)
            for each, scale in zip(solution.backgrounds, self.values, strict=True)
        ]
        return replace(solution, backgrounds=own, level=level_of(own))


def _told(
    count: int, differences: Sequence[Difference], channels: int
) -> tuple[np.ndarray, np.ndarray]:
    """The logarithms of the scales of panels, and their errors, (n, K) each.

    They agree best with what each overlap tells. Of panels that chains of overlaps with structure
    connect, their mean is 0.
    """
    normal, right = np.zeros((channels, count, count)), np.zeros((channels, count))
    for each in differences:
        own = [_ratio(each, channel) for channel in range(channels)]
        logs, errors = _alike(*np.array(own).T)
        if errors.max() > MOST_ERROR:
            continue
        pair = np.zeros(count)
        pair[[*each.panels]] = 1, -1
        weight = errors**-2.0
        normal += weight[:, np.newaxis, np.newaxis] * np.outer(pair, pair)
        right += (weight * logs)[:, np.newaxis] * pair
    covariance = np.linalg.pinv(normal, rcond=1e-9, hermitian=True)
    logs = np.einsum("kab,kb->ak", covariance, right)
    errors = np.sqrt(np.einsum("kaa->ak", covariance))
    return logs, np.where(np.einsum("kaa->ak", normal) > 0, errors, np.inf)


def _alike(logs: np.ndarray, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ratios of channels, (K,), and their errors, where they are expected to be much alike.

    Thin clouds and height dim all colours nearly alike. How much they differ is told by
    the ratios themselves, and each is drawn towards the mean by what it is uncertain.
    """
    known = np.isfinite(errors)
    if not known.any():
        return logs, errors
    weight = np.where(known, errors, np.inf) ** -2.0
    mean = weight @ np.where(known, logs, 0) / weight.sum()
    off = np.where(known, logs - mean, 0)
    scatter = np.sqrt(weight @ off**2 / weight.sum())
    apart = max(GREY**2, weight @ (off**2 - np.where(known, errors, 0) ** 2) / weight.sum())
    shared = 1 / weight.sum() + scatter**2 / known.sum()
    total = weight + 1 / (apart + shared)
    drawn = (weight * np.where(known, logs, 0) + mean / (apart + shared)) / total
    return drawn, total**-0.5


def _ratio(difference: Difference, channel: int) -> tuple[float, float]:
    """The logarithm of the scale of one panel over the other's in a channel, and its error.

    What is smooth in the overlap may be a background: `DEGREE` along it, less across it.
    """
    data = difference.values[:, channel]
    if len(data) < LEAST_CELLS or difference.light is None:
        return 0.0, np.inf
    light = difference.light[:, channel]
    along, smooth = smooth_terms(difference.points[0])
    matrix = np.column_stack([light - light.mean(), smooth])
    place = np.argsort(np.argsort(along)) * PARTS // len(along)
    evenly = even(light, smooth)
    weight, solution = evenly, np.zeros(matrix.shape[1])
    for _ in range(ITERATIONS):
        solution = solved(matrix, data, weight)
        off = data - matrix @ solution
        scale = MAD_TO_SIGMA * np.median(np.abs(off)) + np.finfo(np.float32).tiny
        far = (off / (TOLERANCE * scale)) ** 2
        weight = evenly / (1 + (difference.errors / scale) ** 2 + far)
    left_out = [solved(matrix, data, weight * (place != own))[0] for own in range(PARTS)]
    error = np.sqrt((PARTS - 1) * np.var(left_out))
    detail = light - smooth @ solved(smooth, light, weight)
    # Noise is in both: if it is stronger in one panel, that looks like a larger scale.
    by_noise = scale**2 / (4 * (weight @ detail**2 / weight.sum()) + np.finfo(np.float32).tiny)
    part, error = float(solution[0]), float(np.linalg.norm([error, LEAST_ERROR, by_noise]))
    if abs(part) > MOST_PART:
        return 0.0, np.inf
    return 2 * np.arctanh(part / 2), error / (1 - part**2 / 4)


def smooth_terms(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where points, (n, 2), lie along an overlap, -1 to 1, and the terms of a background there.

    They are polynomials of `DEGREE` along it, and of less across it: (n, T).
    """
    along, across = _axes(points)
    first, second = (
        np.polynomial.legendre.legvander(at, degree)
        for at, degree in ((along, DEGREE), (across, DEGREE // 2))
    )
    terms = [
        first[:, i] * second[:, j]
        for j in range(DEGREE // 2 + 1)
        for i in range(DEGREE + 1 - 2 * j)
    ]
    return along, np.stack(terms, axis=1)


def even(light: np.ndarray, smooth: np.ndarray) -> np.ndarray:
    """(n,): weights by which no cell decides, such as that of a star, of which panels see parts."""
    weight = np.ones(len(light))
    for _ in range(ITERATIONS):
        off = light - smooth @ solved(smooth, light, weight)
        scale = MAD_TO_SIGMA * np.median(np.abs(off)) + np.finfo(np.float32).tiny
        weight = 1 / (1 + (off / (TOLERANCE * scale)) ** 2)
    return weight


def solved(matrix: np.ndarray, data: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The coefficients of weighted least squares."""
    root = np.sqrt(weight)
    found: np.ndarray = np.linalg.lstsq(matrix * root[:, np.newaxis], data * root, rcond=1e-10)[0]
    return found


def _axes(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates of points, (n, 2), along what they fill and across it, from -1 to 1."""
    away = points - points.mean(axis=0)
    turned = away @ np.linalg.svd(away, full_matrices=False)[2].T
    along, across = (turned / np.maximum(np.abs(turned).max(axis=0), 1e-12)).T
    return along, across
