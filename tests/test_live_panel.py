"""The panel of the live page and its samples, before a server that says what a test wants."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest
from live_page import STORE, Looked
from live_stand_in import StandIn, encoded, fitted, halves, hello, serving, statistics

SHAPE = (1, 120, 160)

SETTINGS = {
    "flexibility": {"value": 0, "automatic": True, "minimum": 0, "maximum": 12},
    "strength": {"value": 1.0, "automatic": True, "minimum": 0, "maximum": 1},
    "pedestal": {"value": "model-median", "automatic": True},
    "border": {"value": [0, 0, 0, 0], "automatic": True},
    "epochs": {"value": 1000, "automatic": True, "minimum": 1, "maximum": 10000},
}
CANDIDATES = [
    {"number": number, "name": name, "explained": explained, "tried": number < 4}
    for number, name, explained in [(1, "plane", 0.8), (2, "2 bends", 0.9), (3, "3 bends", 0.95)]
] + [{"number": 4, "name": "5 bends", "explained": None, "tried": False}]
WARNINGS = [
    {"text": "the model rises inside an object", "kind": "halo", "x": 40, "y": 30, "radius": 8},
    {"text": "the image looks divided already", "kind": "other"},
]
SAMPLES = [
    {"x": 40.0, "y": 30.0, "radius": 6, "value": [0.125], "weight": 1.0, "used": True, "why": ""},
    {
        **{"x": 120.0, "y": 80.0, "radius": 6, "value": [0.5], "weight": 0.0, "used": False},
        "why": "brighter than its neighbours",
    },
]


def state(**more: Any) -> dict[str, Any]:
    return {
        **{"tell": "state", "revision": 1, "settings": SETTINGS, "undo": 0, "redo": 0},
        **{"snapshots": [], "edits": {"not_sky": 0, "sky": 0}, "border": [0, 0, 0, 0]},
        **{"samples": SAMPLES, "use_samples": True, **more},
    }


class Panel(Looked):
    """A page, and the server that stands in."""

    def __init__(self, page: Any, server: StandIn) -> None:
        super().__init__(page)
        self.server = server
        self.wait("state.fitted && state.state")

    def heard(self, **wanted: Any) -> dict[str, Any]:
        """The first message that the page has sent with these fields."""
        return self.server.wait_for(lambda told: wanted.items() <= told.items())


@pytest.fixture
def panel(open_page: Callable[..., Any]) -> Iterator[Callable[..., Panel]]:
    """A function that opens a page: ``panel(greeting, more of the state)``."""
    pytest.importorskip("uvicorn", reason="pip install 'fastbg[live]'")
    linear = np.full(SHAPE, 0.1)
    linear[0, :, 80:] = 0.2
    plane, header = halves(linear, 0.1, 0.01)
    pictures = [
        encoded(name, plane, binning=1, statistics=statistics(linear), **header)
        for name in ("original", "small", "model")
    ]
    flexibility = {"chosen": 3, "automatic": 3, "candidates": CANDIDATES}
    result = fitted([0.1], flexibility=flexibility, warnings=WARNINGS)
    with ExitStack() as opened:

        def open_panel(greeting: Any = None, **more: Any) -> Panel:
            told = {**hello(SHAPE), "settings": SETTINGS, **(greeting or {})}
            server = opened.enter_context(serving(StandIn(told, state(**more), *pictures, result)))
            return Panel(open_page(server.address), server)

        yield open_panel


def test_samples_are_added_moved_enlarged_and_removed_by_mouse(panel):
    it = panel()
    it.keys("m")
    it.click((80, 60))
    added = it.heard(do="samples", action="add")
    assert (added["x"], added["y"]) == pytest.approx((80, 60), abs=0.5)
    it.drag((40, 30), (60, 50))
    moved = it.heard(do="samples", action="move", sample=0)
    assert (moved["x"], moved["y"]) == pytest.approx((60, 50), abs=0.5)
    it.click((40, 30))
    it.keys("]")
    assert it.heard(do="samples", action="resize", sample=0)["radius"] == 7
    place = it.screen((120, 80))[0]
    it.page.mouse.click(*place, button="right")
    it.heard(do="samples", action="delete", sample=1)


def test_samples_are_chosen_told_moved_and_removed_by_keyboard(panel):
    it = panel()
    it.on_image("m")
    it.keys("PageDown", "PageDown")
    told = it.page.locator("#status").inner_text()
    assert "Sample 2" in told
    assert "not used: brighter than its neighbours" in told
    it.keys("Enter", "ArrowLeft", "ArrowLeft", "Enter")
    moved = it.heard(do="samples", action="move", sample=1)
    assert moved["x"] < 120
    assert moved["y"] == 80
    it.keys("PageUp", "Delete")
    it.heard(do="samples", action="delete", sample=0)


def test_samples_are_generated_cleared_and_kept_without_use(panel):
    it = panel()
    it.keys("m")
    it.page.get_by_role("button", name="Generate").click()
    it.heard(do="samples", action="generate")
    it.page.get_by_label("Fit through them").uncheck()
    it.heard(do="set_samples", use=False)
    it.page.get_by_role("button", name="Remove all").click()
    it.heard(do="samples", action="clear")


def test_the_stiffness_marks_what_fastbg_chose_and_says_what_each_explains(panel):
    it = panel()
    knob = it.page.locator("[data-setting=flexibility]")
    assert "3 bends; 95.0 % of the frame lies on it; fastbg has chosen it." in knob.inner_text()
    assert knob.locator("i.own").count() == 1
    assert knob.locator("i.untried").count() == 1
    knob.get_by_label("Stiffness", exact=True).focus()
    it.keys("ArrowLeft")
    it.heard(do="set", settings={"flexibility": 2})
    assert "2 bends" in knob.inner_text()


def test_the_strength_moves_in_per_cent_and_is_sent_once(panel):
    it = panel()
    slider = it.page.locator("[data-setting=strength] input[type=range]")
    slider.evaluate("each => { each.value = 500; each.dispatchEvent(new Event('input')) }")
    assert it.store("correction.strength") == 0.5
    assert not [told for told in it.server.heard if told["do"] == "set"]
    slider.evaluate("each => each.dispatchEvent(new Event('change'))")
    it.heard(do="set", settings={"strength": 0.5})
    number = it.page.locator("[data-setting=strength] input[type=number]")
    assert number.input_value() == "50"
    number.fill("80")
    number.press("Enter")
    it.heard(do="set", settings={"strength": 0.8})


def test_a_slider_that_is_held_does_not_jump_back_to_what_the_server_tells(panel):
    it = panel()
    it.page.locator("summary", has_text="Descent").click()
    slider = it.page.locator("[data-setting=epochs] input[type=range]")
    slider.evaluate("each => { each.value = 700; each.dispatchEvent(new Event('input')) }")
    held = slider.input_value()
    it.server.tell(state(revision=2))
    it.wait("state.state.revision === 2")
    assert slider.input_value() == held
    slider.evaluate("each => each.dispatchEvent(new Event('change'))")
    it.server.tell(state(revision=3))
    it.wait("state.state.revision === 3")
    assert slider.input_value() != held


def test_a_setting_that_is_refused_goes_back_to_what_holds(panel):
    it = panel()
    refusal = {"tell": "problem", "message": "the pedestal bgoptimizer belongs to subtraction"}
    it.server.answer = lambda told: refusal if told["do"] == "set" else {"tell": "done"}
    choice = it.page.locator("[data-setting=pedestal] select")
    choice.select_option("bgoptimizer")
    it.page.get_by_text("The pedestal bgoptimizer belongs to subtraction.").wait_for()
    assert choice.input_value() == "model-median"
    it.page.get_by_role("button", name="Close this message").click()
    assert it.page.evaluate("document.activeElement.id") == "stage"


def test_whole_numbers_go_in_whole_steps_and_stay_within_their_limits(panel):
    it = panel()
    it.page.locator("summary", has_text="Descent").click()
    number = it.page.locator("[data-setting=epochs] input[type=number]")
    number.fill("20000.4")
    number.press("Enter")
    it.heard(do="set", settings={"epochs": 10000})
    number.fill("")
    number.press("Enter")
    assert number.input_value() == "10000"
    slider = it.page.locator("[data-setting=epochs] input[type=range]")
    slider.focus()
    it.keys("ArrowLeft")
    it.heard(do="set", settings={"epochs": 9999})


def test_borders_are_dragged_and_typed(panel):
    it = panel()
    it.keys("g")
    it.drag((0, 60), (12, 60))
    assert it.heard(do="set")["settings"]["border"] == [12, 0, 0, 0]
    it.wait("state.border === null")
    it.page.get_by_label("Border at the bottom").fill("9")
    it.keys("Enter")
    it.heard(do="set", settings={"border": [0, 0, 0, 9]})
    it.page.locator("#options").get_by_role("button", name="No border").click()
    it.heard(do="reset", names=["border"])


def test_a_border_is_moved_by_keyboard_and_given_up(panel):
    it = panel(border=[40, 0, 0, 0])
    it.on_image("g")
    it.page.evaluate("import('./app.js').then(({ app }) => app.store.set({ cursor: [40, 60] }))")
    it.keys("Enter", "ArrowRight", "Escape")
    assert it.store("border") is None
    it.page.evaluate("import('./app.js').then(({ app }) => app.store.set({ cursor: [40, 60] }))")
    it.keys("Enter", "ArrowRight", "Enter")
    border = it.heard(do="set")["settings"]["border"]
    assert border[0] > 40
    assert border[1:] == [0, 0, 0]


def test_a_warning_leads_to_its_place(panel):
    it = panel({"warnings": ["the header names no bounds"]})
    listed = it.page.locator(".warning-list li")
    assert listed.count() == 3
    assert "The header names no bounds." in listed.last.inner_text()
    it.page.get_by_role("button", name="The model rises inside an object.").click()
    assert it.page.evaluate("import('./app.js').then(({ app }) => app.viewport.centre)") == [40, 30]
    it.keys("j")
    assert it.store("warned") == 1
    it.keys("w")
    assert it.store("circles") is False


def test_a_session_that_crashed_is_offered_again(panel):
    it = panel({"recovered": {"edits": 3, "time": "2025-11-28 22:10"}})
    offer = it.page.get_by_role("region", name="Continue the last session?")
    assert "3 changes to this image were saved" in offer.inner_text()
    offer.get_by_role("button", name="Bring them back").click()
    it.heard(do="recover", accept=True)
    offer.wait_for(state="detached")
    assert it.page.evaluate("document.activeElement.id") == "stage"


def test_a_notice_of_the_file_goes_away_when_it_is_there_again(panel):
    it = panel()
    notice = it.page.locator("#notice")
    it.server.tell({"tell": "changed_file", "message": "the image cannot be found: put it back"})
    notice.get_by_text("put it back").wait_for()
    it.server.tell({"tell": "changed_file", "message": ""})
    notice.wait_for(state="hidden")


def test_an_offer_that_another_page_has_answered_goes_away(panel):
    it = panel({"recovered": {"edits": 3, "time": "2025-11-28 22:10"}})
    offer = it.page.get_by_role("region", name="Continue the last session?")
    offer.wait_for()
    it.server.tell({**it.store("hello"), "tell": "hello", "recovered": None})
    offer.wait_for(state="detached")


def test_a_host_gets_the_result_back_and_nobody_else_is_asked(panel):
    assert panel().page.get_by_role("button", name="Send back").count() == 0
    it = panel({"host": True})
    it.page.get_by_role("button", name="Send back").click()
    it.heard(do="send_back")


def test_files_that_exist_are_replaced_by_every_button_where_that_is_ticked(panel):
    it = panel()
    it.page.get_by_role("button", name="Copy the command line").click()
    it.heard(do="command", overwrite=False)
    it.page.get_by_role("checkbox", name="Replace files that exist").first.check(force=True)
    it.page.get_by_role("button", name="Copy the command line").click()
    it.heard(do="command", overwrite=True)
    it.page.get_by_text("Export what was painted").click()
    it.page.get_by_role("button", name="Not sky, PNG").click()
    it.heard(do="export", what="not_sky.png", overwrite=True)


def test_a_job_is_shown_and_cancelled_and_the_focus_is_kept(panel):
    it = panel()
    progress = {"tell": "progress", "stage": "correct", "done": 3, "total": 4}
    it.server.answer = lambda told: (
        {**progress, "job": told["id"]} if told["do"] == "save" else {"tell": "done"}
    )
    it.keys("Control+s")
    number = it.heard(do="save")["id"]
    job = it.page.locator(".job")
    job.get_by_text("correct: 75 %").wait_for()
    job.get_by_role("button", name="Cancel").focus()
    it.keys("Enter")
    it.heard(do="cancel", job=number)
    it.server.tell({"tell": "problem", "id": number, "message": "saving was cancelled"})
    job.wait_for(state="detached")
    assert it.page.evaluate("document.activeElement.textContent") == "Save"
    it.page.get_by_text("Saving was cancelled.").wait_for()
    assert it.page.locator("#status").inner_text() == "Nothing was saved."


def test_a_refused_stroke_is_taken_back_and_told_why(panel):
    it = panel()
    it.server.answer = lambda told: (
        {"tell": "problem", "message": "nothing would be left"}
        if told["do"] == "shape"
        else {"tell": "done"}
    )
    it.keys("r")
    it.drag((20, 20), (60, 60))
    it.page.get_by_text("Nothing would be left.").wait_for()
    marks = "import('./tools/registry.js').then(({ tools }) => tools().length)"
    assert it.page.evaluate(marks) == 10
    assert it.store("outline") is None


def test_what_cannot_be_fitted_stays_told_until_there_is_a_fit(panel):
    it = panel()
    it.server.tell({"tell": "fitting", "revision": 2})
    problem = {"tell": "problem", "id": None, "message": "every pixel is masked"}
    it.server.tell({**problem, "revision": 2})
    words, result = it.page.locator("#words"), it.page.locator("#panel .result")
    words.get_by_text("This cannot be fitted").wait_for()
    assert "Every pixel is masked." in result.inner_text()
    assert "What is shown was found before." in result.inner_text()
    assert it.page.locator("#status").inner_text() == "This cannot be fitted"
    notes = it.page.locator("#problems .problem")
    assert notes.count() == 1
    assert not it.store("fitting")
    it.server.tell({**problem, "message": "the disk is full", "revision": None})
    it.page.get_by_text("The disk is full.").wait_for()
    assert "Every pixel is masked." in result.inner_text()
    it.server.tell({"tell": "fitting", "revision": 3})
    it.server.tell(fitted([0.1], revision=3, words="98 % was taken out"))
    words.get_by_text("98 % was taken out").wait_for()
    assert "masked" not in result.inner_text()
    assert notes.count() == 1
    assert notes.inner_text().startswith("The disk is full.")


def test_a_second_finger_moves_the_image_and_draws_nothing(panel):
    it = panel()
    it.keys("n")
    (x, y), (u, v) = it.screen((40, 40), (90, 80))
    devtools = it.page.context.new_cdp_session(it.page)

    def fingers(kind: str, *places: tuple[float, float]) -> None:
        points = [{"x": px, "y": py, "id": index} for index, (px, py) in enumerate(places)]
        devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    before = it.page.evaluate("import('./app.js').then(({ app }) => app.viewport.scale)")
    fingers("touchStart", (x, y))
    fingers("touchMove", (x + 5, y))
    fingers("touchStart", (x + 5, y), (u, v))
    fingers("touchMove", (x - 20, y), (u + 40, v + 30))
    fingers("touchEnd")
    assert it.heard(do="stroke", cancel=True)
    assert not [
        told for told in it.server.heard if told.get("more") is False and not told.get("cancel")
    ]
    after = it.page.evaluate("import('./app.js').then(({ app }) => app.viewport.scale)")
    assert after > before


def test_what_is_said_does_not_move_the_image(panel):
    it = panel()
    box = "document.getElementById('stage').getBoundingClientRect().toJSON()"
    before = it.page.evaluate(box)
    it.server.tell({"tell": "fitting", "revision": 2})
    long = "; ".join(["12 % was taken out, which is a long story"] * 9)
    it.server.tell(fitted([0.1], revision=2, words=long))
    it.wait("state.fitted.revision === 2")
    for key in "hnkeprocmg":
        it.keys(key)
        assert it.page.evaluate(box) == before


def test_nothing_of_the_store_is_left_by_a_tool_that_was_put_down(panel):
    it = panel()
    initial = it.page.evaluate(
        f"{STORE}.then(({{ outline, dragged, border }}) => [outline, dragged, border])"
    )
    first, last = it.screen((20, 20), (60, 60))
    for key in "ropmg":
        it.keys(key)
        it.page.mouse.move(*first)
        it.page.mouse.down()
        it.page.mouse.move(*last)
        it.keys("h")
        it.page.mouse.up()
        left = it.page.evaluate(
            f"{STORE}.then(({{ outline, dragged, border }}) => [outline, dragged, border])"
        )
        assert left == initial, key
