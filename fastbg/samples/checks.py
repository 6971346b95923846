"""Whether samples determine a surface."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from ..errors import InputError

LEAST = 3
"""A plane needs so many samples."""


def make_a_plane(places: np.ndarray) -> bool:
    """Whether points, (n, 2), are three or more that do not lie on one line."""
    if len(places) < LEAST:
        return False
    spread = np.linalg.svd(places - places.mean(axis=0), compute_uv=False)
    return bool(spread[1] > 1e-3 * spread[0])


def check_places(
    places: np.ndarray, levels: np.ndarray, prior: np.ndarray, why: Iterable[str]
) -> None:
    """Raise InputError if samples determine no plane; parameters as for `fit_samples`.

    `why` tells why samples have no level.
    """
    places = places[np.isfinite(levels).all(axis=1) & (prior > 0)]
    if len(places) < LEAST:
        reasons = Counter(filter(None, why)).most_common(1)
        told = f"; of {reasons[0][1]} others, {reasons[0][0]}" if reasons else ""
        raise InputError(
            f"{len(places)} of {len(levels)} samples can be used{told}: a surface needs {LEAST} on "
            "the sky"
        )
    if not make_a_plane(places):
        raise InputError(
            f"the {len(places)} samples that can be used lie on one line, beside which they tell "
            "nothing: add some on the sky there"
        )
