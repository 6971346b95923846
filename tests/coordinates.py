"""Coordinate systems, and images of one sky, for tests."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from fastbg.coordinates import fits
from fastbg.coordinates.system import Coordinates

CENTRE = 210.8, 54.3
"""Right ascension and declination, in degrees."""

PCL = "PCL:AstrometricSolution:"
SPLINE = f"{PCL}SplineWorldTransformation:"


def header(
    shape: tuple[int, int], scale: float = 2.0, angle: float = 0.0, **more: Any
) -> dict[str, Any]:
    """Keywords of an image (H, W), TAN; the scale in arc seconds, the angle in degrees.

    Also ``mirror``, ``sip`` and ``shift`` in pixels, or further keywords.
    """
    step, turn = scale / 3600, np.radians(angle)
    mirror = -1 if more.pop("mirror", False) else 1
    sip, (down, right) = more.pop("sip", 0.0), more.pop("shift", (0, 0))
    suffix = "-SIP" if sip else ""
    told = {
        "CTYPE1": f"RA---TAN{suffix}", "CTYPE2": f"DEC--TAN{suffix}",
        "CRVAL1": CENTRE[0], "CRVAL2": CENTRE[1],
        "CRPIX1": (shape[1] + 1) / 2 + right, "CRPIX2": (shape[0] + 1) / 2 + down,
        "CD1_1": -step * np.cos(turn) * mirror, "CD1_2": step * np.sin(turn),
        "CD2_1": step * np.sin(turn) * mirror, "CD2_2": step * np.cos(turn),
    }  # fmt: skip
    if sip:
        size = max(shape) / 2
        told |= {"A_ORDER": 3, "B_ORDER": 3, "A_2_0": sip / size**2, "A_1_2": sip / size**3,
                 "B_1_1": -sip / size**2, "B_0_3": sip / size**3}  # fmt: skip
    return told | more


def keywords(told: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Keywords as a file spells them."""
    spelled = {name: f"'{v}'" if isinstance(v, str) else f"{v!s}" for name, v in told.items()}
    return [(name, text, "") for name, text in spelled.items()]


def coordinates(shape: tuple[int, int], *how: float, **more: Any) -> Coordinates:
    """The coordinates of an image (H, W) with such a header."""
    system = fits.system_of(keywords(header(shape, *how, **more)), shape)
    assert system is not None
    return Coordinates(system, shape)


def property_of(name: str, value: Any) -> str:
    """An element of XISF."""
    if isinstance(value, str):
        return f'<Property id="{name}" type="String">{value}</Property>'
    if isinstance(value, float):
        return f'<Property id="{name}" type="Float64" value="{value!r}"/>'
    if isinstance(value, bytes):
        text = base64.b64encode(value).decode()
        sizes = f'type="ByteArray" length="{len(value)}"'
    else:
        text = base64.b64encode(np.asarray(value, "<f8").tobytes()).decode()
        kind, names = ("Vector", ["length"]) if value.ndim == 1 else ("Matrix", ["rows", "columns"])
        sizes = f'type="F64{kind}" ' + " ".join(
            f'{n}="{size}"' for n, size in zip(names, value.shape, strict=True)
        )
    return f'<Property id="{name}" {sizes} location="inline:base64">{text}</Property>'


class Sky:
    """Stars of one sky, in pixels of a first image, and what other cameras see of them."""

    def __init__(self, rng: np.random.Generator, density: float, extent: float = 400) -> None:
        self.rng, count = rng, int(density * 4 * extent**2)
        self.places = rng.uniform(-extent, extent, (count, 2))
        self.light = np.minimum(rng.pareto(1.0, count) + 1, 300)

    def seen(self, shape, scale=1.0, angle=0.0, mirror=False, shift=(0, 0), dropped=0.0, slope=50):
        """An image (H, W) and the function from its middle to its pixels.

        One of its pixels has so many of the first image, a part of the stars is not in it, and the
        sky brightens along its rows.
        """
        turn = np.radians(angle)
        matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) / scale
        matrix = matrix * np.array([1, -1 if mirror else 1])

        def pixels(places):
            return (places - np.array(shift)) @ matrix.T + (np.array(shape) - 1) / 2

        image = self.rng.normal(1000, 3, shape) + np.linspace(0, slope, shape[1])
        kept = self.rng.random(len(self.places)) >= dropped
        light = self.light * np.exp(self.rng.normal(0, 0.2, len(kept)))
        spot = np.arange(-8, 9)
        for (y, x), flux in zip(pixels(self.places)[kept], light[kept], strict=True):
            row, column = round(y), round(x)
            if 8 <= row < shape[0] - 8 and 8 <= column < shape[1] - 8:
                along = [np.exp(-((spot + a - b) ** 2) / 3) for a, b in ((row, y), (column, x))]
                image[row - 8 : row + 9, column - 8 : column + 9] += 40 * flux * np.outer(*along)
        return image.astype(np.float32), pixels
