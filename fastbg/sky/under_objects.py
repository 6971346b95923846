"""The surface under objects, where no sky is seen: stiffer than elsewhere, so as not to bulge.

A surface that bends freely to follow a steep glow bends freely across a nebula as well, up to the
few cells of its outskirts that count as sky. What it takes away there is light of the nebula.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..image.robust import medians
from .mesh import Mesh
from .neighbourhood import gaussian_mean
from .surface import Surface

STIFFNESS = 100.0
"""The weight of a squared second derivative under an object, in cells, relative to that of the
square of a residual on the sky."""

BORDER = 3
"""Fewer cells than this from the border, an object may as well be light from outside of the frame:
the additional stiffness rises from the outermost cells on."""

AT_BORDER = 2.0
"""The change must be a bump inside: its mean square in the two outermost rows of cells is at most
this many times as large as inside."""


def stiffened(surface: Surface, mesh: Mesh) -> Surface:
    """The surface that is stiffer under objects, if that takes away a bump, or the same one."""
    hidden = _hidden(surface, mesh)
    cells = np.flatnonzero(hidden)
    splines, weight = surface.splines, surface.weight
    if not cells.size or splines.matrix.shape[1] == splines.free:
        return surface
    seen = splines.matrix[:, : splines.used(surface.stiffness)]
    rows = _laplacian(seen, cells, mesh.shape[1]) * np.sqrt(STIFFNESS * hidden[cells, np.newaxis])
    rows[:, : splines.local] = 0  # a steep light bends as it does: only its strength is fitted
    coordinates = splines.solve(mesh.values, weight, surface.stiffness, rows)
    changed = replace(surface, coordinates=coordinates)
    return changed if _takes_away_a_bump(surface, changed, mesh) else surface


def _hidden(surface: Surface, mesh: Mesh) -> np.ndarray:
    """(P,), in [0, 1]: how much each cell is hidden by an object inside of the frame."""
    excluded = np.maximum(mesh.weight + mesh.objects - surface.weight, 0)
    above = (mesh.values > surface.values).mean(axis=1) > 0.5
    above |= mesh.objects > 0.5
    # A surface cannot bulge under a single cell.
    wide = gaussian_mean((excluded * above).reshape(mesh.shape), 1.0).ravel() > 0.5
    row, column = np.indices(mesh.shape)
    rows, columns = mesh.shape
    to_border = np.minimum.reduce([row, rows - 1 - row, column, columns - 1 - column]).ravel()
    inside = np.clip((to_border - 1) / BORDER, 0, 1)
    hidden: np.ndarray = excluded * above * wide * inside
    return hidden


def _laplacian(matrix: np.ndarray, cells: np.ndarray, columns: int) -> np.ndarray:
    """(n, M): the second derivatives of each function, (P, M), at cells that lie inside."""
    around = sum(matrix[cells + step] for step in (-columns, -1, 1, columns))
    laplacian: np.ndarray = around - 4 * matrix[cells]
    return laplacian


def _takes_away_a_bump(before: Surface, after: Surface, mesh: Mesh) -> bool:
    noise = np.maximum(mesh.noise, np.finfo(np.float32).tiny)
    taken = ((before.values - after.values) / noise).mean(axis=1)
    # From the level at which nothing is taken: that of the sky.
    taken -= medians(taken[before.weight >= 0.3 * before.weight.max()])
    inside = np.zeros(mesh.shape, bool)
    inside[2:-2, 2:-2] = True
    within = taken[inside.ravel() & mesh.usable]
    at_border = taken[~inside.ravel() & mesh.usable]
    if not at_border.size:
        return False
    small = np.mean(at_border**2) <= AT_BORDER * np.mean(within**2)
    return bool(small and np.mean(within**3) > 0)
