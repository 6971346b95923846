"""Sample points on the page: the fit goes through them as on the command line."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from cases import some
from live import opened, served, write_sky

from fastbg import BackgroundModel, fit_file
from fastbg.pipeline import Job


@pytest.fixture(params=some(["BOTTOM-UP"], [None, "BOTTOM-UP", "TOP-DOWN"]))
def image(request, tmp_path) -> Path:
    path = write_sky(tmp_path / "sky.fits")
    if request.param:
        with fits.open(path, mode="update") as file:
            file[0].header["ROWORDER"] = request.param
    return path


@pytest.fixture
def page(tmp_path):
    path = write_sky(tmp_path / "sky.fits")
    with served(path, output_dir=tmp_path) as server, opened(server) as client:
        client.server = server
        yield client


def with_values(page):
    """The samples once the fit has been told."""
    page.fitted()
    samples = page.told["state"]["samples"]
    while any(sample["used"] is None for sample in samples):
        samples = page.until(lambda name, _: name == "state")["samples"]
    return samples


def test_a_grid_is_made_and_the_fit_goes_through_it(page):
    page.fitted()
    first = page.told["fitted"]["level"]
    state = page.edit("samples", action="generate")
    assert len(state["samples"]) > 50
    samples = with_values(page)
    assert sum(sample["used"] for sample in samples) > 40
    assert all(len(sample["value"]) == 3 for sample in samples)
    assert page.told["fitted"]["level"] != first
    page.edit("set_samples", use=False)
    assert page.fitted()["level"] == first
    assert page.get("state")["use_samples"] is False
    assert len(page.edit("undo")["samples"]) == len(samples)


def test_samples_are_added_moved_resized_and_deleted(page):
    page.edit("samples", action="generate")
    count = len(page.get("state")["samples"])
    state = page.edit("samples", action="add", x=100, y=100, radius=12)
    added = state["samples"][-1]
    assert len(state["samples"]) == count + 1
    assert abs(added["x"] - 100) <= 16
    assert added["radius"] == 12
    state = page.edit("samples", action="move", sample=count, x=50.25, y=60.5)
    assert (state["samples"][-1]["x"], state["samples"][-1]["y"]) == (50.25, 60.5)
    state = page.edit("samples", action="resize", sample=count, radius=20)
    assert state["samples"][-1]["radius"] == 20
    assert len(page.edit("samples", action="delete", sample=0)["samples"]) == count
    assert page.edit("samples", action="clear")["samples"] == []
    assert len(page.edit("undo")["samples"]) == count
    assert state["undo"] == 4


def test_what_is_no_sample_changes_nothing(page):
    page.fitted()
    for fields, words in [
        ({"action": "add", "x": -5, "y": 5}, "outside"),
        ({"action": "add", "x": 5}, "outside"),
        ({"action": "move", "sample": 3, "x": 5, "y": 5}, "no such sample"),
        ({"action": "delete"}, "no such sample"),
    ]:
        assert words in page.ask("samples", **fields)["message"]
        assert page.get("state")["samples"] == []


def test_a_bright_star_is_told_why_it_is_not_used(page):
    page.edit("samples", action="generate")
    small = page.get("small").linear().mean(axis=0)
    side = page.get("state")["grid"]["binning"]
    y, x = np.unravel_index(np.nanargmax(small), small.shape)
    number = len(page.edit("samples", action="add", x=10, y=10, radius=8)["samples"]) - 1
    page.edit("samples", action="move", sample=number, x=(x + 0.5) * side, y=(y + 0.5) * side)
    samples = with_values(page)
    star = samples[number]
    assert not star["used"]
    assert star["why"]


def test_the_live_result_is_that_of_the_command(image, tmp_path):
    with served(image, output_dir=tmp_path) as server, opened(server) as page:
        page.edit("samples", action="generate", radius=9.3)
        page.edit("samples", action="add", x=100.7, y=33.3)
        page.edit("samples", action="move", sample=3, x=77.123, y=200.987)
        page.edit("samples", action="delete", sample=10)
        page.edit("shape", layer="not_sky", shape="ellipse", points=[[50, 50], [150, 120]])
        page.fitted()
        live = server.outcome().fitted.model
        exported = page.ask("export", what="samples.csv")["outputs"]["samples.csv"]
        mask = page.ask("export", what="not_sky.png")["outputs"]["not_sky.png"]
        answer = page.ask("save")
        assert answer["tell"] == "saved", answer
    again = fit_file(image, tmp_path / "a.json", samples=exported, mask=mask)
    assert again.model == live
    name = tmp_path / "sky_bgSubtracted.fits"
    saved = name.read_bytes()
    name.write_bytes(b"")
    words = shlex.split(answer["command"])[1:]
    subprocess.run([sys.executable, "-P", "-m", "fastbg", *words], check=True, capture_output=True)
    assert name.read_bytes() == saved
    assert BackgroundModel.load(tmp_path / "a.json") == live


def test_samples_of_a_file_begin_a_session_and_survive_a_crash(page, tmp_path):
    page.edit("samples", action="generate")
    file = page.ask("export", what="samples.csv")["outputs"]["samples.csv"]
    rows = [(s["x"], s["y"], s["radius"]) for s in page.get("state")["samples"]]
    path = page.server.engine.path
    other = tmp_path / "other"
    other.mkdir()
    with served(path, samples=file, output_dir=other) as server, opened(server) as again:
        assert [(s["x"], s["y"], s["radius"]) for s in again.get("state")["samples"]] == rows
        again.edit("samples", action="delete", sample=0)
    with served(path, output_dir=other) as server, opened(server) as again:
        assert len(again.edit("recover", accept=True)["samples"]) == len(rows) - 1


def test_one_more_sample_costs_little(page):
    """Only what is new is measured."""
    page.edit("samples", action="generate")
    page.fitted()
    seen = []
    plain = Job.measure_samples

    def counted(self, frame, points, weight=None):
        seen.append(len(points))
        return plain(self, frame, points, weight)

    Job.measure_samples = counted
    try:
        page.edit("samples", action="add", x=100, y=100)
        page.fitted()
        page.edit("samples", action="delete", sample=4)
        page.fitted()
    finally:
        Job.measure_samples = plain
    assert seen == [1]
