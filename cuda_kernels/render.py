"""The spline on a grid of pixels: every centre at every pixel, a row of the grid at a time."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from numba import cuda, float32, uint64

from . import maths
from .compilation import device, kernel
from .layout import USUAL
from .objective import STEP

PIXELS = 4
"""Of a thread, side by side: each reading of a centre serves all."""


@lru_cache
def renderer(order: int, channels: int, threads: int = USUAL.threads) -> Any:
    """The kernel for an order and K channels, for a grid of (columns / `PIXELS` threads, rows).

    y, x : (height,) and (columns,), float32
    parameters : (n,), float32
    rows : int
        How many of the height.
    out : (K, height, columns), float32; written
    """
    phi = device(maths.PHI[order])
    own, room = 2 + channels, PIXELS * channels

    def render(y, x, parameters, rows, out):
        t = cuda.threadIdx.x
        centre = cuda.shared.array((own, threads), float32)
        values = cuda.local.array(room, float32)
        px = cuda.local.array(PIXELS, float32)
        n = (parameters.shape[0] - 3 * channels) // own
        base = own * n
        columns = out.shape[2]
        left = cuda.blockIdx.x * threads * PIXELS + t
        for v in range(PIXELS):
            px[v] = x[min(left + v * threads, columns - 1)]
        # A grid has fewer rows than an image may have.
        for row in range(cuda.blockIdx.y, rows, cuda.gridDim.y):
            py = y[row]
            for k in range(channels):
                level = py * parameters[base + k] + parameters[base + 2 * channels + k]
                for v in range(PIXELS):
                    values[v * channels + k] = level + px[v] * parameters[base + channels + k]
            for batch in range(0, n, threads):
                cuda.syncthreads()
                i = batch + t
                if i < n:
                    dy = py - parameters[2 * i]
                    centre[0, t], centre[1, t] = dy * dy, parameters[2 * i + 1]
                    for k in range(channels):
                        centre[2 + k, t] = parameters[2 * n + channels * i + k]
                cuda.syncthreads()
                s, stop = uint64(0), uint64(min(threads, n - batch))
                while s < stop:
                    for v in range(PIXELS):
                        dx = px[v] - centre[1, s]
                        f = phi(centre[0, s] + dx * dx)
                        for k in range(channels):
                            values[v * channels + k] += f * centre[2 + k, s]
                    s += STEP
            for v in range(PIXELS):
                if left + v * threads < columns:
                    for k in range(channels):
                        out[k, row, left + v * threads] = values[v * channels + k]

    return kernel(render)
