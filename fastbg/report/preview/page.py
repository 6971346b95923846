"""The page that a preview is drawn on: its dimensions, its colours, its texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...image.image import Image

if TYPE_CHECKING:
    from PIL.Image import Image as Picture
    from PIL.ImageDraw import ImageDraw as Pen
    from PIL.ImageFont import FreeTypeFont

Colour = tuple[int, int, int]

WIDTH, MARGIN, GAP = 1600, 40, 24
CONTENT = WIDTH - 2 * MARGIN
TALLEST = 4000
"""The height of the page while it is drawn, in pixels; it is cut below its last part."""

NARROWEST_COLUMN = 420
THINNEST = 16
"""Least height and width of a picture in pixels, so that an image of one row can be seen."""

WIDE = 3.0
"""Pictures with a larger ratio of width to height are stacked instead of set side by side."""

BACKDROP: Colour = (14, 17, 23)
PANEL: Colour = (22, 27, 35)
RULE: Colour = (48, 56, 68)
TEXT: Colour = (232, 237, 243)
MUTED: Colour = (148, 158, 171)
CHANNELS: dict[int, list[tuple[str, Colour]]] = {
    1: [("L", (205, 212, 222))],
    3: [("R", (255, 98, 98)), ("G", (104, 208, 112)), ("B", (96, 156, 255))],
}
"""Names and colours of the channels of an image, by their number."""


class Page:
    """A picture that is filled from top to bottom; `y` is where the next part begins."""

    def __init__(self) -> None:
        from PIL import Image as pil
        from PIL import ImageDraw

        self.picture: Picture = pil.new("RGB", (WIDTH, TALLEST), BACKDROP)
        self.pen: Pen = ImageDraw.Draw(self.picture)
        self.y = MARGIN

    def text(
        self,
        at: tuple[float, float],
        text: str,
        size: int,
        colour: Colour = TEXT,
        anchor: str = "ls",
    ) -> float:
        """Write one line on the base line y and return its width in pixels."""
        font = load_font(size)
        self.pen.text(at, text, colour, font, anchor)
        return font.getlength(text)

    def heading(self, title: str, captions: Sequence[str]) -> None:
        """Write the title and, below it, the captions."""
        self.y += 24
        self.text((MARGIN, self.y), shorten(title, 34, CONTENT), 34)
        for line in captions:
            for part in wrap(line, 17, CONTENT):
                self.y += 29
                self.text((MARGIN, self.y), part, 17, MUTED)

    def label(self, left: int, y: int, width: int, name: str, note: str = "") -> None:
        """Write a name and, as far as there is room, a note in grey, just above y."""
        start = left + self.text((left, y - 12), name, 20) + 14
        self.text((start, y - 12), shorten(note, 15, left + width - start), 15, MUTED)

    def finished(self) -> Picture:
        """The page, cut below its last part."""
        return self.picture.crop((0, 0, WIDTH, self.y + MARGIN))


def load_font(size: int) -> FreeTypeFont:
    """The font of all texts, in a size in pixels."""
    from PIL import ImageFont

    return ImageFont.load_default(size)  # type: ignore[return-value]


def shorten(text: str, size: int, width: float) -> str:
    """The text on one line, cut with an ellipsis to that width in pixels."""
    font = load_font(size)
    text = " ".join(text.split())
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…" if text else ""


def wrap(text: str, size: int, width: float) -> list[str]:
    """The text in lines that are no wider than that many pixels."""
    font = load_font(size)
    lines: list[str] = []
    for word in text.split():
        if lines and font.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(shorten(word, size, width))
    return lines


def is_wide(image: Image) -> bool:
    """Whether the pictures of an image are stacked."""
    height, width = image.shape
    return width > WIDE * height


def size_in(box: tuple[int, int], shape: tuple[int, int]) -> tuple[int, int]:
    """The size on screen, (h, w), at which an image of that shape fills the box."""
    scale = min(box[0] / shape[0], box[1] / shape[1])
    height, width = (max(THINNEST, round(n * scale)) for n in shape)
    return height, width
