"""The image as fastbg works on it: float32 planes that are read in bands of rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from ..errors import InputError
from .kernels import FASTEST, Kernels
from .missing import CLIPPED as CLIPPED
from .missing import MISSING_LEVEL as MISSING_LEVEL
from .missing import ZERO as ZERO
from .missing import is_valid as is_valid


class Samples(Protocol):
    """The source of samples: a file, or memory."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(K, H, W)."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the samples."""

    def read_rows(self, rows: slice, out: np.ndarray | None = None) -> np.ndarray:
        """Some rows, (K, n, W), in ``out[:, :n]`` if that is given and fits."""


@dataclass(frozen=True)
class Image:
    """A linear image, mono or RGB, that is read in bands of rows.

    Attributes
    ----------
    channels : int
        K, 1 or 3.
    shape : (H, W)
    read : callable
        ``read(rows, out)`` gives some consecutive rows, (K, n, W) float32 with contiguous planes,
        in linear units. Either it fills ``out``, (K, at least n, W) float32, and the result is
        valid until that is used again; or it lends its own memory, which must not be changed.
        Several threads may call it.
    """

    channels: int
    shape: tuple[int, int]
    read: Callable[[slice, np.ndarray], np.ndarray]

    @classmethod
    def from_samples(
        cls,
        samples: np.ndarray,
        bounds: tuple[float, float] | None = None,
        kernels: Kernels = FASTEST,
    ) -> Image:
        """An image that shares the memory of a user's array.

        Parameters
        ----------
        samples : array_like, (H, W) or (H, W, K), integer or float
        bounds, kernels
            See `of`.

        Raises
        ------
        InputError
            For other shapes, channel counts or sample types.
        """
        return cls.of(samples_of_array(samples), bounds, kernels)

    @classmethod
    def of(
        cls,
        source: Samples,
        bounds: tuple[float, float] | None = None,
        kernels: Kernels = FASTEST,
    ) -> Image:
        """An image of the samples of a file.

        Parameters
        ----------
        source : Samples
            Unsigned integers are scaled to [0, 1] by their type's maximum, as in XISF files;
            floats and signed integers keep their scale.
        bounds : (low, high), optional
            The values that a file declares as black and white; they become 0 and 1.
        kernels : Kernels, optional
            The kernels that bring samples to that scale.

        Raises
        ------
        InputError
            For other channel counts or sample types.
        """
        channels, height, width = source.shape
        if channels not in (1, 3):
            raise InputError(
                f"an image of {channels} channels cannot be used: "
                "give a mono (1) or RGB (3) image, without alpha channel"
            )
        if source.dtype.kind == "u":
            bounds = bounds or (0, np.iinfo(source.dtype).max)
        elif source.dtype.kind not in "fi":
            raise InputError(
                f"samples of type {source.dtype} cannot be used: give integers or real floats"
            )
        scaled = bounds not in (None, (0, 1))
        low, high = bounds or (0, 1)
        as_it_is = not scaled and source.dtype == np.float32

        def read(rows: slice, out: np.ndarray) -> np.ndarray:
            band = source.read_rows(rows, out if as_it_is else None)
            flags = band[0].flags
            if as_it_is and band.dtype.isnative and flags.c_contiguous and flags.aligned:
                return band
            out = out[:, : band.shape[1]]
            if scaled:
                for values, plane in zip(band, out, strict=True):
                    kernels.scale(values, low, high, plane)
            else:
                # Values beyond float32 become infinite, and every kind of NaN stays NaN: missing.
                with np.errstate(over="ignore", invalid="ignore"):
                    out[:] = band
            return out

        return cls(channels, (height, width), read)

    def rows(self, rows: slice) -> np.ndarray:
        """Some rows in memory of their own or of the source: (K, n, W) float32, linear."""
        count = rows.stop - rows.start
        return self.read(rows, np.empty((self.channels, count, self.shape[1]), np.float32))

    def without(self, hidden: Image) -> Image:
        """The image with NaN where another of its size and channels is not 0."""

        def read(rows: slice, out: np.ndarray) -> np.ndarray:
            band, out = self.read(rows, out), out[:, : rows.stop - rows.start]
            np.copyto(out, band)
            np.copyto(out, np.nan, where=hidden.rows(rows) != 0)
            return out

        return replace(self, read=read)

    def every(self, step: int) -> Image:
        """Every nth row of the image, from the middle of the first n on."""

        places = range(step // 2, self.shape[0], step)

        def read(rows: slice, out: np.ndarray) -> np.ndarray:
            for index, row in enumerate(places[rows]):
                own = out[:, index : index + 1]
                band = self.read(slice(row, row + 1), own)
                if not np.may_share_memory(band, own):
                    own[:] = band
            return out[:, : rows.stop - rows.start]

        return replace(self, shape=(len(places), self.shape[1]), read=read)

    def filled(self, value: float) -> Image:
        """An image of this size that is one value everywhere."""

        def read(rows: slice, out: np.ndarray) -> np.ndarray:
            out = out[:, : rows.stop - rows.start]
            out.fill(value)
            return out

        return replace(self, read=read)

    def planes(self) -> np.ndarray:
        """The whole image, (K, H, W) float32, linear."""
        return self.rows(slice(0, self.shape[0]))


def samples_of_array(array: np.ndarray) -> Samples:
    """A user's array, (H, W) or (H, W, K), as a source of samples that shares its memory.

    Raises
    ------
    InputError
        For other shapes.
    """
    array = np.asarray(array)
    if array.ndim == 2:
        array = array[..., np.newaxis]
    if array.ndim != 3 or array.size == 0:
        raise InputError(
            f"an image of shape {array.shape} cannot be used: give (height, width) or "
            "(height, width, channels)"
        )
    return _Array(np.moveaxis(array, 2, 0))


@dataclass(frozen=True, eq=False)
class _Array:
    """Samples in memory."""

    planar: np.ndarray

    @property
    def shape(self) -> tuple[int, int, int]:
        channels, height, width = self.planar.shape
        return channels, height, width

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.planar.dtype

    def read_rows(self, rows: slice, out: np.ndarray | None = None) -> np.ndarray:
        return self.planar[:, rows]
