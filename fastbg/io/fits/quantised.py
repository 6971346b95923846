"""Floats that were rounded to steps when they were compressed (FITS standard 4.0, section 10.2).

Each tile has a step of its own, a part of its noise. With the dither that CFITSIO's fpack has by
default, the zeros around a stack become other numbers, up to half a step off, wherever the sky
shares their tiles.
"""

from __future__ import annotations

import io
import math

import numpy as np

from .units import Unit, number, text

_KEEPS_ZEROS = "SUBTRACTIVE_DITHER_2"
"""The way of rounding that leaves exact zeros as they are."""

_SLACK = 1 + 1e-5
"""The restored samples are float32."""

_CHANCE = 1e-3
"""The first samples of a row may all be within half a step of zero by chance so rarely."""

_MOST_NEAR = 0.5
"""The share of a sky around zero that is within half a step, from which on no border is told."""


def may_lose_zeros(unit: Unit) -> bool:
    """Whether an image in compressed tiles was rounded, and perhaps its zeros as well."""
    names = {text(unit.values, name) for name in unit.values if name.startswith("TTYPE")}
    return (
        number(unit.values, "ZBITPIX", 0) < 0
        and ("ZSCALE" in unit.values or "ZSCALE" in names)
        and text(unit.values, "ZQUANTIZ") != _KEEPS_ZEROS
    )


class Zeros:
    """Finds the zeros that an image had at its border before it was rounded.

    Parameters
    ----------
    unit : Unit
        For which `may_lose_zeros`.
    file : binary file
        With that unit behind an empty one, for astropy.
    tile : tuple of int
        The shape of a tile, in the order of numpy.
    """

    def __init__(self, unit: Unit, file: io.RawIOBase, tile: tuple[int, ...]) -> None:
        from astropy.io import fits

        self._tile = tile
        counts = tuple(-(-side // step) for side, step in zip(unit.shape, tile, strict=True))
        if "ZSCALE" in unit.values:
            self._steps = np.full(counts, number(unit.values, "ZSCALE", 0))
            return
        with fits.open(file, memmap=False, disable_image_compression=True) as units:
            self._steps = np.array(units[1].data["ZSCALE"], np.float64).reshape(counts)

    def restore(self, samples: np.ndarray, place: tuple[slice, ...]) -> None:
        """Set them to zero in a part of the image, of whole rows of tiles."""
        of_tile = (
            np.arange(part.start, part.stop) // side
            for part, side in zip(place, self._tile, strict=True)
        )
        with np.errstate(over="ignore"):  # of steps that no float32 can be, in damaged files
            half = np.abs(_SLACK / 2 * self._steps).astype(np.float32)[np.ix_(*of_tile)]
        near = np.abs(samples) <= half
        outer = _runs(near, 1) | _runs(near[..., ::-1], 1)[..., ::-1]
        # Where there is no sky, tiles of nothing but zeros were not rounded.
        share = float(near[~outer].mean()) if not outer.all() else 1.0
        if share > _MOST_NEAR:
            return
        least = max(1, math.ceil(math.log(_CHANCE) / math.log(max(share, _CHANCE))))
        samples[_runs(near, least) | _runs(near[..., ::-1], least)[..., ::-1]] = 0


def _runs(marks: np.ndarray, least: int) -> np.ndarray:
    """The marks in an unbroken run from the left, where it has a least length."""
    runs: np.ndarray = np.logical_and.accumulate(marks, axis=-1)
    return runs & runs[..., min(least, marks.shape[-1]) - 1, np.newaxis]
