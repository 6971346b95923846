"""One picture to choose settings by and to judge a fit by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from . import drawing
from .drawing import Colour
from .image import Image
from .stretch import Stretch

if TYPE_CHECKING:
    from PIL.Image import Image as Picture
    from PIL.ImageDraw import ImageDraw as Pen
    from PIL.ImageFont import FreeTypeFont

WIDTH, MARGIN, GAP = 1600, 40, 24
CONTENT = WIDTH - 2 * MARGIN
INPUT_BOX = (800, 900)
"""Greatest height and width of the stretched image beside its histogram."""

RESULT_HEIGHT = 900

NARROWEST_COLUMN, LOWEST_HISTOGRAM = 420, 460
THINNEST = 16
"""Fewest pixels on screen, so that an image of one row can be seen."""

WIDE = 3.0
"""Above this ratio of width to height, pictures are stacked instead of set side by side."""

PAGE: Colour = (14, 17, 23)
PANEL: Colour = (22, 27, 35)
RULE: Colour = (48, 56, 68)
TEXT: Colour = (232, 237, 243)
MUTED: Colour = (148, 158, 171)
CHANNELS: dict[int, list[tuple[str, Colour]]] = {
    1: [("L", (205, 212, 222))],
    3: [("R", (255, 98, 98)), ("G", (104, 208, 112)), ("B", (96, 156, 255))],
}

SAMPLES = 1_000_000
"""About how many samples of a channel the statistics on the page look at."""

DOTTED, DASHED, SOLID, FROM, TO = "dotted", "dashed", "solid", "from", "to"


def draw(
    before: Image,
    stretch: Stretch,
    stretched: np.ndarray,
    weight: np.ndarray,
    centres: np.ndarray,
    *,
    quantile: float,
    thresholds: tuple[float, float] | None = None,
    fitted: tuple[Image, Image, np.ndarray] | None = None,
    title: str,
    captions: Sequence[str] = (),
) -> Picture:
    """Draw the input of a fit and, if there is one, its result.

    The upper part shows the stretched image as the fit sees it, with what is excluded and the
    control points, beside the histogram of the linear samples and the values that the settings
    stand for. The lower part shows before, model and after under one stretch.

    Parameters
    ----------
    before : Image, linear
    stretch : Stretch
        Measured on `before` with `quantile`.
    stretched : ndarray, (h, w, K), stretched; NaN = missing
    weight : ndarray, (h, w, K), in [0, 1], 1 = used
    centres : ndarray, (N, 2)
        Initial control points, normalised (y, x).
    quantile : float
        In [0, 1]; the one that the stretch maps to 1.
    thresholds : (tmin, tmax), optional
        Limits on the stretched values between which pixels are used.
    fitted : (model, after, centres), optional
        The model and the corrected image, both linear and of the size of `before`, and the
        fitted control points, (N, 2).
    title : str
        One line; cut with an ellipsis where it is too long.
    captions : sequence of str
        Lines below the title, wrapped.

    Returns
    -------
    PIL.Image.Image, RGB, 1600 pixels wide
    """
    from PIL import Image as pil

    page = _Page(pil.new("RGB", (WIDTH, 4000), PAGE))
    page.heading(title, captions)
    moved = None if fitted is None else fitted[2]

    page.y += 3 * GAP
    top = page.y
    size = _draw_input(page, before, stretched, weight, centres, moved)
    left, bottom = MARGIN, top + size[0]
    if _is_wide(before):
        top = bottom + 3 * GAP
    else:
        left += max(size[1], NARROWEST_COLUMN) + 2 * GAP
    bottom = max(bottom, top + LOWEST_HISTOGRAM)
    marks = _marked_values(stretch, quantile, thresholds)
    _draw_histogram(page, (left, top, WIDTH - MARGIN, bottom), before, marks)
    page.y = bottom + GAP
    _draw_legend(page, stretched, weight, centres, moved)
    if fitted is not None:
        page.y += 3 * GAP
        _draw_result(page, {"Before": before, "Model": fitted[0], "After": fitted[1]})
    return page.picture.crop((0, 0, WIDTH, page.y + MARGIN))


class _Page:
    """A picture that is filled from top to bottom; `y` is where the next part begins."""

    def __init__(self, picture: Picture) -> None:
        from PIL import ImageDraw

        self.picture = picture
        self.pen: Pen = ImageDraw.Draw(picture)
        self.y = MARGIN

    def text(
        self,
        at: tuple[float, float],
        text: str,
        size: int,
        colour: Colour = TEXT,
        anchor: str = "ls",
    ) -> float:
        """Write one line on the base line y and return its width."""
        font = _font(size)
        self.pen.text(at, text, colour, font, anchor)
        return font.getlength(text)

    def heading(self, title: str, captions: Sequence[str]) -> None:
        self.y += 24
        self.text((MARGIN, self.y), _shorten(title, _font(34), CONTENT), 34)
        for line in captions:
            for part in _wrap(line, _font(17), CONTENT):
                self.y += 29
                self.text((MARGIN, self.y), part, 17, MUTED)

    def label(self, left: int, y: int, width: int, name: str, note: str = "") -> None:
        """A name and, where there is room, a note in grey, just above y."""
        start = left + self.text((left, y - 12), name, 20) + 14
        note = _shorten(note, _font(15), left + width - start)
        self.text((start, y - 12), note, 15, MUTED)


def _font(size: int) -> FreeTypeFont:
    from PIL import ImageFont

    return ImageFont.load_default(size)  # type: ignore[return-value]


def _shorten(text: str, font: FreeTypeFont, width: float) -> str:
    text = " ".join(text.split())
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…" if text else ""


def _wrap(text: str, font: FreeTypeFont, width: float) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        if lines and font.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(_shorten(word, font, width))
    return lines


def _is_wide(image: Image) -> bool:
    height, width = image.shape
    return width > WIDE * height


def _fit(shape: tuple[int, int], box: tuple[int, int]) -> tuple[int, int]:
    """The size on screen, (h, w), at which an image of that shape fills the box."""
    scale = min(box[0] / shape[0], box[1] / shape[1])
    height, width = (max(THINNEST, round(n * scale)) for n in shape)
    return height, width


def _missing(stretched: np.ndarray) -> np.ndarray:
    """(h, w) bool."""
    return np.isnan(stretched).all(axis=2)


def _draw_input(
    page: _Page,
    before: Image,
    stretched: np.ndarray,
    weight: np.ndarray,
    centres: np.ndarray,
    moved: np.ndarray | None,
) -> tuple[int, int]:
    """Draw the stretched image with its marks at `page.y` and return its size on screen."""
    from PIL import Image as pil

    size = _fit(before.shape, (INPUT_BOX[0], CONTENT) if _is_wide(before) else INPUT_BOX)
    shown = drawing.resample(np.moveaxis(stretched, 2, 0), size, np.isfinite)
    weight = np.where(_missing(stretched)[..., np.newaxis], np.nan, weight)
    used = drawing.resample(np.moveaxis(weight, 2, 0), size, np.isfinite)
    rgb = drawing.tint_excluded(drawing.to_rgb(np.clip(shown, 0, 1)), used)

    height, width = before.shape
    page.label(
        MARGIN,
        page.y,
        max(size[1], NARROWEST_COLUMN),
        "What the fit sees",
        f"{stretched.shape[1]} x {stretched.shape[0]} of {width} x {height} pixels",
    )
    page.picture.paste(pil.fromarray(rgb), (MARGIN, page.y))
    layer = drawing.marks(size, centres, moved, drawing.mark_radius(size, len(centres)))
    corner = (MARGIN - drawing.MARK_MARGIN, page.y - drawing.MARK_MARGIN)
    page.picture.paste(layer, corner, layer)
    return size


def _draw_legend(
    page: _Page,
    stretched: np.ndarray,
    weight: np.ndarray,
    centres: np.ndarray,
    moved: np.ndarray | None,
) -> None:
    """Say below `page.y` what the marks on the stretched image mean, and how much there is."""
    from PIL import Image as pil

    nowhere, middle, outside = np.full((1, 2), np.nan), np.full((1, 2), 0.5), np.array([[0.5, 1.4]])
    swatch = np.full((18, 30, 3), 90, np.uint8)
    missing = _missing(stretched)
    excluded = ~missing & (weight == 0).all(axis=2)
    partly = ~missing & ~excluded & (weight < 1).any(axis=2)

    def tinted(unused: float) -> Picture:
        weight = np.ones((1, *swatch.shape[:2]))
        weight[:, 1:-1, 1:-1] -= unused
        return pil.fromarray(drawing.tint_excluded(swatch, weight))

    items = [(drawing.marks((18, 14), middle, None, 6), f"{len(centres)} control points")]
    if moved is not None:
        finite = moved[np.isfinite(moved).all(axis=1)]
        beyond = int(((finite < 0) | (finite > 1)).any(axis=1).sum())
        items.append((drawing.marks((18, 14), nowhere, middle, 6), "after the fit"))
        if beyond:
            arrow = drawing.marks((18, 14), nowhere, outside, 6)
            items.append((arrow, f"{beyond} fitted outside the frame"))
    items.append((tinted(1), f"excluded {excluded.mean():.1%}"))
    if partly.any():
        items.append((tinted(0.5), f"partly used {partly.mean():.1%}"))
    if missing.any():
        blank = pil.new("RGB", (30, 18), drawing.MISSING)
        items.append((blank, f"missing {missing.mean():.1%}"))

    x = float(MARGIN)
    page.y += 18
    for symbol, text in items:
        margin = drawing.MARK_MARGIN if symbol.mode == "RGBA" else 0
        corner = (round(x) - margin, page.y - 16 - margin)
        page.picture.paste(symbol, corner, symbol if margin else None)
        x += symbol.width - 2 * margin + 10
        x += page.text((x, page.y), text, 16, MUTED) + 36


def _marked_values(
    stretch: Stretch, quantile: float, thresholds: tuple[float, float] | None
) -> list[tuple[str, str, np.ndarray]]:
    """Name, line style and linear value in each channel of what the settings stand for."""
    values = [
        ("pedestal", DOTTED, stretch.pedestal),
        ("median", DASHED, stretch.pedestal + stretch.midtones * stretch.scale),
        (f"q {quantile:g}", SOLID, stretch.pedestal + stretch.scale),
    ]
    for name, style, limit in zip(("tmin", "tmax"), (FROM, TO), thresholds or (), strict=False):
        linear, _ = stretch.invert(np.full_like(stretch.pedestal, limit))
        values.append((f"{name} {limit:g}", style, linear))
    return values


def _draw_histogram(
    page: _Page,
    box: tuple[int, int, int, int],
    image: Image,
    marks: list[tuple[str, str, np.ndarray]],
) -> None:
    """Draw in the box the counts of linear samples and, below them, a table of the marks."""
    from PIL import Image as pil
    from PIL import ImageDraw

    left, top, right, bottom = box
    channels = CHANNELS[image.channels]
    row = 28
    table = bottom - row * len(channels)
    step, values_of = _sample(image)
    note = "counts, log scale" + (f", of 1 in {step**2} pixels" if step > 1 else "")
    page.label(left, top, right - left, "Histogram of linear values", note)

    plot_left, plot_bottom = left + 52, table - row - 52
    width, height = right - plot_left, plot_bottom - top
    low = min(values.min() for _, _, values in marks)
    high = max(values.max() for _, _, values in marks)
    low, high = low - 0.04 * (high - low), high + 0.1 * (high - low)
    bins = int(np.clip(max(values.size for values in values_of) // 40, 40, width // 2))
    edges = np.linspace(low, high, bins + 1)
    counts = [np.histogram(values, edges)[0] for values in values_of]
    top_level = np.log10(1 + max(10, *(c.max() for c in counts))) * 1.04

    page.pen.rectangle((plot_left, top, right - 1, plot_bottom), PANEL)
    for decade in range(int(top_level) + 1):
        y = plot_bottom - np.log10(1 + 10**decade) / top_level * height
        if y - top > 8:
            page.pen.line((plot_left, y, right - 1, y), RULE)
            page.text((plot_left - 10, y), f"{10**decade:,}", 13, MUTED, "rm")
    fine = 2
    for (_, colour), count in zip(channels, counts, strict=True):
        layer = pil.new("RGBA", (width * fine, height * fine), (*colour, 0))
        pen = ImageDraw.Draw(layer)
        x = (edges[:-1] + edges[1:] - 2 * low) / 2 * width * fine / (high - low)
        y = (1 - np.log10(1 + count) / top_level) * height * fine
        curve = list(zip(x.tolist(), y.tolist(), strict=True))
        ends = [(curve[-1][0], float(height * fine)), (curve[0][0], float(height * fine))]
        pen.polygon(curve + ends, (*colour, 52))
        pen.line(curve, (*colour, 235), 3)
        layer = layer.reduce(fine)
        page.picture.paste(layer, (plot_left, top), layer)

    def across(value: float) -> float:
        return plot_left + (value - low) / (high - low) * width

    for _, style, values in marks:
        for (_, colour), value in zip(channels, values, strict=True):
            _draw_mark(page.pen, style, across(value), top, plot_bottom, colour)
    for tick in _ticks(low, high):
        x = across(tick)
        page.pen.line((x, plot_bottom, x, plot_bottom + 6), MUTED)
        if plot_left + 20 < x < right - 20:
            page.text((x, plot_bottom + 24), f"{tick:.6g}", 14, MUTED, "ms")

    column = width / len(marks)
    for i, (name, style, values) in enumerate(marks):
        x = plot_left + i * column
        _draw_mark(page.pen, style, x + 4, table - 16, table + 2, TEXT)
        page.text((x + 18, table), _shorten(name, _font(15), column - 22), 15, MUTED)
        for k, ((_, colour), value) in enumerate(zip(channels, values, strict=True)):
            page.text((x + 18, table + row * (k + 1) - 2), f"{value:.4g}", 17, colour)
    for k, (name, colour) in enumerate(channels):
        page.text((left + 16, table + row * (k + 1) - 2), name, 17, colour)


def _draw_mark(pen: Pen, style: str, x: float, top: float, bottom: float, colour: Colour) -> None:
    """A vertical line; thresholds are brackets that open to the values that are used."""
    on, off = {DOTTED: (2, 3), DASHED: (6, 4)}.get(style, (bottom - top, 1))
    start = top
    while start < bottom:
        pen.line((x, start, x, min(start + on, bottom)), colour)
        start += on + off
    if style in (FROM, TO):
        reach = 7 if style == FROM else -7
        for y in (top, bottom):
            pen.line((x, y, x + reach, y), colour, 3)


def _ticks(low: float, high: float) -> np.ndarray:
    """Round values between the two, about six."""
    rough = (high - low) / 6
    power = 10.0 ** np.floor(np.log10(rough))
    step = power * min((1, 2, 5, 10), key=lambda n: abs(n * power - rough))
    return np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step + 0.0


def _sample(image: Image) -> tuple[int, list[np.ndarray]]:
    """The valid samples of each channel in every nth row and column, and n."""
    step = max(1, round((image.shape[0] * image.shape[1] / SAMPLES) ** 0.5))
    some = Image(image.planes[:, ::step, ::step])
    return step, [plane[valid] for plane, valid in zip(some.planes, some.valid, strict=True)]


def _draw_result(page: _Page, images: dict[str, Image]) -> None:
    """Draw images of one size below `page.y` under the display stretch of the first."""
    from PIL import Image as pil

    before = images["Before"]
    stacked = _is_wide(before)
    room = CONTENT if stacked else (CONTENT - (len(images) - 1) * GAP) // len(images)
    size = _fit(before.shape, (RESULT_HEIGHT, room))
    panels = [drawing.resample_image(image, size) for image in images.values()]
    stretch = drawing.display_stretch(*panels)
    x = MARGIN
    for (name, image), planes in zip(images.items(), panels, strict=True):
        page.label(x, page.y, room, name)
        medians = [np.median(values) if values.size else np.nan for values in _sample(image)[1]]
        end = float(x + max(size[1], NARROWEST_COLUMN))
        for (_, colour), median in reversed(list(zip(CHANNELS[len(planes)], medians, strict=True))):
            end -= 16 + page.text((end, page.y - 12), f"{median:.4g}", 15, colour, "rs")
        page.text((end, page.y - 12), "median", 15, MUTED, "rs")
        page.picture.paste(pil.fromarray(drawing.to_rgb(stretch.apply(planes))), (x, page.y))
        if stacked:
            page.y += size[0] + 3 * GAP
        else:
            x += room + GAP
    page.y += -3 * GAP if stacked else size[0]
    page.y += GAP + 12
    linked = np.ptp(stretch.pedestal) == 0 and before.channels > 1
    black = "one black for all channels" if linked else "the sky of Before drawn grey"
    page.text((MARGIN, page.y), f"One stretch for all three pictures, {black}.", 15, MUTED)
