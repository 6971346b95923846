"""Panels that show nothing of the field, as if all were cloud: by what their neighbours show.

Where panels overlap, one has the light of stars and of structure that the other has. How much of
that it shows is a ratio in each cell that is lit in the other. Where nothing is lit, nothing is
told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from ..image.robust import MAD_TO_SIGMA
from .cells import Cells
from .differences import Difference
from .scales import even, smooth_terms, solved

LIT = 5.0
"""A cell is lit if its light is so many times its noise."""

LEAST_LIT, PARTS, LEAST_PARTS = 12, 8, 4
"""So many cells must be lit, in at least so many of the parts of an overlap: a trail is no
field."""

SHOWN, SURE = 0.25, 3.0
"""A panel that shows less than this part of the light of another one does not show the same, if
that is so many standard errors off."""

AGREED = 0.3
"""Two panels show the same only if the product of their parts is larger: what is smooth in both may
be alike by chance."""


FEW, MANY = 0.1, 30
"""A panel is thought to be clouded if it has stars in less than this part of the cells in which the
others have some, in the median, where these are so many."""


def starless(every: Sequence[Cells]) -> list[int]:
    """Those of some panels that have hardly any stars, where the others have many."""
    counts = np.array([_stars(cells.stars, cells.noise) for cells in every])
    # As if all panels were as large as the first.
    usual = np.array([len(cells.place) / len(every[0].place) for cells in every])
    counts = counts / usual
    others = [np.median(np.delete(counts, own)) for own in range(len(counts))]
    few = (counts < FEW * np.array(others)) & (np.array(others) >= MANY)
    return np.flatnonzero(few).tolist()


def hidden(count: int, differences: Sequence[Difference]) -> list[int]:
    """Those of some panels that show nothing of what their neighbours show.

    A panel that shows what one of its neighbours does is not hidden, whatever the others are. Of
    two that do not show the same, it is the one that differs from more neighbours, or else the one
    with less stars.
    """
    shows, pairs, stars = set[int](), list[tuple[tuple[int, int], list[int]]](), np.zeros(count)
    for each in differences:
        parts = [_shown(each, side) for side in (0, 1)]
        known = [part for part, error in parts if np.isfinite(error)]
        hiding = [
            panel
            for panel, (part, error) in zip(each.panels, parts, strict=True)
            if part + SURE * error < SHOWN
        ]
        if any(part - SURE * error > SHOWN for part, error in parts) and np.prod(known) > AGREED:
            shows |= {*each.panels} - {*hiding}
        pairs.append((each.panels, hiding))
        if each.stars is not None and each.noise is not None:
            both = zip(each.stars, each.noise, strict=True)
            stars[[*each.panels]] += [_stars(*own) for own in both]
    found: list[int] = []
    while True:
        left = (own for panels, own in pairs if not {*panels} & {*found})
        often = Counter(panel for own in left for panel in own if panel not in shows)
        if not often:
            return sorted(found)
        found.append(max(often, key=lambda panel: (often[panel], -stars[panel])))


def _stars(stars: np.ndarray, noise: np.ndarray) -> int:
    """The number of cells in which there are stars, (n, K), in the noise, (K,)."""
    return int((stars > LIT * noise).any(axis=1).sum())


def _shown(difference: Difference, side: int) -> tuple[float, float]:
    """The part of the light of the other panel that one of both shows, and its error.

    The error is infinite where the other one has too little light.
    """
    if difference.light is None or difference.stars is None or difference.noise is None:
        return 1.0, np.inf
    along, smooth = smooth_terms(difference.points[0])
    half = difference.values / 2
    both = difference.light + half, difference.light - half
    ratios, weights, cells = [], [], []
    for channel in range(half.shape[1]):
        noise = difference.noise[1 - side, channel]
        structure = [_detail(plane[:, channel], smooth) for plane in both]
        stars = [plane[:, channel] - np.median(plane[:, channel]) for plane in difference.stars]
        for light in (structure, stars):
            lit = np.flatnonzero(np.abs(light[1 - side]) > LIT * noise)
            ratios.append(light[side][lit] / light[1 - side][lit])
            weights.append(np.abs(light[1 - side][lit]))
            cells.append(lit)
    lit = np.unique(np.concatenate(cells))
    part = np.argsort(np.argsort(along)) * PARTS // len(along)
    if len(lit) < LEAST_LIT or len(np.unique(part[lit])) < LEAST_PARTS:
        return 1.0, np.inf
    ratio, weight = np.concatenate(ratios), np.concatenate(weights)
    # No bright star outvotes all others.
    weight = np.minimum(weight, np.median(weight))
    middle = _median(ratio, weight)
    scatter = MAD_TO_SIGMA * _median(np.abs(ratio - middle), weight)
    return middle, scatter / len(lit) ** 0.5


def _detail(light: np.ndarray, smooth: np.ndarray) -> np.ndarray:
    """What is left of light without what may be a background."""
    found: np.ndarray = light - smooth @ solved(smooth, light, even(light, smooth))
    return found


def _median(values: np.ndarray, weight: np.ndarray) -> float:
    order = np.argsort(values)
    total = np.cumsum(weight[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)])
