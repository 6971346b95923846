"""Celestial coordinate systems of FITS keywords, by astropy and its wcslib.

Greisen and Calabretta 2002, A&A 395, 1061; Calabretta and Greisen 2002, A&A 395, 1077; SIP: Shupe
et al. 2005, ASPC 347, 491; TPV, and TAN with PV as SCAMP has them.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from .system import Pair

_NAMES = re.compile(
    r"(CTYPE|CRVAL|CRPIX|CDELT|CROTA|CUNIT)[12]|(CD|PC)[12]_[12]|(PV|PS)[12]_\d+|"
    r"[AB]P?_(ORDER|DMAX|\d_\d)|LONPOLE|LATPOLE|RADESYS|RADECSYS|EQUINOX|EPOCH"
)
"""Keywords of the first two axes; further axes are the channels."""

NEAR = 1.5
"""Distortions count up to so many halves of the sides of an image from its middle."""

_TEXTS = ("CTYPE", "CUNIT", "RADESYS", "RADECSYS")

_NEEDED = {"CTYPE1", "CTYPE2", "CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2"}

_LINEAR = {"CD1_1", "CD1_2", "CD2_1", "CD2_2", "CDELT1"}


@dataclass(frozen=True, eq=False)
class FitsSystem:
    """A `fastbg.coordinates.system.System` of FITS keywords.

    Attributes
    ----------
    wcs : astropy.wcs.WCS
        Of two axes, both celestial.
    shape : (H, W) or None
        Of the image. Distortions are polynomials of the pixels of that, and mean nothing far
        outside of it.
    frame : astropy.coordinates.BaseCoordinateFrame or None
        That of its sky, where it is not ICRS.
    """

    wcs: Any
    shape: tuple[int, int] | None = None
    frame: Any = None

    def to_sky(self, x: np.ndarray, y: np.ndarray) -> Pair:
        first, second = self.wcs.all_pix2world(x, y, 0)
        lon, lat = (first, second) if self.wcs.wcs.lng == 0 else (second, first)
        if self.frame is None:
            return lon % 360, lat
        from astropy.coordinates import ICRS, SkyCoord

        sky = SkyCoord(lon, lat, unit="deg", frame=self.frame).transform_to(ICRS())
        return sky.ra.deg, sky.dec.deg

    def to_pixel(self, ra: np.ndarray, dec: np.ndarray) -> Pair:
        lon, lat = ra, dec
        if self.frame is not None:
            from astropy.coordinates import ICRS, SkyCoord

            sky = SkyCoord(ra, dec, unit="deg", frame=ICRS()).transform_to(self.frame)
            lon, lat = sky.spherical.lon.deg, sky.spherical.lat.deg
        first, second = (lon, lat) if self.wcs.wcs.lng == 0 else (lat, lon)
        x, y = self.wcs.wcs_world2pix(first, second, 0)
        if self.wcs.sip is not None and self.shape is not None:
            height, width = (size / 2 for size in self.shape)
            near = (np.abs(x - width) < NEAR * width) & (np.abs(y - height) < NEAR * height)
            place = np.nonzero(near)
            x, y = np.array(x), np.array(y)
            x[place], y[place] = self.wcs.all_world2pix(
                np.asarray(first)[place], np.asarray(second)[place], 0, quiet=True, tolerance=1e-4
            )
        return x, y


def system_of(
    keywords: Iterable[tuple[str, str, str]], shape: tuple[int, int]
) -> FitsSystem | None:
    """The celestial system that keywords tell.

    Parameters
    ----------
    keywords : iterable of (name, value, comment)
        As a file spells them: string values keep their quotes. Of several of one name, the first.
    shape : (H, W)
        Of the image.

    Returns
    -------
    FitsSystem or None
        None where they tell none, or only a part, as programs of cameras do.

    Raises
    ------
    InputError
        If they contradict each other.
    """
    texts: dict[str, str] = {}
    for name, text, _ in keywords:
        if _NAMES.fullmatch(name) and text.strip(" '"):
            texts.setdefault(name, text.strip().strip("'").replace("''", "'").strip())
    types = [texts.get(f"CTYPE{axis}", "").upper() for axis in (1, 2)]
    whole = texts.keys() >= _NEEDED and texts.keys() & _LINEAR
    if not whole or not all("-" in each for each in types):
        return None
    cards = {name: _value_of(name, text) for name, text in texts.items()}
    # astropy prints a line where the name of the projection and the keywords disagree about SIP.
    suffix = "-SIP" if {"A_ORDER", "B_ORDER"} <= cards.keys() else ""
    for axis, each in enumerate(types, start=1):
        cards[f"CTYPE{axis}"] = each.removesuffix("-SIP") + suffix
    return celestial(cards, shape)


def celestial(cards: dict[str, Any], shape: tuple[int, int] | None = None) -> FitsSystem | None:
    """The system of the values of keywords; None where it is not celestial.

    Raises
    ------
    InputError
        If they contradict each other.
    """
    from astropy.io.fits import Header
    from astropy.wcs import WCS
    from astropy.wcs.utils import wcs_to_celestial_frame

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wcs = WCS(Header(cards), naxis=2)
            if not wcs.has_celestial:
                return None
            frame = wcs_to_celestial_frame(wcs)
    except Exception as error:  # of astropy and of wcslib, of many kinds
        raise _broken(error) from error
    # FK5 of the equinox 2000 lies 0.02 arc seconds off ICRS, which no image shows.
    same = frame.name == "icrs" or (frame.name == "fk5" and frame.equinox.jyear == 2000)
    return FitsSystem(wcs, shape, None if same else frame)


def _value_of(name: str, text: str) -> str | float:
    if name.startswith(_TEXTS):
        return text
    try:
        return float(re.sub("[Dd]", "E", text.removeprefix("J")))
    except ValueError:
        raise _broken(f"{name} is {text}") from None


def _broken(cause: object) -> InputError:
    # wcslib begins with the line of its source, and tells the cause after it.
    words = str(cause).strip().rpartition("\n")[2].rstrip(". ")
    return InputError(
        f"has a broken coordinate system ({words}): solve it again, or remove its keywords"
    )
