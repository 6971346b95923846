"""The layout of an image in memory: which axis of an array holds the channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from ..settings.checks import one_of


@dataclass(frozen=True)
class Layout:
    """The shape of an image and the axis of its channels.

    Attributes
    ----------
    shape : tuple of int
        (H, W), or three sizes of which one is K.
    axis : int or None
        None where there are two axes.
    """

    shape: tuple[int, ...]
    axis: int | None

    @classmethod
    def of(cls, shape: tuple[int, ...], channel_axis: Any = None) -> Layout:
        """The layout of an array.

        Parameters
        ----------
        shape : tuple of int
        channel_axis : int or None
            As the user gives it: None is the last of three axes.

        Raises
        ------
        InputError
            If the array has other axes, or its channels are on another one than is said.
        SettingsError
            If there is no such axis.
        """
        if len(shape) not in (2, 3) or 0 in shape:
            raise InputError(
                f"an image of shape {shape} cannot be used: give (height, width) or "
                "(height, width, channels)"
            )
        axes = one_of("channel_axis", 0, 1, 2, -1, -2, -3)
        axis = 2 if channel_axis is None else int(axes(channel_axis)) % 3
        if len(shape) == 2:
            return cls(shape, None)
        likely = next((each for each in (2, 0, 1) if shape[each] in (1, 3)), axis)
        if shape[axis] not in (1, 3) and likely != axis:
            where = ("first", "on its second axis", "last")[likely]
            raise InputError(
                f"an image of shape {shape} seems to have its channels {where}: give "
                f"channel_axis={likely}, or numpy.moveaxis(image, {likely}, {axis - 3})"
            )
        return cls(shape, axis)

    def channels_last(self, array: np.ndarray) -> np.ndarray:
        """A view on an array of this layout, (H, W) or (H, W, K)."""
        return array if self.axis is None else np.moveaxis(array, self.axis, -1)

    def planes(self, array: np.ndarray) -> np.ndarray:
        """A view on an array of this layout, (K, H, W)."""
        return array[np.newaxis] if self.axis is None else np.moveaxis(array, self.axis, 0)

    def empty(self) -> np.ndarray:
        """New memory of this layout, float32, in the order of C."""
        return np.empty(self.shape, np.float32)
