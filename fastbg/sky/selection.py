"""Which smooth surface is the sky: fits from stiff to bending, and the choice among them.

Sky is what is left when everything that is not smooth is taken away. A surface is fitted to the
cells of an image; cells off it lose weight, most of all above it, where objects are; the rest is
fitted again, with a narrower tolerance each time (graduated non-convexity: A. Blake and A.
Zisserman, Visual Reconstruction, MIT Press 1987). This is done for surfaces that may bend more and
more. The one that is chosen explains the largest part of the frame within a small tolerance, where
each that bends more has to explain more than the one before it: a nebula has no smooth surface that
fits it, and a steep gradient has one.

Where objects hide most of a sky of one light, a sum of the channels in which they cancel tells its
shape, and the channels are multiples of that: one number each instead of a surface.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..errors import InputError
from .blas import one_thread
from .colour import without_objects
from .mesh import Cells
from .smoothing_spline import Basis, Splines

SIDE = 14
"""Control points along each side of the frame, at most."""

CELLS_PER_POINT = 4

LEAST_CELLS = 12

CANDIDATES = (
    *((1, 1e-3), (2, 1e-2), (2, 1e-3), (3, 1e-2)),
    *((3, 1e-3), (3, 1e-4), (3, 1e-5), (3, 1e-6), (3, 1e-7), (3, 1e-8)),
)
"""Up to which degree polynomials are free, and how stiff the rest is; see `Basis`."""

POLYNOMIAL_PRICE, BENDING_PRICE, CLEAR_PRICE = 0.01, 0.22, 0.03
"""By what part a candidate must reduce what the one before it leaves unexplained.

The first few are little more than polynomials, which no nebula looks like; the others may follow
one, unless most of the frame is sky."""

LARGE_POLYNOMIALS = 4
"""Candidates that are priced as polynomials."""

FRESH_PRICE = 0.1
"""By what part a chain that forgets what was sky before must leave less unexplained."""

FITS = 3 * len(CANDIDATES) + 2
"""How many fits `find_sky` makes, at most."""

ODDS = 3.0
"""Times those of a sky of one light that another must have."""

CLEAR, HALF = 0.75, 0.5
"""The part of a frame that is sky where there is little else, and where sky is most of it."""

BELOW = 0.1
"""More than such a part lies below the sky of one light only where there are several lights."""

WIDTHS = (8, 5, 3, 2, 1.4, 1, 1, 1)
"""The tolerance of one fit after another."""

TOLERANCE = 0.02
"""Of the fit, relative to the spread of the surface, where noise is smaller."""

EXPLAINED = 0.05
"""A cell is explained within so much of the spread of the surface, and three times the noise."""

SOFTNESS = 0.5
"""Tolerances over which weights fall."""

LEAST = 1e-4
"""The weight of a cell that is off, which keeps every fit determined."""


Frames = dict[int, Splines]
"""By the degree of the polynomials that are free."""

Candidates = list[tuple[int, float]]
"""See `CANDIDATES`."""


@dataclass(frozen=True)
class Protection:
    """How much is taken for an object.

    Attributes
    ----------
    above : float
        Tolerances above the surface at which a cell loses half its weight.
    below : float
        Tolerances below it: landscapes, dark dust, shadows.
    around : float
        Tolerances above it of the mean of its neighbours.
    reach : float
        Cells, the deviation of the Gaussian that makes those means.
    """

    above: float
    below: float
    around: float
    reach: float


PROTECTIONS = {
    "off": Protection(np.inf, np.inf, np.inf, 1.5),
    "auto": Protection(2.5, 4.0, 1.5, 1.5),
    "strong": Protection(1.5, 3.0, 0.8, 2.5),
}


@dataclass(frozen=True)
class Surface:
    """A fitted surface.

    Attributes
    ----------
    splines : Splines
    coordinates : ndarray, (M, K)
    weight : ndarray, (P,), in [0, 1]
        How much each cell is sky.
    stiffness : float
    explained : float
        The part of the usable cells that lies on the surface.
    below : float
        The part that lies below it.
    light : (Cells, Surface), optional
        Of what the channels are multiples, and the cells in one colour to which that was fitted.
    """

    splines: Splines
    coordinates: np.ndarray
    weight: np.ndarray
    stiffness: float
    explained: float
    below: float
    light: tuple[Cells, Surface] | None = None

    @property
    def values(self) -> np.ndarray:
        """(P, K), linear, at the cells."""
        return self.splines.matrix @ self.coordinates

    @property
    def unexplained(self) -> float:
        """The logarithm of the part that is not explained."""
        return float(np.log(max(1 - self.explained, 1e-3)))

    @property
    def odds(self) -> float:
        """Of what is explained to what is not."""
        return self.explained / max(1 - self.explained, 1e-3)


@one_thread
def find_sky(
    cells: Cells,
    protection: Protection,
    watch: Callable[[int], None] = lambda done: None,
) -> list[Surface]:
    """The smooth surface that is most likely the sky, after the stiffer ones that led to it.

    Parameters
    ----------
    cells : Cells
    protection : Protection
    watch : callable, optional
        Called with the count of `FITS` that are done; what it raises ends the search.

    Raises
    ------
    InputError
        If fewer than `LEAST_CELLS` can be used.
    """
    usable = np.count_nonzero(cells.usable)
    if usable == 0:
        raise InputError(
            "every pixel is masked or missing: widen the thresholds, or invert the mask"
        )
    if usable < LEAST_CELLS:
        raise InputError(
            f"only {usable} of {cells.usable.size} parts of the image can be used: widen the "
            "thresholds or the mask, or use a smaller downscaling factor"
        )
    side = min(SIDE, max(2, int((usable / CELLS_PER_POINT) ** 0.5)))
    basis = Basis(cells.points, side)
    frames = {degree: basis.of_degree(degree) for degree in (1, 2, 3) if degree < side}
    candidates = [each for each in CANDIDATES if each[0] in frames]
    search = _Search(protection, watch)
    one_colour = without_objects(cells, frames[max(frames)])
    chains = [search.carried(cells, frames, candidates), search.fresh(cells, frames, candidates)]
    path = _cheapest(chains)
    if one_colour is None:
        return path
    clear = _cheapest([search.fresh(one_colour, frames, candidates)])
    light = clear[-1]
    stiffer = _cheapest([chain[: len(clear)] for chain in chains])
    if light.explained < CLEAR or stiffer[-1].explained >= CLEAR:
        return path
    if stiffer[-1].explained >= HALF:
        # What bends more than the sky does in one colour is none.
        path = stiffer
    lit = light.splines.multiples(light.coordinates)
    starts = _lower_side(lit, cells), _largest_smooth_part(cells)
    fits = [search.fit(lit, cells, start, light.stiffness) for start in starts]
    best = max(fits, key=lambda surface: surface.explained)
    several = path[-1].odds >= ODDS * best.odds or best.below > path[-1].below + BELOW
    return path if several else [replace(best, light=(one_colour, light))]


class _Search:
    def __init__(self, protection: Protection, watch: Callable[[int], None]) -> None:
        self._protection, self._watch, self._done = protection, watch, 0

    def carried(self, cells: Cells, frames: Frames, candidates: Candidates) -> list[Surface]:
        """A chain from the lower side, each candidate from what was sky to the one before it."""
        weight, chain = _lower_side(frames[1], cells), []
        for degree, stiffness in candidates:
            chain.append(self.fit(frames[degree], cells, weight, stiffness))
            weight = chain[-1].weight
            if _settled(chain):
                break
        return chain

    def fresh(self, cells: Cells, frames: Frames, candidates: Candidates) -> list[Surface]:
        """A chain in which each candidate begins with the largest smooth part of the frame."""
        weight, chain = _largest_smooth_part(cells), []
        for degree, stiffness in candidates:
            chain.append(self.fit(frames[degree], cells, weight, stiffness))
            if _settled(chain):
                break
        return chain

    def fit(self, splines: Splines, cells: Cells, weight: np.ndarray, stiffness: float) -> Surface:
        surface = _fit(splines, cells, weight, stiffness, self._protection)
        self._done += 1
        self._watch(self._done)
        return surface


def _settled(chain: list[Surface]) -> bool:
    """Whether most is sky, and bending more, and still more, has not explained more."""
    if len(chain) < 3 or chain[-3].explained < CLEAR:
        return False
    return chain[-3].unexplained <= min(each.unexplained for each in chain[-2:]) + CLEAR_PRICE


def _cheapest(chains: list[list[Surface]]) -> list[Surface]:
    """The chain, carried or fresh, with the surface that explains most for its price, up to it."""
    costs = []
    for price, chain in zip((0, FRESH_PRICE), chains, strict=False):
        prices = np.full(len(chain), BENDING_PRICE)
        prices[:LARGE_POLYNOMIALS] = POLYNOMIAL_PRICE
        prices[0] = price
        costs.append([each.unexplained for each in chain] + np.cumsum(prices))
    least = [cost.min() for cost in costs]
    chain, best = chains[np.argmin(least)], int(np.argmin(costs[np.argmin(least)]))
    for following in chain[best + 1 :]:
        now = chain[best]
        if now.explained < CLEAR or following.unexplained + CLEAR_PRICE >= now.unexplained:
            break
        best += 1
    return chain[: best + 1]


def _fit(
    splines: Splines,
    cells: Cells,
    weight: np.ndarray,
    stiffness: float,
    protection: Protection,
) -> Surface:
    """Fit a surface to what is sky, beginning with a weight, and find what that is."""
    from scipy.ndimage import gaussian_filter

    usable = cells.usable.reshape(cells.shape).astype(float)
    around = np.maximum(gaussian_filter(usable, protection.reach), 1e-3)
    for width in WIDTHS:
        surface = splines.matrix @ splines.solve(cells.values, weight, stiffness)
        tolerance = width * np.hypot(cells.noise, TOLERANCE * weighted_deviation(surface, weight))
        off = ((cells.values - surface) / tolerance).mean(axis=1)
        plane = np.clip(off, -6, 6).reshape(cells.shape) * usable
        nearby = (gaussian_filter(plane, protection.reach) / around).ravel()
        sky = _falling(off - protection.above, SOFTNESS) * _falling(
            -off - protection.below, SOFTNESS
        )
        sky *= _falling(nearby - protection.around, 0.6 * SOFTNESS)
        weight = cells.weight * np.maximum(sky, LEAST)
    coordinates = splines.solve(cells.values, weight, stiffness)
    surface = splines.matrix @ coordinates
    tolerance = np.hypot(3 * cells.noise, EXPLAINED * weighted_deviation(surface, weight))
    off = (cells.values - surface) / tolerance
    explained = cells.weight @ (np.abs(off) < 1).all(axis=1) / cells.weight.sum()
    below = cells.weight @ (off < -1).mean(axis=1) / cells.weight.sum()
    return Surface(splines, coordinates, weight, stiffness, float(explained), float(below))


def weighted_deviation(surface: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(K,): the weighted deviation of a surface, (P, K); never zero."""
    share = weight[:, np.newaxis] / weight.sum()
    variance = (share * (surface - (share * surface).sum(axis=0)) ** 2).sum(axis=0)
    spread: np.ndarray = np.sqrt(variance) + np.finfo(np.float32).tiny
    return spread


def _falling(value: np.ndarray, softness: float) -> np.ndarray:
    """From 1 far below zero to 0 far above it."""
    fallen: np.ndarray = 1 / (1 + np.exp(np.clip(value / softness, -30, 30)))
    return fallen


def _lower_side(splines: Splines, cells: Cells) -> np.ndarray:
    """The weight of what lies below a stiff surface that most lies above.

    Asymmetric least squares: P. H. C. Eilers and H. F. M. Boelens, Baseline correction with
    asymmetric least squares smoothing, 2005.
    """
    weight = cells.weight
    for _ in range(8):
        surface = splines.matrix @ splines.solve(cells.values, weight, CANDIDATES[0][1])
        above = (cells.values - surface) / weighted_deviation(cells.values, cells.weight)
        weight = cells.weight * np.where(above.mean(axis=1) > 0, 0.05, 0.95)
    return weight


def _largest_smooth_part(cells: Cells) -> np.ndarray:
    """The weight of the largest part of the frame without an edge in it.

    A landscape's outline cuts it off from the sky.
    """
    from scipy.ndimage import label

    usable = cells.usable.reshape(cells.shape)
    scale = np.maximum(cells.noise, np.finfo(np.float32).tiny)
    values = np.where(cells.usable[:, np.newaxis], cells.values / scale, np.nan)
    grid = values.reshape(*cells.shape, -1)
    steepest = np.zeros(cells.shape)
    for axis in (0, 1):
        step = np.nan_to_num(np.abs(np.diff(grid, axis=axis)).mean(axis=2), nan=np.inf)
        for side in (slice(1, None), slice(None, -1)):
            part = steepest[side] if axis == 0 else steepest[:, side]
            np.maximum(part, step, out=part)
    smooth = usable & (steepest < 3 * np.median(steepest[usable]))
    parts, count = label(smooth)
    if count == 0:
        return cells.weight
    largest = np.bincount(parts.ravel())[1:].argmax() + 1
    weight: np.ndarray = cells.weight * np.maximum((parts == largest).ravel(), LEAST)
    return weight
