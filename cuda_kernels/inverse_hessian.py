"""Device functions of L-BFGS that the threads of one block call together, in float64.

The inverse Hessian is known from pairs of steps and gradients, and from a metric.

Symbols: K channels, N control points, n parameters, t the index of the thread.
"""

from __future__ import annotations

from typing import Any

from numba import cuda

from ..spline.quasi_newton import PAIRS
from .compilation import device
from .reduction import LANES
from .search_state import CHANGE, DIRECTION, SCRATCH


def dot_product(threads: int) -> Any:
    """``dot``, of two vectors."""
    lanes = min(LANES, threads)

    @device
    def dot(t, a, b, buffer):
        """The product, in all threads; ``buffer``: (threads,)."""
        total = 0.0
        for i in range(t, b.shape[0], threads):
            total += a[i] * b[i]
        buffer[t] = total
        cuda.syncthreads()
        if t < lanes:
            total = 0.0
            for s in range(t, threads, lanes):
                total += buffer[s]
            buffer[t] = total
        cuda.syncthreads()
        total = 0.0
        for s in range(lanes):
            total += buffer[s]
        cuda.syncthreads()
        return total

    return dot


def product(channels: int, threads: int) -> tuple[Any, Any]:
    """``multiply`` and ``multiply_transposed``: with a matrix, (rows, columns)."""

    @device
    def multiply(t, matrix, a, out):
        """Matrix times ``a``, (columns, K), into ``out``, (rows, K); both are flat."""
        for e in range(t, matrix.shape[0] * channels, threads):
            total = 0.0
            for c in range(matrix.shape[1]):
                total += matrix[e // channels, c] * a[c * channels + e % channels]
            out[e] = total

    @device
    def multiply_transposed(t, matrix, a, out):
        """The transpose times ``a``, (rows, K), into ``out``, (columns, K); both are flat."""
        for e in range(t, matrix.shape[1] * channels, threads):
            total = 0.0
            for r in range(matrix.shape[0]):
                total += matrix[r, e // channels] * a[r * channels + e % channels]
            out[e] = total

    return multiply, multiply_transposed


def metric(channels: int, threads: int) -> Any:
    """``precondition``: see `fastbg.spline.metric.Metric`."""
    multiply, multiply_transposed = product(channels, threads)
    turn, turn_back = product(1, threads)
    follow_shifts, follow_weights = _mixed(channels, threads)

    @device
    def precondition(t, vector, searching):
        """Turn a gradient, (n,), into the direction of steepest descent, in place."""
        first, second = searching.vectors[SCRATCH], searching.vectors[SCRATCH + 1]
        shifts, own = searching.shift_root.shape[0], first
        cuda.syncthreads()
        multiply(t, searching.root, vector[shifts:], first[shifts:])
        cuda.syncthreads()
        if searching.moving[0]:
            follow_weights(t, vector, first[shifts:], second, searching)
            cuda.syncthreads()
            turn(t, searching.shift_root, second, first)
            cuda.syncthreads()
            turn_back(t, searching.shift_root, first, second)
            cuda.syncthreads()
            follow_shifts(t, second, first[shifts:], second[shifts:], searching)
            own = second
            cuda.syncthreads()
        for i in range(t, shifts, threads):
            vector[i] = second[i] if searching.moving[0] else 0.0
        multiply_transposed(t, searching.root, own[shifts:], vector[shifts:])
        cuda.syncthreads()

    return precondition


def _mixed(channels: int, threads: int) -> tuple[Any, Any]:
    @device
    def follow_shifts(t, shifted, own, out, searching):
        """``own``, (N + 3, K), less what shifts, (2 N,), change of it."""
        mixed, weights = searching.mixed, searching.weights
        for e in range(t, mixed.shape[0] * channels, threads):
            r, k = e // channels, e % channels
            total = own[e]
            for c in range(mixed.shape[1]):
                total -= mixed[r, c] * weights[c // 2, k] * shifted[c]
            out[e] = total

    @device
    def follow_weights(t, gradient, own, out, searching):
        """The gradient of the shifts, (2 N,), less the part that ``own``, (N + 3, K), explains."""
        mixed, weights = searching.mixed, searching.weights
        for c in range(t, mixed.shape[1], threads):
            total = gradient[c]
            for r in range(mixed.shape[0]):
                for k in range(channels):
                    total -= weights[c // 2, k] * mixed[r, c] * own[r * channels + k]
            out[c] = total

    return follow_shifts, follow_weights


def inverse_hessian(channels: int, threads: int) -> Any:
    """``two_loops``: the inverse Hessian times a vector, by the two-loop recursion."""
    dot, precondition = dot_product(threads), metric(channels, threads)

    @device
    def two_loops(t, count, following, parts, buffer, searching):
        """Multiply the direction, with the last ``count`` pairs; the next has place ``following``.

        ``parts`` is shared memory, (PAIRS,), and ``buffer``, (threads,), too.
        """
        direction, change = searching.vectors[DIRECTION], searching.vectors[CHANGE]
        n = direction.shape[0]
        for back in range(1, count + 1):
            j = (following - back) % PAIRS
            part = dot(t, searching.steps[j], direction, buffer) / searching.products[j]
            for i in range(t, n, threads):
                direction[i] -= part * searching.changes[j, i]
            if t == 0:
                parts[j] = part
        newest = (following - 1) % PAIRS
        for i in range(t, n, threads):
            change[i] = searching.changes[newest, i]
        # A loop around one call takes twice as many registers as two calls.
        precondition(t, direction, searching)
        if count > 0:
            precondition(t, change, searching)
            product = dot(t, searching.changes[newest], change, buffer)
            for i in range(t, n, threads):
                direction[i] *= searching.products[newest] / product
        for back in range(count, 0, -1):
            j = (following - back) % PAIRS
            part = dot(t, searching.changes[j], direction, buffer) / searching.products[j]
            for i in range(t, n, threads):
                direction[i] += (parts[j] - part) * searching.steps[j, i]

    return two_loops
