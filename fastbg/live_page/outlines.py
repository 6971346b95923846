"""The outlines of painted cells: polygons along their edges, which enclose exactly these cells."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

Ring = list[tuple[int, int]]
"""Corners (x, y), in cells; the last one is not the first one again."""


def outlines(cells: np.ndarray) -> list[list[Ring]]:
    """The polygons of cells, (h, w) bool: of each, the outer ring and then its holes.

    Cells that touch at a corner alone are polygons of their own, and no ring crosses itself.
    """
    from scipy.ndimage import find_objects, label

    numbers, _ = label(cells)
    polygons = []
    for number, box in enumerate(find_objects(numbers), start=1):
        top, left = box[0].start, box[1].start
        rings = [_placed(ring, left, top) for ring in _rings(numbers[box] == number)]
        # Outer rings run the other way round than holes.
        polygons.append(sorted(rings, key=_area, reverse=True))
    return polygons


def _rings(cells: np.ndarray) -> list[Ring]:
    """The rings around cells that are connected by their edges."""
    padded = np.pad(cells, 1)
    inside = padded[1:-1, 1:-1]
    # Each border of a cell as a step between two corners, with the cell to its right.
    sides = (
        (inside & ~padded[:-2, 1:-1], (0, 0), (1, 0)),
        (inside & ~padded[1:-1, 2:], (1, 0), (0, 1)),
        (inside & ~padded[2:, 1:-1], (1, 1), (-1, 0)),
        (inside & ~padded[1:-1, :-2], (0, 1), (0, -1)),
    )
    steps: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for border, (dx, dy), step in sides:
        for y, x in np.argwhere(border).tolist():
            steps[x + dx, y + dy].append(step)
    rings = []
    while steps:
        start = next(iter(steps))
        ring, corner, before = [], start, (0, 0)
        while True:
            step = _next(steps, corner, before)
            if step != before:
                ring.append(corner)
            corner, before = (corner[0] + step[0], corner[1] + step[1]), step
            if corner == start:
                break
        # The start is no corner where the ring goes straight on.
        rings.append(ring[1:] if _turns_not(ring) else ring)
    return rings


def _next(
    steps: dict[tuple[int, int], list[tuple[int, int]]],
    corner: tuple[int, int],
    before: tuple[int, int],
) -> tuple[int, int]:
    """Take the step that leads on from a corner; where two do, the one around the same cell."""
    choices = steps[corner]
    right = -before[1], before[0]
    step = right if right in choices else choices[0]
    choices.remove(step)
    if not choices:
        del steps[corner]
    return step


def _turns_not(ring: Ring) -> bool:
    """Whether the first corner lies on the line between its neighbours."""
    (ax, ay), (bx, by), (cx, cy) = ring[-1], ring[0], ring[1]
    return (bx - ax) * (cy - by) == (by - ay) * (cx - bx)


def _placed(ring: Ring, left: int, top: int) -> Ring:
    return [(x + left, y + top) for x, y in ring]


def _area(ring: Ring) -> int:
    """Twice the area; negative for holes."""
    x, y = np.array(ring).T
    return int((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())
