"""The last pass over an image: its background is taken out, and what is left is measured."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from .compiled import trim
from .image.bands import BLOCK_ROWS, ENOUGH_PIXELS, SAMPLED_ROWS, row_bands
from .image.kernels import ABOVE_1, NEGATIVE, Kernels
from .image.order_statistics import Counts, Quantiles, count_pass, guess_quantiles, search
from .image.thumbnail import Thumbnail
from .levels import LEVELS, measured_of
from .result import Corrected, Plan

Store = Callable[[slice, np.ndarray, np.ndarray, np.ndarray], None]
"""Takes some rows of the image, of the background and of the corrected image, on any thread."""


def take_out(
    plan: Plan,
    store: Store,
    clipped: bool,
    threads: int,
    kernels: Kernels,
    advance: Callable[[int], None],
) -> Corrected:
    """Take the background out, band by band.

    Parameters
    ----------
    plan : Plan
    store : callable
        Gets every row once, (K, n, W) each.
    clipped : bool
        Whether what `store` writes is clipped to [0, 1].
    threads : int
    kernels : Kernels
    advance : callable
        Is told the number of rows that are done.
    """
    correction, frame = plan.stored, plan.frame
    image, corrected = correction.image, correction.corrected()
    # The statistics of the corrected image are by colour, as those of the input are.
    values, samples = frame.by_colour(corrected), frame.by_colour(image)
    outside, thumbnail = Quantiles(image.channels, []), Thumbnail(values.channels, values.shape)
    counted: list[list[Counts]] = []

    def read_and_store(rows: slice, buffers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        before, background, after = correction.read(rows, buffers)
        whole = frame.with_border(rows, before, after)
        store(rows, whole[0], background, whole[1])
        if frame.pattern:
            counted.append(outside.start_counting())
            counted[-1][0].add(kernels, after[0], before[0])
            after, before = frame.band_by_colour(after), frame.band_by_colour(before)
            rows = slice(rows.start // 2, rows.start // 2 + before.shape[1])
        thumbnail.add(rows, before)
        return after, before

    # For a guess, the few that are 0 by subtraction need not be told from missing ones.
    guess = guess_quantiles(
        values, LEVELS, threads, kernels=kernels, rows=SAMPLED_ROWS, pixels=ENOUGH_PIXELS // 4
    )
    trim(image.channels * math.prod(image.shape))
    found = Quantiles(values.channels, LEVELS, guess, kernels)
    # One row of superpixels has two of the mosaic.
    unit = 2 * BLOCK_ROWS if frame.pattern else 1
    bands = row_bands(image.shape, unit, channels=values.channels)
    count_pass(found, image, bands, threads, read_and_store, 3, advance)
    search(found, values, row_bands(values.shape), threads, samples)
    own = found
    if frame.pattern:
        outside.finish_pass(counted)
        own = outside
    measured = measured_of(values, found.values(), found)
    beyond = own.total(NEGATIVE), own.total(ABOVE_1)
    return Corrected(plan, measured, *beyond, thumbnail.planes, clipped)
