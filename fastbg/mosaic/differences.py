"""The differences between the backgrounds of panels, where they overlap or where they meet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from .cells import Cells

LEAST_CELLS = 4
"""Two panels overlap if they have at least so many whole cells in common."""

MISPLACED = 0.1
"""Cells of two panels are off by so much of their side: where the light is steep, differences
count less."""


@dataclass(frozen=True, eq=False)
class Difference:
    """The background of one panel minus that of another, at places that both have.

    Attributes
    ----------
    panels : (int, int)
        The numbers of the one and of the other.
    points : ndarray, (2, n, 2), normalised (y, x)
        The places in both.
    values : ndarray, (n, K), linear
    errors : ndarray, (n,), linear
        How uncertain each is beside what all have in common.
    light : ndarray, (n, K), linear, or None
        What both have there on the average, where they overlap.
    stars : ndarray, (2, n, K), linear, or None
        The light of stars in both, where they overlap.
    noise : ndarray, (2, K), linear, or None
        That of what both have there.
    """

    panels: tuple[int, int]
    points: np.ndarray
    values: np.ndarray
    errors: np.ndarray
    light: np.ndarray | None
    stars: np.ndarray | None = None
    noise: np.ndarray | None = None


def in_overlaps(every: Sequence[Cells]) -> list[Difference]:
    """The differences of all pairs of panels in the cells that both cover."""
    found: list[Difference] = []
    for one, other in combinations(range(len(every)), 2):
        mine, theirs = every[one], every[other]
        _, own, others = np.intersect1d(
            mine.place[mine.whole],
            theirs.place[theirs.whole],
            assume_unique=True,
            return_indices=True,
        )
        if len(own) >= LEAST_CELLS:
            own, others = np.flatnonzero(mine.whole)[own], np.flatnonzero(theirs.whole)[others]
            points = np.stack([mine.points[own], theirs.points[others]])
            values = mine.values[own] - theirs.values[others]
            steep = np.maximum(mine.steep[own], theirs.steep[others])
            light = (mine.values[own] + theirs.values[others]) / 2
            stars = np.stack([mine.stars[own], theirs.stars[others]])
            told = light, stars, np.stack([mine.noise, theirs.noise])
            found.append(Difference((one, other), points, values, MISPLACED * steep, *told))
    return found


def groups_of(count: int, differences: Sequence[Difference]) -> list[list[int]]:
    """The panels that differences connect, group by group."""
    group = list(range(count))
    for each in differences:
        one, other = (group[panel] for panel in each.panels)
        group = [one if own == other else own for own in group]
    return [[p for p in range(count) if group[p] == own] for own in dict.fromkeys(group)]
