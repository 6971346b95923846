"""How good a model is, as far as the image itself can tell."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from .model.model import BackgroundModel
from .sky.blas import one_thread
from .sky.mesh import ALONG, Cells, cells_of
from .sky.selection import EXPLAINED, LEAST, SIDE, Surface, weighted_deviation
from .sky.smoothing_spline import Basis, Splines

if TYPE_CHECKING:
    from .image.stretch import Stretch
    from .sky.detection import Sky
    from .spline.loss import Problem

SMOOTH = 2.0
"""Cells, the deviation of the Gaussian that leaves what is a gradient and not noise."""

BLOCKS = 4
"""Parts along each side of the frame that are left out in turn: on simulated skies the uncertainty
is then neither too large nor too small in the middle of many (see bench/README.md)."""

SAMPLES = 12
"""Pixels along each side of a cell that are enough to know it."""

UNBENT = 1e-8
"""The stiffness of a spline that nothing keeps from bending; see `fastbg.sky.smoothing_spline`."""

DEVIATION = 1.4826
"""Of a normal distribution, relative to its median absolute deviation."""

OUTLYING = 3.0
"""Robust deviations from the model within which a part of the frame counts as its sky, where no sky
was searched for."""


@dataclass(frozen=True)
class Judgement:
    """What can be said of a model.

    Everything is measured on cells of the image, some thousand of them; NaN where too few of them
    can be used.

    Attributes
    ----------
    before, after : ndarray, (K,), linear
        The gradient of the sky in the image and in the corrected image: the standard deviation of
        what is smooth in it, less what noise adds to that.
    noise : ndarray, (K,), linear
        Deviation of a cell that holds nothing but sky: less than that, nobody sees.
    below : float
        The part of the usable frame that lies below the model by more than its noise: sky of which
        too much is taken out, or what is darker than the sky.
    follows : float, in [-1, 1]
        Correlation of the finer structure of the model, as far as it is larger than noise, with
        what was excluded from the fit. A model that rises wherever objects are has taken something
        of them for sky.
    uncertainty : ndarray, (rows, columns, K), linear
        Standard deviation of the model at the cells, its level aside: by how much it changes when
        parts of the frame are left out (a jackknife over blocks: B. Efron, The Jackknife, the
        Bootstrap and Other Resampling Plans, SIAM 1982). What the whole frame has in common, such
        as a nebula that fills it, it cannot know.
    """

    before: np.ndarray
    after: np.ndarray
    noise: np.ndarray
    below: float
    follows: float
    uncertainty: np.ndarray


@one_thread
def judge(model: BackgroundModel, problem: Problem, stretch: Stretch, sky: Sky | None) -> Judgement:
    """Judge a model by the image that it was fitted to.

    Parameters
    ----------
    model : BackgroundModel
    problem : Problem
        What was fitted.
    stretch : Stretch
        That of the problem.
    sky : Sky, optional
        The sky that was found, whether the model is it or the end of a descent.
    """
    if sky is not None:
        cells, weight, space = sky.cells, sky.surface.weight, sky.stretch
    else:
        cells = _cells_of(problem)
        weight, space = cells.weight, stretch
    if not cells.usable.any():
        unknown = np.full(len(cells.noise), np.nan)
        nowhere = np.full((*cells.shape, len(unknown)), np.nan)
        return Judgement(unknown, unknown, unknown, np.nan, np.nan, nowhere)
    cells = _in_linear_units(cells, space)
    background = model.evaluate(cells.points)
    residual = cells.values - background
    residual -= np.median(residual[weight > 0.5 * weight.max()], axis=0)
    if sky is None:
        spread = DEVIATION * np.median(np.abs(residual)[cells.usable], axis=0)
        weight = weight * (np.abs(residual) <= OUTLYING * spread).all(axis=1)
    if sky is not None and model.stretch is sky.stretch:
        uncertainty = _of_surface(sky.surface, cells, background)
    else:
        side = min(SIDE, max(2, round(len(model.spline.centres) ** 0.5)))
        uncertainty = _uncertainty(Basis(cells.points, side).of_degree(1), cells, weight, UNBENT)
    tolerance = np.hypot(3 * cells.noise, EXPLAINED * weighted_deviation(background, weight))
    return Judgement(
        _gradient(cells.values, weight, cells),
        _gradient(residual, weight, cells),
        cells.noise,
        float(cells.weight @ (residual < -tolerance).mean(axis=1) / cells.weight.sum()),
        _follows(background, weight, cells),
        uncertainty.reshape(*cells.shape, -1),
    )


def _cells_of(problem: Problem) -> Cells:
    """Cells of the stretched image, without more pixels than they need."""
    step = max(1, min(problem.data.shape[:2]) // (ALONG * SAMPLES))
    every = np.s_[::step, ::step]
    return cells_of(
        problem.data[every], problem.weight[every], problem.y[::step], problem.x[::step]
    )


def _in_linear_units(cells: Cells, stretch: Stretch) -> Cells:
    """The stretch is monotone: medians may pass it."""
    middle = np.median(cells.values[cells.usable], axis=0)
    ends = np.stack([middle, middle + cells.noise, *cells.values], axis=1)
    (low, high, *values) = stretch.invert(ends)[0].T
    return replace(cells, values=np.array(values), noise=high - low)


def _gradient(values: np.ndarray, weight: np.ndarray, cells: Cells) -> np.ndarray:
    """(K,): the deviation of what is smooth in (P, K), less what the noise of the cells makes."""
    from scipy.ndimage import gaussian_filter

    def smooth(numbers: np.ndarray, reach: float = SMOOTH) -> np.ndarray:
        filtered: np.ndarray = gaussian_filter(numbers.reshape(cells.shape), reach).ravel()
        return filtered

    near = np.maximum(smooth(weight), LEAST)
    smoothed = np.stack([smooth(weight * channel) / near for channel in values.T], axis=1)
    # The square of a Gaussian is a narrower one.
    left = smooth(weight**2, SMOOTH / np.sqrt(2)) / (4 * np.pi * SMOOTH**2 * near**2)
    noise = cells.noise**2 * (weight @ left) / weight.sum()
    return np.sqrt(np.maximum(weighted_deviation(smoothed, weight) ** 2 - noise, 0))


def _follows(background: np.ndarray, weight: np.ndarray, cells: Cells) -> float:
    y, x = (cells.points - 0.5).T
    plain = np.stack([np.ones(len(y)), y, x, y * y, y * x, x * x], axis=1)
    finer = background - plain @ np.linalg.lstsq(plain, background, rcond=None)[0]
    excluded = 1 - weight
    deviations = excluded.std() * finer.std(axis=0)
    seen = (finer.std(axis=0) > cells.noise) & (deviations > 0)
    together = (excluded - excluded.mean()) @ finer[:, seen] / len(finer)
    return float((together / deviations[seen]).sum() / len(seen))


def _of_surface(surface: Surface, cells: Cells, background: np.ndarray) -> np.ndarray:
    """(P, K): of a sky that was found, and of the one light that it may be a multiple of."""
    own = _uncertainty(surface.splines, cells, surface.weight, surface.stiffness)
    if surface.light is None:
        return own
    light_cells, light = surface.light
    shape = _uncertainty(light.splines, light_cells, light.weight, light.stiffness)
    return np.hypot(own, shape / light.values.std() * background.std(axis=0))


def _uncertainty(
    splines: Splines, cells: Cells, weight: np.ndarray, stiffness: float
) -> np.ndarray:
    """(P, K): of a spline, fitted without each block of the frame in turn."""
    row, column = np.minimum((cells.points * BLOCKS).astype(int), BLOCKS - 1).T
    block = row * BLOCKS + column
    fits = []
    for number in np.unique(block[weight > LEAST]):
        rest = np.where(block == number, 0, weight)
        if rest.any():
            fit = splines.matrix @ splines.solve(cells.values, rest, stiffness)
            fits.append(fit - (weight @ fit) / weight.sum())
    if len(fits) < 2:
        return np.full(cells.values.shape, np.nan)
    deviation: np.ndarray = np.std(fits, axis=0) * (len(fits) - 1) ** 0.5
    return deviation
