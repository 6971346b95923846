"""Writes simulated sets into folders, with what is known of them, for the command line to try."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from scenes import Shape

from .fields import Grid
from .frames import Frame
from .nights import WAYS as NIGHT_WAYS
from .nights import Night, night
from .panels import Mosaic, merged, mosaic
from .references import WAYS as PAIR_WAYS
from .references import Pair, pair

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

    header = _Header(frame.grid if coordinates else None)
    module = xisf if path.suffix == ".xisf" else fits
    truth = path.parent / "truth"
    truth.mkdir(parents=True, exist_ok=True)
    for to, pixels, create in (
        (path, frame.image, module.create),
        (truth / f"{path.stem}.fits", frame.background, fits.create),
    ):
        planes = np.moveaxis(pixels, 2, 0)
        with create(to, planes.shape, header=header) as file:
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


class _Header:
    """The keywords of an image on a grid, or none."""

    def __init__(self, grid: Grid | None) -> None:
        from fastbg.io.keywords import Keyword

        values = {} if grid is None else grid.coordinates()
        self.keywords = tuple(
            Keyword(name, f"'{value}'" if isinstance(value, str) else repr(value), "")
            for name, value in values.items()
        )
