"""Every tolerance of the tests of the numerical core, each with its reason."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# Two float64 programs of the same formulas: rounding of sums in another order, amplified where
# S is a small difference of larger terms.
FLOAT64 = 1e-11

# What is asked of the golden reference against automatic differentiation; what is
# left of central differences after one Richardson step is of the same size.
DERIVATIVE = 1e-6

# The initial system has a condition number of some 1e4, and scipy solves it by other means.
SOLVED_SYSTEM = 1e-9


class Tolerance(NamedTuple):
    """How far an evaluator may be from the golden reference.

    Attributes
    ----------
    values : float
        Of S, relative to its range over the image, beyond `roundings`.
    roundings : int
        Of the largest |S|, to float32: what a small range on a high level suffers.
    loss : float
        A mean of logarithms: its absolute error is the relative one of their arguments.
    gradient : float
        L2, relative to the L2 norm.
    """

    values: float
    roundings: int
    loss: float
    gradient: float


# The golden reference itself.
EXACT = Tolerance(values=FLOAT64, roundings=1, loss=FLOAT64, gradient=FLOAT64)

# The direct method adds S up in float64, and its logarithm is good to 1.4e-10. Slopes and the
# kernel's derivative are float32, summed in float32 over 256 pixels; they are of both signs.
C_DIRECT = Tolerance(values=1e-7, roundings=1, loss=1e-6, gradient=2e-6)

# What the project asks of the tiled method: far centres are interpolated, and their values are
# products of float32 matrices.
C_TILED = Tolerance(values=2e-6, roundings=4, loss=5e-6, gradient=1e-5)

# What it keeps where it does not reach that yet (measured: 5e-6 and 1e-3): images of some 300
# pixels (on which it has to be forced) or very oblong ones, dense clusters, and large weights that
# cancel. Far values are rounded to float32
# before near ones cancel them, and interpolated to an absolute error of S, not of its gradient.
C_TILED_HARD = Tolerance(values=2e-5, roundings=8, loss=5e-5, gradient=2e-3)

# One part of a gradient (centres, weights or polynomial) can be small beside the others, and has
# the errors of their slopes.
PART_OF_GRADIENT = 5

# Whatever method is taken.
FLOAT32_VALUES = C_TILED.values

# One rounding to float32, of the largest number around.
FLOAT32_ROUNDING = 2.0**-24

# Two descents of the same problem end in the same place but for the noise of their last steps;
# the project asks the same of the loss against the ancestor's.
PATHS = 0.01

# Their first steps: a single residual of 1e-7 that float32 sees on the other side of 0 already
# moves a mono problem of 4200 pixels by up to 4e-4 of its loss (measured), as 1 / argument is 1000.
FIRST_STEPS = 1e-3

# Samples are float32: one rounding (2^-24) in, one out, and a few operations between.
FLOAT32_SAMPLES = 1e-6


def relative_l2(found: np.ndarray, expected: np.ndarray) -> float:
    """|found - expected| / |expected|, Euclidean; the absolute error where nothing is expected."""
    expected = np.asarray(expected)
    difference = np.linalg.norm(np.asarray(found) - expected)
    return float(difference / (np.linalg.norm(expected) or 1))


def relative_max(found: np.ndarray, expected: np.ndarray) -> float:
    """max |found - expected| / max |expected|; the absolute error where nothing is expected."""
    expected = np.asarray(expected)
    difference = np.abs(np.asarray(found) - expected).max()
    return float(difference / (np.abs(expected).max() or 1))
