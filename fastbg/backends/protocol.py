"""The protocol of an evaluator."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from ..image.kernels import Kernels
from ..spline.loss import Problem
from ..spline.objective import Objective
from ..spline.spline import Spline


class Rendering(Protocol):
    """A spline on the pixels of an image, planned once and evaluated in bands of rows.

    Several threads may call `rows` at the same time.
    """

    def rows(self, rows: slice, out: np.ndarray) -> None:
        """Fill ``out`` with some rows of the image.

        A row has the same bits in whichever band it is evaluated.

        Parameters
        ----------
        rows : slice
            Consecutive rows.
        out : ndarray, (K, n, W), float32, C-contiguous
            Overwritten with the spline, in the space of the spline.
        """

    def close(self) -> None:
        """Give back what the plan holds; closing it again does nothing."""


class Backend(Protocol):
    """An evaluator with its budget. Its methods are safe to call from several threads."""

    @property
    def name(self) -> str:
        """The name by which it is chosen."""

    @property
    def kernels(self) -> Kernels:
        """The loops over pixels that a job with this evaluator uses."""

    def detail(self) -> str:
        """The instruction set, release or device that it runs on, for reports."""

    def open_problem(self, problem: Problem, threads: int) -> Objective:
        """Prepare a problem for many evaluations."""

    def plan(self, spline: Spline, y: np.ndarray, x: np.ndarray) -> Rendering:
        """Plan the rendering of a spline.

        Parameters
        ----------
        spline : Spline
        y, x : ndarray, (H,) and (W,), float64, normalised
            The coordinates of all rows and of all columns of the image.
        """
