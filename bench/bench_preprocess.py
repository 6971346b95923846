"""The passes over a file of 12 Mpx x 3 before the fit: order statistics and blocks."""

from __future__ import annotations

import pytest

from fastbg.image.downscale import downscale
from fastbg.image.image import Image
from fastbg.image.order_statistics import quantiles
from fastbg.image.stretch import Stretch
from fastbg.io import xisf

PARTS = [0, 0.5, 0.95, 1]


@pytest.fixture(scope="module")
def image(tmp_path_factory, sky_array):
    """A sky in a file."""
    path = tmp_path_factory.mktemp("bench") / "sky.xisf"
    xisf.write(path, sky_array)
    with xisf.open_image(path) as source:
        yield Image.of(source)


@pytest.mark.benchmark(group="preprocess")
def bench_quantiles(measure, image, sky_array, threads):
    measure(quantiles, image, PARTS, threads, rounds=5, moved=sky_array.nbytes)


@pytest.mark.benchmark(group="preprocess")
@pytest.mark.parametrize("function", ["median", "mean"])
def bench_downscale(measure, image, sky_array, threads, function):
    stretch = Stretch.of(quantiles(image, PARTS, threads).values(), 0.95)
    moved = sky_array.nbytes
    measure(downscale, image, stretch, 8, function, threads, rounds=5, moved=moved)
