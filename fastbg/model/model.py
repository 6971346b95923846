"""The fitted background: a spline, and the stretch that brings it back to the linear scale."""

from __future__ import annotations

import json
import operator
import warnings
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..backends.protocol import Backend
from ..backends.registry import choose
from ..errors import InputError, OutputError
from ..image.bands import for_each_band, row_bands
from ..image.stretch import Stretch
from ..io import atomic
from ..io.small_file import read_small
from ..settings.checks import path_of
from ..settings.options import BackendName
from ..settings.settings import Settings
from ..spline.panels import Panels
from ..spline.spline import Spline
from .content import LARGEST_COORDINATE, content_of, parts_of
from .render import Rendered, RenderedMosaic, pixel_centres

LARGEST_FILE = 1 << 22
"""Bytes of a saved model; one of 1000 control points has some 150 thousand."""


@dataclass(frozen=True, eq=False)
class BackgroundModel:
    """A background that can be rendered at any size.

    Attributes
    ----------
    spline : Spline or Panels
        The background in the stretched space; of a mosaic, that of each panel.
    stretch : Stretch
        It leads between that space and linear units.
    shape : (H, W)
        The shape of the image that it was fitted to.
    """

    spline: Spline | Panels
    stretch: Stretch
    shape: tuple[int, int]

    def __repr__(self) -> str:
        (points, channels), (height, width) = self.spline.weights.shape, self.shape
        return (
            f"BackgroundModel({points} control points of order {self.spline.order}, "
            f"{channels} channel{'s'[: channels > 1]}, fitted to {width} x {height} pixels)"
        )

    def __eq__(self, other: object) -> bool:
        """Whether all numbers are equal."""
        if not isinstance(other, BackgroundModel):
            return NotImplemented
        return self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash((self.shape, *self.spline.polynomial.ravel().tolist()))

    def render(
        self,
        shape: tuple[int, int] | None = None,
        rows: slice = slice(None),
        *,
        channel_axis: Literal[-1, 0, 2] | None = -1,
        backend: BackendName = "auto",
        threads: int = 0,
    ) -> np.ndarray:
        """The background as an image.

        Parameters
        ----------
        shape : (H, W), optional
            Size of the whole image; that of the fit by default.
        rows : slice, optional
            The rows wanted of it.
        channel_axis : {-1, 0, 2} or None
            The axis of the channels: -1 and 2 are the last, 0 the first; None leaves it out, which
            only a model of one channel can do.
        backend, threads
            As in `Settings`.

        Returns
        -------
        ndarray, (rows, W, K), (K, rows, W) or (rows, W), float32, linear
            A RuntimeWarning says if "auto" leaves only the slow reference.

        Raises
        ------
        BackendError
            If the backend is not available.
        InputError
            If so many rows do not fit into memory; for an empty shape, rows that are not
            consecutive, or an axis that cannot be.
        """
        settings = Settings(backend=backend, threads=threads)
        shape, first, last = _part(self.shape if shape is None else shape, rows)
        size = [last - first, shape[1]]
        channels = self.spline.weights.shape[1]
        if channel_axis not in (-1, 0, 2) and (channel_axis is not None or channels > 1):
            raise InputError(
                f"a background of {channels} channels has no channel_axis {channel_axis}: give -1 "
                "for the last, 0 for the first, or None for an image of one channel without an axis"
            )
        if channel_axis is not None:
            size.insert(channel_axis % 3, channels)
        try:
            image = np.empty(size, np.float32)
        except (MemoryError, ValueError) as error:  # the latter where 64 bits do not count it
            raise InputError(
                f"{last - first} x {shape[1]} pixels of a background do not fit into memory: "
                "render fewer rows at a time, or a smaller shape"
            ) from error
        planes = image[None] if channel_axis is None else np.moveaxis(image, channel_axis, 0)
        doubts: list[str] = []
        evaluator = choose(settings.backend, warnings=doubts)
        for line in doubts:
            warnings.warn(line, RuntimeWarning, stacklevel=2)
        with closing(self.rendered(evaluator, shape)) as rendered:

            def work(band: slice, _: None) -> None:
                wanted = slice(first + band.start, first + band.stop)
                for plane, some in zip(planes, rendered.linear.rows(wanted), strict=True):
                    plane[band] = some

            bands = row_bands((planes.shape[1], shape[1]))
            for_each_band(bands, settings.worker_threads, lambda: None, work)
        return image

    def rendered(self, backend: Backend, shape: tuple[int, int]) -> Rendered:
        """The background planned for the pixels of an image (H, W); close it after use."""
        y, x = map(pixel_centres, shape)
        return Rendered(backend, self.spline, self.stretch, y, x)

    def rendered_mosaic(
        self, backend: Backend, shape: tuple[int, int], pattern: str
    ) -> RenderedMosaic:
        """The same for the pixels of a Bayer mosaic, of a model of its three colours."""
        y, x = map(pixel_centres, shape)
        return RenderedMosaic(backend, self.spline, self.stretch, y, x, pattern)

    def evaluate(self, points: np.ndarray) -> np.ndarray:
        """The background at single points.

        Parameters
        ----------
        points : array_like, (P, 2) or (2,), normalised (y, x)
            The centre of pixel (row, column) is at ((row + 0.5) / H, (column + 0.5) / W).

        Returns
        -------
        ndarray, (P, K), float64, linear

        Raises
        ------
        InputError
            If they are no such points, or not finite, or further than 1000 away.
        """
        try:
            points = np.asarray(points, np.float64)
        except (TypeError, ValueError):
            points = np.empty(0)
        known = points.ndim in (1, 2) and points.shape[-1] == 2
        if not known or not (np.abs(points) <= LARGEST_COORDINATE).all():
            raise InputError(
                "the points cannot be evaluated: give an array of (y, x) of each, finite numbers, "
                "where 0 to 1 is the image"
            )
        values = self.spline.values(points.reshape(-1, 2))
        linear, _ = self.stretch.invert(values.T)
        return np.ascontiguousarray(linear.T)

    def to_dict(self) -> dict[str, Any]:
        """The model as plain numbers and lists; `save` documents the keys."""
        return content_of(self.spline, self.stretch, self.shape)

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> BackgroundModel:
        """The inverse of `to_dict`.

        Raises
        ------
        InputError
            If it is not a model, is of a newer version, or does not fit together.
        """
        return cls(*parts_of(content))

    def to_json(self) -> str:
        """The model as the text that `save` writes."""
        return json.dumps(self.to_dict(), indent=1) + "\n"

    def save(self, path: str | Path) -> None:
        """Write the model as JSON; numbers keep every bit.

        Keys: ``format``, ``version``; ``shape`` [H, W]; ``order``; ``centres`` N x [y, x],
        normalised; ``weights`` N x K; ``polynomial`` 3 x K for y, x and 1; ``stretch`` with
        ``pedestal``, ``scale`` (linear units) and ``midtones``, K each, and ``target``. A mosaic,
        of version 2, has ``seams``, see `fastbg.spline.panels.Seam`, and ``panels``, each with
        its own ``centres``, ``weights`` and ``polynomial``, in coordinates in which 0 to 1 is the
        box around it.

        A file of that name is replaced, as by `numpy.save`, once the new one is complete: there is
        never half a file.

        Raises
        ------
        OutputError
            If the folder does not exist, or the file cannot be written.
        """
        path = path_of(path, "model")
        if not path.parent.is_dir():
            raise OutputError(f"cannot write {path}: create its folder first")
        with atomic.staged([path], overwrite=True) as (part,):
            part.write_text(self.to_json(), encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> BackgroundModel:
        """Read a model written by `save`.

        Raises
        ------
        InputError
            If the file cannot be read or holds no model.
        """
        path = path_of(path, "model")
        try:
            content = json.loads(read_small(path, LARGEST_FILE, "give a saved model"))
        except InputError as error:
            raise InputError(f"{path} {error}") from error
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path} is not JSON ({error}): give a saved model") from error
        if not isinstance(content, dict):
            raise InputError(f"{path} holds no background model: give a saved one")
        return cls.from_dict(content)


def _part(shape: tuple[int, int], rows: slice) -> tuple[tuple[int, int], int, int]:
    """The shape of an image in plain numbers, the first of some rows and the one after the last."""
    try:
        height, width = map(operator.index, shape)
        first, last, step = rows.indices(height)
    except (AttributeError, TypeError, ValueError):
        height = width = first = last = step = 0
    if min(height, width) < 1 or step != 1:
        raise InputError(
            "render needs a shape (height, width) of at least 1 x 1 and consecutive rows, like "
            "slice(0, 100)"
        )
    return (height, width), first, max(first, last)
