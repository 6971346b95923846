"""The seams of a mosaic: straight lines through whole panels at which the sky steps everywhere.

The sky of each panel of a mosaic was another night's. Where two of them meet, the level jumps along
the whole line, by a height that changes smoothly along it. Nothing in a sky does that: the edge of
a nebula or of a landscape is not straight, a trail or a bad row falls back behind the step, and a
star ends. The frame is divided at its clearest seam, and each part again.
"""

from __future__ import annotations

import numpy as np

from ..errors import InputError
from ..spline.panels import Seam, boxes, shares
from .lines import LEAST_PANEL, goes_on, profiles_of, seams_across

KNOWN = 0.7
"""Where one seam is known, the steps of others may be lower by this factor."""

STRIP = 0.15
"""Stars are counted on both sides of a seam as far as this part of the frame."""

QUIET, STAR, UNLIKE = (15, 50), 4.0, 4.0
"""A star is higher than the second percentile by so many times its distance from the first one; one
side may have so many times as many stars as the other."""

LEAST_SIDE = 24
"""Frames with fewer blocks along a side are not searched."""

MOST_SEAMS = 35
"""A mosaic has at most this many seams."""


def find_seams(small: np.ndarray, weight: np.ndarray) -> list[Seam]:
    """The seams of a down-scaled image, to about a block.

    Parameters
    ----------
    small : ndarray, (h, w, K), linear; what is not finite is unknown
    weight : ndarray, (h, w, K or 1)
        0 where the image may not be used.
    """
    if min(small.shape[:2]) < LEAST_SIDE:
        return []
    planes = np.moveaxis(small, 2, 0)
    known = np.isfinite(planes) & (np.moveaxis(weight, 2, 0) > 0)
    planes = np.where(known, planes, np.float32(np.nan))
    seams: list[Seam] = []
    waiting = [0]
    while waiting and len(seams) < MOST_SEAMS:
        panel = waiting.pop()
        found = _clearest(planes, seams, panel)
        if found is None and not waiting:
            found = _going_on(planes, seams)
        if found is not None:
            panel = found.panel
            seams.append(found)
            waiting += [panel, len(seams)]
    return seams


def seams_at(lines: str, shape: tuple[int, int]) -> list[Seam]:
    """Seams through the whole of an image of a shape, (H, W), as `Settings.seams` names them.

    Raises
    ------
    InputError
        If a line does not cross the image.
    """
    seams: list[Seam] = []
    for line in lines.split():
        axis, pixel = "yx".index(line[0]), int(line[2:])
        if not 0 < pixel < shape[axis]:
            raise InputError(
                f"the seam {line} does not cross the image of {shape[1]} x {shape[0]} pixels: give "
                "pixels from its left and its top"
            )
        place = pixel / shape[axis]
        for panel, box in enumerate(boxes(seams)):
            if box[2 * axis] < place < box[2 * axis + 1]:
                seams.append(Seam(panel, axis, place, place))
    return seams


def _clearest(planes: np.ndarray, seams: list[Seam], panel: int) -> Seam | None:
    """The clearest seam through a panel."""
    found: list[tuple[float, Seam]] = []
    for axis in (0, 1):
        turned, along, across = _seen_along(planes, seams, panel, axis)
        if min(turned.shape[1:]) < LEAST_SIDE // 2:
            continue
        profiles = profiles_of(turned, along, across)
        lines = seams_across(profiles, axis, panel, KNOWN if seams else 1.0)
        found += [
            each
            for each in lines
            if seams or _has_stars_on_both_sides(turned, along, across, each[1])
        ]
    return max(found, key=lambda each: each[0])[1] if found else None


def _going_on(planes: np.ndarray, seams: list[Seam]) -> Seam | None:
    """A seam that goes on through another panel, as where four panels meet."""
    for panel, box in enumerate(boxes(seams)):
        for seam in seams:
            low, high = box[2 * seam.axis : 2 * seam.axis + 2]
            if not low + LEAST_PANEL < (seam.first + seam.last) / 2 < high - LEAST_PANEL:
                continue
            turned, along, across = _seen_along(planes, seams, panel, seam.axis)
            if min(turned.shape[1:]) < LEAST_SIDE // 2:
                continue
            found = goes_on(profiles_of(turned, along, across), seam, panel)
            if found is not None:
                return found
    return None


def _seen_along(
    planes: np.ndarray, seams: list[Seam], panel: int, axis: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A panel, (K, along, across) with NaN beyond it, and the places of its blocks."""
    shape = planes.shape[1:]
    top, bottom, left, right = boxes(seams)[panel]
    part = slice(*_blocks(top, bottom, shape[0])), slice(*_blocks(left, right, shape[1]))
    own = planes[:, part[0], part[1]]
    y, x = ((np.arange(size) + 0.5)[of] / size for size, of in zip(shape, part, strict=True))
    if seams:
        inside = shares(seams, y[:, np.newaxis], x)[panel] == 1
        own = np.where(inside, own, np.float32(np.nan))
    return (own.swapaxes(1, 2), x, y) if axis == 0 else (own, y, x)


def _has_stars_on_both_sides(
    planes: np.ndarray, along: np.ndarray, across: np.ndarray, seam: Seam
) -> bool:
    """Whether there are about as many stars on both sides of a line: on land there are none."""
    line = seam.first + (seam.last - seam.first) * along[:, np.newaxis]
    distance = across - line
    grey = planes.mean(axis=0)
    # A star is brighter than what is two blocks away on both sides of it along the line.
    higher = np.minimum(grey[2:-2] - grey[4:], grey[2:-2] - grey[:-4])
    margin = seam.width / 2 + 2 * (across[1] - across[0])
    stars, blocks = [], []
    for side in (-1, 1):
        near = side * distance[2:-2]
        own = higher[(near > margin) & (near < margin + STRIP)]
        own = own[np.isfinite(own)]
        if not len(own):
            return False
        # Where it is quiet: a nebula may fill much of one side.
        low, middle = np.percentile(own, QUIET)
        stars.append(np.count_nonzero(own > middle + STAR * (middle - low)) / len(own))
        blocks.append(len(own))
    few, many = sorted(stars)
    error = ((many + few) / min(blocks)) ** 0.5
    return bool(many <= UNLIKE * few or many - few < 3 * error)


def _blocks(low: float, high: float, size: int) -> tuple[int, int]:
    return max(0, int(low * size)), min(size, int(np.ceil(high * size)))
