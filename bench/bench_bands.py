"""The passes over a file at full resolution, 12 Mpx x 3: what a job spends beside its fit."""

from __future__ import annotations

import os

import numpy as np
import pytest

from fastbg.backends import c
from fastbg.correction import Correction
from fastbg.downscale import downscale
from fastbg.image import Image
from fastbg.io import xisf
from fastbg.order_statistics import quantiles
from fastbg.render import background_image
from fastbg.stretch import Stretch

SHAPE = (2000, 6000)
THREADS = os.cpu_count() or 1


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """A sky with a gradient and noise, in a file."""
    path = tmp_path_factory.mktemp("bench") / "sky.xisf"
    rng = np.random.default_rng(7)
    with xisf.create(path, (3, *SHAPE)) as target:
        for top in range(0, SHAPE[0], 100):
            noise = rng.normal(0.1, 0.01, (3, 100, SHAPE[1]))
            target.write_rows(slice(top, top + 100), noise + 1e-5 * top)
    with xisf.open_image(path) as source:
        yield Image.of(source)


@pytest.fixture(scope="module")
def stretch(image):
    return Stretch.of(quantiles(image, [0, 0.5, 0.95, 1], THREADS).values(), 0.95)


def measure(benchmark, function, *arguments):
    benchmark.pedantic(function, args=arguments, rounds=5, warmup_rounds=1)
    samples = 3 * SHAPE[0] * SHAPE[1]
    benchmark.extra_info["GB/s of the image"] = 4e-9 * samples / benchmark.stats.stats.median


@pytest.mark.benchmark(group="bands")
@pytest.mark.parametrize("threads", [1, THREADS])
def bench_quantiles(benchmark, image, threads):
    measure(benchmark, quantiles, image, [0, 0.5, 0.95, 1], threads)


@pytest.mark.benchmark(group="bands")
@pytest.mark.parametrize("threads", [1, THREADS])
@pytest.mark.parametrize("function", ["median", "mean"])
def bench_downscale(benchmark, image, stretch, function, threads):
    measure(benchmark, downscale, image, stretch, 8, function, threads)


@pytest.mark.benchmark(group="bands")
@pytest.mark.parametrize("threads", [1, THREADS])
def bench_quantiles_of_the_corrected_image(benchmark, image, stretch, spline, threads):
    """Read, render, unstretch, subtract and count: all that the last pass does but writing."""
    background = background_image(c, spline, stretch, SHAPE)
    corrected = Correction(image, background, "subtract", np.zeros(3)).corrected()
    measure(benchmark, quantiles, corrected, [0, 0.5, 1], threads, image)
