"""Writes simulated sets into folders, with what is known of them, for the command line to try."""

from __future__ import annotations

import base64
import json
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scenes import Shape

from .fields import Grid
from .frames import Frame
from .nights import WAYS as NIGHT_WAYS
from .nights import Night, night
from .panels import Mosaic, merged, mosaic
from .references import WAYS as PAIR_WAYS
from .references import Pair, pair

if TYPE_CHECKING:
    from fastbg.io.xisf.header import XisfHeader

FORMATS = ("fits", "xisf")
ACROSS = (2, 3)
"""How many panels lie side by side."""

Writers = Iterator[tuple[str, Callable[[Path], None]]]
"""Names of sets, and what writes each into a folder."""


def pairs(name: str, shape: Shape, seed: int, ending: str) -> Writers:
    """Writers of a frame and its reference in each of the ways of references.py."""
    for way in PAIR_WAYS:
        told = {"ending": ending, "coordinates": way == "wide"}
        yield way, partial(write_pair, pair=pair(name, shape, seed, way), **told)


def nights(name: str, shape: Shape, seed: int, ending: str) -> Writers:
    """Writers of frames of one field in each of the ways of nights.py."""
    for way in NIGHT_WAYS:
        told = {"ending": ending, "coordinates": way == "coordinates"}
        yield way, partial(write_night, night=night(name, shape, seed, way), **told)


def mosaics(name: str, shape: Shape, seed: int, ending: str) -> Writers:
    """Writers of panels, and of panels in one image."""
    for across in ACROSS:
        found = mosaic(name, shape, seed, across)
        yield f"{across}x{across}", partial(write_mosaic, mosaic=found, ending=ending)
    image, labels = merged(name, shape, seed)
    yield "merged", partial(write_merged, mosaic=image, labels=labels, ending=ending)


def write_frame(path: Path, frame: Frame, *, coordinates: bool) -> None:
    """Write an image as FITS or XISF, by its name, and its true background beside it.

    The background is in the folder ``truth``, as FITS; the scale is in a JSON file there.
    """
    from fastbg.io import fits, xisf

    own: Any = _Keywords(frame.grid if coordinates else None)
    module, header = fits, own
    if path.suffix == ".xisf":
        module, header = xisf, _solution(frame.grid) if coordinates else None
    truth = path.parent / "truth"
    truth.mkdir(parents=True, exist_ok=True)
    for to, pixels, create, told in (
        (path, frame.image, module.create, header),
        (truth / f"{path.stem}.fits", frame.background, fits.create, own),
    ):
        planes = np.moveaxis(pixels, 2, 0)
        with create(to, planes.shape, header=told) as file:
            file.write_rows(slice(0, planes.shape[1]), planes)
    known = {
        "scale": frame.scale.tolist(),
        "noise": frame.noise.tolist(),
        "centre": frame.grid.centre,
        "turn": frame.grid.turn,
        "pixel": frame.grid.scale,
    }
    text = json.dumps(known, indent=1) + "\n"
    (truth / f"{path.stem}.json").write_text(text, encoding="utf-8")


def write_pair(folder: Path, pair: Pair, ending: str, *, coordinates: bool) -> None:
    """Write ``target`` and ``reference``."""
    for name in ("target", "reference"):
        path = folder / f"{name}.{ending}"
        write_frame(path, getattr(pair, name), coordinates=coordinates)


def write_night(folder: Path, night: Night, ending: str, *, coordinates: bool) -> None:
    """Write ``frame01`` and so on, and ``reference``."""
    write_frame(folder / f"reference.{ending}", night.reference, coordinates=coordinates)
    for number, frame in enumerate(night.frames, start=1):
        write_frame(folder / f"frame{number:02}.{ending}", frame, coordinates=coordinates)


def write_mosaic(folder: Path, mosaic: Mosaic, ending: str) -> None:
    """Write ``panel1`` and so on."""
    for number, panel in enumerate(mosaic.panels, start=1):
        write_frame(folder / f"panel{number}.{ending}", panel, coordinates=True)


def write_merged(folder: Path, mosaic: Frame, labels: np.ndarray, ending: str) -> None:
    """Write ``mosaic`` and the number of each pixel's panel, ``panels.fits``."""
    from fastbg.io import fits

    write_frame(folder / f"mosaic.{ending}", mosaic, coordinates=False)
    with fits.create(folder / "panels.fits", (1, *labels.shape), dtype=labels.dtype) as file:
        file.write_rows(slice(0, len(labels)), labels[np.newaxis])


class _Keywords:
    """A header of the keywords of an image on a grid, or of none."""

    def __init__(self, grid: Grid | None) -> None:
        from fastbg.io.keywords import Keyword

        values = {} if grid is None else grid.coordinates()
        self.keywords = tuple(
            Keyword(name, f"'{value}'" if isinstance(value, str) else repr(value), "")
            for name, value in values.items()
        )


def _solution(grid: Grid) -> XisfHeader:
    """A header with the properties in which PixInsight stores where an image lies on the sky."""
    from fastbg.io.xisf.header import XisfHeader

    told, header = grid.coordinates(), XisfHeader()
    image = header.root.find("Image")
    assert image is not None

    def add(name: str, kind: str, size: dict[str, str], text: str) -> None:
        item = {"id": f"PCL:AstrometricSolution:{name}", "type": kind, **size}
        ET.SubElement(image, "Property", item).text = text

    def numbers(name: str, values: list[float], kind: str, **size: int) -> None:
        raw = base64.b64encode(np.array(values, "<f8").tobytes()).decode()
        sizes = {word: str(value) for word, value in size.items()}
        add(name, kind, sizes | {"location": "inline:base64"}, raw)

    def values(*names: str) -> list[float]:
        return [float(told[name]) for name in names]

    # Its pixels count from the outer corner of the first one, whose centre is 1 in FITS.
    place = [value - 0.5 for value in values("CRPIX1", "CRPIX2")]
    matrix = values("CD1_1", "CD1_2", "CD2_1", "CD2_2")
    add("ProjectionSystem", "String", {}, "Gnomonic")
    numbers("ReferenceCelestialCoordinates", values("CRVAL1", "CRVAL2"), "F64Vector", length=2)
    numbers("ReferenceImageCoordinates", place, "F64Vector", length=2)
    numbers("LinearTransformationMatrix", matrix, "F64Matrix", rows=2, columns=2)
    return header
