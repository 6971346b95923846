"""Objects that were found, picked by a click: taken as sky or as an object, grown or shrunk."""

from __future__ import annotations

import numpy as np

from ..errors import InputError
from .engine import Outcome
from .layers import Painted

OBJECT = 0.5
"""Below this weight, a cell belongs to an object."""

STANDS_OUT = 2.0
"""Robust standard deviations above the model at which a cell of the sky stands out."""

AROUND = 24
"""Cells to each side of a click within which what stands out is looked for."""

DISC = 3
"""The radius, in cells, of what is taken as an object where nothing stands out."""


def objects(outcome: Outcome, painted: Painted) -> np.ndarray:
    """(h, w), int: the number of the found object that a cell belongs to; 0 = sky or painted."""
    from scipy.ndimage import label

    out: np.ndarray = label(_excluded(outcome) & ~painted.not_sky)[0]
    return out


def picked(
    outcome: Outcome, painted: Painted, cell: tuple[int, int], action: str
) -> tuple[str, np.ndarray]:
    """The layer and the cells, (h, w) bool, that an action on the object at a cell paints.

    Parameters
    ----------
    cell : (row, column)
    action : {"sky", "object", "grow", "shrink"}
        Take the object as sky; take what stands out there as an object; make the object larger or
        smaller by a ring of cells.

    Raises
    ------
    InputError
        If there is no object.
    """
    excluded = _excluded(outcome) | painted.not_sky
    if action == "object" and not excluded[cell]:
        return "not_sky", _standing_out(outcome, excluded, cell)
    if not excluded[cell]:
        raise InputError("there is no object here: click on one, or take what is here as an object")
    whole = _connected(excluded, cell)
    if action in ("sky", "object"):
        return ("sky" if action == "sky" else "not_sky"), whole
    from scipy.ndimage import binary_dilation, binary_erosion

    if action == "grow":
        return "not_sky", binary_dilation(whole)
    return "sky", whole & ~binary_erosion(whole, border_value=1)


def _excluded(outcome: Outcome) -> np.ndarray:
    problem = outcome.prepared.problem
    known = ~np.isnan(problem.data).all(axis=2)
    excluded: np.ndarray = known & (problem.weight.max(axis=2) < OBJECT)
    return excluded


def _connected(cells: np.ndarray, cell: tuple[int, int]) -> np.ndarray:
    """The cells that are connected with one of them."""
    from scipy.ndimage import label

    numbers = label(cells)[0]
    connected: np.ndarray = numbers == numbers[cell]
    return connected


def _standing_out(outcome: Outcome, excluded: np.ndarray, cell: tuple[int, int]) -> np.ndarray:
    """What stands out of the sky around a cell, or a disc where nothing does."""
    reduced = outcome.reduced
    planes = np.moveaxis(reduced.small, 2, 0)
    linear = reduced.own.invert(np.nan_to_num(planes, neginf=0).astype(np.float32))[0]
    off = np.nanmean(np.where(np.isfinite(planes), linear - outcome.background, 0), axis=0)
    sky = off[~excluded]
    spread = 1.4826 * np.median(np.abs(sky - np.median(sky))) if sky.size else 0.0
    near = np.zeros(off.shape, bool)
    (row, column), reach = cell, AROUND
    near[max(row - reach, 0) : row + reach + 1, max(column - reach, 0) : column + reach + 1] = True
    bright = near & ~excluded & (off > STANDS_OUT * spread)
    if bright[cell]:
        return _connected(bright, cell)
    y, x = np.ogrid[: off.shape[0], : off.shape[1]]
    disc: np.ndarray = (y - row) ** 2 + (x - column) ** 2 <= DISC**2
    return disc
