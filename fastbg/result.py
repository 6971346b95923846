"""What the two halves of a job hand on: the prepared problem, and the finished result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .diagnostics import Judgement
from .fit import Fit
from .image.image import Image
from .image.stretch import Stretch
from .model.model import BackgroundModel
from .sky.detection import Sky
from .spline.loss import Problem
from .spline.spline import Spline


@dataclass(frozen=True)
class Prepared:
    """What the descent works on, and what it came from.

    Attributes
    ----------
    image : Image, linear
    statistics : ndarray, (K, 3), linear
        Minimum, median and maximum of the valid samples of each channel.
    missing : int
        Samples that are not valid.
    stretch : Stretch
    problem : Problem
        The down-scaled, stretched image with its weights and coordinates.
    sky : Sky or None
        The sky that was found, if it was searched for.
    """

    image: Image
    statistics: np.ndarray
    missing: int
    stretch: Stretch
    problem: Problem
    sky: Sky | None = None


@dataclass(frozen=True)
class Result:
    """A finished job.

    Attributes
    ----------
    model : BackgroundModel
        Renders at any size, evaluates at points, saves to JSON.
    fit : Fit
        The descent behind the model.
    judgement : Judgement
        How good the model is, as far as the image tells.
    report : dict
        Settings, statistics, counts, seconds per stage, warnings: see `fastbg.report.report`.
    """

    model: BackgroundModel
    fit: Fit
    judgement: Judgement
    report: dict[str, Any]

    @property
    def spline(self) -> Spline:
        """The fitted spline, in the stretched space."""
        return self.model.spline

    @property
    def losses(self) -> np.ndarray:
        """(iterations,): the loss history of the best start."""
        return self.fit.descent.losses


@dataclass(frozen=True)
class ArrayResult(Result):
    """A finished job on an array.

    Attributes
    ----------
    corrected : ndarray, shaped as the input, float32, linear
        The image without its background; missing samples as they came; nothing clipped.
    background : ndarray, shaped as the input, float32, linear
        The rendered model.
    """

    corrected: np.ndarray
    background: np.ndarray
