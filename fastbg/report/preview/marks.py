"""Marks for the control points, to be laid over a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .page import Colour, load_font

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

INITIAL: Colour = (255, 255, 255)
FITTED: Colour = (255, 190, 70)
OUTLINE: Colour = (10, 12, 16)

USED: Colour = (120, 220, 140)
REJECTED: Colour = (255, 96, 88)

PROTECTED: Colour = (96, 208, 255)

OVERHANG = 12
"""Marks may reach this many pixels beyond the edges of their picture."""


Named = tuple[str, np.ndarray]
"""An outline: its name, and its points, (n, 2), normalised (y, x)."""

LEAST_RADIUS = 3.0
"""The radius of a sample on a picture, in pixels, where its own would be less."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples on a picture.

    Attributes
    ----------
    places : ndarray, (n, 2), normalised (y, x)
    radius : ndarray, (n,)
        In parts of the height.
    used : ndarray, (n,) bool
    """

    places: np.ndarray
    radius: np.ndarray
    used: np.ndarray


def radius_for(size: tuple[int, int], count: int) -> float:
    """A radius in pixels that leaves room between `count` marks on a picture of that size."""
    return float(np.clip(0.16 * np.sqrt(size[0] * size[1] / max(1, count)), 3, 6))


def draw(
    size: tuple[int, int], initial: np.ndarray, fitted: np.ndarray | None, radius: float
) -> Picture:
    """Control points as a transparent layer, `OVERHANG` larger than the picture on every side.

    A ring marks an initial position, a dot a fitted one, and a line joins the two. A fitted
    position outside the frame is marked by an arrow at the edge.

    Parameters
    ----------
    size : (h, w)
        The size of the picture in pixels.
    initial, fitted : ndarray, (N, 2)
        Normalised (y, x); those that are not finite are left out.
    radius : float
        The radius of the rings in pixels.

    Returns
    -------
    PIL.Image.Image, RGBA
    """
    from PIL import Image as pil
    from PIL import ImageDraw

    fine = 3  # Pillow draws without anti-aliasing: draw larger, then reduce
    height, width = size
    layer = pil.new(
        "RGBA",
        ((width + 2 * OVERHANG) * fine, (height + 2 * OVERHANG) * fine),
        (*OUTLINE, 0),
    )
    pen = ImageDraw.Draw(layer)
    radius *= fine

    def place(points: np.ndarray) -> np.ndarray:
        return (points[:, ::-1] * (width, height) + OVERHANG) * fine

    starts = place(initial)
    if fitted is not None:
        ends, targets = place(np.clip(fitted, 0, 1)), place(fitted)
        for start, end in zip(starts, ends, strict=True):
            if np.isfinite([start, end]).all():
                pen.line([*start, *end], (*FITTED, 150), fine)
    for x, y in starts[np.isfinite(starts).all(axis=1)]:
        pen.ellipse(_square(x, y, radius + 4), None, (*OUTLINE, 255), 12)
        pen.ellipse(_square(x, y, radius), None, (*INITIAL, 255), 5)
    if fitted is not None:
        for end, target in zip(ends, targets, strict=True):
            if not np.isfinite(target).all():
                continue
            outward = target - end
            distance = float(np.hypot(*outward))
            if distance < 0.5 * fine:
                pen.ellipse(
                    _square(end[0], end[1], 0.62 * radius), (*FITTED, 255), (*OUTLINE, 255), 3
                )
            else:
                along = outward / distance * max(radius, 4 * fine)
                across = 0.7 * along[::-1] * (1, -1)
                arrow = [end + 0.6 * along, end - along + across, end - along - across]
                pen.polygon([tuple(p) for p in arrow], (*FITTED, 255), (*OUTLINE, 255), 3)
    return layer.reduce(fine)


def draw_samples(size: tuple[int, int], samples: Samples) -> Picture:
    """Samples as a layer like that of `draw`: circles of their size, and a cross in those that are
    not used."""
    from PIL import Image as pil
    from PIL import ImageDraw

    fine = 3
    height, width = size
    corner = ((width + 2 * OVERHANG) * fine, (height + 2 * OVERHANG) * fine)
    layer = pil.new("RGBA", corner, (*OUTLINE, 0))
    pen = ImageDraw.Draw(layer)
    for (y, x), part, used in zip(samples.places, samples.radius, samples.used, strict=True):
        x, y = ((each + OVERHANG) * fine for each in (x * width, y * height))
        radius = max(part * height, LEAST_RADIUS) * fine
        colour = USED if used else REJECTED
        pen.ellipse(_square(x, y, radius + 3), None, (*OUTLINE, 255), 9)
        pen.ellipse(_square(x, y, radius), None, (*colour, 255), 4)
        if not used:
            reach = 0.7 * radius
            for sign in (1, -1):
                pen.line([x - reach, y - sign * reach, x + reach, y + sign * reach], colour, 4)
    return layer.reduce(fine)


def draw_outlines(size: tuple[int, int], outlines: Sequence[Named]) -> Picture:
    """Outlines as a layer like that of `draw`, each with its name."""
    from PIL import Image as pil
    from PIL import ImageDraw

    fine = 3
    height, width = size
    corner = ((width + 2 * OVERHANG) * fine, (height + 2 * OVERHANG) * fine)
    layer = pil.new("RGBA", corner, (*OUTLINE, 0))
    pen = ImageDraw.Draw(layer)
    for name, points in outlines:
        places = (points[:, ::-1] * (width, height) + OVERHANG) * fine
        closed = [*map(tuple, places), tuple(places[0]), tuple(places[1])]
        pen.line(closed, (*OUTLINE, 255), 9, joint="curve")
        pen.line(closed, (*PROTECTED, 255), 5, joint="curve")
        # The name stands below the outline, or within the picture where that ends further up.
        x = np.clip(places[:, 0].mean(), 0, corner[0])
        y = min(places[:, 1].max() + 6 * fine, (height + OVERHANG - 16) * fine)
        dark, font = (*OUTLINE, 255), load_font(14 * fine)
        pen.text((x, y), name, PROTECTED, font, "mt", stroke_width=2 * fine, stroke_fill=dark)
    # What lies beyond the picture is not drawn.
    shown = pil.new("RGBA", corner, (*OUTLINE, 0))
    inner = OVERHANG * fine, OVERHANG * fine
    box = (*inner, corner[0] - inner[0], corner[1] - inner[1])
    shown.paste(layer.crop(box), inner)
    return shown.reduce(fine)


def _square(x: float, y: float, radius: float) -> tuple[float, float, float, float]:
    return x - radius, y - radius, x + radius, y + radius
