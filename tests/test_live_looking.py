"""Looking at an image on the live page: comparisons, zoom and pan, tiles at 1:1."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event

import numpy as np
import pytest
from live_stand_in import encoded, fitted, statistics
from live_views import (
    ALL_HERE,
    OFFSET,
    Viewer,
    assert_same,
    grid_of,
    messages_of,
    sky,
    stretched,
    tiled,
)

pytest.importorskip("starlette", reason="pip install 'fastbg[live]'")


def test_split_and_side_by_side(view: Callable[..., Viewer]) -> None:
    linear = sky((3, 40, 60))
    pictures = grid_of(linear)
    viewer = view(*messages_of(linear, **pictures), fitted([OFFSET] * 3))
    viewer.wait_for("m.app.store.get().correction")
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
    other = 150 + viewer.run("m.app.viewport.pane[0]")
    second = viewer.run("m.app.viewport.toImage(...x)", [other, 300])
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
    assert viewer.page.locator(".pane-name").first.inner_text() == "Original"
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
    # At 1:1, pixels of the image stay on whole pixels of the screen.
    np.testing.assert_allclose(moved, grabbed, atol=0.51)
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


def test_tiles_show_the_pixels_of_the_image(view: Callable[..., Viewer]) -> None:
    linear, stand_in = tiled()
    viewer = view(stand_in=stand_in)
    viewer.set(view="original", stretch="20")
    # A pixel of the screen for 2 x 2 of the image, then for one.
    viewer.look_at(512, 512, 0.5)
    viewer.wait_for(ALL_HERE)
    assert "1/0/0" in stand_in.tiles_asked
    stand_in.tiles_asked.clear()
    viewer.run("{ m.screen.renderer.tiles.kept.clear() }")
    viewer.look_at(600, 400, 1)
    viewer.wait_for(ALL_HERE)
    # Those in sight alone, the middle first.
    assert "0/1/2" in stand_in.tiles_asked[:6]
    assert {each.split("/")[0] for each in stand_in.tiles_asked} == {"0"}
    canvas = viewer.canvas()[..., 0]
    height, width = canvas.shape
    left, top = (-round(each) for each in viewer.run("m.app.viewport.toScreen(0, 0)"))
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
        viewer.wait_for(ALL_HERE)
    assert viewer.run("m.screen.renderer.tiles.bytes") <= 400_000
    kept = viewer.run("[...m.screen.renderer.tiles.kept.keys()]")
    assert "0/3/0" in kept
    uploaded = viewer.run(
        "[...m.screen.renderer.uploaded.keys()].filter(p => p.name === 'tile').length"
    )
    assert uploaded <= len(kept)


def test_tiles_out_of_sight_are_given_up(view: Callable[..., Viewer]) -> None:
    _, stand_in = tiled()
    quick, out_of_sight = stand_in.tile, Event()

    def slow(*place: int) -> bytes | None:
        assert out_of_sight.wait(60)
        return quick(*place)

    viewer = view(stand_in=stand_in)
    viewer.wait_for(ALL_HERE)
    viewer.run("{ m.screen.renderer.tiles.kept.clear() }")
    stand_in.tile = slow
    viewer.set(view="original")
    viewer.look_at(100, 100, 4)
    viewer.wait_for("[...m.screen.renderer.tiles.asked.keys()].join() === '0/0/0'")
    viewer.look_at(900, 900, 4)
    out_of_sight.set()
    viewer.wait_for(ALL_HERE)
    kept = viewer.run("[...m.screen.renderer.tiles.kept.keys()]")
    assert "0/3/3" in kept
    assert "0/0/0" not in kept


def test_a_fine_screen_shows_each_of_its_pixels(view: Callable[..., Viewer]) -> None:
    linear = sky((1, 40, 60))
    viewer = view(*messages_of(linear), device_scale_factor=2)
    width, pane = viewer.run("[m.screen.renderer.canvas.width, m.app.viewport.pane[0]]")
    assert width == 2 * pane
    viewer.set(view="original", stretch="20")
    viewer.page.get_by_role("button", name="One pixel of the image").click()
    assert viewer.run("m.app.viewport.scale") == 0.5
    left, top = (round(2 * each) for each in viewer.run("m.app.viewport.toScreen(0, 0)"))
    found = viewer.canvas()[top : top + 40, left : left + 60, 0]
    assert_same(found, stretched(linear, statistics(linear), "20")[0])


@pytest.mark.parametrize("width", [400, 1000])
def test_what_is_chosen_and_the_legend_are_seen_in_narrow_windows(
    view: Callable[..., Viewer], width: int
) -> None:
    linear = sky((1, 40, 60))
    cells = np.full((1, 40, 60), 255, np.uint8)
    fit = [
        fitted([0.1]),
        encoded("weight", cells, "byte"),
        encoded("objects", cells.astype("<u2"), "label"),
    ]
    messages = messages_of(linear, **grid_of(linear))
    viewer = view(*messages, *fit, viewport={"width": width, "height": 800})
    viewer.page.keyboard.press("5")
    viewer.page.locator("#legend").get_by_text("painted: is sky").wait_for()
    viewer.page.wait_for_timeout(100)
    legend, zoomer = (viewer.page.locator(each).bounding_box() for each in ("#legend", "#zoomer"))
    assert legend["y"] + legend["height"] <= zoomer["y"]
    chosen = viewer.page.locator("#views [aria-checked=true]").first.bounding_box()
    assert chosen["x"] >= 0
    assert chosen["x"] + chosen["width"] <= width
