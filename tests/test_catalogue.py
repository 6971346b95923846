"""Objects that are known from the start: of the catalogue, and at places that users give."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mosaics import NOISE, Grid, background, write
from typer.testing import CliRunner

import fastbg
from fastbg import Settings
from fastbg.cli.app import app
from fastbg.errors import FastbgError, InputError
from fastbg.image.outlines import Outline, hidden, usable
from fastbg.io.regions import open_regions
from fastbg.io.regions.outlines import regions_text
from fastbg.settings.places import places

SHAPE = (150, 200)
M31 = {**Grid(0, 0).keywords(SHAPE), "CRVAL1": 10.6847, "CRVAL2": 41.2688}
"""A system of 0.01 degrees a pixel, with M31 in the middle."""


def _gradient(seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """An image of a comet with a wide coma, and the true background."""
    rng = np.random.default_rng(seed)
    true = background(SHAPE, rng)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    coma = 0.02 / (1 + np.hypot(y - 70, x - 120) / 8)
    return (true + coma + NOISE * rng.standard_normal(SHAPE)).astype(np.float32), true


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("512 300 40", [(512, 300, 40, False)]),
        ("1,2,3; 4 5 6;", [(1, 2, 3, False), (4, 5, 6, False)]),
        ("5:35:17 -5:23:28 10m", [(83.8208, -5.39111, 1 / 6, True)]),
        ("5h35m17s -0d23m28s 30s", [(83.8208, -0.39111, 1 / 120, True)]),
        ("83.82 -5.39 0.5d", [(83.82, -5.39, 0.5, True)]),
        ("83.82 +5.39 10'", [(83.82, 5.39, 1 / 6, True)]),
        ("", []),
    ],
)
def test_places(text: str, meant: list[tuple[float, float, float, bool]]) -> None:
    found = [(each.first, each.second, each.radius, each.sky) for each in places(text)]
    assert [each[3] for each in found] == [each[3] for each in meant]
    np.testing.assert_allclose(np.reshape(found, (-1, 4)), np.reshape(meant, (-1, 4)), rtol=1e-5)


@pytest.mark.parametrize(
    "text",
    ["1 2", "a b c", "1 2 0", "1 2 -3", "400 1 1d", "1 95 1d", "nan 1 2", "1 2 3 4", "1 2 1e9"],
)
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(fastbg.SettingsError, match="the places to protect must be"):
        Settings(protect_at=text)


def test_an_outline_has_its_pixels_inside_its_points() -> None:
    outline = Outline("", 40.0, 60.0, 30.0, 12.0, 25.0)
    inside = outline.inside(np.arange(100.0), np.arange(120.0))
    assert inside.sum() == pytest.approx(np.pi * 30 * 12, rel=0.01)
    y, x = (0.999 * (outline.points() - [40, 60]) + [40, 60]).T
    assert all(outline.inside(y[n : n + 1], x[n : n + 1]).all() for n in range(len(y)))
    for rows, columns in ((True, False), (False, True), (True, True)):
        mirrored = outline.mirrored((100, 120), rows=rows, columns=columns)
        turned = inside[:: -1 if rows else 1, :: -1 if columns else 1]
        np.testing.assert_array_equal(mirrored.inside(np.arange(100.0), np.arange(120.0)), turned)
    # Of superpixels, at the centres of their 2 x 2 pixels.
    fine = outline.scaled(2).inside(np.arange(200.0), np.arange(240.0))
    assert fine.mean() == pytest.approx(inside.mean(), rel=0.01)


def test_regions_are_read_as_they_were_written(tmp_path: Path) -> None:
    pytest.importorskip("regions")
    outlines = [Outline("M 1", 40.2, 60.7, 30.0, 12.0, 25.0), Outline("x", 90, 20, 9, 9)]
    path = tmp_path / "objects.reg"
    path.write_text(regions_text(outlines), encoding="utf-8")
    weight = open_regions(path, (100, 120)).planes()[0]
    inside = hidden(outlines, np.arange(100.0), np.arange(120.0))
    assert (inside != (weight == 0)).mean() < 0.001


def test_an_object_that_fills_the_frame_is_told_and_not_protected() -> None:
    small, large = Outline("small", 20, 20, 8, 8), Outline("large", 50, 60, 200, 90)
    beyond = Outline("beyond", -50, 20, 30, 20)
    kept, (warning,) = usable([large, small, beyond], (100, 120))
    assert kept == [small]
    assert warning.startswith("large fills the frame")


def test_a_comet_at_a_given_place_is_not_taken_for_sky() -> None:
    image, true = _gradient()
    plain = fastbg.remove_background(image)
    protected = fastbg.remove_background(image, protect_at="120.5 70.5 45")

    def error(result: Any) -> float:
        return float((result.background - true).std() / true.std())

    assert error(protected) < 0.7 * error(plain)
    (told,) = protected.report["protected"]
    assert (told["x"], told["y"], told["major"]) == (120, 70, 45)
    inside = hidden([Outline(**told)], *map(np.arange, map(float, SHAPE)))
    assert inside.any()
    fastbg.plot(protected)


def test_what_is_known_to_be_sky_stays_so_inside_of_an_outline() -> None:
    image, _ = _gradient()
    known = np.zeros(SHAPE)
    known[60:80, 110:130] = 1
    used = {}
    for name, sky in (("without", None), ("with", known)):
        result = fastbg.remove_background(image, sky=sky, protect_at="120.5 70.5 45")
        used[name] = result.report["fitted"]["usable_pixels"]
    assert used["with"] > used["without"]


def test_objects_in_the_sky_need_coordinates(tmp_path: Path) -> None:
    image, _ = _gradient()
    for options in ({"catalogue": True}, {"protect_at": "10.7 41.3 5m"}):
        with pytest.raises(InputError, match="an array has no coordinate system"):
            fastbg.remove_background(image, **options)
        path = write(tmp_path / "plain.fits", image)
        with pytest.raises(InputError, match=r"plain\.fits has no coordinate system") as refused:
            fastbg.process_file(path, output_dir=tmp_path / "out", **options)
        assert "\n" not in str(refused.value)
    assert not (tmp_path / "out").exists()


def test_a_place_in_the_sky_is_found_by_the_coordinates(tmp_path: Path) -> None:
    path = write(tmp_path / "m31.fits", _gradient()[0], M31)
    report = fastbg.preview_file(
        path, tmp_path / "p.png", protect_at="0:42:44.3 41:46:08 6m; 20 30 10"
    )
    first, second = report["protected"]
    # Half a degree north of the middle, and pixels of the file.
    assert (first["x"], first["y"]) == pytest.approx((99.5, 124.5), abs=0.1)
    assert first["major"] == pytest.approx(10, rel=0.01)
    assert (second["x"], second["y"], second["major"]) == pytest.approx((19.5, 29.5, 10))


def test_the_catalogue_knows_m31_and_its_companions(tmp_path: Path) -> None:
    pytest.importorskip("pyongc")
    path = write(tmp_path / "m31.fits", _gradient()[0], M31)
    regions = tmp_path / "m31.reg"
    run = CliRunner().invoke(app, ["catalogue", str(path), "-o", str(regions), "--json"])
    assert run.exit_code == 0, run.output
    told = {each["name"]: each for each in json.loads(run.stdout)["protected"]}
    assert set(told) == {"M31", "M32", "M110"}
    m31, m32 = told["M31"], told["M32"]
    assert (m31["x"], m31["y"]) == pytest.approx((99.5, 74.5), abs=0.2)
    # 178' x 70' and half as much again; north is up, east left, and the position angle 35 degrees.
    assert (m31["major"], m31["minor"]) == pytest.approx((222, 87), rel=0.01)
    assert m31["angle"] % 180 == pytest.approx(125, abs=0.5)
    # 24 minutes of arc to the south.
    assert m31["y"] - m32["y"] == pytest.approx(40, abs=1)
    assert "text={M31}" in regions.read_text(encoding="utf-8")
    again = CliRunner().invoke(app, ["catalogue", str(path), "-o", str(regions)])
    assert again.exit_code != 0
    done = fastbg.process_file(
        path, output_dir=tmp_path, catalogue=True, report_dir=tmp_path, preview=tmp_path / "p.png"
    )
    assert {each["name"] for each in done.report["protected"]} == set(told)
    page = (tmp_path / "m31_report.html").read_text(encoding="utf-8")
    assert "<title>M31</title>" in page


def test_a_field_without_objects_is_told(tmp_path: Path) -> None:
    pytest.importorskip("pyongc")
    path = write(tmp_path / "void.fits", _gradient()[0], {**M31, "CRVAL1": 55.0, "CRVAL2": 80.0})
    told = fastbg.catalogue_file(path)
    assert told["protected"] == []
    assert "no object" in told["warnings"][0]


def test_without_the_package_one_line_tells_the_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyongc", None)
    path = write(tmp_path / "m31.fits", _gradient()[0], M31)
    with pytest.raises(FastbgError, match=r"pip install 'fastbg\[catalogue\]'"):
        fastbg.catalogue_file(path)
