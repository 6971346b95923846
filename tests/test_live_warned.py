"""Warnings lie where they belong."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from live import opened, served

from fastbg.live_page import warned


def write(path, planes):
    fits.writeto(path, planes.astype(np.float32))
    return path


def test_a_corner_that_is_left_dark_is_marked_there(tmp_path, rng):
    y, x = np.mgrid[:400, :600]
    image = 0.2 + 0.05 * x / 600 + rng.normal(0, 0.002, y.shape)
    image += 0.08 * np.exp(-((y - 400) ** 2 + (x - 600) ** 2) / 60**2)
    with served(write(tmp_path / "sky.fits", image)) as server, opened(server) as page:
        marks = page.fitted()["warnings"]
    for mark in (mark for mark in marks if "lower right corner" in mark["text"]):
        assert mark["x"] > 500
        assert mark["y"] > 330
        assert mark["radius"] == 75


DOUBTS = {
    "the upper right corner is left darker than the sky by 40 % of the gradient": "dark",
    "the lower left corner is left brighter than the sky by 4 times the gradient": "other",
    "the frame got worse: the sky beside objects is now darker than elsewhere": "dark",
    "31 % of the usable frame lies below the model: mask landscapes": "dark",
    "the model rises where objects were excluded, and may have taken their halos": "halo",
    "the model is uncertain by 60 % of the gradient, for want of sky": "uncertain",
    "the model depends on single parts of the frame: without one of them": "uncertain",
    "the model is the mean of two guesses, the surface that was found and": "uncertain",
    "the descent diverged and its best step was kept: lower the learning rate": "other",
}


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """Of a sky with one object, and its size."""
    y, x = np.mgrid[:200, :300]
    image = 0.2 + 0.05 * x / 300 + np.random.default_rng(1).normal(0, 0.002, y.shape)
    image += 0.3 * np.exp(-((y - 60) ** 2 + (x - 200) ** 2) / 30**2)
    with served(write(tmp_path_factory.mktemp("live") / "sky.fits", image)) as server:
        return server.outcome(), server.engine.size


@pytest.mark.parametrize(("text", "kind"), DOUBTS.items())
def test_every_kind_of_doubt_has_its_place(text, kind, outcome, monkeypatch):
    monkeypatch.setattr(warned, "doubts_of", lambda *given: [text])
    (mark,) = warned.warnings(*outcome)
    assert mark["kind"] == kind
    if kind == "other" and "corner" not in text:
        assert "x" not in mark
    else:
        assert 0 <= mark["x"] <= 300
        assert 0 <= mark["y"] <= 200
    if kind == "halo":
        assert np.hypot(mark["x"] - 200, mark["y"] - 60) < 60


SOURCES = "doubts", "uncertain", "warnings"


def test_the_words_are_those_of_the_doubts():
    from pathlib import Path

    report = Path(warned.doubts_of.__code__.co_filename).parent
    source = "".join((report / f"{name}.py").read_text() for name in SOURCES)
    joined = " ".join(source.split()).replace('" "', "").replace('" f"', "")
    for words in warned._PLACES:
        assert words in joined
