"""``fastbg mosaic``: no seams are left between panels; what cannot be is refused in one line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from mosaics import CENTRE, NOISE, SHAPE, Grid, background, grids, panels, sky, write
from scipy.interpolate import RegularGridInterpolator
from tolerances import RELATIVE_ERROR_OF_MOSAIC, STEP_AT_SEAMS
from typer.testing import CliRunner

import fastbg
from fastbg.cli.app import app
from fastbg.errors import Cancelled, FastbgError, InputError
from fastbg.io import formats
from fastbg.io.made import made
from fastbg.jobs.batch import BatchProgress
from fastbg.jobs.mosaic import solving
from fastbg.jobs.mosaic.small import FOLDER

pytest.importorskip("astropy")
pytestmark = pytest.mark.usefixtures("in_this_process")


def _read(path: Path) -> np.ndarray:
    with formats.open_image(path) as file:
        return file.to_array()[..., 0].astype(np.float64)


def _errors(folder: Path, truth: list[np.ndarray]) -> list[np.ndarray]:
    """The backgrounds minus the true ones."""
    names = (folder / f"p{number}_bgModel.fits" for number in range(1, len(truth) + 1))
    return [_read(name) - true for name, true in zip(names, truth, strict=True)]


def _steps(errors: list[np.ndarray], places: list[Grid]) -> float:
    """The largest step between two panels: its root mean square over what both of them cover."""
    largest = 0.0
    for one, mine in zip(places, errors, strict=True):
        v, u = one.plane()
        for other, theirs in zip(places, errors, strict=True):
            if other is one:
                continue
            inverse = np.linalg.inv(other.matrix / one.matrix[1, 1] * one.scale)
            x, y = np.einsum("ij,jhw->ihw", inverse, np.stack([u + other.x, v - other.y]))
            height, width = SHAPE
            at = RegularGridInterpolator(
                (np.arange(height) - (height - 1) / 2, np.arange(width) - (width - 1) / 2),
                theirs,
                bounds_error=False,
            )
            step = mine - at(np.stack([y, x], axis=-1))
            if np.isfinite(step).sum() > 100:
                largest = max(largest, float(np.sqrt(np.nanmean(step**2))))
    return largest


@pytest.mark.parametrize(
    ("across", "nebula", "turn"), [(2, 0.03, 3), pytest.param(3, 0.03, 0, marks=pytest.mark.slow)]
)
def test_no_steps_are_left_at_seams(
    tmp_path: Path, across: int, nebula: float, turn: float
) -> None:
    places = grids(across, turn)
    paths, truth = panels(tmp_path, places, nebula)
    report = fastbg.process_mosaic(paths, output_dir=tmp_path / "out").report
    errors = _errors(tmp_path / "out", truth)
    assert _steps(errors, places) < STEP_AT_SEAMS * NOISE
    relative = [error.std() / true.std() for error, true in zip(errors, truth, strict=True)]
    assert np.median(relative) < RELATIVE_ERROR_OF_MOSAIC
    assert report["groups"] == [[*map(str, paths)]]
    for seam in report["seams"]:
        assert seam["after"] < max(seam["before"], NOISE) / 3
    assert not any("uncertain" in line for image in report["images"] for line in image["warnings"])


def test_all_panels_get_one_level(tmp_path: Path) -> None:
    paths, truth = panels(tmp_path, grids(2)[:2])
    report = fastbg.process_mosaic(paths, output_dir=tmp_path, write_model=False).report
    levels = [np.median(_read(tmp_path / f"p{n}_bgSubtracted.fits")) for n in (1, 2)]
    assert np.ptp(levels) < NOISE / 3
    assert abs(np.mean(levels) - report["level"][0]) < NOISE
    assert np.ptp([true.mean() for true in truth]) > NOISE
    assert not [*tmp_path.glob("*bgModel*")]


def test_a_gradient_that_all_panels_share_under_objects_is_told(tmp_path: Path) -> None:
    rng, waves = np.random.default_rng(2), np.geomspace(12, 90, 12)
    turns = np.random.default_rng(15).uniform(0, 3, 12)
    phases = np.random.default_rng(16).uniform(0, 6, 12)
    paths = []
    for number, grid in enumerate(grids(2)[:2], start=1):
        v, u = grid.plane()
        along = (np.multiply.outer(of(turns), each) for of, each in ((np.cos, v), (np.sin, u)))
        light = np.cos(sum(along) / waves[:, None, None] + phases[:, None, None]).sum(axis=0)
        image = 0.03 * np.exp(light / 3) + background(SHAPE, rng) + sky(v, u)
        image += NOISE * rng.standard_normal(SHAPE)
        paths.append(write(tmp_path / f"p{number}.fits", image, grid.keywords()))
    report = fastbg.process_mosaic(paths, output_dir=tmp_path / "out").report
    (known,) = report["shared"]
    assert known["uncertain"] > 0.7 * known["gradient"] > 0
    assert "objects hide the gradient that all panels share" in report["doubts"][0]
    assert report["doubts"][0] in report["warnings"]


def test_groups_without_sky_in_common_are_told_and_get_one_level(tmp_path: Path) -> None:
    far = [Grid(0, 0), Grid(0, 135), Grid(900, 0)]
    paths, _ = panels(tmp_path, far)
    report = fastbg.process_mosaic(paths, output_dir=tmp_path).report
    names = [*map(str, paths)]
    assert report["groups"] == [names[:2], names[2:]]
    (warning,) = report["warnings"]
    assert "2 groups" in warning
    assert all(name in warning for name in names)
    levels = [np.median(_read(tmp_path / f"p{n}_bgSubtracted.fits")) for n in (1, 2, 3)]
    assert np.ptp(levels) < NOISE


def test_groups_at_both_ends_of_the_sky_lie_side_by_side(tmp_path: Path) -> None:
    pair = grids(2)[:2]
    ra, dec = CENTRE
    centres = [CENTRE] * 2 + [(ra + 180, -dec)] * 2
    paths, truth = panels(tmp_path, [*pair, *pair], nebula=0.02, centres=centres)
    picture, out = tmp_path / "mosaic.png", tmp_path / "out"
    report = fastbg.process_mosaic(paths, output_dir=out, preview=picture).report
    names = [*map(str, paths)]
    assert report["groups"] == [names[:2], names[2:]]
    errors = _errors(out, truth)
    for own in (errors[:2], errors[2:]):
        assert _steps(own, pair) < STEP_AT_SEAMS * NOISE
    # As those of one group, panels are drawn in about their own pixels.
    page = (out / "mosaic_report.html").read_text("utf-8")
    sizes = [
        np.ptp(np.array(re.findall(r"M([\d.]+) ", path), float))
        for path in re.findall(r'class="border"[^>]* d="([^"]+)"', page)
    ]
    assert len(sizes) >= 4
    assert min(sizes) > SHAPE[1] / 4


def test_panels_on_one_canvas_need_no_coordinates(tmp_path: Path) -> None:
    rng, canvas = np.random.default_rng(2), (120, 285)
    v, u = np.mgrid[:120, :285] - np.array([60, 140])[:, np.newaxis, np.newaxis]
    light, paths, truth = sky(v, u, 0.02), [], []
    for number, part in enumerate((np.s_[:, :150], np.s_[:, 135:]), start=1):
        image, true = np.zeros(canvas), np.full(canvas, np.nan)
        true[part] = background((120, 150), rng)
        image[part] = (light + true + NOISE * rng.standard_normal(canvas))[part]
        paths.append(write(tmp_path / f"p{number}.fits", image))
        truth.append(true)
    fastbg.process_mosaic(paths, output_dir=tmp_path)
    errors = _errors(tmp_path, truth)
    step = (errors[0] - errors[1])[:, 135:150]
    assert np.sqrt(np.mean(step**2)) < STEP_AT_SEAMS * NOISE


@pytest.fixture
def merged(tmp_path: Path) -> tuple[Path, np.ndarray, np.ndarray]:
    """A merged mosaic of three panels, its true background and their numbers."""
    rng, shape = np.random.default_rng(4), (240, 320)
    v, u = np.mgrid[:240, :320]
    labels = np.where(v < 120 + u // 20, np.where(u < 150, 1, 7), 30).astype(np.uint8)
    true = np.zeros(shape)
    for number in (1, 7, 30):
        true[labels == number] = background(shape, rng)[labels == number]
    image = sky(v - 120.0, u - 160.0, 0.02) + true + NOISE * rng.standard_normal(shape)
    return write(tmp_path / "whole.fits", image), true, labels


def test_panels_that_a_label_image_names(
    tmp_path: Path, merged: tuple[Path, np.ndarray, np.ndarray]
) -> None:
    path, true, labels = merged
    # What is 0 belongs to the nearest panel, also beyond the box around that.
    labels[100:103, 40:60] = labels[:, :20] = 0
    names = write(tmp_path / "labels.fits", labels)
    report = fastbg.process_mosaic(path, panels=names, output_dir=tmp_path / "out").report
    error = _read(tmp_path / "out" / "whole_bgModel.fits") - true
    assert error[:, 20:].std() / true.std() < RELATIVE_ERROR_OF_MOSAIC
    assert np.abs(error[:, :20] - error.mean()).max() < 2 * true.std()
    assert np.abs(error[100:103, 40:60] - error.mean()).max() < NOISE
    factor = report["images"][0]["settings"]["downscaling_factor"]
    for axis in (0, 1):
        crossed = np.diff(labels.astype(int), axis=axis) != 0
        steps = np.diff(error, axis=axis)[crossed]
        assert np.sqrt(np.mean(steps**2)) < NOISE / factor
    assert [each["panel"] for each in report["panels"]] == ["1", "7", "30"]
    assert len(report["seams"]) == 3


def _one(folder: Path) -> dict[str, Any]:
    return {"paths": panels(folder, [Grid(0, 0)])[0]}


def _apart(folder: Path) -> dict[str, Any]:
    return {"paths": panels(folder, [Grid(0, 0), Grid(0, 400)])[0]}


def _no_coordinates(folder: Path) -> dict[str, Any]:
    paths, _ = panels(folder, [Grid(0, 0), Grid(0, 135)])
    return {"paths": [paths[0], write(folder / "plain.fits", _read(paths[1]))]}


def _other_channels(folder: Path) -> dict[str, Any]:
    paths, _ = panels(folder, [Grid(0, 0), Grid(0, 135)])
    planes = np.stack([_read(paths[1])] * 3)
    return {"paths": [paths[0], write(folder / "rgb.fits", planes, Grid(0, 135).keywords())]}


def _labels(labels: np.ndarray, count: int = 1) -> Any:
    def given(folder: Path) -> dict[str, Any]:
        paths, _ = panels(folder, [Grid(0, 0), Grid(0, 135)][:count])
        return {"paths": paths, "panels": write(folder / "labels.fits", labels)}

    return given


HALVES = np.repeat(np.repeat([[1, 2]], SHAPE[0], axis=0), SHAPE[1] // 2, axis=1)

SCATTERED = np.random.default_rng(1).integers(1, 5, SHAPE)

REFUSED = {
    "no such panel": (lambda folder: {"paths": folder / "p0.fits"}, "p0.fits does not exist"),
    "labels of noise": (
        lambda folder: {**_labels(SCATTERED)(folder), "downscaling_factor": 2},
        r"borders of panels in 9\d[.\d]* % of the blocks of 2 x 2 pixels",
    ),
    "one panel": (_one, "alone is no mosaic"),
    "no overlap": (_apart, "no two panels have sky in common"),
    "no coordinates": (_no_coordinates, "plain.fits has no coordinate system"),
    "other channels": (_other_channels, "rgb.fits has 3 channels and .*p1.fits 1"),
    "labels of another size": (_labels(HALVES[:, :100]), "has 100 x 120 pixels .* 150 x 120"),
    "one label": (_labels(np.ones(SHAPE)), "names 1 panel"),
    "no whole numbers": (_labels(HALVES + 0.5), "other than whole numbers"),
    "labels below 0": (_labels(HALVES - 3), "a number below 0"),
    "labels and many images": (_labels(HALVES, 2), "there are 2 images"),
}


@pytest.mark.parametrize(("given", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_mosaic_is_refused_in_one_line(tmp_path: Path, given: Any, message: str) -> None:
    arguments = given(tmp_path)
    with pytest.raises(FastbgError, match=message) as refused:
        fastbg.process_mosaic(**arguments, output_dir=tmp_path / "out")
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "out").exists()


def test_a_refused_mosaic_leaves_nothing_and_names_all_that_have_no_place(tmp_path: Path) -> None:
    rng, out = np.random.default_rng(1), tmp_path / "new" / "out"
    light = [background(SHAPE, rng) + NOISE * rng.standard_normal(SHAPE) for _ in range(11)]
    # Of one size, they may be on one canvas, so that their small copies are made to know it.
    paths = [write(tmp_path / f"p{number}.fits", each) for number, each in enumerate(light)]
    named = r"p0.fits has no coordinate system.*; (.*p\d.fits, ){7}.*p8.fits and 2 more cannot"
    with pytest.raises(InputError, match=named):
        fastbg.process_mosaic(paths, output_dir=out)
    assert not (tmp_path / "new").exists()
    for number, (path, each) in enumerate(zip(paths, light, strict=True)):
        write(path, each[number:])
    with pytest.raises(InputError, match=named):
        fastbg.process_mosaic(paths, output_dir=out)
    assert not (tmp_path / "new").exists()


def test_a_refused_mosaic_keeps_small_copies_of_an_earlier_one(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).normal(0, NOISE, (2, *SHAPE))
    paths = [write(tmp_path / f"q{n}.fits", 0.1 + each) for n, each in enumerate(noise)]
    (tmp_path / FOLDER).mkdir()
    earlier = tmp_path / FOLDER / "p1_small.npz"
    earlier.write_bytes(b"1")
    with pytest.raises(InputError, match=r"q0.fits has no .*q1.fits cannot"):
        fastbg.process_mosaic(paths, output_dir=tmp_path)
    assert earlier.read_bytes() == b"1"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"control_points": 16}, "without a descent"),
        ({"pedestal": "bgoptimizer"}, "another one for each panel"),
        ({"match_scale": True, "panels": "labels.fits"}, "leave match_scale out"),
    ],
)
def test_settings_that_make_no_sense(options: dict[str, Any], message: str) -> None:
    with pytest.raises(fastbg.SettingsError, match=message):
        fastbg.process_mosaic(["a.fits", "b.fits"], **options)


def test_the_command_goes_on_where_it_ended(tmp_path: Path, open_page: Callable[..., Any]) -> None:
    paths, _ = panels(tmp_path, grids(2)[:2])
    out, preview = tmp_path / "out", tmp_path / "out" / "whole.png"
    arguments = [*map(str, paths), "-o", str(out), "--preview-output", str(preview)]
    command = ["mosaic", *arguments, "--protect-at", "75 60 20"]
    run = CliRunner().invoke
    done = run(app, [*command, "--json"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert len(report["images"]) == 2
    with formats.open_image(out / "p1_bgSubtracted.fits") as file:
        assert made(file.header.keywords) == "corrected"
    assert json.loads((out / "mosaic_report.json").read_text("utf-8")) == report
    assert np.asarray(PIL.Image.open(preview)).shape[1] == 1600
    page = open_page((out / "mosaic_report.html").as_uri())
    assert all(page.get_by_text(path.name).count() for path in paths)
    # Both borders, and the place in each panel.
    assert page.locator(".outlines path.border").count() == 2
    assert page.locator(".outlines path.protected").count() == 2
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    written = {path: path.read_bytes() for path in out.glob("*.fits")}
    assert len(written) == 4
    (out / "p2_bgModel.fits").unlink()
    again = run(app, command)
    assert again.exit_code == 0, again.output
    assert "1 corrected, 1 finished before; 1 seam" in again.stdout
    assert "of the noise of a pixel" in again.stdout
    assert {path: path.read_bytes() for path in out.glob("*.fits")} == written


def test_a_mosaic_goes_on_where_it_was_interrupted(tmp_path: Path) -> None:
    paths, _ = panels(tmp_path, grids(2)[:2])
    out = tmp_path / "out"
    ended: list[Path] = []

    def stop(progress: BatchProgress) -> bool:
        ended.extend([progress.path] if progress.outcome and progress.path else [])
        return not ended

    with pytest.raises(Cancelled):
        fastbg.process_mosaic(paths, output_dir=out, progress=stop)
    assert ended == paths[:1]
    assert {path.name for path in out.iterdir() if path.is_file()} == {
        "p1_bgModel.fits",
        "p1_bgSubtracted.fits",
    }
    small = {path: path.stat().st_mtime_ns for path in (out / FOLDER).glob("*.npz")}
    statuses = [each.status for each in fastbg.process_mosaic(paths, output_dir=out).outcomes]
    assert statuses == ["skipped", "done"]
    # Another panel changes all models, and the small copy of that panel alone.
    image = _read(paths[1])
    write(paths[1], image + background(SHAPE, np.random.default_rng(9)), grids(2)[1].keywords())
    statuses = [each.status for each in fastbg.process_mosaic(paths, output_dir=out).outcomes]
    assert statuses == ["done", "done"]
    first, second = sorted(small)
    assert first.stat().st_mtime_ns == small[first]
    assert second.stat().st_mtime_ns != small[second]


@pytest.mark.parametrize("given", [_no_coordinates, _other_channels])
def test_a_panel_that_has_no_place_fails_alone(
    tmp_path: Path, given: Callable[[Path], dict[str, Any]]
) -> None:
    _, other = given(tmp_path)["paths"]
    paths, _ = panels(tmp_path, grids(2)[:2])
    message = REFUSED["no coordinates" if given is _no_coordinates else "other channels"][1]
    done = CliRunner().invoke(app, ["mosaic", *map(str, [other, *paths]), "-o", str(tmp_path)])
    assert done.exit_code == 2, done.output
    assert done.stderr.count("\n") == 1
    assert re.search(message, done.stderr)
    assert "2 corrected, 1 failed; 1 seam" in done.stdout
    report = json.loads((tmp_path / "mosaic_report.json").read_text("utf-8"))
    assert [each["status"] for each in report["panels"]] == ["used", "used", "failed"]
    assert re.search(message, report["panels"][2]["error"])


def test_a_panel_that_is_all_cloud_is_named(tmp_path: Path) -> None:
    places, rng = grids(2)[:3], np.random.default_rng(3)
    paths, _ = panels(tmp_path, places, nebula=0.03)
    cloud = background(SHAPE, rng) + NOISE * rng.standard_normal(SHAPE)
    write(paths[0], cloud, places[0].keywords())
    out = tmp_path / "out"
    done = CliRunner().invoke(app, ["mosaic", *map(str, paths), "-o", str(out)])
    assert done.exit_code == 2, done.output
    assert done.stderr.count("\n") == 1
    assert "p1.fits shows nothing of what the panels beside it show" in done.stderr
    assert "2 corrected, 1 failed; 1 seam" in done.stdout
    report = json.loads((out / "mosaic_report.json").read_text("utf-8"))
    assert [each["status"] for each in report["panels"]] == ["used", "used", "nothing"]
    assert "p1.fits shows nothing" in (out / "mosaic_report.html").read_text("utf-8")
    assert not [*out.glob("p1_*")]
    # The others are corrected as if it were not there.
    fastbg.process_mosaic(paths[1:], output_dir=tmp_path / "without")
    for path in (tmp_path / "without").glob("*.fits"):
        np.testing.assert_array_equal(_read(path), _read(out / path.name))


def test_a_panel_without_stars_is_doubtful(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solving, "starless", lambda cells: [1])
    paths, _ = panels(tmp_path, grids(2)[:2])
    command = ["mosaic", *map(str, paths), "-o", str(tmp_path / "out")]
    strict = CliRunner().invoke(app, [*command, "--strict", "--json"])
    assert strict.exit_code == 3, strict.output
    report = json.loads(strict.stdout)
    assert "p2.fits is doubtful, for it has hardly any stars" in report["doubts"][0]
    rows = [(each["status"], each["outcome"]) for each in report["panels"]]
    assert rows == [("used", "done"), ("clouds", "doubtful")]
    assert not [*tmp_path.glob("out/p2_*")]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert "hardly any stars" in done.stdout
    assert "1 corrected, 1 finished before" in done.stdout


def test_pages_and_pictures_of_others_are_kept(tmp_path: Path) -> None:
    paths, _ = panels(tmp_path, grids(2)[:2])
    theirs = tmp_path / "mosaic_report.html"
    theirs.write_text("mine")
    with pytest.raises(fastbg.OutputError, match=r"mosaic_report\.html exists"):
        fastbg.process_mosaic(paths, output_dir=tmp_path)
    theirs.rename(tmp_path / "mine.png")
    with pytest.raises(fastbg.OutputError, match=r"mine\.png already exists"):
        fastbg.process_mosaic(paths, output_dir=tmp_path, preview=tmp_path / "mine.png")
    with pytest.raises(fastbg.OutputError, match=r"end it in \.png"):
        fastbg.process_mosaic(paths, output_dir=tmp_path, preview=tmp_path / "mine.jpg")
    assert not (tmp_path / FOLDER).exists()


def test_filaments_in_overlaps_tell_flux_scales(tmp_path: Path) -> None:
    places, rng = grids(2)[:2], np.random.default_rng(3)
    paths = []
    for number, (grid, scale) in enumerate(zip(places, (1.2, 0.9), strict=True), start=1):
        v, u = grid.plane()
        filaments = 0.02 * np.exp(-((v + 50) ** 2 + u**2) / 3000) * (1 + np.sin(v / 4 + u / 7))
        light = sky(v, u) + filaments + background(SHAPE, rng) / scale
        image = scale * light + NOISE * rng.standard_normal(SHAPE)
        paths.append(write(tmp_path / f"p{number}.fits", image, grid.keywords()))
    report = fastbg.process_mosaic(paths, output_dir=tmp_path / "out", match_scale=True).report
    first, second = (each["scale"][0] for each in report["panels"])
    assert first / second == pytest.approx(1.2 / 0.9, rel=0.02)
    assert first * second == pytest.approx(1)
    assert report["match_scale"]
    assert not report["warnings"]
    left, right = (_read(tmp_path / "out" / f"p{n}_bgSubtracted.fits") for n in (1, 2))
    off = left[:, 135:] - right[:, :15]
    assert np.abs(np.median(off)) < NOISE / 3
    # Without one scale, filaments would differ by a quarter of their light.
    assert off.std() < 2 * NOISE
