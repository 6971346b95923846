"""Where the panels of a merged mosaic meet, as strips of its pixels along their borders."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..image.missing import is_valid
from ..spline.panels import Box, within
from .differences import POINTS, Difference
from .steps import HALF, STIFFNESSES, Calibration, Strip

PIECE = 64
"""The lines of a strip, about."""

LEAST_LINES = 8
"""Borders that are shorter tell no step."""

REACH = 3 * HALF
"""The pixels around a border that are read: its strips, and those beside them."""

TRIALS = 32
"""The most strips beside borders that are used."""

PLAIN = Calibration(STIFFNESSES[-1], 1.0)
"""Where panels are too narrow for strips beside their borders."""

MOST_GAP = HALF
"""The most pixels without a panel between two that meet."""

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
        strips = [strip for strip in self._strips() if strip.tells]
        across = [strip for strip in strips if strip.panels[0] != strip.panels[1]]
        inside = [strip for strip in strips if strip.panels[0] == strip.panels[1]]
        chosen = np.random.default_rng(0).permutation(len(inside))[:TRIALS]
        how = Calibration.of([inside[number] for number in chosen]) if inside else PLAIN
        found: dict[tuple[int, int], list[tuple[np.ndarray, ...]]] = {}
        for strip in across:
            (one, other), (step, error) = strip.panels, strip.step(how.stiffness)
            if one > other:
                one, other, step = other, one, -step
            few = np.linspace(0, len(step) - 1, min(POINTS, len(step))).round().astype(int)
            own = strip.points[few], step[few], how.excess * error[few].mean(axis=1)
            found.setdefault((one, other), []).append(own)
        differences = []
        for panels, parts in sorted(found.items()):
            points, values, errors = (np.concatenate(each) for each in zip(*parts, strict=True))
            places = [np.stack(within(boxes[panel], *points.T), axis=1) for panel in panels]
            differences.append(Difference(panels, np.stack(places), values, errors, None))
        return differences

    def _strips(self) -> Iterator[Strip]:
        """Strips along borders, and beside them inside of panels, where no step is."""
        height = self.shape[0]
        for top in range(0, height, PIECE):
            inside = slice(top, min(top + PIECE, height))
            rows = slice(max(0, top - REACH), min(inside.stop + REACH, height))
            labels = self.labels(rows)
            known = labels[labels >= 0]
            if not known.size or known.min() == known.max():
                continue
            pixels = np.moveaxis(self.pixels(rows), 0, 2).astype(np.float64)
            labels = np.where(is_valid(pixels).all(axis=2), labels, -1)
            start = np.array([rows.start, 0])
            own = slice(inside.start - rows.start, inside.stop - rows.start)
            for across in (0, 1):
                for panels, line, middle in _borders(labels, across):
                    at = np.stack([middle, line] if across == 0 else [line, middle], axis=1)
                    kept = (at[:, 0] >= own.start) & (at[:, 0] < own.stop)
                    for part in _pieces(line[kept]):
                        own_lines = at[kept][part]
                        yield self._strip(labels, pixels, panels, own_lines, across, start)
                        for panel, away in zip(panels, (-2 * HALF, 2 * HALF), strict=True):
                            beside = own_lines.copy()
                            beside[:, across] += away
                            same = panel, panel
                            yield self._strip(labels, pixels, same, beside, across, start)

    def _strip(
        self,
        labels: np.ndarray,
        pixels: np.ndarray,
        panels: tuple[int, int],
        at: np.ndarray,
        across: int,
        start: np.ndarray,
    ) -> Strip:
        """The strip around places of a border, (n, 2), of pixels whose first one is at a start."""
        steps = np.zeros((1, 2 * HALF, 2), int)
        steps[..., across] = np.arange(-HALF, HALF)
        y, x = np.moveaxis(at[:, np.newaxis] + steps, 2, 0)
        height, width = labels.shape
        inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
        y, x = np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)
        own = np.where(inside, labels[y, x], -1)
        if panels[0] == panels[1]:
            sides = (own == panels[0]) * np.repeat([1, -1], HALF)
        else:
            sides = (own == panels[0]).astype(int) - (own == panels[1])
        half = np.array([0.5, 0.5])
        half[across] = 0
        points = (at + start + half) / self.shape
        return Strip(panels, np.where(sides[..., np.newaxis], pixels[y, x], 0), sides, points)


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
    count = max(1, round(len(lines) / PIECE))
    return list(np.array_split(np.arange(len(lines)), count))
