"""The selection of the smooth surface that is the sky, among candidates from stiff to flexible.

Each candidate is a surface that may bend as far as its stiffness allows, fitted as
`fastbg.sky.surface` describes. The stiffest candidate that explains the frame is selected: one that
bends more is taken only if it leaves so much less unexplained that this outweighs its penalty. A
nebula has no smooth surface that fits it; a steep gradient has one.

Where objects hide most of a sky whose colour is the same everywhere, a sum of the channels in which
the objects cancel shows its shape (`fastbg.sky.colour`). The channels are then multiples of that
shape: one number each instead of a surface.

docs/sky.md describes the whole method and how each constant was chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from copy import copy
from dataclasses import replace
from itertools import zip_longest

import numpy as np

from ..image.kernels import FASTEST, Kernels
from . import horizon
from .basis import bases_of
from .blas import limit_this_thread, one_thread
from .clouds import DOUBT, STIFFNESS, are_clouds, without_fine_clouds
from .colour import joint_channels, stiffer_differences
from .cost import (
    CLEAR,
    POLYNOMIAL_CANDIDATES,
    Chain,
    best_chain,
    converged,
    costs_of,
    hopeless,
    least_cost,
    started,
)
from .curvature import concave_share
from .glow import Glow, find_glow
from .grid import checked, grid_side
from .halo import behind_halo
from .horizon import find_horizon
from .mesh import Mesh
from .outskirts import behind_outskirts
from .quiet import quiet_cells
from .robust_fit import LEAST_WEIGHT, Protection
from .smoothing_spline import Splines
from .starlight import before_stars
from .surface import (
    LOWEST,
    MISSED,
    PROTECTIONS,
    Choice,
    Surface,
    beside_rivals,
    fit_surface,
    largest_smooth_region,
    lower_envelope,
)
from .under_objects import stiffened

CANDIDATES = (
    *((1, 2e-3), (2, 1e-2), (2, 1e-3), (3, 1e-2)),
    *((3, 1e-3), (3, 1e-4), (3, 1e-5), (3, 1e-6), (3, 1e-7), (3, 1e-8)),
)
"""The degree of the polynomials that cost nothing, and the stiffness of the rest; see `Basis`."""

NEAR = 3
"""The first of the tolerances for a chain that starts from quiet cells: wider ones would let in
smooth dark dust again."""

MULTIPLES_PENALTY, SHAPE_PENALTY = -0.5, 0.05
"""The penalty of multiples of one shape, which is a reward: in a frame full of objects, their
explained share tells little for or against them, but that there is such a shape tells much. And
what the shape adds to that for each candidate beyond polynomials."""

GLOW_PENALTY = 0.02
"""The penalty of a glow at the border."""

MOST_FITS = 2 * (4 * len(CANDIDATES) + 1)
"""The largest number of fits that `select_surfaces` makes."""

Watch = Callable[[int], None]
"""Is told how many fits are done; what it raises ends the search."""


@one_thread
def select_surfaces(
    mesh: Mesh,
    protection: Protection,
    watch: Watch = lambda done: None,
    threads: int = 1,
    kernels: Kernels = FASTEST,
    flexibility: int = 0,
) -> list[Surface]:
    """The smooth surface that is most likely the sky, behind the stiffer ones that led to it.

    Parameters
    ----------
    mesh : Mesh
    protection : Protection
    watch : callable, optional
        Called on this thread with the number of fits that are done, of at most `MOST_FITS`; what it
        raises ends the search.
    threads : int, optional
        More than two are of no use.
    kernels : Kernels, optional
    flexibility : int, optional
        The number of the candidate to take, from 1 on; 0 = the most likely one.

    Raises
    ------
    InputError
        If fewer than `LEAST_CELLS` cells can be used.
    """
    search = _Search(mesh, protection, watch, threads, kernels, flexibility)
    search, (*stiffer, selected) = _with_glow(search, mesh)
    sky = stiffened(beside_rivals(selected, search.tried).solved(mesh), mesh)
    if protection == PROTECTIONS["auto"]:
        sky = without_fine_clouds(sky, mesh)
    parts = sky, mesh, search.bases.get(2), search.most_flexible
    hidden = before_stars(*parts) or behind_outskirts(*parts)
    sky = hidden or stiffer_differences(sky, mesh, [each.stiffness for each in stiffer])
    behind = search.behind_halo(mesh, sky)
    return [*stiffer, sky if behind is None else beside_rivals(behind, search.tried)]


def _followed(search: _Search, mesh: Mesh) -> tuple[list[Chain], Chain]:
    """All chains, and the one that costs least, up to its selected surface."""
    below = lower_envelope(search.stiffest, mesh)
    cold = search.chain(mesh, largest_smooth_region(mesh))
    chains = search.follow([search.chain(mesh, below, warm=True), cold])
    best = best_chain(chains)[-1]
    if best.missed > MISSED:
        known = mesh.weight * np.maximum(mesh.known, LEAST_WEIGHT)
        chains += search.follow([search.chain(mesh, known)])
    elif best.explained < CLEAR and (quiet := quiet_cells(mesh)) is not None:
        chains += search.follow([search.chain(mesh, quiet, first=NEAR)])
    for chain, penalty in started(chains):
        search.tried += zip(costs_of(chain, penalty), chain, strict=True)
    selected = best_chain(chains, search.wanted)
    selected[-1] = _chosen(selected[-1], len(selected), len(best_chain(chains)), chains)
    return chains, selected


def _select(search: _Search, mesh: Mesh) -> Chain:
    chains, selected = _followed(search, mesh)
    wanted = search.wanted
    plain = [each for chain in chains for each in chain[:POLYNOMIAL_CANDIDATES]]
    most = max([selected[-1], *plain], key=lambda surface: surface.explained)
    if search.how[0] == PROTECTIONS["auto"] and not wanted and are_clouds(mesh, most):
        return search.clouds(mesh, selected[-1])
    joint_mesh = joint_channels(mesh, search.most_flexible)
    if joint_mesh is None:
        return selected
    fits = search.cold_fits(joint_mesh)
    # In this channel, polynomials find nothing to follow.
    automatic = min(max(len(best_chain([fits])), POLYNOMIAL_CANDIDATES), len(fits))
    joint_chain = fits[: wanted or automatic]
    joint = joint_chain[-1].solved(joint_mesh)
    # Surfaces that bend no more than the joint one have not followed objects.
    stiffer = best_chain([chain[: len(joint_chain)] for chain in chains], wanted)
    if joint.explained < CLEAR or stiffer[-1].explained >= CLEAR:
        return selected
    multiples = search.multiples(joint, mesh)
    cost = multiples.unexplained + SHAPE_PENALTY * max(len(joint_chain) - POLYNOMIAL_CANDIDATES, 0)
    cost += MULTIPLES_PENALTY if len(joint_mesh.noise) == 1 else 0
    search.tried.append((cost, multiples))
    if cost >= least_cost(chains, wanted):
        return selected
    multiples = _chosen(multiples, len(joint_chain), automatic, [fits])
    return [replace(multiples, joint=(joint_mesh, joint))]


def _chosen(surface: Surface, flexibility: int, automatic: int, chains: list[Chain]) -> Surface:
    """The surface with its `Choice`."""
    tried = zip_longest(*([each.explained for each in chain] for chain in chains), fillvalue=0.0)
    return replace(surface, choice=Choice(flexibility, automatic, tuple(map(max, tried))))


def _with_glow(search: _Search, mesh: Mesh) -> tuple[_Search, Chain]:
    """The search and its chain, or those beside a glow at the border that it leaves unexplained."""
    chain = _select(search, mesh)
    glow = find_glow(mesh, chain[-1], search.most_flexible, *search.how)
    if glow is None:
        return _with_horizon(search, chain, mesh)
    lit = search.beside(glow)
    with_glow = _select(lit, mesh)
    costs = [least_cost([each], search.wanted) for each in (chain, with_glow)]
    if costs[1] + GLOW_PENALTY > costs[0]:
        return search, chain
    return lit, [replace(each, glow=glow.names) for each in with_glow]


def _with_horizon(search: _Search, chain: Chain, mesh: Mesh) -> tuple[_Search, Chain]:
    """The search and its chain, or those beside the light along a horizon that is a circle."""
    if search.how[0] == PROTECTIONS["off"] or search.wanted or 2 not in search.bases:
        return search, chain
    light = find_horizon(mesh, search.most_flexible)
    if light is None:
        return search, chain
    clear = chain[-1].explained >= CLEAR
    lit = search.beside(light, () if clear else horizon.CANDIDATES)
    beside = _followed(lit, mesh)[1]
    costs = [min(cost for cost, _ in each.tried) for each in (search, lit)]
    costs[1] += GLOW_PENALTY if clear else horizon.PENALTY
    if costs[1] > costs[0] or not horizon.is_light(beside[-1], mesh):
        return search, chain
    return lit, [replace(each, glow=light.names, doubts=(horizon.DOUBT,)) for each in beside]


class _Search:
    """Makes fits on one mesh, or on others of its shape, and counts them."""

    def __init__(
        self,
        mesh: Mesh,
        protection: Protection,
        watch: Watch,
        threads: int,
        kernels: Kernels,
        flexibility: int,
    ) -> None:
        side = grid_side(checked(mesh))
        self._candidates = [each for each in CANDIDATES if each[0] < side]
        self.how, self.wanted = (protection, kernels), min(flexibility, len(self._candidates))
        self._watch, self._threads, self._done = watch, min(threads, 2), 0
        self.tried: list[tuple[float, Surface]] = []  # behind their costs
        softest = dict(sorted(self._candidates, reverse=True))
        self.bases = bases_of(mesh, side, softest, self._threads)

    @property
    def stiffest(self) -> Splines:
        """The basis of the first candidate."""
        return self.bases[1]

    @property
    def most_flexible(self) -> Splines:
        """The basis of the last candidate."""
        return self.bases[self._candidates[-1][0]]

    def beside(self, glow: Glow, candidates: Sequence[tuple[int, float]] = ()) -> _Search:
        """The same search, or one of other candidates, with a glow beside every surface."""
        lit = copy(self)
        lit.tried = []
        lit._candidates = list(candidates or self._candidates)
        lit.bases = {degree: glow.beside(each) for degree, each in self.bases.items()}
        return lit

    def follow(self, chains: Sequence[Iterator[Surface]]) -> list[Chain]:
        """All fits of the chains, which go side by side."""
        found: list[Chain] = [[] for _ in chains]
        workers = min(self._threads, len(chains))
        if workers == 1:  # a pool would take two changes of threads for each fit
            for chain, own in zip(chains, found, strict=True):
                for each in chain:
                    own.append(each)
                    self._tell()
            return found
        with ThreadPoolExecutor(workers, initializer=limit_this_thread) as pool:
            running = {pool.submit(next, chain, None): n for n, chain in enumerate(chains)}
            while running:
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    number, surface = running.pop(future), future.result()
                    if surface is not None:
                        found[number].append(surface)
                        self._tell()
                        running[pool.submit(next, chains[number], None)] = number
        return found

    def chain(
        self, mesh: Mesh, weight: np.ndarray, warm: bool = False, first: int = 0
    ) -> Iterator[Surface]:
        """Each candidate starts from the same weights, or a warm one from where the last ended."""
        chain: Chain = []
        for candidate in self._candidates:
            chain.append(self._bent(self._fit(candidate, mesh, weight, first), chain, mesh))
            yield chain[-1]
            weight = chain[-1].weight if warm else weight
            if self._ends(chain):
                return

    def cold_fits(self, mesh: Mesh) -> Chain:
        """All fits of a cold chain, which do not need each other, side by side."""
        weight = largest_smooth_region(mesh)
        chain: Chain = []
        with ThreadPoolExecutor(self._threads, initializer=limit_this_thread) as pool:
            fits = [pool.submit(self._fit, each, mesh, weight) for each in self._candidates]
            try:
                for fit in fits:
                    chain.append(self._bent(fit.result(), chain, mesh))
                    self._tell()
                    if self._ends(chain):
                        break
            finally:
                pool.shutdown(cancel_futures=True)
        return chain

    def multiples(self, joint: Surface, mesh: Mesh) -> Surface:
        """Multiples of one shape, from the lowest cells: the objects beside them only add light."""
        splines = joint.splines.multiples(joint.coordinates)
        weight = lower_envelope(splines, mesh, *LOWEST)
        found = fit_surface(splines, mesh, weight, joint.stiffness, *self.how)
        self._tell()
        return found

    def clouds(self, mesh: Mesh, instead: Surface) -> Chain:
        """A surface that passes nothing by, instead of one that passed clouds by."""
        bend = max(self.bases)
        how = PROTECTIONS["off"], self.how[1]
        found = fit_surface(self.bases[bend], mesh, mesh.weight, STIFFNESS, *how)
        self._tried_instead(instead, found)
        return [replace(found, doubts=(DOUBT,), choice=instead.choice)]

    def behind_halo(self, mesh: Mesh, instead: Surface) -> Surface | None:
        """The sky behind the halo of a saturated area, instead of a surface that is a guess."""
        if instead.glow or 2 not in self.bases:
            return None
        sky = behind_halo(instead, mesh, self.bases[2], self.most_flexible)
        if sky is not None:
            self._tried_instead(instead, sky)
        return sky

    def _tried_instead(self, instead: Surface, sky: Surface) -> None:
        """Counts a sky as tried, at the cost of the surface in whose place it is taken."""
        own = next(cost for cost, each in self.tried if each.weight is instead.weight)
        self.tried.append((own, sky))

    def _ends(self, chain: Chain) -> bool:
        """Whether the candidates that would follow are not wanted, nor likely to be selected."""
        return len(chain) >= self.wanted and (converged(chain) or hopeless(chain))

    def _tell(self) -> None:
        self._done += 1
        self._watch(self._done)

    def _fit(
        self, candidate: tuple[int, float], mesh: Mesh, weight: np.ndarray, first: int = 0
    ) -> Surface:
        degree, stiffness = candidate
        how = replace(self.how[0], first=first), self.how[1]
        return fit_surface(self.bases[degree], mesh, weight, stiffness, *how)

    def _bent(self, surface: Surface, chain: Chain, mesh: Mesh) -> Surface:
        """The surface with what is concave of its curvature beyond the last polynomial's."""
        if len(chain) < POLYNOMIAL_CANDIDATES:
            return surface
        plain = chain[POLYNOMIAL_CANDIDATES - 1].values
        return replace(surface, concave=concave_share(surface.values, plain, mesh.shape))
