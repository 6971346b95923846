"""The sky of an image, and how much of each pixel is sky: found in the image itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..image.kernels import FASTEST, Kernels
from ..image.stretch import Stretch
from ..spline.panels import Panels, Seam
from ..spline.spline import Spline
from .even_areas import even_areas
from .least_squares import select_by_residuals
from .mesh import Mesh, mesh_of
from .selection import select_surfaces
from .stars import without_stars
from .surface import PROTECTIONS, Surface

EXCLUDED_BELOW = 0.01
"""Pixels whose weight would be less than this get none."""

FAINT = 1e-3
"""The weight in the mesh of an object that is known: it counts next to nothing in a fit, but its
light tells that its surround is no sky either."""

LEAST_SCALE = 1e-30
"""The least distance in which distances of pixels are told: an image of no noise has some of 0."""

OBJECT_SIGMA = 3.0
"""Standard deviations of the noise above the sky at which a pixel loses half its weight."""


@dataclass(frozen=True, eq=False)
class Sky:
    """The sky that was found in an image.

    Attributes
    ----------
    stretch : Stretch
        It leads between linear units and the space of the splines, and is linear too.
    mesh : Mesh
        The cells in which the sky was searched for.
    surfaces : list of Surface
        The surfaces from stiff to flexible; the last one is the sky.
    weight : ndarray, (h, w, K), float32, in [0, 1]
        How much of each pixel is sky.
    seams : tuple of Seam
        Those of a mosaic.
    """

    stretch: Stretch
    mesh: Mesh
    surfaces: list[Surface]
    weight: np.ndarray
    seams: tuple[Seam, ...] = ()

    @property
    def surface(self) -> Surface:
        """The surface that is the sky."""
        return self.surfaces[-1]

    @property
    def spline(self) -> Spline | Panels:
        """The surface as a spline, or as those of panels, which can be evaluated anywhere."""
        return self.surface.splines.spline(self.surface.coordinates)


def detect_sky(
    linear: np.ndarray,
    weight: np.ndarray,
    y: np.ndarray,
    x: np.ndarray,
    stretch: Stretch,
    protection: str,
    watch: Callable[[int], None] = lambda done: None,
    threads: int = 1,
    kernels: Kernels = FASTEST,
    known: np.ndarray | None = None,
    flexibility: int = 0,
    objects: np.ndarray | None = None,
) -> Sky:
    """Find the sky of a down-scaled image.

    Parameters
    ----------
    linear : ndarray, (h, w, K); NaN = missing, `fastbg.image.downscale.BELOW` = clipped
        The image in the space of `stretch`, which must be a linear one.
    weight : ndarray, (h, w, K), float32, in [0, 1]
        How much of each pixel may be used; overwritten with how much of it is sky.
    y, x : ndarray, (h,) and (w,), normalised
    stretch : Stretch
    protection : {"off", "stars", "auto", "strong"}
        How readily something is taken for an object. With "stars", `weight` tells what is sky, and
        only what stands out of its surroundings is taken out of it: see `fastbg.sky.stars`.
    watch : callable, optional
        Called with the number of fits that are done, of at most
        `fastbg.sky.selection.MOST_FITS`; what it raises ends the search.
    threads : int, optional
    kernels : Kernels, optional
    known : ndarray, (h, w), float32, in [0, 1], optional
        How much of each pixel is known to be sky, whatever it looks like: only stars are taken out
        of it.
    flexibility : int, optional
        The number of the candidate to take: see `fastbg.sky.selection.select_surfaces`.
    objects : ndarray, (h, w), bool, optional
        Which pixels are objects that are known from the start; they have no weight.

    Raises
    ------
    InputError
        If too little of the image may be used.
    """
    trusts_weight = protection == "stars"
    if objects is None or protection in ("stars", "off"):
        mesh = mesh_of(linear, weight, y, x, known)
    else:
        faint = np.where(objects[..., np.newaxis], np.float32(FAINT), weight)
        mesh = mesh_of(linear, faint, y, x, known, objects)
    whole = mesh
    if trusts_weight:
        mesh, scatter = without_stars(mesh)
        surfaces = select_by_residuals(mesh, watch, kernels, flexibility)
    else:
        if protection != "off" and (even := even_areas(mesh, linear)).any():
            mesh = mesh.without(even)
        how = PROTECTIONS[protection], watch, threads, kernels, flexibility
        surfaces = select_surfaces(mesh, *how)
    sky = Sky(stretch, mesh, surfaces, weight)
    if protection == "off":
        return sky
    if trusts_weight:
        pixels = _near(linear, mesh, mesh.values, scatter)
    else:
        pixels = pixel_weight(linear, mesh, sky.surface)
    if known is not None and known.any():
        # Near the cells themselves, which the surface may miss, though it should not.
        around, scatter = without_stars(whole)
        near = _near(linear, around, around.values, scatter)
        np.maximum(pixels, known * near, out=pixels)
    pixels[pixels < EXCLUDED_BELOW] = 0
    # If no pixel is sky, the noise was underestimated, and the surface alone has to do.
    if pixels.any():
        weight *= pixels[..., np.newaxis]
    return sky


def pixel_weight(linear: np.ndarray, mesh: Mesh, sky: Surface) -> np.ndarray:
    """(h, w), float32: the weight of the cells, and less for smaller objects, like stars."""
    weight = _near(linear, mesh, sky.values)
    weight *= np.clip(_enlarged(sky.weight, mesh, weight.shape), 0, 1)
    return weight


def _near(
    linear: np.ndarray, mesh: Mesh, values: np.ndarray, scatter: np.ndarray | None = None
) -> np.ndarray:
    """(h, w), float32: how near pixels are to values of cells, which have a scatter, (P, K) each.

    Stars are far.
    """
    height, width, channels = linear.shape
    scales = channels * mesh.noise * mesh.side
    off = np.zeros((height, width), np.float32)
    for channel in range(channels):  # one at a time: these may be large
        plane = linear[..., channel] - _enlarged(values[:, channel], mesh, off.shape)
        scale = np.array(scales[channel], np.float32)
        if scatter is not None:
            own = np.hypot(scales[channel], channels * scatter[:, channel])
            scale = _enlarged(own, mesh, off.shape)
        # Between cells rather than at them: beside a large scale, a tiny one is lost in rounding.
        plane /= np.maximum(scale, np.float32(LEAST_SCALE))
        off += plane
    np.nan_to_num(off, copy=False, neginf=-2 * OBJECT_SIGMA)
    np.clip(2 * (np.abs(off, out=off) - OBJECT_SIGMA), -30, 30, out=off)
    near: np.ndarray = 1 / (1 + np.exp(off, out=off))
    return near


def _enlarged(values: np.ndarray, mesh: Mesh, shape: tuple[int, int]) -> np.ndarray:
    """(P,) of cells to (h, w), float32, linear between their centres."""
    plane = values.reshape(mesh.shape).astype(np.float32)
    for axis, size in enumerate(shape):
        last = plane.shape[axis] - 1
        place = np.clip((np.arange(size) + 0.5) / mesh.side - 0.5, 0, last)
        low = np.minimum(place.astype(int), max(last - 1, 0))
        part = np.expand_dims((place - low).astype(np.float32), 1 - axis)
        high = np.take(plane, np.minimum(low + 1, last), axis)
        high -= (low_values := np.take(plane, low, axis))
        high *= part
        plane = high
        plane += low_values
    return plane
