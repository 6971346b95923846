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
from ..image.stretch import LEAST_MIDTONES, Stretch
from ..io import atomic
from ..io.small_file import read_small
from ..settings.checks import path_of
from ..settings.options import BackendName
from ..settings.settings import MOST_CONTROL_POINTS, Settings
from ..spline.spline import Spline, spline_values
from .render import Rendered, RenderedMosaic, pixel_centres

FORMAT, VERSION = "fastbg background model", 1

LARGEST_FILE = 1 << 22
"""Bytes of a saved model; one of 1000 control points has some 150 thousand."""

LARGEST_COORDINATE, LARGEST_COEFFICIENT, LARGEST_LEVEL = 1e3, 1e12, 1e30
"""With larger numbers, sums and levels would leave the range of float32."""


@dataclass(frozen=True, eq=False)
class BackgroundModel:
    """A background that can be rendered at any size.

    Attributes
    ----------
    spline : Spline
        The background in the stretched space.
    stretch : Stretch
        It leads between that space and linear units.
    shape : (H, W)
        The shape of the image that it was fitted to.
    """

    spline: Spline
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
        values = spline_values(self.spline, points.reshape(-1, 2))
        linear, _ = self.stretch.invert(values.T)
        return np.ascontiguousarray(linear.T)

    def to_dict(self) -> dict[str, Any]:
        """The model as plain numbers and lists; `save` documents the keys."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "shape": list(self.shape),
            "order": self.spline.order,
            "centres": self.spline.centres.tolist(),
            "weights": self.spline.weights.tolist(),
            "polynomial": self.spline.polynomial.tolist(),
            "stretch": {
                "pedestal": self.stretch.pedestal.tolist(),
                "scale": self.stretch.scale.tolist(),
                "midtones": self.stretch.midtones.tolist(),
                "target": self.stretch.target,
            },
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> BackgroundModel:
        """The inverse of `to_dict`.

        Raises
        ------
        InputError
            If it is not a model, is of a newer version, or does not fit together.
        """
        if not isinstance(content, dict):
            raise InputError("a background model is a dict: give what to_dict returned")
        if content.get("format") != FORMAT or content.get("version") != VERSION:
            raise InputError(
                f"not a {FORMAT} of version {VERSION}: save it again with this version of fastbg"
            )
        try:
            centres, weights, polynomial = (
                np.array(content[key], np.float64) for key in ("centres", "weights", "polynomial")
            )
            saved = content["stretch"]
            pedestal, scale, midtones = (
                np.array(saved[key], np.float64) for key in ("pedestal", "scale", "midtones")
            )
            stretch = Stretch(pedestal, scale, midtones, float(saved["target"]))
            height, width = (operator.index(size) for size in content["shape"])
            order = operator.index(content["order"])
            n, channels = weights.shape
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InputError(f"the background model is damaged ({error}): fit it again") from error
        fits = (
            centres.shape == (n, 2)
            and polynomial.shape == (3, channels)
            and stretch.pedestal.shape == stretch.scale.shape == (channels,)
            and stretch.midtones.shape == (channels,)
            and order in (1, 2, 3, 4)
            and channels in (1, 3)
            and min(height, width, n) > 0
            and n <= MOST_CONTROL_POINTS
            and (np.abs(centres) <= LARGEST_COORDINATE).all()
            and all((np.abs(a) <= LARGEST_COEFFICIENT).all() for a in (weights, polynomial))
            and (np.abs(stretch.pedestal) <= LARGEST_LEVEL).all()
            and ((stretch.scale > 0) & (stretch.scale <= LARGEST_LEVEL)).all()
            and ((stretch.midtones >= LEAST_MIDTONES) & (stretch.midtones < 1)).all()
            and 0.01 <= stretch.target <= 0.99
        )
        if not fits:
            raise InputError(
                "the background model is damaged (its numbers do not fit together): fit it again"
            )
        return cls(Spline(centres, weights, polynomial, order), stretch, (height, width))

    def to_json(self) -> str:
        """The model as the text that `save` writes."""
        return json.dumps(self.to_dict(), indent=1) + "\n"

    def save(self, path: str | Path) -> None:
        """Write the model as JSON; numbers keep every bit.

        Keys: ``format``, ``version``; ``shape`` [H, W]; ``order``; ``centres`` N x [y, x],
        normalised; ``weights`` N x K; ``polynomial`` 3 x K for y, x and 1; ``stretch`` with
        ``pedestal``, ``scale`` (linear units) and ``midtones``, K each, and ``target``.

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
