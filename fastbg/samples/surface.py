"""The smoothing spline through samples, which leaves out those that lie far off it.

A sample weighs by the inverse of the variance of its level. How smooth the surface is, a number
tells, or generalised cross-validation decides (P. Craven and G. Wahba, Smoothing noisy data with
spline functions, 1979), in which every degree of freedom counts `COST` times, so that it does not
follow the noise (Y.-J. Kim and C. Gu, Smoothing spline Gaussian regression, 2004).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..image.robust import MAD_TO_SIGMA
from ..sky.blas import one_thread
from ..sky.grid import SIDE
from ..sky.smoothing_spline import Basis, Splines
from .checks import LEAST

COST = 1.4
"""What a degree of freedom counts in the cross-validation."""

STIFFNESSES = np.geomspace(1e2, 1e-9, 45)
"""Those that are tried."""

DEGREES = {1: 3, 2: 8, 3: 14}
"""The degrees of the polynomials that cost nothing, and the samples that each of them needs."""

FAR = {"off": np.inf, "auto": 6.0, "always": 6.0, "strong": 4.0}
"""How many robust standard deviations a sample may lie off the surface of the others, for each
protection."""

AROUND = 8
"""The number of samples around each by which it is judged."""

SOFT, CAUCHY = 8, 2.0

ROUNDS = 10
"""Samples are rejected and taken back in so many rounds at most."""

MOST_REJECTED = 0.4
"""The largest share of the samples that is rejected: with more, nothing tells which are right."""

EXACT = 1e-9
"""Errors are no less than this part of the spread of the levels: rounding."""

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


class _Family:
    """All surfaces of one degree through weighted samples, by their stiffness.

    The weighted matrix of the modes that bend, beside that of those that are free, has singular
    values, in which all of them are sums (see `fastbg.sky.smoothing_spline.Splines`).
    """

    def __init__(self, splines: Splines, data: np.ndarray, weight: np.ndarray) -> None:
        free, root = splines.free, np.sqrt(weight / weight.sum())[:, np.newaxis]
        matrix = splines.matrix * root
        self._plane = np.linalg.qr(matrix[:, :free])[0]
        bends = matrix[:, free:] - self._plane @ (self._plane.T @ matrix[:, free:])
        self._modes, values, _ = np.linalg.svd(bends, full_matrices=False)
        self._square, self.free = values**2, free
        along = data * root
        self._off = along - self._plane @ (self._plane.T @ along)
        self._parts, self._root = self._modes.T @ self._off, root

    def shrunk(self, stiffness: float) -> np.ndarray:
        """(M,): the part of each mode that a surface keeps."""
        kept: np.ndarray = self._square / (self._square + stiffness)
        return kept

    def freedom(self, stiffness: float) -> float:
        """The effective number of degrees of freedom."""
        return self.free + float(self.shrunk(stiffness).sum())

    def residual(self, stiffness: float) -> np.ndarray:
        """(n, K): data - surface, times the roots of the weights, whose sum is 1."""
        kept = self.shrunk(stiffness)[:, np.newaxis]
        left: np.ndarray = self._off - self._modes @ (kept * self._parts)
        return left

    def leverage(self, stiffness: float) -> np.ndarray:
        """(n,): how much of each sample the surface takes from itself."""
        own: np.ndarray = (self._plane**2).sum(axis=1) + self._modes**2 @ self.shrunk(stiffness)
        return own

    def cost(self, stiffness: float, scale: np.ndarray) -> float:
        """The logarithm of the score of the cross-validation, over all channels."""
        count = len(self._root)
        left = 1 - COST * self.freedom(stiffness) / count
        if left <= 0:
            return np.inf
        square = (self.residual(stiffness) ** 2).sum(axis=0) / scale**2
        return float(np.log(square.mean() + EXACT**2) - 2 * np.log(left))


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
    basis = Basis(places[candidates], SIDE)
    fit = _Fit(basis, places[candidates], levels[candidates], weight[candidates], spread, smoothing)
    found = fit.robust(FAR[protection])
    splines, coordinates = fit.surface(found)
    full, far = np.zeros(len(places)), np.full(len(places), np.nan)
    full[candidates], far[candidates] = found.used * weight[candidates], found.far
    everywhere = splines.on(splines.at(places))
    return SampledSurface(
        everywhere, coordinates, found.degree, found.stiffness, found.freedom, full, far
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
    used: np.ndarray
    far: np.ndarray


class _Fit:
    """Fits to samples that all may be used."""

    def __init__(
        self,
        basis: Basis,
        places: np.ndarray,
        levels: np.ndarray,
        weight: np.ndarray,
        spread: np.ndarray,
        smoothing: float | None,
    ) -> None:
        self._basis, self._levels, self._weight = basis, levels, weight
        self._spread, self._smoothing = spread, smoothing
        self._splines: dict[int, Splines] = {}
        self._around = _nearest(places)

    def _of_degree(self, degree: int) -> Splines:
        if degree not in self._splines:
            self._splines[degree] = self._basis.of_degree(degree, STIFFNESSES[-1])
        return self._splines[degree]

    def surface(self, choice: _Choice) -> tuple[Splines, np.ndarray]:
        """The basis, at the samples, and the coordinates."""
        splines, weight = self._of_degree(choice.degree), self._weight * choice.used
        return splines, splines.solve(self._levels, weight, choice.stiffness)

    def robust(self, limit: float) -> _Choice:
        """The surface through those samples that do not lie far off it."""
        used = np.ones(len(self._weight), bool)
        if np.isfinite(limit):
            far = self._stiff()
            for _ in range(SOFT):
                # Cauchy's weights: those that are far do not hide behind each other.
                far = self._chosen(1 / (1 + (far / CAUCHY) ** 2)).far
            used = self._near(far, limit)
        seen = [used]
        for _ in range(ROUNDS):
            choice = self._chosen(used)
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
        degree = 2 if len(self._weight) >= DEGREES[2] else 1
        splines, weight = self._of_degree(degree), self._weight
        for _ in range(20):
            coordinates = splines.solve(self._levels, weight, STIFFNESSES[0])
            far = self._far(self._levels - splines.matrix @ coordinates, np.ones(len(weight), bool))
            weight = self._weight / (1 + (far / CAUCHY) ** 2)
        return far

    def _chosen(self, part: np.ndarray) -> _Choice:
        used = part > 0
        families = {degree: self._family(degree, part) for degree in self._degrees(used)}
        if self._smoothing is not None:
            count = np.count_nonzero(used)
            wanted = 3 * (count / 3) ** (1 - self._smoothing)
            degree, stiffness = 1, _stiffness_of(families[1], wanted)
        else:
            scale = self._spread
            tried = [
                (family.cost(stiffness, scale), degree, stiffness)
                for degree, family in families.items()
                for stiffness in STIFFNESSES
            ]
            _, degree, stiffness = min(tried)
        family = families[degree]
        splines = self._of_degree(degree)
        coordinates = splines.solve(self._levels, self._weight * part, stiffness)
        off = self._levels - splines.matrix @ coordinates
        # What a sample has drawn to itself does not excuse it.
        off[used] /= np.maximum(1 - family.leverage(stiffness), 1e-3)[:, np.newaxis]
        return _Choice(
            degree, float(stiffness), family.freedom(stiffness), used, self._far(off, used)
        )

    def _degrees(self, used: np.ndarray) -> Iterator[int]:
        count = np.count_nonzero(used)
        for degree, least in DEGREES.items():
            if degree == 1 or (self._smoothing is None and count >= least):
                yield degree

    def _family(self, degree: int, part: np.ndarray) -> _Family:
        used = part > 0
        splines = self._of_degree(degree)
        own = splines.on(splines.matrix[used])
        return _Family(own, self._levels[used], (self._weight * part)[used])

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


def _stiffness_of(family: _Family, freedom: float) -> float:
    """The stiffness that leaves so many degrees of freedom, by bisection of its logarithm."""
    low, high = np.log(STIFFNESSES[-1]), np.log(1e6)
    if family.freedom(np.exp(low)) <= freedom:
        return float(np.exp(low))
    for _ in range(50):
        middle = (low + high) / 2
        if family.freedom(np.exp(middle)) > freedom:
            low = middle
        else:
            high = middle
    return float(np.exp(high))


def _nearest(places: np.ndarray) -> np.ndarray:
    """(n, AROUND): the numbers of the samples around each."""
    square = ((places[:, np.newaxis] - places) ** 2).sum(axis=2)
    np.fill_diagonal(square, np.inf)
    order: np.ndarray = np.argsort(square, axis=1, kind="stable")[:, :AROUND]
    return order[:, : max(len(places) - 1, 0)]
