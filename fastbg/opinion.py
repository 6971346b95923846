"""A second opinion on the sky that was found: a descent on its weights, by the loss of bgoptimizer.

A descent judges by other rules than the search: by single pixels instead of cells, by their
distances instead of the squares, and a model above the data costs it more than one below.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .backends.protocol import Backend
from .diagnostics import Diagnostics
from .fit import fit_spline
from .image.robust import medians
from .result import Opinion, Prepared
from .settings.settings import Settings
from .spline.objective import Watch, after

CONTROL_POINTS, DESCENTS = 64, 5
"""The number of control points, and of descents, each with other control points. Their mean is
compared, for each of them describes a sky with errors of its own, which their spread tells."""


def steps_of(settings: Settings) -> int:
    """The largest number of iterations of a fit, with those of a second opinion."""
    descents = 1 if settings.control_points else DESCENTS * settings.second_opinion
    return max(1, descents * settings.epochs * settings.starts)


def second_opinion(
    prepared: Prepared,
    diagnostics: Diagnostics,
    settings: Settings,
    backend: Backend,
    watch: Watch = lambda iteration, loss: None,
) -> Opinion:
    """Descend on the weights of a sky that was found, and compare.

    What its control points cannot describe of a sky is no difference of opinion: only what leads
    away from the sky that was found, and from the start of the descent as well, is one.

    Parameters
    ----------
    prepared : Prepared
        With a sky that was found.
    diagnostics : Diagnostics
        Of that sky.
    settings : Settings
        Those of the descent but the number of its control points.
    backend : Backend
    watch : callable, optional
        See `fastbg.fit.fit_spline`.
    """
    sky, found = prepared.sky, prepared.found
    assert sky is not None
    assert found is not None
    mesh, here = sky.mesh, found.data.reshape(len(sky.mesh.points), -1)

    def difference(number: int) -> np.ndarray:
        """(P, K), linear: of one descent."""
        own = replace(settings, control_points=CONTROL_POINTS, seed=settings.seed + number)
        done = number * settings.epochs * settings.starts
        fit = fit_spline(prepared.problem, own, backend, after(done, watch), found)
        begin, end = (each.values(mesh.points) for each in (fit.start, fit.spline))
        known, begin, end = (prepared.stretch.invert(each.T)[0].T for each in (here, begin, end))
        one, other = (each - medians(each, axis=0) for each in (end - known, end - begin))
        least = np.minimum(np.abs(one), np.abs(other))
        return np.where(one * other > 0, np.sign(one) * least, 0)

    differences = np.array([difference(number) for number in range(DESCENTS)])
    mean, spread = differences.mean(axis=0), differences.std(axis=0, ddof=1)
    # In units of the stretch of the search, which is linear.
    noise = mesh.noise * sky.stretch.scale
    own = np.hypot(diagnostics.uncertainty.reshape(mean.shape), noise)
    uncertainty = np.hypot(own, spread)
    told = np.isfinite(uncertainty) & (here > 0) & (here < 1)
    times = np.where(told, np.abs(mean) / uncertainty, 0)
    place = np.unravel_index(times.argmax(), times.shape)
    y, x = map(float, mesh.points[place[0]])
    return Opinion(y, x, float(mean[place]), float(uncertainty[place]))
