"""Presets: what is given wins over them and they over defaults; what was done can be repeated."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from platformdirs.api import PlatformDirsABC
from platformdirs.macos import MacOS
from platformdirs.windows import Windows
from typer.testing import CliRunner, Result

import fastbg.settings.presets as presets
from fastbg import Settings, SettingsError, fit_file, load_preset, process_file
from fastbg.cli.app import app
from fastbg.io import xisf
from fastbg.jobs.apply import apply_model
from fastbg.settings.text import HISTORY_WIDTH, from_history, to_history, to_toml
from fastbg.simulate import simulate_sky

SHAPE = (48, 64)
BUILT_IN = sorted(path.stem for path in presets.built_in_folder().glob("*.toml"))


def fastbg(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments], prog_name="fastbg")


def settings_of(*arguments: object) -> dict[str, Any]:
    result = fastbg(*arguments, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    settings: dict[str, Any] = json.loads(result.stdout)["settings"]
    return settings


def refused(*arguments: object) -> str:
    result = fastbg(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    return line


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder, which does not exist yet; the current directory is another."""
    base = tmp_path / "config"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(base))
    if not sys.platform.startswith("linux"):  # where variables do not decide
        monkeypatch.setattr(presets, "user_folder", lambda: base / "fastbg" / "presets")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return base / "fastbg" / "presets"


@pytest.fixture
def image(rng: np.random.Generator) -> Path:
    path = Path("sky.xisf")
    xisf.write(path, simulate_sky(SHAPE, rng).image)
    return path


def preset(text: str, name: str = "mine.toml") -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


# Settings as text.


def _floats(low: float, high: float, **more: Any) -> st.SearchStrategy[float]:
    return st.floats(low, high, **more)


STRATEGIES: dict[str, st.SearchStrategy[Any]] = {
    "downscaling_factor": st.just("auto") | st.integers(1, 1 << 16),
    "downscaling_func": st.sampled_from(["median", "mean"]),
    "quantile": _floats(0, 1, exclude_min=True),
    "control_points": st.integers(1, 10**4),
    "order": st.integers(1, 4),
    "threshold_min": _floats(-1e300, 0.4),
    "threshold_max": _floats(0.5, 1e300) | st.integers(1, 3),
    "invert_mask": st.booleans(),
    "smoothing": st.just("auto") | st.integers(0, 1) | _floats(0, 1),
    "feather": _floats(0, 1e30),
    "white": st.integers(0, 65535) | _floats(0, 1e9),
    "protect": st.sampled_from(["auto", "always", "strong", "off"]),
    "cfa": st.sampled_from(["auto", "off", "RGGB", "BGGR", "GRBG", "GBRG"]),
    "catalogue": st.booleans(),
    "protect_at": st.sampled_from(["", "10.5 20 5", "5:35:17 -5:23:28 10m; 1 2 3"]),
    "seams": st.sampled_from(["auto", "off", "x=1500 y=1000"]),
    "reference_scale": st.just("auto") | _floats(1e-9, 1e9) | st.tuples(*[_floats(1e-9, 1e9)] * 3),
    "reference_degree": st.integers(0, 2),
    "second_opinion": st.booleans(),
    "strict": st.booleans(),
    "gpu_memory": st.integers(0, 2**40),
    "initializer": st.sampled_from(["random", "grid"]),
    "optimizer": st.sampled_from(["lbfgs", "adam"]),
    "epochs": st.integers(1, 10**9),
    "alpha": _floats(0, 1e30) | st.sampled_from([np.float32(0.1), np.float64(0.1), np.int64(3)]),
    "stiffness": _floats(0, 1e30),
    "starts": st.integers(1, 99),
    "learning_rate": _floats(0, 1e300, exclude_min=True),
    "seed": st.integers(0, 2**128 - 1),
    "pedestal": st.sampled_from(["model-median", "neutral", "none"]) | _floats(-1e9, 1e9),
    "mode": st.sampled_from(["subtract", "divide"]),
    "strength": _floats(0, 1),
    "flexibility": st.integers(0, 10),
    "border": st.integers(0, 99) | st.tuples(*[st.integers(0, 9999)] * 4),
    "sample_format": st.sampled_from(["float32", "same", "unit"]),
    "backend": st.sampled_from(["auto", "c", "cuda", "numpy"]),
    "threads": st.integers(0, 256),
}
SETTINGS = st.builds(Settings, **STRATEGIES)


def test_every_setting_is_among_those_that_come_back() -> None:
    assert STRATEGIES.keys() == Settings().to_dict().keys()


@given(SETTINGS, SETTINGS)
def test_settings_come_back_from_a_history_with_every_bit(last: Settings, former: Settings) -> None:
    lines = to_history(last.to_dict())
    assert all(len(line) <= HISTORY_WIDTH and line.isascii() for line in lines)
    history = ["mine = 1", *to_history(former.to_dict()), "again", *lines, "settings: seed=1", ""]
    again = from_history(history)
    assert list(again) == list(last.to_dict())
    assert Settings(**again) == last
    assert to_history(again) == lines  # 0.0 and -0.0 are equal


@given(SETTINGS)
def test_settings_come_back_from_toml_with_every_bit(settings: Settings) -> None:
    text = to_toml(settings.to_dict())
    again = presets.read(preset(text)).options
    assert Settings(**again) == settings
    assert to_toml(again) == text
    report = preset(json.dumps({"settings": settings.to_dict()}), "report.json")
    assert load_preset(report) == settings


def test_a_preset_may_say_what_the_command_line_says() -> None:
    text = 'gpu-memory = "2GB"\nsmoothing = 0.3\nstrength = "80%"\nborder = "1,2,3,4"'
    told = Settings(gpu_memory=2 * 10**9, smoothing=0.3, strength=0.8, border=(1, 2, 3, 4))
    assert load_preset(preset(text)) == told


@given(st.dictionaries(st.from_regex("[a-z_]+", fullmatch=True), st.text(max_size=90)))
def test_any_text_comes_back(options: dict[str, str]) -> None:
    options = {k: v.encode(errors="replace").decode() for k, v in options.items()}
    assert from_history(to_history(options)) == options
    if not any("-" in name or "_" in name for name in options):
        assert tomllib.loads(to_toml(options)) == options


def test_a_history_without_a_job_has_no_settings() -> None:
    assert from_history([]) == from_history(["calibrated", "fastbg settings"]) == {}


# What wins.


def test_options_win_over_the_preset_and_it_over_the_defaults(image: Path) -> None:
    lines = ("control-points = 9", "order = 3", "quantile = 0.9", "epochs = 3", 'pedestal = "none"')
    mine = preset("\n".join([*lines, "feather = 2"]))
    given = ("--feather", Settings().feather, "-N", "4", "--order=2", "-O4", "-tM", "0.8")
    assert settings_of("run", image, "out", "--preset", mine, *given) == {
        **Settings().to_dict(),
        **{"control_points": 4, "order": 4, "quantile": 0.9, "epochs": 3},
        **{"pedestal": "none", "threshold_max": 0.8},
        "downscaling_factor": Settings().factor(SHAPE),
    }


def test_a_preset_may_be_switched_off(image: Path) -> None:
    xisf.write("mask.xisf", np.tile(np.float32([[[0]], [[1]]]), (SHAPE[0] // 2, SHAPE[1], 1)))
    job = ("preview", image, "-m", "mask.xisf", "--preset", preset("invert_mask = true"))
    assert settings_of(*job)["invert_mask"] is True
    assert settings_of(*job, "--overwrite", "--no-invert-mask")["invert_mask"] is False


def test_every_command_takes_the_whole_preset(image: Path) -> None:
    mine = preset('epochs = 3\npedestal = "neutral"\ncontrol_points = 4\ninitializer = "grid"')
    expected = Settings(epochs=3, pedestal="neutral", control_points=4, initializer="grid")
    fitted = replace(expected, downscaling_factor=expected.factor(SHAPE))
    assert settings_of("run", image, "out", "--preset", mine) == fitted.to_dict()
    assert settings_of("fit", image, "--preset", mine) == fitted.to_dict()
    assert settings_of("preview", image, "--preset", mine) == fitted.to_dict()
    applied = fastbg("apply", "sky_model.json", image, "--preset", mine, "--json")
    assert json.loads(applied.stdout)[0]["settings"] == expected.to_dict()


@pytest.mark.parametrize("command", ["run", "fit", "preview", "presets"])
def test_help_still_shows_the_defaults_of_the_library(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    text = fastbg(command, "--help").stdout
    assert "--preset" in text
    for option, default in (("-N", r"\(auto\)"), ("-tM", 1.0), ("-i", "random"), ("-lr", 0.001)):
        assert re.search(rf" {option} .*\[default: {default}\]", text), option


# The presets of fastbg.


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_built_in_preset_says_what_it_is_for_and_runs(name: str, rng) -> None:
    found = presets.read(presets.find(name))
    assert 0 < len(found.description) < 60
    xisf.write("sky.xisf", simulate_sky((96, 128), rng).image)
    settings = load_preset(name)
    quick = {"epochs": 3} if settings.control_points else {}
    report = process_file("sky.xisf", settings=settings, **quick).report
    assert report["settings"] == {**Settings(**found.options).to_dict(), **quick}


def test_the_ancestors_preset_is_the_defaults_spelled_out_with_its_pedestal() -> None:
    found = presets.read(presets.find("ancestor")).options
    assert Settings(**found) == Settings(
        downscaling_factor=8,
        control_points=32,
        protect="off",
        optimizer="adam",
        pedestal="bgoptimizer",
        cfa="off",
    )
    assert set(Settings().to_dict()) - set(found) == {"seed", "backend", "threads", "gpu_memory"}


# The presets of the user.


def test_presets_are_saved_listed_printed_and_used(image: Path, config: Path) -> None:
    text = 'sharp "stars"\x7f \\ '
    given = ("-dx=4", "-tM", ".9", "-e3", "-N7", "--description", text)
    saved = fastbg("presets", "--save", "moon", *given)
    assert saved.exit_code == 0
    assert str(config / "moon.toml") in saved.stdout
    assert [path.name for path in config.iterdir()] == ["moon.toml"]

    printed = fastbg("presets", "moon").stdout
    assert printed == (config / "moon.toml").read_text(encoding="utf-8")
    assert tomllib.loads(printed) == {
        **{"description": text, "downscaling-factor": 4, "threshold-max": 0.9},
        **{"control-points": 7, "epochs": 3},
    }
    listed = fastbg("presets").stdout
    assert re.search(r'^ *moon +you +sharp "stars"', listed, re.MULTILINE)
    assert all(re.search(rf"^ *{name} +fastbg ", listed, re.MULTILINE) for name in BUILT_IN)
    assert str(config) in listed

    expected = Settings(downscaling_factor=4, threshold_max=0.9, control_points=7, epochs=3)
    assert load_preset("moon") == expected
    assert settings_of("run", image, "out", "--preset", "moon") == expected.to_dict()


def test_the_users_preset_wins_and_fastbg_says_so() -> None:
    told = fastbg("presets", "--save", "stack", "--preset", "stack", "-N", "7").stdout
    assert "instead of the stack that comes with fastbg" in told
    assert load_preset("stack").control_points == 7
    assert re.search(r"^ *stack +you, instead of fastbg", fastbg("presets").stdout, re.MULTILINE)


def test_a_preset_is_replaced_only_when_asked(config: Path) -> None:
    fastbg("presets", "--save", "moon", "-N", "7")
    assert "already exists" in refused("presets", "--save", "moon", "-N", "8")
    assert load_preset("moon").control_points == 7
    assert fastbg("presets", "--save", "moon", "-N", "8", "--overwrite").exit_code == 0
    assert load_preset("moon").control_points == 8
    assert [path.name for path in config.iterdir()] == ["moon.toml"]


def test_a_broken_preset_is_listed_as_such(config: Path) -> None:
    preset("seed = -1", str(config / "broken.toml"))
    preset("not a name", str(config / "not a name.toml"))
    result = fastbg("presets")
    assert result.exit_code == 0
    assert re.search(r"broken +you .*seed must be a whole number", result.stdout)
    assert "not a name" not in result.stdout


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="others have other folders")
@pytest.mark.parametrize("value", ["", "relative"])
def test_the_folder_is_below_home_without_a_usable_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", value)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert presets.user_folder() == tmp_path / ".config" / "fastbg" / "presets"


def folder_on(system: type[PlatformDirsABC], monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(
        platformdirs,
        "user_config_path",
        lambda *names, **more: system(*names, **more).user_config_path,
    )
    return presets.user_folder()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="imitates the others")
def test_the_folders_of_other_systems(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME")
    roaming = {"CSIDL_APPDATA": str(tmp_path / "Roaming")}
    monkeypatch.setattr("platformdirs.windows.get_win_folder", roaming.__getitem__)
    assert folder_on(Windows, monkeypatch) == tmp_path / "Roaming" / "fastbg" / "presets"
    monkeypatch.setattr(sys, "platform", "darwin")
    support = tmp_path / "Library" / "Application Support"
    assert folder_on(MacOS, monkeypatch) == support / "fastbg" / "presets"
    # Where presets were before there was another folder on macOS.
    old = tmp_path / ".config" / "fastbg" / "presets"
    old.mkdir(parents=True)
    assert folder_on(MacOS, monkeypatch) == old


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (("--save", "a/b", "-N9"), "a/b is no name"),
        (("--save", "..", "-N9"), ".. is no name"),
        (("--save", "", "-N9"), " is no name"),
        (("--save", "moon"), "moon would be empty"),
        (("--save", "moon", "-N-1"), "control points must be a whole number"),
        (("stack", "--save", "moon", "-N9"), "--preset stack"),
        (("-N9",), "--save NAME"),
        (("stack", "-N9"), "--save NAME"),
        (("--preset", "stack"), "--save NAME"),
        (("moon",), "no preset moon"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_saved_or_printed_is_refused(
    arguments: tuple[str, ...], cause: str, config: Path
) -> None:
    assert cause in refused("presets", *arguments)
    assert not config.exists()


# Repeating a job.

JOB = Settings(
    downscaling_factor=2,
    control_points=5,
    seed=11,
    epochs=20,
    alpha=0.1 + 0.2,
    optimizer="adam",
    learning_rate=1 / 300,
    pedestal=-0.01 / 3,
    strength=0.8,
    border=(1, 0, 2, 3),
)


def pixels(path: str | Path) -> np.ndarray:
    return xisf.read(path).to_array()


def test_a_job_is_repeated_bit_for_bit_from_its_output_or_its_report(image: Path) -> None:
    preset(to_toml(JOB.to_dict()))
    first = fastbg("run", image, "first", "--preset", "mine.toml", "--json")
    preset(first.stdout, "report.json")
    for source in ("first/sky_bgSubtracted.xisf", "first/sky_bgModel.xisf", "report.json"):
        assert load_preset(source) == JOB
        assert settings_of("run", image, "again", "--preset", source, "--overwrite")
        for name in ("sky_bgSubtracted.xisf", "sky_bgModel.xisf"):
            assert pixels(f"again/{name}").tobytes() == pixels(f"first/{name}").tobytes()
    assert tomllib.loads(fastbg("presets", "report.json").stdout)["seed"] == 11


def test_the_last_job_of_an_image_counts(image: Path) -> None:
    process_file(image, settings=JOB, output="one.xisf")
    process_file("one.xisf", settings=replace(JOB, seed=12), output="two.xisf")
    assert load_preset("two.xisf") == replace(JOB, seed=12)


def test_applying_tells_only_the_settings_that_count(image: Path) -> None:
    fit_file(image, "sky.json", settings=JOB)
    apply_model("sky.json", image, settings=replace(JOB, mode="divide"), output="flat.xisf")
    assert load_preset("flat.xisf") == Settings(pedestal=JOB.pedestal, mode="divide", strength=0.8)


# What is no preset.

BAD = {
    "controlpoints = 16": "controlpoints is no setting: did you mean control-points",
    "zzz = 16": "zzz is no setting: there are downscaling-factor, ",
    "[fit]\norder = 2": "fit is no setting",
    "order = 2\n'order' = 3": "not TOML (Cannot overwrite",
    "threshold-min = 0.1\nthreshold_min = 0.2": "threshold_min stands there twice",
    'control-points = "16"': "control-points must be a whole number like 0, not '16'",
    "control_points = 16.0": "control_points must be a whole number like 0, not 16.0",
    "order = true": "order must be a whole number like 2, not True",
    "invert-mask = 1": "invert-mask must be true or false like false, not 1",
    "quantile = '0.9'": "quantile must be a number like 0.95, not '0.9'",
    "initializer = 3": 'initializer must be a text like "random", not 3',
    "pedestal = [1]": 'pedestal must be a text like "model-median" or a number, not [1]',
    "pedestal = true": "pedestal must be a text",
    "smoothing = true": 'smoothing must be a text like "auto" or a number, not True',
    "border = 1.5": "border must be a whole number like 0, a list or a text, not 1.5",
    "seed = 2000-01-01": "seed must be a whole number",
    "control-points = -1": "control points must be a whole number of at least 0, not -1",
    "quantile = 2": "quantile must lie in (0, 1], not 2",
    "alpha = nan": "alpha must be a finite number",
    "threshold-min = 2": "lower threshold 2 must lie below the upper 1",
    'pedestal = "ancestor"\nmode = "divide"': "bgoptimizer belongs to subtraction",
    "description = 1": "description must be a text",
    "control points = 16": "not TOML (",
    "order": "not TOML (",
    "seed = " + 5000 * "1": "not TOML (",
    "seed = " + 5000 * "[": "not TOML (",
}


@pytest.mark.parametrize(("text", "cause"), BAD.items(), ids=[text[:40] for text in BAD])
def test_a_bad_preset_is_refused_in_one_line_that_names_it(
    text: str, cause: str, image: Path
) -> None:
    line = refused("run", image, "out", "--preset", preset(text))
    assert line.startswith("fastbg: mine.toml: ")
    assert cause in line
    assert not Path("out").exists()


def test_what_is_right_only_with_the_options_is_not_the_presets_fault(image: Path) -> None:
    line = refused("run", image, "--preset", "ancestor", "--mode", "divide")
    assert line.startswith("fastbg: the pedestal bgoptimizer belongs to subtraction")


@pytest.mark.parametrize(
    ("name", "content", "cause"),
    [
        ("stakc", None, "vignetting: did you mean stack"),
        ("zzzzz", None, f"no preset zzzzz among {', '.join(BUILT_IN)}"),
        ("a.toml", None, "a.toml: is not a file"),
        ("a.toml", b"\xff\xfe", "a.toml: not TOML"),
        ("a.json", None, "a.json: is not a file"),
        ("a.json", b"{", "a.json: not the report of a job"),
        ("a.json", b"[{}]", "a.json: not the report of a job"),
        ("a.json", b"{}", "a.json: not the report of a job"),
        ("a.json", b'{"settings": 3}', "a.json: not the report of a job"),
        ("a.json", b'{"settings": {"order": "2"}}', "a.json: order must be a whole number"),
        ("a.xisf", None, "a.xisf does not exist"),
        ("a.xisf", b"order = 2", "a.xisf is not an XISF, FITS or TIFF file"),
        ("./stack", b"order = 2", "stack is not an XISF, FITS or TIFF file"),
        (".", None, "directory"),
        ("", None, "directory"),
    ],
)
def test_what_is_no_preset_is_refused(name: str, content: bytes | None, cause: str) -> None:
    if content is not None:
        Path(name).write_bytes(content)
    with pytest.raises(SettingsError, match=re.escape(cause)) as caught:
        load_preset(name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("history", "cause"),
    [
        ([], "tells of no job"),
        (["calibrated"], "tells of no job"),
        (["fastbg settings: order=2 seed"], "HISTORY was changed"),
        (2 * ["fastbg settings: order=2"], "HISTORY was changed"),
        (["fastbg settings: oder=2"], "oder is no setting: did you mean order"),
    ],
)
def test_an_image_without_a_whole_job_is_refused(history: list[str], cause: str) -> None:
    xisf.write("sky.xisf", np.ones((3, 4, 1), np.float32), history=history)
    with pytest.raises(SettingsError, match=f"^sky.xisf: .*{cause}"):
        load_preset("sky.xisf")


def test_a_path_is_never_a_name() -> None:
    preset("order = 3", "stack")
    with pytest.raises(SettingsError, match="stack is not an XISF, FITS or TIFF file"):
        load_preset(Path("stack"))
