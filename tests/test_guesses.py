"""What of a model is a guess is told wherever its sky is, and what makes it surer."""

from __future__ import annotations

import json
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from live import opened, served
from PIL import Image as pil
from typer.testing import CliRunner

import scenes
from fastbg import Settings
from fastbg.cli.app import app
from fastbg.report.warnings import guesses
from fastbg.result import SkySummary

SHAPE = (240, 360)
SURER = (
    "paint what you know to be sky (--sky), or give an image of this sky without a gradient "
    "(--reference)"
)


@pytest.mark.parametrize(
    ("kind", "seed", "key", "words"),
    [
        ("saturated core", 1, "halo", "the model is the mean of two guesses"),
        ("hubble palette", 4, "guessed", "little of the frame is sky"),
    ],
)
def test_a_guess_is_told_everywhere(
    kind: str, seed: int, key: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    captions: list[str] = []

    def draw(*_: object, **more: Any) -> pil.Image:
        captions.extend(more["captions"])
        return pil.new("RGB", (1, 1))

    monkeypatch.setattr("fastbg.report.preview.draw", draw)
    path = tmp_path / "sky.fits"
    fits.writeto(path, np.moveaxis(scenes.simulate(kind, SHAPE, seed).image, 2, 0))
    where = [tmp_path, "--report", tmp_path, "--preview-output", tmp_path / "p.png"]
    done = CliRunner().invoke(app, ["run", str(path), *map(str, where)])
    assert done.exit_code == 0, done.output
    report = json.loads((tmp_path / "sky_report.json").read_text())
    assert report["sky"][key]
    (line,) = (each for each in report["warnings"] if words in each)
    assert line.endswith(SURER)
    assert line not in report["doubts"]
    assert f"warning        {line}" in done.stdout.splitlines()
    assert line in unescape((tmp_path / "sky_report.html").read_text())
    assert f"Guess: {line}." in captions
    with served(path) as server, opened(server) as page:
        (mark,) = (each for each in page.fitted()["warnings"] if each["text"] == line)
    assert mark["kind"] == "uncertain"
    assert 0 <= mark["x"] <= SHAPE[1]


def sky(**more: Any) -> SkySummary:
    return SkySummary(0.3, 0.0, 1e-3, **more)


def test_where_nothing_is_guessed_nothing_is_told() -> None:
    assert not [*guesses(Settings(), sky())]
    assert not [*guesses(Settings(), None)]
    guessed = sky(halo=True, guessed=True)
    assert len([*guesses(Settings(), guessed)]) == 2
    # The end of a descent is another model.
    assert not [*guesses(Settings(control_points=9, protect="always"), guessed)]
