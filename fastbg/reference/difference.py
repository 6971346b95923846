"""What an image has that a reference has not: its own gradient, and no object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..image.downscale import BELOW
from ..image.stretch import Stretch
from ..sky.blas import one_thread
from ..sky.detection import Sky
from ..sky.mesh import mesh_of
from ..sky.smoothing_spline import Splines
from ..sky.surface import Surface
from .copies import Copies
from .flexibility import by_residuals
from .own_gradient import OwnGradient, own_gradient
from .scale import Scale, scale_of
from .sky import Compared, ReferencedSky, differing

RARE = 1e-3
"""The part of the pixels at each end of a difference that may be anything."""


@dataclass(frozen=True, eq=False)
class Difference:
    """An image without the light that it shares with a reference, on the grid of the fit.

    Attributes
    ----------
    values : ndarray, (h, w, K), float32
        In the space of `stretch`; NaN where the reference has no samples, and where either may be
        saturated.
    stretch : Stretch
        A linear one. Where objects are everywhere, the sky may be darker than the whole image.
    copies : Copies
    scale : Scale
    own : OwnGradient
        Of the scaled reference.
    cells : ndarray, (P, R), linear
        The reference in the cells of the mesh.
    degree : int
        The degree that was allowed.
    """

    values: np.ndarray
    stretch: Stretch
    copies: Copies
    scale: Scale
    own: OwnGradient
    cells: np.ndarray
    degree: int

    @classmethod
    def of(
        cls,
        small: np.ndarray,
        used: np.ndarray,
        places: tuple[np.ndarray, np.ndarray],
        stretch: Stretch,
        copies: Copies,
        given: tuple[float, ...],
        degree: int,
        **work: Any,
    ) -> Difference:
        """Take the light of a reference out of an image.

        Parameters
        ----------
        small : ndarray, (h, w, K)
            The image in the space of a linear stretch.
        used : ndarray, (h, w, K), in [0, 1]
            How much of it may be used.
        places : (ndarray, ndarray), (h,) and (w,), normalised
        stretch : Stretch
        copies : Copies
        given : tuple of float
            The scale, if the user gives it.
        degree : int
            What gradient of its own the reference may have.
        **work
            Threads and kernels.

        Raises
        ------
        InputError
            If the scale is not determined, or too little of the image may be used.
        """
        scale = scale_of(copies, given)
        hidden = (copies.saturated | ~copies.covered)[..., np.newaxis]
        weight = np.where(hidden, np.float32(0), used)
        without_stars = copies.without_stars @ scale.factors.T
        cells = mesh_of(without_stars.astype(np.float32), weight, *places)
        # Stars vanish, too, however sharp they are, but in what is clipped, where means are wrong.
        both = copies.image, copies.reference @ scale.factors.T
        if (small == BELOW).any():
            both = copies.fitted, without_stars
        linear = both[0] - both[1]
        left = mesh_of(linear.astype(np.float32), weight, *places)
        own = own_gradient(cells, degree, difference=left, **work)
        linear += own.at(*places)
        linear[np.broadcast_to(hidden, linear.shape)] = np.nan
        wider = _widened(stretch, linear)
        values = ((linear - wider.pedestal) / wider.scale).astype(np.float32)
        of_any = weight.mean(axis=2, keepdims=True)
        others = copies.without_stars.shape[2]
        every = mesh_of(copies.without_stars, np.repeat(of_any, others, axis=2), *places)
        return cls(values, wider, copies, scale, own, every.values, degree)

    @one_thread
    def sky(self, found: Sky, flexibility: int) -> ReferencedSky:
        """The sky that was found in the difference, with what the reference makes uncertain.

        Parameters
        ----------
        found : Sky
        flexibility : int
            That of the settings; with 0, the residuals decide.
        """
        surface = found.surface
        if not flexibility and not found.seams:
            surface = by_residuals(surface, found.mesh)
        smooth = _smooth(surface, self.cells)
        smooth -= surface.weight @ smooth / surface.weight.sum()
        square = np.einsum("pr,krs,ps->pk", smooth, self.scale.covariance, smooth)
        scale, own, copies = self.scale, self.own, self.copies
        uncertainty = np.sqrt(np.maximum(square, 0) + own.uncertainty**2)
        usable = found.mesh.usable
        compared = Compared(
            how=copies.mapping.how,
            covers=copies.covers,
            displaced=scale.displaced,
            scale=tuple(map(tuple, scale.factors.tolist())),
            error=tuple(scale.error.tolist()),
            told_by=scale.told_by,
            differs=differing(surface, found.mesh.weight),
            degree=self.degree,
            taken=own.degree,
            sky=own.sky,
            seen=own.seen,
            left=float(own.left.mean()),
            uncertain=float(np.sqrt((uncertainty[usable] ** 2).mean(axis=0)).mean()),
            doubts=scale.doubts,
            note=copies.mapping.note,
        )
        return ReferencedSky(
            *(found.stretch, found.mesh, [surface], found.weight, found.seams),
            compared=compared,
            uncertainty=uncertainty,
        )


def _widened(stretch: Stretch, linear: np.ndarray) -> Stretch:
    """A linear stretch that has room for the sky of a difference, (h, w, K), beside the image."""
    seen = linear[np.isfinite(linear).all(axis=2)]
    low, high = np.quantile(seen, [RARE, 1 - RARE], axis=0)
    room = high - low
    pedestal = np.minimum(stretch.pedestal, low - room)
    top = np.maximum(stretch.pedestal + stretch.scale, high + room)
    return Stretch(pedestal, top - pedestal, stretch.midtones, stretch.target)


def _smooth(surface: Surface, values: np.ndarray) -> np.ndarray:
    """(P, R): what a surface would follow of other values at its cells."""
    splines = surface.splines
    plain = Splines(splines.matrix, np.empty(0), splines.seen, np.empty((0, 2)))
    return plain.matrix @ plain.solve(values, surface.weight, surface.stiffness)
