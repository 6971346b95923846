"""The stretch between linear samples and the space in which the spline is fitted.

``linear -> J = clip((I - pedestal) / scale, 0, 1) -> MTF(J)``, per channel. The midtones transfer
function (MTF) is the one of the XISF specification, with the midtones balance chosen so that the
median of J becomes the target background.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..words import brief
from .image import CLIPPED
from .kernels import FASTEST, Kernels
from .mtf import mtf

TARGET_BACKGROUND = 0.25

LARGEST_SAMPLE = 1e30
"""The differences and products of larger samples would leave the range of float32."""

LEAST_MIDTONES = 1e-30
"""A smaller midtones balance would be 0 in float32, and the inverse stretch 0 / 0 at 1."""


@dataclass(frozen=True, eq=False)
class Stretch:
    """The stretch of one image: order statistics of its valid samples.

    Attributes
    ----------
    pedestal : ndarray, (K,), float64, linear
        Smallest valid sample of each channel.
    scale : ndarray, (K,), float64, linear
        Distance from the pedestal to the quantile that is mapped to 1.
    midtones : ndarray, (K,), float64
        Median of the scaled samples J, in (0, 1).
    target : float
        Stretched value of that median.
    """

    pedestal: np.ndarray
    scale: np.ndarray
    midtones: np.ndarray
    target: float = TARGET_BACKGROUND

    __repr__ = brief

    @classmethod
    def of(cls, statistics: np.ndarray, quantile: float) -> Stretch:
        """Make the stretch of an image from its order statistics.

        Parameters
        ----------
        statistics : ndarray, (K, 4), linear
            Minimum, median, quantile and maximum of the valid samples of each channel; NaN where
            there are none.
        quantile : float
            The quantile that becomes 1, in (0, 1].

        Raises
        ------
        InputError
            If a channel has no valid sample, or no spread between its minimum, its median and
            the quantile.
        """
        for k, (low, middle, high, highest) in enumerate(statistics):
            name = f"channel {k + 1} of {len(statistics)}"
            check_range(low, highest, name)
            if middle == CLIPPED:
                raise InputError(
                    f"{name} has half of its samples or more at exactly 0: the sky is clipped, and "
                    "nothing tells its level; add a pedestal when it is calibrated"
                )
            if middle == highest:
                raise InputError(
                    f"{name} has half of its samples or more at its maximum of {highest:g}: it is "
                    "overexposed, clipped or coarsely rounded; give an image that shows the sky"
                )
            if not low < middle < high:
                flat = middle == low
                raise InputError(
                    f"{name} cannot be stretched: its minimum {low:g}, median {middle:g} and "
                    f"quantile {quantile:g} ({high:g}) must increase; "
                    + (
                        "half of the samples have one value: set what is no data to zero, and "
                        "check that the image is linear and not clipped"
                        if flat
                        else "raise the quantile"
                    )
                )
            if not LEAST_MIDTONES <= (middle - low) / (high - low) < 1:
                raise InputError(
                    f"{name} cannot be stretched: its minimum {low:g}, median {middle:g} and "
                    f"quantile {quantile:g} ({high:g}) are out of all proportion; set what is no "
                    "data to zero"
                )
        low, middle, high, _ = statistics.T
        return cls(low, high - low, (middle - low) / (high - low))

    @classmethod
    def linear(cls, statistics: np.ndarray) -> Stretch:
        """The linear stretch from [minimum, maximum] to [0, 1].

        Parameters
        ----------
        statistics : ndarray, (K, 4), linear
            See `of`, which must not have refused them.
        """
        low, _, _, high = statistics.T
        half = np.full(len(statistics), 0.5)
        return cls(low, high - low, half, 0.5)

    def channel(self, number: int) -> Stretch:
        """That of one channel alone."""
        own = slice(number, number + 1)
        return Stretch(self.pedestal[own], self.scale[own], self.midtones[own], self.target)

    def apply(self, linear: np.ndarray) -> np.ndarray:
        """Stretch linear values.

        Parameters
        ----------
        linear : ndarray, (K, ...), linear

        Returns
        -------
        ndarray, (K, ...), float64, stretched, in [0, 1]; NaN stays NaN
        """
        pedestal, scale, midtones = self._columns(linear.ndim)
        scaled = np.clip((linear - pedestal) / scale, 0, 1)
        return mtf(scaled, midtones, self.target)

    def invert(self, stretched: np.ndarray, kernels: Kernels = FASTEST) -> tuple[np.ndarray, int]:
        """Bring stretched values back to the linear scale.

        The stretch maps onto [0, 1], so values outside are clamped: the inverse has a pole there,
        and no data support it.

        Parameters
        ----------
        stretched : ndarray, (K, ...), float32 or float64
        kernels : Kernels, optional

        Returns
        -------
        linear : ndarray, (K, ...), of the same type
        clamped : int
            How many values lay outside [0, 1].
        """
        linear = np.array(stretched, order="C")
        return linear, self.invert_in_place(linear, kernels)

    def invert_in_place(self, planes: np.ndarray, kernels: Kernels = FASTEST) -> int:
        """`invert` (K, ...) with contiguous planes in place; returns how many were clamped."""
        planes = planes if planes.ndim > 1 else planes[:, np.newaxis]
        own = zip(planes, self.pedestal, self.scale, self.midtones, strict=True)
        return sum(kernels.unstretch(*plane_and_values, self.target) for plane_and_values in own)

    def _columns(self, ndim: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Pedestal, scale and midtones, shaped to broadcast over planes."""
        shape = (-1,) + (1,) * (ndim - 1)
        return self.pedestal.reshape(shape), self.scale.reshape(shape), self.midtones.reshape(shape)


def check_range(low: float, highest: float, name: str) -> None:
    """Refuse a channel that has no samples, too large ones, or one value alone.

    Parameters
    ----------
    low, highest : float, linear
        Its smallest and largest valid sample; NaN if it has none.
    name : str
        Names the channel in messages.

    Raises
    ------
    InputError
    """
    if np.isnan(low):
        raise InputError(
            f"{name} is empty: every sample is missing (zero, or not a finite "
            "number); give an image with data"
        )
    if max(-low, highest) > LARGEST_SAMPLE:
        raise InputError(
            f"{name} has samples from {low:g} to {highest:g}: set what is missing to zero, "
            "or rescale it to 0 .. 1"
        )
    if low == highest:
        raise InputError(f"{name} is constant ({low:g}): there is no background to model")
