"""fastbg-graxpert: calls as programs make them of GraXpert, and what these look for afterwards."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from astropy.io import fits

from fastbg import FastbgError, Settings, process_file
from fastbg.cli.graxpert import (
    SAMPLE_FREE,
    Percentages,
    level,
    outputs,
    protection,
    run,
    through_samples,
)
from fastbg.errors import InputError, OutputError
from fastbg.io import formats, xisf
from fastbg.progress import Progress
from fastbg.simulate import simulate_sky

SHAPE = (96, 128)
COMMAND = ("-cmd", "background-extraction")


def planes(path: Path) -> np.ndarray:
    """(K, H, W) of a file, in the order in which it is stored."""
    with formats.open_image(path) as image:
        image.load()
        return image.read_rows(slice(0, image.shape[1]))


@pytest.fixture(scope="module")
def sky() -> np.ndarray:
    """(H, W, 3) float32 in [0, 1]: a sky of another level in each channel."""
    image = simulate_sky(SHAPE, np.random.default_rng(3)).image
    colour = np.array([1.0, 1.3, 0.8], np.float32)
    return (image[..., :1] * colour).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path, sky: np.ndarray) -> Path:
    """The same image in each format, below a folder that is not the current one."""
    folder = tmp_path / "images"
    folder.mkdir()
    xisf.write(folder / "in.xisf", sky)
    fits.writeto(folder / "in.fits", np.moveaxis(sky, 2, 0))
    tifffile.imwrite(folder / "in.tif", np.round(65535 * sky).astype(np.uint16))
    return folder


# Calls, and where they were read; IN and OUT are paths in the folder of the image.
CALLS: dict[str, tuple[str, list[str]]] = {
    "{IN}.tif -cli": ("the README of GraXpert", ["in_GraXpert.fits"]),
    "-cmd background-extraction {IN}.tif -cli -gpu true -smoothing 0.10": (
        "SetiAstro Suite Pro",
        ["in_GraXpert.fits"],
    ),
    "-cmd background-extraction {IN}.tif -cli -smoothing 0.1 -gpu true": (
        "SetiAstro Suite 2",
        ["in_GraXpert.fits"],
    ),
    "-cmd background-extraction -output {OUT} {IN}.fits": ("starbash", ["out.fits"]),
    "{IN}.xisf -cli -cmd background-extraction -correction Subtraction -smoothing 0 -output BASE "
    "-bg": ("PixInsight scripts", ["BASE.xisf", "BASE_background.xisf"]),
    "{IN}.fits -cmd background-extraction -output {OUT}.fits -gpu false": (
        "a pipeline in Go, which looks for the very name that it gives",
        ["out.fits"],
    ),
    "-cmd background-extraction {IN}.fits -output {OUT} -gpu false": (
        "a pipeline in Python that gives an absolute name",
        ["out.fits"],
    ),
    "{IN}.fits -cli -cmd background-extraction -ai_version -smoothing 0.5 -output temp": (
        "a script for Siril, with an -ai_version that has no value",
        ["temp.fits"],
    ),
    "-cli -cmd background-extraction -gpu false -smoothing 0.0 -correction Division -output {OUT} "
    "{IN}.fits": ("a pipeline that gives the file last", ["out.fits"]),
    "{IN}.fits -cli -correction Subtraction -smoothing 0.1 -bg -gpu true --command "
    "background-extraction": (
        "a pipeline with the long name",
        ["in_GraXpert.fits", "in_GraXpert_background.fits"],
    ),
    "-cli -cmd background-extraction -correction Subtraction -smoothing 0.500000 -gpu false "
    "-ai_version 1.0.1 -bg -output {OUT} {IN}.fits": (
        "Siril 1.4.0-beta1",
        ["out.fits", "out_background.fits"],
    ),
    "{IN}.xisf -cli -interpolation sample_free -sample_free_scale 5 -sample_free_smoothness 0 "
    "-sample_free_protect false -sample_free_protect_threshold 0.05 -sample_free_protect_amount 0 "
    "-sample_free_simplified false -sample_free_downsample 1 -sample_free_degree 2 -correction "
    "Subtraction": ("GraXpert 4 from PixInsight", ["in_GraXpert.xisf"]),
}


# With one hyphen and with two, of which the longest call has most options.
HYPHENS = [
    pytest.param(hyphens, call, marks=pytest.mark.slow if slow else ())
    for call in CALLS
    for hyphens, slow in {"-": False, "--": call != max(CALLS, key=len)}.items()
]


@pytest.mark.parametrize(("hyphens", "call"), HYPHENS)
def test_calls_as_they_are_made(
    hyphens: str, call: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, expected = CALLS[call]
    before = {path.name for path in folder.iterdir()}
    paths = {"IN": folder / "in", "OUT": folder / "out"}
    words = [re.sub("^-(?=[a-z])", hyphens, word) for word in call.split()]
    run([word.format(**paths) for word in words])
    assert {path.name for path in folder.iterdir()} - before == {*expected}
    for name in expected:
        assert planes(folder / name).dtype == np.float32
        assert planes(folder / name).shape == (3, *SHAPE)
    printed = capsys.readouterr().out
    for name in expected:
        assert f"saved {folder / name}\n" in printed


def test_the_program_answers_under_another_name(folder: Path) -> None:
    """As a link or a renamed file: by a process, with the names that the caller gives."""
    program = folder / "GraXpert"
    program.write_text("from fastbg.cli import main_graxpert\nmain_graxpert()\n")

    def graxpert(*arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(program), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, **more)

    done = graxpert(*COMMAND, "in.tif", "-cli", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert (folder / "in_GraXpert.fits").exists()
    refused = graxpert("in.tif", "-algorithm", "RBF", cwd=folder)
    assert refused.returncode == 2
    assert refused.stderr == "fastbg: unknown option -algorithm; see GraXpert -h\n"


def test_the_program_is_installed() -> None:
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    module, _, name = tomllib.loads(text)["project"]["scripts"]["fastbg-graxpert"].partition(":")
    assert callable(getattr(import_module(module), name))


@pytest.mark.parametrize("asked", ["-v", "--version"])
def test_the_version_has_the_shape_that_callers_match(
    asked: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        run([asked])
    assert not end.value.code
    printed = capsys.readouterr().out
    # Siril takes what stands between "version: " and the next space; others match the whole line.
    assert printed.partition("version: ")[2].partition(" ")[0] == "3.0.2"
    assert re.fullmatch(r"GraXpert version: \d+\.\d+\.\d+ release: fastbg \S+ .+\n", printed)


def test_the_help_lists_no_models(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        run([*COMMAND, "--help"], "GraXpert")
    assert not end.value.code
    printed = " ".join(capsys.readouterr().out.split())
    assert printed.startswith("usage: GraXpert ")
    assert "available locally: [], available remotely: []" in printed


@pytest.mark.parametrize(
    ("source", "base", "expected"),
    [
        ("a/in.fits", None, "a/in_GraXpert.fits"),
        ("a/in.FIT", None, "a/in_GraXpert.fits"),
        ("a/in.fits.fz", None, "a/in_GraXpert.fits"),
        ("a/in.2024.tiff", None, "a/in.2024_GraXpert.fits"),
        ("a/in.XISF", None, "a/in_GraXpert.xisf"),
        ("a/in.fits", "out", "a/out.fits"),
        ("a/in.fits", "out.fits", "a/out.fits"),
        ("a/in.fits", "out.fits.fits", "a/out.fits.fits"),
        ("a/in.fits", "out.xisf", "a/out.fits"),
        ("a/in.xisf", "out.fit", "a/out.xisf"),
        ("a/in.tif", "out.2024", "a/out.2024.fits"),
        ("a/in.tif", "b/out", "a/b/out.fits"),
        ("a/in.tif", "/b/out", "/b/out.fits"),
        ("in.tif", "../out", "../out.fits"),
    ],
)
def test_names_of_outputs(source: str, base: str | None, expected: str) -> None:
    output, background = outputs(Path(source), base)
    assert output == Path(expected)
    assert background == Path(expected).with_stem(f"{Path(expected).stem}_background")


def test_an_output_is_replaced_and_the_input_never(folder: Path) -> None:
    source = folder / "in.fits"
    before = source.read_bytes()
    with pytest.raises(OutputError, match="also an input"):
        run([str(source), "-output", "in"])
    assert source.read_bytes() == before
    (folder / "in_GraXpert.fits").write_bytes(b"old")
    run([str(source)])
    assert planes(folder / "in_GraXpert.fits").shape == (3, *SHAPE)


def test_percentages_grow_to_100(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run([str(folder / "in.fits"), "-smoothing", "1"])
    printed = capsys.readouterr().out
    told = [int(each) for each in re.findall(r"(\d+)\s?%", printed)]
    assert told == [int(each) for each in re.findall(r"^Progress: (\d+) %$", printed, re.MULTILINE)]
    assert told == sorted({*told})
    assert len(told) > 4
    assert told[-1] == 100


def test_an_early_end_of_a_stage_takes_nothing_back(capsys: pytest.CaptureFixture[str]) -> None:
    show = Percentages()
    for stage, done, total in [
        ("read", 1, 1),
        ("prepare", 1, 1),
        ("fit", 3, 1000),
        ("protect", 2, 30),
        ("of another job", 1, 1),
        ("write", 1, 1),
    ]:
        show(Progress(stage, done, total))
    told = [int(each) for each in re.findall(r"(\d+) %", capsys.readouterr().out)]
    assert told == sorted({*told})
    assert told[-1] < 100


@pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")
def test_the_job_goes_on_where_nobody_reads(folder: Path) -> None:
    program = f"{sys.executable} -P -c 'from fastbg.cli import main_graxpert as m; m()'"
    subprocess.run(f"{program} {folder}/in.fits | true", shell=True, check=True)
    assert (folder / "in_GraXpert.fits").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("-cmd denoising -strength 0.8 -output out in.fits -cli", "^denoising is no command"),
        ("in.fits -cli -cmd deconv-obj -psfsize 3", "^deconv-obj is no command"),
        ("in.fits -cli -cmd deconv-stellar", "^deconv-stellar is no command"),
        ("in.fits -cli -strength 0.8", "^unknown option -strength"),
        ("in.fits more.fits", "^unknown argument more.fits"),
        ("-cli", "FILE"),
        ("in.fits -smoothing 1.5", "does not lie in 0..1"),
        ("in.fits -smoothing nan", "does not lie in 0..1"),
        ("in.fits -smoothing much", "much"),
        ("in.fits -correction Addition", "Addition"),
        ("in.fits -interpolation Cubic", "Cubic is none of AI, RBF"),
        ("in.fits -gpu maybe", "maybe"),
        ("in.fits -preferences_file nix.json", "nix.json is not a file"),
        ("nix.fits", "nix.fits does not exist"),
    ],
)
def test_what_it_cannot_do_is_refused_in_one_line(
    arguments: str, message: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    before = sorted(folder.iterdir())
    with pytest.raises(FastbgError, match=message) as error:
        run(arguments.split())
    assert "\n" not in str(error.value)
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is no JSON"),
        ("[]", "holds no preferences"),
        ('{"smoothing_option": 7}', "7 does not lie in 0..1"),
        ('{"corr_type": "Addition"}', "Addition"),
        ('{"interpol_type_option": "RBF", "background_points": [[1]]}', "background points"),
        ('{"interpol_type_option": "RBF", "background_points": [["a", 1]]}', "background points"),
        (
            '{"interpol_type_option": "RBF", "background_points": [[999, 1]]}',
            "lie outside",
        ),
    ],
)
def test_bad_preferences(content: str, message: str, folder: Path) -> None:
    (folder / "p.json").write_text(content)
    with pytest.raises(InputError, match=message):
        run([str(folder / "in.fits"), "-preferences_file", str(folder / "p.json")])


def test_options_without_effect_are_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["gpu", "ai_version", *(f"sample_free_{name}" for name in SAMPLE_FREE)]
    given = [word for name in names for word in (f"-{name}", "true")]
    run([str(folder / "in.fits"), *given])
    told = ", ".join(f"-{name}" for name in names)
    assert f"without effect in fastbg: {told}\n" in capsys.readouterr().out


def test_subtraction_leaves_a_grey_sky_and_division_the_colours(
    folder: Path, sky: np.ndarray
) -> None:
    run([str(folder / "in.fits")])
    grey = np.median(planes(folder / "in_GraXpert.fits"), axis=(1, 2))
    assert np.ptp(grey) < 0.01 * grey.mean()
    run([str(folder / "in.fits"), "-correction", "Division"])
    divided = np.median(planes(folder / "in_GraXpert.fits"), axis=(1, 2))
    np.testing.assert_allclose(divided, np.median(sky, axis=(0, 1)), rtol=0.02)


def test_a_job_is_that_of_the_library(folder: Path, tmp_path: Path) -> None:
    run([str(folder / "in.fits"), "-smoothing", "0.5", "-bg"])
    process_file(
        folder / "in.fits",
        output=tmp_path / "corrected.fits",
        model_output=tmp_path / "background.fits",
        protect="strong",
        pedestal="neutral",
    )
    for name, other in {
        "in_GraXpert.fits": "corrected.fits",
        "in_GraXpert_background.fits": "background.fits",
    }.items():
        np.testing.assert_array_equal(planes(folder / name), planes(tmp_path / other))


def test_a_tiff_becomes_fits_from_its_first_row_on(folder: Path, sky: np.ndarray) -> None:
    run([str(folder / "in.tif"), "-bg"])
    whole = planes(folder / "in_GraXpert.fits") + planes(folder / "in_GraXpert_background.fits")
    offset = whole - np.moveaxis(sky, 2, 0)
    # What was added to each channel is one number.
    assert np.ptp(offset, axis=(1, 2)).max() < 1e-4


@pytest.mark.parametrize("kind", [np.uint16, np.float32])
def test_a_fits_of_counts_becomes_one_in_0_to_1(
    kind: type, tmp_path: Path, sky: np.ndarray
) -> None:
    """As from GraXpert; callers clip what they read to that range."""
    fits.writeto(tmp_path / "in.fits", np.round(65535 * np.moveaxis(sky, 2, 0)).astype(kind))
    run([str(tmp_path / "in.fits"), "-bg"])
    for name in ("in_GraXpert.fits", "in_GraXpert_background.fits"):
        data, header = fits.getdata(tmp_path / name, header=True)
        assert data.dtype.name == "float32"
        assert "BZERO" not in header
        assert 0 < np.median(data) < 1
        assert abs(np.median(data) - np.median(sky)) < 0.05


def bending(background: np.ndarray) -> float:
    """How far a background is from a plane, (K, H, W), in parts of its level."""
    _, height, width = background.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    plane = np.stack([np.ones_like(y), y, x]).reshape(3, -1).T
    values = background.reshape(len(background), -1).T.astype(float)
    fitted = plane @ np.linalg.lstsq(plane, values, rcond=None)[0]
    return float(np.mean((values - fitted).std(axis=0) / values.mean(axis=0)))


@pytest.mark.parametrize(
    "curved",
    [pytest.param(0.01, marks=pytest.mark.slow), 0.02, pytest.param(0.05, marks=pytest.mark.slow)],
)
def test_more_smoothing_bends_less(curved: float, tmp_path: Path) -> None:
    """In a sky whose brightness is a parabola across the frame, with noise."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[-1:1:240j, -1:1:320j]
    image = 0.1 + curved * x**2 + 0.01 * y * x + rng.normal(0, 1e-3, x.shape)
    fits.writeto(tmp_path / "in.fits", image.astype(np.float32))
    bends = []
    for smoothing in ("0", "0.1", "0.5", "0.75", "1"):
        run([str(tmp_path / "in.fits"), "-bg", "-smoothing", smoothing])
        bends.append(bending(planes(tmp_path / "in_GraXpert_background.fits")))
    assert bends[0] == bends[1]
    # A descent ends in one of several minima, so that nothing is said of closer steps.
    assert all(after <= 1.02 * before for before, after in pairwise(bends))
    assert bends[-1] < 0.8 * bends[0]


def test_smoothing_is_documented_as_it_is() -> None:
    assert protection(0) == protection(0.24) == {}
    assert protection(0.25) == protection(0.74) == {"protect": "strong"}
    stiffness = [Settings(**protection(each)).stiffness for each in (0.75, 0.875, 1)]
    np.testing.assert_allclose(stiffness, [0.1, 1, 10])
    assert level(None) == level("Subtraction") == {"pedestal": "neutral"}


POINTS = [[20, 20, 1], [100, 20, 1], [20, 70, 1], [100, 70, 1], [60, 12, 1], [60, 84, 1]]


def with_preferences(folder: Path, *arguments: str, **preferences: Any) -> Sequence[str]:
    (folder / "preferences.json").write_text(json.dumps(preferences))
    return [
        str(folder / "in.fits"),
        "-preferences_file",
        str(folder / "preferences.json"),
        *arguments,
    ]


def test_preferences_and_the_options_that_win_over_them(folder: Path, tmp_path: Path) -> None:
    given = {"corr_type": "Division", "smoothing_option": 0.5, "lang": "de", "ai_version": None}
    run(with_preferences(folder, **given))
    first = planes(folder / "in_GraXpert.fits")
    run([str(folder / "in.fits"), "-correction", "Division", "-smoothing", "0.5"])
    np.testing.assert_array_equal(first, planes(folder / "in_GraXpert.fits"))
    run(with_preferences(folder, "-correction", "Subtraction", "-smoothing", "0", **given))
    second = planes(folder / "in_GraXpert.fits")
    run([str(folder / "in.fits")])
    np.testing.assert_array_equal(second, planes(folder / "in_GraXpert.fits"))


@pytest.mark.parametrize("interpolation", ["RBF", "Kriging", "Splines"])
def test_background_points_say_where_the_sky_is(
    interpolation: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A glow in the lower half of the frame is no sky, if the points lie in the upper half."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    background = 0.1 + 1e-4 * x
    glow = 0.03 / (1 + np.exp(-(y - 60.0) / 6))
    image = background + glow + rng.normal(0, 5e-4, SHAPE)
    fits.writeto(tmp_path / "in.fits", image.astype(np.float32))
    points = [[column, row, 1] for column in range(8, 128, 16) for row in (8, 24)]
    given = {"background_points": points, "interpol_type_option": interpolation, "sample_size": 4}
    run(with_preferences(tmp_path, "-bg", **given))
    assert "through 16 background points of a radius of 4 pixels" in capsys.readouterr().out
    found = planes(tmp_path / "in_GraXpert_background.fits")[0]
    # Where there are points it is the sky; the glow is not followed, as the whole image would ask.
    assert np.abs(found - background)[:32].max() < 1e-3
    run(with_preferences(tmp_path, "-bg", **given | {"interpol_type_option": "AI"}))
    assert "AI does not use the 16 background points" in capsys.readouterr().out
    everywhere = planes(tmp_path / "in_GraXpert_background.fits")[0]
    assert np.abs(found - background)[80:].mean() < np.abs(everywhere - background)[80:].mean()


def test_the_option_interpolation_wins_over_the_preferences(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"background_points": POINTS, "interpol_type_option": "AI"}
    run(with_preferences(folder, "-interpolation", "rbf", **given))
    assert "RBF: the background goes through 6 background points" in capsys.readouterr().out
    run(with_preferences(folder, "-interpolation", "Sample-free", **given))
    assert "sample_free does not use the 6 background points" in capsys.readouterr().out
    run([str(folder / "in.fits"), "-interpolation", "Splines"])
    assert "Splines without background points: the whole image" in capsys.readouterr().out


@pytest.mark.parametrize("order", ["TOP-DOWN", "BOTTOM-UP"])
def test_points_count_rows_as_they_are_stored(order: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    image = np.full(SHAPE, 0.1) + rng.normal(0, 5e-4, SHAPE)
    image[48:] += 0.05
    header = fits.Header({"ROWORDER": order})
    fits.writeto(tmp_path / "in.fits", image.astype(np.float32), header)
    points = [[column, row, 1] for column in range(8, 128, 8) for row in (12, 30)]
    run(
        with_preferences(
            tmp_path, "-bg", background_points=points, interpol_type_option="RBF", sample_size=6
        )
    )
    found = planes(tmp_path / "in_GraXpert_background.fits")[0]
    assert abs(np.median(found) - 0.1) < 2e-3


@pytest.mark.parametrize("points", [[[64, 48]], [[9, 9, 1], [30, 30, 1], [80, 80, 1]]])
def test_points_that_make_no_surface_leave_the_whole_image(
    points: list[list[int]], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    preferences = {"background_points": points, "interpol_type_option": "RBF", "sample_size": 5}
    run(with_preferences(folder, **preferences))
    told = f"{len(points)} background points on a line make no surface: the whole image is searched"
    assert told in capsys.readouterr().out


def test_a_job_through_points_is_that_of_the_library(folder: Path, tmp_path: Path) -> None:
    points = [[column, row, 1] for column in range(8, 128, 16) for row in (8, 48, 88)]
    given = {"background_points": points, "interpol_type_option": "RBF", "sample_size": 6}
    for smoothing in (0, 0.5, 0.9):
        run(with_preferences(folder, "-smoothing", str(smoothing), **given))
        options = through_samples(smoothing)
        process_file(
            folder / "in.fits",
            output=tmp_path / "out.fits",
            write_model=False,
            samples=folder / "preferences.json",
            sample_format="unit",
            pedestal="neutral",
            overwrite=True,
            **options,
        )
        ours = planes(tmp_path / "out.fits")
        np.testing.assert_array_equal(planes(folder / "in_GraXpert.fits"), ours)
