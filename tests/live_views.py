"""What a browser shows of the live page, and what it has to show: formulas, and a page to look at.

The server is one that stands in, so that each pixel of each picture is known.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest
from live_stand_in import StandIn, encoded, halves, hello, serving, statistics

MISSING = (0x26, 0x2B, 0x34)
GREY_STEP = 1 / 255
"""Pixels have 8 bits: a value is right to within one step."""

OFFSET, SCALE = 0.02, 1e-4
"""Of the half floats of the skies here."""


def stf(median: np.ndarray, mad: np.ndarray, linked: bool) -> tuple[np.ndarray, np.ndarray]:
    """PixInsight's automatic STF: shadows and midtones."""
    if linked:
        median, mad = (np.full_like(each, each.mean()) for each in (median, mad))
    shadow = np.clip(median - 2.8 * 1.4826 * mad, 0, 1)
    return shadow, mtf(median - shadow, 0.25)


def graxpert(
    median: np.ndarray, mad: np.ndarray, linked: bool, target: float, sigma: float
) -> tuple[np.ndarray, np.ndarray]:
    """GraXpert's stretch: shadows and midtones; linked channels have the means of both."""
    shadow = np.clip(median - sigma * mad, 0, 1)
    midtones = mtf((median - shadow) / (1 - shadow), target)
    if linked:
        shadow, midtones = (np.full_like(each, each.mean()) for each in (shadow, midtones))
    return shadow, midtones


def mtf(x: np.ndarray, m: Any) -> np.ndarray:
    """As the XISF specification writes it."""
    return (m - 1) * x / ((2 * m - 1) * x - m)


STRETCHES: dict[str, Callable[..., tuple[np.ndarray, np.ndarray]]] = {
    "none": lambda median, mad, linked: (0 * median, 0 * median + 0.5),
    "stf": stf,
    "10": lambda *given: graxpert(*given, 0.10, 3),
    "15": lambda *given: graxpert(*given, 0.15, 3),
    "20": lambda *given: graxpert(*given, 0.20, 3),
    "30": lambda *given: graxpert(*given, 0.30, 2),
}


def stretched(
    linear: np.ndarray, told: dict[str, list[float]], name: str, **how: Any
) -> np.ndarray:
    """Planes, (K, h, w), by the stretch of an image with these statistics."""
    linked, boost = how.get("linked", False), how.get("boost", 1)
    median, mad = np.array(told["median"]), np.array(told["mad"])
    shadow, midtones = STRETCHES[name](median, mad, linked)
    centre = np.full_like(median, median.mean()) if linked else median
    shadow, midtones, centre = (each[:, None, None] for each in (shadow, midtones, centre))
    raised = centre + boost * (linear - centre)
    return mtf(np.clip((raised - shadow) / (1 - shadow), 0, 1), midtones)


READ = """{
    const { renderer } = m.screen, { gl } = renderer;
    renderer.draw();
    const { drawingBufferWidth: w, drawingBufferHeight: h } = gl;
    const bytes = new Uint8Array(4 * w * h);
    gl.readPixels(0, 0, w, h, gl.RGBA, gl.UNSIGNED_BYTE, bytes);
    const wanted = WANTED;
    let text = "";
    for (let i = 0; i < wanted.length; i += 8192) {
        text += String.fromCharCode(...wanted.subarray(i, i + 8192));
    }
    return [w, h, btoa(text)];
}"""


class Viewer:
    """A page, and how a test looks at it."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.wait_for("m.app.store.get().pictures.original")

    def run(self, expression: str, argument: Any = None) -> Any:
        """Evaluate an expression of the module ``m`` and the argument ``x``."""
        return self.page.evaluate(f"x => import('./app.js').then(m => {expression})", argument)

    def wait_for(self, expression: str) -> None:
        """Wait until an expression of the module ``m`` is true."""
        waited = self.page.evaluate(
            f"""import('./app.js').then(async m => {{
                const end = performance.now() + 20_000;
                while (!({expression}) && performance.now() < end) {{
                    await new Promise(done => setTimeout(done, 10));
                }}
                return Boolean({expression});
            }})"""
        )
        assert waited, expression

    def set(self, **values: Any) -> None:
        self.run("{ m.app.store.set(x) }", values)
        self.page.wait_for_timeout(60)

    def look_at(self, x: float, y: float, scale: float) -> None:
        self.run("{ m.app.viewport.show(...x); m.screen.renderer.draw() }", [x, y, scale])
        self.page.wait_for_timeout(30)

    def canvas(self) -> np.ndarray:
        """(h, w, 3): the colours on the screen, in [0, 1]."""
        width, height, pixels = self._read("bytes")
        return pixels.reshape(height, width, 4)[::-1, :, :3] / 255

    def drawn(self, shape: tuple[int, int]) -> np.ndarray:
        """(K, h, w): the colours at the centres of the pixels of an image, in the first pane."""
        height, width = shape
        _, _, pixels = self._read(
            """((picked) => {
                for (let row = 0; row < x[0]; row++) for (let column = 0; column < x[1]; column++) {
                    const place = m.app.viewport.toScreen(column + 0.5, row + 0.5);
                    const [left, top] = place.map(Math.floor);
                    if (left < 0 || top < 0 || left >= w || top >= h) throw Error("out of sight");
                    const from = 4 * (w * (h - 1 - top) + left);
                    picked.set(bytes.subarray(from, from + 4), 4 * (x[1] * row + column));
                }
                return picked;
            })(new Uint8Array(4 * x[0] * x[1]))""",
            [height, width],
        )
        return np.moveaxis(pixels.reshape(height, width, 4)[..., :3] / 255, 2, 0)

    def _read(self, wanted: str, argument: Any = None) -> tuple[int, int, np.ndarray]:
        """The width and the height of the screen, and bytes made of its own, from the lower left.

        Only what is looked at is taken out of the browser: that takes longer than to draw it.
        """
        width, height, data = self.run(READ.replace("WANTED", wanted), argument)
        return width, height, np.frombuffer(base64.b64decode(data), np.uint8)


@pytest.fixture
def view(open_page: Any) -> Iterator[Callable[..., Viewer]]:
    """A function that opens a page that is told these messages: ``view(*messages)``."""
    with ExitStack() as opened:

        def view(*messages: Any, stand_in: StandIn | None = None, **options: Any) -> Viewer:
            server = opened.enter_context(serving(stand_in or StandIn(*messages)))
            return Viewer(open_page(server.address, **options))

        yield view


def sky(shape: tuple[int, int, int], seed: int = 3) -> np.ndarray:
    """A sky with noise, a gradient and a bright star, as exact half floats above their offset."""
    rng = np.random.default_rng(seed)
    channels, height, width = shape
    x = np.linspace(-1, 1, width)
    planes = rng.normal(0, 8, shape) + 20 * x + 10 * np.arange(channels)[:, None, None]
    planes[:, height // 2, width // 2] = 6000
    return OFFSET + SCALE * planes.astype(np.float16).astype(float)


def messages_of(linear: np.ndarray, **more: np.ndarray) -> list[Any]:
    """What a server tells of an image at 1:1, and of a fit with these pictures."""
    planes, header = halves(linear, OFFSET, SCALE)
    told: list[Any] = [hello(linear.shape)]
    told.append(encoded("original", planes, binning=1, statistics=statistics(linear), **header))
    for name, each in more.items():
        planes, header = halves(each, OFFSET if name != "uncertainty" else 0.0, SCALE)
        cells = {"binning": 1} if name != "uncertainty" else {"extent": linear.shape[:0:-1]}
        told.append(encoded(name, planes, **cells, **header))
    return told


def grid_of(linear: np.ndarray) -> dict[str, np.ndarray]:
    """A model and a small copy on a grid of cells of one pixel, an uncertainty on one of 4 x 4."""
    channels, height, width = linear.shape
    y, x = np.mgrid[0:height, 0:width] / width
    model = OFFSET + SCALE * (60 * x - 30 * y + 5 * np.arange(channels)[:, None, None]).astype(
        np.float16
    ).astype(float)
    cells = np.broadcast_to((x + y * y)[2::4, 2::4], (channels, height // 4, width // 4))
    sigma = SCALE * (1 + 3 * cells).astype(np.float16).astype(float)
    return {"model": model, "uncertainty": sigma, "small": linear}


def assert_same(found: np.ndarray, wanted: np.ndarray, steps: float = 1.01) -> None:
    np.testing.assert_allclose(found, wanted, rtol=0, atol=steps * GREY_STEP)


def tiled(side: int = 1024) -> tuple[np.ndarray, StandIn]:
    """An image whose overview has cells of 4 x 4 pixels, and a server of its tiles."""
    linear = sky((1, side, side))
    means = linear.reshape(1, side // 4, 4, side // 4, 4).mean(axis=(2, 4))
    planes, header = halves(means, OFFSET, SCALE)
    greeting = hello(linear.shape) | {"tiles": {"size": 256, "levels": 2, "pixel": 1}}
    overview = encoded("original", planes, binning=4, statistics=statistics(linear), **header)
    stand_in = StandIn(greeting, overview)

    def tile(level: int, row: int, column: int) -> bytes:
        cell = 2**level
        whole = linear.reshape(1, side // cell, cell, side // cell, cell).mean(axis=(2, 4))
        part = whole[:, 256 * row : 256 * (row + 1), 256 * column : 256 * (column + 1)]
        planes, header = halves(part, OFFSET, SCALE)
        return encoded("tile", planes, level=level, row=row, column=column, binning=cell, **header)

    stand_in.tile = tile
    return linear, stand_in


ALL_HERE = (
    "m.screen.renderer.tiles.wanted.every(({ key }) => m.screen.renderer.tiles.kept.has(key))"
)
