"""What the fit sees: the stretched image, what is excluded, the control points, their legend."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...image.image import Image
from . import marks
from .page import CONTENT, MARGIN, MUTED, NARROWEST_COLUMN, Page, is_wide, size_in
from .pictures import MISSING, resample, tint_excluded, to_rgb

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

BOX = (800, 900)
"""Greatest height and width of the stretched image beside its histogram."""


def draw(
    page: Page,
    before: Image,
    stretched: np.ndarray,
    weight: np.ndarray,
    centres: np.ndarray,
    moved: np.ndarray | None,
) -> tuple[int, int]:
    """Draw the stretched image with its marks at `page.y` and return its size on screen.

    Parameters as for `fastbg.report.preview.draw`; ``moved`` are the fitted control points.
    """
    from PIL import Image as pil

    size = size_in((BOX[0], CONTENT) if is_wide(before) else BOX, before.shape)
    shown = resample(Image.from_samples(stretched), size, np.isfinite)
    weight = np.where(_missing(stretched)[..., np.newaxis], np.nan, weight)
    used = resample(Image.from_samples(weight), size, np.isfinite)
    rgb = tint_excluded(to_rgb(np.clip(shown, 0, 1)), used)

    height, width = before.shape
    page.label(
        MARGIN,
        page.y,
        max(size[1], NARROWEST_COLUMN),
        "What the fit sees",
        f"{stretched.shape[1]} x {stretched.shape[0]} of {width} x {height} pixels",
    )
    page.picture.paste(pil.fromarray(rgb), (MARGIN, page.y))
    layer = marks.draw(size, centres, moved, marks.radius_for(size, len(centres)))
    page.picture.paste(layer, (MARGIN - marks.OVERHANG, page.y - marks.OVERHANG), layer)
    return size


def draw_legend(
    page: Page,
    stretched: np.ndarray,
    weight: np.ndarray,
    centres: np.ndarray,
    moved: np.ndarray | None,
) -> None:
    """Say below `page.y` what the marks on the stretched image mean, and how much there is."""
    x = float(MARGIN)
    page.y += 18
    items = (_points(centres, moved) if len(centres) else []) + _areas(stretched, weight)
    for symbol, text in items:
        margin = marks.OVERHANG if symbol.mode == "RGBA" else 0
        corner = (round(x) - margin, page.y - 16 - margin)
        page.picture.paste(symbol, corner, symbol if margin else None)
        x += symbol.width - 2 * margin + 10
        x += page.text((x, page.y), text, 16, MUTED) + 36


def _points(centres: np.ndarray, moved: np.ndarray | None) -> list[tuple[Picture, str]]:
    """Symbols for the control points, and their meaning."""
    size, radius = (18, 14), 6
    nowhere, middle, outside = np.full((1, 2), np.nan), np.full((1, 2), 0.5), np.array([[0.5, 1.4]])
    items = [(marks.draw(size, middle, None, radius), f"{len(centres)} control points")]
    if moved is not None:
        finite = moved[np.isfinite(moved).all(axis=1)]
        beyond = int(((finite < 0) | (finite > 1)).any(axis=1).sum())
        items.append((marks.draw(size, nowhere, middle, radius), "after the fit"))
        if beyond:
            arrow = marks.draw(size, nowhere, outside, radius)
            items.append((arrow, f"{beyond} fitted outside the frame"))
    return items


def _areas(stretched: np.ndarray, weight: np.ndarray) -> list[tuple[Picture, str]]:
    """Swatches of what is not used, and how much of the image that is."""
    from PIL import Image as pil

    missing = _missing(stretched)
    excluded = ~missing & (weight == 0).all(axis=2)
    partly = ~missing & ~excluded & (weight < 1).any(axis=2)
    swatch = np.full((18, 30, 3), 90, np.uint8)

    def tinted(unused: float) -> Picture:
        weight = np.ones((1, *swatch.shape[:2]))
        weight[:, 1:-1, 1:-1] -= unused
        return pil.fromarray(tint_excluded(swatch, weight))

    items = [(tinted(1), f"excluded {excluded.mean():.1%}")]
    if partly.any():
        items.append((tinted(0.5), f"partly used {partly.mean():.1%}"))
    if missing.any():
        items.append((pil.new("RGB", (30, 18), MISSING), f"missing {missing.mean():.1%}"))
    return items


def _missing(stretched: np.ndarray) -> np.ndarray:
    """(h, w) bool: where no channel has a value."""
    missing: np.ndarray = np.isnan(stretched).all(axis=2)
    return missing
