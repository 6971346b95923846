"""The panels of a mosaic as files: each opened, reduced, and placed on a plane."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...checks import check_settings
from ...coordinates.system import Coordinates, unit_vectors
from ...errors import InputError
from ...mosaic.cells import Panel
from ...pipeline import Job
from ...result import Prepared, Reduced
from ...search_input import centres, objects_of, problem_of, softened
from ...sky.detection import Sky
from ..arguments import Masks
from ..coordinates import coordinates_of
from ..memory import MaxMemory
from ..outputs import Outputs
from ..source import Source, errors_of, read

NODES = 33
"""Coordinates are computed at so many places along each side, and interpolated between them."""

MOST_FILLED = 0.95
"""Images of one size without coordinates are on one canvas if all of them fill less of it."""


@dataclass(frozen=True, eq=False)
class Copy:
    """A panel that is open, with its small copy.

    Attributes
    ----------
    path : Path
    job : Job
    source : Source
    outputs : Outputs
    reduced : Reduced
    used : ndarray, (h, w, K), in [0, 1]
        How much of each down-scaled pixel may be used.
    known : ndarray, (h, w), or None
        How much of it is known to be sky.
    masked : bool
    """

    path: Path
    job: Job
    source: Source
    outputs: Outputs
    reduced: Reduced
    used: np.ndarray
    known: np.ndarray | None
    masked: bool

    @classmethod
    def of(
        cls,
        path: Path,
        job: Job,
        outputs: Outputs,
        files: ExitStack,
        drawn: tuple[Masks, Masks],
        max_memory: MaxMemory = None,
    ) -> Copy:
        """Open and reduce a panel; ``drawn`` are its masks and what is known to be sky."""
        mask, known_sky = drawn
        source = read(job, path, mask, known_sky, outputs, files, max_memory=max_memory)
        with errors_of(source), job.stages.stage("prepare"):
            weight, sky = source.drawn
            check_settings(job.settings, masked=weight is not None, sampled=False)
            reduced = job.reduce(source.frame)
            known = job.known(reduced, sky)
            used = job.weigh(reduced, weight, known)
        return cls(path, job, source, outputs, reduced, used, known, weight is not None)

    @property
    def shape(self) -> tuple[int, int]:
        """(h, w): that of the small copy."""
        height, width = self.used.shape[:2]
        return height, width

    @property
    def linear(self) -> np.ndarray:
        """(h, w, K): the small copy in linear units; NaN where it is unknown."""
        planes = np.moveaxis(self.reduced.small, 2, 0)
        values = self.reduced.own.invert(planes)[0]
        return np.moveaxis(np.where(np.isfinite(planes), values, np.nan), 0, 2)

    @property
    def weight(self) -> np.ndarray:
        """(h, w), in [0, 1]: how much of each down-scaled pixel may be sky."""
        factor = self.job.settings.feather / self.reduced.factor
        weight: np.ndarray = softened(self.used, self.known, factor).mean(axis=2)
        return weight

    def panel(self, places: tuple[np.ndarray, np.ndarray]) -> Panel:
        """The panel, at places on a plane."""
        y, x = centres(self.reduced)
        objects = objects_of(self.reduced, self.known)
        return Panel.of(self.linear, self.weight, places, y, x, self.known, objects)

    def prepared(self, sky: Sky) -> Prepared:
        """The problem that was fitted, with the sky that was found."""
        problem = problem_of(self.reduced, sky.weight, self.job.settings)
        own = self.reduced.frame, self.reduced.measured, self.reduced.stretch
        return Prepared(*own, problem, sky, self.masked)


def placed(copies: Sequence[Copy]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Where the down-scaled pixels of panels lie on one plane: (h, w) each.

    Raises
    ------
    InputError
        If one has no coordinates, and they are not on one canvas.
    """
    found = [coordinates_of(copy.source.file, copy.source.frame.pattern) for copy in copies]
    shapes = {copy.reduced.frame.image.shape for copy in copies}
    if not any(found) and len(shapes) == 1 and all(map(_is_part, copies)):
        return [_pixels(copy) for copy in copies]
    systems = []
    for copy, coordinates in zip(copies, found, strict=True):
        if coordinates is None:
            raise InputError(
                f"{copy.path} has no coordinate system, by which panels are placed: solve it in "
                "any program that writes one, or name the panels of a merged mosaic with --panels "
                "(panels= in Python)"
            )
        systems.append((coordinates, centres(copy.reduced)))
    return on_plane(systems)


def on_plane(
    every: Sequence[tuple[Coordinates, tuple[np.ndarray, np.ndarray]]],
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Places in the sky on one plane, in degrees from the middle of all, as they lie there.

    The projection is azimuthal and equidistant, which is defined for the whole sky.

    Parameters
    ----------
    every : sequence of (Coordinates, (y, x))
        Systems of images, with normalised coordinates of rows and columns.
    """
    from scipy.interpolate import RectBivariateSpline

    nodes, vectors = [], []
    for coordinates, axes in every:
        sizes = coordinates.shape
        own = [np.linspace(at[0], at[-1], NODES) for at in axes]
        grid = np.meshgrid(*(at * n - 0.5 for at, n in zip(own, sizes, strict=True)), indexing="ij")
        nodes.append(own)
        vectors.append(unit_vectors(*coordinates.to_sky(*grid)))
    middle = np.nansum([each.sum(axis=(0, 1)) for each in vectors], axis=0)
    middle /= np.linalg.norm(middle)
    east = np.cross(np.eye(3)[np.argmin(np.abs(middle))], middle)
    east /= np.linalg.norm(east)
    north = np.cross(middle, east)
    places = []
    for own, each, (_, axes) in zip(nodes, vectors, every, strict=True):
        if not np.isfinite(each).all():
            raise InputError(
                "the coordinate system of a panel is not defined in all of it: solve it again"
            )
        along, across = each @ middle, np.stack([each @ north, each @ east])
        sine = np.linalg.norm(across, axis=0)
        angle = np.degrees(np.arctan2(sine, along))
        plane = across * np.divide(angle, sine, where=sine > 0, out=np.zeros_like(angle))
        splines = (RectBivariateSpline(*own, coordinate, s=0) for coordinate in plane)
        v, u = (spline(*axes) for spline in splines)
        places.append((v, u))
    return places


def _is_part(copy: Copy) -> bool:
    seen = np.isfinite(copy.reduced.small).all(axis=2)
    return bool(seen.mean() < MOST_FILLED)


def _pixels(copy: Copy) -> tuple[np.ndarray, np.ndarray]:
    height, width = copy.reduced.frame.image.shape
    y, x = centres(copy.reduced)
    v, u = np.meshgrid(y * height, x * width, indexing="ij")
    return v, u
