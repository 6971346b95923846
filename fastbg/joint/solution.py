"""What is known of one channel: before the frames are solved, and after it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .surfaces import Surfaces


@dataclass(frozen=True, eq=False)
class Start:
    """What the rounds of a channel begin with.

    Attributes
    ----------
    scale : ndarray, (n,)
    coordinates : ndarray, (n, M)
        Of the smooth surfaces.
    stiffness : ndarray, (n,), or None
        How stiff each surface is; if that is known, fewer rounds are needed.
    """

    scale: np.ndarray
    coordinates: np.ndarray
    stiffness: np.ndarray | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class SharedStart(Start):
    """The same for a channel that was solved, with what its surfaces share with all others.

    Attributes
    ----------
    centre : ndarray, (n, M)
        The surface from which each may bend away at a cost.
    freedom : ndarray, (n,)
        The effective number of degrees of freedom of these.
    composite : ndarray, (h w,), float32, linear
    """

    centre: np.ndarray
    freedom: np.ndarray
    composite: np.ndarray


@dataclass(frozen=True, eq=False)
class Solution:
    """The solution of one channel.

    Attributes
    ----------
    scale, scale_error : ndarray, (n,)
        The flux of each frame relative to the composite, and its standard error.
    patchy : ndarray, (n,)
        How much the scale scatters over the frame, beyond its errors.
    coordinates : ndarray, (n, M)
        Of the smooth surfaces R.
    error : ndarray, (n,), linear
        The standard errors of these by the noise, root mean squares over the frame.
    excess : ndarray, (n,)
        The scatter of what is left in cells, in units of what noise leaves there.
    composite : ndarray, (h w,), float32, linear
        NaN where no frame has a sample.
    stiffness : ndarray, (n,)
        How stiff each surface is.
    slope : ndarray, (n, M)
        The weighted products of the functions with what is left of each frame.
    weight : ndarray, (n,)
        The mean one of the pixels of each frame.
    variance : ndarray, (n,)
        Of a pixel of weight 1.
    """

    scale: np.ndarray
    scale_error: np.ndarray
    patchy: np.ndarray
    coordinates: np.ndarray
    error: np.ndarray
    excess: np.ndarray
    composite: np.ndarray
    stiffness: np.ndarray
    slope: np.ndarray
    weight: np.ndarray
    variance: np.ndarray

    def start(self) -> Start:
        """To solve the channel again, with other frames."""
        return Start(self.scale, self.coordinates, self.stiffness)

    def without_common(self, surfaces: Surfaces, used: np.ndarray) -> Solution:
        """The solution with the least sum of ``|R_i|^2`` over the frames that are used.

        ``R_i - a_i M`` and ``C + M`` fit the frames as well for every surface M.
        """
        return self.shifted(surfaces, common_of(self.coordinates, self.scale, used))

    def shifted(self, surfaces: Surfaces, common: np.ndarray) -> Solution:
        """The solution in which surfaces have as many `common` coordinates less as their scales."""
        return replace(
            self,
            coordinates=self.coordinates - np.outer(self.scale, common),
            composite=self.composite + surfaces.values(common),
        )


def common_of(coordinates: np.ndarray, scale: np.ndarray, used: np.ndarray) -> np.ndarray:
    """(M,): the surface that frames share, of which each has its scale times as much.

    Surfaces count where they are known and beyond: the edges of frames that end within the field
    would show in it otherwise.
    """
    own = np.where(used, scale, 0)
    common: np.ndarray = own @ coordinates / (own @ scale)
    return common
