"""The report for a browser: whole in itself, escaped, and right in what it measures."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import diagonal
from images import filling, image_of, recorded
from jinja2 import DictLoader, UndefinedError
from typer.testing import CliRunner

import fastbg
from fastbg import Settings
from fastbg.backends.numpy import NumpyBackend, spline_values
from fastbg.cli.app import app
from fastbg.diagnostics import diagnose
from fastbg.errors import Cancelled, OutputError
from fastbg.fit import Fit
from fastbg.image.downscale import block_centres
from fastbg.image.frame import Frame
from fastbg.image.image import Image
from fastbg.image.robust import robust_sigma
from fastbg.image.stretch import Stretch
from fastbg.io import xisf
from fastbg.model.correction import Correction
from fastbg.model.model import BackgroundModel
from fastbg.model.render import Rendered
from fastbg.pipeline import Job
from fastbg.report import html
from fastbg.report.html import (
    colours,
    histograms,
    loss,
    means,
    noise,
    page,
    residual,
    template,
    views,
    words,
)
from fastbg.report.preview import SkyLevels
from fastbg.report.report import Files, describe
from fastbg.result import Fitted, Measured, Plan, Prepared
from fastbg.simulate import simulate_sky
from fastbg.spline.adam import Descent
from fastbg.spline.loss import Problem
from fastbg.spline.spline import Spline

SHAPE = (60, 90)
QUICK = {"downscaling_factor": 4, "epochs": 12, "control_points": 9, "initializer": "grid"}
VOID = {"img", "input", "link", "meta"}
"""Elements that have no end tag."""

HOSTILE = """<script>alert("x")</script> & <b>'"""


class Page(HTMLParser):
    """A parsed page: its elements, its visible text; fails where tags are not balanced."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"{tag} has an attribute twice"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def stretched(spline: Spline) -> tuple[BackgroundModel, Stretch]:
    """A model in the space of a problem, and the stretch to that."""
    stretch = Stretch(*(np.full(spline.weights.shape[1], v) for v in (0.0, 1.0, 0.25)))
    return BackgroundModel(spline, stretch, SHAPE), stretch


def measured(channels: int) -> Measured:
    return Measured(*np.zeros((3, channels)))


def examine(
    image: Image, problem: Problem, spline: Spline, background: Image, settings: Settings
) -> html.Findings:
    """The findings of the page for a spline that was fitted to a problem."""
    model, stretch = stretched(spline)
    start = Descent(spline.flatten(), 0.0, np.zeros(1), "converged")
    fit = Fit(spline, spline, start, [0.0], np.zeros((1, 3)))
    prepared = Prepared(Frame(image), measured(1), stretch, problem)
    fitted = Fitted(model, fit, diagnose(model, problem, stretch, None))
    correction = Correction(image, background, "subtract", np.array([0.07]))
    with Job(settings) as job:
        plan = Plan(prepared.frame, correction, correction, measured(1), 0, 0)
        return html.examine(prepared, fitted, plan, job)


def folder_of(path: Path) -> dict[str, bytes]:
    return {str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if p.is_file()}


def examined(planes: np.ndarray, **options: Any) -> tuple[dict[str, Any], html.Findings]:
    """The finished report of an array job, and what the page needs beside it."""
    frame = Frame(filling(image_of(planes)))
    with Job(Settings(**{**QUICK, **options})) as job:
        prepared = job.prepare(frame)
        fitted = job.fit(prepared)
        plan = job.plan(frame, fitted.model, prepared.measured)
        corrected = job.correct(plan, lambda *rows: None)
        findings = html.examine(prepared, fitted, plan, job)
        about = Files(Path("sky.xisf"), {})
        report = describe(job, frame, prepared.preparation(), fitted, corrected, about)
    return report, findings


@pytest.fixture(scope="module")
def sky() -> np.ndarray:
    image = simulate_sky(SHAPE, np.random.default_rng(3)).image
    return np.ascontiguousarray(np.moveaxis(image, 2, 0))


@pytest.fixture(scope="module")
def job(sky: np.ndarray) -> tuple[dict[str, Any], html.Findings]:
    return examined(sky)


@pytest.fixture
def file(tmp_path: Path, sky: np.ndarray) -> Path:
    path = tmp_path / "sky.xisf"
    xisf.write(path, np.moveaxis(sky, 0, 2))
    return path


def test_a_job_leaves_a_page_and_the_same_as_json(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = fastbg.process_file(file, output_dir=out, report_dir=out / "reports", **QUICK)
    written = result.report["outputs"]
    assert written["report"] == str(out / "reports" / "sky_report.html")
    assert written["report_json"] == str(out / "reports" / "sky_report.json")
    assert all(Path(path).is_file() for path in written.values())

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not JSON")

    text = Path(written["report_json"]).read_text(encoding="utf-8")
    assert json.loads(text, parse_constant=refuse) == result.report
    assert {"report", "write", "total"} <= set(result.report["seconds"])

    text = Path(written["report"]).read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>\n<html")
    seen = " ".join(Page(text).texts)
    assert f"{result.report['seconds']['total']:.1f} s" in seen
    assert all(path in seen for path in written.values())


def test_a_report_changes_nothing_else(file: Path, tmp_path: Path) -> None:
    with_report, without = tmp_path / "with", tmp_path / "without"
    fastbg.process_file(file, output_dir=with_report, report_dir=tmp_path / "r", **QUICK)
    fastbg.process_file(file, output_dir=without, **QUICK)
    assert folder_of(with_report).keys() == folder_of(without).keys()
    for name in folder_of(without):
        images = [xisf.read(folder / name).to_array() for folder in (with_report, without)]
        assert np.array_equal(*images)


def test_the_page_refers_to_nothing_outside_itself(job: tuple[Any, html.Findings]) -> None:
    text = page.render(*job)
    found = Page(text)
    references = [
        value
        for _, attributes in found.elements
        for name, value in attributes.items()
        if name in ("src", "href", "srcset", "data", "action", "poster", "background")
    ]
    assert len(references) > 6
    assert all(value and value.startswith("data:") for value in references)
    assert not re.search(r"https?:|@import|url\(|\bfetch\(|XMLHttpRequest|import\(", text)
    (policy,) = (m["content"] for m in found.all("meta") if "http-equiv" in m)
    assert policy is not None
    assert policy.startswith("default-src 'none';")
    assert all("src" not in script for script in found.all("script"))


def test_pictures_have_texts_and_labels_have_targets(job: tuple[Any, html.Findings]) -> None:
    found = Page(page.render(*job))
    assert all("alt" in image for image in found.all("img"))
    assert sum(bool(image["alt"]) for image in found.all("img")) == 5
    assert all(svg["role"] == "img" and svg["aria-label"] for svg in found.all("svg"))
    ids = [attributes["id"] for _, attributes in found.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    assert {label["for"] for label in found.all("label")} < set(ids)


def test_loss_settings_statistics_and_counts_are_told(job: tuple[Any, html.Findings]) -> None:
    report, findings = job
    seen = Page(page.render(report, findings)).texts
    assert words.number(report["fit"]["loss"], 5) in seen
    for name in report["settings"]:
        assert name.replace("_", " ") in seen
    for name in ("grid", "model-median", "subtract", "float32"):
        assert name in seen
    for values in report["statistics"].values():
        for channels in values.values():
            assert all(words.number(value, 5) in seen for value in channels)
    for stage in report["seconds"]:
        assert stage in seen


def test_a_mosaic_has_four_stored_samples_for_each_superpixel(
    job: tuple[Any, html.Findings],
) -> None:
    report, findings = job
    tenth = SHAPE[0] * SHAPE[1] // 10
    counts = {"missing": 3 * tenth, "clamped": 3 * tenth, "below_0": 4 * tenth, "above_1": 0}
    image = {
        **report["image"],
        "cfa": "RGGB",
        "mosaic": {"height": 2 * SHAPE[0], "width": 2 * SHAPE[1]},
    }
    mosaic = {**report, "image": image, "counts": counts}
    seen = Page(page.render(mosaic, findings)).texts
    assert seen.count(words.percent(0.1)) == 3
    assert "superpixels" in " ".join(seen)


def test_hostile_texts_stay_texts(job: tuple[Any, html.Findings], sky: np.ndarray) -> None:
    report, findings = job
    honest = page.render(report, findings)
    hostile = {
        **report,
        "input": f"/data/{HOSTILE.replace('/', ':')}.xisf",
        "outputs": {HOSTILE: HOSTILE},
        "warnings": [HOSTILE],
        "settings": {**report["settings"], "backend": HOSTILE, HOSTILE: HOSTILE},
        "fit": {**report["fit"], "detail": HOSTILE},
    }
    found = Page(page.render(hostile, findings))
    assert len(found.all("script")) == len(Page(honest).all("script")) == 1
    assert not found.all("b")
    assert "".join(found.texts).count(HOSTILE) >= 7
    assert any(HOSTILE.replace("/", ":") in (i["alt"] or "") for i in found.all("img"))


@pytest.mark.skipif(os.name != "posix", reason="such names are not allowed there")
def test_hostile_file_names(file: Path) -> None:
    name = HOSTILE.replace("/", ":")
    path = file.rename(file.with_name(f"{name}.xisf"))
    result = fastbg.process_file(path, output_dir=file.parent, report_dir=file.parent, **QUICK)
    written = Path(result.report["outputs"]["report"])
    assert written.name == f"{name}_report.html"
    assert f"{name}.xisf" in Page(written.read_text(encoding="utf-8")).texts


def test_names_that_are_no_text_are_spelled_out(
    job: tuple[dict[str, Any], html.Findings], tmp_path: Path
) -> None:
    report = {**job[0], "input": os.fsdecode(b"/data/sky\xff.xisf")}
    written, told = tmp_path / "a.html", tmp_path / "a.json"
    html.write(report, job[1], written, told)
    assert "sky\\udcff.xisf" in written.read_text(encoding="utf-8")
    assert json.loads(told.read_text(encoding="utf-8"))["input"] == report["input"]


def test_what_is_no_number_is_null_in_json_and_a_dash_on_the_page(
    job: tuple[dict[str, Any], html.Findings], tmp_path: Path
) -> None:
    report = {**job[0], "peak_memory_bytes": None, "fit": {**job[0]["fit"], "loss": np.nan}}
    html.write(report, job[1], tmp_path / "a.html", tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text())["fit"]["loss"] is None
    seen = Page((tmp_path / "a.html").read_text(encoding="utf-8")).texts
    assert words.NONE in seen
    assert "unknown" in seen


def test_a_preview_alone_has_no_report(file: Path) -> None:
    arguments = ["run", str(file), str(file.parent), "-p", "--report", str(file.parent)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert "leave out -o, --model-output, --no-model and --report" in result.stderr
    assert [p.name for p in file.parent.iterdir()] == ["sky.xisf"]


@pytest.mark.parametrize("name", ["sky_report.html", "sky_report.json"])
def test_reports_that_exist_are_refused_before_any_work(file: Path, name: str) -> None:
    (file.parent / name).write_text("mine")
    before = folder_of(file.parent)

    def watch(progress: fastbg.Progress) -> None:
        raise AssertionError("work was done")

    options: dict[str, Any] = {"output_dir": file.parent, "report_dir": file.parent, **QUICK}
    with pytest.raises(OutputError, match=re.escape(name)):
        fastbg.process_file(file, progress=watch, **options)
    assert folder_of(file.parent) == before
    fastbg.process_file(file, overwrite=True, **options)
    assert (file.parent / name).read_text(encoding="utf-8") != "mine"


def test_a_report_folder_that_is_a_file_is_refused(file: Path) -> None:
    with pytest.raises(OutputError):
        fastbg.process_file(file, output_dir=file.parent, report_dir=file, **QUICK)
    assert [p.name for p in file.parent.iterdir()] == ["sky.xisf"]


@pytest.mark.parametrize("stage", ["fit", "correct", "report", "write"])
def test_a_job_that_is_cancelled_leaves_nothing(file: Path, stage: str) -> None:
    out = file.parent / "out"
    with pytest.raises(Cancelled):
        fastbg.process_file(
            file, output_dir=out, report_dir=out, progress=lambda p: p.stage != stage, **QUICK
        )
    assert not out.exists()


@pytest.mark.parametrize("function", ["examine", "write"])
def test_a_report_that_fails_leaves_nothing(
    file: Path, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(html, function, full)
    out = file.parent / "out"
    with pytest.raises(OutputError, match="No space left"):
        fastbg.process_file(file, output_dir=out, report_dir=out, **QUICK)
    assert not out.exists()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("shape", [(2, 4), (5, 6), (1, 900), (900, 1), (37, 41), (12, 600)])
def test_any_shape_has_a_page(shape: tuple[int, int], channels: int) -> None:
    rng = np.random.default_rng(1)
    planes = rng.uniform(0.05, 0.1, (channels, *shape)).astype(np.float32)
    report, findings = examined(planes, downscaling_factor=1, control_points=1)
    Page(page.render(report, findings))


def test_missing_samples_and_a_corner_without_sky_have_a_page(sky: np.ndarray) -> None:
    planes = sky.copy()
    planes[:, :40, :68] = 0  # whole blocks of the fit: 10 of 15 by 17 of 23
    report, findings = examined(planes)
    assert np.isnan(findings.noise.sigma).any()
    assert findings.residual.missing.mean() == pytest.approx(10 / 15 * 17 / 23, abs=0.01)
    seen = Page(page.render(report, findings)).texts
    assert "missing" in seen
    assert words.NONE in seen


def test_the_image_is_read_once_and_in_bands() -> None:
    shape, settings = (3001, 1000), Settings(control_points=9, initializer="grid")
    rng = np.random.default_rng(2)
    image, reads = recorded(image_of(rng.uniform(0.05, 0.1, (1, *shape)).astype(np.float32)))
    flat = image_of(np.full((1, *shape), 0.07, np.float32))
    data = np.full((376, 125, 1), 0.5, np.float32)
    problem = Problem(
        data, np.ones_like(data), block_centres(3001, 8), block_centres(1000, 8), 2, 5.0
    )
    centres = rng.uniform(size=(9, 2))
    spline = Spline(centres, np.zeros((9, 1)), np.array([[0.0], [0.0], [0.4]]), 2)
    examine(image, problem, spline, flat, settings)
    assert max(rows.stop - rows.start for rows in reads) <= 300
    reads.sort(key=lambda rows: rows.start)
    assert [rows.start for rows in reads] == [0, *(rows.stop for rows in reads[:-1])]
    assert reads[-1].stop == shape[0]


# The residual


def made_problem(rng: np.random.Generator, channels: int = 3) -> tuple[Problem, Spline]:
    """A spline of some size, and data that are it plus noise; a corner excluded, one missing."""
    h, w = 48, 64
    y, x = block_centres(h, 1), block_centres(w, 1)
    centres = rng.uniform(size=(6, 2))
    spline = Spline(
        centres,
        rng.normal(0, 0.05, (6, channels)),
        rng.normal([[0], [0], [0.5]], 0.1, (3, channels)),
        2,
    )
    points = np.stack(np.meshgrid(y, x, indexing="ij"), -1).reshape(-1, 2)
    values = spline_values(spline, points).reshape(h, w, channels)
    data = (values + rng.normal(0, 0.01, values.shape)).astype(np.float32)
    weight = np.ones_like(data)
    weight[:16, :16] = 0
    data[32:, 40:], weight[32:, 40:] = np.nan, 0
    return Problem(data, weight, y, x, 2, 5.0), spline


@pytest.mark.parametrize("channels", [1, 3])
def test_the_residual_is_data_minus_model(rng: np.random.Generator, channels: int) -> None:
    problem, spline = made_problem(rng, channels)
    model, stretch = stretched(spline)
    rendered = Rendered(NumpyBackend(), spline, stretch, problem.y, problem.x)
    got = residual.residual_image(problem, rendered, None).planes()
    assert got.shape == (channels, 48, 64)
    points = np.stack(np.meshgrid(problem.y, problem.x, indexing="ij"), -1).reshape(-1, 2)
    model = spline_values(spline, points).reshape(problem.data.shape)
    expected = np.where(problem.weight > 0, problem.data - model, np.nan)
    assert np.allclose(got, np.moveaxis(expected, 2, 0), atol=1e-6, equal_nan=True)


def test_the_residual_map_is_measured(rng: np.random.Generator) -> None:
    problem, spline = made_problem(rng)
    problem.data[:, :] += np.float32(0.03)
    found = residual.measure(problem, *stretched(spline), NumpyBackend())
    assert found.median == pytest.approx(0.03, abs=0.001)
    assert found.sigma == pytest.approx(0.01, rel=0.06)
    assert found.above == pytest.approx(0.0013, abs=0.002)  # Gaussian, 3 deviations
    assert found.level == pytest.approx(0.03, abs=0.001)
    assert np.nanmedian(found.values) == pytest.approx(0, abs=1e-6)
    h, w = found.values.shape
    unused = np.zeros((h, w), bool)
    unused[: h // 3, : w // 4] = True
    unused[2 * h // 3 :, w * 5 // 8 :] = True
    assert (np.isnan(found.values) == unused).mean() > 0.99
    assert found.missing.mean() == pytest.approx(1 / 3 * 3 / 8, abs=0.01)


def test_the_residual_map_is_orange_above_and_blue_below() -> None:
    values = np.array([[1.0, 0.0, 0.0, 0.0, -1.0, np.nan, np.nan]] * 8, np.float32)
    missing = np.zeros_like(values, bool)
    missing[:, 6] = True
    found = residual.Residual(values, 0.0, missing, *np.zeros((3, 1)))
    rgb = residual.to_rgb(found).astype(int)[:, ::2]
    above, zero, _, _, below, excluded, none = np.moveaxis(rgb, 1, 0)
    assert (above[:, 0] > above[:, 2] + 60).all()
    assert (below[:, 2] > below[:, 0] + 60).all()
    assert (zero == colours.DIVERGING[2]).all()
    assert {tuple(c) for c in excluded.tolist()} == {residual.EXCLUDED, residual.HATCHED}
    assert (none == residual.MISSING).all()


# The background RMS


def test_the_deviation_is_robust_and_right(rng: np.random.Generator) -> None:
    values = rng.normal(5, 0.25, 40_000)
    values[:1000] = 1e6
    values[1000:2000] = np.nan
    assert robust_sigma(values) == pytest.approx(0.25, rel=0.05)
    assert robust_sigma(values[2000:]) == pytest.approx(0.25, rel=0.02)
    assert np.isnan(robust_sigma(np.full(4, np.nan)))


@pytest.mark.parametrize("shape", [(960, 1440), (1440, 500)])
def test_the_map_finds_the_noise_that_is_in_each_box(
    rng: np.random.Generator, shape: tuple[int, int]
) -> None:
    true = np.array([2e-4, 5e-4, 1e-3])
    louder = np.where(np.arange(shape[1]) < shape[1] // 2, 1.0, 1.7)
    planes = 0.05 + rng.normal(size=(3, *shape)) * true[:, np.newaxis, np.newaxis] * louder
    found = noise.measure(planes, shape)
    rows, columns = found.sigma.shape[1:]
    assert max(rows, columns) == noise.BOXES
    assert found.box == (shape[0] / rows, shape[1] / columns)
    half = columns // 2
    assert found.sigma[:, :, :half] == pytest.approx(
        np.broadcast_to(true[:, np.newaxis, np.newaxis], (3, rows, half)), rel=0.05
    )
    assert found.sigma[:, :, -half:] == pytest.approx(
        np.broadcast_to(1.7 * true[:, np.newaxis, np.newaxis], (3, rows, half)), rel=0.05
    )
    assert found.mean == pytest.approx(found.sigma.mean(axis=0))


def test_a_whole_job_measures_the_noise_of_the_sky(rng: np.random.Generator) -> None:
    planes = np.linspace(0.05, 0.07, 600) + rng.normal(0, 3e-4, (1, 400, 600))
    planes[0, 100:104, 200:204] = 0.9
    report, findings = examined(planes.astype(np.float32), epochs=400, quantile=1)
    assert findings.noise.sigma == pytest.approx(
        np.full(findings.noise.sigma.shape, 3e-4), rel=0.08
    )
    median = np.median(findings.noise.mean)
    assert median == pytest.approx(3e-4, rel=0.03)
    assert words.number(median, 3) in Page(page.render(report, findings)).texts


def test_what_the_fit_does_not_use_counts_in_no_box(rng: np.random.Generator) -> None:
    shape = (240, 360)
    planes = 0.05 + rng.normal(0, 1e-3, (1, *shape))
    planes[:, :, 180:] += rng.normal(0.02, 1e-2, (1, 240, 180))
    image = image_of(planes.astype(np.float32))
    data = np.full((60, 90, 1), 0.5, np.float32)
    weight = np.ones_like(data)
    weight[:, 45:] = 0
    problem = Problem(data, weight, block_centres(240, 4), block_centres(360, 4), 2, 5.0)
    spline = Spline(np.full((1, 2), 0.5), np.zeros((1, 1)), np.array([[0.0], [0.0], [0.4]]), 2)
    flat = image_of(np.full((1, *shape), 0.05, np.float32))
    settings = Settings(downscaling_factor=4)
    sigma = examine(image, problem, spline, flat, settings).noise.sigma
    half = sigma.shape[2] // 2
    assert np.isnan(sigma[:, :, half:]).all()
    assert sigma[:, :, :half] == pytest.approx(np.full((1, 8, half), 1e-3), rel=0.12)


def test_even_noise_looks_even_and_the_numbers_are_in_the_boxes() -> None:
    sigma = np.linspace(2.98e-4, 3.02e-4, 12).reshape(1, 3, 4)
    found = Page(noise.figure(noise.Noise(sigma, (10.0, 10.0))))
    fills = [rect["fill"] for rect in found.all("rect")]
    assert len(fills) == 12
    shades = np.array([[int(f[i : i + 2], 16) for i in (1, 3, 5)] for f in fills if f])
    assert np.ptp(shades, axis=0).max() < 25
    assert found.texts.count("3.00") >= 2
    assert any("row 1, column 1: 2.98" in text for text in found.texts)


def test_a_box_of_no_noise_and_one_of_no_sky() -> None:
    for sigma in (np.zeros((1, 2, 2)), np.full((1, 2, 2), np.nan)):
        Page(noise.figure(noise.Noise(sigma, (10.0, 10.0))))


# Histograms, loss, pictures


def test_histograms_share_an_axis_and_count_everything_near_the_sky(
    rng: np.random.Generator,
) -> None:
    before = rng.normal(0.05, 0.002, (3, 100, 200))
    after = rng.normal(0.04, 0.001, (3, 100, 200))
    before[:, :10], after[:, :10] = np.nan, np.nan
    before[0, 50, :3] = 5.0
    found = histograms.measure(before, after, 1)
    low, high = found.edges[[0, -1]]
    assert 0.03 < low < 0.038
    assert 0.057 < high < 0.08
    assert found.counts["Before"].sum(axis=1).tolist() == [17_997, 18_000, 18_000]
    assert found.counts["After"].sum(axis=1).tolist() == [18_000] * 3
    assert found.medians["Before"] == pytest.approx([0.05] * 3, abs=1e-4)
    at = found.counts["After"][1].argmax()
    assert found.edges[at] == pytest.approx(0.04, abs=1e-3)
    curves = Page(histograms.figure(found)).all("polyline")
    assert [c["class"] for c in curves] == [f"curve {k}" for k in "rgb"] * 2


@pytest.mark.parametrize("value", [0.3, np.nan])
def test_a_flat_and_an_empty_image_have_histograms(value: float) -> None:
    planes = np.full((1, 5, 6), value)
    Page(histograms.figure(histograms.measure(planes, planes, 1)))


def test_the_loss_curve_has_the_history_of_the_report() -> None:
    history = [1.0, 0.25, -0.5, -0.75, -0.5]
    fit = {
        "history": history,
        "iterations": 401,
        "loss": -0.75,
        "first_loss": 1.0,
        "losses_of_starts": [-0.75, -0.7],
        "ended": "converged",
    }
    found = Page(loss.figure(fit))
    (curve,) = found.all("polyline")
    assert curve["points"] is not None
    x, y = np.array([p.split(",") for p in curve["points"].split()], float).T
    assert len(x) == 5
    assert np.diff(x) == pytest.approx([np.diff(x).mean()] * 4, rel=0.01)
    assert np.diff(y) / np.diff(history) == pytest.approx([(y[1] - y[0]) / -0.75] * 4, rel=0.01)
    assert ", ".join(map(words.number, fit["losses_of_starts"])) in " ".join(found.texts)


@pytest.mark.parametrize("history", [[0.5], [0.5, 0.5]])
def test_a_loss_that_never_moves_has_a_curve(history: list[float]) -> None:
    fit = {
        "history": history,
        "iterations": len(history),
        "loss": 0.5,
        "first_loss": 0.5,
        "losses_of_starts": [0.5],
        "ended": "converged",
    }
    Page(loss.figure(fit))


def test_the_pictures_share_one_contrast(rng: np.random.Generator) -> None:
    planes = rng.uniform(0.05, 0.1, (3, 90, 118)).astype(np.float32)
    image = image_of(planes)
    half = np.full((3, 90, 118), 0.02, np.float32)
    half[:, :, 59:] = 0.03
    correction = Correction(image, image_of(half), "subtract", np.full(3, 0.02))
    sky = SkyLevels.of(correction, np.full(3, 0.02))
    seen = views.look(views.together(correction), sky, 2)
    middle = seen.before.shape[1] // 2
    assert np.array_equal(seen.before[:, : middle - 20], seen.after[:, : middle - 20])
    right = np.s_[:, middle + 20 :]
    assert (seen.after[right].astype(int) <= seen.before[right]).all()
    assert seen.after[right].mean() < seen.before[right].mean() - 5
    assert seen.model.mean() < seen.before.mean()


@pytest.mark.parametrize(
    ("threads", "shape", "factor"),
    diagonal([1, 5], [(1, 7), (7, 1), (64, 50), (301, 2001)], [1, 3, 8]),
)
def test_means_of_blocks(
    rng: np.random.Generator, shape: tuple[int, int], factor: int, threads: int
) -> None:
    planes = rng.uniform(0.5, 1, (9, *shape)).astype(np.float32)
    planes[rng.uniform(size=planes.shape) < 0.4] = np.nan
    image = filling(Image(9, shape, lambda rows, out: planes[:, rows]))
    got = means.block_means(image, factor, threads)
    fy, fx = (min(factor, size) for size in shape)
    h, w = shape[0] // fy, shape[1] // fx
    blocks = planes[:, : h * fy, : w * fx].reshape(9, h, fy, w, fx).astype(np.float64)
    count = np.isfinite(blocks).sum(axis=(2, 4))
    total = np.nansum(blocks, axis=(2, 4))
    expected = np.where(2 * count >= fy * fx, total / np.maximum(count, 1), np.nan)
    assert np.allclose(got, expected, rtol=1e-5, equal_nan=True)


# Small parts


def test_what_a_template_is_given_is_escaped_once(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {
        "inner": '<b title="{{ text }}">{{ text }}</b>',
        "outer": "<p>{{ inner }}{{ more }}</p>",
    }
    environment = template._environment()
    monkeypatch.setattr(
        template, "_environment", lambda: environment.overlay(loader=DictLoader(texts))
    )
    inner = template.fill("inner", text=HOSTILE)
    assert template.fill("outer", inner=inner, more="&") == f"<p>{inner}&amp;</p>"
    (found,) = Page(inner).elements
    assert found == ("b", {"title": HOSTILE})
    assert Page(inner).texts == [HOSTILE]


def test_a_template_does_not_go_without_a_value() -> None:
    with pytest.raises(UndefinedError, match="'stretch' is undefined"):
        template.fill("views.html.j2", pictures=[], protected=(), shapes=())


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0"),
        (-2.5, f"{words.MINUS}2.5"),
        (3.0518e-7, f"3.052\N{NO-BREAK SPACE}{words.TIMES}\N{NO-BREAK SPACE}10⁻⁷"),
        (1.5e6, f"1.5\N{NO-BREAK SPACE}{words.TIMES}\N{NO-BREAK SPACE}10⁶"),
        (float("nan"), words.NONE),
        (float("-inf"), words.NONE),
        (None, words.NONE),
    ],
)
def test_numbers(value: float | None, shown: str) -> None:
    assert words.number(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(3.1, "3.10"), (12.0, "12.0"), (345.6, "346"), (0.05, "0.0500"), (0, "0")]
)
def test_three_digits(value: float, shown: str) -> None:
    assert words.significant(value) == shown


# A real browser


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
CLICKS = """
<script>
const shown = () => document.querySelector('input[name="view"]:checked').value;
const seen = () => [...document.querySelectorAll(".screen img")]
  .filter((image) => getComputedStyle(image).visibility === "visible")
  .map((image) => `${image.className}:${image.naturalWidth > 0}`).join();
const press = (key) => document.dispatchEvent(new KeyboardEvent("keydown", {key}));
const log = [shown(), seen()];
document.querySelector(".screen").click(); log.push(shown(), seen());
document.querySelector(".screen").click(); log.push(shown());
document.querySelector('label[for="view-model"]').click(); log.push(shown(), seen());
press("1"); log.push(shown());
press("B"); log.push(shown(), document.getElementById("blink").getAttribute("aria-pressed"));
press("b"); log.push(document.getElementById("blink").getAttribute("aria-pressed"));
document.getElementById("blink").click(); press("3");
log.push(shown(), document.getElementById("blink").getAttribute("aria-pressed"));
log.push(document.documentElement.scrollWidth <= innerWidth);
document.title = log.join(" ");
</script>
"""


def browse(path: Path, profile: Path) -> tuple[str, list[str]]:
    """The page as chromium has it in the end, and what it says on its console."""
    assert CHROMIUM
    quiet = ("background-networking", "component-update", "gpu", "quic", "sync")
    done = subprocess.run(
        [
            *(CHROMIUM, "--headless", "--no-sandbox", "--no-first-run", "--enable-logging=stderr"),
            *(f"--disable-{what}" for what in quiet),
            *(f"--user-data-dir={profile}", "--window-size=520,900", "--dump-dom", path.as_uri()),
        ],
        # It is not the browser that `sanitize.sh` looks at.
        env={name: value for name, value in os.environ.items() if name != "LD_PRELOAD"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")
def test_a_browser_has_nothing_to_complain_and_switches(file: Path, tmp_path: Path) -> None:
    fastbg.process_file(file, output_dir=tmp_path, report_dir=tmp_path, **QUICK)
    written = tmp_path / "sky_report.html"
    text = written.read_text(encoding="utf-8")
    dom, console = browse(written, tmp_path / "profile")
    assert console == []
    assert "<title>sky.xisf - fastbg</title>" in dom

    written.write_text(text.replace("</body>", CLICKS + "</body>"), encoding="utf-8")
    dom, console = browse(written, tmp_path / "profile")
    assert console == []
    title = re.search("<title>(.*)</title>", dom)
    assert title
    assert title[1].split() == [
        *("after", "after:true", "before", "before:true", "after"),
        *("model", "model:true", "before", "after", "true", "false", "after", "false", "true"),
    ]

    # The browser complains of this: the policy of the page forbids the network, and scripts fail.
    bad = '<img src="https://example.invalid/a.png"><script>nosuch()</script></body>'
    written.write_text(text.replace("</body>", bad), encoding="utf-8")
    _, console = browse(written, tmp_path / "profile")
    assert any("Content Security Policy" in line for line in console)
    assert any("nosuch is not defined" in line for line in console)


@pytest.mark.idle_settings
def test_without_a_descent_the_page_tells_none_of_its_settings(sky: np.ndarray) -> None:
    seen = {
        points: Page(page.render(*examined(sky, control_points=points, epochs=1000))).texts
        for points in (0, 9)
    }
    for name in ("stiffness", "learning rate", "loss"):
        assert name not in seen[0]
        assert name in seen[9]
    assert any("% of the usable frame lies on the fitted sky, which " in text for text in seen[0])


def test_a_gradient_that_cannot_be_measured_is_told_in_words(
    job: tuple[Any, html.Findings],
) -> None:
    report, findings = job
    unknown = {**report["diagnostics"], "gradient_before": [np.nan] * 3}
    seen = Page(page.render({**report, "diagnostics": unknown}, findings)).texts
    assert any("no gradient could be measured" in text for text in seen)
