"""Lines through a panel at which the sky steps all along, straight and for good."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..image.robust import median, medians
from ..spline.panels import Seam

BINS = 24
"""A line is looked at in so many pieces."""

ROWS = 5
"""The number of rows whose median is taken in each piece: few stars are in more than two."""

COLUMNS = 190
"""Soft seams are looked for in profiles of about so many columns."""

SHARP, SOFT = (6, 1), ((8, 3), (10, 6))
"""The columns on each side to which a line is fitted, and those beside the seam that it leaves
out, for the seam may lie in them."""

STEEPEST = 0.04
"""The largest tilt of a seam against the frame: its shift over its length."""

HIGH, HIGH_SOFT = 3.5, 5.0
"""The height of the step of a sharp and of a soft seam, relative to the median of steps
everywhere."""

MOST_PIECES = 0.55
"""The share of the pieces that must have such a step."""

ROUGH = 0.5
"""The median change of the step from piece to piece is less than this part of the step."""

CROOKED = 1.0
"""The pieces of a seam lie within so many columns of a straight line."""

LASTING = 0.5
"""Behind a seam, the sky stays off by at least this part of the step, and at most its inverse."""

CONTINUED, NEAR = 1.2, 2
"""A seam of one panel goes on in the next one where the step that all pieces have in common is so
many times that at all but a hundredth of other places, within so many columns of the line."""

LEAST_PANEL = 0.12
"""The least size of a panel, as a part of the frame."""


@dataclass(frozen=True, eq=False)
class Profiles:
    """A panel seen along the lines that might be seams of it.

    Attributes
    ----------
    values : ndarray, (K, BINS, n); NaN = unknown
        Medians along each piece of a line, for each place across.
    along : ndarray, (BINS,), normalised
        Where the pieces are in the frame.
    start, step : float, normalised
        Where the first column begins, and how wide a column is.
    """

    values: np.ndarray
    along: np.ndarray
    start: float
    step: float

    def coarser(self, factor: int) -> Profiles:
        """The same with means of so many columns."""
        if factor == 1:
            return self
        count = self.values.shape[2] // factor
        cut = self.values[..., : count * factor].reshape(*self.values.shape[:2], count, factor)
        return replace(self, values=cut.mean(axis=3), step=self.step * factor)


def profiles_of(planes: np.ndarray, along: np.ndarray, across: np.ndarray) -> Profiles:
    """Medians of some rows of each piece; planes are (K, rows along the line, columns across)."""
    rows = planes.shape[1]
    edges = np.linspace(0, rows, BINS + 1)
    chosen = edges[:-1, np.newaxis] + (np.arange(ROWS) + 0.5) / ROWS * (rows / BINS)
    chosen = np.minimum(chosen.astype(int), rows - 1)
    picked = planes[:, chosen.T]
    count = np.isfinite(picked).sum(axis=1)
    ordered = _sorted([np.where(np.isnan(row), np.inf, row) for row in picked.swapaxes(0, 1)])
    middle = np.take_along_axis(ordered, np.maximum(count - 1, 0)[np.newaxis] // 2, axis=0)[0]
    values = np.where(count > ROWS // 2, middle, np.nan)
    step = across[1] - across[0]
    return Profiles(values, along[chosen].mean(axis=1), across[0] - step / 2, step)


def _sorted(rows: list[np.ndarray]) -> np.ndarray:
    """Five arrays, sorted place by place: in a network, for they are many."""
    for low, high in ((0, 1), (3, 4), (2, 4), (2, 3), (1, 4), (0, 3), (0, 2), (1, 3), (1, 2)):
        rows[low], rows[high] = (
            np.minimum(rows[low], rows[high]),
            np.maximum(rows[low], rows[high]),
        )
    return np.stack(rows)


def seams_across(
    profiles: Profiles, axis: int, panel: int, part: float
) -> Iterator[tuple[float, Seam]]:
    """The lines across the profiles that are seams, with how clear each is."""
    yield from _lines(profiles, axis, panel, SHARP, HIGH * part)
    coarse = profiles.coarser(max(1, round(profiles.values.shape[2] / COLUMNS)))
    for window in SOFT:
        yield from _lines(coarse, axis, panel, window, HIGH_SOFT * part)


def _lines(
    profiles: Profiles, axis: int, panel: int, window: tuple[int, int], high: float
) -> Iterator[tuple[float, Seam]]:
    """The clearest line at one scale, if it is a seam."""
    values = profiles.values
    reach, gap = window
    margin = max(round(LEAST_PANEL / profiles.step), reach // 2 + gap)
    if values.shape[2] <= 2 * margin + 1:
        return
    steps = _steps(values, reach, gap)
    unit = _typical(np.abs(steps[..., ::3]))
    for channel in range(len(values)):
        if not unit[channel] > 0:
            continue
        heights = np.abs(steps[channel]) / unit[channel]
        place = _clearest_line(heights > high, profiles, margin, gap)
        if place is None:
            continue
        line = _straight(heights, place, 3 if window == SHARP else reach + gap, high)
        if line is None:
            continue
        found = _Line(*line)
        if _is_seam(found, values[channel], steps[channel], heights, window, margin, high):
            slope = found.slope / (profiles.along[-1] - profiles.along[0]) * (BINS - 1)
            first = profiles.start + profiles.step * found.at(0)
            first -= slope * profiles.step * profiles.along[0]
            last = first + slope * profiles.step
            width = 0.0 if window == SHARP else 2 * gap * profiles.step
            yield found.clear, Seam(panel, axis, float(first), float(last), width)


def goes_on(profiles: Profiles, seam: Seam, panel: int) -> Seam | None:
    """The seam of another panel where it goes on through this one, if the sky steps there, too.

    Where a seam may be is known then, so that a step counts that is lost in noise at each piece.
    """
    window = SHARP
    if seam.width:
        profiles = profiles.coarser(max(1, round(profiles.values.shape[2] / COLUMNS)))
        window = min(SOFT, key=lambda each: abs(2 * each[1] * profiles.step - seam.width))
    at = (seam.first + (seam.last - seam.first) * profiles.along - profiles.start) / profiles.step
    steps = _steps(profiles.values, *window)
    count, middle = steps.shape[2], round(float(at.mean()))
    if not 2 * sum(window) <= middle <= count - 2 * sum(window):
        return None
    # Along lines that are parallel to the seam, by the column of their middle.
    columns = np.arange(count) + np.rint(at - middle).astype(int)[:, np.newaxis]
    inside = (columns >= 0) & (columns < count)
    columns = np.clip(columns, 0, count - 1)
    pieces = np.arange(len(columns))[:, np.newaxis]
    common = np.zeros(count)
    for each in steps:
        along = np.where(inside, each[pieces, columns], np.nan)
        known = np.isfinite(along).sum(axis=0) >= MOST_PIECES * len(along)
        along = np.nan_to_num(along)
        # A step may change along the line, and even its sign, as where only slopes differ.
        first, last = (medians(half, axis=0) for half in np.array_split(along, 2))
        height = np.hypot(medians(along, axis=0), 0.5 * (last - first))
        common += np.where(known, height / np.maximum(_median(height[known]), 1e-30), np.nan)
    near = np.arange(max(0, middle - NEAR), middle + NEAR + 1)
    away = np.abs(np.arange(count) - middle) > NEAR + sum(window)
    rest = common[away & np.isfinite(common)]
    own = common[near]
    if not len(rest) or not np.isfinite(own).all():
        return None
    if own.max() <= CONTINUED * np.quantile(rest, 0.99):
        return None
    shift = float((near[int(own.argmax())] - middle) * profiles.step)
    return replace(seam, panel=panel, first=seam.first + shift, last=seam.last + shift)


@dataclass(frozen=True)
class _Line:
    """A line across profiles: the place between columns is `place + slope * piece`."""

    place: float
    slope: float
    clear: float

    def at(self, piece: np.ndarray | int) -> np.ndarray | float:
        return self.place + self.slope * piece


def _steps(values: np.ndarray, reach: int, gap: int) -> np.ndarray:
    """(K, BINS, n + 1): the step at each place between columns.

    It is the difference of what straight lines, fitted to the columns on each side, say there.
    """
    distance = np.arange(reach) + 0.5 + gap
    design = np.stack([np.ones(reach), distance], axis=1)
    taps = np.linalg.pinv(design)[0]
    count = values.shape[2]
    steps = np.full((*values.shape[:2], count + 1), np.nan, values.dtype)
    low, high = reach + gap, count - reach - gap
    if low <= high:
        total = np.zeros((*values.shape[:2], high - low + 1), values.dtype)
        for tap, offset in zip(taps, range(gap, gap + reach), strict=True):
            total += values.dtype.type(tap) * values[..., low + offset : high + offset + 1]
            total -= values.dtype.type(tap) * values[..., low - offset - 1 : high - offset]
        steps[..., low : high + 1] = total
    return steps


def _typical(heights: np.ndarray) -> np.ndarray:
    """(K,): 1.5 times the median; as a standard deviation if they are noise."""
    return np.array([1.4826 * _median(each) for each in heights])


def _median(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(median(known)) if known.size else np.nan


def _clearest_line(
    high: np.ndarray, profiles: Profiles, margin: int, gap: int
) -> tuple[int, int] | None:
    """The place and the shift over all pieces of the line with most pieces that are high."""
    pieces, places = high.shape
    shift = STEEPEST / profiles.step * (profiles.along[-1] - profiles.along[0])
    stride = 2 * gap + 1
    most = int(shift // stride)
    centred = (np.arange(pieces) - (pieces - 1) / 2) / (pieces - 1)
    padded = np.pad(high, ((0, 0), (most * stride + 1, most * stride + 1)))
    best, found = MOST_PIECES * pieces, None
    # Few frames have a place near which most pieces are high at all.
    reach = (most * stride + 1) // 2 + 1
    total = np.cumsum(np.pad(high, ((0, 0), (reach + 1, reach))), axis=1, dtype=np.int32)
    near = (total[:, 2 * reach + 1 :] > total[:, : -2 * reach - 1]).sum(axis=0)
    if near[margin : places - margin].max() <= best:
        return None
    for tilt in sorted(range(-most, most + 1), key=abs):
        moved = np.zeros(places, np.int16)
        for row, offset in zip(padded, np.rint(tilt * stride * centred).astype(int), strict=True):
            start = most * stride + 1 + offset
            moved += row[start : start + places]
        moved[:margin] = moved[places - margin :] = 0
        count = moved.max()
        if count > best:
            # The middle of those that are as good.
            place = int(medians(np.flatnonzero(moved == count)))
            best, found = count, (place, tilt * stride)
    return found


def _straight(
    heights: np.ndarray, start: tuple[int, int], reach: int, high: float
) -> tuple[float, float, float] | None:
    """The straight line through the highest places of the pieces near a line, if there is one."""
    pieces = np.arange(len(heights))
    near = start[0] + start[1] * (pieces / (len(pieces) - 1) - 0.5)
    offsets = np.arange(-reach, reach + 1)
    columns = np.clip(np.rint(near).astype(int)[:, np.newaxis] + offsets, 0, heights.shape[1] - 1)
    window = np.nan_to_num(heights[pieces[:, np.newaxis], columns])
    peak = window.max(axis=1)
    top = np.maximum(window - 0.5 * peak[:, np.newaxis], 0)
    place = (top * columns).sum(axis=1) / np.maximum(top.sum(axis=1), 1e-9)
    seen = peak > high
    if np.count_nonzero(seen) < MOST_PIECES * len(pieces):
        return None
    weight = seen.astype(float)
    for _ in range(5):
        slope, level = np.polyfit(pieces, place, 1, w=np.sqrt(weight))
        off = np.abs(place - level - slope * pieces)
        weight = seen / (1 + (off / CROOKED) ** 2)
    if medians(off[seen]) > CROOKED / 2 or np.mean(off[seen] < CROOKED) < MOST_PIECES:
        return None
    return float(level), float(slope), float(medians(peak))


def _is_seam(
    line: _Line,
    values: np.ndarray,
    steps: np.ndarray,
    heights: np.ndarray,
    window: tuple[int, int],
    margin: int,
    high: float,
) -> bool:
    """Whether the step along a line is high, changes smoothly, and lasts behind the line."""
    pieces = np.arange(len(values))
    places = np.rint(line.at(pieces)).astype(int)
    if places.min() < margin or places.max() > values.shape[1] - margin:
        return False
    own = steps[pieces, places]
    known = np.isfinite(own)
    if np.count_nonzero(known) < MOST_PIECES * len(pieces):
        return False
    height = medians(np.abs(own[known]))
    if np.mean(heights[pieces, places][known] > high) < MOST_PIECES:
        return False
    if medians(np.abs(np.diff(own[known]))) > ROUGH * height:
        return False
    reach, gap = window
    gap = 2 * gap + 2
    reach = max(4, min(margin, values.shape[1] // 4) - gap)
    lasting = [_steps_at(row, place, reach, gap) for row, place in zip(values, places, strict=True)]
    ratio = np.array(lasting)[known] / own[known]
    ratio = ratio[np.isfinite(ratio) & (np.abs(own[known]) > 0.5 * height)]
    return bool(len(ratio) and LASTING < medians(ratio) < 1 / LASTING)


def _steps_at(row: np.ndarray, place: int, reach: int, gap: int) -> float:
    """The step at one place, from lines further away."""
    sides = row[place + gap : place + gap + reach], row[: max(place - gap, 0)][::-1][:reach]
    ends = []
    for side in sides:
        distance = np.arange(len(side)) + 0.5 + gap
        known = np.isfinite(side)
        if np.count_nonzero(known) < 4:
            return np.nan
        ends.append(np.polyfit(distance[known], side[known], 1)[1])
    return float(ends[0] - ends[1])
