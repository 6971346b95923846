"""Whether samples determine a surface."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import InputError

LEAST = 3
"""A plane needs so many samples."""

NO_WEIGHT = "its weight is 0"


def make_a_plane(places: np.ndarray) -> bool:
    """Whether points, (n, 2), are three or more that do not lie on one line."""
    if len(places) < LEAST:
        return False
    spread = np.linalg.svd(places - places.mean(axis=0), compute_uv=False)
    return bool(spread[1] > 1e-3 * spread[0])


def check_places(
    places: np.ndarray, levels: np.ndarray, prior: np.ndarray, why: Sequence[str]
) -> None:
    """Raise InputError if samples determine no plane; parameters as for `fit_samples`.

    `why` tells why samples have no level.
    """
    usable = np.isfinite(levels).all(axis=1) & (prior > 0)
    places = places[usable]
    if len(places) < LEAST:
        told = ""
        if not usable.all():
            left = int(np.flatnonzero(~usable)[0])
            told = f"; number {left + 1} is not used: {why[left] or NO_WEIGHT}"
        raise InputError(
            f"{len(places)} of {len(levels)} samples can be used: a surface needs {LEAST} on the "
            f"sky{told}"
        )
    if not make_a_plane(places):
        raise InputError(
            f"the {len(places)} samples that can be used lie on one line, beside which they tell "
            "nothing: add some on the sky there"
        )
