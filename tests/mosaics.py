"""Panels of a sky that is known at every place, for the tests of mosaics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastbg.io import fits
from fastbg.io.keywords import Keyword

SHAPE, PIXEL, NOISE = (120, 150), 0.01, 1e-3
CENTRE = (83.0, 5.0)


@dataclass(frozen=True)
class Grid:
    """Where a panel lies: the offset of its middle in pixels, its turn in degrees, its pixel."""

    y: float
    x: float
    turn: float = 0.0
    scale: float = 1.0

    @property
    def matrix(self) -> np.ndarray:
        """(2, 2): from pixels (x, y) to degrees on the tangential plane."""
        turn = np.radians(self.turn)
        rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        return PIXEL * self.scale * np.array([[-1, 0], [0, 1]]) @ rotation

    def keywords(
        self, shape: tuple[int, int] = SHAPE, centre: tuple[float, float] = CENTRE
    ) -> dict[str, str | float]:
        """A TAN system around a centre, in degrees."""
        height, width = shape
        (a, b), (c, d) = self.matrix
        # The middle of the mosaic, in pixels of this panel.
        shift = np.linalg.solve(self.matrix, [PIXEL * self.x, -PIXEL * self.y])
        return {
            "CTYPE1": "RA---TAN",
            "CTYPE2": "DEC--TAN",
            "CRVAL1": centre[0],
            "CRVAL2": centre[1],
            "CRPIX1": (width + 1) / 2 + float(shift[0]),
            "CRPIX2": (height + 1) / 2 + float(shift[1]),
            "CD1_1": a,
            "CD1_2": b,
            "CD2_1": c,
            "CD2_2": d,
        }

    def plane(self, shape: tuple[int, int] = SHAPE) -> tuple[np.ndarray, np.ndarray]:
        """The places of all pixels on the tangential plane, in pixels of the mosaic."""
        height, width = shape
        y, x = np.mgrid[:height, :width]
        y, x = y - (height - 1) / 2, x - (width - 1) / 2
        (a, b), (c, d) = self.matrix / PIXEL
        return c * x + d * y + self.y, a * x + b * y - self.x


def sky(v: np.ndarray, u: np.ndarray, nebula: float = 0.0, seed: int = 1) -> np.ndarray:
    """Stars, and a nebula in the middle, at places on the plane."""
    rng = np.random.default_rng(seed)
    light = np.zeros(v.shape)
    for _ in range(150):
        y, x, peak = rng.uniform(-260, 260), rng.uniform(-320, 320), 0.002 * rng.pareto(1) + 0.002
        near = (np.abs(v - y) < 6) & (np.abs(u - x) < 6)
        square = (v[near] - y) ** 2 + (u[near] - x) ** 2
        light[near] += min(peak, 0.5) * np.exp(-square / 2.5)
    waves = 1 + 0.4 * np.sin(u / 11 + 1) * np.cos(v / 13)
    return light + nebula * waves * np.exp(-((v / 30) ** 2 + (u / 40) ** 2))


def background(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """A level and a gradient of its own."""
    y, x = ((np.arange(size) + 0.5) / size - 0.5 for size in shape)
    turn, steep = rng.uniform(0, 2 * np.pi), rng.uniform(0.8, 2)
    along = np.cos(turn) * y[:, np.newaxis] + np.sin(turn) * x
    level = rng.uniform(0.05, 0.08)
    return level + 0.01 * np.exp(steep * along) - 0.002 * (y[:, np.newaxis] ** 2 + x**2)


def grids(across: int, turn: float = 0.0, overlap: float = 0.1) -> list[Grid]:
    """The panels of a mosaic, row by row."""
    steps = np.arange(across) - (across - 1) / 2
    height, width = (round(size * (1 - overlap)) for size in SHAPE)
    rng = np.random.default_rng(across)
    return [
        Grid(y * height, x * width, rng.uniform(-turn, turn), 1 + 0.02 * turn * rng.uniform(-1, 1))
        for y in steps
        for x in steps
    ]


def write(path: Path, image: np.ndarray, keywords: dict[str, str | float] | None = None) -> Path:
    """A FITS file of (H, W) or (K, H, W)."""
    planes = np.atleast_3d(image.T).T.astype(np.float32)
    cards = tuple(
        Keyword(name, f"'{value}'" if isinstance(value, str) else repr(float(value)), "")
        for name, value in (keywords or {}).items()
    )
    header = type("Header", (), {"keywords": cards})()
    with fits.create(path, planes.shape, header=header) as file:
        file.write_rows(slice(0, planes.shape[1]), planes)
    return path


def panels(
    folder: Path,
    places: list[Grid],
    nebula: float = 0.0,
    seed: int = 1,
    centres: Sequence[tuple[float, float]] = (),
) -> tuple[list[Path], list[np.ndarray]]:
    """The files of panels, and their true backgrounds; each may have a centre of its own."""
    rng, paths, truth = np.random.default_rng(seed), [], []
    for number, grid in enumerate(places, start=1):
        truth.append(background(SHAPE, rng))
        image = sky(*grid.plane(), nebula) + truth[-1] + NOISE * rng.standard_normal(SHAPE)
        keywords = grid.keywords(SHAPE, centres[number - 1] if centres else CENTRE)
        paths.append(write(folder / f"p{number}.fits", image, keywords))
    return paths, truth
