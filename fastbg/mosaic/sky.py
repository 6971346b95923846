"""The backgrounds of panels in the form of a sky that was found: see `fastbg.sky.detection`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..image.stretch import Stretch
from ..sky.detection import Sky, pixel_weight
from ..sky.mesh import mesh_of
from ..sky.robust_fit import LEAST_WEIGHT
from ..sky.smoothing_spline import Splines
from ..sky.surface import Surface, explained_within
from ..spline.panels import FRAME, Box, within
from ..spline.patches import Numbers, Patches
from .surfaces import STIFFNESS, STIFFNESS_OF_STEPS, Background

LITTLE = 0.01
"""A cell is sky from this weight on."""


@dataclass(frozen=True, eq=False)
class Patchwork:
    """The backgrounds of the panels of one image.

    Attributes
    ----------
    backgrounds : sequence of Background
    boxes : tuple of Box
        The part of the image that each panel fills.
    numbers : Numbers or None
        Which panel a point belongs to; None for a single one.
    """

    backgrounds: Sequence[Background]
    boxes: tuple[Box, ...] = (FRAME,)
    numbers: Numbers | None = None

    @property
    def is_whole(self) -> bool:
        """Whether one panel is all of the image."""
        return self.numbers is None and self.boxes == (FRAME,)

    def sky(
        self,
        small: np.ndarray,
        used: np.ndarray,
        y: np.ndarray,
        x: np.ndarray,
        stretch: Stretch,
        share: np.ndarray,
    ) -> Sky:
        """The sky of the image.

        Parameters
        ----------
        small, used, y, x, stretch
            As for `fastbg.sky.detection.detect_sky`: the weight is overwritten.
        share : ndarray, (h, w), in [0, 1]
            How much of each pixel of the small copy is sky, apart from stars.
        """
        small, stretch = _widened(small, stretch)
        mesh = mesh_of(small, used, y, x)
        splines, coordinates = self._at(mesh.points, stretch)
        surface = splines.matrix @ coordinates
        rows, columns = (
            np.clip((at * size).astype(int), 0, size - 1)
            for at, size in zip(mesh.points.T, share.shape, strict=True)
        )
        weight = mesh.weight * np.maximum(share[rows, columns], LEAST_WEIGHT)
        if not (weight > LITTLE).any():
            weight = mesh.weight  # no sky at all: something has to be looked at
        off = (mesh.values - surface) / explained_within(surface, mesh, weight)
        total = mesh.weight.sum()
        found = Surface(
            splines,
            coordinates,
            weight,
            STIFFNESS if self.numbers is None else STIFFNESS_OF_STEPS,
            float(mesh.weight @ (np.abs(off) < 1).all(axis=1) / total),
            float(mesh.weight @ (off < -1).mean(axis=1) / total),
        )
        pixels = pixel_weight(small, mesh, found)
        if pixels.any():
            used *= pixels[..., np.newaxis]
        return Sky(stretch, mesh, [found], used)

    def _at(self, points: np.ndarray, stretch: Stretch) -> tuple[Splines, np.ndarray]:
        """The functions at points of the image, and their coordinates in the space of a stretch."""
        number = np.zeros(len(points), int)
        if self.numbers is not None:
            number = self.numbers.at(*points.T)
        parts, coordinates = [], []
        for own, (each, box) in enumerate(zip(self.backgrounds, self.boxes, strict=True)):
            inside = np.stack(within(box, *points.T), axis=1)
            matrix = each.splines.at(inside) * (number == own)[:, np.newaxis]
            parts.append(each.splines.on(matrix))
            scaled = each.coordinates / stretch.scale
            scaled[each.splines.free - 1] -= stretch.pedestal / stretch.scale
            coordinates.append(scaled)
        if self.is_whole:
            return parts[0], coordinates[0]
        joined = Joined(parts, self.boxes, self.numbers)
        return joined, joined.order(coordinates)


def _widened(small: np.ndarray, stretch: Stretch) -> tuple[np.ndarray, Stretch]:
    """A small copy in a linear stretch that goes beyond its samples.

    Where an object covers all of a panel, its background is lower than any of its samples, and a
    stretch would clamp it.
    """
    low, high = stretch.pedestal, stretch.pedestal + stretch.scale
    ends = low - stretch.scale, low, high + stretch.scale, high + stretch.scale
    return (small + 1) / 3, Stretch.linear(np.stack(ends, axis=1))


class Joined(Splines):
    """The functions of all panels as one basis: each is 0 at the points of other panels.

    Parameters
    ----------
    parts : sequence of Splines
        Those of each panel, at the points of the image.
    boxes, numbers
        See `Patchwork`.
    """

    def __init__(
        self, parts: Sequence[Splines], boxes: tuple[Box, ...], numbers: Numbers | None
    ) -> None:
        self._parts, self._boxes, self._numbers = parts, boxes, numbers
        last = np.cumsum([part.matrix.shape[1] for part in parts])
        places = [np.arange(b - p.matrix.shape[1], b) for p, b in zip(parts, last, strict=True)]
        free = np.concatenate([at[: p.free] for p, at in zip(parts, places, strict=True)])
        bends = np.concatenate([at[p.free :] for p, at in zip(parts, places, strict=True)])
        seen = np.concatenate([part.seen for part in parts])
        descending = np.argsort(-seen, kind="stable")
        # Where each function of all panels, one panel after the other, is in the basis.
        self._order = np.concatenate([free, bends[descending]])
        matrix = np.hstack([part.matrix for part in parts])[:, self._order]
        centres = np.concatenate([part.centres for part in parts])
        super().__init__(matrix, np.zeros((0, matrix.shape[1])), seen[descending], centres)

    def order(self, coordinates: Sequence[np.ndarray]) -> np.ndarray:
        """(M, K): the coordinates of all panels as those of the basis."""
        return np.concatenate(coordinates)[self._order]

    def spline(self, coordinates: np.ndarray) -> Patches:  # type: ignore[override]
        """The panels with coordinates (M, K)."""
        plain = np.empty_like(coordinates)
        plain[self._order] = coordinates
        sizes = [part.matrix.shape[1] for part in self._parts]
        own = np.split(plain, np.cumsum(sizes)[:-1])
        every = (part.spline(each) for part, each in zip(self._parts, own, strict=True))
        return Patches((), tuple(every), self._boxes, self._numbers)
