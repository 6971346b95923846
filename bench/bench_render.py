"""Full resolution, 12 Mpx x 3: the spline alone, and all that the last pass does but writing."""

from __future__ import annotations

import numpy as np
import pytest

from fastbg.backends import c
from fastbg.image.image import Image
from fastbg.image.order_statistics import quantiles
from fastbg.image.stretch import Stretch
from fastbg.model.correction import Correction
from fastbg.model.render import background_image, pixel_centres


@pytest.mark.benchmark(group="render")
def bench_render(measure, spline, full_shape, threads):
    y, x = map(pixel_centres, full_shape)
    out = np.empty((3, y.size, x.size), np.float32)
    pairs = y.size * x.size * len(spline.centres)
    measure(c.evaluate, spline, y, x, out, threads, rounds=3, pairs=pairs, moved=out.nbytes)


@pytest.mark.benchmark(group="correct")
def bench_statistics_of_the_corrected_image(measure, spline, sky_array, threads):
    """Read, render, invert the stretch, subtract and count."""
    image = Image.from_samples(sky_array)
    stretch = Stretch.of(quantiles(image, [0, 0.5, 0.95, 1], threads).values(), 0.95)
    background = background_image(c, spline, stretch, image.shape)
    corrected = Correction(image, background, "subtract", np.zeros(3)).corrected()
    parts = [0, 0.5, 1]
    measure(quantiles, corrected, parts, threads, image, rounds=3, moved=sky_array.nbytes)
