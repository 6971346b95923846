"""Where the panels of a merged mosaic meet, as strips of its pixels along their borders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..image.missing import is_valid
from ..spline.panels import Box, within
from .colours import Colours
from .differences import Difference
from .steps import WAYS, Calibration, Way
from .strips import Strip

PIECE, LONGEST = 96, 1000
"""The rows that are read at once, and the lines of a strip, about."""

LEAST_LINES = 9
"""Borders that are shorter tell no step."""

TRIALS = 6000
"""About so many lines of strips beside borders are used."""

MOST_GAP = 12
"""The most pixels without a panel between two that meet."""

Key = tuple[tuple[int, int], int, int]
"""The panels of a strip, the axis across it, and how far beside the border it is."""

Rows = Callable[[slice], np.ndarray]


@dataclass(frozen=True)
class Borders:
    """A merged mosaic, whose rows are read when they are asked for.

    Attributes
    ----------
    shape : (H, W)
    pixels : callable
        Rows of the image, (K, n, W) linear.
    labels : callable
        Rows of the index of the panel of each pixel, (n, W); -1 where there is none.
    """

    shape: tuple[int, int]
    pixels: Rows
    labels: Rows

    def differences(self, boxes: Sequence[Box]) -> list[Difference]:
        """The steps between all pairs of panels that meet, in coordinates of the box of each."""
        ways = self._ways(boxes)
        half = max(way.half for way in ways)
        strips = [strip for strip in _joined(self._strips(half)) if strip.tells]
        across = [strip for strip in strips if strip.panels[0] != strip.panels[1]]
        inside = [strip for strip in strips if strip.panels[0] == strip.panels[1]]
        if not across:
            return []
        chosen = np.random.default_rng(0).permutation(len(inside))
        before = np.cumsum([0, *(len(inside[number].points) for number in chosen)])[:-1]
        trials = [inside[number].without_stars() for number in chosen[before < TRIALS]]
        across = [strip.without_stars() for strip in across]
        coarse = [each.in_cells(ways[-1].half, ways[-1].side) for each in trials or across]
        colours = Colours.of(coarse)
        sums = [*map(colours.sums, trials)]
        how = Calibration.of(sums, ways) if sums else Calibration.plain(len(colours.back))
        found: dict[tuple[int, int], list[tuple[np.ndarray, ...]]] = {}
        for strip in across:
            (one, other), (points, step, error) = strip.panels, how.step(colours.sums(strip))
            if one > other:
                one, other, step = other, one, -step
            step, error = step @ colours.back, np.sqrt(error**2 @ colours.back**2)
            found.setdefault((one, other), []).append((points, step, error.mean(axis=1)))
        differences = []
        for panels, parts in sorted(found.items()):
            points, values, errors = (np.concatenate(each) for each in zip(*parts, strict=True))
            places = [np.stack(within(boxes[panel], *points.T), axis=1) for panel in panels]
            differences.append(Difference(panels, np.stack(places), values, errors, None))
        return differences

    def _ways(self, boxes: Sequence[Box]) -> list[Way]:
        """How steps may be found: panels are to have strips beside their borders, too."""
        height, width = self.shape
        narrowest = min(
            min((bottom - top) * height, (right - left) * width)
            for top, bottom, left, right in boxes
        )
        return [way for way in WAYS if 3 * way.half <= narrowest] or [*WAYS[:1]]

    def _strips(self, half: int) -> Iterator[tuple[Key, int, Strip]]:
        """Strips along borders, and beside them inside of panels, where no step is.

        Piece by piece of the rows, each with what pieces of one strip share and its first line.
        """
        height = self.shape[0]
        for top in range(0, height, PIECE):
            inside = slice(top, min(top + PIECE, height))
            rows = slice(max(0, top - 3 * half), min(inside.stop + 3 * half, height))
            labels = self.labels(rows)
            known = labels[labels >= 0]
            if not known.size or known.min() == known.max():
                continue
            pixels = np.moveaxis(self.pixels(rows), 0, 2)
            labels = np.where(is_valid(pixels).all(axis=2), labels, -1)
            start = np.array([rows.start, 0])
            own = slice(inside.start - rows.start, inside.stop - rows.start)
            for across in (0, 1):
                for panels, line, middle in _borders(labels, across):
                    at = np.stack([middle, line] if across == 0 else [line, middle], axis=1)
                    kept = (at[:, 0] >= own.start) & (at[:, 0] < own.stop)
                    for part in _pieces(line[kept]):
                        own_lines = at[kept][part]
                        first = int(own_lines[0, 1 - across] + start[1 - across])
                        strip = self._strip(labels, pixels, panels, own_lines, across, start, half)
                        yield (panels, across, 0), first, strip
                        for panel, away in zip(panels, (-2 * half, 2 * half), strict=True):
                            beside = own_lines.copy()
                            beside[:, across] += away
                            same = panel, panel
                            strip = self._strip(labels, pixels, same, beside, across, start, half)
                            yield (panels, across, away), first, strip

    def _strip(
        self,
        labels: np.ndarray,
        pixels: np.ndarray,
        panels: tuple[int, int],
        at: np.ndarray,
        across: int,
        start: np.ndarray,
        half: int,
    ) -> Strip:
        """The strip around places of a border, (n, 2), of pixels whose first one is at a start."""
        steps = np.zeros((1, 2 * half, 2), int)
        steps[..., across] = np.arange(-half, half)
        y, x = np.moveaxis(at[:, np.newaxis] + steps, 2, 0)
        height, width = labels.shape
        inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
        y, x = np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)
        own = np.where(inside, labels[y, x], -1)
        if panels[0] == panels[1]:
            sides = (own == panels[0]) * np.repeat([1, -1], half)
        else:
            sides = (own == panels[0]).astype(int) - (own == panels[1])
        centre = np.array([0.5, 0.5])
        centre[across] = 0
        points = (at + start + centre) / self.shape
        values = np.where(sides[..., np.newaxis], pixels[y, x], 0)
        return Strip.of(panels, values, sides, points)


def _joined(parts: Iterable[tuple[Key, int, Strip]]) -> list[Strip]:
    """Pieces that follow each other as one strip, up to `LONGEST` lines."""
    runs: dict[Key, list[list[Strip]]] = {}
    last: dict[Key, int] = {}
    for key, first, strip in parts:
        own = runs.setdefault(key, [])
        if own and last[key] == first and own[-1][-1].leads_to(strip) and _lines(own[-1]) < LONGEST:
            own[-1].append(strip)
        else:
            own.append([strip])
        last[key] = first + len(strip.points)
    return [Strip.joined(each) for own in runs.values() for each in own]


def _lines(strips: Sequence[Strip]) -> int:
    return sum(len(each.points) for each in strips)


def _borders(
    labels: np.ndarray, across: int
) -> Iterator[tuple[tuple[int, int], np.ndarray, np.ndarray]]:
    """Borders that lines along an axis cross one after the other.

    Yields the panels before and beyond each, the numbers of the lines and the place of the first
    pixel beyond it in each of them: of a gap, the one in its middle.
    """
    from scipy.ndimage import label

    lines = labels if across == 1 else labels.T
    here = np.arange(lines.shape[1])
    last = np.maximum.accumulate(np.where(lines >= 0, here, -1), axis=1)[:, :-1]
    line, column = np.nonzero((lines[:, 1:] >= 0) & (last >= 0) & (here[:-1] - last <= MOST_GAP))
    before = last[line, column]
    column += 1
    changes = lines[line, before] != lines[line, column]
    line, column, before = line[changes], column[changes], before[changes]
    middle = (before + column + 1) // 2
    pairs = np.stack([lines[line, before], lines[line, column]], axis=1)
    for pair in np.unique(pairs, axis=0):
        own = (pairs == pair).all(axis=1)
        crossed = np.zeros(lines.shape, bool)
        crossed[line[own], middle[own]] = True
        runs, count = label(crossed, np.ones((3, 3)))
        run = runs[line[own], middle[own]]
        for number in range(1, count + 1):
            row, first = np.unique(line[own][run == number], return_index=True)
            yield (int(pair[0]), int(pair[1])), row, middle[own][run == number][first]


def _pieces(lines: np.ndarray) -> list[np.ndarray]:
    """The places of lines, piece by piece."""
    if len(lines) < LEAST_LINES:
        return []
    count = max(1, round(len(lines) / LONGEST))
    return list(np.array_split(np.arange(len(lines)), count))
