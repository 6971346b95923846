"""Cells and their neighbours: Gaussian means, those with company, and connected regions.

They are what `scipy.ndimage` has, whose import takes longer than a search in a small image.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np


def gaussian_mean(
    plane: np.ndarray, deviation: float, precision: type[np.floating[Any]] = np.float64
) -> np.ndarray:
    """(rows, columns): the mean of the neighbourhood of each cell, mirrored at the edges.

    Parameters
    ----------
    plane : ndarray, (rows, columns)
    deviation : float
        Of the Gaussian, in cells.
    precision : type, optional
        Of what is computed.
    """
    plane = plane.astype(precision, copy=False)
    down, across = (_means(size, deviation).astype(precision, copy=False) for size in plane.shape)
    mean: np.ndarray = down @ plane @ across.T
    return mean


def gaussian_weights(deviation: float) -> np.ndarray:
    """(2 radius + 1,): the weights of neighbours up to four deviations away, which add up to 1."""
    radius = int(4 * deviation + 0.5)
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / deviation) ** 2)
    normalised: np.ndarray = weights / weights.sum()
    return normalised


@lru_cache(maxsize=16)
def _means(size: int, deviation: float) -> np.ndarray:
    """(size, size): the matrix of means along an axis, which is not to be changed.

    The search asks for the same few ones twenty times, which would take 4 ms.
    """
    weights = gaussian_weights(deviation)
    radius = len(weights) // 2
    means = np.zeros((size, size))
    for offset, weight in zip(range(-radius, radius + 1), weights, strict=True):
        place = (np.arange(size) + offset) % (2 * size)
        means[np.arange(size), np.minimum(place, 2 * size - 1 - place)] += weight
    means.flags.writeable = False
    return means


def accompanied(inside: np.ndarray) -> np.ndarray:
    """(rows, columns, ...) bool: those of a set of cells with one more of it around them.

    Parameters
    ----------
    inside : ndarray, (rows, columns, ...), bool
        A set, or one for each channel. The cells around one are the eight that touch it.
    """
    rows, columns = inside.shape[:2]
    framed = np.zeros((rows + 2, columns + 2, *inside.shape[2:]), bool)
    framed[1:-1, 1:-1] = inside
    beside = np.zeros_like(inside)
    for down, right in np.ndindex(3, 3):
        if (down, right) != (1, 1):
            beside |= framed[down : down + rows, right : right + columns]
    accompanied: np.ndarray = inside & beside
    return accompanied


def largest_region(inside: np.ndarray) -> np.ndarray:
    """(rows, columns) bool: the largest set of cells that are connected along rows and columns.

    Parameters
    ----------
    inside : ndarray, (rows, columns), bool
        The cells that may belong to it, at least one.
    """
    down, across = inside[1:] & inside[:-1], inside[:, 1:] & inside[:, :-1]
    numbers = regions(down, across)
    region: np.ndarray = inside & (numbers == np.bincount(numbers[inside]).argmax())
    return region


def regions(down: np.ndarray, across: np.ndarray) -> np.ndarray:
    """(rows, columns) int: a number for each cell, the same for cells that are connected.

    Parameters
    ----------
    down : ndarray, (rows - 1, columns), bool
        Whether each cell is connected with the one below it.
    across : ndarray, (rows, columns - 1), bool
        Whether each cell is connected with the one to its right.
    """
    shape = len(across), down.shape[1]
    numbers = np.arange(shape[0] * shape[1]).reshape(shape)
    # Every cell takes the smallest number around it, and then the one which that cell has.
    while True:
        least = numbers.copy()
        for axis, joined in enumerate((down, across)):
            own, new = (np.swapaxes(each, 0, axis) for each in (numbers, least))
            joined = np.swapaxes(joined, 0, axis)
            for here, there in ((slice(1, None), slice(-1)), (slice(-1), slice(1, None))):
                np.minimum(new[here], own[there], out=new[here], where=joined)
        least = least.ravel()[least]
        if (least == numbers).all():
            return numbers
        numbers = least
