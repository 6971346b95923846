"""What is painted and set, as files: masks, polygons, sample points and presets.

A layer as a file is the cells of the fit at full resolution. Reduced to these cells again, it is
the same layer bit for bit, so that a job with the file gives the result of the page.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ..errors import OutputError
from ..image.bands import row_bands
from ..io import atomic, png
from ..io.names import default_name
from ..io.orientation import Turn
from ..io.sample_points import csv
from ..samples.points import SamplePoints
from ..settings.text import to_toml
from .document import Document, changed_settings
from .engine import Engine
from .layers import Grid, Painted
from .outlines import outlines


class Exports:
    """The files of a session, in one folder.

    What this session wrote itself is replaced; another file of the same name is an error, unless
    overwriting is allowed or its content is the same.

    Parameters
    ----------
    engine : Engine
    folder : Path
    """

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine, self._folder = engine, folder
        self._own: set[Path] = set()
        self._new: list[Path] = []

    @contextmanager
    def of_job(self) -> Iterator[None]:
        """Remove what a job has written anew if it fails: its images come last."""
        self._new = []
        try:
            yield
        except BaseException:
            self._own.difference_update(self._new)
            for path in self._new:
                path.unlink(missing_ok=True)
            raise

    def path(self, what: str) -> Path:
        """The file of an export, like ``not_sky.png``."""
        name, _, suffix = what.rpartition(".")
        return default_name(self._engine.path, self._folder, name, f".{suffix}")

    def layer(self, what: str, painted: Painted, *, overwrite: bool = False) -> Path:
        """Write a layer as PNG or GeoJSON: ``not_sky.png``, ``sky.geojson`` and so on.

        Raises
        ------
        OutputError
            If it cannot be written, or nothing is painted.
        """
        name, _, kind = what.rpartition(".")
        cells = painted.not_sky if name == "not_sky" else painted.sky
        if not cells.any():
            words = {"not_sky": "not sky", "sky": "sky"}[name]
            raise OutputError(f"nothing is painted as {words}: there is nothing to write")
        shape = self._engine.size
        if kind == "png":
            # The sky is white: what is not painted, or what is.
            content = b"".join(_png(cells, painted.grid, shape, white=name == "sky"))
        else:
            content = _geojson(cells, painted.grid, shape, self._engine.turn, name).encode()
        return self._written(self.path(what), content, overwrite)

    def samples(self, document: Document, *, overwrite: bool = False) -> Path:
        """Write the sample points as CSV, in pixels of the image as the file stores it."""
        if not document.samples:
            raise OutputError("there are no samples: there is nothing to write")
        turn = self._engine.turn
        points = SamplePoints.of(document.samples)
        points = points.mirrored(self._engine.size, rows=turn.rows, columns=turn.columns)
        return self._written(self.path("samples.csv"), csv(points.rows).encode(), overwrite)

    def preset(self, document: Document, *, overwrite: bool = False) -> Path:
        """Write the settings that differ from the defaults as a preset."""
        name = os.fsencode(self._engine.path.name).decode(errors="replace")
        about = {"description": f"As set in the live page for {name}"}
        text = to_toml(about | changed_settings(document.settings))
        return self._written(self.path("preset.toml"), text.encode(), overwrite)

    def _written(self, path: Path, content: bytes, overwrite: bool) -> Path:
        allowed = overwrite or path in self._own or _holds(path, content)
        atomic.check_targets([path], overwrite=allowed, inputs=[self._engine.path])
        with atomic.staged([path], overwrite=allowed) as (part,):
            self._new += [] if path.exists() else [path]
            part.write_bytes(content)
        self._own.add(path)
        return path


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.stat().st_size == len(content) and path.read_bytes() == content
    except OSError:
        return False


def _png(cells: np.ndarray, grid: Grid, shape: tuple[int, int], *, white: bool) -> Iterator[bytes]:
    """A grey picture of the size of the image, upright, as PNG files are."""

    def bands() -> Iterator[np.ndarray]:
        for rows in row_bands(shape):
            own = grid.enlarged(cells, rows, shape[1])
            yield np.where(own == white, np.uint8(255), np.uint8(0))

    return png.encoded(bands(), shape)


def _geojson(cells: np.ndarray, grid: Grid, shape: tuple[int, int], turn: Turn, name: str) -> str:
    """Polygons in pixels of the image as the file stores it."""
    height, width = shape

    def place(x: int, y: int) -> tuple[int, int]:
        x, y = min(x * grid.side, width), min(y * grid.side, height)
        return width - x if turn.columns else x, height - y if turn.rows else y

    def ring(corners: list[tuple[int, int]]) -> list[tuple[int, int]]:
        placed = [place(*corner) for corner in corners]
        if turn.rows != turn.columns:  # a mirrored ring runs the other way round
            placed.reverse()
        return [*placed, placed[0]]

    polygons = [[ring(each) for each in polygon] for polygon in outlines(cells)]
    geometry = {"type": "MultiPolygon", "coordinates": polygons}
    feature = {"type": "Feature", "properties": {"name": name}, "geometry": geometry}
    return json.dumps({"type": "FeatureCollection", "features": [feature]}) + "\n"
