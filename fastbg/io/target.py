"""An image that is being written into a file, in any order of its rows."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ..errors import OutputError
from .orientation import AS_STORED
from .room import cure_of
from .sample_format import Order

PathLike = str | os.PathLike[str]


class Sink(Protocol):
    """Bytes that can be written at their place."""

    def write(self, start: int, data: np.ndarray) -> None:
        """Put (n,) uint8 at byte `start`, from any thread."""


class ImageTarget:
    """Takes the rows of an image.

    Parameters
    ----------
    path : path
        For messages.
    shape : (int, int, int)
        K, H, W.
    stored : dtype
        The type of the samples in the file, in its byte order.
    sink : Sink
        It takes the bytes of the image alone.
    encode : callable, optional
        Turns some rows, ``(slice, (K, n, W))``, into the samples that are stored: more of each
        pixel, or other numbers. They are then stored pixel after pixel if `interleaved`.

    Attributes
    ----------
    turn : Turn
        From the order in which rows come to that in which they are stored.
    order : {"=", ">"}
        The byte order in which samples are stored.
    """

    turn = AS_STORED

    def __init__(
        self,
        path: PathLike,
        shape: tuple[int, int, int],
        stored: np.dtype[Any],
        sink: Sink,
        encode: Callable[[slice, np.ndarray], np.ndarray] | None = None,
        interleaved: bool = False,
    ) -> None:
        self.shape = shape
        self._path, self._sink, self._stored = path, sink, stored
        self._encode, self._interleaved = encode, interleaved
        self.order: Order = "=" if stored.isnative else ">"
        self._missing = np.ones(shape[1], bool)

    def write_rows(self, rows: slice, planes: np.ndarray) -> None:
        """Write some rows of all channels, from any thread.

        Parameters
        ----------
        rows : slice
            n rows without a step; over all calls, each row of the image exactly once.
        planes : ndarray, (K, n, W), in any byte order
            They are not mutated, and are rounded if the stored type is a float of another size.

        Raises
        ------
        OutputError
            If they cannot be written.
        ValueError
            If `planes` has another shape.
        """
        channels, height, width = self.shape
        start, stop, step = rows.indices(height)
        if step != 1 or planes.shape != (channels, stop - start, width):
            raise ValueError(f"{rows} of {self.shape} cannot be an array of {planes.shape}")
        rows, planes = self.turn.place(slice(start, stop), height), self.turn.planes(planes)
        start = rows.start
        if self._encode:
            planes = self._encode(rows, planes)
        row = width * self._stored.itemsize
        with writing(self._path):
            if self._interleaved:
                self._put(start * row * len(planes), planes.transpose(1, 2, 0))
            else:
                for channel, plane in enumerate(planes):
                    self._put((channel * height + start) * row, plane)
        self._missing[rows] = False

    def check_complete(self) -> None:
        """Raise ValueError if rows have not been written."""
        if self._missing.any():
            raise ValueError(f"{self._missing.sum()} rows of {self._path} have not been written")

    def _put(self, place: int, samples: np.ndarray) -> None:
        stored = np.ascontiguousarray(samples, self._stored)
        self._sink.write(place, np.frombuffer(stored, np.uint8))


@contextmanager
def writing(path: PathLike) -> Iterator[None]:
    """Turn a failure to write into one line."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{Path(path).parent}: cannot write there ({error.strerror or error}): {cure_of(error)}"
        ) from error
