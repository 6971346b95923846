"""Arrays with more than numbers: a mask, a unit, an uncertainty, coordinates.

Their libraries are recognised by the names of types, and nothing of them is imported here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError

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
    image : callable
        Puts a corrected image, shaped as the samples, into a container of the same kind.
    model : callable
        The same with a background, which does not have the uncertainty of the image.
    """

    samples: np.ndarray
    mask: np.ndarray | None
    image: Callable[[np.ndarray], Any]
    model: Callable[[np.ndarray], Any]

    @classmethod
    def of(cls, given: Any) -> Container:
        """Recognise a masked array, or an NDData, Quantity or Masked of astropy.

        Everything else is taken as a plain array.

        Raises
        ------
        InputError
            If a mask does not fit its samples.
        """
        if isinstance(given, np.ma.MaskedArray):
            return _of_masked_array(given)
        names = {each.__name__ for each in type(given).__mro__ if _is_of_astropy(each)}
        if "NDData" in names:
            return _of_nddata(given)
        if "MaskedNDArray" in names:
            return _of_masked(given)
        if "Quantity" in names:
            return _of_quantity(given)
        return cls(np.asarray(given), None, _same, _same)

    @property
    def filled(self) -> np.ndarray:
        """The samples, with 0 where they are missing."""
        if self.mask is None:
            return self.samples
        return np.where(self.mask, np.zeros((), self.samples.dtype), self.samples)


def _of_masked_array(given: Any) -> Container:
    mask = np.ma.getmaskarray(given).copy()
    fill = given.fill_value if given.dtype.kind == "f" else None

    def masked(samples: np.ndarray) -> Any:
        return np.ma.MaskedArray(samples, mask.copy(), fill_value=fill)

    return Container(np.asarray(given.data), mask, masked, masked)


def _of_masked(given: Any) -> Container:
    inner, mask = Container.of(given.unmasked), np.array(given.mask, bool)
    masked = sys.modules["astropy.utils.masked"].Masked
    return Container(
        inner.samples,
        mask,
        lambda samples: masked(inner.image(samples), mask=mask.copy()),
        lambda samples: masked(inner.model(samples), mask=mask.copy()),
    )


def _of_quantity(given: Any) -> Container:
    def with_unit(samples: np.ndarray) -> Any:
        return type(given)(samples, unit=given.unit, copy=False)

    return Container(_as_numbers(given.value), None, with_unit, with_unit)


def _of_nddata(given: Any) -> Container:
    samples = _as_numbers(given.data)

    def like(names: tuple[str, ...]) -> Callable[[np.ndarray], Any]:
        def rebuilt(samples: np.ndarray) -> Any:
            carried = {name: deepcopy(getattr(given, name)) for name in names if has(name)}
            return type(given)(samples, **carried)

        return rebuilt

    def has(name: str) -> bool:
        return getattr(given, name, None) is not None

    mask = _fitting(given.mask, samples.shape) if has("mask") else None
    return Container(samples, mask, like((*CARRIED, "uncertainty")), like(CARRIED))


def _as_numbers(samples: Any) -> np.ndarray:
    """Samples with a unit keep their scale: unsigned integers are numbers, not parts of a range."""
    samples = np.asarray(samples)
    if samples.dtype.kind != "u":
        return samples
    return samples.astype(np.float32 if samples.dtype.itemsize <= 2 else np.float64)


def _fitting(mask: Any, shape: tuple[int, ...]) -> np.ndarray:
    """A mask of all samples, or of all pixels, as one of all samples."""
    mask = np.asarray(mask, bool)
    try:
        per_pixel = mask.ndim == len(shape) - 1 and mask.shape == shape[:-1]
        return np.broadcast_to(mask[..., np.newaxis] if per_pixel else mask, shape)
    except ValueError as error:
        raise InputError(
            f"the image has the shape {shape} and its mask {mask.shape}: give a mask of its shape"
        ) from error


def _is_of_astropy(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == "astropy"


def _same(samples: np.ndarray) -> np.ndarray:
    return samples
