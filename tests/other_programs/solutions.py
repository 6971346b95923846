"""Astrometric solutions: where programs see the pixels of what fastbg writes, in pixels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from fastbg.coordinates import pixinsight
from fastbg.io import xisf

from .written import SHAPE, Kind, again, pixels

PLACES = np.indices((5, 5)).reshape(2, -1) * (np.array([SHAPE]).T - 1) / 4
"""Rows and columns of the pixels that are asked for, as they are stored, the first one 0."""

PCL = "PCL:AstrometricSolution:"
GRID = f"{PCL}SplineWorldTransformation:PointGridInterpolation:"
POINTS = f"{PCL}SplineWorldTransformation:ControlPoints:"
MATRIX = np.array([[-1e-3, 1e-4], [-1e-4, -1e-3]])
"""Degrees for each pixel of x and y, which go right and down."""

SIP = {"A_ORDER": 2, "A_2_0": 2e-3, "A_1_1": -1e-3, "B_ORDER": 2, "B_0_2": -2e-3, "B_2_0": 1e-3}
TPV = {"PV1_1": 1.0, "PV1_4": 1.5, "PV1_6": -0.7, "PV2_1": 1.0, "PV2_4": -1.2, "PV2_6": 0.8}


FORMATS = {"FITS": ".fits", "tiles": ".fits.fz", "XISF": ".xisf", "TIFF": ".tif"}


class Solution:
    """Where the pixels of `PLACES` lie in the sky: right ascension and declination, in degrees.

    Attributes
    ----------
    sky, linear : ndarray, (2, N)
        With and without the distortion.
    """

    def __init__(self, sky: Any, linear: Any) -> None:
        self.sky, self.linear = np.array(sky), np.array(linear)

    def told(self, sky: Any) -> str:
        """In words, by how many pixels a program places them elsewhere."""
        if not np.size(sky):
            return "not told"
        off = _pixels_between(self.sky, np.array(sky))
        from_linear = _pixels_between(self.linear, np.array(sky))
        if off < 1e-3:
            return "same"
        if from_linear < 1e-3:
            return f"other: {off:.2g} pixels, no distortion"
        if off > 1000:
            return "other: elsewhere in the sky"
        return f"same within {off:.2g} pixels" if off < 0.1 else f"other: {off:.2g} pixels"


def _pixels_between(one: np.ndarray, other: np.ndarray) -> float:
    """The largest distance of points in the sky, in pixels of these solutions."""
    ra = (other[0] - one[0] + 180) % 360 - 180
    east = ra * np.cos(np.radians(one[1]))
    return float(np.hypot(east, other[1] - one[1]).max() / np.hypot(*MATRIX[0]))


def linear_cards(kind: str = "TAN") -> fits.Header:
    """Keywords of an image whose rows go up."""
    header = fits.Header()
    header["CTYPE1"], header["CTYPE2"] = f"RA---{kind}", f"DEC--{kind}"
    header["CRVAL1"], header["CRVAL2"] = 192.72, 41.12
    header["CRPIX1"], header["CRPIX2"] = 20.0, 30.0
    header["CD1_1"], header["CD1_2"] = -1e-3, 1e-4
    header["CD2_1"], header["CD2_2"] = 1e-4, 1e-3
    header["EQUINOX"] = 2000.0
    return header


def cards(kind: str) -> fits.Header:
    """Those of a TAN, TAN-SIP or TPV solution."""
    header = linear_cards(kind)
    header.update({"TAN-SIP": SIP, "TPV": TPV}.get(kind, {}))
    return header


def by_astropy(header: fits.Header) -> np.ndarray:
    """The sky of `PLACES` by keywords."""
    y, x = PLACES
    return np.array(WCS(header, naxis=2).pixel_to_world_values(x, y))


def plane_of(points: np.ndarray) -> np.ndarray:
    """The plane of the projection, in degrees, of x and y as PixInsight counts them, (N, 2)."""
    away = points - [19.5, 33.5]
    return away @ MATRIX.T + 2e-6 * away**2 * [1, -1] + 1e-6 * (away[:, :1] * away[:, 1:])


def properties(kind: str) -> dict[str, Any]:
    """Those of PixInsight for a linear solution, control points or tables."""
    told: dict[str, Any] = {
        f"{PCL}ProjectionSystem": "Gnomonic",
        f"{PCL}ReferenceCelestialCoordinates": np.array([192.72, 41.12]),
        f"{PCL}ReferenceImageCoordinates": np.array([19.5, 33.5]),
        f"{PCL}LinearTransformationMatrix": MATRIX,
        f"{PCL}ReferenceNativeCoordinates": np.array([0.0, 90.0]),
        f"{PCL}CelestialPoleNativeCoordinates": np.array([180.0, 90.0]),
    }
    x, y = np.meshgrid(np.linspace(0, 50, 11), np.linspace(0, 63, 13))
    image = np.stack([x.ravel(), y.ravel()], axis=1)
    if kind == "control points":
        told |= {f"{POINTS}Image": image.ravel(), f"{POINTS}World": plane_of(image).ravel()}
    elif kind == "tables":
        told |= _table("ImageToNative", (0.0, 0.0, 50.0, 64.0), 2.0, plane_of)
        (left, low), (right, high) = (f(plane_of(image), axis=0) for f in (np.min, np.max))
        told |= _table("NativeToImage", (left, low, right, high), 0.002, _points_of)
    return told


def _points_of(plane: np.ndarray) -> np.ndarray:
    """The inverse of `plane_of`, step by step."""
    inverse = np.linalg.inv(MATRIX).T
    points = plane @ inverse + [19.5, 33.5]
    for _ in range(40):
        points = points + (plane - plane_of(points)) @ inverse
    return points


def _table(way: str, rect: Any, delta: float, function: Any) -> dict[str, Any]:
    at = f"{GRID}{way}:"
    columns, rows = (1 + int(np.ceil((b - a) / delta)) for a, b in (rect[::2], rect[1::2]))
    x, y = np.meshgrid(rect[0] + delta * np.arange(columns), rect[1] + delta * np.arange(rows))
    values = function(np.stack([x.ravel(), y.ravel()], axis=1)).reshape(rows, columns, 2)
    return {
        at + "Rect": np.array(rect), at + "Delta": delta,
        at + "GridX": values[..., 0], at + "GridY": values[..., 1],
    }  # fmt: skip


def by_properties(told: dict[str, Any]) -> np.ndarray:
    """The sky of `PLACES` by properties."""
    system = pixinsight.system_of(told)
    assert system is not None
    return np.array(system.to_sky(*PLACES[::-1]))


def truth_of(kind: str) -> Solution:
    """That of the properties, by the plane itself."""
    points = PLACES[::-1].T + 0.5
    header = linear_cards()
    header.update(CRPIX1=1.0, CRPIX2=1.0, CD1_1=1.0, CD1_2=0.0, CD2_1=0.0, CD2_2=1.0)
    flat = (points - [19.5, 33.5]) @ MATRIX.T
    planes = [flat if kind == "linear" else plane_of(points), flat]
    return Solution(*(WCS(header).pixel_to_world_values(*plane.T) for plane in planes))


def _fits(header: fits.Header) -> Callable[[Path, Path], None]:
    def make(path: Path, source: Path) -> None:
        fits.PrimaryHDU(pixels("f4"), header).writeto(source.with_suffix(".fits"))
        again(source.with_suffix(".fits"), path)

    return make


def _of_pixinsight(kind: str, header: fits.Header | None = None) -> Callable[[Path, Path], None]:
    def make(path: Path, source: Path) -> None:
        from coordinates import property_of

        told = xisf.XisfHeader()
        image = told.root.find("Image")
        elements = [property_of(*each) for each in properties(kind).items()]
        elements += [
            f'<FITSKeyword name="{card.keyword}" value="{_text(card.value)}" comment=""/>'
            for card in (header.cards if header else ())
        ]
        image.extend(map(xisf.header.ET.fromstring, elements))
        xisf.write(source.with_suffix(".xisf"), pixels("f4")[..., np.newaxis], header=told)
        again(source.with_suffix(".xisf"), path)

    return make


def _text(value: Any) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value)


def kinds() -> list[Kind]:
    """All kinds, in the order of the document."""
    found: list[tuple[str, str, Any, Solution]] = []
    linear = by_astropy(linear_cards())
    by_keywords = {
        kind: Solution(by_astropy(cards(kind)), linear) for kind in ("TAN", "TAN-SIP", "TPV")
    }
    for kind, truth in by_keywords.items():
        for name, suffix in FORMATS.items():
            found.append((f"{kind}, {name}", suffix, _fits(cards(kind)), truth))
    without = cards("TAN")
    del without["EQUINOX"]
    found.append(("TAN without EQUINOX, FITS", ".fits", _fits(without), by_keywords["TAN"]))
    turned = cards("TAN-SIP")
    turned["ROWORDER"] = "BOTTOM-UP"
    upright = by_keywords["TAN-SIP"]
    found.append(("TAN-SIP, BOTTOM-UP, FITS", ".fits", _fits(turned), upright))
    for kind in ("linear", "control points", "tables"):
        found.append((f"{kind} of PixInsight, XISF", ".xisf", _of_pixinsight(kind), truth_of(kind)))
    return [
        Kind("Astrometric solutions", row, suffix, make, truth, f"sky{suffix}")
        for row, suffix, make, truth in found
    ]
