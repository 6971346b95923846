"""The fit of a spline to the down-scaled image: descents from several starts, or the sky itself."""

from __future__ import annotations

import math
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from .backends.protocol import Backend
from .errors import InputError
from .image.bands import thinning_step
from .image.robust import medians
from .model.panels import planned
from .settings.settings import Settings
from .sky.blas import one_thread
from .sky.detection import Sky
from .spline.bending import Origin, Penalty, nearest
from .spline.control_points import grid_points, initial_values, jittered, random_points
from .spline.descent import Descent
from .spline.lbfgs import coarse_to_fine, descend
from .spline.loss import Problem, loss_and_slope
from .spline.objective import Objective, Watch, after
from .spline.panels import Panels
from .spline.penalised import penalised
from .spline.spline import Spline, interpolate
from .words import brief

DEPARTURE = 0.1
"""Of a descent that starts from a sky that was found, a departure from it costs this part of what
it costs to depart as far from all pixels that are sky."""

COMPARED_CELLS = 1000
"""The approximate number of cells at which a descent is compared with the sky that was found."""

LEVELS_PIXELS = 1 << 16
"""The approximate number of pixels over which `Fit.levels` are measured."""


@dataclass(frozen=True, eq=False)
class Fit:
    """The best of the starts, or the sky that was found, which has no losses.

    Attributes
    ----------
    spline : Spline or Panels
        The best parameters seen, in the space of the model's stretch.
    start : Spline or Panels
        The start of its descent; of a sky that was found, the spline itself.
    descent : Descent
        The descent that ended there.
    losses : list of float
        The lowest loss of every start.
    levels : ndarray, (K, 3), stretched
        Minimum, median and maximum of the spline over pixels that are not missing; of a large
        image, over some of them.
    """

    spline: Spline | Panels
    start: Spline | Panels
    descent: Descent
    losses: list[float]
    levels: np.ndarray

    __repr__ = brief


def starting_points(problem: Problem, settings: Settings) -> list[np.ndarray]:
    """The control points of each start, (N, 2) each.

    Raises
    ------
    InputError
        If the mask leaves fewer pixels than there are control points.
    """
    n = settings.control_points
    if settings.initializer == "random":
        points = [random_points(n, rng) for rng in _generators(settings)]
    else:
        grid = grid_points(n, problem.data.shape[:2])
        points = [grid]
        if settings.starts > 1:  # numpy.random takes some iterations to import
            points += [jittered(grid, rng) for rng in _generators(settings)[1:]]
    kept = np.count_nonzero(problem.kept)
    if kept == 0:
        raise InputError(
            "every pixel is masked or missing: widen the thresholds, or invert the mask"
        )
    if kept < len(points[0]):
        raise InputError(
            f"{len(points[0])} control points need as many usable pixels, and the down-scaled "
            f"image has {kept}: use fewer points or a smaller downscaling factor"
        )
    return points


def _generators(settings: Settings) -> list[np.random.Generator]:
    """One for each start."""
    seeds = np.random.SeedSequence(settings.seed).spawn(settings.starts)
    return [np.random.default_rng(seed) for seed in seeds]


@one_thread  # of BLAS: the last bits of its sums depend on the number
def fit_spline(
    problem: Problem,
    settings: Settings,
    backend: Backend,
    watch: Watch = lambda iteration, loss: None,
    found: Problem | None = None,
) -> Fit:
    """Descend from every start and keep the best.

    Where a sky was found, the descents start from it, and depart from it at a cost: little of the
    frame may be left that determines the spline elsewhere.

    Parameters
    ----------
    problem : Problem
    watch : callable, optional
        Called with (iterations done over all starts, loss); what it raises ends the fit.
    found : Problem, optional
        The sky that was found, in the place of the image.

    Raises
    ------
    InputError
        See `starting_points`.
    """
    points = starting_points(problem, settings)
    penalty, knows = Penalty(settings.stiffness), None
    if found is None:
        starts = [_start(each, problem) for each in points]
    else:
        step = thinning_step(found.data.shape[:2], COMPARED_CELLS)
        some = found.data[::step, ::step], found.y[::step], found.x[::step]
        at = np.stack(np.meshgrid(*some[1:], indexing="ij"), axis=2).reshape(-1, 2)
        values = some[0].reshape(len(at), -1)
        starts = [nearest(each, at, values, problem.order) for each in points]
        origin = Origin(starts[0], at, values)
        penalty = knows = _of_departure(problem, found, origin, settings)
    descents = _descents(problem, starts, settings, backend, watch, penalty, knows)
    start, best = min(zip(starts, descents, strict=True), key=lambda fit: fit[1].loss)
    spline = Spline.unflatten(best.parameters, problem.channels, problem.order)
    levels = _levels(problem, spline, backend)
    return Fit(spline, start, best, [descent.loss for descent in descents], levels)


def _start(points: np.ndarray, problem: Problem) -> Spline:
    values = initial_values(points, problem.data, problem.weight, problem.y, problem.x)
    return interpolate(points, values, problem.order)


def _of_departure(problem: Problem, found: Problem, origin: Origin, settings: Settings) -> Penalty:
    """What a departure from the found sky costs, unless the settings have a stiffness.

    By the loss of the sky itself: that of the start is larger where a spline with few control
    points cannot describe the sky, as one of a mosaic, and would make departures cheap there.
    """
    kept = np.nonzero(problem.kept)
    rows, columns = (each[:: 1 + len(each) // LEVELS_PIXELS] for each in kept)
    near = (
        np.abs(own[where, np.newaxis] - cells).argmin(axis=1)
        for own, cells, where in ((problem.y, found.y, rows), (problem.x, found.x, columns))
    )
    weight, sky = problem.weight[rows, columns].astype(float), found.data[*near].astype(float)
    data = np.where(weight > 0, problem.data[rows, columns], sky)
    loss, _ = loss_and_slope(data, weight, sky, problem.alpha)
    # The loss is a mean of logarithms of distances, which are about exp(loss).
    curvature = math.exp(-2 * loss)
    if settings.stiffness:
        return Penalty(settings.stiffness, None, curvature)
    return Penalty(DEPARTURE * curvature, origin, curvature)


def _descents(
    problem: Problem,
    starts: list[Spline],
    settings: Settings,
    backend: Backend,
    watch: Watch,
    penalty: Penalty,
    known: Penalty | None,
) -> list[Descent]:
    iterations = settings.epochs

    def opened(problem: Problem) -> Objective:
        objective = backend.open_problem(problem, settings.worker_threads)
        return penalised(objective, problem, penalty)

    if settings.optimizer == "adam":
        with closing(opened(problem)) as objective:
            return objective.descend(
                [start.flatten() for start in starts],
                iterations=iterations,
                learning_rate=settings.learning_rate,
                watch=watch,
            )
    levels = coarse_to_fine(problem)
    return [
        descend(
            levels,
            opened,
            start,
            iterations=iterations,
            watch=after(n * iterations, watch),
            penalty=known,
        )
        for n, start in enumerate(starts)
    ]


def fit_of_sky(sky: Sky, problem: Problem, backend: Backend) -> Fit:
    """The sky that was found, in place of the end of a descent: it has no loss."""
    spline = sky.spline
    found = Descent(spline.flatten(), math.nan, np.empty(0), "chosen")
    return Fit(spline, spline, found, [], _levels(problem, spline, backend))


def _levels(problem: Problem, spline: Spline | Panels, backend: Backend) -> np.ndarray:
    """`Fit.levels`."""
    step = thinning_step(problem.data.shape[:2], LEVELS_PIXELS)
    data = np.moveaxis(problem.data[::step, ::step], 2, 0)
    values = np.empty(data.shape, np.float32)
    with closing(planned(backend, spline, problem.y[::step], problem.x[::step])) as rendering:
        rendering.rows(slice(0, data.shape[1]), values)
    levels = []
    for plane, missing in zip(values, np.isnan(data), strict=True):
        seen = plane if missing.all() else plane[~missing]
        levels.append([seen.min(), medians(seen), seen.max()])
    return np.array(levels)
