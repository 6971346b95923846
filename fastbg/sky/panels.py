"""The sky of a mosaic: one surface for each panel, and all of them fitted together.

The steps at the seams are taken away first (`fastbg.sky.steps`), and the sky of what is left is
searched for as in any frame: objects are seen as a whole, whichever panels they lie in. With the
weights that are found there, the surfaces of all panels are then fitted to the image itself, in one
problem of least squares in which the steps at the seams are data, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ..image.kernels import FASTEST, NUMPY, Kernels
from ..image.stretch import Stretch
from ..spline.panels import Panels, Seam, boxes, shares, within
from .basis import Basis
from .blas import one_thread
from .cost import CLEAR, CLEAR_PENALTY, least_cost_of
from .detection import Sky, detect_sky
from .grid import grid_side
from .mesh import Mesh, mesh_of
from .robust_fit import LEAST_WEIGHT
from .selection import MOST_FITS
from .smoothing_spline import Splines
from .steps import Step, levelled, steps_at_seams
from .surface import PROTECTIONS, Choice, Surface, fit_surface

CANDIDATES = ((2, 1.0), (2, 1e-2), (2, 1e-3), (3, 1e-3))
"""The degree of the polynomials that cost nothing, and the stiffness of the rest, of all panels."""

PENALTY = 0.3
"""A candidate is taken if it lowers the logarithm of what is unexplained by more than this."""

SEAMS_PENALTY = 0.05
"""Seams that were found are obeyed if they lower that logarithm by more than this: the detector of
an infrared camera, whose halves are read one after the other, has a step and no panels. One surface
pays for its bending, for of what it then explains, much may be a nebula."""

SKY = 0.5
"""Cells that are sky by less than this part have no part in the last fit: nothing bulges."""


class PanelSplines(Splines):
    """The bases of all panels as one: each has its own coordinates, and is 0 in other panels.

    Parameters
    ----------
    seams : sequence of Seam
    mesh : Mesh
    weight : ndarray, (P,)
        How much each cell counts: the energy of a panel counts as much as its cells.
    steps : sequence of Step
        The steps at the seams, each as good as a cell.
    degree, stiffness
        See `Basis.of_degree`.
    """

    def __init__(
        self,
        seams: Sequence[Seam],
        mesh: Mesh,
        weight: np.ndarray,
        steps: Sequence[Step],
        degree: int,
        stiffness: float,
    ) -> None:
        y, x = mesh.points.T
        of_cell = np.argmax(np.broadcast_arrays(*shares(seams, y, x)), axis=0)
        self._seams, self._boxes = tuple(seams), boxes(seams)
        bases, parts, cells = [], [], []
        for number, box in enumerate(self._boxes):
            own = np.flatnonzero(of_cell == number)
            points = np.stack(within(box, y[own], x[own]), axis=1)
            side = grid_side(int(np.count_nonzero(mesh.usable[own])))
            basis = Basis(points, side).of_degree(min(degree, side - 1), stiffness)
            bases.append(basis.first(basis.used(stiffness)))
            parts.append(max(weight[own].sum() / weight.sum(), LEAST_WEIGHT))
            cells.append(own)
        free = sum(basis.free for basis in bases)
        seen = np.concatenate([b.seen / part for b, part in zip(bases, parts, strict=True)])
        order = np.argsort(-seen, kind="stable")
        self.seen, place = seen[order], free + np.argsort(order)
        self.matrix = np.zeros((len(weight), free + len(seen)))
        self._panels: list[tuple[Splines, np.ndarray, np.ndarray]] = []
        level = bent = 0
        for basis, part, own in zip(bases, parts, cells, strict=True):
            count = len(basis.seen)
            columns = np.r_[level : level + basis.free, place[bent : bent + count]]
            scale = np.r_[np.ones(basis.free), np.full(count, part**-0.5)]
            self.matrix[np.ix_(own, columns)] = basis.matrix * scale
            self._panels.append((basis, columns, scale[:, np.newaxis]))
            level, bent = level + basis.free, bent + count
        self._steps = np.zeros((len(steps), self.matrix.shape[1]))
        for number in range(len(bases)):
            self._add_steps(number, steps)
        self._levels = np.array([step.level for step in steps]).reshape(len(steps), -1)

    def _add_steps(self, number: int, steps: Sequence[Step]) -> None:
        """What one panel contributes to the steps at its seams."""
        own = [row for row, step in enumerate(steps) if number in step.panels]
        if own:
            basis, columns, scale = self._panels[number]
            sign = [1 if steps[row].panels[1] == number else -1 for row in own]
            y, x = np.array([steps[row].point for row in own]).T
            points = np.stack(within(self._boxes[number], y, x), axis=1)
            values = np.array(sign)[:, np.newaxis] * basis.at(points)
            self._steps[np.ix_(np.array(own), columns)] += values * scale[:, 0]

    def _sums(
        self,
        data: np.ndarray,
        weight: np.ndarray,
        used: int,
        points: np.ndarray | slice = slice(None),
    ) -> np.ndarray:
        """Those of `Splines`; the whole has the steps, too."""
        sums = super()._sums(data, weight, used, points)
        if isinstance(points, slice) and len(self._steps):
            steps = self._steps[:, :used]
            sums[:used, :used] += steps.T @ steps
            sums[:used, used:] += steps.T @ self._levels
        return sums

    def spline(self, coordinates: np.ndarray) -> Panels:  # type: ignore[override]
        """The mosaic with coordinates (M, K)."""
        every = (basis.spline(coordinates[own] * scale) for basis, own, scale in self._panels)
        return Panels(self._seams, tuple(every))


def detect_panels(
    linear: np.ndarray,
    weight: np.ndarray,
    y: np.ndarray,
    x: np.ndarray,
    stretch: Stretch,
    protection: str,
    seams: Sequence[Seam],
    watch: Callable[[int], None] = lambda done: None,
    threads: int = 1,
    kernels: Kernels = FASTEST,
    given: bool = False,
    known: np.ndarray | None = None,
    flexibility: int = 0,
    objects: np.ndarray | None = None,
) -> Sky:
    """Find the sky of a down-scaled mosaic.

    Parameters and errors as for `fastbg.sky.detection.detect_sky`, whose result it is without
    seams, and where panels do not explain more than one surface does, unless the seams are given.
    Blocks that a seam crosses get no weight. Panels have `CANDIDATES` of their own; a higher number
    is the last of them.
    """
    how = stretch, protection
    if not seams:
        own = known, flexibility, objects
        return detect_sky(*(linear, weight, y, x, *how), *(watch, threads, kernels, *own))
    plain, half = None, MOST_FITS // 2
    if not given:
        # Two searches, whose fits are told as those of one.
        plain = detect_sky(
            *(linear, weight.copy(), y, x, *how),
            *(lambda done: watch(done // 2), threads, kernels, known, flexibility, objects),
        )
    panel = panel_of_blocks(seams, y, x)
    weight *= panel[..., np.newaxis] >= 0
    mesh = mesh_of(linear, weight, y, x, known, objects)
    steps = steps_at_seams(linear, y, x, panel, seams)
    flat = levelled(linear, y, x, panel, seams, steps)
    sky = detect_sky(
        *(flat, weight, y, x, *how),
        *(lambda done: watch(half + done // 2), threads, kernels, known),
        objects=objects,
    )
    # Without what the search has left out altogether.
    mesh = replace(mesh, weight=np.minimum(mesh.weight, sky.mesh.weight))
    surface = _fitted(seams, mesh, sky.surface.weight, steps, protection, flexibility)
    if plain and surface.unexplained + SEAMS_PENALTY >= least_cost_of(plain.surface):
        return plain
    return Sky(stretch, mesh, [surface], sky.weight, tuple(seams))


def panel_of_blocks(seams: Sequence[Seam], y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """(h, w): the number of the panel that each block is in; -1 for one that a seam crosses."""
    sizes = [(at[-1] - at[0]) / max(1, len(at) - 1) for at in (y, x)]
    wide = [replace(seam, width=seam.width + sizes[seam.axis]) for seam in seams]
    found = np.full((len(y), len(x)), -1)
    for number, share in enumerate(shares(wide, y[:, np.newaxis], x)):
        found[np.broadcast_to(share == 1, found.shape)] = number
    return found


@one_thread
def _fitted(
    seams: Sequence[Seam],
    mesh: Mesh,
    weight: np.ndarray,
    steps: Sequence[Step],
    protection: str,
    flexibility: int,
) -> Surface:
    """The surfaces of all panels, from stiff to flexible as far as that explains enough more."""
    chain: list[Surface] = []
    # A mask that is obeyed leaves sky alone.
    tolerances = PROTECTIONS.get(protection, PROTECTIONS["off"])
    known = weight
    for degree, stiffness in CANDIDATES:
        splines = PanelSplines(seams, mesh, known, steps, degree, stiffness)
        chain.append(fit_surface(splines, mesh, weight, stiffness, tolerances, NUMPY))
        weight = chain[-1].weight
    costs = [each.unexplained + PENALTY * number for number, each in enumerate(chain)]
    best = int(np.argmin(costs))
    for following in chain[best + 1 :]:
        now = chain[best]
        if now.explained < CLEAR or following.unexplained + CLEAR_PENALTY >= now.unexplained:
            break
        best += 1
    wanted = min(flexibility, len(chain)) or best + 1
    choice = Choice(wanted, best + 1, tuple(each.explained for each in chain))
    surface = replace(chain[wanted - 1], choice=choice)
    sky = np.where(surface.weight > SKY * mesh.weight, surface.weight, 0)
    return replace(surface, weight=sky).solved(mesh) if sky.any() else surface.solved(mesh)
