"""Astrometric solutions of PixInsight, which XISF files hold as properties of an image.

Coordinates of an image count from the top left corner of its first pixel, whose centre is at
(0.5, 0.5), and rows go down. ``LinearTransformationMatrix`` leads from there, relative to
``ReferenceImageCoordinates``, to the plane of a projection, in degrees. A solution with distortions
has splines instead, between that plane and the image in both directions: as tables of their values
on grids, or by the control points through which they go. Older versions wrote the latter as text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from .fits import FitsSystem, celestial
from .system import Pair

PREFIX = "PCL:AstrometricSolution:"
SPLINE = f"{PREFIX}SplineWorldTransformation"
OLD_SPLINE = "Transformation_ImageToProjection"

_PROJECTIONS = {
    "Gnomonic": "TAN",
    "Stereographic": "STG",
    "PlateCarree": "CAR",
    "Mercator": "MER",
    "HammerAitoff": "AIT",
    "ZenithalEqualArea": "ZEA",
    "Orthographic": "SIN",
}
"""The code of FITS for each projection."""

_MOST_POINTS = 2100
"""PixInsight itself takes no more control points than that."""

_MOST_NODES = 129
"""Values of a table along each side that suffice for a distortion: it has one for each 8 pixels."""

_BEYOND = 0.1
"""A spline goes on so far outside of its control points, relative to their extent; beyond, the
distortion stays what it is there."""

Deviation = Callable[[np.ndarray], np.ndarray]
"""What is to be added to the linear transformation of points, (N, 2) as x and y."""


@dataclass(frozen=True, eq=False)
class PixInsightSystem:
    """A `fastbg.coordinates.system.System` of the properties of PixInsight.

    Attributes
    ----------
    plane : FitsSystem
        Between the plane of the projection, in degrees, and the sky.
    matrix : ndarray, (2, 2)
        From pixels to degrees.
    reference : ndarray, (2,)
        The pixel x, y at the origin of the plane; the centre of the first one is (0, 0).
    to_plane, to_image : callable
        The distortions, in degrees by pixels, and in pixels by degrees.
    """

    plane: FitsSystem
    matrix: np.ndarray
    reference: np.ndarray
    to_plane: Deviation
    to_image: Deviation

    def to_sky(self, x: np.ndarray, y: np.ndarray) -> Pair:
        points = _points(x, y)
        plane = (points - self.reference) @ self.matrix.T + self.to_plane(points)
        ra, dec = self.plane.to_sky(*plane.T)
        return ra.reshape(np.shape(x)), dec.reshape(np.shape(x))

    def to_pixel(self, ra: np.ndarray, dec: np.ndarray) -> Pair:
        plane = _points(*self.plane.to_pixel(ra, dec))
        points = plane @ np.linalg.inv(self.matrix).T + self.reference + self.to_image(plane)
        x, y = points.T.reshape(2, *np.shape(ra))
        return x, y


def system_of(properties: Mapping[str, Any]) -> PixInsightSystem | None:
    """The celestial system that properties tell; None where they tell none.

    Parameters
    ----------
    properties : mapping of str to value
        Those of an image by their names: numbers, texts, and arrays of bytes, for vectors and
        for matrices.

    Raises
    ------
    InputError
        If they contradict each other.
    """
    told = {name.removeprefix(PREFIX): value for name, value in properties.items()}
    needed = ("ReferenceCelestialCoordinates", "ReferenceImageCoordinates",
              "LinearTransformationMatrix", "ProjectionSystem")  # fmt: skip
    if not all(name in told for name in needed):
        return None
    try:
        return _system(told, properties)
    except (ValueError, TypeError, IndexError, KeyError, np.linalg.LinAlgError) as error:
        raise InputError(
            f"has a broken astrometric solution ({error}): solve it again in PixInsight"
        ) from error


def _system(told: Mapping[str, Any], properties: Mapping[str, Any]) -> PixInsightSystem:
    sky, reference, matrix = (
        np.asarray(told[name], float).reshape(shape)
        for name, shape in (
            ("ReferenceCelestialCoordinates", 2),
            ("ReferenceImageCoordinates", 2),
            ("LinearTransformationMatrix", (2, 2)),
        )
    )
    name = str(told["ProjectionSystem"])
    if name not in _PROJECTIONS:
        raise ValueError(f"the projection {name} is not known")
    code = _PROJECTIONS[name]
    cards: dict[str, Any] = {"CTYPE1": f"RA---{code}", "CTYPE2": f"DEC--{code}"}
    cards |= {"CRVAL1": sky[0], "CRVAL2": sky[1], "CRPIX1": 1.0, "CRPIX2": 1.0}
    cards |= {"CD1_1": 1.0, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": 1.0}
    if "ReferenceNativeCoordinates" in told:
        first, second = np.asarray(told["ReferenceNativeCoordinates"], float)
        cards |= {"PV1_1": first, "PV1_2": second}
    if "CelestialPoleNativeCoordinates" in told:
        first, second = np.asarray(told["CelestialPoleNativeCoordinates"], float)
        cards |= {"LONPOLE": first, "LATPOLE": second}
    plane = celestial(cards)
    assert plane is not None
    inverse, reference = np.linalg.inv(matrix), reference - 0.5
    if not np.isfinite(inverse).all():
        raise ValueError("its matrix has no inverse")

    def to_plane(pixels: np.ndarray) -> np.ndarray:
        return (pixels - reference) @ matrix.T

    def to_pixels(plane: np.ndarray) -> np.ndarray:
        return plane @ inverse.T + reference

    grids = _grids(told)
    if grids:
        pixels, values = grids["ImageToNative"]
        image = _of_table([axis - 0.5 for axis in pixels], values, to_plane)
        axes, values = grids["NativeToImage"]
        return PixInsightSystem(
            plane, matrix, reference, image, _of_table(axes, values - 0.5, to_pixels)
        )
    points = _control_points(told, properties)
    if points is None:
        return PixInsightSystem(plane, matrix, reference, np.zeros_like, np.zeros_like)
    pixels_, world = points
    return PixInsightSystem(
        plane,
        matrix,
        reference,
        _of_points(pixels_ - 0.5, world - to_plane(pixels_ - 0.5)),
        _of_points(world, pixels_ - 0.5 - to_pixels(world)),
    )


def _points(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.stack([np.ravel(np.asarray(x, float)), np.ravel(np.asarray(y, float))], axis=1)


def _grids(told: Mapping[str, Any]) -> dict[str, tuple[list[np.ndarray], np.ndarray]]:
    """The x and y of the table of each direction, and its values, (rows, columns, 2)."""
    found = {}
    for way in ("ImageToNative", "NativeToImage"):
        at = f"SplineWorldTransformation:PointGridInterpolation:{way}:"
        if not all(at + name in told for name in ("Rect", "Delta", "GridX", "GridY")):
            return {}
        values = np.stack([told[at + "GridX"], told[at + "GridY"]], axis=-1).astype(float)
        x0, y0, *_ = np.asarray(told[at + "Rect"], float)
        delta = float(told[at + "Delta"])
        step = max(1, min(-(-max(values.shape[:2]) // _MOST_NODES), min(values.shape[:2]) // 4))
        rows, columns = (_thinned(size, step) for size in values.shape[:2])
        axes = [x0 + delta * columns, y0 + delta * rows]
        found[way] = axes, values[np.ix_(rows, columns)]
    return found


def _thinned(size: int, step: int) -> np.ndarray:
    """Every nth index, and the last one."""
    return np.unique(np.append(np.arange(0, size, step), size - 1))


def _of_table(
    axes: list[np.ndarray], values: np.ndarray, linear: Callable[[np.ndarray], np.ndarray]
) -> Deviation:
    """The distortion by a table of transformed points."""
    from scipy.interpolate import RectBivariateSpline

    x, y = axes
    places = np.stack(np.meshgrid(x, y), axis=-1)
    deviation = values - linear(places.reshape(-1, 2)).reshape(values.shape)
    degrees = {"kx": min(3, len(x) - 1), "ky": min(3, len(y) - 1)}
    splines = [RectBivariateSpline(x, y, deviation[..., at].T, **degrees) for at in (0, 1)]

    def at(points: np.ndarray) -> np.ndarray:
        # Outside of their table, these splines go on with the value at its edge.
        return np.stack([spline.ev(*points.T) for spline in splines], axis=1)

    return _where_finite(at)


def _of_points(places: np.ndarray, deviation: np.ndarray) -> Deviation:
    """The distortion by a thin-plate spline through that of control points."""
    from scipy.interpolate import RBFInterpolator

    places, index = np.unique(places, axis=0, return_index=True)
    low, high = places.min(axis=0), places.max(axis=0)
    size, extent = (high - low).max(), _BEYOND * (high - low)
    spline = RBFInterpolator((places - low) / size, deviation[index])

    def at(points: np.ndarray) -> np.ndarray:
        near = np.clip(points, low - extent, high + extent)
        return np.asarray(spline((near - low) / size))

    return _where_finite(at)


def _where_finite(function: Deviation) -> Deviation:
    def at(points: np.ndarray) -> np.ndarray:
        out = np.full(points.shape, np.nan)
        known = np.isfinite(points).all(axis=1)
        out[known] = function(points[known])
        return out

    return at


def _control_points(
    told: Mapping[str, Any], properties: Mapping[str, Any]
) -> tuple[np.ndarray, np.ndarray] | None:
    """Points of the image and of the plane, (N, 2) each; None where there is no spline."""
    names = [f"SplineWorldTransformation:ControlPoints:{name}" for name in ("Image", "World")]
    if all(name in told for name in names):
        image, world = (np.asarray(told[name], float).reshape(-1, 2) for name in names)
    elif (old := properties.get(SPLINE, properties.get(OLD_SPLINE))) is not None:
        text = bytes(old).decode("ascii", "replace") if not isinstance(old, str) else old
        lines = text.partition("[")[2].partition("]")[0].split()
        table = np.array([[float(number) for number in line.split(";")[:4]] for line in lines])
        image, world = table[:, :2], table[:, 2:]
    else:
        return None
    if len(image) != len(world) or len(image) < 3:
        raise ValueError("it has too few control points")
    return image[:_MOST_POINTS], world[:_MOST_POINTS]
