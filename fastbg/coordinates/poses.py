"""Guesses at how stars of one image lie among those of another one, by triangles.

Each star makes triangles with its neighbours. Two triangles of one shape tell a scale, an angle, a
shift, and whether one of the images is mirrored: a pose. Those that tell nearly the same are of the
same stars (Valdes et al. 1995, PASP 107, 1119; Groth 1986, AJ 91, 1244).
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

NEIGHBOURS = 6
"""A star makes triangles with so many of its nearest neighbours."""

SHAPE = 0.006
"""The difference of two ratios of sides, at most, of triangles of one shape."""

LARGEST_SCALE = 10.0
"""The ratio of the pixel scales, at most."""

MOST_OF_ONE, MOST_PAIRS = 8, 60_000
"""Triangles that are compared with one of the other image, and pairs of them in all, at most: those
of the nearest shapes."""

TRIED = 25
"""The poses that most others agree with are tried on all stars."""

AGREE = (0.02, 0.02, 0.02, 0.01, 0.01, 0.01)
"""Poses agree up to this difference of the logarithm of the scale, of the cosine and the sine of
the angle, of the place of the middle of the image, relative to its size, and of being mirrored (0
or 1)."""


def _triangles(stars: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Triples of stars, (T, 3), and the shapes of their triangles, (T, 2).

    The first star is opposite to the shortest side, and the last one to the longest. The shape is
    the lengths of the other two sides relative to that.
    """
    from scipy.spatial import KDTree

    count = min(NEIGHBOURS + 1, len(stars))
    if count < 3:
        return np.empty((0, 3), int), np.empty((0, 2))
    near = KDTree(stars).query(stars, k=count)[1]
    corners = np.concatenate([near[:, [0, a, b]] for a, b in combinations(range(1, count), 2)])
    corners = np.unique(np.sort(corners, axis=1), axis=0)
    # The side opposite to each corner.
    places = stars[corners]
    sides = np.linalg.norm(places[:, [1, 2, 0]] - places[:, [2, 0, 1]], axis=2)
    order = np.argsort(sides, axis=1)
    corners = np.take_along_axis(corners, order, axis=1)
    sides = np.take_along_axis(sides, order, axis=1)
    shapes = sides[:, :2] / np.maximum(sides[:, 2:], 1e-9)
    # In others, corners are easily confused.
    clear = (shapes[:, 1] < 0.97) & (shapes[:, 0] < 0.95 * shapes[:, 1]) & (shapes[:, 0] > 0.1)
    return corners[clear], shapes[clear]


def poses_of(ours: np.ndarray, tree: Any, shape: tuple[int, int]) -> np.ndarray:
    """The poses that the most pairs of triangles agree with.

    Parameters
    ----------
    ours : ndarray, (N, 2)
        y and x of stars of an image.
    tree : scipy.spatial.KDTree
        Those of stars of the other one.
    shape : (H, W)
        Of the first image.

    Returns
    -------
    ndarray, (n, 3, 2)
        Affine transformations of points (y, x, 1).
    """
    from scipy.spatial import KDTree

    a, b = _of_one_shape(ours, tree.data)
    # A triangle is another one turned, or turned and mirrored, by the order of its corners.
    mirrored = _area(a) * _area(b) < 0
    a = np.where(mirrored[:, np.newaxis], a.conj(), a)
    turn = (b[:, 1] - b[:, 0]) / (a[:, 1] - a[:, 0])
    fits = np.abs(np.log(np.abs(turn))) < np.log(LARGEST_SCALE)
    a, b, mirrored, turn = a[fits], b[fits], mirrored[fits], turn[fits]
    if not len(turn):
        return np.empty((0, 3, 2))
    shift, scale = b[:, 0] - turn * a[:, 0], np.abs(turn)
    middle = complex((shape[1] - 1) / 2, (shape[0] - 1) / 2)
    place = turn * np.where(mirrored, middle.conjugate(), middle) + shift
    size = np.median(scale) * max(shape)
    told = [np.log(scale), (turn / scale).real, (turn / scale).imag, place.real / size,
            place.imag / size, mirrored]  # fmt: skip
    features = np.stack(told, axis=1) / AGREE
    votes = KDTree(features).query_ball_point(features, 1.0, return_length=True)
    chosen = np.argsort(-votes, kind="stable")[:TRIED]
    turn, shift, sign = turn[chosen], shift[chosen], np.where(mirrored[chosen], -1, 1)
    # x' + i y' = turn (x + i sign y) + shift
    rows = [(sign * turn.real, -sign * turn.imag), (turn.imag, turn.real), (shift.imag, shift.real)]
    return np.moveaxis(np.array(rows), 2, 0)


def _of_one_shape(ours: np.ndarray, theirs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The corners, (n, 3) as x + iy, of triangles in two images that have the same shape."""
    from scipy.spatial import KDTree

    (first, shapes), (second, other) = _triangles(ours), _triangles(theirs)
    if not len(first) or not len(second):
        return np.empty((0, 3), complex), np.empty((0, 3), complex)
    count = min(MOST_OF_ONE, len(second))
    distances, index = KDTree(other).query(shapes, k=count, distance_upper_bound=SHAPE)
    distances, index = (each.reshape(len(first), count) for each in (distances, index))
    row, column = np.nonzero(np.isfinite(distances))
    nearest = np.argsort(distances[row, column], kind="stable")[:MOST_PAIRS]
    row, column = row[nearest], column[nearest]
    return ours[first[row]] @ [1j, 1], theirs[second[index[row, column]]] @ [1j, 1]


def _area(corners: np.ndarray) -> np.ndarray:
    """Twice the areas of triangles, with the sign of the order of their corners."""
    one, two = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return (one.conj() * two).imag
