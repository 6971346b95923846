"""How good a model is, as far as the image itself can tell: its diagnostics."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .image.robust import MAD_TO_SIGMA
from .image.stretch import Stretch
from .model.model import BackgroundModel
from .sky.blas import one_thread
from .sky.detection import Sky
from .sky.mesh import ALONG, Mesh, mesh_of
from .sky.neighbourhood import gaussian_mean
from .sky.robust_fit import LEAST_WEIGHT, weighted_deviation
from .sky.selection import SIDE
from .sky.smoothing_spline import Basis, Splines
from .sky.surface import Surface, explained_within
from .spline.loss import Problem
from .words import brief

SMOOTH = 2.0
"""The standard deviation, in cells, of the Gaussian that leaves gradients and takes out noise."""

BLOCKS = 4
"""The frame has this number of blocks along each side, which are left out in turn: on simulated
skies the uncertainty is then right in the median (see bench/README.md)."""

SAMPLES = 12
"""The number of pixels along each side of a cell that suffice for its median."""

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
        The standard deviation of the model at the cells, apart from its level, estimated by a
        jackknife that leaves out one block of the frame after the other (B. Efron, The Jackknife,
        the Bootstrap and Other Resampling Plans, SIAM 1982). It cannot see an error that all blocks
        share, such as a nebula that fills the frame.
    """

    gradient_before: np.ndarray
    gradient_after: np.ndarray
    noise: np.ndarray
    below: float
    follows: float
    uncertainty: np.ndarray

    __repr__ = brief

    def gradient(self) -> tuple[float, float, float]:
        """The gradient before and after and the median uncertainty, means over the channels."""
        uncertainty = np.median(self.uncertainty, axis=(0, 1))
        means = map(np.mean, (self.gradient_before, self.gradient_after, uncertainty))
        before, after, uncertain = map(float, means)
        return before, after, uncertain


@one_thread
def diagnose(
    model: BackgroundModel, problem: Problem, stretch: Stretch, sky: Sky | None
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
    """
    if sky is not None:
        mesh, weight, space = sky.mesh, sky.surface.weight, sky.stretch
    else:
        mesh = _mesh_of(problem)
        weight, space = mesh.weight, stretch
    if not mesh.usable.any():
        unknown = np.full(len(mesh.noise), np.nan)
        nowhere = np.full((*mesh.shape, len(unknown)), np.nan)
        return Diagnostics(unknown, unknown, unknown, np.nan, np.nan, nowhere)
    surface = sky.surface if sky is not None and model.stretch is sky.stretch else None
    mesh = _in_linear_units(mesh, space)
    if surface is not None:
        background = space.invert(surface.values.T)[0].T
    else:
        background = model.evaluate(mesh.points)
    residual = mesh.values - background
    residual -= np.median(residual[weight > 0.5 * weight.max()], axis=0)
    if sky is None:
        spread = MAD_TO_SIGMA * np.median(np.abs(residual)[mesh.usable], axis=0)
        weight = weight * (np.abs(residual) <= OUTLYING * spread).all(axis=1)
    if surface is not None:
        uncertainty = _of_surface(surface, mesh, background)
    else:
        side = min(SIDE, max(2, round(len(model.spline.centres) ** 0.5)))
        uncertainty = _uncertainty(Basis(mesh.points, side).of_degree(1), mesh, weight, UNBENT)
    tolerance = explained_within(background, mesh, weight)
    return Diagnostics(
        _gradient(mesh.values, weight, mesh),
        _gradient(residual, weight, mesh),
        mesh.noise,
        float(mesh.weight @ (residual < -tolerance).mean(axis=1) / mesh.weight.sum()),
        _follows(background, weight, mesh),
        uncertainty.reshape(*mesh.shape, -1),
    )


def _mesh_of(problem: Problem) -> Mesh:
    """The mesh of the stretched image, made of no more pixels than it needs."""
    step = max(1, min(problem.data.shape[:2]) // (ALONG * SAMPLES))
    every = np.s_[::step, ::step]
    return mesh_of(problem.data[every], problem.weight[every], problem.y[::step], problem.x[::step])


def _in_linear_units(mesh: Mesh, stretch: Stretch) -> Mesh:
    """The same mesh in linear units: the stretch is monotone, so medians may pass it."""
    middle = np.median(mesh.values[mesh.usable], axis=0)
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


def _follows(background: np.ndarray, weight: np.ndarray, mesh: Mesh) -> float:
    y, x = (mesh.points - 0.5).T
    plain = np.stack([np.ones(len(y)), y, x, y * y, y * x, x * x], axis=1)
    finer = background - plain @ np.linalg.lstsq(plain, background, rcond=None)[0]
    excluded = 1 - weight
    deviations = excluded.std() * finer.std(axis=0)
    seen = (finer.std(axis=0) > mesh.noise) & (deviations > 0)
    together = (excluded - excluded.mean()) @ finer[:, seen] / len(finer)
    return float((together / deviations[seen]).sum() / len(seen))


def _of_surface(surface: Surface, mesh: Mesh, background: np.ndarray) -> np.ndarray:
    """(P, K): of a sky that was found, and of the joint surface that it may be a multiple of."""
    own = _uncertainty(surface.splines, mesh, surface.weight, surface.stiffness)
    if surface.joint is None:
        return own
    joint_mesh, joint = surface.joint
    shape = _uncertainty(joint.splines, joint_mesh, joint.weight, joint.stiffness)
    return np.hypot(own, shape / joint.values.std() * background.std(axis=0))


def _uncertainty(splines: Splines, mesh: Mesh, weight: np.ndarray, stiffness: float) -> np.ndarray:
    """(P, K): of a spline, fitted without each block of the frame in turn."""
    row, column = np.minimum((mesh.points * BLOCKS).astype(int), BLOCKS - 1).T
    block = row * BLOCKS + column
    numbers = np.unique(block[weight > LEAST_WEIGHT])
    groups = [np.flatnonzero(block == number) for number in numbers]
    fits = []
    for coordinates in splines.solve_without(mesh.values, weight, stiffness, groups):
        fit = splines.matrix @ coordinates
        fits.append(fit - (weight @ fit) / weight.sum())
    if len(fits) < 2:
        return np.full(mesh.values.shape, np.nan)
    deviation: np.ndarray = np.std(fits, axis=0) * (len(fits) - 1) ** 0.5
    return deviation
