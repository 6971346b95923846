"""The spline at full resolution, 12 Mpx x 3, in one piece of memory."""

from __future__ import annotations

import os

import numpy as np
import pytest

from fastbg.backends import c
from fastbg.render import pixel_centres

THREADS = os.cpu_count() or 1


@pytest.mark.benchmark(group="render")
@pytest.mark.parametrize("threads", [1, THREADS])
def bench_render(benchmark, spline, threads):
    y, x = pixel_centres(2000), pixel_centres(6000)
    out = np.empty((3, y.size, x.size), np.float32)
    benchmark.pedantic(c.evaluate, args=(spline, y, x, out, threads), rounds=3, warmup_rounds=1)
    seconds = benchmark.stats.stats.median
    pairs = y.size * x.size * len(spline.centres)
    benchmark.extra_info["ns per pixel and centre"] = 1e9 * seconds / pairs
    benchmark.extra_info["GB/s written"] = out.nbytes / seconds / 1e9
