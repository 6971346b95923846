"""The stars of one image among those of another one of the same sky, by polynomials."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from .poses import poses_of
from .system import Pair

COUNTS = (40, 100, 250, 600, 1500)
"""The brightest stars that are compared: fields of another size or depth share other ones."""

NEAR = 0.004
"""Stars match, at first, within this part of the longer side of the image."""

AGREES = 0.002
"""The same for stars that confirm what another mapping tells."""

CHANCE = 1e-7
"""The highest probability that stars match by chance as well as they do, of one pose."""

CERTAIN, MOSTLY = 1e-20, 0.3
"""After a match that is so improbable by chance, with such a share of the stars, no better one is
looked for. What hot pixels have become in colour frames matches, too."""

LEAST = 6
"""Stars must match."""

PER_TERM = 6
"""Stars for each coefficient of a polynomial of a higher degree."""


_DEGREES = (1, 1, 1, 2, 3, 3)
"""Those of the polynomials, one after the other: the first two by the brightest stars alone."""

_REACH = 5
"""Stars match within so many times the residual before."""

Stars = tuple[np.ndarray, Any]
"""Those of an image, (N, 2) as y and x, and those of the other one as a `KDTree`."""


@dataclass(frozen=True)
class Agreement:
    """How well the stars of one image lie where a mapping has those of another one.

    Attributes
    ----------
    stars : int
        How many match.
    residual : float
        Their median distance, in pixels of the other image.
    share : float
        How many of those that could match do.
    """

    stars: int
    residual: float
    share: float


@dataclass(frozen=True, eq=False)
class Match:
    """Polynomials that lead from the pixels of one image to those of another.

    Attributes
    ----------
    centre : ndarray, (2,)
    size : float
        The polynomials are those of ``(pixel - centre) / size``.
    coefficients : ndarray, (terms, 2)
        Those of y and x.
    agreement : Agreement
        Of the stars.
    """

    centre: np.ndarray
    size: float
    coefficients: np.ndarray
    agreement: Agreement

    def __call__(self, y: np.ndarray, x: np.ndarray) -> Pair:
        points = np.stack([np.ravel(y), np.ravel(x)], axis=1)
        first, second = self.at(points).T.reshape(2, *np.shape(y))
        return first, second

    def at(self, points: np.ndarray) -> np.ndarray:
        """Where points, (N, 2), lie in the other image."""
        terms = len(self.coefficients)
        return _terms((points - self.centre) / self.size)[:, :terms] @ self.coefficients


def matched(
    ours: np.ndarray, theirs: np.ndarray, shape: tuple[int, int], other: tuple[int, int]
) -> Match:
    """The stars of an image among those of another one.

    Parameters
    ----------
    ours, theirs : ndarray, (N, 2) and (M, 2)
        y and x of the stars, the brightest first.
    shape, other : (H, W)
        Of the two images.

    Raises
    ------
    InputError
        If too few of them match.
    """
    from scipy.spatial import KDTree

    best: tuple[float, Match] | None = None
    all_stars = ours, KDTree(theirs)
    for first in dict.fromkeys(min(count, len(ours)) for count in COUNTS):
        for second in dict.fromkeys(min(count, len(theirs)) for count in COUNTS):
            bright = ours[:first], KDTree(theirs[:second])
            for pose in poses_of(*bright, shape):
                found = _grown(pose, bright, all_stars, shape, other)
                if found and (best is None or found[0] < best[0]):
                    best = found
                if best and best[0] < CERTAIN and best[1].agreement.share > MOSTLY:
                    return best[1]
    if best is None:
        raise InputError(
            f"cannot be placed by its stars, for too few match ({len(theirs)} were found, and "
            f"{len(ours)} in the other image): give an image of the same field, or solve both for "
            "coordinates"
        )
    return best[1]


def agreement(
    function: Callable[[np.ndarray, np.ndarray], Pair],
    ours: np.ndarray,
    theirs: np.ndarray,
    other: tuple[int, int],
) -> Agreement | None:
    """How well stars lie where a mapping has them.

    None where no more do than would by chance. The parameters are those of `matched`.
    """
    from scipy.spatial import KDTree

    if not len(ours) or not len(theirs):
        return None
    found, tree, reach = (
        np.stack(function(*ours.T), axis=1),
        KDTree(theirs),
        max(AGREES * max(other), 2.0),
    )
    inside = np.all((found > -0.5) & (found < np.array(other) - 0.5), axis=1)  # NaN does not
    pairs, distances = _pairs(found[inside], tree, reach)
    density = tree.n * np.pi * reach**2 / np.prod(other)
    if len(pairs) < LEAST or _by_chance(len(pairs), int(inside.sum()), density) > CHANCE:
        return None
    share = len(pairs) / min(int(inside.sum()), tree.n)
    return Agreement(len(pairs), float(np.median(distances)), share)


def _grown(
    pose: np.ndarray,
    bright: Stars,
    all_stars: Stars,
    shape: tuple[int, int],
    other: tuple[int, int],
) -> tuple[float, Match] | None:
    """A match from a first guess, with the probability of it by chance; None for a wrong one."""
    centre, size = (np.array(shape) - 1) / 2, max(shape) / 2
    coefficients = np.vstack([centre @ pose[:2] + pose[2], pose[:2] * size])
    match = Match(centre, size, coefficients, Agreement(0, np.inf, 0.0))
    reach = NEAR * max(other)
    likely = 1.0
    for degree, (ours, tree) in zip(_DEGREES, [bright] * 2 + [all_stars] * 4, strict=True):
        reach = min(reach, max(_REACH * match.agreement.residual, 1.0))
        found = match.at(ours)
        pairs, distances = _pairs(found, tree, reach)
        inside = ((found > -0.5) & (found < np.array(other) - 0.5)).all(axis=1)
        likely = _by_chance(
            len(pairs), int(inside.sum()), tree.n * np.pi * reach**2 / np.prod(other)
        )
        if len(pairs) < LEAST or likely > CHANCE:
            return None
        terms = (degree + 1) * (degree + 2) // 2
        if degree > 1 and len(pairs) < PER_TERM * terms:
            break
        basis = _terms((ours[pairs[:, 0]] - centre) / size)[:, :terms]
        wanted = tree.data[pairs[:, 1]]
        weight = 1 / (1 + (distances / max(2 * np.median(distances), 0.1)) ** 2)
        normal = (basis.T * weight) @ basis
        solved = np.linalg.lstsq(normal, (basis.T * weight) @ wanted, rcond=1e-12)[0]
        residual = float(np.median(np.linalg.norm(basis @ solved - wanted, axis=1)))
        share = len(pairs) / min(int(inside.sum()), tree.n)
        match = Match(centre, size, solved, Agreement(len(pairs), residual, share))
    return likely, match


def _by_chance(pairs: int, stars: int, density: float) -> float:
    """The probability that so many of some stars match by chance.

    `density` is the number of other stars within the distance at which they match.
    """
    from scipy.special import bdtrc

    # Three stars match as a plane goes through three points.
    return float(bdtrc(pairs - 4, max(stars, pairs) - 3, min(density, 0.5)))


def _pairs(found: np.ndarray, tree: Any, near: float) -> tuple[np.ndarray, np.ndarray]:
    """The indices of stars that are the nearest of each other, (n, 2), and their distances."""
    distances, index = tree.query(found, distance_upper_bound=near)
    close = np.flatnonzero(np.isfinite(distances))
    order = close[np.argsort(distances[close], kind="stable")]
    _, first = np.unique(index[order], return_index=True)
    kept = np.sort(order[first])
    return np.stack([kept, index[kept]], axis=1), distances[kept]


def _terms(points: np.ndarray) -> np.ndarray:
    """The terms of polynomials of up to the third degree, (N, 10), those of lower degrees first."""
    y, x = points.T
    return np.stack(
        [np.ones_like(y), y, x, y * y, y * x, x * x, y**3, y * y * x, y * x * x, x**3], axis=1
    )
