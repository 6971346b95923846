"""Extended objects of OpenNGC, which lie in an image that has coordinates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .coordinates.system import Coordinates, unit_vectors
from .errors import InputError
from .image.outlines import Outline
from .settings.places import Place

BEYOND = {
    **dict.fromkeys(("Galaxy", "Galaxy Pair", "Galaxy Triplet", "Group of galaxies"), 1.5),
    **dict.fromkeys(("Globular Cluster", "Planetary Nebula"), 1.5),
    **dict.fromkeys(("HII Ionized region", "Emission Nebula", "Nebula", "Dark Nebula"), 1.2),
    **dict.fromkeys(("Reflection Nebula", "Star cluster + Nebula", "Supernova remnant"), 1.2),
}
"""How far outlines go beyond the size in the catalogue, by the kind of object.

That of a galaxy is the isophote of 25 mag per square arc second in B, and stacks go deeper. Open
clusters and associations have no light between their stars, and are left out."""

LARGEST = 4.0
"""Degrees: half the size of the largest object, with its surround."""

LEAST = 0.5
"""Arc minutes: smaller objects are not asked for."""


@dataclass(frozen=True)
class Extended:
    """An extended object.

    Attributes
    ----------
    name, kind : str
    ra, dec : float, degrees, ICRS
    major, minor : float, degrees
        The semi-axes of the outline.
    angle : float, degrees
        The position angle of the major axis, from north to east.
    """

    name: str
    kind: str
    ra: float
    dec: float
    major: float
    minor: float
    angle: float

    def outline(self, coordinates: Coordinates) -> Outline | None:
        """The outline on an image; None where that has no such place."""
        ends = [(0.0, 0.0), *((self.major, self.angle), (self.minor, self.angle + 90))]
        y, x = coordinates.to_pixel(*np.transpose([self._beside(*end) for end in ends]))
        if not np.isfinite([y, x]).all():
            return None
        along, across = (np.array([x[n] - x[0], y[n] - y[0]]) for n in (1, 2))
        major, minor = (float(np.hypot(*each)) for each in (along, across))
        if min(major, minor) <= 0:
            return None
        angle = float(np.degrees(np.arctan2(along[1], along[0])))
        return Outline(self.name, float(y[0]), float(x[0]), major, minor, angle)

    def _beside(self, distance: float, angle: float) -> tuple[float, float]:
        """The place at a distance in the direction of a position angle."""
        step, turn, dec = np.radians([distance, angle, self.dec])
        other = np.arcsin(np.sin(dec) * np.cos(step) + np.cos(dec) * np.sin(step) * np.cos(turn))
        east = np.sin(turn) * np.sin(step) * np.cos(dec)
        along = np.cos(step) - np.sin(dec) * np.sin(other)
        return (self.ra + np.degrees(np.arctan2(east, along))) % 360, float(np.degrees(other))


def objects_in(coordinates: Coordinates) -> list[Extended]:
    """The objects of the catalogue that may lie in an image, the largest first.

    Raises
    ------
    InputError
        If the catalogue is not installed.
    """
    try:
        from pyongc import ongc
    except ImportError as error:
        raise InputError(
            "the catalogue of objects needs the package pyongc: pip install 'fastbg[catalogue]'"
        ) from error
    height, width = coordinates.shape
    y, x = np.meshgrid(np.linspace(0, height - 1, 5), np.linspace(0, width - 1, 5))
    ra, dec = coordinates.to_sky(y.ravel(), x.ravel())
    places = unit_vectors(ra, dec)
    places = places[np.isfinite(places).all(axis=1)]
    middle = places.mean(axis=0) / np.linalg.norm(places.mean(axis=0))
    reach = np.degrees(np.arccos(np.clip(places @ middle, -1, 1)).max())
    north = np.degrees(np.arcsin(middle[2]))
    low, high = (north + side * (reach + LARGEST) for side in (-1, 1))
    # Its own limits exclude what lies on them. Those of right ascension undo others across 0 h, and
    # its circles lose objects beside the poles (pyongc 1.2.2).
    limits = {"mindec": max(low, -91.0), "maxdec": min(high, 91.0)}
    found = []
    for each in ongc.listObjects(minsize=LEAST, **limits):
        own = _extended(each)
        if own is not None:
            apart = unit_vectors(np.array(own.ra), np.array(own.dec)) @ middle
            if np.degrees(np.arccos(np.clip(apart, -1, 1))) < reach + own.major:
                found.append(own)
    return sorted(found, key=lambda each: -each.major)


def _extended(record: object) -> Extended | None:
    """An object of the catalogue, if it is extended."""
    kind = record.type  # type: ignore[attr-defined]
    place = record.rad_coords  # type: ignore[attr-defined]
    major, minor, angle = record.dimensions  # type: ignore[attr-defined]
    if kind not in BEYOND or place is None or not major:
        return None
    factor = BEYOND[kind]
    if minor and angle is None and minor < major:
        # It may lie in any direction: a circle that is not too large in most of them.
        minor, factor = major, 1.0
    semi, other = (factor * axis / 120 for axis in (major, minor or major))
    ra, dec = (float(each) for each in np.degrees(place))
    return Extended(_name(record), kind, ra, dec, semi, other, float(angle or 0))


def _name(record: object) -> str:
    """The number of Messier, or that of the catalogue as it is usually written."""
    messier = record.identifiers[0]  # type: ignore[attr-defined]
    if messier:
        return f"M{messier.removeprefix('M').lstrip('0')}"
    name: str = record.name  # type: ignore[attr-defined]
    letters = name.rstrip("0123456789")
    digits = name[len(letters) :].lstrip("0")
    return f"{letters}{digits}" if digits and letters.isalpha() else name


def circle(place: Place) -> Extended:
    """A place in the sky that was given by hand, as an object."""
    radius = place.radius
    return Extended(place.name, "given", place.first, place.second, radius, radius, 0.0)
