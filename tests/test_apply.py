"""Fitted once, applied to many: the same background, brought to the level of each file."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits as astropy_fits
from cases import diagonal
from typer.testing import CliRunner

from fastbg import BackgroundModel, apply_model, fit_file, process_file
from fastbg.backends.registry import choose
from fastbg.cli.app import app
from fastbg.errors import InputError, OutputError
from fastbg.image.image import Image
from fastbg.io import xisf
from fastbg.model.rescale import rescaled
from fastbg.simulate import simulate_sky

OPTIONS = {"control_points": 9, "initializer": "grid", "downscaling_factor": 4, "epochs": 100}
SHAPE = (160, 240)


@pytest.fixture
def sky(tmp_path):
    path = tmp_path / "sky.xisf"
    xisf.write(path, simulate_sky(SHAPE, np.random.default_rng(1), border=0.1).image)
    return path


@pytest.fixture
def model(tmp_path, sky):
    return fit_file(sky, tmp_path / "model.json", **OPTIONS).model


def pixels(path):
    return xisf.read(path).to_array()


@pytest.mark.parametrize(
    "options", [{}, {"mode": "divide", "strength": 0.4}, {"pedestal": "ancestor"}]
)
@pytest.mark.parametrize("sample_format", ["float32", "same"])
def test_what_is_fitted_and_applied_is_what_is_run(tmp_path, sky, model, options, sample_format):
    options |= {"sample_format": sample_format}
    process_file(sky, output_dir=tmp_path, **OPTIONS, **options)
    report = apply_model(
        tmp_path / "model.json",
        sky,
        output=tmp_path / "applied.xisf",
        model_output=tmp_path / "background.xisf",
        **options,
    )
    applied, background = pixels(tmp_path / "applied.xisf"), pixels(tmp_path / "background.xisf")
    np.testing.assert_array_equal(applied, pixels(tmp_path / "sky_bgSubtracted.xisf"))
    np.testing.assert_array_equal(background, pixels(tmp_path / "sky_bgModel.xisf"))
    assert report["model"]["scale"] == [1, 1, 1]
    assert report["outputs"].keys() == {"corrected", "background"}
    said = [item.comment for item in xisf.read(tmp_path / "applied.xisf").header.keywords]
    assert any("model.json" in line for line in said)


def test_a_model_in_memory_leaves_no_other_file(tmp_path, sky, model):
    before = {*tmp_path.iterdir()}
    apply_model(model, sky, output_dir=tmp_path)
    assert {*tmp_path.iterdir()} - before == {tmp_path / "sky_bgSubtracted.xisf"}


@pytest.mark.parametrize("scale", [0.3, 1.0, 4.0])
def test_the_level_of_another_file_is_found(model, scale):
    rng = np.random.default_rng(3)
    shift = np.array([0.02, -0.01, 0.0])
    sky = scale * model.render() + shift
    stars = (rng.random(SHAPE) < 0.1)[..., np.newaxis] * rng.random((*SHAPE, 3))
    image = Image.from_samples((sky + rng.normal(0, 3e-4, sky.shape) + stars).astype(np.float32))
    matched, found = rescaled(model, image, choose("auto"))
    assert found == pytest.approx(scale, rel=0.03)
    error = matched.render() - sky
    assert np.abs(error).max() < 0.05 * np.ptp(sky)


def test_the_level_does_not_depend_on_the_size_of_the_file(model):
    binned = model.render((SHAPE[0] // 2, SHAPE[1] // 2))
    matched, found = rescaled(model, Image.from_samples(2 * binned), choose("auto"))
    assert found == pytest.approx(2, rel=1e-3)
    assert matched.render(binned.shape[:2]) == pytest.approx(2 * binned, rel=1e-3)


def test_a_gradient_that_the_file_contradicts_is_only_shifted(model):
    image = Image.from_samples((1 - model.render()).astype(np.float32))
    matched, found = rescaled(model, image, choose("auto"))
    assert found.tolist() == [1, 1, 1]
    assert np.median(matched.render()) == pytest.approx(np.median(image.planes()), abs=0.02)


def test_rescaling_flattens_a_brighter_frame(tmp_path, model):
    sky = 3 * model.render() + 0.01
    noise = np.random.default_rng(4).normal(0, 3e-4, sky.shape)
    xisf.write(tmp_path / "bright.xisf", sky + noise)
    left = {}
    for rescale in (False, True):
        output = tmp_path / f"{rescale}.xisf"
        apply_model(model, tmp_path / "bright.xisf", output=output, rescale=rescale)
        left[rescale] = (pixels(output) - noise).std(axis=(0, 1)) / sky.std(axis=(0, 1))
    assert left[False].min() > 0.6
    assert left[True].max() < 0.02


def test_what_does_not_fit_is_refused(tmp_path, sky, model):
    xisf.write(tmp_path / "mono.xisf", np.full((20, 30, 1), 0.1, np.float32))
    with pytest.raises(InputError, match=r"mono.xisf has 1 channel and the model 3"):
        apply_model(model, tmp_path / "mono.xisf", output_dir=tmp_path)
    xisf.write(tmp_path / "empty.xisf", np.zeros((20, 30, 3), np.float32))
    with pytest.raises(InputError, match="every sample is missing"):
        apply_model(model, tmp_path / "empty.xisf", output_dir=tmp_path)
    with pytest.raises(InputError, match=r"no background model|not JSON"):
        apply_model(sky, sky, output_dir=tmp_path)
    with pytest.raises(OutputError, match=r"end it in \.json"):
        fit_file(sky, tmp_path / "model.txt", **OPTIONS)
    assert not [*tmp_path.glob("*_bgSubtracted.xisf")]


PEDESTALS = ["model-median", "neutral", "none", "bgoptimizer", 0.25]


@pytest.mark.parametrize(
    ("rescale", "mode", "pedestal"), diagonal([False, True], ["divide", "subtract"], PEDESTALS)
)
def test_an_empty_channel_stays_and_does_not_spoil_the_others(
    tmp_path, sky, model, pedestal, mode, rescale
):
    if (mode, pedestal) == ("divide", "bgoptimizer"):
        pytest.skip("this pedestal belongs to subtraction")
    full = pixels(sky)
    image = full.copy()
    image[..., 1] = 0
    image[:5, :, 1] = np.nan
    xisf.write(tmp_path / "empty.xisf", image)
    options = {"rescale": rescale, "mode": mode, "pedestal": pedestal}
    report = apply_model(
        model,
        tmp_path / "empty.xisf",
        output=tmp_path / "a.xisf",
        model_output=tmp_path / "m.xisf",
        **options,
    )
    found = pixels(tmp_path / "a.xisf")
    assert found[..., 1].tobytes() == image[..., 1].tobytes()
    assert np.isfinite(found[..., [0, 2]]).all()
    assert np.isfinite(pixels(tmp_path / "m.xisf")).all()
    assert any("channel 2 has no valid sample and stays" in line for line in report["warnings"])
    assert np.isfinite(report["pedestal"]).all()
    if pedestal == "neutral":
        medians = report["statistics"]["background"]["median"]
        assert report["pedestal"] == [np.mean([medians[0], medians[2]])] * 3
    else:
        # As beside a channel that is not empty.
        apply_model(model, sky, output=tmp_path / "b.xisf", **options)
        expected = pixels(tmp_path / "b.xisf")
        assert found[..., [0, 2]].tobytes() == expected[..., [0, 2]].tobytes()


def test_other_proportions_are_told(tmp_path, sky, model):
    wide = replace(model, shape=(100, 400))
    report = apply_model(wide, sky, output_dir=tmp_path)
    assert any("of other proportions" in line for line in report["warnings"])


def test_the_command_does_what_it_can_and_names_the_rest(tmp_path, sky, model):
    (tmp_path / "broken.xisf").write_bytes(b"XISF0100")
    names = ["broken.xisf", "sky.xisf", "missing.xisf"]
    arguments = ["apply", str(tmp_path / "model.json"), *(str(tmp_path / name) for name in names)]
    done = CliRunner().invoke(app, [*arguments, "-o", str(tmp_path / "out"), "--json"])
    assert done.exit_code == 2
    assert [line.split(" ")[1].split("/")[-1] for line in done.stderr.splitlines()] == [
        "broken.xisf",
        "missing.xisf",
    ]
    [report] = json.loads(done.stdout)
    assert report["input"].endswith("sky.xisf")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["sky_bgSubtracted.xisf"]


def test_the_command_fit_names_its_output(tmp_path, sky, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["fit", "sky.xisf", "-N", "9", "-e", "5", "-dx", "4", "-q"])
    assert (done.exit_code, done.stdout) == (0, "")
    assert BackgroundModel.load("sky_model.json").shape == SHAPE


def test_the_command_applies_a_mono_model_to_a_mosaic(tmp_path, monkeypatch, rng):
    monkeypatch.chdir(tmp_path)
    mosaic = astropy_fits.PrimaryHDU(rng.integers(900, 1100, (80, 120), np.uint16))
    mosaic.header["BAYERPAT"] = "RGGB"
    mosaic.writeto("raw.fit")

    def command(*arguments):
        return CliRunner().invoke(app, [*arguments, "-q"])

    assert (
        command("fit", "raw.fit", "-dx", "4", "-N", "4", "-e", "5", "--cfa", "off").exit_code == 0
    )
    refused = command("apply", "raw_model.json", "raw.fit", "-o", "colours")
    assert refused.exit_code == 2
    assert "has 3 channels and the model 1: turn the filter array off, or" in refused.stderr
    assert command("apply", "raw_model.json", "raw.fit", "--cfa", "off").exit_code == 0
    assert (tmp_path / "raw_bgSubtracted.fit").exists()


def test_the_command_takes_folders_keeps_them_and_leaves_out_what_fastbg_wrote(
    tmp_path, sky, model, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for night in ("n1", "n2"):
        Path(night).mkdir()
        shutil.copy(sky, Path(night, "L.xisf"))
    apply_model(model, sky, output_dir="n1", model_output="n1/sky_bgModel.xisf")
    command = ["apply", "model.json", "n1", "n2", "-o", "out", "--keep-tree"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.stderr
    written = {str(path.relative_to("out")) for path in Path("out").rglob("*.*")}
    assert written == {str(Path(night, "L_bgSubtracted.xisf")) for night in ("n1", "n2")}
    for name in ("sky_bgSubtracted", "sky_bgModel"):
        assert f"{name}.xisf is left out, since fastbg wrote it: add --again" in done.stderr
    again = CliRunner().invoke(app, [*command, "--again", "--overwrite", "--json"])
    reports = {report["input"]: report["warnings"] for report in json.loads(again.stdout)}
    assert len(reports) == 4
    corrected = reports[str(Path("n1", "sky_bgSubtracted.xisf"))]
    assert any("was removed before" in line for line in corrected)
    events = CliRunner().invoke(app, [*command, "--overwrite", "--events"])
    told = [json.loads(line) for line in events.stdout.splitlines()]
    assert len([each for each in told if each["event"] == "left_out"]) == 2
    alone = CliRunner().invoke(app, ["apply", "model.json", "n1/sky_bgModel.xisf"])
    assert (alone.exit_code, alone.stdout) == (2, "")
    assert "add --again" in alone.stderr


def test_the_command_refuses_two_files_with_outputs_of_one_name(tmp_path, sky, model):
    inputs = [tmp_path / night / "L.xisf" for night in ("n1", "n2")]
    for path in inputs:
        path.parent.mkdir()
        shutil.copy(sky, path)
    out = tmp_path / "out"
    command = ["apply", "--overwrite", str(tmp_path / "model.json")]
    done = CliRunner().invoke(app, [*command, *map(str, inputs), "-o", str(out)])
    assert (done.exit_code, out.exists()) == (2, False)
    assert all(str(path) in done.stderr for path in inputs)
    assert "outputs of the same name" in done.stderr
    # One file that is given twice, and one of another format, are no clash.
    again = tmp_path / "n2" / ".." / "n1" / "L.xisf"
    planes = xisf.read(sky).to_array().transpose(2, 0, 1)
    astropy_fits.PrimaryHDU(planes).writeto(tmp_path / "L.fits")
    given = [str(inputs[0]), str(again), str(tmp_path / "L.fits")]
    done = CliRunner().invoke(app, [*command[::2], *given, "-o", str(out), "-q"])
    assert (done.exit_code, done.stderr) == (0, "")
    assert {path.name for path in out.iterdir()} == {
        "L_bgSubtracted.xisf",
        "L_bgSubtracted.fits",
    }
