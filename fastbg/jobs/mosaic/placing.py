"""Where the panels of a mosaic lie on one plane."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...coordinates.system import Coordinates, unit_vectors
from ...errors import InputError
from ...mosaic.solve import APART, near
from ..together.placing import Placed
from .small import SmallCopy

NODES = 33
"""Coordinates are computed at so many places along each side, and interpolated between them."""

MOST_FILLED = 0.95
"""Images of one size without coordinates are on one canvas if all of them fill less of it."""

Places = tuple[np.ndarray, np.ndarray]
"""Two coordinates of each pixel on a plane, (h, w) each."""


def check(frames: Sequence[Placed]) -> None:
    """Look at headers before any image is read.

    Raises
    ------
    InputError
        If images have several numbers of channels, if some have coordinates and others none, or if
        no two of them are near each other.
    """
    first = frames[0]
    for frame in frames[1:]:
        if frame.channels != first.channels:
            raise InputError(
                f"{frame.path} has {_channels(frame)} and {first.path} {_channels(first)}: give "
                "panels of one kind"
            )
    systems = [frame.field.coordinates for frame in frames]
    if not any(systems) and len({frame.field.shape for frame in frames}) == 1:
        return
    ends = np.linspace(0, 1, NODES)
    if len(near(_on_plane(frames, [(ends, ends)] * len(frames)))) == len(frames):
        raise InputError(APART)


def placed(frames: Sequence[Placed], copies: Sequence[SmallCopy]) -> list[Places]:
    """Where the down-scaled pixels of panels lie.

    Raises
    ------
    InputError
        If one has no coordinates, and they are not on one canvas.
    """
    alike = not any(frame.field.coordinates for frame in frames)
    if alike and all(map(_is_part, copies)):
        return [_pixels(copy) for copy in copies]
    return _on_plane(frames, [copy.centres for copy in copies])


def _on_plane(frames: Sequence[Placed], every: Sequence[Places]) -> list[Places]:
    """Rows and columns, (y, x) normalised, of images with coordinates on one plane."""
    systems = []
    for frame, axes in zip(frames, every, strict=True):
        coordinates = frame.field.coordinates
        if coordinates is None:
            raise InputError(
                f"{frame.path} has no coordinate system, by which panels are placed: solve it in "
                "any program that writes one, or name the panels of a merged mosaic with --panels "
                "(panels= in Python)"
            )
        systems.append((coordinates, axes))
    return on_plane(systems)


def on_plane(
    every: Sequence[tuple[Coordinates, Places]],
) -> list[Places]:
    """Places in the sky on one plane, in degrees from the middle of all, as they lie there.

    The projection is azimuthal and equidistant, which is defined for the whole sky.

    Parameters
    ----------
    every : sequence of (Coordinates, (y, x))
        Systems of images, with normalised coordinates of rows and columns.
    """
    from scipy.interpolate import RectBivariateSpline

    nodes, vectors = [], []
    for coordinates, axes in every:
        sizes = coordinates.shape
        own = [np.linspace(at[0], at[-1], NODES) for at in axes]
        grid = np.meshgrid(*(at * n - 0.5 for at, n in zip(own, sizes, strict=True)), indexing="ij")
        nodes.append(own)
        vectors.append(unit_vectors(*coordinates.to_sky(*grid)))
    middle = np.nansum([each.sum(axis=(0, 1)) for each in vectors], axis=0)
    middle /= np.linalg.norm(middle)
    east = np.cross(np.eye(3)[np.argmin(np.abs(middle))], middle)
    east /= np.linalg.norm(east)
    north = np.cross(middle, east)
    places = []
    for own, each, (_, axes) in zip(nodes, vectors, every, strict=True):
        if not np.isfinite(each).all():
            raise InputError(
                "the coordinate system of a panel is not defined in all of it: solve it again"
            )
        along, across = each @ middle, np.stack([each @ north, each @ east])
        sine = np.linalg.norm(across, axis=0)
        angle = np.degrees(np.arctan2(sine, along))
        plane = across * np.divide(angle, sine, where=sine > 0, out=np.zeros_like(angle))
        splines = (RectBivariateSpline(*own, coordinate, s=0) for coordinate in plane)
        v, u = (spline(*axes) for spline in splines)
        places.append((v, u))
    return places


def _is_part(copy: SmallCopy) -> bool:
    seen = np.isfinite(copy.small).all(axis=2)
    return bool(seen.mean() < MOST_FILLED)


def _pixels(copy: SmallCopy) -> Places:
    (height, width), (y, x) = copy.shape, copy.centres
    v, u = np.meshgrid(y * height, x * width, indexing="ij")
    return v, u


def _channels(frame: Placed) -> str:
    return f"{frame.channels} channel{'s' if frame.channels > 1 else ''}"
