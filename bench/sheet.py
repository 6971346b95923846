"""One picture of many scenes: each as image, true background, model and residual."""

from __future__ import annotations

import numpy as np
from PIL import Image as pil
from PIL import ImageDraw

from fastbg.image.image import Image
from fastbg.report.preview.page import BACKDROP, CONTENT, GAP, MARGIN, WIDTH, Page, size_in
from fastbg.report.preview.pictures import (
    MISSING,
    SkyLevels,
    display_stretches,
    resample,
    to_rgb,
)
from scenes import Scene

TALLEST = 320
LEVELS = 12
"""The number of contour intervals between the lowest and the highest true background."""

ENDS = 0.5
"""The residual at which colours are full, in units of the range of the truth."""

GRADIENT = np.array(
    [[16, 16, 42], [58, 28, 98], [128, 42, 112], [200, 68, 88], [244, 130, 66], [252, 222, 150]]
)
RESIDUAL = np.array([[92, 168, 255], [40, 84, 168], [22, 27, 35], [168, 62, 40], [255, 142, 92]])
"""The colours of a model that is too dark, right, and too bright."""


class Sheet:
    """A page that grows by a row for each scene."""

    def __init__(self, title: str, note: str, weights: bool = False) -> None:
        self._page = Page()
        columns = 5 if weights else 4
        self._column = (CONTENT - (columns - 1) * GAP) // columns
        half = f"{ENDS:.0%}"
        self._page.heading(
            title,
            [
                note,
                "Truth and model: mean of the channels without its offset, on the scale of the "
                f"truth, with {LEVELS - 1} contours. Residual: model - truth, red where the model "
                f"is too bright, blue where too dark; full colour at {half} of the truth's range. "
                "Error: std(model - truth) / std(truth) over valid sky; grey is no sky."
                + " Weight: white is what was taken for sky."
                * weights,
            ],
        )

    def add(
        self,
        name: str,
        scene: Scene,
        model: np.ndarray,
        error: float,
        weight: np.ndarray | None = None,
    ) -> None:
        """Draw a scene, the model, (H, W, K) linear, found for it, and the weights, (h, w)."""
        page, image = self._page, Image.from_samples(scene.image)
        size = size_in((TALLEST, self._column), image.shape)
        seen = resample(image, size)
        truth, found = (
            _without_offset(planes, scene, size) for planes in (scene.background, model)
        )
        low, high = np.nanmin(truth), np.nanmax(truth)
        span = max(high - low, 1e-12)
        residual = (found - truth) / (2 * ENDS * span) + 0.5
        level = np.nanmedian(scene.background, axis=(0, 1))
        sky = SkyLevels(level, level, np.ones_like(level))
        pictures = {
            name.capitalize(): to_rgb(display_stretches(seen, sky)[0].apply(seen)),
            "Truth": _contoured((truth - low) / span),
            "Model": _contoured((found - low) / span),
            f"Residual, error {error:.3f}": _coloured(residual, RESIDUAL),
        }
        if weight is not None:
            shown = pil.fromarray((255 * weight + 0.5).astype(np.uint8)).resize(size[::-1])
            pictures["Weight"] = np.asarray(shown.convert("RGB"))
        page.y += 3 * GAP
        self._reach(page.y + size[0] + MARGIN)
        for column, (label, rgb) in enumerate(pictures.items()):
            left = MARGIN + column * (self._column + GAP)
            page.label(left, page.y, self._column, label)
            page.picture.paste(pil.fromarray(rgb), (left, page.y))
        page.y += size[0]

    def _reach(self, bottom: int) -> None:
        """Make the page tall enough for a row that ends there."""
        page = self._page
        if bottom > page.picture.height:
            taller = pil.new("RGB", (WIDTH, 2 * bottom), BACKDROP)
            taller.paste(page.picture)
            page.picture, page.pen = taller, ImageDraw.Draw(taller)

    def save(self, path: str) -> None:
        """Write a PNG."""
        self._page.finished().save(path, format="png")


def _without_offset(planes: np.ndarray, scene: Scene, size: tuple[int, int]) -> np.ndarray:
    """The mean of the channels, (h, w), minus its mean over valid sky; NaN elsewhere."""
    grey = planes.mean(axis=2, dtype=np.float64)
    grey = np.where(scene.valid, grey - grey[scene.valid].mean(), np.nan).astype(np.float32)
    return resample(Image.from_samples(grey), size, np.isfinite)[0]


def _coloured(values: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """Map values, (h, w), from 0 to 1 to a scale of colours; NaN becomes `MISSING`."""
    stops = np.linspace(0, 1, len(colours))
    known = np.nan_to_num(values)
    rgb = np.stack([np.interp(known, stops, channel) for channel in colours.T], axis=2)
    rgb = (rgb + 0.5).astype(np.uint8)
    rgb[np.isnan(values)] = MISSING
    return rgb


def _contoured(values: np.ndarray) -> np.ndarray:
    """Map values to the colours of the gradient, with lines where a level is crossed."""
    rgb = _coloured(values, GRADIENT)
    level = np.floor(np.clip(np.nan_to_num(values, nan=-1), -1, 2) * LEVELS)
    crossed = np.zeros(values.shape, bool)
    crossed[:, 1:] |= level[:, 1:] != level[:, :-1]
    crossed[1:] |= level[1:] != level[:-1]
    crossed &= np.isfinite(values)
    rgb[crossed] = (0.6 * rgb[crossed] + 0.4 * 255).astype(np.uint8)
    return rgb
