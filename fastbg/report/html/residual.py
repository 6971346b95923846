"""What the fit left: data minus model, as the fit sees them."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

import numpy as np

from ...backends.protocol import Backend
from ...image.image import Image
from ...image.stretch import Stretch
from ...model.model import BackgroundModel
from ...model.render import Rendered
from ...spline.loss import Problem
from ..preview.page import size_in
from ..preview.pictures import resample, thinned
from . import words
from .colours import DIVERGING, colours, gradient
from .images import drawing
from .markup import Markup, element
from .noise import robust_sigma

BOX = (220, 280)
"""Greatest height and width of the map: so coarse that noise averages out, and gradients show."""

ENLARGED = 2
"""Pixels of the picture, per side, for one of the map."""

REACH = 3.0
"""Robust deviations of the map at which its colours end."""

EXCLUDED, HATCHED, MISSING = (58, 65, 77), (92, 101, 115), (30, 35, 43)


@dataclass(frozen=True, eq=False)
class Residual:
    """Data minus model, stretched.

    Attributes
    ----------
    values : ndarray, (h, w), float32
        Mean over the channels, less its `level`; NaN where the fit uses nothing.
    level : float
        The median: the loss wants the model below the data, so that it is positive.
    missing : ndarray, (h, w), bool
        Where there is no data.
    median, sigma, above : ndarray, (K,)
        Of each channel over the pixels of the fit that are used: the median, the robust standard
        deviation, and the share where the model lies above the data.
    """

    values: np.ndarray
    level: float
    missing: np.ndarray
    median: np.ndarray
    sigma: np.ndarray
    above: np.ndarray

    @property
    def limit(self) -> float:
        """Where the colours end, on both sides of zero."""
        return REACH * float(robust_sigma(self.values)) or 1.0


def residual_image(problem: Problem, rendered: Rendered, stretch: Stretch | None) -> Image:
    """Data minus model at the pixels of the fit, (K, h, w), stretched, computed where it is read.

    NaN where a pixel has no weight. ``rendered`` is the model at those pixels, and `stretch` that
    of the problem if the model has another one.
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
    """Draw and measure the residual of a fit."""
    other = None if model.stretch is stretch else stretch
    rendered = Rendered(backend, model.spline, model.stretch, problem.y, problem.x)
    with closing(rendered):
        image = residual_image(problem, rendered, other)
        size = size_in(BOX, image.shape)
        planes = resample(image, size, np.isfinite)
        sampled = thinned(image)[1]
    used = np.isfinite(planes)
    total, count = np.where(used, planes, 0).sum(axis=0), used.sum(axis=0)
    mean = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
    level = float(np.median(mean[count > 0])) if count.any() else 0.0
    data = resample(Image.from_samples(problem.data), size, np.isfinite)
    channels = [plane[np.isfinite(plane)] for plane in sampled]
    return Residual(
        mean - np.float32(level),
        level,
        np.isnan(data).all(axis=0),
        np.array([np.median(v) if v.size else np.nan for v in channels]),
        np.array([robust_sigma(v) for v in channels]),
        np.array([(v < 0).mean() if v.size else np.nan for v in channels]),
    )


def to_rgb(residual: Residual) -> np.ndarray:
    """The map in colours, enlarged: (2 h, 2 w, 3), uint8; excluded hatched, missing flat."""
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
    """The map, its scale, and what each channel measures."""
    ends = [words.number(sign * residual.limit, 2) for sign in (-1, 1)]
    excluded = (np.isnan(residual.values) & ~residual.missing).mean()
    key = []
    if excluded:
        key.append(element("span", element("i", class_="swatch excluded"), "not used by the fit"))
    if residual.missing.any():
        key.append(element("span", element("i", class_="swatch missing"), "no data"))
    rows = [
        element(
            "tr",
            element("th", name, scope="row", class_=f"channel {name.lower()}"),
            element("td", words.number(median, 2)),
            element("td", words.number(sigma, 3)),
            element("td", words.percent(above)),
        )
        for name, median, sigma, above in zip(
            words.channels(len(residual.median)),
            residual.median,
            residual.sigma,
            residual.above,
            strict=True,
        )
    ]
    heads = ("", "median", "deviation", "model above data")
    return element(
        "figure",
        element("h2", "Residual"),
        drawing(
            to_rgb(residual),
            f"Map of data minus model less its median: blue to {ends[0]}, orange to {ends[1]}, "
            f"{words.percent(excluded)} not used by the fit",
            style=f"--aspect:{residual.values.shape[1] / residual.values.shape[0]:.4g}",
        ),
        element(
            "div",
            element("span", ends[0]),
            element("i", style=gradient(DIVERGING)),
            element("span", ends[1]),
            class_="scale",
        ),
        element("p", *key, class_="key") if key else "",
        element(
            "figcaption",
            "Data minus model in the stretched space of the fit (0 to 1)"
            f"{words.mean_of(len(residual.median))}, less its median of "
            f"{words.number(residual.level, 2)}: the loss wants the model below the data. Orange "
            "is brighter than the model, as stars and objects are, blue is darker. A large smooth "
            "patch of either is gradient that is left.",
        ),
        element(
            "table",
            element("thead", element("tr", *(element("th", h, scope="col") for h in heads))),
            element("tbody", *rows),
        ),
    )
