"""The spline at full resolution, 12 Mpx x 3, and the last pass over an image without writing."""

from __future__ import annotations

import numpy as np
import pytest

from fastbg.backends import c
from fastbg.image.bands import for_each_band
from fastbg.image.image import Image
from fastbg.image.order_statistics import quantiles
from fastbg.image.stretch import Stretch
from fastbg.model.correction import Correction
from fastbg.model.render import Rendered, pixel_centres


@pytest.mark.benchmark(group="render")
@pytest.mark.parametrize("band", [0, 16, 32, 128], ids=lambda rows: f"bands of {rows or 'all'}")
def bench_render(measure, spline, full_shape, threads, band):
    """Plan and render: one call for all rows, or one call of one thread for each band."""
    y, x = map(pixel_centres, full_shape)
    height, width = full_shape

    def whole(out):
        c.plan(spline, y, x, threads=threads).rows(slice(0, height), out)

    def in_bands():
        rendering = c.plan(spline, y, x)

        def work(rows, out):
            # Planes are filled as one piece of memory.
            count = rows.stop - rows.start
            rendering.rows(rows, out if count == band else np.empty((3, count, width), out.dtype))

        bands = [slice(top, min(top + band, height)) for top in range(0, height, band)]
        for_each_band(bands, threads, lambda: np.empty((3, band, width), np.float32), work)

    pairs, moved = height * width * len(spline.centres), 12 * height * width
    if band:
        measure(in_bands, rounds=5, pairs=pairs, moved=moved)
    else:
        out = np.empty((3, *full_shape), np.float32)
        measure(whole, out, rounds=5, pairs=pairs, moved=moved)


@pytest.mark.benchmark(group="correct")
def bench_statistics_of_the_corrected_image(measure, spline, sky_array, threads):
    """Read, render, invert the stretch, subtract and count."""
    image = Image.from_samples(sky_array)
    stretch = Stretch.of(quantiles(image, [0, 0.5, 0.95, 1], threads).values(), 0.95)
    rendered = Rendered(c.backend(), spline, stretch, *map(pixel_centres, image.shape))
    corrected = Correction(image, rendered.linear, "subtract", np.zeros(3)).corrected()
    parts = [0, 0.5, 1]
    measure(quantiles, corrected, parts, threads, image, rounds=3, moved=sky_array.nbytes)
