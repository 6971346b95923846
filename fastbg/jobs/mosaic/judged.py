"""What the pictures of a mosaic tell of its panels: which pixels are sky, and how certainly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...diagnostics import uncertainty
from ...diagnostics.whole_frame import WholeFrame
from ...mosaic.cells import Panel
from ...mosaic.picture import Found
from ...mosaic.solve import Solution
from ...result import Fitted
from ...sky.mesh import Mesh


@dataclass(frozen=True, eq=False)
class Judged:
    """One image of a mosaic as its picture shows it.

    Attributes
    ----------
    share : ndarray, (h, w), in [0, 1]
        How much of each pixel of the small copy is sky, apart from stars.
    uncertainty, jackknife, choice : ndarray, (h, w, K), linear
        As in `Diagnostics`, of the picture: what panels have in common is known better than that.
    """

    share: np.ndarray
    uncertainty: np.ndarray
    jackknife: np.ndarray
    choice: np.ndarray

    @classmethod
    def of(
        cls,
        shape: tuple[int, int],
        panels: Sequence[Panel],
        numbers: Sequence[int],
        solution: Solution,
    ) -> Judged:
        """That of a small copy, (h, w), which has the panels of some numbers."""
        channels = len(solution.level)
        planes = np.zeros((*shape, 1 + 3 * channels), np.float32)
        for group, found in zip(solution.groups, solution.found, strict=True):
            cells = np.column_stack([found.weight, *map(found.enlarged, _deviations(found))])
            for number in {*group} & {*numbers}:
                place, (top, left) = solution.places[number], panels[number].corner
                part = planes[top : top + place.shape[0], left : left + place.shape[1]]
                # Of a merged mosaic, each pixel belongs to one panel.
                own = np.isfinite(panels[number].values).all(axis=2) & (place >= 0)
                part[own] = cells[place[own]]
        return cls(planes[..., 0], *np.split(planes[..., 1:], 3, axis=2))

    def applied(self, fitted: Fitted, mesh: Mesh) -> Fitted:
        """The diagnostics of a panel with the uncertainty of the picture.

        A panel may be full of objects: what is bright in its corners, and how wide its sky is,
        tells nothing.
        """
        own = fitted.diagnostics
        rows, columns = (
            np.clip((at * size).astype(int), 0, size - 1)
            for at, size in zip(mesh.points.T, self.share.shape, strict=True)
        )
        deviation, jackknife, choice = (
            each[rows, columns].reshape(*mesh.shape, -1)
            for each in (self.uncertainty, self.jackknife, self.choice)
        )
        unknown = WholeFrame.unknown(mesh.shape, deviation.shape[2])
        frame = replace(unknown, seen=mesh.usable.reshape(mesh.shape), land=0.0)
        parts = {"jackknife": jackknife, "choice": choice}
        known = {"uncertainty": deviation, **parts, "whole_frame": frame}
        full = None if own.full is None else replace(own.full, **known)
        return replace(fitted, diagnostics=replace(own, full=full, **known))


def shared(solution: Solution) -> list[tuple[float, float]]:
    """How uncertain that is which the panels of each group share, and their gradients.

    Root mean squares over the picture, and over the panels, linear: the means over the channels.
    """
    told = []
    for numbers, found in zip(solution.groups, solution.found, strict=True):
        deviation = _deviations(found)[0][found.sky.mesh.usable]
        variances = [solution.backgrounds[number].values.var(axis=0) for number in numbers]
        squares = (deviation**2).mean(axis=0), np.mean(variances, axis=0)
        uncertain, gradient = (float(np.sqrt(each).mean()) for each in squares)
        told.append((uncertain, gradient))
    return told


def _deviations(found: Found) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(P, K) each, linear: the uncertainty of the sky of a picture, and its two parts."""
    surface, unit = found.sky.surface, found.sky.stretch.scale
    jackknife = uncertainty.of_surface(surface, found.sky.mesh, surface.values)
    choice = uncertainty.of_choice(surface)
    return unit * np.hypot(jackknife, choice), unit * jackknife, unit * choice
