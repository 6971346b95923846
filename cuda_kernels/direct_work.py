"""How the threads of a block share the pixels and centres of `direct`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from .layout import CENTRES_A_THREAD, EXTRAS
from .tiles import Array


@dataclass(frozen=True)
class Work:
    """How the threads of a block share pixels, centres and sums.

    Attributes
    ----------
    order, channels, threads : int
    sets : int
        1 in the first pass, `SETS` in the second.
    own : int
        Sums of a centre in each set: two for its position, K for its weights.
    slopes : int
        dL/dS of a pixel, set by set.
    sums : int
        Sums of a thread for its centres.
    extras : int
        Sums of a thread that belong to no centre: `EXTRAS`, and three of the polynomial for each
        of its slopes.
    """

    order: int
    channels: int
    threads: int
    sets: int

    @property
    def own(self) -> int:
        return 2 + self.channels

    @property
    def slopes(self) -> int:
        return self.sets * self.channels

    @property
    def sums(self) -> int:
        return self.sets * self.own * CENTRES_A_THREAD

    @property
    def extras(self) -> int:
        return EXTRAS + 3 * self.slopes


class Centres(NamedTuple):
    """The part of a thread in its block's group of centres.

    Threads are in teams, one member for each centre of the group that is summed up side by side;
    each team takes another slice of the pixels.

    Attributes
    ----------
    n : int
        All centres.
    first, size : int
        The group.
    teams : int
        Members of a team.
    member : int
        Index of the thread in its team: it sums up centres first + member + c teams.
    slice, slices : int
        The slice of its team, and how many there are.
    """

    n: int
    first: int
    size: int
    teams: int
    member: int
    slice: int
    slices: int


class Pixels(NamedTuple):
    """The `PIXELS_A_THREAD` pixels of a thread: y, x, and the spline in K channels each."""

    y: Array
    x: Array
    values: Array
