"""The smoothing spline through samples, which leaves out those that lie far off it.

A sample weighs by the inverse of the variance of its level. How smooth the surface is, a number
tells, or generalised cross-validation decides (P. Craven and G. Wahba, Smoothing noisy data with
spline functions, 1979), in which every degree of freedom counts 1.4 times, so that it does not
follow the noise (Y.-J. Kim and C. Gu, Smoothing spline Gaussian regression, 2004).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..image.robust import MAD_TO_SIGMA
from ..sky.blas import one_thread
from ..sky.smoothing_spline import Splines
from .checks import LEAST
from .family import EXACT, STIFFNESSES, Family, basis_of

DEGREES = {1: 3, 2: 8, 3: 14}
"""The degrees of the polynomials that cost nothing, and the samples that each of them needs."""

FAR = {"off": np.inf, "auto": 6.0, "always": 6.0, "strong": 4.0}
"""How many robust standard deviations a sample may lie off the surface of the others, for each
protection."""

AROUND = 8
"""The number of samples around each by which it is judged."""

SOFT, CAUCHY = 6, 2.0
"""Before any is rejected, samples lose weight in so many rounds: half of it so many robust standard
deviations off."""

ROUNDS = 10
"""Samples are rejected and taken back in so many rounds at most."""

MOST_REJECTED = 0.4
"""The largest share of the samples that is rejected: with more, nothing tells which are right."""

LEAST_ERROR = 0.3
"""No sample counts as better than this part of the median error."""


SCATTERED = 10.0
"""A sample whose error is so many times the median one is none of the sky."""


@dataclass(frozen=True, eq=False)
class SampledSurface:
    """A surface through samples.

    Attributes
    ----------
    splines : Splines
        Its basis, evaluated at the samples.
    coordinates : ndarray, (M, K)
    degree : int
        The degree of the polynomials that cost nothing.
    stiffness : float
    freedom : float
        Its effective number of degrees of freedom.
    weight : ndarray, (n,), in [0, 1]
        How much each sample counts; 0 of those that are not used.
    far : ndarray, (n,)
        How far each sample lies off the surface of the others, in robust standard deviations,
        with a sign; NaN where it has no level.
    """

    splines: Splines
    coordinates: np.ndarray
    degree: int
    stiffness: float
    freedom: float
    weight: np.ndarray
    far: np.ndarray

    @property
    def used(self) -> np.ndarray:
        """(n,) bool"""
        return self.weight > 0


@one_thread
def fit_samples(
    places: np.ndarray,
    levels: np.ndarray,
    errors: np.ndarray,
    prior: np.ndarray,
    *,
    smoothing: float | None = None,
    protection: str = "auto",
) -> SampledSurface:
    """Fit a smoothing spline through the levels of samples.

    Parameters
    ----------
    places : ndarray, (n, 2), normalised (y, x)
    levels, errors : ndarray, (n, K), in one linear space
        NaN where a sample has no level.
    prior : ndarray, (n,), in [0, 1]
        How much each sample may count.
    smoothing : float, optional
        From 0, through every sample, to 1, a plane. In between, the number of degrees of freedom
        falls from that of the samples to 3 by equal factors. Without it, the samples decide.
    protection : {"off", "auto", "always", "strong"}
        How readily a sample is rejected, see `FAR`.

    See `fastbg.samples.checks.check_places` must not have refused them.
    """
    weight = weights(errors, prior)
    candidates = np.flatnonzero(weight > 0)
    spread = np.maximum(np.ptp(levels[candidates], axis=0), np.finfo(np.float32).tiny)
    fit = _Fit(places[candidates], levels[candidates], weight[candidates], spread, smoothing)
    found = fit.robust(FAR[protection])
    full, far = np.zeros(len(places)), np.full(len(places), np.nan)
    full[candidates], far[candidates] = found.used * weight[candidates], found.far
    splines = basis_of(found.degree)
    return SampledSurface(
        splines.on(splines.at(places)),
        found.coordinates,
        found.degree,
        found.stiffness,
        found.freedom,
        full,
        far,
    )


def weights(errors: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """(n,), in [0, 1]: inverse variances, the mean over the channels, times the `prior`.

    Errors and prior are those of `fit_samples`.
    """
    known = np.isfinite(errors).all(axis=1) & (prior > 0)
    if not known.any():
        return np.zeros(len(errors))
    typical = np.median(errors[known], axis=0)
    relative = np.ones(len(errors))
    seen = typical > 0
    if seen.any():
        scaled = np.where(known[:, np.newaxis], errors, 0)[:, seen] / typical[seen]
        relative = np.sqrt((scaled**2).mean(axis=1))
    known &= relative <= SCATTERED
    weight = np.where(known, prior / np.maximum(relative, LEAST_ERROR) ** 2, 0)
    largest: np.ndarray = weight / weight.max()
    return largest


@dataclass(frozen=True, eq=False)
class _Choice:
    """A surface through those samples that are used."""

    degree: int
    stiffness: float
    freedom: float
    coordinates: np.ndarray
    used: np.ndarray
    far: np.ndarray


class _Fit:
    """Fits to samples that all may be used."""

    def __init__(
        self,
        places: np.ndarray,
        levels: np.ndarray,
        weight: np.ndarray,
        spread: np.ndarray,
        smoothing: float | None,
    ) -> None:
        self._levels, self._weight = levels, weight
        self._spread, self._smoothing = spread, smoothing
        self._around = _nearest(places)
        degrees = [degree for degree, least in DEGREES.items() if len(places) >= least]
        chosen = degrees if smoothing is None else degrees[:1]
        self._matrices = {degree: basis_of(degree).at(places) for degree in chosen}

    def robust(self, limit: float) -> _Choice:
        """The surface through those samples that do not lie far off it."""
        used = np.ones(len(self._weight), bool)
        if np.isfinite(limit):
            far = self._stiff()
            degrees = [*self._matrices]
            for _ in range(SOFT):
                # Cauchy's weights: those that are far do not hide behind each other.
                choice = self._chosen(1 / (1 + (far / CAUCHY) ** 2), degrees)
                far, degrees = choice.far, [choice.degree]
            used = self._near(far, limit)
        seen = [used]
        for _ in range(ROUNDS):
            choice = self._chosen(used, [*self._matrices])
            used = self._near(choice.far, limit)
            if any(np.array_equal(used, each) for each in seen):
                break
            seen.append(used)
        return choice

    def _near(self, far: np.ndarray, limit: float) -> np.ndarray:
        """Which samples lie within the limit; of too many that do not, the nearest are kept."""
        least = max(LEAST, int(np.ceil((1 - MOST_REJECTED) * len(far))))
        within = np.sort(np.abs(far))[min(least, len(far)) - 1]
        near: np.ndarray = np.abs(far) <= max(limit, within)
        return near

    def _stiff(self) -> np.ndarray:
        """(n,): how far samples lie off the stiffest surface, by iterated reweighting."""
        degree, everything = min(2, max(self._matrices)), np.ones(len(self._weight), bool)
        free = self._matrices[degree][:, : basis_of(degree).free]
        part = np.sqrt(self._weight)
        for _ in range(20):
            along = part[:, np.newaxis]
            flat = np.linalg.lstsq(free * along, self._levels * along, rcond=None)[0]
            far = self._far(self._levels - free @ flat, everything)
            part = np.sqrt(self._weight / (1 + (far / CAUCHY) ** 2))
        return far

    def _chosen(self, part: np.ndarray, degrees: list[int]) -> _Choice:
        """The best surface of these degrees, where each sample has a part of its weight."""
        used = part > 0
        enough = (each for each in degrees if np.count_nonzero(used) >= DEGREES[each])
        families = {degree: self._family(degree, part) for degree in enough}
        if self._smoothing is None:
            costs = {degree: each.costs(self._spread) for degree, each in families.items()}
            degree = min(costs, key=lambda degree: costs[degree].min())
            stiffness = STIFFNESSES[costs[degree].argmin()]
        else:
            wanted = LEAST * (np.count_nonzero(used) / LEAST) ** (1 - self._smoothing)
            degree, stiffness = 1, families[1].stiffness_of(wanted)
        family = families[degree]
        coordinates = family.coordinates(stiffness)
        off = self._levels - self._matrices[degree] @ coordinates
        # What a sample has drawn to itself does not excuse it.
        off[used] /= np.maximum(1 - family.leverage(stiffness), 1e-3)[:, np.newaxis]
        freedom, far = family.freedom(stiffness), self._far(off, used)
        return _Choice(degree, float(stiffness), freedom, coordinates, used, far)

    def _family(self, degree: int, part: np.ndarray) -> Family:
        used, matrix = part > 0, self._matrices[degree]
        weight = (self._weight * part)[used]
        return Family(matrix[used], basis_of(degree).free, self._levels[used], weight)

    def _far(self, off: np.ndarray, used: np.ndarray) -> np.ndarray:
        """(n,): residuals, (n, K), in robust standard deviations of those that are used; that of
        the channel in which it is largest."""
        scaled = off * np.sqrt(self._weight)[:, np.newaxis]
        size = np.where(used[:, np.newaxis], np.abs(scaled), np.nan)
        scale = MAD_TO_SIGMA * np.nanmedian(size, axis=0) + EXACT * self._spread
        # Where a gradient is steep, the surface lies off all of them.
        near = MAD_TO_SIGMA * np.nan_to_num(np.nanmedian(np.abs(scaled)[self._around], axis=1))
        far = scaled / np.maximum(scale, near)
        largest = np.abs(far).argmax(axis=1)
        own: np.ndarray = far[np.arange(len(far)), largest]
        return own


def _nearest(places: np.ndarray) -> np.ndarray:
    """(n, AROUND): the numbers of the samples around each."""
    square = ((places[:, np.newaxis] - places) ** 2).sum(axis=2)
    np.fill_diagonal(square, np.inf)
    order: np.ndarray = np.argsort(square, axis=1, kind="stable")[:, :AROUND]
    return order[:, : max(len(places) - 1, 0)]
