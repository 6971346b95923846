"""Doubts: what a model did to the whole frame, and what strict jobs do about it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

import fastbg
from fastbg import DoubtError, Settings, process_file, process_files, remove_background
from fastbg.cli.app import app
from fastbg.diagnostics import Diagnostics, diagnose, uncertainty
from fastbg.image.stretch import Stretch
from fastbg.io import xisf
from fastbg.model.model import BackgroundModel
from fastbg.report.cures import Cures
from fastbg.report.report import to_json
from fastbg.report.uncertain import FIGURES, uncertain
from fastbg.sky import detection
from fastbg.sky.mesh import mesh_of
from fastbg.sky.selection import select_surfaces
from fastbg.sky.surface import PROTECTIONS
from fastbg.spline.loss import Problem
from fastbg.spline.spline import Spline
from fastbg.words import place

SHAPE = (160, 240)
Y, X = ((np.arange(size) + 0.5) / size for size in SHAPE)
NOISE = 0.004
POOR: dict[str, Any] = {"control_points": 4, "epochs": 1, "downscaling_factor": 2}
"""One step of a descent from nowhere near."""


def plane(rise: float) -> Spline:
    polynomial = np.array([[0.0], [rise], [0.4 - rise / 2]])
    return Spline(np.full((4, 2), 0.5), np.zeros((4, 1)), polynomial, 2)


def tilted(rise: float = 0.3) -> np.ndarray:
    noise = np.random.default_rng(3).normal(0, NOISE, (*SHAPE, 1))
    return (0.4 + rise * (X[:, np.newaxis] - 0.5) + noise).astype(np.float32)


def judged(data: np.ndarray, spline: Spline, weight: np.ndarray | None = None) -> Diagnostics:
    """The diagnostics of a spline as the end of a descent, in a space that is linear."""
    weight = np.ones_like(data) if weight is None else weight
    stretch = Stretch(np.zeros(1), np.ones(1), np.full(1, 0.5), 0.5)
    problem = Problem(data, weight, Y, X, 2, 5.0)
    return diagnose(BackgroundModel(spline, stretch, SHAPE), problem, stretch, None)


def corner_glow(seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """A sky with a steep glow in its upper left corner, and the truth."""
    away = np.hypot(Y[:, np.newaxis], X)
    truth = 0.1 + 0.01 * X + 0.05 * np.exp(-away / 0.04)
    noise = np.random.default_rng(seed).normal(0, 1e-3, SHAPE)
    return (truth + noise).astype(np.float32), truth


def dark_border() -> np.ndarray:
    """A tilt of which one step of a descent makes something worse."""
    image = tilted()[..., 0]
    image[:, 200:] -= 0.3
    return image


@pytest.fixture
def doubtful(tmp_path: Path) -> Path:
    xisf.write(tmp_path / "doubtful.xisf", dark_border()[..., np.newaxis])
    return tmp_path / "doubtful.xisf"


@pytest.fixture
def good(tmp_path: Path) -> Path:
    xisf.write(tmp_path / "good.xisf", tilted())
    return tmp_path / "good.xisf"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments], prog_name="fastbg")


POORLY = ("-N", 4, "-e", 1, "-dx", 2)


# The whole frame


@pytest.mark.parametrize(("rise", "widening"), [(0.3, 0.05), (0.0, 1), (-0.3, 2), (0.75, 1.5)])
def test_the_width_of_the_sky_is_compared(rise: float, widening: float) -> None:
    frame = judged(tilted(), plane(rise)).whole_frame
    assert frame.widening == pytest.approx(widening, rel=0.1, abs=0.05)


@pytest.mark.parametrize("level", [0.05, 0.15])
def test_a_landscape_that_is_darker_than_all_sky_is_no_doubt(level: float) -> None:
    image = tilted()
    # As rough as trees are: an even one would be left out of the search.
    image[120:] = level + np.random.default_rng(1).normal(0, 0.05, (40, 240, 1))
    result = remove_background(image, downscaling_factor=2)
    assert result.diagnostics.below < 0.05
    assert not result.report["doubts"]


def test_a_wider_sky_is_told_first() -> None:
    result = remove_background(dark_border(), **POOR)
    assert result.report["worse"]
    assert result.report["worse"] == result.report["warnings"][: len(result.report["worse"])]
    assert result.report["worse"] == result.report["doubts"][: len(result.report["worse"])]
    assert all(line.startswith("the frame got worse: ") for line in result.report["worse"])


@pytest.mark.parametrize(("row", "column"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_the_level_of_each_corner_is_measured(row: int, column: int) -> None:
    data, rows, columns = tilted(), slice(0, 25), slice(0, 35)
    corner = data[:: 1 - 2 * row, :: 1 - 2 * column][rows, columns]
    corner += 0.1
    frame = judged(data, plane(0.3)).whole_frame
    expected = np.zeros((2, 2, 1))
    expected[row, column] = 0.1
    assert frame.corners_after == pytest.approx(expected, abs=0.002)
    assert frame.brightest.where == place(row, column)
    assert frame.brightest.sigma > 50
    assert abs(frame.darkest.sigma) < 10


def test_corners_were_before_what_the_model_takes() -> None:
    before = judged(tilted(), plane(0.3)).whole_frame.corners_before[..., 0]
    assert before == pytest.approx(np.array([[-0.13, 0.13]] * 2), abs=0.02)


def test_a_model_that_leaves_its_range_where_nothing_holds_it_is_measured() -> None:
    away = (Y[:, np.newaxis] - 0.5) ** 2 + (X - 0.5) ** 2
    weight = np.where(away < 0.03, 0, 1).astype(np.float32)[..., np.newaxis]
    centres = np.array([[0.5, 0.5], [0, 0], [0, 1], [1, 0], [1, 1]])
    hill = Spline(centres, np.array([[4.0], *[[-1.0]] * 4]), plane(0.0).polynomial, 2)
    values = BackgroundModel(hill, Stretch(np.zeros(1), np.ones(1), np.full(1, 0.5), 0.5), SHAPE)
    points = np.stack(np.meshgrid(Y, X, indexing="ij"), axis=-1).reshape(-1, 2)
    model = values.evaluate(points).reshape(*SHAPE, 1)
    data = model + tilted(0) - 0.4
    seen = model[..., 0][away >= 0.035]
    expected = max(np.ptp(model) - np.ptp(seen), 0)
    frame = judged(data.astype(np.float32), hill, weight).whole_frame
    assert frame.beyond == pytest.approx([expected], rel=0.3)
    assert judged(tilted(), plane(0.3), weight).whole_frame.beyond == pytest.approx([0])


def test_the_sky_beside_objects_is_compared_with_the_other_sky() -> None:
    away = np.hypot(Y[:, np.newaxis] - 0.5, X - 0.5)[..., np.newaxis]
    data = tilted()
    data[away < 0.15] += 0.3
    level = judged(data, plane(0.3)).whole_frame.beside_objects
    assert level == pytest.approx([0], abs=NOISE / 2)
    data[(away > 0.15) & (away < 0.2)] -= 0.002
    assert judged(data, plane(0.3)).whole_frame.beside_objects < level - 0.001


@pytest.mark.parametrize("mode", ["subtract", "divide"])
@pytest.mark.parametrize("strength", [0.5, 0.1])
def test_an_object_in_the_dark_part_of_a_gradient_left_on_purpose_is_no_doubt(
    strength: float, mode: str
) -> None:
    y, x = np.mgrid[:160, :240]
    galaxy = 0.1 * np.exp(-((x - 40) ** 2 + (y - 40) ** 2) / 12**2)
    noise = np.random.default_rng(0).normal(0, 0.002, (160, 240))
    image = (0.1 + 0.05 * x / 240 + 0.03 * y / 160 + galaxy + noise).astype(np.float32)
    assert remove_background(image, strength=strength, mode=mode).report["doubts"] == []


def test_what_is_darker_than_all_sky_is_left_out() -> None:
    data = tilted()
    data[120:] = 0.1
    frame = judged(data, plane(0.3)).whole_frame
    assert frame.land == pytest.approx(0.25, abs=0.02)
    assert not frame.seen[-5:].any()
    assert frame.seen[:25].all()
    assert np.isnan(frame.corners_after[1]).all()
    assert frame.darkest.y < 0.8


@pytest.mark.parametrize(
    ("y", "x", "words"),
    [
        (0.0, 0.0, "upper left corner"),
        (0.9, 1.0, "lower right corner"),
        (0.5, 0.1, "left edge"),
        (0.8, 0.5, "lower edge"),
        (0.5, 0.5, "middle"),
    ],
)
def test_places_have_names(y: float, x: float, words: str) -> None:
    assert place(y, x) == words


def test_reports_tell_the_whole_frame() -> None:
    report = remove_background(corner_glow()[0], downscaling_factor=2).report
    told = json.loads(to_json(report))["diagnostics"]["whole_frame"]
    assert told["brightest"]["where"] == "upper left corner"
    row, column = told["brightest"]["pixel"]
    assert row < SHAPE[0] / 3
    assert column < SHAPE[1] / 3
    assert {*told["corners_after"]} == {place(*corner) for corner in np.ndindex(2, 2)}
    assert told["widening"] < 1


# Uncertainty


def test_the_rivals_of_a_surface_are_the_other_fits() -> None:
    image, _ = corner_glow()
    mesh = mesh_of(image[..., np.newaxis], np.ones((*SHAPE, 1)), Y, X)
    done: list[int] = []
    surface = select_surfaces(mesh, PROTECTIONS["auto"], done.append)[-1]
    assert len(surface.rivals) == done[-1] - 1
    assert all(rival.weight is not surface.weight for _, rival in surface.rivals)


def test_rivals_count_by_their_costs() -> None:
    image, _ = corner_glow()
    mesh = mesh_of(image[..., np.newaxis], np.ones((*SHAPE, 1)), Y, X)
    surface = select_surfaces(mesh, PROTECTIONS["auto"])[-1]
    (_, rival), *_ = surface.rivals
    off = rival.values - surface.values
    off -= surface.weight @ off / surface.weight.sum()
    for cost, share in ((0, 0.5), (-1, 0.5), (uncertainty.RIVALRY, 1 / (1 + np.e)), (9, 0)):
        alone = replace(surface, rivals=((cost, rival),))
        assert uncertainty.of_choice(alone) == pytest.approx(np.sqrt(share) * np.abs(off))


def test_light_that_is_left_in_a_corner_is_uncertain() -> None:
    image, truth = corner_glow()
    result = remove_background(image, downscaling_factor=2)
    error = (result.background - truth).std()
    told = np.sqrt((result.diagnostics.uncertainty**2).mean())
    assert error < 3 * told
    assert result.diagnostics.uncertain == pytest.approx([told], rel=1e-6)


def test_a_plain_sky_has_little_uncertainty() -> None:
    truth = 0.4 + 0.3 * (X - 0.5)
    result = remove_background(tilted(), downscaling_factor=2)
    error = (result.background[..., 0] - truth).std()
    assert error < result.diagnostics.uncertain < 10 * error
    assert not result.report["doubts"]


def test_nothing_is_told_of_a_frame_without_sky() -> None:
    mesh = mesh_of(tilted(), np.ones((*SHAPE, 1)), Y, X)
    surface = select_surfaces(mesh, PROTECTIONS["auto"])[-1]
    none = replace(surface, weight=np.zeros(len(mesh.points)))
    assert np.isnan(uncertainty.of_surface(none, mesh, surface.values)).all()
    unseen = judged(tilted(), plane(0.3))
    frame = replace(unseen.whole_frame, seen=np.zeros_like(unseen.whole_frame.seen))
    assert np.isnan(replace(unseen, whole_frame=frame).dependent)


def test_doubts_of_the_search_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def doubting(*arguments: Any) -> list[Any]:
        *others, last = select_surfaces(*arguments)
        return [*others, replace(last, doubts=("sky and object look alike",))]

    monkeypatch.setattr(detection, "select_surfaces", doubting)
    report = remove_background(tilted(), downscaling_factor=2).report
    assert report["doubts"] == ["sky and object look alike"]
    with pytest.raises(DoubtError, match="sky and object look alike"):
        remove_background(tilted(), downscaling_factor=2, strict=True)


# What an image does not tell


WARM, COLD = np.array([1.0, 0.7, 0.5]), np.array([0.5, 0.7, 1.0])
OBJECTS = "nothing in this image tells the gradient from objects, which fill "


def veiled(veil: np.ndarray, light: np.ndarray = WARM) -> np.ndarray:
    """A gradient of a colour under structure that fills the frame and has another, or the same."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:160, :240] / 240
    waves = [(rng.uniform(8, 40, 2), rng.uniform(0, 7)) for _ in range(12)]
    structure = sum(np.sin(ky * y + kx * x + phase) for (ky, kx), phase in waves)
    gradient = np.multiply.outer(0.03 * x, light)
    noise = rng.normal(0, 5e-4, (160, 240, len(light)))
    image = 0.1 + gradient + np.multiply.outer(0.006 * np.exp(structure / 3), veil) + noise
    return image.astype(np.float32)


def doubts_of_veiled(veil: np.ndarray, light: np.ndarray = WARM, **settings: Any) -> list[str]:
    result = remove_background(veiled(veil, light), downscaling_factor=2, **settings)
    return [line for line in result.report["doubts"] if line.startswith(OBJECTS)]


def test_objects_of_the_gradients_colour_that_fill_the_frame_are_not_told_from_it() -> None:
    (line,) = doubts_of_veiled(WARM)
    assert "do not differ enough from it in colour" in line
    assert line.endswith(
        "give fastbg run an image of this sky without a gradient with --reference, mask the "
        "objects, or tell where they are with --protect-at"
    )


def test_a_mono_image_has_no_colour_that_tells() -> None:
    (line,) = doubts_of_veiled(np.ones(1), np.ones(1))
    assert "cannot differ from it in colour" in line


def test_objects_of_another_colour_are_told_from_the_gradient() -> None:
    assert doubts_of_veiled(COLD) == []


def test_a_mask_that_tells_what_is_sky_is_a_cure() -> None:
    assert doubts_of_veiled(WARM, weight=np.ones((160, 240), np.float32)) == []


USUAL = {name: figure.usual for name, figure in FIGURES.items()}
BEGINNINGS = {
    "uncertain": "the model is uncertain by",
    "undecided": "other surfaces are hardly less likely",
    "dependent": "the model depends on single parts",
    "corner": "the lower right corner is left brighter",
    "below": "5 % of the usable frame lies below the model",
}


def figures(joint: bool = False, noise: float = 0.001, land: float = 0.0, **values: float) -> Any:
    """Diagnostics with a gradient of 1 and these figures, others as usual; what was prepared."""
    told = USUAL | values
    corners = np.full((2, 2, 3), -0.1)
    corners[1, 1] = told["corner"]
    diagnostics = SimpleNamespace(
        **{name: told[name] for name in ("undecided", "dependent", "below")},
        gradient=lambda: (1.0, 0.0, told["uncertain"]),
        noise=np.full(3, noise),
        contrast=60.0,
        whole_frame=SimpleNamespace(land=land, corners_after=corners),
    )
    sky = SimpleNamespace(joint=joint, samples=None, compared=None, explained=0.9)
    return diagnostics, SimpleNamespace(sky=sky, masked=False)


def told_of(**values: Any) -> list[str]:
    return [*uncertain(*figures(**values), Cures("another"))]


@pytest.mark.parametrize("name", BEGINNINGS)
def test_the_figure_that_tells_most_is_named(name: str) -> None:
    raised = {each: FIGURES[each].usual * 3 for each in BEGINNINGS}
    most = 0.05 if name == "below" else FIGURES[name].high
    (line,) = told_of(**raised | {name: most})
    assert line.startswith(BEGINNINGS[name])


def test_a_small_share_below_is_evidence_and_nothing_to_look_for() -> None:
    raised = {each: FIGURES[each].usual * 3 for each in BEGINNINGS if each != "below"}
    assert told_of(**raised) == []
    for below, words in ((0.02, "the model depends on"), (0.04, "4 % of the usable frame lies")):
        (line,) = told_of(**raised | {"below": below, "dependent": 0.1})
        assert line.startswith(words)


@pytest.mark.parametrize("name", ["uncertain", "dependent", "corner", "below"])
def test_figures_that_are_high_together_are_a_doubt_and_alone_none(name: str) -> None:
    high = {each: FIGURES[each].usual * 6 for each in ("uncertain", "dependent", "corner", "below")}
    assert told_of() == []
    assert told_of(**{name: high[name]}) == []
    assert told_of(**high)


def test_what_is_unknown_is_no_evidence() -> None:
    for figure in FIGURES.values():
        assert figure.evidence(np.nan) == figure.evidence(figure.usual) == 0
        assert figure.evidence(0) == figure.evidence(figure.low)
        assert figure.evidence(np.inf) == figure.evidence(figure.high)
    high = {each: FIGURES[each].high for each in ("undecided", "uncertain")}
    assert told_of(**high)
    assert told_of(**high, joint=True) == []  # rivals know nothing of colours


def test_light_below_multiples_of_a_shape_is_of_another_colour() -> None:
    (line,) = told_of(below=0.02, uncertain=1.0, dependent=0.1, joint=True)
    assert line.startswith("the light of the sky may have more colours than the model: 2 %")


def test_the_outline_of_land_is_no_sky_below() -> None:
    high = {"uncertain": 1.0, "dependent": 0.1}
    assert told_of(**high, below=0.04)
    assert told_of(**high, below=0.06, land=0.02) == []
    assert told_of(**high, below=0.4, land=0.02)


def test_less_than_twice_the_noise_of_a_cell_is_hardly_a_gradient() -> None:
    high = {"uncertain": 1.0, "dependent": 0.1, "corner": 0.3, "below": 0.001}
    assert told_of(**high)
    assert told_of(**high, noise=10.0) == []
    rng = np.random.default_rng(2)
    flat = (0.2 + 1e-4 * X + rng.normal(0, 0.01, SHAPE)).astype(np.float32)
    report = remove_background(flat, downscaling_factor=2).report
    assert any(line.startswith("there is hardly a gradient") for line in report["warnings"])
    assert report["doubts"] == []
    plain = remove_background(tilted(), downscaling_factor=2).report
    assert not any("hardly a gradient" in line for line in plain["warnings"])


# Strict jobs


def test_a_strict_job_on_an_array_raises() -> None:
    with pytest.raises(
        DoubtError, match=r"the image is doubtful: the frame got worse.*more\)$"
    ) as e:
        remove_background(dark_border(), strict=True, **POOR)
    assert e.value.doubts == remove_background(dark_border(), **POOR).report["doubts"]
    assert remove_background(tilted(), downscaling_factor=2, strict=True).report["doubts"] == []


def test_strict_changes_no_bit_of_a_good_result() -> None:
    plain, strict = (
        remove_background(tilted(), downscaling_factor=2, strict=how) for how in (False, True)
    )
    assert np.array_equal(plain.corrected, strict.corrected)


def test_a_strict_job_on_a_file_writes_nothing(doubtful: Path, out: Path) -> None:
    with pytest.raises(DoubtError, match=r"doubtful.xisf is doubtful"):
        process_file(doubtful, output_dir=out, report_dir=out, strict=True, **POOR)
    with pytest.raises(DoubtError):
        fastbg.fit_file(doubtful, out / "model.json", strict=True, **POOR)
    assert not out.exists()


def test_a_model_of_other_proportions_is_doubtful(good: Path, tmp_path: Path, out: Path) -> None:
    fastbg.fit_file(good, tmp_path / "model.json", downscaling_factor=2)
    xisf.write(tmp_path / "square.xisf", tilted()[:, :160])
    with pytest.raises(DoubtError, match="of other proportions"):
        fastbg.apply_model(tmp_path / "model.json", tmp_path / "square.xisf", strict=True)
    assert fastbg.apply_model(tmp_path / "model.json", good, output_dir=out, strict=True)


def test_a_model_of_another_sky_makes_a_frame_worse(good: Path, tmp_path: Path, out: Path) -> None:
    fastbg.fit_file(good, tmp_path / "model.json", downscaling_factor=2)
    xisf.write(tmp_path / "turned.xisf", tilted()[:, ::-1])
    apply = ("apply", tmp_path / "model.json", good, tmp_path / "turned.xisf", "-o", out)
    done = run(*apply, "--strict", "-q")
    assert done.exit_code == 3
    assert done.stderr.startswith(
        f"fastbg: {tmp_path}/turned.xisf is doubtful: the frame got worse"
    )
    assert [path.name for path in out.iterdir()] == ["good_bgSubtracted.xisf"]
    loud = run(*apply, "--overwrite")
    assert loud.exit_code == 0
    assert "2.0 times as wide" in loud.stderr.replace("2 times", "2.0 times")
    assert loud.stdout.count("the frame got worse") == 1


def test_exit_codes(doubtful: Path, good: Path, out: Path) -> None:
    for command in (("run", doubtful, out), ("fit", doubtful, "-o", out / "model.json")):
        refused = run(*command, *POORLY, "--strict", "-q")
        assert (refused.exit_code, refused.stdout) == (3, "")
        assert refused.stderr.startswith(f"fastbg: {doubtful} is doubtful: the frame got worse: ")
    assert not out.exists()
    assert run("run", good, out, "-dx", 2, "--strict", "-q").exit_code == 0


def test_a_preset_may_be_strict(doubtful: Path, out: Path, tmp_path: Path) -> None:
    preset = tmp_path / "strict.toml"
    preset.write_text("strict = true\ncontrol-points = 4\nepochs = 1\ndownscaling-factor = 2\n")
    assert run("run", doubtful, out, "--preset", preset).exit_code == 3
    assert run("run", doubtful, out, "--preset", preset, "--no-strict").exit_code == 0


def test_a_preview_is_drawn_all_the_same(doubtful: Path, tmp_path: Path) -> None:
    report = fastbg.preview_file(doubtful, tmp_path / "p.png", fit=True, strict=True, **POOR)
    assert any(line.startswith("strict had no effect") for line in report["warnings"])
    assert (tmp_path / "p.png").exists()


def test_a_frame_that_got_worse_is_told_on_stderr(doubtful: Path, out: Path) -> None:
    done = run("run", doubtful, out, *POORLY, "-q")
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr.startswith("fastbg: warning: the frame got worse: ")
    told = run("run", doubtful, out, *POORLY, "--json", "--overwrite")
    assert (told.stderr, bool(json.loads(told.stdout)["worse"])) == ("", True)


# Batches


def test_a_strict_batch_leaves_doubtful_files_out(doubtful: Path, good: Path, out: Path) -> None:
    settings = Settings(strict=True, threads=1, **POOR)
    summary = process_files([doubtful, good], output_dir=out, workers=1, settings=settings)
    assert {each.status for each in summary.outcomes} == {"doubtful"}  # one step suffices nowhere
    assert not [path for path in out.iterdir() if path.is_file()]
    assert "0 done, 0 skipped, 2 doubtful, 0 failed" in repr(summary)


def test_exit_codes_of_a_batch(doubtful: Path, tmp_path: Path, out: Path) -> None:
    job = ("batch", doubtful, "-o", out, *POORLY, "--workers", 1)
    refused = run(*job, "--strict")
    assert refused.exit_code == 3
    assert "0 done, 1 doubtful and not written" in refused.stdout
    assert refused.stderr.startswith(f"fastbg: {doubtful} is doubtful: ")
    (tmp_path / "broken.xisf").write_bytes(b"XISF0100")
    assert run(*job, tmp_path / "broken.xisf", "--strict").exit_code == 2

    done = run(*job)
    assert done.exit_code == 0
    assert "GOT WORSE, " in done.stdout
    assert f"fastbg: {doubtful}: warning: the frame got worse: " in done.stderr
    again = run(*job, "--strict", "--json")
    assert again.exit_code == 3  # finished, but doubtful
    assert [each["input"] for each in json.loads(again.stdout)["doubtful"]] == [str(doubtful)]
    assert run(*job).exit_code == 0
