"""The sky through samples, in the form of a sky that was found: see `fastbg.sky.detection`."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..image.image import Image
from ..image.stretch import Stretch
from ..sky.detection import Sky
from ..sky.mesh import mesh_of
from ..sky.surface import Surface, explained_within
from .checks import NO_WEIGHT, check_places
from .measure import Levels, measure
from .points import SamplePoints
from .surface import SampledSurface, fit_samples

FAR_OFF = "it lies {:.2g} standard deviations {} the surface of the others"


@dataclass(frozen=True, eq=False)
class MeasuredSamples:
    """Samples of an image with their levels.

    Attributes
    ----------
    points : SamplePoints
        In pixels of the image that is fitted.
    places : ndarray, (n, 2), normalised (y, x)
    levels : Levels, linear
    """

    points: SamplePoints
    places: np.ndarray
    levels: Levels

    @classmethod
    def of(cls, image: Image, points: SamplePoints, weight: Image | None = None) -> MeasuredSamples:
        """Measure samples; see `fastbg.samples.measure.measure`.

        Raises
        ------
        InputError
            If none of them lies in the image.
        """
        points.check(image.shape)
        height, width = image.shape
        places = np.stack([points.y / height, points.x / width], axis=1)
        return cls(points, places, measure(image, points, weight))

    def chosen(self, which: np.ndarray) -> MeasuredSamples:
        """Some of them, by their numbers or by (n,) bool."""
        return MeasuredSamples(
            self.points.chosen(which), self.places[which], self.levels.chosen(which)
        )

    def joined(self, others: MeasuredSamples) -> MeasuredSamples:
        """These and others of the same image, which come last."""
        return MeasuredSamples(
            self.points.joined(others.points),
            np.concatenate([self.places, others.places]),
            self.levels.joined(others.levels),
        )

    def without(self, number: int) -> MeasuredSamples:
        """All but one."""
        return self.chosen(np.delete(np.arange(len(self.places)), number))

    def replaced(self, number: int, one: MeasuredSamples) -> MeasuredSamples:
        """These with another one in the place of one."""
        order = np.arange(len(self.places))
        order[number] = len(order)
        return self.joined(one).chosen(order)


@dataclass(frozen=True)
class SampleRow:
    """What became of a sample.

    Attributes
    ----------
    x, y, radius : float
        As they were given.
    value, error : tuple of float, linear
        The level of the sky in each channel, and its standard error; NaN where there is none.
    weight : float, in [0, 1]
        How much it counts in the fit.
    sky : float, in [0, 1]
        The share of its pixels that is sky.
    used : bool
    why : str
        Why it is not used; empty if it is.
    """

    x: float
    y: float
    radius: float
    value: tuple[float, ...]
    error: tuple[float, ...]
    weight: float
    sky: float
    used: bool
    why: str


@dataclass(frozen=True, eq=False)
class SampledSky(Sky):
    """The sky through samples.

    Attributes
    ----------
    samples : MeasuredSamples
    fit : SampledSurface
        The surface at the samples, in the space of `stretch`.
    """

    samples: MeasuredSamples = field(kw_only=True)
    fit: SampledSurface = field(kw_only=True)

    @property
    def rows(self) -> tuple[SampleRow, ...]:
        """What became of each sample."""
        points, levels = self.samples.points, self.samples.levels
        columns = points.told, levels.value, levels.error, self.fit.weight, levels.sky, self.why
        return tuple(
            SampleRow(
                float(told[0]),
                float(told[1]),
                float(told[2]),
                tuple(value.tolist()),
                tuple(error.tolist()),
                float(weight),
                float(sky),
                bool(weight > 0),
                why,
            )
            for told, value, error, weight, sky, why in zip(*columns, strict=True)
        )

    @property
    def why(self) -> list[str]:
        """Why each sample is not used; empty for those that are."""
        given, told = self.samples.points.weight, [*self.samples.levels.why]
        for number in np.flatnonzero(~self.fit.used):
            if told[number]:
                continue
            far = self.fit.far[number]
            if not given[number]:
                told[number] = NO_WEIGHT
            elif np.isnan(far):
                told[number] = "its pixels scatter far more than those of the others"
            else:
                told[number] = FAR_OFF.format(abs(far), "above" if far > 0 else "below")
        return told


def sky_through(
    samples: MeasuredSamples,
    linear: np.ndarray,
    weight: np.ndarray,
    y: np.ndarray,
    x: np.ndarray,
    stretch: Stretch,
    *,
    smoothing: float | None = None,
    protection: str = "auto",
) -> SampledSky:
    """Fit the sky through samples, and look how much of a down-scaled image lies on it.

    Parameters
    ----------
    samples : MeasuredSamples
    linear, weight, y, x, stretch
        As for `fastbg.sky.detection.detect_sky`; the weight stays as it is.
    smoothing, protection
        As for `fastbg.samples.surface.fit_samples`.

    Raises
    ------
    InputError
        If too few samples can be used.
    """
    mesh, levels = mesh_of(linear, weight, y, x), samples.levels
    values, errors = (levels.value - stretch.pedestal) / stretch.scale, levels.error / stretch.scale
    check_places(samples.places, values, samples.points.weight, levels.why.tolist())
    fit = fit_samples(
        *(samples.places, values, errors, samples.points.weight),
        smoothing=smoothing,
        protection=protection,
    )
    splines = fit.splines.on(fit.splines.at(mesh.points))
    surface = splines.matrix @ fit.coordinates
    off = (mesh.values - surface) / explained_within(surface, mesh, mesh.weight)
    near = (np.abs(off) < 1).all(axis=1)
    total = max(mesh.weight.sum(), np.finfo(float).tiny)
    found = Surface(
        splines,
        fit.coordinates,
        mesh.weight * near if near.any() else mesh.weight,
        fit.stiffness,
        float(mesh.weight @ near / total),
        float(mesh.weight @ (off < -1).mean(axis=1) / total),
    )
    return SampledSky(stretch, mesh, [found], weight, samples=samples, fit=fit)
