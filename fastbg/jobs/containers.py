"""Arrays with more than numbers: a mask, a unit, an uncertainty, coordinates.

Their libraries are recognised by the names of types, and nothing of them is imported here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from reprlib import repr
from typing import Any

import numpy as np

from ..errors import InputError
from .layout import Layout

CARRIED = ("mask", "unit", "wcs", "meta", "psf", "flags")
"""The attributes of an NDData that hold for its corrected image and for its background."""


@dataclass(frozen=True, eq=False)
class Container:
    """What a user gave as an array.

    Attributes
    ----------
    samples : ndarray
        All of its samples, those under the mask included.
    mask : ndarray of bool, shaped as the samples, or None
        True where a sample is missing.
    layout : Layout
        The shape of the samples, and where their channels are.
    image : callable
        Puts a corrected image, shaped as the samples, into a container of the same kind.
    model : callable
        The same with a background, which does not have the uncertainty of the image.
    """

    samples: np.ndarray
    mask: np.ndarray | None
    layout: Layout
    image: Callable[[np.ndarray], Any]
    model: Callable[[np.ndarray], Any]

    @classmethod
    def of(cls, given: Any, channel_axis: int | None = None) -> Container:
        """Recognise a masked array, or an NDData, Quantity or Masked of astropy.

        Everything else is taken as a plain array.

        Parameters
        ----------
        given : array_like
        channel_axis : int, optional
            As for `Layout.of`.

        Raises
        ------
        InputError
            If it is no array of two or three axes, or a mask does not fit its samples.
        SettingsError
            If it has no such axis.
        """
        if isinstance(given, np.ma.MaskedArray):
            return _of_masked_array(given, channel_axis)
        names = {each.__name__ for each in type(given).__mro__ if _is_of_astropy(each)}
        if "NDData" in names:
            return _of_nddata(given, channel_axis)
        if "MaskedNDArray" in names:
            return _of_masked(given, channel_axis)
        if "Quantity" in names:
            return _of_quantity(given, channel_axis)
        samples = _plain(given)
        return cls(samples, None, Layout.of(samples.shape, channel_axis), _same, _same)

    @property
    def filled(self) -> np.ndarray:
        """The samples, with 0 where they are missing."""
        if self.mask is None:
            return self.samples
        return np.where(self.mask, np.zeros((), self.samples.dtype), self.samples)


def _plain(given: Any) -> np.ndarray:
    """An array of what is none of another kind."""
    if isinstance(given, str | os.PathLike) or hasattr(given, "read"):
        name = given if isinstance(given, str) else repr(given)
        raise InputError(f"{name} is no array: process_file, fit_file and apply_model take files")
    try:
        samples = np.asarray(given)
    except ValueError as error:  # a list of rows of different lengths
        raise InputError(f"the image is no array ({error}): give one of numbers") from error
    if samples.ndim == 0:
        raise InputError(f"an image must be an array of numbers, not {repr(given)}")
    return samples


def _of_masked_array(given: Any, channel_axis: int | None) -> Container:
    mask = np.ma.getmaskarray(given).copy()
    fill = given.fill_value if given.dtype.kind == "f" else None

    def masked(samples: np.ndarray) -> Any:
        return np.ma.MaskedArray(samples, mask.copy(), fill_value=fill)

    samples = np.asarray(given.data)
    return Container(samples, mask, Layout.of(samples.shape, channel_axis), masked, masked)


def _of_masked(given: Any, channel_axis: int | None) -> Container:
    inner, mask = Container.of(given.unmasked, channel_axis), np.array(given.mask, bool)
    masked = sys.modules["astropy.utils.masked"].Masked
    return Container(
        inner.samples,
        mask,
        inner.layout,
        lambda samples: masked(inner.image(samples), mask=mask.copy()),
        lambda samples: masked(inner.model(samples), mask=mask.copy()),
    )


def _of_quantity(given: Any, channel_axis: int | None) -> Container:
    def with_unit(samples: np.ndarray) -> Any:
        return type(given)(samples, unit=given.unit, copy=False)

    samples = _as_numbers(given.value)
    layout = Layout.of(samples.shape, channel_axis)
    return Container(samples, None, layout, with_unit, with_unit)


def _of_nddata(given: Any, channel_axis: int | None) -> Container:
    samples = _as_numbers(given.data)
    layout = Layout.of(samples.shape, channel_axis)

    def like(names: tuple[str, ...]) -> Callable[[np.ndarray], Any]:
        def rebuilt(samples: np.ndarray) -> Any:
            carried = {name: deepcopy(getattr(given, name)) for name in names if has(name)}
            return type(given)(samples, **carried)

        return rebuilt

    def has(name: str) -> bool:
        return getattr(given, name, None) is not None

    mask = _fitting(given.mask, layout) if has("mask") else None
    return Container(samples, mask, layout, like((*CARRIED, "uncertainty")), like(CARRIED))


def _as_numbers(samples: Any) -> np.ndarray:
    """Samples with a unit keep their scale: unsigned integers are numbers, not parts of a range."""
    samples = np.asarray(samples)
    if samples.dtype.kind != "u":
        return samples
    return samples.astype(np.float32 if samples.dtype.itemsize <= 2 else np.float64)


def _fitting(mask: Any, layout: Layout) -> np.ndarray:
    """A mask of all samples, or of all pixels, as one of all samples."""
    mask = np.asarray(mask, bool)
    if layout.axis is not None and mask.ndim == 2:
        mask = np.expand_dims(mask, layout.axis)
    try:
        return np.broadcast_to(mask, layout.shape)
    except ValueError as error:
        raise InputError(
            f"the image has the shape {layout.shape} and its mask {mask.shape}: give a mask of its "
            "shape"
        ) from error


def _is_of_astropy(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == "astropy"


def _same(samples: np.ndarray) -> np.ndarray:
    return samples
