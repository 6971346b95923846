"""The tools of the live page, each by mouse and by keyboard, and what the session then holds."""

from __future__ import annotations

import numpy as np
import pytest
from browser import serious
from cases import slow, some
from live_page import sky_with_galaxy

MIDDLE = (320.0, 240.0)
"""The middle of the image, where its galaxy is."""

BRUSHES = {"n": "not_sky", "k": "sky"}
AWAY = "state.state.edits.not_sky + state.state.edits.sky === 0"


def covers(cells: np.ndarray, x: float, y: float, side: int = 4) -> bool:
    return bool(cells[int(y // side), int(x // side)])


@pytest.mark.parametrize(("key", "layer"), some([("n", "not_sky")], BRUSHES.items()))
def test_a_brush_paints_what_it_covers_and_the_right_button_and_the_eraser_take_it_away(
    live, key, layer
):
    it = live()
    it.page.keyboard.press(key)
    it.page.locator("#options input[type=number]:visible").fill("12")
    it.page.keyboard.press("Enter")
    it.drag((100, 100), (180, 140))
    it.undoable(1)
    grid = it.session.painted.grid
    expected = grid.brush([(100.0, 100.0), (180.0, 140.0)], 12.0)
    painted = it.cells[layer]
    # The mouse goes in steps of whole pixels of the screen.
    assert np.count_nonzero(painted ^ expected) <= 0.05 * np.count_nonzero(expected)
    assert covers(painted, 140, 120)
    assert not covers(painted, 140, 160)
    it.drag((100, 100), (140, 120), button="right")
    it.undoable(2)
    assert np.count_nonzero(painted) > np.count_nonzero(it.cells[layer]) > 0
    it.page.keyboard.press("e")
    it.drag((80, 90), (220, 160))
    it.undoable(3)
    assert not it.cells[layer].any()


@pytest.mark.parametrize(("key", "layer"), some([("k", "sky")], BRUSHES.items()))
def test_a_brush_paints_by_keyboard_where_the_cursor_goes(live, key, layer):
    it = live()
    it.on_image(key)
    it.keys("ArrowRight", "Enter", *["ArrowRight"] * 4, "Enter", "Escape")
    it.undoable(1)
    painted = it.cells[layer]
    rows, columns = np.nonzero(painted)
    assert abs(4 * rows.mean() + 2 - MIDDLE[1]) < 5
    assert np.ptp(columns) > np.ptp(rows)
    assert columns.max() * 4 > MIDDLE[0] + 40


def test_the_fit_follows_while_the_pen_is_down_and_escape_gives_a_stroke_up(live):
    it = live()
    before = it.store("fitted.revision")
    it.page.keyboard.press("n")
    first, last = it.screen((100, 100), (200, 100))
    it.page.mouse.move(*first)
    it.page.mouse.down()
    it.page.mouse.move(*last, steps=4)
    it.wait("state.state.edits.not_sky > 0")
    it.wait(f"state.fitted.revision > {before}")
    assert it.store("state.undo") == 0
    it.page.keyboard.press("Escape")
    it.wait(AWAY)
    it.page.mouse.up()
    it.settled()
    assert it.store("state.undo") == 0
    assert not it.cells["not_sky"].any()


BOXES = [("r", "rectangle"), ("o", "ellipse")]


@pytest.mark.parametrize(("key", "shape"), some(BOXES[:1], BOXES))
def test_boxes_and_polygons_are_filled_by_mouse(live, key, shape):
    it = live()
    it.page.keyboard.press(key)
    it.drag((100, 100), (200, 160))
    it.undoable(1)
    expected = it.session.painted.grid.shape_of(shape, [(100.0, 100.0), (200.0, 160.0)])
    box = it.cells["not_sky"]
    assert np.count_nonzero(box ^ expected) <= 0.06 * np.count_nonzero(expected)
    it.page.keyboard.press("p")
    corners = [(400, 100), (520, 110), (460, 200)]
    it.click(*corners, corners[0])
    it.undoable(2)
    expected = it.session.painted.grid.shape_of("polygon", corners)
    polygon = it.cells["not_sky"] ^ box
    assert np.count_nonzero(polygon ^ expected) <= 0.06 * np.count_nonzero(expected)


@pytest.mark.parametrize(("key", "shape"), some(BOXES[1:], BOXES))
def test_boxes_are_filled_by_keyboard_with_the_chosen_layer(live, key, shape):
    it = live()
    it.on_image(key)
    layer = it.page.locator("#options").get_by_role("radio", name="Is sky")
    layer.check(force=True)
    it.page.locator("#stage").focus()
    it.keys("Enter", *["ArrowRight"] * 5, *["ArrowDown"] * 4, "Enter")
    it.undoable(1)
    sky = it.cells["sky"]
    rows, columns = np.nonzero(sky)
    area = np.count_nonzero(sky) / ((np.ptp(rows) + 1) * (np.ptp(columns) + 1))
    assert area == 1 if shape == "rectangle" else 0.6 < area < 0.9
    assert not it.cells["not_sky"].any()


def test_a_polygon_is_closed_by_keyboard_by_enter_twice(live):
    it = live()
    it.on_image("p")
    it.keys("Enter", *["ArrowRight"] * 8, "Enter", *["ArrowDown"] * 8, "Enter", "Enter")
    it.undoable(1)
    assert np.count_nonzero(it.cells["not_sky"]) > 50
    it.keys("ArrowUp", "Enter", "Escape")
    assert it.store("outline") is None
    assert it.store("state.undo") == 1


def test_an_object_is_clicked_and_taken_as_sky_or_grown(live):
    it = live()
    it.page.keyboard.press("c")
    it.click(MIDDLE)
    it.page.get_by_role("menuitem", name="Grow it").click()
    it.undoable(1)
    grown = np.count_nonzero(it.cells["not_sky"])
    assert grown
    assert covers(it.cells["not_sky"], *MIDDLE)
    it.click(MIDDLE)
    it.page.get_by_role("menuitem", name="Take it as sky").click()
    it.undoable(2)
    assert covers(it.cells["sky"], *MIDDLE)
    assert not it.cells["not_sky"].any()


def test_an_object_is_chosen_by_keyboard_and_the_focus_comes_back(live):
    it = live()
    it.on_image("c")
    it.keys("Enter")
    it.page.get_by_role("menu").wait_for()
    it.keys("ArrowDown", "Enter")
    it.undoable(1)
    assert covers(it.cells["not_sky"], *MIDDLE)
    assert it.page.evaluate("document.activeElement.id") == "stage"
    it.keys("Enter")
    it.page.get_by_role("menu").wait_for()
    it.keys("Escape")
    assert it.page.get_by_role("menu").count() == 0
    assert it.page.evaluate("document.activeElement.id") == "stage"


def test_samples_are_made_added_and_removed_and_the_fit_goes_through_them(live):
    # In a smaller window, the cursor meets samples that are there.
    it = live(window={"viewport": {"width": 1280, "height": 800}})
    it.keys("m")
    it.page.get_by_role("button", name="Generate").click()
    it.undoable(1)
    made = len(it.session.document.samples)
    assert made > 10
    assert it.store("state.samples.every(each => each.value)")
    it.on_image("m")
    it.keys("ArrowUp", "Enter")
    it.undoable(2)
    assert len(it.session.document.samples) == made + 1
    # What was added is not held: the next place is another sample.
    it.keys(*["ArrowUp"] * 5, "Enter")
    it.undoable(3)
    assert len(it.session.document.samples) == made + 2
    it.page.get_by_role("button", name="Remove", exact=True).click()
    it.undoable(4)
    assert len(it.session.document.samples) == made + 1
    it.page.get_by_label("Fit through them").uncheck()
    it.wait("!state.state.use_samples")
    it.settled()
    assert it.store("fitted.flexibility") is not None


def test_a_border_is_left_out_of_the_fit_by_mouse_and_by_keyboard(live):
    it = live()
    it.keys("g")
    it.drag((0, 200), (60, 200))
    it.undoable(1)
    assert it.session.settings.sides == pytest.approx((60, 0, 0, 0), abs=1)
    it.page.get_by_label("Border at the top").fill("20")
    it.keys("Enter")
    it.undoable(2)
    assert it.session.settings.sides[1] == 20
    it.page.locator("[data-setting=border]").get_by_role("button").click()
    it.undoable(3)
    assert it.session.settings.sides == (0, 0, 0, 0)


def test_settings_are_set_by_keyboard_and_go_back_to_automatic_with_the_focus_near(live):
    it = live()
    chosen = it.store("fitted.flexibility")
    slider = it.page.get_by_label("Stiffness", exact=True)
    slider.focus()
    it.keys("ArrowRight" if chosen["chosen"] == 1 else "ArrowLeft")
    it.undoable(1)
    assert it.session.settings.flexibility not in (0, chosen["automatic"])
    assert it.store("fitted.flexibility.automatic") == chosen["automatic"]
    it.page.locator("[data-setting=flexibility]").get_by_role("button").click()
    it.undoable(2)
    assert it.session.settings.flexibility == 0
    knob = it.page.locator("[data-setting=pedestal]")
    knob.locator("select").select_option("neutral")
    it.undoable(3)
    assert it.session.settings.pedestal == "neutral"
    back = knob.get_by_role("button")
    back.focus()
    it.keys("Enter")
    it.undoable(4)
    assert it.session.settings.pedestal == "model-median"
    assert knob.locator("select").evaluate("each => each === document.activeElement")


def test_an_object_is_taken_as_sky_by_a_finger(live):
    it = live(window={"has_touch": True})
    it.keys("c")
    it.page.touchscreen.tap(*it.screen(MIDDLE)[0])
    item = it.page.get_by_role("menuitem", name="Take it as sky")
    item.wait_for()
    it.page.wait_for_timeout(400)
    item.tap()
    it.undoable(1)
    assert covers(it.cells["sky"], *MIDDLE)


def test_the_image_moves_without_a_stroke_by_space_and_the_middle_button(live):
    it = live()
    it.on_image("n")
    centre = "import('./app.js').then(({ app }) => app.viewport.centre)"
    before = it.page.evaluate(centre)
    it.page.keyboard.down(" ")
    it.drag((100, 100), (160, 140))
    it.page.keyboard.up(" ")
    between = it.page.evaluate(centre)
    it.drag((100, 100), (160, 140), button="middle")
    assert before != between != it.page.evaluate(centre)
    assert it.store("state.undo") == 0
    assert not it.cells["not_sky"].any()


def test_a_stroke_side_by_side_lands_where_it_is_drawn_and_the_split_is_no_stroke(live):
    it = live()
    it.keys("d", "n")
    it.page.wait_for_timeout(100)
    box = it.page.locator("#stage").bounding_box()
    (x, y), _ = it.screen((300, 200), (0, 0))
    it.page.mouse.click(x + box["width"] / 2, y)
    it.undoable(1)
    rows, columns = np.nonzero(it.cells["not_sky"])
    assert (4 * columns.mean() + 2, 4 * rows.mean() + 2) == pytest.approx((300, 200), abs=4)
    it.keys("s")
    handle = it.page.locator("#split").bounding_box()
    it.page.mouse.move(handle["x"] + handle["width"] / 2, handle["y"] + 200)
    it.page.mouse.down()
    it.page.mouse.move(handle["x"] + 80, handle["y"] + 200, steps=3)
    it.page.mouse.up()
    assert it.store("splitAt") != 0.5
    assert it.store("state.undo") == 1


def test_keys_and_the_wheel_change_the_size_of_the_brush(live):
    it = live()
    it.on_image("n")
    before = it.store("brush")
    it.keys("]", "]")
    wider = it.store("brush")
    it.page.mouse.move(*it.screen(MIDDLE)[0])
    scale = it.page.evaluate("import('./app.js').then(({app}) => app.viewport.scale)")
    it.page.keyboard.down("Shift")
    it.page.mouse.wheel(0, 100)
    it.page.keyboard.up("Shift")
    it.wait(f"state.brush < {wider}")
    assert before < wider
    assert it.page.evaluate("import('./app.js').then(({app}) => app.viewport.scale)") == scale


def test_everything_is_undone_and_made_again_by_keys(live):
    it = live()
    it.page.keyboard.press("n")
    it.drag((100, 100), (200, 100))
    it.undoable(1)
    painted = it.cells["not_sky"]
    it.page.get_by_role("radio", name="Divide").check(force=True)
    it.undoable(2)
    assert it.session.settings.mode == "divide"
    it.keys("Control+z", "Control+z")
    it.undoable(0)
    assert not it.cells["not_sky"].any()
    assert it.session.settings.mode == "subtract"
    it.keys("Control+Shift+z")
    it.undoable(1)
    assert np.array_equal(it.cells["not_sky"], painted)


def test_a_descent_shows_its_options_and_follows_them(live):
    it = live()
    it.page.locator("summary", has_text="Descent").click()
    order = it.page.locator("[data-setting=order]")
    assert not order.is_visible()
    number = it.page.get_by_role("spinbutton", name="Control points (N)")
    number.fill("25")
    number.press("Enter")
    it.undoable(1)
    assert it.session.settings.control_points == 25
    order.get_by_role("spinbutton").fill("3")
    it.keys("Enter")
    it.undoable(2)
    assert it.session.settings.order == 3
    assert it.store("fitted.flexibility") is None
    order.get_by_role("button").click()
    it.undoable(3)
    it.page.locator("[data-setting=control_points]").get_by_role("button").click()
    it.undoable(4)
    assert not order.is_visible()


def test_strength_and_pedestal_are_seen_before_the_server_answers(live):
    it = live()
    it.page.evaluate(
        "import('./app.js').then(({app}) => { app.send = () => new Promise(() => {}) })"
    )
    it.page.locator("[data-setting=pedestal] select").select_option("none")
    assert it.store("correction.level") == [0]
    it.page.get_by_role("radio", name="Divide").check(force=True)
    assert it.store("correction.mode") == "divide"
    assert it.store("correction.level") == [1]


def test_snapshots_are_stored_shown_and_compared(live):
    it = live()
    it.keys("Shift+Digit1")
    it.wait("state.state.snapshots.includes('A')")
    it.page.keyboard.press("n")
    it.drag((100, 100), (300, 300))
    it.undoable(1)
    model = it.store("pictures.model.header.revision")
    it.page.keyboard.down("a")
    it.wait(f"state.pictures.model.header.revision < {model}")
    it.page.keyboard.up("a")
    it.wait(f"state.pictures.model.header.revision === {model}")
    assert it.store("state.undo") == 1
    it.keys("Alt+Digit1")
    it.undoable(2)
    assert not it.cells["not_sky"].any()


def test_the_cells_that_the_page_draws_are_those_that_the_server_fits(live):
    from fastbg.live_page.layers import Grid

    it = live()
    rng = np.random.default_rng(8)
    grid = {"width": 37, "height": 23, "binning": 5}
    own = Grid((23, 37), 5)
    script = """([grid, kind, points, radius]) => import('./tools/raster.js').then((raster) => {
      const cells = new Set();
      const visit = (cell) => cells.add(cell);
      if (kind !== 'brush') raster.filled(grid, kind, points, visit);
      else points.forEach((point, at) => {
        raster.brushed(grid, points[Math.max(0, at - 1)], point, radius, visit);
      });
      return [...cells].sort((one, other) => one - other);
    })"""
    for trial in range(60):
        kind = ("brush", "polygon", "rectangle", "ellipse")[trial % 4]
        count = {"brush": 4, "polygon": 6}.get(kind, 2)
        points = rng.uniform(-20, 200, (count, 2)).round(1).tolist()
        radius = float(rng.choice([0.5, 3, 12.5, 40]))
        drawn = it.page.evaluate(script, [grid, kind, points, radius])
        fitted = own.brush(points, radius) if kind == "brush" else own.shape_of(kind, points)
        assert np.flatnonzero(fitted).tolist() == drawn, (kind, points, radius)


def test_files_are_saved_and_the_command_line_is_shown(live, tmp_path):
    it = live(output_dir=tmp_path / "out")
    it.keys("Control+s")
    it.page.get_by_text("Saved.", exact=True).first.wait_for()
    assert len([*(tmp_path / "out").glob("[!.]*")]) == 2
    assert "fastbg run" in it.page.get_by_label("Command line that writes").first.input_value()
    it.wait("Object.keys(state.jobs).length === 0")


def test_a_folder_is_corrected_with_the_same_settings(live, tmp_path):
    from astropy.io import fits

    (tmp_path / "lights").mkdir()
    for name in ("one.fits", "two.fits"):
        fits.writeto(tmp_path / "lights" / name, sky_with_galaxy())
    it = live(output_dir=tmp_path / "out")
    it.page.locator("summary", has_text="Apply to a folder").click()
    it.page.get_by_label("Folder", exact=True).fill("lights")
    (tmp_path / "lights" / "three.fits").write_bytes(b"no image")
    it.keys("Enter")
    it.page.locator(".fold .outputs").get_by_text("1 image could not be corrected.").wait_for()
    failed, *others = it.page.locator(".fold .outputs li").all_inner_texts()
    assert failed.startswith("three.fits ")
    assert sorted(others) == ["one.fits done", "two.fits done"]
    it.page.get_by_label("Folder", exact=True).fill("../elsewhere")
    it.page.get_by_label("Folder", exact=True).press("Enter")
    it.page.locator(".problem").wait_for()


def test_the_command_line_is_copied(live, tmp_path):
    it = live(output_dir=tmp_path / "out")
    # A page of its own, whose context may do so from the start, takes twice as long.
    it.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    try:
        it.page.get_by_role("radio", name="Divide").check(force=True)
        it.undoable(1)
        it.page.get_by_role("button", name="Copy the command line").click()
        it.page.get_by_label("Command line that writes").wait_for()
        it.page.wait_for_timeout(300)
        copied = it.page.evaluate("navigator.clipboard.readText()")
    finally:
        it.page.context.clear_permissions()
    assert copied.startswith("fastbg run ")
    assert "--mode divide" in copied


def test_all_keys_are_listed_and_each_has_one_meaning(live):
    it = live()
    keys = it.page.evaluate(
        "import('./keyboard.js').then(({table}) => table().map(({keys}) => keys))"
    )
    assert len(keys) == len(set(keys))
    it.keys("?")
    dialog = it.page.get_by_role("dialog")
    assert dialog.locator("tr").count() == len(keys)
    it.keys("Escape")
    assert dialog.count() == 0


def test_letters_in_a_text_field_are_no_keys_of_the_page(live):
    it = live()
    it.page.locator("summary", has_text="Apply to a folder").click()
    it.page.get_by_label("Folder", exact=True).fill("")
    it.page.get_by_label("Folder", exact=True).press_sequentially("neck 5")
    assert it.page.get_by_label("Folder", exact=True).input_value() == "neck 5"
    assert it.store("tool") == "hand"
    assert it.store("view") == "corrected"


@pytest.mark.parametrize(
    ("window", "keys"),
    [
        ((400, 800), "h"),
        ((1280, 800), "hn"),
        slow((1280, 800), "pcmg"),
        slow((3840, 2160), "n"),
    ],
)
def test_axe_finds_nothing_serious(live, window, keys):
    width, height = window
    it = live(window={"viewport": {"width": width, "height": height}})
    if it.page.locator("#sheet").is_visible():
        it.page.locator("#sheet").click()
    for opened in it.page.locator("summary:visible").all():
        opened.click()
    for key in keys:
        it.keys(key)
        assert not serious(it.page)
    it.keys("?")
    assert not serious(it.page)
