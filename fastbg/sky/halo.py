"""The halo of a saturated area: a power of the distance from it, beside a quadratic sky.

Scattered light around what is overexposed fills a frame, smooth as a sky, and in far more than the
sky's strength. But its shape is known: it falls off as a power of the distance, up to a factor that
changes with the direction and scatters. So its error grows with its light: cells count the less,
the more halo is in them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from .even_areas import FLAT, LEAST_AREA
from .mesh import Mesh
from .smoothing_spline import Splines
from .surface import Surface, explained_within

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

STIFF = 1e3
"""A stiffness with which hardly anything bends but the polynomials."""


@dataclass(frozen=True, eq=False)
class _Fit:
    """One channel's sky and halo, in units of its noise.

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


def behind_halo(instead: Surface, mesh: Mesh, splines: Splines) -> Surface | None:
    """The quadratic sky behind the halo of a saturated area, instead of a surface.

    Parameters
    ----------
    instead : Surface
        What was selected.
    mesh : Mesh
        In which saturated areas have no weight; see `fastbg.sky.even_areas`.
    splines : Splines
        The basis in which quadratic polynomials cost nothing.

    Returns
    -------
    Surface or None
        None where there is no such area, or a halo does not account for the frame.
    """
    around = _around(mesh)
    if around is None:
        return None
    usable = mesh.usable
    noise = np.maximum(mesh.noise, np.finfo(np.float32).tiny)
    data = (mesh.values / noise)[usable]
    plain = splines.matrix[:, : splines.free]

    def fits(power: float) -> list[_Fit]:
        functions = np.hstack([plain, around(power)])[usable]
        return [_fit(functions, splines.free, channel) for channel in data.T]

    found = min(((fits(power), power) for power in POWERS), key=_unlikely)
    channels, power = found
    within = np.abs([channel.off for channel in channels]).max(axis=0) < 3
    if np.average(within, weights=mesh.weight[usable]) < ACCOUNTED:
        return None
    coordinates = np.zeros_like(instead.coordinates, shape=(splines.matrix.shape[1], len(noise)))
    shares = np.stack([channel.shares for channel in channels], axis=1) * noise
    coordinates[: splines.free] = shares[: splines.free]
    weight = np.zeros(len(usable))
    weight[usable] = np.mean([channel.weight for channel in channels], axis=0)
    sky = replace(
        instead,
        splines=splines,
        coordinates=coordinates,
        weight=weight * mesh.weight,
        stiffness=STIFF,
        joint=None,
        halo=around(power),
    )
    off = (mesh.values - sky.values) / explained_within(sky.values, mesh, sky.weight)
    total = mesh.weight.sum()
    return replace(
        sky,
        explained=float(mesh.weight @ (np.abs(off) < 1).all(axis=1) / total),
        below=float(mesh.weight @ (off < -1).mean(axis=1) / total),
    )


def _unlikely(found: tuple[list[_Fit], float]) -> float:
    return sum(channel.unlikely for channel in found[0])


def _around(mesh: Mesh) -> Callable[[float], np.ndarray] | None:
    """The functions, (P, Q), whose sums are haloes of the saturated area that fall as a power."""
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
    return lambda power: away[:, np.newaxis] ** -power * turning


def _fit(functions: np.ndarray, plain: int, data: np.ndarray) -> _Fit:
    """Fit the functions, (n, Q), of a sky and, after the first few, of a halo to one channel."""
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
        likely = 1 / (1 + (off / np.where(off > 0, ABOVE, BELOW)) ** 2)
    unlikely = np.log(scatter) + 2 * np.log1p((off / ABOVE) ** 2)
    return _Fit(shares, off, likely / scatter**2, float(unlikely.sum()))
