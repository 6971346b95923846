"""The halo of a saturated area: a power of the distance from it, beside a quadratic sky.

Scattered light around what is overexposed fills a frame, smooth as a sky, and in far more than the
sky's strength. But its shape is known: it falls off as a power of the distance, up to a factor that
changes with the direction and scatters. So its error grows with its light: cells count the less,
the more halo is in them. What somebody knows to be sky has no halo.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from .even_areas import FLAT, LEAST_AREA
from .mesh import Mesh
from .smoothing_spline import Splines
from .surface import Surface

POWERS = (2, 3, 4, 5, 6, 7)
"""The powers of the distance that are tried."""

HARMONICS = 2
"""The number of harmonics of the direction by which a halo may differ from a circular one."""

SCATTER = 0.3
"""The standard deviation of the light of a halo from such a shape, relative to it."""

ABOVE, BELOW = 2.0, 4.0
"""Standard deviations above and below a fit at which a cell counts half: objects add light."""

ITERATIONS = 15
"""Of the reweighted least squares for one power."""

ACCOUNTED = 0.8
"""Sky and halo account for at least this share of the cells, within three standard deviations."""

LIKELIER = 0.1
"""By how much the logarithm of the likelihood must exceed that of multiples of one shape, with a
halo beside them, per cell: four numbers more in each channel do, whatever they describe."""

MOST_EXPLAINED = 0.5
"""A surface that explains at least this share of the frame is kept."""

STIFF = 1e3
"""A stiffness with which hardly anything bends but the polynomials."""


Shapes = Callable[[float], np.ndarray]
"""The functions of a halo, (P, Q), that falls as a power."""


@dataclass(frozen=True, eq=False)
class _Fit:
    """Sky and halo in one channel, in units of its noise, at the usable cells.

    Attributes
    ----------
    shares : ndarray, (Q,)
        The factors of the functions.
    off : ndarray, (n,)
        The residuals in standard deviations.
    weight : ndarray, (n,)
    unlikely : float
        The logarithm of the likelihood, negative.
    """

    shares: np.ndarray
    off: np.ndarray
    weight: np.ndarray
    unlikely: float


@dataclass(frozen=True, eq=False)
class _Halo:
    """The fits of all channels with one power."""

    power: float
    channels: list[_Fit]

    @property
    def unlikely(self) -> float:
        return sum(channel.unlikely for channel in self.channels)


def behind_halo(
    instead: Surface, mesh: Mesh, quadratic: Splines, flexible: Splines
) -> Surface | None:
    """The mean of a surface and of the quadratic sky behind the halo of a saturated area.

    Both are guesses, from what the channels share and from the shape of the halo. They err in ways
    of their own.

    Parameters
    ----------
    instead : Surface
        What was selected.
    mesh : Mesh
        In which saturated areas have no weight; see `fastbg.sky.even_areas`.
    quadratic, flexible : Splines
        The basis in which quadratic polynomials cost nothing, and one that has all surfaces.

    Returns
    -------
    Surface or None
        None where the surface explains the frame, where there is no such area, where a halo does
        not account for the frame, or where multiples of one shape with a halo beside them are as
        likely: unlike channels of their own, they can hardly follow a halo.
    """
    shapes = None if instead.explained >= MOST_EXPLAINED else _shapes(mesh)
    if shapes is None:
        return None
    plain, usable, unit = quadratic.matrix[:, : quadratic.free], mesh.usable, _unit(mesh)
    halo = _likeliest(mesh, shapes, [plain] * len(unit))
    within = np.abs([channel.off for channel in halo.channels]).max(axis=0) < 3
    if np.average(within, weights=mesh.weight[usable]) < ACCOUNTED:
        return None
    if instead.joint is not None:
        own = [np.column_stack([each, np.ones(len(usable))]) for each in (instead.values / unit).T]
        gained = _likeliest(mesh, shapes, own).unlikely - halo.unlikely
        if gained < LIKELIER * np.count_nonzero(usable):
            return None
    shares = np.stack([channel.shares[: quadratic.free] for channel in halo.channels], axis=1)
    mean = (instead.values + plain @ shares * unit) / 2
    weight = np.zeros(len(usable))
    weight[usable] = np.mean([channel.weight for channel in halo.channels], axis=0)
    return replace(
        instead,
        splines=flexible,
        coordinates=np.linalg.lstsq(flexible.matrix, mean, rcond=None)[0],
        weight=weight * mesh.weight,
        stiffness=STIFF,
        joint=None,
        halo=shapes(halo.power),
    ).judged(mesh)


def _unit(mesh: Mesh) -> np.ndarray:
    return np.maximum(mesh.noise, np.finfo(np.float32).tiny)


def _shapes(mesh: Mesh) -> Shapes | None:
    """Those of the saturated area; None where there is none."""
    highest = mesh.values.max(axis=0)
    saturated = ~mesh.usable & (mesh.values > (1 - FLAT) * highest).any(axis=1)
    if np.count_nonzero(saturated) < LEAST_AREA:
        return None
    places = mesh.points * mesh.shape  # in cells
    y, x = (places - places[saturated].mean(axis=0)).T
    radius = np.sqrt(np.count_nonzero(saturated) / np.pi)
    away = np.maximum(np.hypot(y, x), 0.5) / radius
    waves = np.multiply.outer(np.arctan2(y, x), np.arange(HARMONICS + 1))
    turning = np.hstack([np.cos(waves), np.sin(waves[:, 1:])])
    turning *= (1 - mesh.known)[:, np.newaxis]
    return lambda power: away[:, np.newaxis] ** -power * turning


def _likeliest(mesh: Mesh, shapes: Shapes, skies: list[np.ndarray]) -> _Halo:
    """The halo of the likeliest power beside sums of functions, (P, Q) for each channel."""
    data, known = (mesh.values / _unit(mesh))[mesh.usable].T, mesh.known[mesh.usable]
    haloes = []
    for power in POWERS:
        halo = shapes(power)
        sides = [np.hstack([sky, halo])[mesh.usable] for sky in skies]
        fits = [
            _fit(side, sky.shape[1], own, known)
            for side, sky, own in zip(sides, skies, data, strict=True)
        ]
        haloes.append(_Halo(power, fits))
    return min(haloes, key=lambda halo: halo.unlikely)


def _fit(functions: np.ndarray, plain: int, data: np.ndarray, known: np.ndarray) -> _Fit:
    """Fit the functions, (n, Q), of a sky and, after the first few, of a halo to one channel.

    What is known to be sky, (n,), keeps its weight.
    """
    likely, halo = np.ones(len(data)), functions[:, plain] * data.max()
    for _ in range(ITERATIONS):
        weight = likely / (1 + (SCATTER * halo) ** 2)
        weighted = functions * weight[:, np.newaxis]
        normal = weighted.T @ functions
        normal.flat[:: len(normal) + 1] *= 1 + 1e-9
        shares = np.linalg.solve(normal, weighted.T @ data)
        halo = np.maximum(functions[:, plain:] @ shares[plain:], 0)
        scatter = np.hypot(1, SCATTER * halo)
        off = (data - functions @ shares) / scatter
        likely = np.maximum(1 / (1 + (off / np.where(off > 0, ABOVE, BELOW)) ** 2), known)
    unlikely = np.log(scatter) + 2 * np.log1p((off / ABOVE) ** 2)
    return _Fit(shares, off, likely / scatter**2, float(unlikely.sum()))
