"""Functions of all panels in one problem of least squares, to which differences are data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
from scipy.sparse import block_array, coo_array
from scipy.sparse.linalg import splu

from ..image.robust import MAD_TO_SIGMA
from .differences import Difference

ITERATIONS, TOLERANCE = 10, 2.0
"""Differences further off than so many robust standard deviations lose weight, in some rounds."""

RIDGE = (1e-4, 1e-3, 1e-3, 1e-2, 1e-2, 1e-2, 0.1, 0.1, 0.1, 0.1)
"""The weight of the square of each coefficient of a polynomial: what no difference shows is 0."""

Functions = Callable[[np.ndarray], np.ndarray]
"""The values of M functions of a panel at points, (n, 2) normalised: (n, M)."""


class Equations:
    """The equations that differences are: those of one panel minus those of the other.

    Parameters
    ----------
    functions : sequence of Functions
        Those of each panel.
    differences : sequence of Difference
    """

    def __init__(self, functions: Sequence[Functions], differences: Sequence[Difference]) -> None:
        self._differences = differences
        self._parts = [
            np.hstack([functions[one](each.points[0]), -functions[other](each.points[1])])
            for each in differences
            for one, other in [each.panels]
        ]
        sizes = [of(np.full((1, 2), 0.5)).shape[1] for of in functions]
        self._slices = [slice(b - s, b) for s, b in zip(sizes, np.cumsum(sizes), strict=True)]

    def solve(
        self, normal: Sequence[np.ndarray], right: Sequence[np.ndarray], weight: float = 1.0
    ) -> list[np.ndarray]:
        """Least squares with a Cauchy loss of the differences.

        Parameters
        ----------
        normal, right : sequence of ndarray, (M, M) and (M, K)
            The normal equations of everything else, for the functions of each panel.
        weight : float, optional
            That of each difference.

        Returns
        -------
        list of ndarray, (M of the panel, K)
        """
        if not self._differences:
            return [np.linalg.solve(*own) for own in zip(normal, right, strict=True)]
        weights = [np.full(len(each.values), weight) for each in self._differences]
        least = np.median(np.concatenate([each.errors for each in self._differences]))
        for _ in range(ITERATIONS):
            solution = self._solution(normal, right, weights)
            off = self.residuals(solution)
            scale = MAD_TO_SIGMA * np.median(np.abs(np.concatenate(off)), axis=0)
            scale = np.maximum(scale, least) + np.finfo(np.float32).tiny
            weights = [
                weight * (_of_step if each.light is None else _weights)(part, scale, each.errors)
                for part, each in zip(off, self._differences, strict=True)
            ]
        return [solution[own] for own in self._slices]

    def _solution(
        self, normal: Sequence[np.ndarray], right: Sequence[np.ndarray], weights: list[np.ndarray]
    ) -> np.ndarray:
        """(sum of M, K): `solve` with a weight of each difference.

        The matrix is sparse, for a panel meets a few others alone. A dense one took a third of the
        time of a mosaic of 40 panels in a row.
        """
        blocks = {(panel, panel): own.copy() for panel, own in enumerate(normal)}
        sums = np.concatenate(right)
        for each, matrix, own in zip(self._differences, self._parts, weights, strict=True):
            weighted = matrix * own[:, np.newaxis]
            sums[self._places(each)] += weighted.T @ each.values
            stop = len(normal[each.panels[0]])
            parts = dict(zip(each.panels, np.hsplit(matrix, [stop]), strict=True))
            of_weighted = dict(zip(each.panels, np.hsplit(weighted, [stop]), strict=True))
            for one, other in product(each.panels, repeat=2):
                block = parts[one].T @ of_weighted[other]
                blocks[one, other] = blocks.get((one, other), 0) + block
        grid = np.full((len(normal), len(normal)), None)
        for place, block in blocks.items():
            grid[place] = coo_array(block)
        left = block_array(grid, format="csc")
        order = {"permc_spec": "MMD_AT_PLUS_A", "diag_pivot_thresh": 0.0}
        solution: np.ndarray = splu(left, options={"SymmetricMode": True}, **order).solve(sums)
        return solution

    def residuals(self, solution: np.ndarray) -> list[np.ndarray]:
        """(n, K) of each difference: what a solution leaves of it."""
        return [
            each.values - matrix @ solution[self._places(each)]
            for each, matrix in zip(self._differences, self._parts, strict=True)
        ]

    def _places(self, difference: Difference) -> np.ndarray:
        """The numbers of the functions of both panels."""
        return np.r_[tuple(self._slices[panel] for panel in difference.panels)]


def _weights(off: np.ndarray, scale: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """(n,): how much differences count that are off by (n, K), by what they usually are, (K,)."""
    doubt = 1 + np.mean((errors[:, np.newaxis] / scale) ** 2, axis=1)
    far = np.mean((off / (TOLERANCE * scale)) ** 2, axis=1)
    weights: np.ndarray = 1 / (doubt + far)
    return weights


def _of_step(off: np.ndarray, scale: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """(n,): the same of steps, whose errors are all that is uncertain in them."""
    own = (errors[:, np.newaxis] / scale) ** 2
    far = np.mean((off / (TOLERANCE * scale)) ** 2 / own, axis=1)
    weights: np.ndarray = 1 / (np.mean(own, axis=1) * (1 + far))
    return weights


def polynomials(points: np.ndarray) -> np.ndarray:
    """(n, 10): the terms up to degree 3 around the middle of a panel."""
    v, u = points.T - 0.5
    terms = (v**0, v, u, v * v, v * u, u * u, v**3, v * v * u, v * u * u, u**3)
    return np.stack(terms, axis=-1)


def levelling(count: int, channels: int, differences: Sequence[Difference]) -> list[np.ndarray]:
    """The polynomials of all panels, (10, K) each, whose differences are those of the panels."""
    rows = max(1, sum(len(each.values) for each in differences))
    normal = [np.diag(RIDGE) * rows / count] * count
    right = [np.zeros((len(RIDGE), channels))] * count
    return Equations([polynomials] * count, differences).solve(normal, right)
