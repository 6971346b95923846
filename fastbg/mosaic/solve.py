"""From the panels of a mosaic to their backgrounds, group by group of those that are connected."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..errors import InputError
from ..image.kernels import FASTEST, Kernels
from ..image.robust import MAD_TO_SIGMA
from .cells import Cells, Grid, Panel, cells_of
from .differences import Difference, groups_of, in_overlaps
from .picture import Found
from .surfaces import ROUNDS, STIFFNESS, STIFFNESS_OF_STEPS, Background, backgrounds, without

PLACES, CELLS_PER_PLACE = 8, 16
"""The most places along a seam at which the step is told, and the least number of cells of each."""

FREEDOMS = 4
"""Those of a step along a seam, about: it is a cubic polynomial."""

LEAST_CELLS = 12
"""A panel needs at least so many cells."""

APART = (
    "no two panels have sky in common: give panels that overlap, or let fastbg batch take each by "
    "itself"
)


@dataclass(frozen=True)
class Seam:
    """How two panels fit together.

    Attributes
    ----------
    panels : (int, int)
    before, after : float, linear
        The step from one to the other: the root mean square over some places along the seam and
        over the channels, as they are and without their backgrounds.
    error : float, linear
        How uncertain the step after is, by the noise and what else differs.
    """

    panels: tuple[int, int]
    before: float
    after: float
    error: float


@dataclass(frozen=True, eq=False)
class Solution:
    """The backgrounds of all panels.

    Attributes
    ----------
    backgrounds : list of Background
    places : list of ndarray, (h, w), int
        For each pixel of each panel, the cell of the picture in which it lies; -1 for none.
    groups : list of list of int
        The panels that differences connect.
    found : list of Found
        The sky of the picture of each group.
    seams : list of Seam
    level : ndarray, (K,), linear
        The median of the backgrounds of all panels.
    """

    backgrounds: list[Background]
    places: list[np.ndarray]
    groups: list[list[int]]
    found: list[Found]
    seams: list[Seam]
    level: np.ndarray


@dataclass(frozen=True, eq=False)
class Group:
    """Panels on one grid, of which not all need be connected.

    Attributes
    ----------
    numbers : list of int
    grid : Grid
    cells : list of Cells
    differences : list of Difference
        Between them, by their places in the list.
    stiffness : float
        That of the corrections that these allow.
    """

    numbers: list[int]
    grid: Grid
    cells: list[Cells]
    differences: list[Difference]
    stiffness: float = STIFFNESS

    @classmethod
    def overlapping(cls, panels: Sequence[Panel], numbers: list[int]) -> Group:
        """Panels that may overlap."""
        own = [panels[number] for number in numbers]
        grid = Grid.of(own)
        cells = [cells_of(panel, grid) for panel in own]
        return cls(numbers, grid, cells, in_overlaps(cells))

    @classmethod
    def meeting(cls, panels: Sequence[Panel], differences: list[Difference]) -> Group:
        """Panels of one image, whose differences are known."""
        grid = Grid.of(panels)
        cells = [cells_of(panel, grid) for panel in panels]
        return cls([*range(len(panels))], grid, cells, differences, STIFFNESS_OF_STEPS)

    def connected(self) -> list[Group]:
        """The groups in it that differences connect."""
        found = []
        for own in groups_of(len(self.numbers), self.differences):
            place = {old: new for new, old in enumerate(own)}
            differences = [
                replace(each, panels=(place[each.panels[0]], place[each.panels[1]]))
                for each in self.differences
                if each.panels[0] in place
            ]
            numbers = [self.numbers[each] for each in own]
            cells = [self.cells[n] for n in own]
            found.append(replace(self, numbers=numbers, cells=cells, differences=differences))
        return found


def connected(panels: Sequence[Panel]) -> list[Group]:
    """The groups of panels that overlap, with the differences in their overlaps."""
    together = near([(panel.v, panel.u) for panel in panels])
    return [
        group for numbers in together for group in Group.overlapping(panels, numbers).connected()
    ]


def near(places: Sequence[tuple[np.ndarray, np.ndarray]]) -> list[list[int]]:
    """Panels at places, v and u, whose boxes on the plane touch, directly or through others."""
    boxes = [[(np.nanmin(at), np.nanmax(at)) for at in each] for each in places]
    group = list(range(len(places)))
    for one, first in enumerate(boxes):
        for other, second in enumerate(boxes[:one]):
            apart = (a[1] < b[0] or b[1] < a[0] for a, b in zip(first, second, strict=True))
            if not any(apart):
                group = [group[one] if own == group[other] else own for own in group]
    return [[n for n, own in enumerate(group) if own == each] for each in dict.fromkeys(group)]


def solve(
    panels: Sequence[Panel],
    groups: Sequence[Group],
    protection: str,
    watch: Callable[[int], None] = lambda done: None,
    threads: int = 1,
    kernels: Kernels = FASTEST,
) -> Solution:
    """Solve for the backgrounds of all panels.

    Parameters
    ----------
    panels : sequence of Panel
    groups : sequence of Group
        All of them, each in one group: see `Group.connected`.
    protection : str
        How readily something is taken for an object: see `fastbg.sky.detection.detect_sky`.
    watch : callable, optional
        Called with the number of searches that are done, of at most `ROUNDS` for each group.
    threads : int, optional
    kernels : Kernels, optional

    Raises
    ------
    InputError
        If no two panels have anything in common, or too little of them can be used.
    """
    if len(groups) == len(panels):
        raise InputError(APART)
    found: dict[int, Background] = {}
    pictures: list[Found] = []
    seams: list[Seam] = []
    places = [np.empty(0)] * len(panels)
    for done, group in enumerate(groups):
        check_cells(group)
        solved, sky = backgrounds(
            *(group.cells, group.differences, group.grid, protection),
            *(lambda count, done=done: watch(done * ROUNDS + count), threads, kernels),
            stiffness=group.stiffness,
        )
        for number, each in zip(group.numbers, solved, strict=True):
            found[number] = each
            places[number] = group.grid.places(panels[number].v, panels[number].u)
        pictures.append(sky)
        seams += _seams(group, solved)
    every = [found[number] for number in range(len(panels))]
    return Solution(
        every,
        places,
        [group.numbers for group in groups],
        pictures,
        sorted(seams, key=lambda seam: seam.panels),
        level_of(every),
    )


def level_of(every: Sequence[Background]) -> np.ndarray:
    """(K,), linear: the median of the backgrounds of all panels."""
    level: np.ndarray = np.median(np.concatenate([each.values for each in every]), axis=0)
    return level


def check_cells(group: Group) -> None:
    """Raise InputError for a panel that is too small."""
    for number, cells in zip(group.numbers, group.cells, strict=True):
        if len(cells.place) < LEAST_CELLS:
            raise InputError(
                f"panel {number + 1} has only {len(cells.place)} parts that can be used: leave it "
                "out, or give more of it"
            )


def _seams(group: Group, solved: Sequence[Background]) -> list[Seam]:
    seams = []
    after = without(solved, group.differences)
    for before, left in zip(group.differences, after, strict=True):
        one, other = (group.numbers[each] for each in before.panels)
        seams.append(Seam((one, other), _step(before), _step(left), _error(left)))
    return seams


def _step(difference: Difference) -> float:
    """The root mean square of the medians at places along a seam, of what is told best."""
    if difference.light is None:
        mean = np.average(difference.values**2, axis=0, weights=difference.errors**-2.0)
        return float(np.sqrt(mean.mean()))
    flat = difference.errors <= np.median(difference.errors)
    points, values = difference.points[0][flat], difference.values[flat]
    along = points[:, int(np.argmax(np.ptp(points, axis=0)))]
    count = int(np.clip(len(along) // CELLS_PER_PLACE, 1, PLACES))
    parts = np.array_split(np.argsort(along), count)
    steps = [np.median(values[part], axis=0) for part in parts]
    return float(np.sqrt(np.mean(np.square(steps))))


def _error(left: Difference) -> float:
    """The root mean square of the error of a step with `FREEDOMS`, told by many values."""
    if left.light is not None:
        scatter = MAD_TO_SIGMA * float(np.median(np.abs(left.values)))
    else:
        scatter = float(np.mean(left.errors**-2.0) ** -0.5)
    return scatter * min(1.0, (FREEDOMS / max(len(left.values), 1)) ** 0.5)
