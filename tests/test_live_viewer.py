"""The viewer of the live page in a browser: what is drawn is what the formulas say.

The server is one that stands in, so that each pixel of each picture is known.
"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest
from live_stand_in import StandIn, encoded, fitted, halves, hello, serving, statistics

from fastbg.image.stretch import Stretch

pytest.importorskip("starlette", reason="pip install 'fastbg[live]'")

MISSING = (0x26, 0x2B, 0x34)
GREY_STEP = 1 / 255
"""Pixels have 8 bits: a value is right to within one step."""


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


class Viewer:
    """A page, and how a test looks at it."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.run("m.app.store.get().pictures.original && m.screen.renderer.draw()", wait=True)

    def run(self, expression: str, argument: Any = None, *, wait: bool = False) -> Any:
        """Evaluate an expression of the module ``m`` and the argument ``x``; wait until it is true."""
        if wait:
            self.page.wait_for_function(
                f"x => import('./app.js').then(m => Boolean({expression.split(' && ')[0]}))",
                arg=argument,
            )
        return self.page.evaluate(f"x => import('./app.js').then(m => {expression})", argument)

    def set(self, **values: Any) -> None:
        self.run("{ m.app.store.set(x) }", values)
        self.page.wait_for_timeout(60)

    def look_at(self, x: float, y: float, scale: float) -> None:
        self.run("{ m.app.viewport.show(...x); m.screen.renderer.draw() }", [x, y, scale])
        self.page.wait_for_timeout(30)

    def canvas(self) -> np.ndarray:
        """(h, w, 3): the colours on the screen, in [0, 1]."""
        width, height, data = self.run(
            """{
                const { renderer } = m.screen, { gl } = renderer;
                renderer.draw();
                const { drawingBufferWidth: w, drawingBufferHeight: h } = gl;
                const bytes = new Uint8Array(4 * w * h);
                gl.readPixels(0, 0, w, h, gl.RGBA, gl.UNSIGNED_BYTE, bytes);
                let text = "";
                for (let i = 0; i < bytes.length; i += 8192) {
                    text += String.fromCharCode(...bytes.subarray(i, i + 8192));
                }
                return [w, h, btoa(text)];
            }"""
        )
        pixels = np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 4)
        return pixels[::-1, :, :3] / 255

    def drawn(self, shape: tuple[int, int]) -> np.ndarray:
        """(K, h, w): the colours at the centres of the pixels of an image, in the first pane."""
        x, y = np.meshgrid(np.arange(shape[1]) + 0.5, np.arange(shape[0]) + 0.5)
        places = self.run(
            "x.map(([u, v]) => m.app.viewport.toScreen(u, v))",
            np.stack([x.ravel(), y.ravel()], axis=1).tolist(),
        )
        column, row = np.floor(np.array(places)).astype(int).T
        return np.moveaxis(self.canvas()[row, column].reshape(*shape, 3), 2, 0)


@pytest.fixture
def view(open_page: Any) -> Iterator[Callable[..., Viewer]]:
    """A function that opens a page that is told these messages: ``view(*messages)``."""
    with ExitStack() as opened:

        def view(*messages: Any, stand_in: StandIn | None = None, **options: Any) -> Viewer:
            server = opened.enter_context(serving(stand_in or StandIn(*messages)))
            size = {"viewport": {"width": 1000, "height": 640}}
            return Viewer(open_page(server.address, **{**size, **options}))

        yield view


OFFSET, SCALE = 0.02, 1e-4


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
        told.append(encoded(name, planes, binning=1, **header))
    return told


def assert_same(found: np.ndarray, wanted: np.ndarray, steps: float = 1.01) -> None:
    np.testing.assert_allclose(found, wanted, rtol=0, atol=steps * GREY_STEP)


def test_every_half_is_decoded(view: Callable[..., Viewer]) -> None:
    viewer = view(*messages_of(sky((1, 20, 30))))
    values = viewer.page.evaluate(
        "import('./half.js').then(m => [...m.HALVES].map(v => Number.isNaN(v) ? 'nan' : String(v)))"
    )
    with np.errstate(invalid="ignore"):
        wanted = np.arange(65536, dtype=np.uint16).view(np.float16).astype(np.float32)
    np.testing.assert_array_equal(np.array(values, float).astype(np.float32), wanted)


@pytest.mark.parametrize("linked", [False, True])
def test_the_shader_stretches_as_the_formulas_say(
    view: Callable[..., Viewer], linked: bool
) -> None:
    linear = sky((3, 40, 60))
    viewer = view(*messages_of(linear))
    viewer.look_at(30, 20, 4)
    told = statistics(linear)
    for name, boost in itertools.product(STRETCHES, (1, 2, 4)):
        viewer.set(view="original", stretch=name, linked=linked, boost=boost)
        wanted = stretched(linear, told, name, linked=linked, boost=boost)
        assert_same(viewer.drawn((40, 60)), wanted)


def test_functions_of_the_page_equal_the_formulas(view: Callable[..., Viewer]) -> None:
    viewer = view(*messages_of(sky((1, 20, 30))))
    rng = np.random.default_rng(5)
    for name in [*STRETCHES] * 3:
        median = rng.uniform(0.001, 0.4, 3)
        mad = median * rng.uniform(0.001, 0.9, 3)
        told = {
            "median": median.tolist(),
            "mad": mad.tolist(),
            "minimum": [0] * 3,
            "maximum": [1] * 3,
        }
        linear = rng.uniform(0, 1, (3, 1, 50))
        for linked in (False, True):
            for boost in (1, 4):
                found = viewer.page.evaluate(
                    """([told, name, linked, boost, planes]) => import('./stretch.js').then(m => {
                        const display = m.displayOf(told, name, linked, boost);
                        return planes.map((plane, k) => [plane[0].map(v => m.shown(display, k, v))]);
                    })""",
                    [told, name, linked, boost, linear.tolist()],
                )
                wanted = stretched(linear, told, name, linked=linked, boost=boost)
                np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)


def test_what_is_missing_does_not_spread(view: Callable[..., Viewer]) -> None:
    linear = sky((3, 40, 60))
    holed = linear.copy()
    holed[:, 10:14, 20:24] = np.nan
    holed[1, 30, 40] = np.nan
    viewer = view(*messages_of(holed))
    viewer.set(view="original", stretch="20")
    wanted = stretched(holed, statistics(holed), "20")
    wanted[1, 30, 40] = 0
    wanted[:, 10:14, 20:24] = np.array(MISSING)[:, None, None] / 255
    viewer.look_at(30, 20, 4)
    assert_same(viewer.drawn((40, 60)), wanted)
    # Interpolated or reduced, each colour is one that the valid neighbours have, or that of missing.
    ranges = [(wanted[k].min() - 0.01, wanted[k].max() + 0.01) for k in range(3)]
    for scale in (1.5, 0.5):
        viewer.look_at(30, 20, scale)
        found = viewer.drawn((40, 60))
        seen = np.isclose(found, np.array(MISSING)[:, None, None] / 255, atol=1e-3).all(axis=0)
        assert seen[11:13, 21:23].all()
        assert not seen[:8].any()
        for k, (low, high) in enumerate(ranges):
            assert (found[k] >= low).all()
            assert (found[k] <= high).all()


def grid_of(linear: np.ndarray) -> dict[str, np.ndarray]:
    """A model, an uncertainty and a small copy on a grid of cells of one pixel."""
    channels, height, width = linear.shape
    y, x = np.mgrid[0:height, 0:width] / width
    model = OFFSET + SCALE * (60 * x - 30 * y + 5 * np.arange(channels)[:, None, None]).astype(
        np.float16
    ).astype(float)
    sigma = SCALE * (1 + 3 * np.broadcast_to(x, linear.shape)).astype(np.float16).astype(float)
    return {"model": model, "uncertainty": sigma, "small": linear}


@pytest.mark.parametrize("mode", ["subtract", "divide"])
@pytest.mark.parametrize("strength", [1.0, 0.3])
def test_the_corrected_view(view: Callable[..., Viewer], mode: str, strength: float) -> None:
    linear = sky((3, 40, 60))
    pictures = grid_of(linear)
    model = pictures["model"]
    level = np.median(model, axis=(1, 2))
    told = fitted(level.tolist(), mode=mode, strength=strength)
    viewer = view(*messages_of(linear, **pictures), told)
    viewer.run("m.app.store.get().correction", wait=True)
    viewer.look_at(30, 20, 4)
    viewer.set(view="corrected", stretch="20")
    level = level[:, None, None]
    whole = linear - (model - level) if mode == "subtract" else linear * level / model
    wanted = (1 - strength) * linear + strength * whole
    assert_same(viewer.drawn((40, 60)), stretched(wanted, statistics(linear), "20"))


def test_a_pedestal_of_nothing_is_shown_at_the_level_of_the_original(
    view: Callable[..., Viewer],
) -> None:
    linear = sky((3, 40, 60))
    pictures = grid_of(linear)
    model = pictures["model"]
    viewer = view(*messages_of(linear, **pictures), fitted([0.0, 0.0, 0.0]))
    viewer.run("m.app.store.get().correction", wait=True)
    viewer.look_at(30, 20, 4)
    viewer.set(view="corrected", stretch="20")
    shift = np.median(model, axis=(1, 2)).mean()
    wanted = stretched(linear - model + shift, statistics(linear), "20")
    assert_same(viewer.drawn((40, 60)), wanted, 2)


def colours_of(viewer: Viewer, name: str) -> np.ndarray:
    """The stops of a colour map, (n, 3)."""
    return np.array(viewer.page.evaluate(f"import('./colours.js').then(m => m.{name})"))


def mapped(stops: np.ndarray, at: np.ndarray) -> np.ndarray:
    places = np.linspace(0, 1, len(stops))
    return np.stack([np.interp(np.clip(at, 0, 1), places, stops[:, k]) for k in range(3)])


def test_model_and_uncertainty(view: Callable[..., Viewer]) -> None:
    linear = sky((3, 40, 60))
    pictures = grid_of(linear)
    model, sigma = pictures["model"], pictures["uncertainty"]
    viewer = view(*messages_of(linear, **pictures), fitted(np.median(model, axis=(1, 2)).tolist()))
    viewer.run("m.app.store.get().correction", wait=True)
    viewer.look_at(30, 20, 4)
    viewer.set(view="model", stretch="20")
    assert_same(viewer.drawn((40, 60)), stretched(model, statistics(linear), "20"))
    viewer.set(falseColour=True)
    mean = (model - np.median(model, axis=(1, 2), keepdims=True)).mean(axis=0)
    at = (mean - mean.min()) / (mean.max() - mean.min())
    stops = colours_of(viewer, "SEQUENTIAL")
    assert_same(viewer.drawn((40, 60)), mapped(stops, at), 3)
    viewer.set(view="uncertainty")
    mean = sigma.mean(axis=0)
    assert_same(viewer.drawn((40, 60)), mapped(stops, mean / np.quantile(mean, 0.99)), 3)
    viewer.set(view="model", channel=1)
    mean = model[1] - np.median(model[1])
    at = (mean - mean.min()) / (mean.max() - mean.min())
    assert_same(viewer.drawn((40, 60)), mapped(stops, at), 3)


def test_the_residual_is_that_of_the_sky_and_objects_are_dimmed(
    view: Callable[..., Viewer],
) -> None:
    linear = sky((1, 40, 60))
    pictures = grid_of(linear)
    # Blocks of 4 x 4 pixels, whose means are themselves: the smoothing changes nothing.
    blocks = np.random.default_rng(1).normal(0, 8, (1, 10, 15)).repeat(4, 1).repeat(4, 2)
    pictures["model"] = np.full_like(linear, OFFSET)
    pictures["small"] = OFFSET + SCALE * blocks.astype(np.float16).astype(float)
    weight = np.full((1, 40, 60), 255, np.uint8)
    weight[:, 16:24, 20:28] = 0
    pictures["small"][weight == 0] = 0.2
    viewer = view(
        *messages_of(linear, **pictures),
        encoded("weight", weight, "byte", binning=1),
        encoded("objects", (weight == 0).astype("<u2"), "label", binning=1),
        fitted([OFFSET]),
    )
    viewer.run("m.app.store.get().correction", wait=True)
    viewer.look_at(30, 20, 4)
    viewer.set(view="residual")
    stops = colours_of(viewer, "DIVERGING")
    deviation = blocks[0][weight[0] > 0]
    noise = 1.4826 * np.median(np.abs(deviation - np.median(deviation)))
    wanted = mapped(stops, (blocks[0] / noise + 1) / 2)
    dimmed = 0.7 * np.array(MISSING) / 255 + 0.3 * stops[-1]
    found = viewer.drawn((40, 60))
    centre = (slice(None), slice(1, None, 4), slice(1, None, 4))
    inner = weight[0, 1::4, 1::4] > 0
    blurred = np.abs(found[centre] - wanted[centre]).max(axis=0)[inner]
    # Between the centres of blocks, colours are interpolated.
    assert np.median(blurred) < 0.12
    assert np.corrcoef(found[0, 1::4, 1::4][inner], wanted[0, 1::4, 1::4][inner])[0, 1] > 0.9
    assert_same(found[:, 18:22, 22:26], np.broadcast_to(dimmed[:, None, None], (3, 4, 4)), 2)


def test_marks_of_found_and_unused_differ_in_pattern_and_colour(
    view: Callable[..., Viewer],
) -> None:
    linear = sky((3, 40, 60))
    weight = np.full((1, 40, 60), 255, np.uint8)
    weight[:, 5:15, 5:25] = weight[:, 25:35, 5:25] = 0
    objects = np.zeros((1, 40, 60), "<u2")
    objects[:, 5:15, 5:25] = 7
    pictures = (
        encoded("weight", weight, "byte", binning=1),
        encoded("objects", objects, "label", binning=1),
    )
    viewer = view(*messages_of(linear), *pictures)
    viewer.look_at(30, 20, 8)
    viewer.set(view="sky", stretch="20")
    grey = stretched(linear, statistics(linear), "20").mean(axis=0)
    found = viewer.drawn((40, 60))
    red = np.array([0xFF, 0x62, 0x62]) / 255
    assert_same(found[:, :4], np.broadcast_to(grey[:4], (3, 4, 60)), 2)
    inside = (slice(7, 13), slice(7, 23))
    wanted = 0.72 * grey[inside] + 0.28 * red[:, None, None]
    assert_same(found[(slice(None), *inside)], wanted, 2)
    # An outline around what was found, and stripes over what is not used.
    canvas = viewer.canvas()
    outline = np.abs(canvas - (0.95 * red + 0.05 * 0.25)).max(axis=2) < 0.06
    assert 300 < outline.sum() < 2000
    left, top = viewer.run("m.app.viewport.toScreen(7, 27)")
    unused = canvas[int(top) : int(top) + 48, int(left) : int(left) + 128, 2]
    assert 0.1 < (unused > 0.45).mean() < 0.35
    viewer.set(view="original")
    assert_same(viewer.drawn((40, 60)), stretched(linear, statistics(linear), "20"))
    viewer.set(marks=True)
    assert not np.allclose(
        viewer.drawn((40, 60)), stretched(linear, statistics(linear), "20"), atol=0.05
    )


def test_inverted_grey_and_single_channels(view: Callable[..., Viewer]) -> None:
    linear = sky((3, 40, 60))
    viewer = view(*messages_of(linear))
    viewer.look_at(30, 20, 4)
    viewer.set(view="original", stretch="15", inverted=True)
    wanted = stretched(linear, statistics(linear), "15")
    assert_same(viewer.drawn((40, 60)), np.broadcast_to(1 - wanted.mean(axis=0), (3, 40, 60)), 2)
    viewer.set(inverted=False, channel=2)
    assert_same(viewer.drawn((40, 60)), np.broadcast_to(wanted[2], (3, 40, 60)))


def test_a_sky_at_zero_or_below_and_arrays_in_counts_are_shown(view: Callable[..., Viewer]) -> None:
    viewer = view(*messages_of(sky((1, 20, 30))))
    rng = np.random.default_rng(2)
    for centre, noise in ((0.0, 1e-3), (-0.3, 1e-3), (1500.0, 20.0), (0.02, 0.0)):
        linear = centre + noise * rng.standard_normal((1, 1, 4000))
        linear[0, 0, 0] = centre + 40_000 * noise
        values = viewer.page.evaluate(
            """([told, plane]) => import('./stretch.js').then(m => {
                const display = m.displayOf(told, 'stf', false, 1);
                return plane.map(v => m.shown(display, 0, v));
            })""",
            [statistics(linear), linear[0, 0].tolist()],
        )
        assert np.isfinite(values).all()
        assert abs(np.median(values) - 0.25) < 0.01


def test_split_and_side_by_side(view: Callable[..., Viewer]) -> None:
    linear = sky((3, 40, 60))
    pictures = grid_of(linear)
    viewer = view(*messages_of(linear, **pictures), fitted([OFFSET] * 3))
    viewer.run("m.app.store.get().correction", wait=True)
    viewer.set(view="model", stretch="20", layout="single")
    viewer.look_at(30, 20, 12)
    model = viewer.canvas()
    viewer.set(view="original")
    original = viewer.canvas()
    viewer.set(view="model", layout="split", splitAt=0.4)
    edge = round(0.4 * original.shape[1])
    np.testing.assert_array_equal(viewer.canvas()[:, :edge], original[:, :edge])
    np.testing.assert_array_equal(viewer.canvas()[:, edge:], model[:, edge:])
    viewer.set(blink=True)
    np.testing.assert_array_equal(viewer.canvas()[:, :edge], model[:, :edge])
    viewer.set(blink=False, layout="side")
    both = viewer.canvas()
    half = both.shape[1] // 2
    viewer.set(view="original")
    assert not np.array_equal(both[:, :half], both[:, half : 2 * half])
    # The same place of the image is in the middle of both panes.
    viewer.set(view="corrected")
    names = viewer.page.locator(".pane-name").all_inner_texts()
    assert names == ["Original", "Corrected"]
    first = viewer.run("m.app.viewport.toImage(...x)", [150, 300])
    box = viewer.page.locator("#stage").bounding_box()
    second = viewer.run("m.app.viewport.toImage(...x)", [150 + box["width"] / 2, 300])
    np.testing.assert_allclose(first, second, atol=1e-9)


def test_the_split_is_moved_by_mouse_and_by_keys(view: Callable[..., Viewer]) -> None:
    viewer = view(*messages_of(sky((1, 40, 60))))
    viewer.set(layout="split")
    line = viewer.page.get_by_role("slider", name="Line between the two views")
    box, stage = line.bounding_box(), viewer.page.locator("#stage").bounding_box()
    viewer.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 50)
    viewer.page.mouse.down()
    viewer.page.mouse.move(stage["x"] + 0.25 * stage["width"], box["y"] + 90, steps=3)
    viewer.page.mouse.up()
    assert abs(viewer.run("m.app.store.get().splitAt") - 0.25) < 0.01
    line.focus()
    viewer.page.keyboard.press("ArrowRight")
    assert abs(viewer.run("m.app.store.get().splitAt") - 0.27) < 0.01
    viewer.page.keyboard.press("End")
    assert viewer.run("m.app.store.get().splitAt") == 1
    assert line.get_attribute("aria-valuenow") == "100"


def test_blink_lasts_as_long_as_it_is_held(view: Callable[..., Viewer]) -> None:
    viewer = view(*messages_of(sky((1, 40, 60))))
    button = viewer.page.get_by_role("button", name="Blink")
    button.hover()
    viewer.page.mouse.down()
    viewer.page.wait_for_timeout(50)
    assert viewer.run("m.app.store.get().blink")
    viewer.page.mouse.up()
    viewer.page.wait_for_timeout(50)
    assert not viewer.run("m.app.store.get().blink")
    button.focus()
    viewer.page.keyboard.down("Enter")
    assert viewer.run("m.app.store.get().blink")
    viewer.page.keyboard.up("Enter")
    assert not viewer.run("m.app.store.get().blink")


def test_views_and_switches_by_keyboard_alone(view: Callable[..., Viewer]) -> None:
    viewer = view(*messages_of(sky((3, 40, 60))))
    chosen = viewer.page.get_by_role("radio", name="Corrected", exact=True)
    chosen.focus()
    viewer.page.keyboard.press("ArrowRight")
    assert viewer.run("m.app.store.get().view") == "model"
    assert viewer.page.get_by_role("radio", name="Model").get_attribute("aria-checked") == "true"
    for name, key in (("Linked", "linked"), ("Invert", "inverted"), ("Marks", "marks")):
        button = viewer.page.get_by_role("button", name=name, exact=True)
        button.focus()
        viewer.page.keyboard.press("Enter")
        assert viewer.run(f"m.app.store.get().{key}")
        assert button.get_attribute("aria-pressed") == "true"
    viewer.page.get_by_role("combobox", name="Stretch").select_option("30")
    assert viewer.run("m.app.store.get().stretch") == "30"


def test_wheel_pan_and_buttons_keep_the_place(view: Callable[..., Viewer]) -> None:
    viewer = view(*messages_of(sky((1, 400, 600))))
    stage = viewer.page.locator("#stage").bounding_box()
    # Events of a wheel have whole pixels.
    at = (round(stage["x"]) + 300, round(stage["y"]) + 170)
    before = viewer.run("m.app.viewport.toImage(...x)", at)
    viewer.page.mouse.move(*at)
    viewer.page.mouse.wheel(0, -100)
    viewer.page.wait_for_timeout(60)
    np.testing.assert_allclose(viewer.run("m.app.viewport.toImage(...x)", at), before, atol=1e-6)
    scale = viewer.run("m.app.viewport.scale")
    viewer.page.mouse.wheel(0, 100)
    viewer.page.wait_for_timeout(60)
    assert abs(scale / viewer.run("m.app.viewport.scale") - 6 / 5) < 1e-9
    viewer.page.get_by_role("button", name="One pixel of the image").click()
    assert viewer.run("m.app.viewport.zoom") == 1
    assert viewer.page.locator("#zoomer output").inner_text() == "100 %"
    grabbed = viewer.run("m.app.viewport.toImage(...x)", at)
    viewer.page.mouse.move(*at)
    viewer.page.mouse.down()
    viewer.page.mouse.move(at[0] + 40, at[1] - 25, steps=4)
    viewer.page.mouse.up()
    moved = viewer.run("m.app.viewport.toImage(...x)", (at[0] + 40, at[1] - 25))
    np.testing.assert_allclose(moved, grabbed, atol=1e-6)
    viewer.page.get_by_role("button", name="Show the whole image").click()
    corners = viewer.run("[m.app.viewport.toScreen(0, 0), m.app.viewport.toScreen(600, 400)]")
    assert min(corners[0]) >= 0
    assert corners[1][0] <= stage["width"]
    assert corners[1][1] <= stage["height"]
    # A window of another size still shows the whole image.
    viewer.page.set_viewport_size({"width": 700, "height": 900})
    viewer.page.wait_for_timeout(80)
    left, top = viewer.run("m.app.viewport.toScreen(0, 0)")
    assert left >= 0
    assert top >= 0
    # However far one pans, some of the image stays in view.
    viewer.run("{ m.app.viewport.pan(1e6, 1e6) }")
    assert viewer.run("m.app.viewport.centre") == [0, 0]


def test_two_fingers_zoom_and_pan(view: Callable[..., Viewer]) -> None:
    viewer = view(*messages_of(sky((1, 400, 600))), has_touch=True)
    session = viewer.page.context.new_cdp_session(viewer.page)
    stage = viewer.page.locator("#stage").bounding_box()
    x, y = stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2

    def touch(kind: str, *places: tuple[float, float]) -> None:
        points = [{"x": px, "y": py, "id": i} for i, (px, py) in enumerate(places)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    scale = viewer.run("m.app.viewport.scale")
    middle = viewer.run("m.app.viewport.toImage(...x)", (x, y))
    touch("touchStart", (x - 40, y), (x + 40, y))
    for reach in (50, 60, 70, 80):
        touch("touchMove", (x - reach, y), (x + reach, y))
    touch("touchEnd")
    viewer.page.wait_for_timeout(60)
    assert abs(viewer.run("m.app.viewport.scale") / scale - 2) < 0.02
    np.testing.assert_allclose(viewer.run("m.app.viewport.toImage(...x)", (x, y)), middle, atol=1)


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


def test_tiles_show_the_pixels_of_the_image(view: Callable[..., Viewer]) -> None:
    linear, stand_in = tiled()
    viewer = view(stand_in=stand_in)
    viewer.set(view="original", stretch="20")
    # A pixel of the screen for 2 x 2 of the image, then for one.
    viewer.look_at(512, 512, 0.5)
    viewer.run(ALL_HERE, wait=True)
    assert "1/0/0" in stand_in.tiles_asked
    stand_in.tiles_asked.clear()
    viewer.run("{ m.screen.renderer.tiles.kept.clear() }")
    viewer.look_at(600, 400, 1)
    viewer.run(ALL_HERE, wait=True)
    # Those in sight alone, the middle first.
    assert "0/1/2" in stand_in.tiles_asked[:6]
    assert {each.split("/")[0] for each in stand_in.tiles_asked} == {"0"}
    canvas = viewer.canvas()[..., 0]
    height, width = canvas.shape
    top, left = (round(place - size / 2) for place, size in ((400, height), (600, width)))
    inner = np.s_[max(0, top) : top + height, max(0, left) : left + width]
    wanted = stretched(linear, statistics(linear), "20")[0][inner]
    assert_same(
        canvas[max(0, -top) :, max(0, -left) :][: wanted.shape[0], : wanted.shape[1]], wanted
    )
    # No tile is asked for twice.
    viewer.look_at(600, 410, 1)
    viewer.page.wait_for_timeout(100)
    assert len(stand_in.tiles_asked) == len(set(stand_in.tiles_asked))


def test_tiles_are_bounded_and_no_longer_asked_for_out_of_sight(
    view: Callable[..., Viewer],
) -> None:
    _, stand_in = tiled()
    viewer = view(stand_in=stand_in)
    viewer.run("{ m.screen.renderer.tiles.mostBytes = 400_000 }")
    viewer.set(view="original")
    for x, y in ((50, 50), (990, 50), (990, 990), (50, 990)):
        viewer.look_at(x, y, 8)
        viewer.run(ALL_HERE, wait=True)
    assert viewer.run("m.screen.renderer.tiles.bytes") <= 400_000
    kept = viewer.run("[...m.screen.renderer.tiles.kept.keys()]")
    assert "0/3/0" in kept
    uploaded = viewer.run(
        "[...m.screen.renderer.uploaded.keys()].filter(p => p.name === 'tile').length"
    )
    assert uploaded <= len(kept)


def test_values_are_read_under_the_pointer(view: Callable[..., Viewer]) -> None:
    linear = sky((3, 40, 60))
    pictures = grid_of(linear)
    stand_in = StandIn(*messages_of(linear, **pictures), fitted([OFFSET] * 3))
    exact = {name: [0.5, 0.25, None] for name in ("original", "model", "corrected", "uncertainty")}
    stand_in.answer = lambda message: (
        {"tell": "probed", "x": message["x"], "y": message["y"], **exact}
        if message["do"] == "probe"
        else {"tell": "done"}
    )
    viewer = view(stand_in=stand_in)
    viewer.run("m.app.store.get().correction", wait=True)
    stage = viewer.page.locator("#stage").bounding_box()
    x, y = viewer.run("m.app.viewport.toScreen(41.5, 12.5)")
    viewer.page.mouse.move(stage["x"] + x, stage["y"] + y)
    text = viewer.page.evaluate(
        """import('./app.js').then(async m => {
            await new Promise(requestAnimationFrame);
            return [...document.querySelectorAll('#readout .group')].map(e => e.innerText);
        })"""
    )
    values = [float(each) for each in text[0].split()[1::2]]
    np.testing.assert_allclose(values, linear[:, 12, 41], rtol=1e-4)
    adu = [float(each) for each in text[0].split()[2::2]]
    np.testing.assert_allclose(adu, linear[:, 12, 41] * 65535, rtol=1e-3)
    after = [float(each) for each in text[1].split()[1::2]]
    wanted = linear[:, 12, 41] - pictures["model"][:, 12, 41] + OFFSET
    np.testing.assert_allclose(after, wanted, rtol=1e-3)
    viewer.page.locator("#readout", has_text="exact").wait_for()
    group = viewer.page.locator("#readout .group.original").inner_text()
    assert "0.50000" in group
    assert "32768" in group
    assert "–" in group
    asked = stand_in.wait_for(lambda message: message["do"] == "probe")
    np.testing.assert_allclose([asked["x"], asked["y"]], [41.5, 12.5], atol=0.1)
    viewer.page.mouse.move(2, 2)
    viewer.page.locator("#readout .hint").wait_for()


def test_the_histogram_counts_and_its_lines_are_those_of_the_stretch(
    view: Callable[..., Viewer],
) -> None:
    linear = sky((1, 200, 300))
    viewer = view(*messages_of(linear))
    flat = np.sort(linear.ravel())
    # All pixels: the page takes a regular part of larger images.
    found = viewer.page.evaluate(
        """import('./app.js').then(async ({ app }) => {
            const m = await import('./histogram.js');
            const samples = m.samplesOf(app.store.get().pictures.original);
            const span = m.spanOf(samples);
            const lines = [['quantile', 0.9], ['threshold_min', 0.1], ['threshold_max', 0.8]];
            return {
                count: samples.sorted[0].length,
                span,
                counts: [...m.countsOf(samples.sorted[0], span, 50)],
                lines: lines.map(([name, value]) => m.linearOf(samples, 0, name, value, 0.9)),
                back: lines.map(([name, value]) =>
                    m.settingAt(samples, name, m.meanLinearOf(samples, name, value, 0.9), 0.9)),
            };
        })"""
    )
    assert found["count"] == flat.size
    edges = np.linspace(found["span"]["low"], found["span"]["high"], 51)
    wanted = np.histogram(flat[flat < edges[-1]], edges)[0]
    assert np.abs(np.array(found["counts"]) - wanted).max() <= 2
    levels = [0, 0.5, 0.9, 1]
    stretch = Stretch.of(np.quantile(flat, levels)[np.newaxis], 0.9)
    inverse = [float(stretch.invert(np.array([[t]]))[0][0, 0]) for t in (0.1, 0.8)]
    np.testing.assert_allclose(found["lines"], [np.quantile(flat, 0.9), *inverse], rtol=1e-6)
    np.testing.assert_allclose(found["back"], [0.9, 0.1, 0.8], atol=1e-3)


def test_lines_of_the_histogram_are_set_by_mouse_and_by_keys(view: Callable[..., Viewer]) -> None:
    stand_in = StandIn(*messages_of(sky((1, 200, 300))))
    viewer = view(stand_in=stand_in)
    line = viewer.page.get_by_role("slider", name="Lower threshold")
    line.focus()
    viewer.page.keyboard.press("PageUp")
    done = stand_in.wait_for(lambda message: message["do"] == "set" and not message.get("more"))
    assert done["settings"] == {"threshold_min": 0.101}
    assert line.get_attribute("aria-valuenow") == "0.101"
    stand_in.heard.clear()
    box = viewer.page.get_by_role("slider", name="Quantile").bounding_box()
    viewer.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 4)
    viewer.page.mouse.down()
    viewer.page.mouse.move(box["x"] + box["width"] / 2 - 60, box["y"] + 4, steps=5)
    viewer.page.mouse.up()
    done = stand_in.wait_for(lambda message: message["do"] == "set" and not message.get("more"))
    assert 0.5 <= done["settings"]["quantile"] < 0.95
    tried = [each for each in stand_in.heard if each.get("more")]
    assert tried
    assert all("quantile" in each["settings"] for each in tried)


def test_a_lost_connection_is_told_and_comes_back(view: Callable[..., Viewer]) -> None:
    stand_in = StandIn(*messages_of(sky((1, 40, 60))))
    viewer = view(stand_in=stand_in)
    viewer.look_at(10, 10, 6)
    stand_in.drop()
    viewer.page.locator("#notice", has_text="connection").wait_for()
    failed = viewer.run("m.app.send({ do: 'undo' }).catch(({ message }) => message)")
    assert "not connected" in failed
    viewer.run("m.app.store.get().connection === 'open'", wait=True)
    viewer.page.locator("#notice").wait_for(state="hidden")
    # The user looks at the same place as before.
    assert viewer.run("m.app.viewport.centre") == [10, 10]
    stand_in.tell({"tell": "ended", "message": "fastbg was stopped."})
    viewer.page.locator("#notice", has_text="fastbg was stopped.").wait_for()


def test_a_lost_context_is_told_and_drawn_again(view: Callable[..., Viewer]) -> None:
    linear, stand_in = tiled()
    viewer = view(stand_in=stand_in)
    viewer.set(view="original", stretch="20")
    viewer.look_at(300, 280, 1)
    viewer.run(ALL_HERE, wait=True)
    before = viewer.canvas()
    viewer.run(
        "{ window.lost = m.screen.renderer.gl.getExtension('WEBGL_lose_context'); lost.loseContext() }"
    )
    viewer.page.locator("#notice", has_text="graphics card").wait_for()
    viewer.run("{ lost.restoreContext() }")
    viewer.page.locator("#notice").wait_for(state="hidden")
    np.testing.assert_array_equal(viewer.canvas(), before)


def test_without_webgl_the_views_are_drawn_all_the_same(browser: Any) -> None:
    linear = sky((3, 40, 60))
    pictures = grid_of(linear)
    told = [
        *messages_of(linear, **pictures),
        fitted(np.median(pictures["model"], axis=(1, 2)).tolist()),
    ]
    with serving(StandIn(*told)) as stand_in:
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        context.add_init_script(
            "const of = HTMLCanvasElement.prototype.getContext;"
            "HTMLCanvasElement.prototype.getContext = function (kind, ...more) {"
            "  return kind === 'webgl2' ? null : of.call(this, kind, ...more); };"
        )
        page = context.new_page()
        page.goto(stand_in.address)
        page.locator("#notice", has_text="WebGL 2").wait_for()
        colours = page.evaluate(
            """import('./app.js').then(async ({ app, screen }) => {
                const wait = () => new Promise(done => setTimeout(done, 30));
                while (!app.store.get().correction) await wait();
                app.viewport.show(30, 20, 8);
                const found = {};
                for (const view of ['original', 'corrected', 'model', 'residual', 'sky', 'uncertainty']) {
                    app.store.set({ view, stretch: '20' });
                    screen.plain.draw();
                    const [x, y] = app.viewport.toScreen(7.5, 9.5);
                    const context = document.getElementById('picture').getContext('2d');
                    found[view] = [...context.getImageData(x, y, 1, 1).data].slice(0, 3);
                }
                return found;
            })"""
        )
        context.close()
    model = pictures["model"]
    level = np.median(model, axis=(1, 2), keepdims=True)
    views = {"original": linear, "corrected": linear - model + level, "model": model}
    for name, values in views.items():
        wanted = stretched(values, statistics(linear), "20")[:, 9, 7]
        # The browser smooths between the pixels.
        np.testing.assert_allclose(np.array(colours[name]) / 255, wanted, atol=0.08)
    assert all(max(colours[name]) > 0 for name in ("residual", "sky", "uncertainty"))


@pytest.mark.parametrize("width", [400, 1280, 3840])
def test_the_page_is_accessible_and_fits(view: Callable[..., Viewer], width: int) -> None:
    from browser import serious

    linear = sky((3, 40, 60))
    viewer = view(
        *messages_of(linear, **grid_of(linear)),
        fitted([OFFSET] * 3),
        viewport={"width": width, "height": 900},
    )
    viewer.run("m.app.store.get().correction", wait=True)
    viewer.set(view="sky", layout="split")
    viewer.page.wait_for_timeout(300)
    assert not serious(viewer.page)
    assert viewer.page.evaluate("document.documentElement.scrollWidth") <= width
    stage = viewer.page.locator("#stage").bounding_box()
    assert stage["width"] >= min(width, 380)
    assert stage["height"] >= 300
