"""How good a model is, as far as the image itself can tell: its diagnostics."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..image.bands import thinning_step
from ..image.image import CLIPPED, Image, is_valid
from ..image.robust import MAD_TO_SIGMA, medians
from ..image.stretch import Stretch
from ..model.model import BackgroundModel
from ..model.render import pixel_centres
from ..reference.sky import ReferencedSky
from ..samples.sky import SampledSky
from ..sky.basis import Basis
from ..sky.blas import one_thread
from ..sky.colour import contrast
from ..sky.detection import Sky
from ..sky.grid import SIDE
from ..sky.mesh import ALONG, Mesh, mesh_of
from ..sky.neighbourhood import gaussian_mean
from ..sky.robust_fit import LEAST_WEIGHT, weighted_deviation
from ..sky.surface import explained_within
from ..spline.loss import Problem
from ..words import brief
from . import uncertainty, whole_frame
from .whole_frame import SMOOTH, TINY, Residual, WholeFrame

SAMPLES = 12
"""The number of pixels along each side of a cell that suffice for its median."""

JUDGED = 1 << 18
"""The approximate number of pixels of an image by which a model is judged that is applied to it."""

UNBENT = 1e-8
"""The stiffness of a spline that may bend freely; see `fastbg.sky.smoothing_spline`."""

OUTLYING = 3.0
"""Where no sky was searched for, cells within so many robust standard deviations of the model count
as sky."""


@dataclass(frozen=True, eq=False)
class Diagnostics:
    """How well a model describes the sky of its image.

    Everything is measured on the mesh, some thousand cells of the image; NaN where too few of them
    can be used.

    Attributes
    ----------
    gradient_before, gradient_after : ndarray, (K,), linear
        The gradient of the sky in the image and in the corrected image: the standard deviation of
        its smooth part, without the part of that which noise explains.
    noise : ndarray, (K,), linear
        The standard deviation of a cell that holds nothing but sky.
    below : float
        The share of the usable frame that lies below the model by more than its noise: sky from
        which too much is taken, or something darker than the sky.
    follows : float, in [-1, 1]
        The correlation of the finer structure of the model, where it exceeds the noise, with the
        excluded share of each cell. A model that rises wherever objects are follows them.
    uncertainty : ndarray, (rows, columns, K), linear
        The standard deviation of the model at the cells, apart from its level. It has three parts,
        which `fastbg.diagnostics.uncertainty` describes: by how much the model changes when a part
        of the frame is left out, how far surfaces lie from it that were hardly less likely, and
        the light that it leaves along the borders. A reference adds a fourth: what the errors of
        its scale and of its own gradient make of it. It cannot see an error that all of them share,
        such as a nebula that fills the frame.
    jackknife : ndarray, (rows, columns, K), linear
        The first part of it, a jackknife over blocks of the frame (B. Efron, The Jackknife, the
        Bootstrap and Other Resampling Plans, SIAM 1982).
    choice : ndarray, (rows, columns, K), linear
        The second part, how far the rivals of the surface lie from it.
    contrast : float
        How far the gradient stands out of what was taken for objects, in the sum of the channels in
        which it does most; see `fastbg.sky.colour.contrast`.
    whole_frame : WholeFrame
        What the model did to the whole frame, also to what was not taken for sky.
    full : Diagnostics or None
        The same as if the model were taken out at full strength, where it is not: what a part of
        the gradient that is left on purpose does not hide.
    """

    gradient_before: np.ndarray
    gradient_after: np.ndarray
    noise: np.ndarray
    below: float
    follows: float
    uncertainty: np.ndarray
    jackknife: np.ndarray
    choice: np.ndarray
    contrast: float
    whole_frame: WholeFrame
    full: Diagnostics | None = None

    __repr__ = brief

    def gradient(self) -> tuple[float, float, float]:
        """The gradient before and after and the uncertainty, means over the channels."""
        means = map(np.mean, (self.gradient_before, self.gradient_after, self.uncertain))
        before, after, uncertain = map(float, means)
        return before, after, uncertain

    @cached_property
    def uncertain(self) -> np.ndarray:
        """(K,): the root mean square of the uncertainty where the frame is no land."""
        return self._mean_of(self.uncertainty)

    @cached_property
    def dependent(self) -> float:
        """The median of the jackknife, a mean over the channels, where the frame is no land."""
        seen = self.jackknife[self.whole_frame.seen]
        return float(medians(seen, axis=0).mean()) if len(seen) else np.nan

    @cached_property
    def undecided(self) -> float:
        """The root mean square of `choice` there, a mean over the channels."""
        return float(self._mean_of(self.choice).mean())

    def _mean_of(self, deviation: np.ndarray) -> np.ndarray:
        seen = deviation[self.whole_frame.seen]
        mean: np.ndarray = np.sqrt((seen**2).mean(axis=0)) if len(seen) else self.noise
        return mean


@one_thread
def diagnose(
    model: BackgroundModel,
    problem: Problem,
    stretch: Stretch,
    sky: Sky | None,
    strength: float = 1.0,
) -> Diagnostics:
    """Measure how well a model describes the sky of the image that it was fitted to.

    Parameters
    ----------
    model : BackgroundModel
    problem : Problem
        The problem that was fitted.
    stretch : Stretch
        The stretch of the problem.
    sky : Sky, optional
        The sky that was found, whether the model is it or the end of a descent.
    strength : float, in [0, 1], optional
        How much of the model is taken out.
    """
    if sky is not None:
        mesh, weight, space = sky.mesh, sky.surface.weight, sky.stretch
    else:
        mesh = _mesh_of(problem)
        weight, space = mesh.weight, stretch
    if not mesh.usable.any():
        unknown = np.full(len(mesh.noise), np.nan)
        nowhere = np.full((*mesh.shape, len(unknown)), np.nan)
        frame = WholeFrame.unknown(mesh.shape, len(unknown))
        deviations = nowhere, nowhere, nowhere
        return Diagnostics(unknown, unknown, unknown, np.nan, np.nan, *deviations, np.nan, frame)
    surface = sky.surface if sky is not None and model.stretch is sky.stretch else None
    mesh = _in_linear_units(mesh, space)
    if surface is not None:
        background = space.invert(surface.values.T)[0].T
    else:
        background = model.evaluate(mesh.points)
    if sky is None:
        weight = _of_sky(background, weight, mesh)
    residual = Residual.of(background, weight, mesh)
    if surface is not None:
        unit = background.std(axis=0) / np.maximum(surface.values.std(axis=0), TINY)
        if isinstance(sky, SampledSky):
            jackknife = unit * uncertainty.of_samples(sky)
        else:
            jackknife = uncertainty.of_surface(surface, mesh, background)
        choice = unit * uncertainty.of_choice(surface)
    else:
        side = min(SIDE, max(2, round(len(model.spline.centres) ** 0.5)))
        splines = Basis(mesh.points, side).of_degree(1)
        jackknife = uncertainty.of_spline(splines, mesh, weight, UNBENT)
        choice = np.zeros_like(background)
    border = uncertainty.of_border(background, residual)
    deviation = np.hypot(np.hypot(jackknife, choice), border)
    if isinstance(sky, ReferencedSky):
        deviation = np.hypot(deviation, sky.uncertainty)
    tolerance = explained_within(background, mesh, weight)
    lower = (residual.values < -tolerance).mean(axis=1)
    found = Diagnostics(
        _gradient(mesh.values, weight, mesh),
        _gradient(residual.values, weight, mesh),
        mesh.noise,
        float(mesh.weight @ lower / mesh.weight.sum()),
        _follows(background, weight, mesh),
        deviation.reshape(*mesh.shape, -1),
        jackknife.reshape(*mesh.shape, -1),
        choice.reshape(*mesh.shape, -1),
        _contrast(background, residual),
        whole_frame.measure(background, residual),
    )
    if strength == 1:
        return found
    part = residual.with_part_of(background, strength)
    after, frame = _gradient(part.values, weight, mesh), whole_frame.measure(background, part)
    return replace(found, gradient_after=after, whole_frame=frame, full=found)


@one_thread
def judge(model: BackgroundModel, image: Image, strength: float = 1.0) -> WholeFrame:
    """What a model that was fitted before does to an image of its channels, linear.

    Parameters
    ----------
    model : BackgroundModel
    image : Image
    strength : float, in [0, 1], optional
        How much of the model is taken out.
    """
    step = thinning_step(image.shape, JUDGED)
    y, x = (pixel_centres(size)[step // 2 :: step] for size in image.shape)
    rows = [slice(top, top + 1) for top in range(step // 2, image.shape[0], step)]
    few = np.concatenate([image.rows(row)[:, :, step // 2 :: step].copy() for row in rows], axis=1)
    data = np.moveaxis(few, 0, 2)
    valid = is_valid(data) & (data != CLIPPED)
    mesh = mesh_of(np.where(valid, data, np.float32(np.nan)), valid.astype(np.float32), y, x)
    if not mesh.usable.any():
        return WholeFrame.unknown(mesh.shape, image.channels)
    background = model.evaluate(mesh.points)
    weight = _of_sky(background, mesh.weight, mesh)
    residual = Residual.of(background, weight, mesh)
    return whole_frame.measure(background, residual.with_part_of(background, strength))


def _of_sky(background: np.ndarray, weight: np.ndarray, mesh: Mesh) -> np.ndarray:
    """(P,): the weight of the cells near the model, where no sky was searched for."""
    off = np.abs(Residual.of(background, weight, mesh).values)
    spread = MAD_TO_SIGMA * medians(off[mesh.usable], axis=0)
    near: np.ndarray = weight * (off <= OUTLYING * spread).all(axis=1)
    return near


def _mesh_of(problem: Problem) -> Mesh:
    """The mesh of the stretched image, made of no more pixels than it needs."""
    step = max(1, min(problem.data.shape[:2]) // (ALONG * SAMPLES))
    every = np.s_[::step, ::step]
    return mesh_of(problem.data[every], problem.weight[every], problem.y[::step], problem.x[::step])


def _in_linear_units(mesh: Mesh, stretch: Stretch) -> Mesh:
    """The same mesh in linear units: the stretch is monotone, so medians may pass it."""
    middle = medians(mesh.values[mesh.usable], axis=0)
    ends = np.concatenate([[middle, middle + mesh.noise], mesh.values])
    inverted = stretch.invert(ends.T)[0].T
    low, high = inverted[:2]
    return replace(mesh, values=np.ascontiguousarray(inverted[2:]), noise=high - low)


def _gradient(values: np.ndarray, weight: np.ndarray, mesh: Mesh) -> np.ndarray:
    """(K,): the standard deviation of the smooth part of (P, K), without that of the noise."""

    def smooth(numbers: np.ndarray, reach: float = SMOOTH) -> np.ndarray:
        return gaussian_mean(numbers.reshape(mesh.shape), reach).ravel()

    near = np.maximum(smooth(weight), LEAST_WEIGHT)
    smoothed = np.stack([smooth(weight * channel) / near for channel in values.T], axis=1)
    # The square of a Gaussian is a narrower one.
    left = smooth(weight**2, SMOOTH / np.sqrt(2)) / (4 * np.pi * SMOOTH**2 * near**2)
    noise = mesh.noise**2 * (weight @ left) / weight.sum()
    return np.sqrt(np.maximum(weighted_deviation(smoothed, weight) ** 2 - noise, 0))


def _contrast(background: np.ndarray, residual: Residual) -> float:
    seen, noise = residual.seen, np.maximum(residual.mesh.noise, TINY)
    if (cells := int(np.count_nonzero(seen))) < 2:
        return np.nan
    objects = residual.values[seen & residual.excluded] / noise
    return contrast(background[seen] / noise, objects, cells)


def _follows(background: np.ndarray, weight: np.ndarray, mesh: Mesh) -> float:
    y, x = (mesh.points - 0.5).T
    plain = np.stack([np.ones(len(y)), y, x, y * y, y * x, x * x], axis=1)
    finer = background - plain @ np.linalg.lstsq(plain, background, rcond=None)[0]
    excluded = 1 - weight
    deviations = excluded.std() * finer.std(axis=0)
    seen = (finer.std(axis=0) > mesh.noise) & (deviations > 0)
    together = (excluded - excluded.mean()) @ finer[:, seen] / len(finer)
    return float((together / deviations[seen]).sum() / len(seen))
