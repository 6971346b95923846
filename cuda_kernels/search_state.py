"""The arrays of a minimisation by L-BFGS on the device.

Symbols: K channels, N control points, n parameters.
"""

from __future__ import annotations

from typing import NamedTuple

from .tiles import Array

LOSS, LOWEST, DONE, STEPS, COUNT, NEXT, TURNS, ENDED = range(8)
LENGTH, LOW, HIGH, ALONG, LEFT, FOUND_LOSS = range(8, 14)
FIELDS = 14
"""Numbers of the state: the loss at the last step and the lowest, evaluations DONE, STEPS (-1
before anything is evaluated), the COUNT of pairs and the place of the NEXT, whether it TURNS to
another direction next, and whether it has ENDED. Of a line search: the length of its trial and its
bounds, the derivative ALONG it at its start, how many evaluations are LEFT to it, and the loss of
what it has found, or NaN."""

SETTLED, STOPPED = 1, 2
"""How it ends: the loss has stopped falling, or is no number, or the iterations have run out."""

AT, GRADIENT, TRIAL, DIRECTION, CHANGE, FOUND, FOUND_GRADIENT, BEST, SCRATCH = range(9)
VECTORS = 10
"""Vectors as long as the parameters. CHANGE is the newest in the metric, as the direction is; from
SCRATCH on, two are for passing results."""


class Searching(NamedTuple):
    """The arrays; float64 unless stated otherwise.

    Attributes
    ----------
    parameters : (1, n), float32
        They are evaluated next.
    out : (1, n + 1)
        What was found there: the gradient and the loss.
    vectors : (VECTORS, n)
    steps, changes : (PAIRS, n)
        The pairs, in a ring.
    products : (PAIRS,)
    state : (FIELDS,)
    reached : (patience + 1,)
        The losses of the last steps, in a ring.
    broken, ended : (1,), int32
        Whether the parameters are no numbers, and `fastbg.cuda_kernels.layout.RUNNING` or not.
    losses : (iterations,)
    root, weights, mixed, shift_root : (N + 3, N + 3), (N, K), (N + 3, 2 N) and (2 N, 2 N)
        See `fastbg.spline.metric.Metric`.
    moving : (1,), int32
        Whether control points move.
    """

    parameters: Array
    out: Array
    vectors: Array
    steps: Array
    changes: Array
    products: Array
    state: Array
    reached: Array
    broken: Array
    ended: Array
    losses: Array
    root: Array
    weights: Array
    mixed: Array
    shift_root: Array
    moving: Array
