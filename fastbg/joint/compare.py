"""Frames of one field, compared: which of them show it, their scales and smooth differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ..sky.blas import one_thread
from .detail import Likeness, members, noise_of, smooth_parts
from .shared import shared
from .solution import SharedStart, Solution, Start
from .solve import LEAST_SCALE, TINY, Watch, solve
from .surfaces import Surfaces

PATCHY = (0.03, 2.5)
"""The scale of a frame with clouds scatters more than this over the frame, and so many times as
much as that of the median frame."""

EXCESS = 2.0
"""What is left of it scatters so many times as much, or ..."""

DIM = 0.5
"""... it has less than this part of the light of the median frame."""

FEW = 20
"""A frame with fewer bright pixels shows nothing to tell fields apart by."""

ABSENT = 2.0
"""The light of the field is not in a frame whose scale is below so many times the least one."""

ANOTHER = 0.2
"""A frame of another field has at least this part of the bright pixels of the others."""

AGAIN = 6
"""So many times at most, frames are solved anew from what their surfaces share."""

SETTLED = 0.2
"""They are not when surfaces and scales of every channel have changed by less than this part of
their standard errors, root mean squares over the frames."""

AHEAD = 0.5
"""Each time but the first, they start so many times the last step beyond where it led (Nesterov's
momentum): a surface holds what a wrong scale leaves of smooth light, and gives it back slowly."""

Verdict = Literal["", "clouds", "another field", "nothing"]
"""What is wrong with a frame: it is kept out of the composite. The last two cannot be corrected."""

PlanesOf = Callable[[int], np.ndarray]
"""Gives one channel of all frames, (n, h w), float32, linear; NaN = missing."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """What frames of one field have in common, and what not.

    Attributes
    ----------
    surfaces : Surfaces
    verdicts : list of Verdict
        One for each frame.
    channels : list of Solution
        One for each channel; none where no two frames show the same field.
    noise : ndarray, (K, n), linear
        Of a pixel of each frame.
    scaled : bool
        Whether detail tells the scales; they are all 1 otherwise.
    """

    surfaces: Surfaces
    verdicts: list[Verdict]
    channels: list[Solution]
    noise: np.ndarray
    scaled: bool

    @property
    def used(self) -> np.ndarray:
        """(n,) bool: the frames of which the composite consists."""
        return np.array([not each for each in self.verdicts])

    @property
    def scale(self) -> np.ndarray:
        """(n, K): the flux scales."""
        return np.stack([each.scale for each in self.channels], axis=1)

    def relative_to(self, frame: int) -> Comparison:
        """The same with one frame as the measure: it has scale 1 and no gradient of its own."""
        channels = []
        for each in self.channels:
            own = each.scale[frame]
            moved = each.shifted(self.surfaces, each.coordinates[frame] / own)
            channels.append(
                replace(
                    moved,
                    scale=moved.scale / own,
                    scale_error=moved.scale_error / own,
                    composite=moved.composite * own,
                )
            )
        return replace(self, channels=channels)


@one_thread
def compare(
    planes_of: PlanesOf,
    channels: int,
    surfaces: Surfaces,
    deviation: float,
    watch: Watch = lambda: None,
) -> Comparison:
    """Compare frames on one grid.

    Parameters
    ----------
    planes_of : callable
        Is called several times for each channel, and its result is overwritten.
    channels : int
    surfaces : Surfaces
    deviation : float
        See `fastbg.joint.solve.solve`.
    watch : callable, optional
        Is called now and then; what it raises ends the work.

    Returns
    -------
    Comparison
        Of the gradients that are possible, the surfaces are those with the least sum of squares.
    """
    begun = [_begin(planes_of(number), surfaces, watch) for number in range(channels)]
    likeness = begun[0].likeness
    for each in begun[1:]:
        likeness = likeness + each.likeness
    alike = members(likeness)
    scaled = alike is not None
    noise = np.array([each.noise for each in begun])
    if alike is None and likeness.bright.max() > FEW:
        nowhere: list[Verdict] = ["another field"] * len(likeness.bright)
        return Comparison(surfaces, nowhere, [], noise, scaled=False)
    used = np.ones(len(likeness.bright), bool) if alike is None else alike
    verdicts: list[Verdict] = [
        "" if own else _other(likeness.bright, used, number) for number, own in enumerate(used)
    ]
    width = deviation if scaled else 0.0

    def solved(starts: Sequence[Start]) -> list[Solution]:
        return [
            solve(planes_of(number), surfaces, noise[number], start, used, width, watch)
            for number, start in enumerate(starts)
        ]

    starts = [
        each.start(planes_of(number), surfaces, used if width else None)
        for number, each in enumerate(begun)
    ]
    solutions = solved(starts)
    clouded = _clouded(solutions, used) if scaled else ~used
    if (clouded & used).any():
        verdicts = ["clouds" if new else old for new, old in zip(clouded, verdicts, strict=True)]
        used = used & ~clouded
        solutions = solved([each.start() for each in solutions])
    errors = [each.scale_error for each in solutions]
    again = further = shared(solutions, surfaces, used)
    for _ in range(AGAIN):
        before, solutions = again, solved(further)
        if all(_settled(*each, surfaces, used) for each in zip(solutions, before, strict=True)):
            break
        again = shared(solutions, surfaces, used)
        further = [*map(ahead, again, before)]
    # What is wrong with a scale hides in shapes that were found with it.
    solutions = [
        replace(each, scale_error=np.maximum(each.scale_error, error))
        for each, error in zip(solutions, errors, strict=True)
    ]
    solutions = [each.without_common(surfaces, used) for each in solutions]
    for number, verdict in enumerate(verdicts):
        if verdict == "clouds" and _lost(solutions, number):
            verdicts[number] = _other(likeness.bright, used, number)
    return Comparison(surfaces, verdicts, solutions, noise, scaled)


@dataclass(frozen=True, eq=False)
class _Begun:
    """What is known of one channel before it is solved."""

    coordinates: np.ndarray
    noise: np.ndarray
    likeness: Likeness

    def start(self, planes: np.ndarray, surfaces: Surfaces, used: np.ndarray | None) -> Start:
        """With about how bright the detail of frames is, compared with the mean of those used."""
        if used is None:
            return Start(np.ones(len(planes)), self.coordinates)
        valid = np.isfinite(planes)
        detail = np.where(valid, planes - surfaces.values(self.coordinates), np.float32(0))
        mean = detail[used].sum(axis=0) / np.maximum(valid[used].sum(axis=0), 1)
        found = detail @ mean / np.maximum(valid @ mean**2, np.finfo(np.float32).tiny)
        found = np.clip(found, 0.02, 50)
        return Start(found / np.exp(np.log(found[used]).mean()), self.coordinates)


def ahead(start: SharedStart, before: SharedStart) -> SharedStart:
    """The start beyond one, as seen from the one before it."""

    def beyond(new: np.ndarray, old: np.ndarray) -> np.ndarray:
        return new + AHEAD * (new - old)

    return replace(
        start,
        scale=np.maximum(beyond(start.scale, before.scale), LEAST_SCALE),
        coordinates=beyond(start.coordinates, before.coordinates),
        centre=beyond(start.centre, before.centre),
        composite=beyond(start.composite, before.composite),
    )


def _settled(found: Solution, before: Start, surfaces: Surfaces, used: np.ndarray) -> bool:
    """Whether noise hides how a solution differs from the one that it was begun with."""
    bent = surfaces.rms(found.coordinates - before.coordinates) / np.maximum(found.error, TINY)
    moved = (found.scale - before.scale) / np.maximum(found.scale_error, TINY)
    changes = np.stack([bent, moved])[:, used]
    return bool((np.mean(changes**2, axis=1) < SETTLED**2).all())


def _begin(planes: np.ndarray, surfaces: Surfaces, watch: Watch) -> _Begun:
    watch()
    valid = np.isfinite(planes)
    known = np.nan_to_num(planes, copy=False)
    coordinates, detail = smooth_parts(known, valid, surfaces)
    noise = noise_of(known, valid, surfaces.shape)
    return _Begun(coordinates, noise, Likeness.of(detail, noise, valid))


def _other(bright: np.ndarray, used: np.ndarray, number: int) -> Verdict:
    """The verdict on a frame that does not show the field."""
    usual = float(np.median(bright[used])) if used.any() else 0.0
    tells = usual > FEW and bright[number] > ANOTHER * usual
    return "another field" if tells else "nothing"


def _lost(solutions: list[Solution], number: int) -> bool:
    """Whether a frame has none of the field's light, though chance has made its detail alike."""
    scale = float(np.median([each.scale[number] for each in solutions]))
    return scale < ABSENT * LEAST_SCALE


def _clouded(solutions: list[Solution], used: np.ndarray) -> np.ndarray:
    """(n,) bool: the frames among those that are used that clouds have dimmed in parts."""
    patchy = np.mean([each.patchy for each in solutions], axis=0)
    excess = np.mean([each.excess for each in solutions], axis=0)
    scale = np.mean([each.scale for each in solutions], axis=0)
    usual = [float(np.median(each[used])) for each in (patchy, excess, scale)]
    found: np.ndarray = (patchy > np.maximum(PATCHY[0], PATCHY[1] * usual[0])) & used
    found |= (excess > EXCESS * usual[1]) & used
    found |= (scale < DIM * usual[2]) & used
    return found
