"""The white of files that do not tell it: from their samples, and told."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from fastbg import InputError, Settings, SettingsError, apply_model, fit_file, process_file
from fastbg.cli.app import app
from fastbg.io import fits, formats, tiff, white, xisf
from fastbg.io.image_file import White
from fastbg.io.names import told_format
from fastbg.io.white import with_white
from fastbg.simulate import simulate_sky

UNDECLARED = ["a.fits", "a.fits.fz", "a.fits.gz", "a.tif", "a.xisf"]
QUICK = {"control_points": 9, "epochs": 5, "protect": "off"}


def write(path: Path, planes: np.ndarray, **more: object) -> Path:
    """Write (K, H, W), with no bounds declared."""
    kind, packing = told_format(path)
    if kind == "FITS":
        writer = fits.create(path, planes.shape, dtype=planes.dtype, packing=packing, **more)
    elif kind == "TIFF":
        writer = tiff.create(path, planes.shape, dtype=planes.dtype, **more)
    else:
        writer = xisf.create(path, planes.shape, dtype=planes.dtype, bounds=None, **more)
    with writer as target:
        target.write_rows(slice(None), planes)
    return path


def white_of(path: Path, given: float = 0.0) -> White:
    with formats.open_image(path) as file:
        white = with_white(file, given).white
    assert white is not None
    return white


@pytest.fixture
def sky(rng: np.random.Generator) -> np.ndarray:
    """(1, 130, 96) in [0, 1], with a gradient."""
    ramp = np.linspace(0.05, 0.08, 130)[:, np.newaxis]
    return (ramp + 0.002 * rng.standard_normal((130, 96))).astype(np.float32)[np.newaxis]


@pytest.mark.parametrize("name", UNDECLARED)
@pytest.mark.parametrize("row", [0, 63, 64, 65, 129])
@pytest.mark.parametrize("hot", [2.5, 30, 1e9, np.inf, np.nan, -1e9])
def test_a_hot_pixel_has_no_say_wherever_it_is(tmp_path, sky, name, row, hot):
    sky[0, row, 7] = hot
    assert white_of(write(tmp_path / name, sky)) == White(1.0, "guessed")


@pytest.mark.parametrize("name", UNDECLARED)
@pytest.mark.parametrize(
    ("scale", "white"),
    [
        (1, 1),
        (0.005, 1),  # a starless narrow band: up to 0.0004
        (20, 1),  # overexposed
        (65535, 65535),
        (500, 65535),  # a dark sky in counts
        (1e6, 65535),
        (3e7, 2.0**26),  # 2.6e6 < 2**22, and 4 more
        (1e-16, 2.0**-52),  # 8.6e-18 < 2**-56, and 4 more
    ],
)
def test_one_rule_for_all_formats(tmp_path, sky, name, scale, white):
    sky = (sky * np.float32(scale)).astype(np.float32)
    assert white_of(write(tmp_path / name, sky)) == White(white, "guessed")


@pytest.mark.parametrize("dtype", ["f4", "f8", "i2", "i4"])
@pytest.mark.parametrize("name", ["a.fits", "a.tif"])
def test_every_type_that_tells_no_white_is_asked(tmp_path, sky, dtype, name):
    path = write(tmp_path / name, (20000 * sky).astype(dtype))
    assert white_of(path) == White(65535.0, "guessed")


@pytest.mark.parametrize(
    "values", [np.zeros(40), -np.ones(40), np.full(40, np.nan), np.full(40, np.inf)], ids=str
)
def test_an_image_without_positive_samples_is_taken_as_it_is(tmp_path, values):
    path = write(tmp_path / "a.fits", values.reshape(1, 4, 10))
    assert white_of(path) == White(1.0, "guessed")


@given(st.integers(0, 99), st.integers(-40, 40), st.integers(0, 2))
def test_the_rule_knows_no_places_and_no_outliers(tmp_path_factory, seed, power, outliers):
    rng = np.random.default_rng(seed)
    samples = np.sort(np.ldexp(rng.lognormal(0, 1, 2000), power))
    brightest = samples[-3]  # of 2000 samples, 2 have no say
    samples[2000 - outliers :] = 1e30
    path = tmp_path_factory.mktemp("white") / "a.fits"
    found = white_of(write(path, rng.permutation(samples).reshape(1, 50, 40)))
    if 2.0**-16 <= brightest < 2:
        assert found.value == 1
    elif 2 <= brightest < 2.0**17:
        assert found.value == 65535
    else:
        assert 8 * brightest < found.value <= 32 * brightest
        assert np.frexp(found.value)[0] == 0.5


def test_who_tells_the_white(tmp_path, sky):
    counts = (65535 * sky).astype(np.uint16)
    for name in ("a.fits", "a.tif", "a.xisf"):
        path = write(tmp_path / name, counts)
        assert white_of(path) == White(65535.0, "type")
        assert white_of(path, 4095) == White(4095.0, "given")
    with xisf.create(tmp_path / "b.xisf", sky.shape, bounds=(-2, 100)) as target:
        target.write_rows(slice(None), sky)
    assert white_of(tmp_path / "b.xisf") == White(100.0, "declared")
    with formats.open_image(tmp_path / "b.xisf") as file:
        assert with_white(file, 7).bounds == (-2, 7)
        with pytest.raises(InputError, match="black"):
            with_white(file.__class__(**{**vars(file), "bounds": (5.0, 9.0)}), 3)
    with pytest.raises(SettingsError, match="white must lie"):
        Settings(white=-1)


@pytest.mark.parametrize("name", ["a.fits", "a.fits.fz", "a.tif"])
@pytest.mark.parametrize("row", [64, 65])
def test_outputs_of_other_formats_keep_their_scale_beside_a_hot_pixel(tmp_path, sky, name, row):
    sky[0, row, 7] = 30
    path = write(tmp_path / name, sky)
    report = process_file(path, output=tmp_path / "o.xisf", output_dir=tmp_path, **QUICK).report
    assert report["image"]["white"] == {"value": 1.0, "how": "guessed"}
    with formats.open_image(tmp_path / "o.xisf") as file:
        after = file.to_array()[..., 0]
        history = [line.comment for line in file.header.keywords if line.name == "HISTORY"]
    assert np.median(after) == pytest.approx(np.median(sky), rel=0.05)
    assert "white 1 (guessed)" in " ".join(history)


@pytest.mark.parametrize("name", ["a.fits", "a.tif"])
def test_floats_in_counts_stay_counts_in_their_own_format(tmp_path, sky, name):
    path = write(tmp_path / name, 20000 * sky)
    other = tmp_path / "o.xisf"
    process_file(path, output_dir=tmp_path, **QUICK)
    report = process_file(path, output=other, output_dir=tmp_path, overwrite=True, **QUICK).report
    assert not [line for line in report["warnings"] if "white" in line]
    suffix = path.suffix
    with formats.open_image(tmp_path / f"a_bgSubtracted{suffix}") as own:
        own = own.to_array()
    with formats.open_image(other) as file:
        assert file.bounds == (0, 1)
        scaled = file.to_array()
    assert np.median(own) == pytest.approx(20000 * np.median(sky), rel=0.05)
    assert own == pytest.approx(65535 * scaled, rel=1e-5, abs=0.01)


def test_an_unknown_unit_is_warned_of_and_can_be_given(tmp_path, sky):
    path = write(tmp_path / "a.fits", (1e-16 * sky).astype(np.float32))
    output = {"output": tmp_path / "o.xisf", "output_dir": tmp_path, "overwrite": True}
    report = process_file(path, **output, **QUICK).report
    assert [line for line in report["warnings"] if "does not tell its white" in line]
    result = process_file(path, white=1e-16, **output, **QUICK)
    assert result.report["image"]["white"] == {"value": 1e-16, "how": "given"}
    assert not [line for line in result.report["warnings"] if "white" in line]
    with formats.open_image(tmp_path / "o.xisf") as file:
        assert np.median(file.to_array()) == pytest.approx(np.median(sky), rel=0.05)
    model = fit_file(path, tmp_path / "m.json", white=1e-16, **QUICK).model
    report = apply_model(model, path, white=1e-16, **output)
    assert report["image"]["white"] == {"value": 1e-16, "how": "given"}
    assert report["statistics"]["input"]["median"] == pytest.approx([np.median(sky)], rel=1e-5)


def test_the_command_line_takes_a_white(tmp_path):
    image = np.moveaxis(simulate_sky((40, 60), np.random.default_rng(3)).image, 2, 0)
    path = write(tmp_path / "a.fits", (100 * image).astype(np.float32))
    arguments = ["run", path, tmp_path / "out", "--white", "100", "--json"]
    done = CliRunner().invoke(app, [*map(str, arguments)], prog_name="fastbg")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["image"]["white"] == {"value": 100.0, "how": "given"}
    assert report["settings"]["white"] == 100


def _same_in_some_rows(path, monkeypatch):
    """The white of a file, which some rows tell, or the same as all samples do."""
    expected = white_of(path)
    monkeypatch.setattr(white, "LARGE", 1)
    assert white_of(path) == expected
    return expected.value


@pytest.mark.parametrize("part", [0, 1e-4, 9e-4, 1.1e-3, 0.01, 1])
def test_some_rows_of_a_large_image_tell_what_all_samples_do(tmp_path, rng, monkeypatch, part):
    planes = np.where(rng.random((1, 600, 600)) < part, 3e4, 0.1).astype(np.float32)
    _same_in_some_rows(write(tmp_path / "a.fits", planes), monkeypatch)


@pytest.mark.parametrize("unit", [1e-8, 1e7])
def test_some_rows_tell_that_an_unknown_unit_needs_all_samples(tmp_path, rng, monkeypatch, unit):
    """Samples from a hundredth to a hundred times the unit."""
    planes = (unit * 10.0 ** rng.uniform(-2, 2, (1, 600, 600))).astype(np.float32)
    high = _same_in_some_rows(write(tmp_path / "a.fits", planes), monkeypatch)
    assert 800 * unit < high < 3200 * unit


def test_all_samples_are_asked_where_some_rows_are_not_clear(tmp_path, monkeypatch):
    """A pixel in each of those rows, and in no other: .0001 of all samples, .0017 of those."""
    planes = np.full((1, 600, 600), 0.1, np.float32)
    planes[:, white.APART // 2 :: white.APART, 7] = 3e4
    assert _same_in_some_rows(write(tmp_path / "a.fits", planes), monkeypatch) == 1


def test_a_bad_row_among_those_rows_does_not_tell_the_white(tmp_path, monkeypatch):
    planes = np.full((1, 2000, 100), 0.1, np.float32)
    planes[:, white.APART // 2] = 3e4
    assert _same_in_some_rows(write(tmp_path / "a.fits", planes), monkeypatch) == 1


def test_a_small_part_of_a_frame_that_is_mostly_empty_does_not_tell_the_white(
    tmp_path, monkeypatch
):
    """Dark samples in one of those rows, and counts in rows between them."""
    planes = np.zeros((1, 600, 600), np.float32)
    planes[:, white.APART // 2] = 0.1
    planes[:, white.APART // 2 + 1] = 3e4
    assert _same_in_some_rows(write(tmp_path / "a.fits", planes), monkeypatch) == 65535


@pytest.mark.parametrize("height", [1, 8, 9, 30])
def test_the_white_of_a_large_image_of_few_rows(tmp_path, monkeypatch, height):
    planes = np.full((1, height, 600), 3e4, np.float32)
    planes[:, white.APART // 2 : white.APART // 2 + 1] = 0.1
    high = _same_in_some_rows(write(tmp_path / "a.fits", planes), monkeypatch)
    assert high == 65535
