"""The sky that was found by a reference, and what a report tells of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..sky.detection import Sky
from ..sky.surface import Surface

DIFFERS = 0.5
"""Cells that have lost more than this part of their weight differ from the reference."""


@dataclass(frozen=True)
class Compared:
    """How an image and its reference compare, in numbers.

    Attributes
    ----------
    how : str
        What the place of the reference is known by: see `fastbg.coordinates.mapping.Mapping`.
    covers : float
        The share of the image that it covers.
    displaced : (float, float)
        How far down and to the right it seems to be displaced, in pixels of the image.
    scale : tuple of tuple of float
        How much of each channel of the reference is in each channel of the image.
    error : tuple of float
        The relative standard error of that; 0 where it was given.
    told_by : tuple of str
        What tells it: "stars", "structure" or "given".
    differs : float
        The share of the usable cells that differ and were left out.
    degree : int
        The degree of the polynomial that may be a gradient of the reference's own.
    taken : int
        That of the polynomial that the image itself has told.
    sky : float
        The share of the usable cells that is sky.
    seen : str
        What tells a gradient of the reference's own: "sky", "colours" or "nothing".
    left : float, linear
        The standard deviation of a gradient that the reference seems to have, and was not allowed
        to: the mean over the channels.
    uncertain : float, linear
        The root mean square of what the errors of the scale and of that gradient make of the sky,
        apart from its level: the mean over the channels.
    doubts : tuple of str
        Whole sentences with a cure, without a period.
    note : str
        What is remarkable about its place; empty for nothing.
    """

    how: str
    covers: float
    displaced: tuple[float, float]
    scale: tuple[tuple[float, ...], ...]
    error: tuple[float, ...]
    told_by: tuple[str, ...]
    differs: float
    degree: int
    taken: int
    sky: float
    seen: str
    left: float
    uncertain: float
    doubts: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, eq=False)
class ReferencedSky(Sky):
    """The sky of the difference between an image and its reference.

    Attributes
    ----------
    compared : Compared
    uncertainty : ndarray, (P, K), linear
        What the errors of the scale and of the reference's own gradient make of the sky, a
        standard deviation apart from the level.
    """

    compared: Compared = field(kw_only=True)
    uncertainty: np.ndarray = field(kw_only=True)


def differing(surface: Surface, weight: np.ndarray) -> float:
    """The share of the cells, which had a weight, (P,), that a surface has left out."""
    left_out = surface.weight < (1 - DIFFERS) * weight
    return float(weight @ left_out / weight.sum())
