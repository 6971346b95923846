"""Every tolerance of the tests of the numerical core, each with its reason."""

from __future__ import annotations

import numpy as np

# Two float64 programs of the same formulas: rounding of sums in another order, amplified where
# S is a small difference of larger terms.
FLOAT64 = 1e-11

# The losses of some dozen steps of L-BFGS by two such programs: each step amplifies the rounding of
# those before it by the condition of its matrices, up to 1e5.
FLOAT64_STEPS = 1e-6

# What issue and design ask of the golden reference against automatic differentiation; what is
# left of central differences after one Richardson step is of the same size.
DERIVATIVE = 1e-6

# The initial system has a condition number of some 1e4, and scipy solves it by other means.
SOLVED_SYSTEM = 1e-9

# float32 evaluators against float64. S adds up N + 3 products with 24 bits each, relative to the
# largest |S|; the loss is a mean of logarithms, so its absolute error is the relative one of their
# arguments; gradients sum many terms of both signs, so their error is relative to their L2 norm.
FLOAT32_VALUES = 5e-6
FLOAT32_LOSS = 5e-6
FLOAT32_GRADIENT = 5e-5

# Two descents of the same problem end in the same place but for the noise of their last steps;
# the project asks the same of the loss against bgoptimizer's.
PATHS = 0.01

# The surface that the search selects in C, float32, against numpy, relative to its deviation. The
# largest on 43 skies and images was 4e-6. A single fit may amplify rounding a hundredfold, where
# objects that bend as the sky does hold the balance: 1.4e-4 was seen.
SEARCH = 1e-4
ONE_FIT = 1e-3

# Their first steps: a single residual of 1e-7 that float32 sees on the other side of 0 already
# moves a mono problem of 4200 pixels by up to 4e-4 of its loss (measured), as 1 / argument is 1000.
FIRST_STEPS = 1e-3

# Samples are float32: one rounding (2^-24) in, one out, and a few operations between.
FLOAT32_SAMPLES = 1e-6


# A cell of one image in another one, in pixels of the latter: it is the median of some dozens, each
# chosen as often as it would weigh in a linear interpolation. On a ramp, 0.33 was the largest.
# A cell of more pixels is sampled in blocks of them, and 0.05 of its side was the largest.
CHOSEN_PIXELS = 0.4
CHOSEN_CELLS = 0.06


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


STEP_AT_SEAMS = 1 / 3
"""The step between two panels of a mosaic, relative to the noise of a down-scaled pixel."""

RELATIVE_ERROR_OF_MOSAIC = 0.1
"""The error of the backgrounds of panels, relative to their gradients; the median. About 0.05 was
found with a nebula in the middle."""
