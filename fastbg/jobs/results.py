"""The results that jobs give back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..model.model import BackgroundModel
from ..result import Fitted
from .given import Given
from .shown import Shown


@dataclass(frozen=True, eq=False, repr=False)
class Result(Shown, Fitted):
    """A finished job.

    Attributes
    ----------
    report : dict
        Settings, statistics, counts, seconds for each stage, warnings: see
        `fastbg.report.report`.
    thumbnail : ndarray, (K, h, w), float32, linear, or None
        A small copy of the image before the correction, which notebooks show. None if nothing was
        corrected.
    """

    report: dict[str, Any]
    thumbnail: np.ndarray | None = field(default=None, kw_only=True)


@dataclass(frozen=True, eq=False, repr=False)
class ArrayResult(Result):
    """A finished job on an array.

    Attributes
    ----------
    corrected : ndarray or the kind of the input, shaped as the input, float32, linear
        The image without its background; missing samples as they came; nothing clipped. The
        mask, unit, WCS, meta data and uncertainty are those of the input.
    background : ndarray or the kind of the input, shaped as the input, float32, linear
        The rendered model; of a Bayer mosaic, at each pixel that of its colour. It has no
        uncertainty.
    given : Given
        The image, the weight and the settings, which `fastbg.plot` draws.
    """

    corrected: np.ndarray | Any
    background: np.ndarray | Any
    given: Given


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class AppliedResult(Shown):
    """A model that was fitted before and has been taken out of an array.

    Attributes
    ----------
    model : BackgroundModel
        With ``rescale``, the one that fits the sky of the image.
    scale : ndarray, (K,)
        The factors by which its channels were scaled.
    report : dict
        See `fastbg.report.report`.
    thumbnail, corrected, background, given
        As in `ArrayResult`.
    """

    model: BackgroundModel
    scale: np.ndarray
    report: dict[str, Any]
    thumbnail: np.ndarray
    corrected: np.ndarray | Any
    background: np.ndarray | Any
    given: Given
