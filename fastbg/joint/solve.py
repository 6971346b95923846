"""Scales and smooth differences of all frames at once, for one channel.

Least squares of ``sum_i |I_i - a_i C - R_i|^2`` over scales a, a composite C and smooth surfaces R,
by turns. Weights leave out what differs otherwise: satellites, variable stars, other seeing. Each
frame enters C with the weight of its noise, so that noise in C favours no scale: the errors of both
sides count. What all R share is not determined; `Solution.without_common` chooses it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..image.robust import robust_sigma
from . import scales
from .halos import trusted
from .median import median_of, parts_of
from .solution import SharedStart, Solution, Start, common_of
from .surfaces import Equations, Surfaces, stiffness_by_noise

SWEEPS = 9
"""Rounds of the alternating least squares, at most."""

DECIDING = (3, 5)
"""The rounds in which the noise decides how far surfaces may bend."""

STIFF = 1e-3
"""How stiff they are before."""

SETTLED = 0.2
"""They end when no surface and no scale changes by more than this part of its standard error."""

REJECTED = 6.0
"""A pixel of a frame counts nothing if it is so many standard deviations off (Tukey's biweight)."""

UNSTEADY = 1.5
"""A pixel that scatters so much more than others among the frames counts less in all of them."""

LEAST_SCALE = 0.01

TOGETHER = 8
"""The surfaces of so many frames are evaluated at a time."""

OUTLYING = 4.0
"""The scatter of a pixel counts deviations up to so many standard ones."""

FAR = 1e6
"""Nothing counts for more standard deviations off."""

TINY = float(np.finfo(np.float32).tiny)

Watch = Callable[[], object]
"""Is called now and then; what it raises ends the work."""


def solve(
    planes: np.ndarray,
    surfaces: Surfaces,
    noise: np.ndarray,
    start: Start,
    used: np.ndarray,
    deviation: float,
    watch: Watch = lambda: None,
) -> Solution:
    """Solve one channel.

    Parameters
    ----------
    planes : ndarray, (n, h w), float32, linear; NaN = missing; overwritten
    surfaces : Surfaces
    noise : ndarray, (n,), linear
        The noise of a pixel of each frame.
    start : Start
    used : ndarray, (n,), bool
        The frames that make up the composite; the others are compared with it.
    deviation : float
        The deviation in pixels of the Gaussian that smooths detail whose scale is compared; 0 to
        keep the scales.
    watch : callable, optional
    """
    rounds = _Rounds(planes, surfaces, noise, start, used, deviation)
    for number in range(0 if start.stiffness is None else DECIDING[1], SWEEPS):
        watch()
        if rounds.turn(number) < SETTLED and number > DECIDING[-1]:
            break
    return rounds.finished()


class _Rounds:
    """The state of the alternating least squares."""

    def __init__(
        self,
        planes: np.ndarray,
        surfaces: Surfaces,
        noise: np.ndarray,
        start: Start,
        used: np.ndarray,
        deviation: float,
    ) -> None:
        self.valid = np.isfinite(planes)
        # Where no other frame has a sample, the composite is what this one makes it.
        seen = self.valid[used].sum(axis=0)
        self.shared = self.valid & np.where(used[:, np.newaxis], seen > 1, seen > 0)
        self.planes = np.nan_to_num(planes, copy=False)
        self.surfaces, self.used, self.deviation = surfaces, used, deviation
        self.scale = start.scale.astype(float)
        self.coordinates = start.coordinates.astype(float)
        self.precision = 1 / np.maximum(noise, TINY).astype(np.float32) ** 2
        self.weight = self.valid.astype(np.float32)
        self.variance = np.ones(len(planes))
        known = start.stiffness
        self.stiffness = np.full(len(planes), STIFF) if known is None else known.copy()
        self.freedom = np.full(len(planes), float(len(surfaces.energy)))
        self.patchy = self.scale_error = np.zeros(len(planes))
        self.equations: list[Equations] = []
        empty = ~self.valid[used].any(axis=0).reshape(surfaces.shape)
        self.trusted = trusted(empty, self._medians_at, float(np.median(noise[used]))).ravel()
        common = self._level()
        self.centre, self.least_freedom = np.zeros_like(self.coordinates), np.zeros(len(planes))
        # Without weights, the median is the composite.
        self.composite: np.ndarray | None = None
        if isinstance(start, SharedStart):
            mean = common_of(start.centre, self.scale, used)
            self.centre, self.least_freedom = (
                start.centre - np.outer(self.scale, mean),
                start.freedom,
            )
            self.composite = start.composite + surfaces.values(common)

    def _composite(self, flat: np.ndarray) -> np.ndarray:
        share = np.where(self.used, self.precision * self.scale, 0).astype(np.float32)
        total = (share * self.scale).astype(np.float32) @ self.weight
        summed = np.einsum("n,np,np->p", share, self.weight, flat)
        # Where all frames are rejected, their mean has to do.
        without = total <= 0
        if without.any():
            valid = self.valid[:, without]
            total[without] = (share * self.scale).astype(np.float32) @ valid
            summed[without] = share @ (flat[:, without] * valid)
        return np.divide(summed, total, out=np.full_like(total, np.nan), where=total > 0)

    def _medians_at(self, pixels: np.ndarray) -> np.ndarray:
        """The medians over frames, without their surfaces, at some pixels."""
        coordinates = self.coordinates.astype(np.float32)
        flat = self.planes[:, pixels] - coordinates @ self.surfaces.matrix[pixels].T
        return self._median(flat, self.valid[:, pixels])

    def _median(self, flat: np.ndarray, valid: np.ndarray) -> np.ndarray:
        scale = self.scale[self.used].astype(np.float32)[:, np.newaxis]
        found = np.empty(flat.shape[1], np.float32)
        for part in parts_of(flat.shape):
            own = np.where(valid[self.used, part], flat[self.used, part], np.float32(np.nan))
            found[part] = median_of(own / scale)
        return found

    def _flat(self) -> np.ndarray:
        """The frames without their surfaces."""
        surfaces = self.surfaces.values(self.coordinates)
        return np.subtract(self.planes, surfaces, out=surfaces)

    def _without(self, flat: np.ndarray, composite: np.ndarray) -> None:
        """Take the composite out of flat frames."""
        for plane, scale in zip(flat, self.scale.astype(np.float32), strict=True):
            plane -= scale * composite

    def turn(self, number: int) -> float:
        """One round; the largest change of a surface, in units of its standard error."""
        surfaces = self.surfaces
        left = self._flat()
        if self.equations:
            self.composite = self._composite(left)
        elif self.composite is None:
            self.composite = self._median(left, self.valid)
        composite = self.composite
        known = np.nan_to_num(composite)
        common = self.shared & np.isfinite(composite)
        self._without(left, known)
        left[~common] = 0
        self._weigh(left, common)
        stiffness = float(np.median(self.stiffness[self.used]))
        changes, change = self._bend(left, number)
        if self.deviation and (number <= DECIDING[0] or number % 2):
            mean = self.used.astype(np.float32) @ self.weight / np.count_nonzero(self.used)
            detail = scales.Detail.of(known, mean, surfaces, stiffness, self.deviation)
            for top in range(0, len(left), TOGETHER):
                some = slice(top, top + TOGETHER)
                left[some] -= surfaces.values(changes[some]) * common[some]
            change = max(change, self._scale(left, common, detail))
        self._level()
        return change

    def _scale(self, left: np.ndarray, common: np.ndarray, detail: scales.Detail) -> float:
        """A step of all scales, whose geometric mean stays 1; the largest one, as for `turn`."""
        found = scales.compared(left, common, detail, self.scale, self.surfaces)
        self.scale_error, self.patchy = found.error, found.patchy
        scale = np.maximum(self.scale + found.change, LEAST_SCALE)
        # What is smooth in the composite stays as it is, and is not for the scale to decide.
        self.coordinates -= np.outer(scale - self.scale, detail.smooth)
        self.scale = scale / np.exp(np.log(scale[self.used]).mean())
        return float(np.max(np.abs(found.change / np.maximum(found.error, TINY))[self.used]))

    def _weigh(self, left: np.ndarray, common: np.ndarray) -> None:
        """Weights and variances by what is left."""
        deviation = np.array(
            [
                robust_sigma(plane[own]) if own.any() else 1
                for plane, own in zip(left, common, strict=True)
            ]
        )
        deviation = np.maximum(deviation, TINY).astype(np.float32)[:, np.newaxis]
        for part in parts_of(left.shape):
            # Frames that are alike to the last bit leave nothing, beside which all is far off.
            square, own = np.clip(left[:, part] / deviation, -FAR, FAR), common[:, part]
            square *= square
            count = np.maximum(np.count_nonzero(own, axis=0), 1)
            # An outlier of one frame throws no doubt on the pixel in the others.
            scatter = np.minimum(square, OUTLYING**2).sum(axis=0) / count
            steady = (np.maximum(scatter, UNSTEADY**2) / UNSTEADY**2).astype(np.float32)
            square /= steady * REJECTED**2
            self.weight[:, part] = np.where(own, np.clip(1 - square, 0, 1) ** 2 / steady, 0)
        self.weight *= self.trusted
        # What the weights themselves take away of the variance of Gaussian noise.
        total = np.maximum(self.weight.sum(axis=1), 1)
        pairs = zip(self.weight, left, strict=True)
        self.variance = np.array([own @ plane**2 for own, plane in pairs], float) / total

    def _bend(self, left: np.ndarray, number: int) -> tuple[np.ndarray, float]:
        """Newton's step of all surfaces, (n, M), and the largest one, as for `turn`.

        In some rounds, noise tells how far each may bend.
        """
        decides = number in DECIDING
        if decides or number < DECIDING[0]:
            self.equations = [self.surfaces.equations(each) for each in self.weight]
        slopes = self.surfaces.along(self.weight * left)
        largest, changes = 0.0, np.zeros_like(self.coordinates)
        for each, slope in enumerate(slopes):
            equations, bent = self.equations[each], self.coordinates[each] - self.centre[each]
            products, total = equations.products, equations.total
            if not total:
                continue
            if decides:
                found = stiffness_by_noise(equations, slope, bent, self.variance[each])
                change, self.stiffness[each], self.freedom[each] = found
            else:
                change = np.linalg.solve(*equations.of(slope, bent, self.stiffness[each]))
            changes[each] = change
            self.coordinates[each] += change
            allowed = self.variance[each] * self.freedom[each] / total
            size = change @ products @ change / total
            largest = max(largest, (size / max(allowed, TINY)) ** 0.5)
        return changes, largest

    def _level(self) -> np.ndarray:
        """Take from the surfaces what they share, (M,), so that none of them bends for nothing."""
        common = common_of(self.coordinates, self.scale, self.used)
        self.coordinates -= np.outer(self.scale, common)
        return common

    def finished(self) -> Solution:
        """The solution, with surfaces that bend as far as noise allows."""
        surfaces = self.surfaces
        total = np.maximum(self.weight.sum(axis=1), 1)
        freedom = np.minimum(self.freedom + self.least_freedom, len(surfaces.energy))
        error = np.sqrt(self.variance * freedom / total)
        left = self._flat()
        composite = self._composite(left)
        self._without(left, np.nan_to_num(composite))
        return Solution(
            *(self.scale, self.scale_error, self.patchy, self.coordinates, error),
            *(surfaces.excess(left, self.weight), composite),
            *(self.stiffness, surfaces.along(self.weight * left)),
            self.weight.sum(axis=1) / np.maximum(np.count_nonzero(self.valid, axis=1), 1),
            self.variance,
        )
