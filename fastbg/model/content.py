"""The background model as plain numbers, which `BackgroundModel.save` writes and `load` reads."""

from __future__ import annotations

import operator
from dataclasses import asdict
from typing import Any

import numpy as np

from ..errors import InputError
from ..image.stretch import LEAST_MIDTONES, Stretch
from ..settings.checked import MOST_CONTROL_POINTS
from ..spline.panels import MOST_PANELS, Panels, Seam, boxes
from ..spline.patches import Patches
from ..spline.spline import Spline

FORMAT, VERSION, VERSION_OF_MOSAICS = "fastbg background model", 1, 2
"""Mosaics have a version of their own: versions of fastbg that know of none refuse it."""

LARGEST_COORDINATE, LARGEST_COEFFICIENT, LARGEST_LEVEL = 1e3, 1e12, 1e30
"""With larger numbers, sums and levels would leave the range of float32."""


def content_of(spline: Spline | Panels, stretch: Stretch, shape: tuple[int, int]) -> dict[str, Any]:
    """The parts of a model as plain numbers and lists."""
    if isinstance(spline, Patches):
        raise InputError(
            "the background of panels of any shape has no form as JSON: render it, or write it as "
            "an image"
        )
    mosaic = isinstance(spline, Panels)
    return {
        "format": FORMAT,
        "version": VERSION_OF_MOSAICS if mosaic else VERSION,
        "shape": list(shape),
        "order": spline.order,
        **(_of_panels(spline) if isinstance(spline, Panels) else _of_spline(spline)),
        "stretch": {
            "pedestal": stretch.pedestal.tolist(),
            "scale": stretch.scale.tolist(),
            "midtones": stretch.midtones.tolist(),
            "target": stretch.target,
        },
    }


def parts_of(content: dict[str, Any]) -> tuple[Spline | Panels, Stretch, tuple[int, int]]:
    """The inverse of `content_of`.

    Raises
    ------
    InputError
        If it is not a model, is of a newer version, or does not fit together.
    """
    if not isinstance(content, dict):
        raise InputError("a background model is a dict: give what to_dict returned")
    version = content.get("version")
    if content.get("format") != FORMAT or version not in (VERSION, VERSION_OF_MOSAICS):
        raise InputError(
            f"not a {FORMAT} of version {VERSION} or {VERSION_OF_MOSAICS}: save it again with this "
            "version of fastbg"
        )
    try:
        saved = content["stretch"]
        pedestal, scale, midtones = (
            np.array(saved[key], np.float64) for key in ("pedestal", "scale", "midtones")
        )
        stretch = Stretch(pedestal, scale, midtones, float(saved["target"]))
        height, width = (operator.index(size) for size in content["shape"])
        order = operator.index(content["order"])
        spline: Spline | Panels
        if version == VERSION:
            spline = _to_spline(content, order)
        else:
            splines = [_to_spline(each, order) for each in content["panels"]]
            spline = Panels(tuple(map(_to_seam, content["seams"])), tuple(splines))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"the background model is damaged ({error}): fit it again") from error
    fits = (
        scale.shape in ((1,), (3,))
        and stretch.pedestal.shape == stretch.midtones.shape == scale.shape
        and order in (1, 2, 3, 4)
        and min(height, width) > 0
        and (np.abs(stretch.pedestal) <= LARGEST_LEVEL).all()
        and ((stretch.scale > 0) & (stretch.scale <= LARGEST_LEVEL)).all()
        and ((stretch.midtones >= LEAST_MIDTONES) & (stretch.midtones < 1)).all()
        and 0.01 <= stretch.target <= 0.99
        and (
            _fits(spline, len(scale))
            if isinstance(spline, Spline)
            else _divides(spline) and all(_fits(each, len(scale)) for each in spline.splines)
        )
    )
    if not fits:
        raise InputError(
            "the background model is damaged (its numbers do not fit together): fit it again"
        )
    return spline, stretch, (height, width)


def _of_spline(spline: Spline) -> dict[str, Any]:
    return {
        "centres": spline.centres.tolist(),
        "weights": spline.weights.tolist(),
        "polynomial": spline.polynomial.tolist(),
    }


def _of_panels(panels: Panels) -> dict[str, Any]:
    return {
        "seams": [asdict(seam) for seam in panels.seams],
        "panels": [_of_spline(spline) for spline in panels.splines],
    }


def _to_spline(content: dict[str, Any], order: int) -> Spline:
    centres, weights, polynomial = (
        np.array(content[key], np.float64) for key in ("centres", "weights", "polynomial")
    )
    return Spline(centres, weights, polynomial, order)


def _to_seam(content: dict[str, Any]) -> Seam:
    panel, axis = (operator.index(content[key]) for key in ("panel", "axis"))
    return Seam(panel, axis, *(float(content[key]) for key in ("first", "last", "width")))


def _fits(spline: Spline, channels: int) -> bool:
    """Whether the numbers of a spline fit together and are in range."""
    n = len(spline.centres) if spline.centres.ndim else 0
    coefficients = spline.weights, spline.polynomial
    return bool(
        0 < n <= MOST_CONTROL_POINTS
        and spline.centres.shape == (n, 2)
        and spline.weights.shape == (n, channels)
        and spline.polynomial.shape == (3, channels)
        and (np.abs(spline.centres) <= LARGEST_COORDINATE).all()
        and all((np.abs(numbers) <= LARGEST_COEFFICIENT).all() for numbers in coefficients)
    )


def _divides(panels: Panels) -> bool:
    """Whether the seams divide the frame into as many panels as there are splines."""
    if not 1 < len(panels.splines) == len(panels.seams) + 1 <= MOST_PANELS:
        return False
    for number, seam in enumerate(panels.seams):
        places = np.array([seam.first, seam.last, seam.width])
        known = 0 <= seam.panel <= number and seam.axis in (0, 1) and seam.width >= 0
        if not known or not (np.abs(places) <= LARGEST_COORDINATE).all():
            return False
    return all(top < bottom and left < right for top, bottom, left, right in boxes(panels.seams))
