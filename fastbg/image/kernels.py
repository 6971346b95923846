"""The loops over pixels of a band, in C or in numpy: chosen once for each job.

`NUMPY` is the reference, which judges the compiled kernels. Functions that go over pixels take
the kernels as an argument; its default is `FASTEST`.
"""

from __future__ import annotations

import numpy as np

from .. import compiled
from .blocks import blocks, mean_of_blocks
from .missing import CLIPPED, ZERO, is_valid
from .mtf import imtf, mtf
from .robust import ungrouped

BINS = 1 << 16
"""The most bins of a window in which values are counted: FBG_BINS of fastbg.h."""

VALID, NEGATIVE, ABOVE_1, LOW, HIGH = range(5)
"""Fields of a tally: numbers of values, smallest and largest key."""

NEGATIVE_ZERO, ONE = 0x7FFFFFFF, 0xBF800000
"""Keys of -0.0 and 1.0."""

LARGEST_SORTED = 64
"""Side of the largest blocks that the C kernel sorts; its scratch memory grows with their area."""


def key_of(values: np.ndarray) -> np.ndarray:
    """Unsigned integers that compare as the float32 values do; -0.0 lies below 0.0."""
    bits = np.asarray(values, np.float32).view(np.uint32)
    return np.where(bits >> 31, ~bits, bits | np.uint32(0x80000000))


def value_of(keys: np.ndarray) -> np.ndarray:
    """The inverse of `key_of`, as float64."""
    keys = np.asarray(keys, np.uint32)
    bits = np.where(keys >> 31, keys ^ np.uint32(0x80000000), ~keys)
    return bits.astype(np.uint32).view(np.float32).astype(np.float64)


class Kernels:
    """The kernels in numpy: the reference."""

    def count(
        self,
        values: np.ndarray,
        samples: np.ndarray,
        windows: np.ndarray,
        tally: np.ndarray,
        below: np.ndarray,
        counts: np.ndarray,
    ) -> None:
        """Count the values, float32, whose sample is not missing.

        Parameters
        ----------
        values, samples : ndarray, float32, C-contiguous, of one shape
        windows : ndarray, (n, 3), uint32
            The first key of each window (see `key_of`), the binary logarithm of the number of keys
            in a bin, and the number of bins, 1 to `BINS`.
        tally : ndarray, (5,), uint64
            The numbers of values, of values below 0 and above 1, the smallest and the largest
            key; updated.
        below : ndarray, (n,), uint64
            The number of values below each window; added to.
        counts : ndarray, (n, BINS), uint32
            Added to.
        """
        keys = key_of(values[is_valid(samples)]).astype(np.int64)
        if not keys.size:
            return
        tally[VALID] += np.uint64(keys.size)
        tally[NEGATIVE] += np.uint64(np.count_nonzero(keys < NEGATIVE_ZERO))
        tally[ABOVE_1] += np.uint64(np.count_nonzero(keys > ONE))
        tally[LOW] = min(tally[LOW], keys.min())
        tally[HIGH] = max(tally[HIGH], keys.max())
        for w, (first, shift, width) in enumerate(windows.tolist()):
            below[w] += np.uint64(np.count_nonzero(keys < first))
            bins = (keys - first) >> shift
            inside = bins[(bins >= 0) & (bins < width)]
            counts[w] += np.bincount(inside, minlength=BINS).astype(np.uint32)

    def middle_values(
        self, plane: np.ndarray, factor: int, least: float, grouped: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """The two middle samples of each block of a plane, which are equal for an odd count.

        Parameters
        ----------
        plane : ndarray, (rows, W), float32
        factor : int
            Side of the blocks; partial blocks at the far edges use the pixels that exist.
        least : float
            Samples count that are finite and exceed this in size.
        grouped : bool, optional
            Whether two that are equal, but not `CLIPPED`, are replaced by the median of a group of
            rounded numbers: see `ungrouped`.

        Returns
        -------
        low, high : ndarray, (h, w), float32
            NaN where no sample of a block counts.
        """
        size = np.abs(plane)
        counts = (size > np.float32(least)) & (size < np.inf)
        ordered = np.sort(blocks(np.where(counts, plane, np.nan), factor), axis=-1)
        count = np.count_nonzero(~np.isnan(ordered), axis=-1, keepdims=True)
        # NaN sorts last, and -1, the index for a block of nothing but NaN, finds one.
        low = np.take_along_axis(ordered, (count - 1) // 2, axis=-1)[..., 0]
        high = np.take_along_axis(ordered, count // 2, axis=-1)[..., 0]
        tied = (low == high) & (low != CLIPPED) & grouped
        middle = ungrouped(ordered[tied], low[tied], count[tied][:, 0] / 2)
        low[tied] = high[tied] = middle
        return low, high

    def stretched_means(
        self,
        plane: np.ndarray,
        pedestal: float,
        scale: float,
        midtones: float,
        target: float,
        factor: int,
    ) -> np.ndarray:
        """The means of the stretched valid samples of each block of a plane, (h, w) float64.

        The parameters of the stretch are those of `fastbg.image.stretch.Stretch`. NaN where a
        block has no valid sample.
        """
        valid = np.where(is_valid(plane), plane, np.nan).astype(np.float64)
        scaled = np.clip((valid - pedestal) / scale, 0, 1)
        return mean_of_blocks(blocks(mtf(scaled, midtones, target), factor))

    def unstretch(
        self, plane: np.ndarray, pedestal: float, scale: float, midtones: float, target: float
    ) -> int:
        """Invert the stretch of a plane, of floats, in place.

        Returns
        -------
        int
            How many values lay outside [0, 1] and were clamped.
        """
        kind = plane.dtype.type
        clamped = int(np.count_nonzero((plane < 0) | (plane > 1)))
        linear = imtf(np.clip(plane, 0, 1), kind(midtones), target)
        plane[...] = linear * kind(scale) + kind(pedestal)
        return clamped

    def subtract(
        self, samples: np.ndarray, background: np.ndarray, level: float, out: np.ndarray
    ) -> None:
        """Fill ``out`` with samples - (background - level), float32; missing samples stay."""
        difference = samples - (background - np.float32(level))
        out[:] = np.where(is_valid(samples), difference, samples)

    def superpixels(
        self, mosaic: np.ndarray, colours: tuple[int, ...], one_green: bool, out: np.ndarray
    ) -> None:
        """Fill ``out`` with the 2 x 2 pixels of a Bayer mosaic.

        Parameters
        ----------
        mosaic : ndarray, (2 n, W), float32
        colours : tuple of int
            Those of the four pixels, row by row: 0, 1 and 2 for red, green and blue.
        one_green : bool
            Take the first green that is not missing instead of the mean of both.
        out : ndarray, (3, n, W // 2), float32
        """
        width = mosaic.shape[1] // 2 * 2
        greens = []
        for place, colour in enumerate(colours):
            plane = mosaic[place // 2 :: 2, place % 2 : width : 2]
            if colour == 1:
                greens.append(plane)
            else:
                out[colour] = plane
        first, second = greens
        # A missing green leaves the other.
        np.copyto(out[1], np.where(is_valid(first), first, second))
        both = is_valid(first) & is_valid(second) & (not one_green)
        np.add(first, second, out=out[1], where=both)
        np.multiply(out[1], np.float32(0.5), out=out[1], where=both)

    def scale(self, values: np.ndarray, low: float, high: float, out: np.ndarray) -> None:
        """Fill ``out``, float32, with values of any real type, so that the bounds become 0 and 1.

        Values beyond float32 become infinite, and every kind of NaN stays NaN: missing.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            # float64 keeps 32-bit integers exact.
            out[:] = (values.astype(np.float64) - low) / (high - low)

    def unscale(self, values: np.ndarray, low: float, high: float, out: np.ndarray) -> None:
        """Fill ``out``, float32 in any byte order, with the inverse of `scale` for float32."""
        with np.errstate(over="ignore", invalid="ignore"):
            out[:] = low + values.astype(np.float64) * (high - low)

    def restore(
        self,
        stored: np.ndarray,
        samples: np.ndarray,
        corrected: np.ndarray,
        span: float,
        out: np.ndarray,
    ) -> None:
        """Fill ``out`` with stored + (corrected - samples) * span: no change, the same numbers.

        Parameters
        ----------
        stored : ndarray, of any real type
        samples, corrected : ndarray, float32, of the same shape
            Where a sample is missing, nothing changes.
        span : float
            From black to white.
        out : ndarray, float32 in any byte order, or float64
        """
        change = np.subtract(
            corrected,
            samples,
            dtype=np.float64,
            where=is_valid(samples),
            out=np.zeros(samples.shape),
        )
        # The zeros of a sky are numbers that differ from 0 by so little.
        np.copyto(change, 0, where=np.abs(change) <= ZERO)
        with np.errstate(over="ignore", invalid="ignore"):
            out[:] = stored + change * span


class _Compiled(Kernels):
    """The kernels in C, in the thread that calls them; what they do not take goes to numpy."""

    def count(
        self,
        values: np.ndarray,
        samples: np.ndarray,
        windows: np.ndarray,
        tally: np.ndarray,
        below: np.ndarray,
        counts: np.ndarray,
    ) -> None:
        compiled.c.count(values, samples, windows, tally, below, counts)

    def middle_values(
        self, plane: np.ndarray, factor: int, least: float, grouped: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        if factor > LARGEST_SORTED:
            return super().middle_values(plane, factor, least, grouped)
        rows, columns = plane.shape
        low, high = np.empty((2, -(-rows // factor), -(-columns // factor)), np.float32)
        compiled.c.block_medians(plane, columns, factor, least, grouped, low, high)
        return low, high

    def stretched_means(
        self,
        plane: np.ndarray,
        pedestal: float,
        scale: float,
        midtones: float,
        target: float,
        factor: int,
    ) -> np.ndarray:
        rows, columns = plane.shape
        means = np.empty((-(-rows // factor), -(-columns // factor)))
        compiled.c.block_means(plane, columns, factor, pedestal, scale, midtones, target, means)
        return means

    def unstretch(
        self, plane: np.ndarray, pedestal: float, scale: float, midtones: float, target: float
    ) -> int:
        if plane.dtype != np.float32:
            return super().unstretch(plane, pedestal, scale, midtones, target)
        return compiled.c.unstretch(plane, pedestal, scale, midtones, target)

    def subtract(
        self, samples: np.ndarray, background: np.ndarray, level: float, out: np.ndarray
    ) -> None:
        if not out.flags.c_contiguous:
            super().subtract(samples, background, level, out)
        else:
            compiled.c.subtract(samples, background, level, out)

    def superpixels(
        self, mosaic: np.ndarray, colours: tuple[int, ...], one_green: bool, out: np.ndarray
    ) -> None:
        contiguous = np.ascontiguousarray(mosaic)
        compiled.c.superpixels(contiguous, mosaic.shape[1], colours, one_green, out)

    def scale(self, values: np.ndarray, low: float, high: float, out: np.ndarray) -> None:
        if _in_one_piece(values, out):
            compiled.c.scale(values, low, high - low, out)
        else:
            super().scale(values, low, high, out)

    def unscale(self, values: np.ndarray, low: float, high: float, out: np.ndarray) -> None:
        native, swapped = _native(out)
        if _in_one_piece(values, native):
            compiled.c.unscale(values, low, high - low, swapped, native)
        else:
            super().unscale(values, low, high, out)

    def restore(
        self,
        stored: np.ndarray,
        samples: np.ndarray,
        corrected: np.ndarray,
        span: float,
        out: np.ndarray,
    ) -> None:
        native, swapped = _native(out)
        if _in_one_piece(stored, samples, corrected, native):
            compiled.c.restore(stored, samples, corrected, span, swapped, native)
        else:
            super().restore(stored, samples, corrected, span, out)


_NUMBERS = {np.dtype(code) for code in ("u1", "i2", "u2", "i4", "u4", "f4", "f8")}
"""The types of numbers in files that the C kernels take, in native byte order: fbg_type of
fastbg.h."""


def _native(out: np.ndarray) -> tuple[np.ndarray, bool]:
    """The memory as of float32 in native byte order, and whether the other one is wanted."""
    if out.dtype.isnative or out.dtype.itemsize != 4:
        return out, False
    return out.view(np.float32), True


def _in_one_piece(*arrays: np.ndarray) -> bool:
    """Whether C can go over the arrays."""
    for each in arrays:
        flags = each.flags
        if not (flags.c_contiguous and flags.aligned and each.dtype in _NUMBERS):
            return False
    return True


NUMPY = Kernels()
FASTEST = NUMPY if compiled.unavailable() else _Compiled()
