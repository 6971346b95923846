"""One surface, fitted to the sky by iteratively reweighted least squares.

The weights of cells fall off with their distance from the surface, first within a wide tolerance
and then within narrower ones, so that the fit does not stop in a local minimum (graduated
non-convexity: A. Blake and A. Zisserman, Visual Reconstruction, MIT Press 1987). They fall off
faster above the surface, where objects are, than below it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..image.kernels import FASTEST, Kernels
from ..image.robust import medians
from .mesh import Mesh
from .neighbourhood import largest_region
from .robust_fit import LEAST_WEIGHT, Protection, robust_fitter, weighted_deviation
from .smoothing_spline import Splines, combined

EXPLAINED = 0.05
"""A cell is explained within ``hypot(3 noise, EXPLAINED * deviation of the surface)``."""

ENVELOPE_STIFFNESS = 1e-3
"""The stiffness of the surface of `lower_envelope`."""

LOWEST = (0.002, 30)
"""What `lower_envelope` takes for multiples of one shape. They are two numbers a channel and need
few cells, and where objects leave hardly any sky, those above would lift them."""

LEAST_UNEXPLAINED = 1e-2
"""Smaller shares of cells that are not explained are not told apart: of pure noise in three
channels, 0.8 % are beyond three standard deviations."""


MISSED_ANYWAY = 0.1
"""Of what is known to be sky, a surface misses this part and one cell for other causes than its
shape, such as stars: few cells tell less than many."""

NEARLY = 3.0
"""Multiples of one shape miss what is known to be sky from so many times the distance on within
which it is explained: a sky has one colour but nearly, and nobody sees where a halo ends."""

MISSED = 0.7
"""A surface misses what is known to be sky if it has more than this: see `Surface.missed`."""

KNOWN_OBJECTS = 0.5
"""Objects that are known from the start count as so much of what is not explained. Without them, a
surface would bend under them for little; with all of them, it would not bend where it must."""

PROTECTIONS = {
    "off": Protection(np.inf, np.inf, np.inf, 1.5),
    "auto": Protection(2.5, 4.0, 1.5, 1.5),
    "strong": Protection(1.5, 3.0, 0.8, 2.5),
    "difference": Protection(3.0, 3.0, np.inf, 1.5),
}
"""How readily a cell is taken for an object, and what differs in a difference of two images."""


@dataclass(frozen=True)
class Choice:
    """Which of the candidates a surface is, from the stiffest, 1, to the most flexible.

    Attributes
    ----------
    flexibility : int
        The number of the candidate.
    automatic : int
        The number that was or would have been selected without a wish.
    explained : tuple of float
        The share of the usable cells that lies on each candidate that was tried, from the first on.
    """

    flexibility: int
    automatic: int
    explained: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Surface:
    """A fitted surface.

    Attributes
    ----------
    splines : Splines
        The basis of the surface.
    coordinates : ndarray, (M, K)
        Its coordinates in that basis.
    weight : ndarray, (P,), in [0, 1]
        How much each cell is sky.
    stiffness : float
    explained : float
        The share of the usable cells that lies on the surface.
    below : float
        The share that lies below it.
    concave : float, in [0, 1]
        How much of its curvature is concave: see `fastbg.sky.curvature`.
    joint : (Mesh, Surface), optional
        The surface of one channel of which all channels are multiples, and the mesh to which it
        was fitted.
    rivals : tuple of (float, Surface)
        The other surfaces that were fitted to the same mesh, each behind what it costs more than
        this one.
    doubts : tuple of str
        What the search itself doubts, for the user: whole sentences with a cure, without a period.
    glow : tuple of str
        The corners and edges of the frame, or the horizon, from which a steep light comes that is
        part of the surface; see `fastbg.sky.glow` and `fastbg.sky.horizon`.
    choice : Choice or None
        Which candidate it is.
    missed : float
        The logarithm of how much of what is known to be sky it misses, relative to what is missed
        anyway; 0 where nothing is.
    objects : float
        The share of the frame that is objects which are known from the start.
    halo : ndarray, (P, Q), optional
        Functions whose sum in each channel is light that was fitted beside the surface, but is no
        part of it; see `fastbg.sky.halo`.
    guessed : bool
        Whether it is a guess of what lies behind objects that hide most of the frame; see
        `fastbg.sky.outskirts`.
    """

    splines: Splines
    coordinates: np.ndarray
    weight: np.ndarray
    stiffness: float
    explained: float
    below: float
    concave: float = 1.0
    joint: tuple[Mesh, Surface] | None = None
    rivals: tuple[tuple[float, Surface], ...] = ()
    doubts: tuple[str, ...] = ()
    glow: tuple[str, ...] = ()
    missed: float = 0.0
    objects: float = 0.0
    choice: Choice | None = None
    halo: np.ndarray | None = None
    guessed: bool = False

    @cached_property
    def values(self) -> np.ndarray:
        """(P, K), linear, at the cells."""
        values = combined(self.splines.matrix, self.coordinates)
        values.flags.writeable = False
        return values

    @property
    def automatic(self) -> bool:
        """Whether nobody wanted a surface that bends otherwise."""
        return self.choice is None or self.choice.flexibility == self.choice.automatic

    @property
    def unexplained(self) -> float:
        """The logarithm of the share of cells that is not explained.

        What is known to be sky counts once more: it is no object that a surface may pass by. An
        object that is known is explained by no surface, like one that a search finds.
        """
        left = 1 - self.explained * (1 - KNOWN_OBJECTS * self.objects)
        return float(np.log(max(left, LEAST_UNEXPLAINED))) + self.missed

    @property
    def odds(self) -> float:
        """The odds explained : unexplained."""
        return self.explained / max(1 - self.explained, LEAST_UNEXPLAINED)

    def judged(self, mesh: Mesh) -> Surface:
        """The same surface with what it explains of a mesh."""
        _, explained, below = _judged(self.values, mesh, self.weight)
        return replace(self, explained=explained, below=below)

    def solved(self, mesh: Mesh) -> Surface:
        """The same surface in float64, for the weights with which the search ended."""
        coordinates = self.splines.solve(mesh.values, self.weight, self.stiffness)
        return replace(self, coordinates=coordinates)


def beside_rivals(selected: Surface, tried: Sequence[tuple[float, Surface]]) -> Surface:
    """The surface with its `rivals`: all that were tried, behind their costs, but itself."""
    own = next(cost for cost, each in tried if each.weight is selected.weight)
    others = [each for each in tried if each[1].weight is not selected.weight]
    return replace(selected, rivals=tuple((cost - own, each) for cost, each in others))


def fit_surface(
    splines: Splines,
    mesh: Mesh,
    weight: np.ndarray,
    stiffness: float,
    protection: Protection,
    kernels: Kernels = FASTEST,
) -> Surface:
    """Fit a surface to the sky and find which cells are sky.

    Parameters
    ----------
    splines : Splines
        The basis of the surface, at the cells.
    mesh : Mesh
    weight : ndarray, (P,), in [0, 1]
        The weight of each cell in the first iteration.
    stiffness : float
        See `Splines.solve`.
    protection : Protection
    kernels : Kernels, optional
    """
    found = robust_fitter(kernels)(splines, mesh, weight, stiffness, protection)
    far, explained, below = _judged(found.values, mesh, found.weight)
    return Surface(
        *(splines, found.coordinates, found.weight, stiffness, explained, below),
        missed=_missed(far >= (1 if len(splines.seen) else NEARLY), mesh),
        objects=float(mesh.objects.sum() / (mesh.weight.sum() + mesh.objects.sum())),
    )


def _judged(values: np.ndarray, mesh: Mesh, weight: np.ndarray) -> tuple[np.ndarray, float, float]:
    """How far cells are off a surface, (P, K), the share that it explains, and that below it.

    From 1 on, a cell is not explained.
    """
    off = (mesh.values - values) / explained_within(values, mesh, weight)
    far = np.abs(off).max(axis=1)
    total = mesh.weight.sum()
    explained = mesh.weight @ (far < 1) / total
    below = mesh.weight @ (off < -1).mean(axis=1) / total
    return far, float(explained), float(below)


def _missed(off: np.ndarray, mesh: Mesh) -> float:
    known = mesh.weight * mesh.known
    anyway = 1 + MISSED_ANYWAY * known.sum()
    return float(np.log((known @ off + anyway) / anyway))


def explained_within(surface: np.ndarray, mesh: Mesh, weight: np.ndarray) -> np.ndarray:
    """(K,): the distance from a surface, (P, K), within which it explains a cell."""
    within: np.ndarray = np.hypot(3 * mesh.noise, EXPLAINED * weighted_deviation(surface, weight))
    return within


def lower_envelope(
    splines: Splines, mesh: Mesh, above_counts: float = 0.05, iterations: int = 8
) -> np.ndarray:
    """The weight of the cells below a stiff surface that most cells lie above.

    Asymmetric least squares: P. H. C. Eilers and H. F. M. Boelens, Baseline correction with
    asymmetric least squares smoothing, 2005.

    Parameters
    ----------
    splines : Splines
    mesh : Mesh
    above_counts : float, in (0, 0.5), optional
        The weight of a cell above the surface; one below it has the rest of 1. The smaller it is,
        the lower the surface, and the more iterations it needs.
    iterations : int, optional
    """
    solve = splines.solver(mesh.values, mesh.weight, ENVELOPE_STIFFNESS)
    unit = weighted_deviation(mesh.values, mesh.weight)
    part, more = 1.0, np.zeros(len(mesh.weight))
    for _ in range(iterations):
        above = (mesh.values - combined(splines.matrix, solve(part, more))) / unit
        below = np.where(above.mean(axis=1) > 0, above_counts, 1 - above_counts)
        # Most cells lie above, and have this part of their weight.
        part = above_counts
        more = mesh.weight * (np.maximum(below, mesh.known) - part)
    return part * mesh.weight + more


def largest_smooth_region(mesh: Mesh) -> np.ndarray:
    """The weight of the largest connected region of the frame without an edge in it.

    The outline of a landscape separates it from the sky.
    """
    usable = mesh.usable.reshape(mesh.shape)
    scale = np.maximum(mesh.noise, np.finfo(np.float32).tiny)
    values = np.where(mesh.usable[:, np.newaxis], mesh.values / scale, np.nan)
    grid = values.reshape(*mesh.shape, -1)
    steepest = np.zeros(mesh.shape)
    for axis in (0, 1):
        step = np.nan_to_num(np.abs(np.diff(grid, axis=axis)).mean(axis=2), nan=np.inf)
        for side in (slice(1, None), slice(None, -1)):
            part = steepest[side] if axis == 0 else steepest[:, side]
            np.maximum(part, step, out=part)
    smooth = usable & (steepest < 3 * medians(steepest[usable]))
    if not smooth.any():
        return mesh.weight
    region = largest_region(smooth).ravel()
    weight: np.ndarray = mesh.weight * np.maximum(region, np.maximum(mesh.known, LEAST_WEIGHT))
    return weight
