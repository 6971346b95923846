"""The objects that a job protects from the start: those of the catalogue, and those at places."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..image.frame import Frame
from ..image.outlines import Outline, large_enough, usable
from ..io.image_file import ImageFile
from ..settings.places import Place, places
from ..settings.settings import Settings

if TYPE_CHECKING:
    from ..catalogue import Extended
    from ..coordinates.system import Coordinates

NO_COORDINATES = (
    "has no coordinate system, by which {} would be found: solve it in a program that writes one"
)


def outlines_of(
    file: ImageFile, frame: Frame, settings: Settings
) -> tuple[tuple[Outline, ...], list[str]]:
    """The outlines on the fitted image of a file, and warnings.

    Raises
    ------
    InputError
        If the file has no coordinates and they are needed, or the catalogue is not installed.
    """
    told = places(settings.protect_at)
    if not settings.catalogue and not told:
        return (), []
    from ..catalogue import circle, objects_in
    from .coordinates import coordinates_of

    coordinates = None
    if settings.catalogue or any(place.sky for place in told):
        coordinates = coordinates_of(file, frame.pattern)
        if coordinates is None:
            what = "objects of the catalogue" if settings.catalogue else "a place in the sky"
            raise InputError(f"{file.path} {NO_COORDINATES.format(what)}")
    objects = objects_in(coordinates) if settings.catalogue and coordinates else []
    in_pixels = [_in_pixels(place, file, frame) for place in told if not place.sky]
    return placed(frame, coordinates, [*objects, *map(circle, _in_sky(told))], in_pixels)


def outlines_of_array(
    image: Any, frame: Frame, settings: Settings
) -> tuple[tuple[Outline, ...], list[str]]:
    """The same on an array; an NDData or CCDData of astropy may have a coordinate system.

    Raises
    ------
    InputError
        As for a file.
    """
    told = places(settings.protect_at)
    if not settings.catalogue and not told:
        return (), []
    from ..catalogue import circle, objects_in
    from ..coordinates.fits import celestial
    from ..coordinates.system import Coordinates

    shape = frame.samples.shape
    coordinates = None
    if settings.catalogue or any(place.sky for place in told):
        wcs = getattr(image, "wcs", None)
        system = None if wcs is None else celestial(dict(wcs.to_header(relax=True)), shape)
        if system is None:
            raise InputError(
                "an array has no coordinate system, by which objects in the sky would be found: "
                "give a file, a CCDData with a WCS, or places in pixels"
            )
        whole = Coordinates(system, shape)
        coordinates = whole.binned(2) if frame.pattern else whole
    objects = objects_in(coordinates) if settings.catalogue and coordinates else []
    pixels = [in_pixels(place) for place in told if not place.sky]
    if frame.pattern:
        pixels = [each.scaled(0.5) for each in pixels]
    return placed(frame, coordinates, [*objects, *map(circle, _in_sky(told))], pixels)


def placed(
    frame: Frame,
    coordinates: Coordinates | None,
    objects: list[Extended],
    in_pixels: list[Outline],
) -> tuple[tuple[Outline, ...], list[str]]:
    """The outlines that a search can obey, and warnings about the others.

    Parameters
    ----------
    frame : Frame
    coordinates : Coordinates or None
        Those of the fitted image.
    objects : list of Extended
        What is in the sky.
    in_pixels : list of Outline
        What is given in pixels of the fitted image.
    """
    shape = frame.image.shape
    found = (each.outline(coordinates) for each in objects if coordinates is not None)
    given = [each for each in found if each is not None and large_enough(each, shape)]
    kept, warnings = usable([*given, *in_pixels], shape)
    if not kept:
        warnings.append(
            "no object that was asked for is protected: none is in the image, larger than a cell "
            "of the search and smaller than the frame"
        )
    return tuple(kept), warnings


def _in_sky(told: list[Place]) -> list[Place]:
    return [place for place in told if place.sky]


def _in_pixels(place: Place, file: ImageFile, frame: Frame) -> Outline:
    """A place in pixels as the file stores them, on the fitted image."""
    stored = in_pixels(place)
    turn = file.turn
    upright = stored.mirrored(frame.samples.shape, rows=turn.rows, columns=turn.columns)
    return upright.scaled(0.5) if frame.pattern else upright


def in_pixels(place: Place) -> Outline:
    """A place in pixels, from the outer corner of the first one."""
    return Outline(place.name, place.second - 0.5, place.first - 0.5, place.radius, place.radius)
