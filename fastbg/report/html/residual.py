"""The residual of the fit, data minus model, in the stretched space."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from ...backends.protocol import Backend
from ...image.image import Image
from ...image.robust import robust_sigma
from ...image.stretch import Stretch
from ...model.model import BackgroundModel
from ...model.render import Rendered
from ...spline.loss import Problem
from ..preview.page import size_in
from ..preview.pictures import resample, thinning
from .colours import DIVERGING, colours
from .template import fill

BOX = (220, 280)
"""Largest height and width of the map, in cells: coarse enough for noise to average out, so that
gradients show."""

ENLARGED = 2
"""Pixels of the picture along each side of a cell of the map."""

REACH = 3.0
"""The colour scale reaches this many robust standard deviations of the map."""

EXCLUDED, HATCHED, MISSING = (44, 54, 36), (104, 148, 34), (30, 35, 43)
"""What is excluded has the hue that it has in the preview."""


@dataclass(frozen=True, eq=False)
class Residual:
    """Data minus model, stretched.

    Attributes
    ----------
    values : ndarray, (h, w), float32
        The mean over the channels minus `level`; NaN where the fit uses no pixel.
    level : float
        The median of that mean. It is positive where a loss keeps the model below the data.
    missing : ndarray, (h, w), bool
        True where there are no data.
    median, sigma, above : ndarray, (K,)
        The median, the robust standard deviation, and the share of pixels where the model lies
        above the data, over the pixels that the fit uses.
    """

    values: np.ndarray
    level: float
    missing: np.ndarray
    median: np.ndarray
    sigma: np.ndarray
    above: np.ndarray

    @property
    def limit(self) -> float:
        """The colour scale goes from minus this to plus this."""
        return REACH * float(robust_sigma(self.values)) or 1.0


def residual_image(problem: Problem, rendered: Rendered, stretch: Stretch | None) -> Image:
    """Data minus model at the pixels of the fit, (K, h, w), stretched, computed where it is read.

    It is NaN where a pixel has no weight. `rendered` is the model at those pixels, and `stretch`
    that of the problem if the model has another one.
    """

    def read(rows: slice, out: np.ndarray) -> np.ndarray:
        if stretch is None:
            band = rendered.stretched.rows(rows)
        else:
            band = stretch.apply(rendered.linear.rows(rows)).astype(np.float32)
        data, weight = (np.moveaxis(a[rows], 2, 0) for a in (problem.data, problem.weight))
        return np.where(weight > 0, data - band, np.float32(np.nan))

    height, width, channels = problem.data.shape
    return Image(channels, (height, width), read)


def measure(
    problem: Problem, model: BackgroundModel, stretch: Stretch, backend: Backend
) -> Residual:
    """Reduce the residual of a fit to a map, and measure it."""
    other = None if model.stretch is stretch else stretch
    rendered = Rendered(backend, model.spline, model.stretch, problem.y, problem.x)
    with closing(rendered):
        image, samples = thinning(residual_image(problem, rendered, other), np.isfinite)
        size = size_in(BOX, image.shape)
        planes = resample(image, size, np.isfinite)
    used = np.isfinite(planes)
    total, count = np.where(used, planes, 0).sum(axis=0), used.sum(axis=0)
    mean = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
    level = float(np.median(mean[count > 0])) if count.any() else 0.0
    data = resample(Image.from_samples(problem.data), size, np.isfinite)
    channels = [plane[np.isfinite(plane)] for plane in samples]
    return Residual(
        mean - np.float32(level),
        level,
        np.isnan(data).all(axis=0),
        np.array([np.median(v) if v.size else np.nan for v in channels]),
        np.array([robust_sigma(v) for v in channels]),
        np.array([(v < 0).mean() if v.size else np.nan for v in channels]),
    )


def to_rgb(residual: Residual) -> np.ndarray:
    """The map in colours, (2 h, 2 w, 3) uint8; excluded parts are hatched, missing ones grey."""
    values, missing = (
        a.repeat(ENLARGED, axis=0).repeat(ENLARGED, axis=1)
        for a in (residual.values, residual.missing)
    )
    rgb = colours(np.nan_to_num(values) / residual.limit / 2 + 0.5, DIVERGING)
    y, x = np.indices(values.shape)
    excluded = np.isnan(values)
    rgb[excluded] = EXCLUDED
    rgb[excluded & ((x + y) % 8 < 2)] = HATCHED
    rgb[missing] = MISSING
    return rgb


def figure(residual: Residual) -> Markup:
    """The map with its scale, and a table of the channels."""
    return fill(
        "residual.html.j2",
        residual=residual,
        rgb=to_rgb(residual),
        excluded=(np.isnan(residual.values) & ~residual.missing).mean(),
        anchors=DIVERGING,
    )
