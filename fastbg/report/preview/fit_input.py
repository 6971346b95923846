"""The input of the fit: the stretched image, the excluded parts, the control points, a legend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...image.image import Image
from ...image.stretch import Stretch
from . import marks
from .page import CONTENT, MARGIN, MUTED, NARROWEST_COLUMN, Page, is_wide, size_in
from .pictures import MISSING, resample, tint_excluded, to_rgb

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

BOX = (800, 900)
"""Largest height and width of the stretched image beside its histogram, in pixels."""


@dataclass(frozen=True, eq=False)
class FitInput:
    """The image as the fit sees it, and the settings that made it so.

    Attributes
    ----------
    image : Image, linear
    stretch : Stretch
        The stretch that was measured on `image` with `quantile`.
    stretched : ndarray, (h, w, K), stretched
        The down-scaled image; NaN where samples are missing.
    weight : ndarray, (h, w, K), in [0, 1]
        1 where a sample is used, 0 where it is excluded.
    centres : ndarray, (N, 2)
        The initial control points, normalised (y, x).
    quantile : float, in [0, 1]
        The quantile that the stretch maps to 1.
    thresholds : (low, high), optional
        Limits of the stretched values of pixels that are used.
    samples : Samples, optional
        Those through which the background goes.
    outlines : sequence of Named, optional
        Those of protected objects.
    """

    image: Image
    stretch: Stretch
    stretched: np.ndarray
    weight: np.ndarray
    centres: np.ndarray
    quantile: float
    thresholds: tuple[float, float] | None = None
    samples: marks.Samples | None = None
    outlines: Sequence[marks.Named] = ()

    @property
    def missing(self) -> np.ndarray:
        """(h, w) bool: True where no channel has a value."""
        missing: np.ndarray = np.isnan(self.stretched).all(axis=2)
        return missing


def draw(page: Page, shown: FitInput, moved: np.ndarray | None) -> tuple[int, int]:
    """Draw the stretched image with its marks at `page.y` and return its size on screen, (h, w).

    `moved`, (N, 2), are the fitted control points, if there are any.
    """
    from PIL import Image as pil

    size = size_in((BOX[0], CONTENT) if is_wide(shown.image) else BOX, shown.image.shape)
    pixels = resample(Image.from_samples(shown.stretched), size, np.isfinite)
    weight = np.where(shown.missing[..., np.newaxis], np.nan, shown.weight)
    used = resample(Image.from_samples(weight), size, np.isfinite)
    rgb = tint_excluded(to_rgb(np.clip(pixels, 0, 1)), used)

    height, width = shown.image.shape
    h, w, _ = shown.stretched.shape
    page.label(
        MARGIN,
        page.y,
        max(size[1], NARROWEST_COLUMN),
        "Input of the fit",
        f"{width} x {height} pixels reduced to {w} x {h}",
    )
    page.picture.paste(pil.fromarray(rgb), (MARGIN, page.y))
    layer = marks.draw(size, shown.centres, moved, marks.radius_for(size, len(shown.centres)))
    page.picture.paste(layer, (MARGIN - marks.OVERHANG, page.y - marks.OVERHANG), layer)
    if shown.outlines:
        layer = marks.draw_outlines(size, shown.outlines)
        page.picture.paste(layer, (MARGIN - marks.OVERHANG, page.y - marks.OVERHANG), layer)
    if shown.samples:
        layer = marks.draw_samples(size, shown.samples)
        page.picture.paste(layer, (MARGIN - marks.OVERHANG, page.y - marks.OVERHANG), layer)
    return size


def draw_legend(page: Page, shown: FitInput, moved: np.ndarray | None) -> None:
    """Explain the marks on the stretched image below `page.y`, and tell their numbers."""
    x = float(MARGIN)
    page.y += 18
    items = (_points(shown.centres, moved) if len(shown.centres) else []) + _areas(shown)
    if shown.samples:
        items = _samples(shown.samples) + items
    if shown.outlines:
        items.append(_outlines(shown.outlines))
    for symbol, text in items:
        margin = marks.OVERHANG if symbol.mode == "RGBA" else 0
        corner = (round(x) - margin, page.y - 16 - margin)
        page.picture.paste(symbol, corner, symbol if margin else None)
        x += symbol.width - 2 * margin + 10
        x += page.text((x, page.y), text, 16, MUTED) + 36


def _points(centres: np.ndarray, moved: np.ndarray | None) -> list[tuple[Picture, str]]:
    """The symbols of the control points with their meanings."""
    size, radius = (18, 14), 6
    nowhere, middle, outside = np.full((1, 2), np.nan), np.full((1, 2), 0.5), np.array([[0.5, 1.4]])
    items = [(marks.draw(size, middle, None, radius), f"{len(centres)} initial control points")]
    if moved is not None:
        finite = moved[np.isfinite(moved).all(axis=1)]
        beyond = int(((finite < 0) | (finite > 1)).any(axis=1).sum())
        items.append((marks.draw(size, nowhere, middle, radius), "control points after the fit"))
        if beyond:
            arrow = marks.draw(size, nowhere, outside, radius)
            items.append((arrow, f"{beyond} of them outside the frame"))
    return items


def _samples(samples: marks.Samples) -> list[tuple[Picture, str]]:
    """The symbols of the samples with their numbers."""
    items = []
    for used, told in ((True, "samples"), (False, "samples that are not used")):
        count = np.count_nonzero(samples.used == used)
        if count:
            one = marks.Samples(np.full((1, 2), 0.5), np.array([0.4]), np.array([used]))
            items.append((marks.draw_samples((14, 18), one), f"{count} {told}"))
    return items


def _outlines(outlines: Sequence[marks.Named]) -> tuple[Picture, str]:
    """The symbol of the outlines with their number."""
    turn = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    circle = 0.5 + 0.4 * np.stack([np.sin(turn), np.cos(turn)], axis=1)
    symbol = marks.draw_outlines((14, 18), [("", circle)])
    count = len(outlines)
    return symbol, f"{count} protected object{'s'[: count > 1]}"


def _areas(shown: FitInput) -> list[tuple[Picture, str]]:
    """Swatches of the parts that are not fully used, and their shares of the image."""
    from PIL import Image as pil

    missing = shown.missing
    excluded = ~missing & (shown.weight == 0).all(axis=2)
    # The search gives no pixel its full weight: the rest of them is what counts less than the sky.
    partly = ~missing & ~excluded & (shown.weight.mean(axis=2) <= 0.5)
    swatch = np.full((18, 30, 3), 90, np.uint8)

    def tinted(unused: float) -> Picture:
        weight = np.ones((1, *swatch.shape[:2]))
        weight[:, 1:-1, 1:-1] -= unused
        return pil.fromarray(tint_excluded(swatch, weight))

    items = [(tinted(1), f"excluded: {100 * excluded.mean():.3g} %")]
    if partly.any():
        items.append((tinted(0.5), f"used by half or less: {100 * partly.mean():.3g} %"))
    if missing.any():
        items.append((pil.new("RGB", (30, 18), MISSING), f"missing: {100 * missing.mean():.3g} %"))
    return items
