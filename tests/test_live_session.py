"""A session as a page sees it: what it is told, and what comes of what it asks for."""

from __future__ import annotations

import json
import time
import tracemalloc
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import pytest
from astropy.io import fits
from live import PATIENCE, Picture, opened, served, write_sky

from fastbg import Settings, fit_file
from fastbg.io import formats
from fastbg.live_page.document import Document, History
from fastbg.live_page.layers import Grid, Painted
from fastbg.live_page.server import GOODBYE
from fastbg.model.model import BackgroundModel
from fastbg.pipeline import Job


@pytest.fixture(scope="module")
def image(tmp_path_factory) -> Path:
    return write_sky(tmp_path_factory.mktemp("live") / "sky.fits")


@pytest.fixture
def page(image, tmp_path):
    with served(image, output_dir=tmp_path) as server, opened(server) as client:
        client.server = server
        yield client


def pixels(path):
    with formats.open_image(path) as file:
        return np.moveaxis(file.to_array(), 2, 0)


def test_the_page_is_told_everything_without_asking(page, image):
    page.fitted()
    hello, state, original = (page.get(name) for name in ("hello", "state", "original"))
    assert next(iter(page.told)) == "hello"
    assert (hello["image"]["width"], hello["image"]["height"]) == (320, 240)
    assert hello["image"]["name"] == "sky.fits"
    assert hello["image"]["colours"] == ["R", "G", "B"]
    assert hello["recovered"] is None
    assert hello["settings"]["mode"]["choices"] == ["subtract", "divide"]
    assert state["undo"] == state["redo"] == 0
    assert all(each["automatic"] for each in state["settings"].values())
    samples = pixels(image)
    assert original.header["binning"] == 1
    noise = np.array(original.header["statistics"]["mad"])[:, None, None]
    off = np.abs(original.linear() - samples) / noise
    sky = np.abs(samples - np.median(samples, axis=(1, 2), keepdims=True)) < 4 * noise
    assert off[sky].max() < 1e-3
    assert original.header["statistics"]["maximum"] == pytest.approx(samples.max(axis=(1, 2)))
    assert "taken out" in page.told["fitted"]["words"]


def test_the_automatic_result_is_that_of_a_job(page, image, tmp_path):
    fitted = page.fitted()
    result = fit_file(image, tmp_path / "sky.json")
    outcome = page.server.outcome()
    assert outcome.fitted.model == result.model
    report = result.report
    assert fitted["numbers"]["taken_out"] == report["gradient"]["taken_out"]
    model = page.get("model").linear()
    grid = page.get("hello")["grid"]
    assert model.shape == (3, grid["height"], grid["width"])
    y, x = (np.arange(n) + 0.5 for n in model.shape[1:])
    place = np.stack(np.meshgrid(y / len(y), x / len(x), indexing="ij"), axis=2)
    exact = result.model.evaluate(place.reshape(-1, 2)).T.reshape(model.shape)
    assert np.abs(model - exact).max() < 1e-3 * np.ptp(exact)


def test_a_stroke_is_one_edit_and_is_fitted(page):
    first = page.fitted()
    begin = page.get("state")["revision"]
    stroke = {"stroke": "a", "layer": "not_sky", "radius": 20}
    for x in (60, 100, 140):
        page.ask("stroke", **stroke, points=[[x, 120]], more=True)
    assert page.get("state")["undo"] == 0
    state = page.edit("stroke", stroke="a", points=[[180, 130]], more=False)
    assert state["undo"] == 1
    assert state["edits"]["not_sky"] == np.count_nonzero(page.get("not_sky").planes)
    fitted = page.fitted()
    assert fitted["revision"] > max(begin, first["revision"])
    painted = page.told["not_sky"].planes[0] == 255
    assert painted.any()
    assert not page.told["weight"].planes[0][painted].any()
    assert not page.told["objects"].planes[0][painted].any()


def test_a_cancelled_stroke_leaves_no_trace(page):
    page.ask("stroke", stroke=1, layer="not_sky", radius=20, points=[[60, 60]], more=True)
    state = page.edit("stroke", stroke=1, cancel=True)
    assert state["undo"] == 0
    assert state["edits"] == {"not_sky": 0, "sky": 0}
    assert not page.told["not_sky"].planes.any()


def test_undo_and_redo_have_no_limit(page):
    rows = range(10, 230, 4)
    for y in rows:
        page.edit("shape", layer="not_sky", shape="rectangle", points=[[0, y], [319, y + 4]])
    assert page.get("state")["undo"] == len(rows)
    counts = [page.get("state")["edits"]["not_sky"]]
    for _ in rows:
        counts.append(page.edit("undo")["edits"]["not_sky"])
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] == 0
    assert page.ask("undo")["tell"] == "done"  # nothing happens at the end
    for expected in counts[-2::-1]:
        assert page.edit("redo")["edits"]["not_sky"] == expected
    page.edit("undo")
    page.edit("set", settings={"mode": "divide"})
    assert page.get("state")["redo"] == 0


def test_settings_are_set_tried_and_reset(page):
    page.fitted()
    state = page.edit("set", settings={"mode": "divide", "pedestal": "neutral"})
    assert state["settings"]["mode"] == {"value": "divide", "automatic": False}
    assert page.fitted()["mode"] == "divide"
    page.edit("set", settings={"pedestal": 0.25}, more=True)
    state = page.edit("set", settings={"pedestal": 0.125})
    assert state["undo"] == 2  # what was tried is no edit
    assert page.fitted()["level"] == [0.125] * 3
    state = page.edit("reset", names=["mode", "pedestal"])
    assert state["settings"]["mode"] == {"value": "subtract", "automatic": True}
    assert page.edit("undo")["settings"]["pedestal"]["value"] == 0.125


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"mode": "add"}, "mode must be"),
        ({"quantile": 2}, "quantile must"),
        ({"threads": 3}, "cannot change a setting named threads"),
        ({"colour": 3}, "cannot change a setting named colour"),
        ({"mode": "divide", "pedestal": "bgoptimizer"}, "belongs to subtraction"),
    ],
)
def test_impossible_settings_change_nothing(page, settings, words):
    before = page.get("state")
    answer = page.ask("set", settings=settings)
    assert answer["tell"] == "problem"
    assert words in answer["message"]
    assert "\n" not in answer["message"]
    assert page.told["state"] == before


def test_snapshots_are_kept_and_restored(page):
    page.edit("shape", layer="not_sky", shape="ellipse", points=[[50, 50], [150, 120]])
    painted = page.get("state")["edits"]
    page.ask("snapshot", name="A")
    page.edit("undo")
    page.edit("set", settings={"mode": "divide"})
    state = page.edit("restore", name="A")
    assert state["snapshots"] == ["A"]
    assert state["edits"] == painted
    assert state["settings"]["mode"]["value"] == "subtract"
    assert page.edit("undo")["settings"]["mode"]["value"] == "divide"
    assert "no snapshot" in page.ask("restore", name="B")["message"]


def test_another_grid_keeps_what_is_painted(page):
    page.edit("shape", layer="not_sky", shape="rectangle", points=[[80, 80], [240, 160]])
    before = page.get("state")
    side = 2 * before["grid"]["binning"]
    state = page.edit("set", settings={"downscaling_factor": side})
    assert state["grid"]["binning"] == side
    page.fitted()
    layer, small = page.get("not_sky"), page.get("small")
    assert layer.planes.shape[1:] == small.planes.shape[1:] == (240 // side, 320 // side)
    assert np.count_nonzero(layer.planes) * side**2 == pytest.approx(160 * 80, rel=0.2)
    assert page.edit("undo")["edits"] == before["edits"]


def test_a_probe_tells_exact_values(page, image):
    samples = pixels(image)
    page.fitted()
    told = page.ask("probe", x=100.5, y=50.2)
    assert told["tell"] == "probed"
    assert told["original"] == pytest.approx(samples[:, 50, 100].tolist(), rel=1e-7)
    model = page.server.outcome().fitted.model.evaluate([50.5 / 240, 100.5 / 320])
    assert told["model"] == pytest.approx(model[0].tolist(), rel=1e-6)
    level = np.array(page.fitted()["level"])
    corrected = samples[:, 50, 100] - (np.array(told["model"]) - level)
    assert told["corrected"] == pytest.approx(corrected.tolist(), rel=1e-5)
    assert 0 <= told["weight"] <= 1
    assert "outside" in page.ask("probe", x=-3, y=5)["message"]


def test_missing_pixels_are_null_and_nan(tmp_path):
    path = write_sky(tmp_path / "sky.fits")
    with fits.open(path, mode="update") as file:
        file[0].data[:, 40:60, 70:90] = np.nan
    with served(path) as server, opened(server) as page:
        page.fitted()
        assert page.ask("probe", x=80, y=50)["original"] == [None] * 3
        original = page.get("original")
        assert np.isnan(original.planes[:, 40:60, 70:90]).all()
        assert np.isnan(original.planes).sum() == 3 * 400


def test_an_object_is_clicked(page):
    page.fitted()
    objects = page.get("objects").planes[0]
    side = page.get("hello")["grid"]["binning"]
    sizes = np.bincount(objects.ravel())[1:]
    largest = int(sizes.argmax()) + 1
    y, x = np.argwhere(objects == largest)[0]
    place = {"x": (x + 0.5) * side, "y": (y + 0.5) * side}
    state = page.edit("object", **place, action="grow")
    assert state["edits"]["not_sky"] > sizes[largest - 1]
    page.edit("undo")
    page.fitted()
    state = page.edit("object", **place, action="shrink")
    assert 0 < state["edits"]["sky"] < sizes[largest - 1] or sizes[largest - 1] == 1
    page.edit("undo")
    page.fitted()
    empty = np.argwhere((objects == 0) & (page.get("weight").planes[0] > 250))[5]
    place = {"x": (empty[1] + 0.5) * side, "y": (empty[0] + 0.5) * side}
    assert "no object here" in page.ask("object", **place, action="grow")["message"]
    assert page.edit("object", **place, action="object")["edits"]["not_sky"] > 0


def test_the_candidates_are_told_and_can_be_chosen(page):
    told = page.fitted()["flexibility"]
    assert told["chosen"] == told["automatic"]
    assert told["candidates"][told["chosen"] - 1]["tried"]
    other = told["automatic"] + 1
    page.edit("set", settings={"flexibility": other})
    again = page.fitted()["flexibility"]
    assert (again["chosen"], again["automatic"]) == (other, told["automatic"])


def test_a_border_is_dragged_in(page):
    page.fitted()
    state = page.edit("set", settings={"border": [0, 40, 80, 0]})
    assert state["border"] == [0, 40, 80, 0]
    page.fitted()
    weight = page.get("weight").planes[0]
    side = state["grid"]["binning"]
    assert not weight[: 40 // side].any()
    assert not weight[:, -(80 // side) :].any()
    assert weight[40 // side + 1 :, : -(80 // side) - 1].any()
    assert page.edit("reset", names=["border"])["border"] == [0, 0, 0, 0]


def test_the_strength_is_answered_without_a_search(page, monkeypatch):
    page.fitted()
    first = page.ask("probe", x=50, y=60)

    def no_search(*given, **more):
        raise AssertionError("searched")

    monkeypatch.setattr(Job, "search", no_search)
    page.edit("set", settings={"strength": 0.5, "mode": "divide"})
    assert page.fitted()["strength"] == 0.5
    half = page.ask("probe", x=50, y=60)
    ratio = np.array(page.fitted()["level"]) / np.array(first["model"])
    expected = np.array(first["original"]) * (0.5 + 0.5 * ratio)
    assert half["corrected"] == pytest.approx(expected.tolist(), rel=1e-5)


def test_two_pages_share_a_session(page):
    page.fitted()
    with opened(page.server) as other:
        other.fitted()
        assert other.get("original").planes.shape == page.get("original").planes.shape
        other.edit("shape", layer="not_sky", shape="ellipse", points=[[50, 50], [150, 120]])
        state = page.until(lambda name, own: name == "state" and own["undo"] == 1)
        assert state["edits"] == other.get("state")["edits"]


def test_a_stroke_of_a_closed_page_is_dropped(page):
    page.fitted()
    with opened(page.server) as other:
        other.ask("stroke", stroke=1, layer="not_sky", radius=20, points=[[60, 60]], more=True)
    page.until(lambda name, own: name == "state" and own["edits"]["not_sky"] > 0)
    state = page.until(lambda name, own: name == "state" and own["edits"]["not_sky"] == 0)
    assert state["undo"] == 0


def test_tiles_are_the_pixels_of_the_file(page, image):
    hello = page.get("hello")
    assert hello["tiles"] == {"size": 256, "levels": 1, "pixel": 1}
    samples = pixels(image)
    with urlopen(f"{page.server.address}tile/0/0/1") as answer:
        assert "immutable" in answer.headers["cache-control"]
        tile = Picture(answer.read())
    assert tile.planes.shape == (3, 240, 64)
    offset = np.abs(tile.linear() - samples[:, :, 256:])
    assert np.median(offset) < 1e-3 * page.get("original").header["statistics"]["mad"][0]


def test_a_fit_that_is_outdated_is_never_told(page):
    page.fitted()
    for y in range(20, 220, 20):
        page.ask("shape", layer="not_sky", shape="rectangle", points=[[0, y], [40, y + 5]])
    revisions = []
    while not revisions or revisions[-1] < page.told["state"]["revision"]:
        name, content = page.read()
        if name == "fitted":
            revisions.append(content["revision"])
    assert revisions == sorted(set(revisions))


def test_all_painted_away_is_a_problem_in_one_line(page):
    page.fitted()
    page.ask("shape", layer="not_sky", shape="rectangle", points=[[0, 0], [320, 240]])
    told = page.get("problem")  # it may have come before the answer
    assert told["id"] is None
    assert "mask" in told["message"]
    page.edit("undo")
    page.fitted()


def test_a_coarse_grid_that_was_tried_leaves_the_strokes_as_they_were(page):
    page.edit("shape", layer="not_sky", shape="ellipse", points=[[41, 33], [171, 142]])
    drawn = page.server.session.painted
    for side in (16, 7):
        page.edit("set", settings={"downscaling_factor": side})
        page.edit("set", settings={"strength": 1 / side})
    page.edit("reset", names=["downscaling_factor"])
    painted = page.server.session.painted
    assert painted.grid == drawn.grid
    assert np.array_equal(painted.not_sky, drawn.not_sky)


@pytest.mark.parametrize(
    ("value", "why"), [(0.1, "is constant"), (np.nan, "every sample is missing")]
)
def test_a_page_that_comes_late_is_told_what_cannot_be_fitted(tmp_path, value, why):
    planes = np.full((240, 320), value, np.float32)
    fits.writeto(tmp_path / "sky.fits", planes)
    with served(tmp_path / "sky.fits") as server:
        with opened(server) as first:
            first.get("problem")
        with opened(server) as second:
            told = second.get("problem")
            assert why in told["message"]
            assert told["revision"] == 0
            json.dumps(second.get("original").header, allow_nan=False)


def test_what_can_be_fitted_again_is_no_problem_any_more(page):
    page.fitted()
    page.ask("shape", layer="not_sky", shape="rectangle", points=[[0, 0], [320, 240]])
    page.get("problem")
    page.edit("undo")
    page.fitted()
    with opened(page.server) as second:
        second.get("fitted")
        assert "problem" not in second.told


@pytest.mark.parametrize(
    ("count", "most"), [(250, 2e6), pytest.param(1000, 4e6, marks=pytest.mark.slow)]
)
def test_strokes_take_little_memory(rng, count, most):
    painted = Painted.nothing(Grid((500, 750), 8))
    history = History([Document(Settings(), painted.packed())])
    tracemalloc.start()
    for _ in range(count):
        points = (rng.uniform(500, 3500, 2) + rng.normal(0, 100, (8, 2)).cumsum(axis=0)).tolist()
        painted = painted.with_cells("not_sky", painted.grid.brush(points, 60))
        if painted.not_sky.mean() > 0.1:
            painted = Painted.nothing(painted.grid)
        history.add(Document(Settings(), painted.packed(history.present.layers)))
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert history.undoable > 0.99 * count
    assert taken < most


def test_the_page_leaves_and_the_server_ends(image, tmp_path):
    with served(image, output_dir=tmp_path, stay=3600) as server:
        with opened(server) as page:
            page.fitted()
            page.ask("leave")
        began = time.monotonic()
        while not server._server.should_exit and time.monotonic() < began + PATIENCE:
            time.sleep(0.05)
        assert server._server.should_exit


def test_a_page_that_is_loaded_again_keeps_the_server(image, tmp_path):
    with served(image, output_dir=tmp_path, stay=3600) as server:
        with opened(server) as page:
            page.fitted()
            page.ask("leave")
        # A slow computer takes longer to load the modules than a page takes to be gone.
        with urlopen(server.address) as answer:
            assert answer.status == 200
        time.sleep(GOODBYE + 0.5)
        with opened(server) as page:
            assert page.get("hello")["image"]["name"] == "sky.fits"


def test_messages_are_json_that_browsers_read(page):
    page.fitted()
    for name, content in page.told.items():
        if isinstance(content, dict):
            json.dumps(content, allow_nan=False)
        else:
            assert content.header["picture"] == name
            json.dumps(content.header, allow_nan=False)
    assert isinstance(page.server.outcome().fitted.model, BackgroundModel)
