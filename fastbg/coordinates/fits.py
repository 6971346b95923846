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

_LINEAR = ("CD1_1", "CD1_2", "CD2_1", "CD2_2", "CDELT1")


@dataclass(frozen=True, eq=False)
class FitsSystem:
    """A `fastbg.coordinates.system.System` of FITS keywords.

    Attributes
    ----------
    wcs : astropy.wcs.WCS
        Of two axes, both celestial.
    frame : astropy.coordinates.BaseCoordinateFrame or None
        That of its sky, where it is not ICRS.
    """

    wcs: Any
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
        # Those polynomials are solved by steps, of which some may not end far outside of the image.
        x, y = self.wcs.all_world2pix(first, second, 0, quiet=True, tolerance=1e-3)
        return x, y


def system_of(keywords: Iterable[tuple[str, str, str]]) -> FitsSystem | None:
    """The celestial system that keywords tell.

    Parameters
    ----------
    keywords : iterable of (name, value, comment)
        As a file spells them: string values keep their quotes. Of several of one name, the first.

    Returns
    -------
    FitsSystem or None
        None where they tell none, or only a part, as programs of cameras do.

    Raises
    ------
    InputError
        If they contradict each other.
    """
    cards: dict[str, Any] = {}
    for name, text, _ in keywords:
        value = _value_of(text)
        if _NAMES.fullmatch(name) and value is not None:
            cards.setdefault(name, value)
    types = [str(cards.get(f"CTYPE{axis}", "")).upper() for axis in (1, 2)]
    needed = {"CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2"} <= cards.keys()
    if not all("-" in each for each in types) or not needed or not cards.keys() & {*_LINEAR}:
        return None
    # astropy prints a line where the name of the projection and the keywords disagree about SIP.
    suffix = "-SIP" if {"A_ORDER", "B_ORDER"} <= cards.keys() else ""
    for axis, each in enumerate(types, start=1):
        cards[f"CTYPE{axis}"] = each.removesuffix("-SIP") + suffix
    return _system(cards)


def _system(cards: dict[str, Any]) -> FitsSystem | None:
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
        raise InputError(
            f"has a broken coordinate system ({error}): solve it again, or remove its keywords"
        ) from error
    # FK5 of the equinox 2000 lies 0.02 arc seconds off ICRS, which no image shows.
    same = frame.name == "icrs" or (frame.name == "fk5" and frame.equinox.jyear == 2000)
    return FitsSystem(wcs, None if same else frame)


def _value_of(text: str) -> str | float | None:
    """A value of a keyword, a number where it is one; None where there is none."""
    text = text.strip()
    if text.startswith("'"):
        return text.strip("'").replace("''", "'").strip()
    try:
        return float(re.sub("[Dd]", "E", text))
    except ValueError:
        return text or None
