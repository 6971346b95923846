"""The command line on good input: spellings, outputs, reports, help."""

from __future__ import annotations

import inspect
import io
import json
import math
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import slow
from PIL import Image as pil
from rich.console import Console
from typer.main import get_command
from typer.testing import CliRunner, Result

from fastbg import Settings, SettingsError, process_file
from fastbg.backends import registry
from fastbg.cli import summary
from fastbg.cli.app import app
from fastbg.cli.help import EXAMPLES
from fastbg.cli.run import run as run_command
from fastbg.cli.summary import print_json
from fastbg.io import xisf
from fastbg.simulate import simulate_sky

SHAPE = (48, 64)
QUICK = ("-e", "3", "-N", "4")
needs_posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX terminals and scripts")


def fastbg(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments], prog_name="fastbg")


def commands() -> dict[str, Any]:
    return dict(get_command(app).commands)  # type: ignore[attr-defined]


def report_of(*arguments: object) -> dict[str, Any]:
    result = fastbg(*arguments, "--json")
    assert (result.exit_code, result.stderr) == (0, "")

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not JSON")

    report: dict[str, Any] = json.loads(result.stdout, parse_constant=refuse)
    return report


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def image(tmp_path: Path, rng: np.random.Generator) -> Path:
    path = tmp_path / "sky.xisf"
    xisf.write(path, simulate_sky(SHAPE, rng).image)
    return path


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.mark.parametrize("spelling", ["3", "auto"])
def test_a_flexibility_reaches_its_setting(image: Path, out: Path, spelling: str) -> None:
    told = report_of("run", image, out, "--flexibility", spelling, "--threads", "1")
    wanted = {"3": 3, "auto": 0}[spelling]
    assert told["settings"]["flexibility"] == wanted
    chosen = told["sky"]["candidates"]
    assert chosen["flexibility"] == (wanted or chosen["automatic"])


@pytest.mark.parametrize(
    ("spelling", "setting", "value"),
    [
        ("-dx 4", "downscaling_factor", 4),
        ("-dx=4", "downscaling_factor", 4),
        ("--downscaling-factor 4", "downscaling_factor", 4),
        ("-df mean", "downscaling_func", "mean"),
        ("--downscaling-func=mean", "downscaling_func", "mean"),
        ("-dq 0.99", "quantile", 0.99),
        ("--delinearization-quantile 0.99", "quantile", 0.99),
        ("--delinearization-quantile=0.99", "quantile", 0.99),
        ("--quantile 0.99", "quantile", 0.99),
        ("-N 9", "control_points", 9),
        ("-N9", "control_points", 9),
        ("-N=9", "control_points", 9),
        ("--control-points 9", "control_points", 9),
        ("-O 3", "order", 3),
        ("--order 3", "order", 3),
        ("-tm 0.01", "threshold_min", 0.01),
        ("-tm -0.5", "threshold_min", -0.5),
        ("--threshold-min=-0.5", "threshold_min", -0.5),
        ("-tM 0.75", "threshold_max", 0.75),
        ("-tM=.75", "threshold_max", 0.75),
        ("--threshold-max 0.75", "threshold_max", 0.75),
        ("-i grid", "initializer", "grid"),
        ("--initializer grid", "initializer", "grid"),
        ("-e 2", "epochs", 2),
        ("--epochs=2", "epochs", 2),
        ("-a 0.5", "alpha", 0.5),
        ("--alpha 0.5", "alpha", 0.5),
        ("-B 2", "starts", 2),
        ("--starts 2", "starts", 2),
        ("--stiffness 0.1", "stiffness", 0.1),
        ("--optimizer lbfgs", "optimizer", "lbfgs"),
        ("-lr 1e-2", "learning_rate", 0.01),
        ("--learning-rate 0.01", "learning_rate", 0.01),
        ("--seed 7", "seed", 7),
        ("--backend numpy", "backend", "numpy"),
        ("--threads 1", "threads", 1),
        ("--pedestal neutral", "pedestal", "neutral"),
        ("--pedestal none", "pedestal", "none"),
        ("--pedestal -0.01", "pedestal", -0.01),
        ("--pedestal ancestor", "pedestal", "bgoptimizer"),
        ("--pedestal bgoptimizer", "pedestal", "bgoptimizer"),
        ("--mode divide", "mode", "divide"),
        ("--strength 0.8", "strength", 0.8),
        ("--protect always", "protect", "always"),
        ("--flexibility auto", "flexibility", 0),
        ("--border 3", "border", 3),
        ("--border 3,0,0,2", "border", [3, 0, 0, 2]),
        ("--strength 80%", "strength", 0.8),
        ("--cfa off", "cfa", "off"),
        ("--no-invert-mask", "invert_mask", False),
    ],
)
def test_every_spelling_reaches_its_setting(
    image: Path, out: Path, spelling: str, setting: str, value: object
) -> None:
    # A descent by adam, so that each of them has an effect.
    given = (*QUICK, "--optimizer", "adam", *spelling.split())
    expected = Settings(
        epochs=3, control_points=4, optimizer="adam", downscaling_factor=Settings().factor(SHAPE)
    )
    assert report_of("run", image, out, *given)["settings"] == {
        **expected.to_dict(),
        setting: value,
    }


def test_defaults_are_those_of_the_library(image: Path, out: Path) -> None:
    expected = Settings(downscaling_factor=Settings().factor(SHAPE))
    assert report_of("run", image, out)["settings"] == expected.to_dict()


def test_every_setting_has_an_option() -> None:
    assert {field.name for field in fields(Settings)} <= set(
        inspect.signature(run_command).parameters
    )


def test_options_may_stand_before_and_between_the_files(image: Path, out: Path) -> None:
    report = report_of("run", "-e3", image, "-N9", out)
    assert report["settings"]["control_points"] == 9
    assert names(out) == {"sky_bgSubtracted.xisf", "sky_bgModel.xisf"}


def test_outputs_go_to_the_current_directory(
    image: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out.mkdir()
    monkeypatch.chdir(out)
    assert report_of("run", image, *QUICK)["outputs"] == {
        "corrected": "sky_bgSubtracted.xisf",
        "background": "sky_bgModel.xisf",
    }
    assert names(out) == {"sky_bgSubtracted.xisf", "sky_bgModel.xisf"}


def test_outputs_can_be_named(image: Path, out: Path) -> None:
    report_of(
        *("run", image, *QUICK, "-o", out / "a.xisf", "--model-output", out / "b.xisf"),
        *("--preview-output", out / "c.png"),
    )
    assert names(out) == {"a.xisf", "b.xisf", "c.png"}
    assert (out / "c.png").read_bytes().startswith(b"\x89PNG")
    corrected, model = (xisf.read(out / name).to_array() for name in ("a.xisf", "b.xisf"))
    assert corrected.shape == model.shape == (*SHAPE, 3)


@pytest.mark.parametrize("spelling", ["-c", "--compress"])
def test_compressed_outputs(image: Path, out: Path, spelling: str) -> None:
    report_of("run", image, out, *QUICK, spelling)
    assert b"lz4hc+sh" in (out / "sky_bgModel.xisf").read_bytes()[:2000]


def test_a_preview_may_show_a_fit(image: Path, out: Path) -> None:
    report = report_of("preview", image, "-o", out / "fit.png", "--fit", *QUICK, "-N9")
    assert report["fit"]["iterations"] == 3
    assert names(out) == {"fit.png"}


@pytest.mark.parametrize("spelling", ["-p", "--preview"])
def test_the_ancestors_preview_only_draws(image: Path, out: Path, spelling: str) -> None:
    report = report_of("run", image, out, spelling)
    assert "fit" not in report
    assert names(out) == {"sky_preview.png"}


def test_preview_takes_the_same_preparation(
    image: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out.mkdir()
    monkeypatch.chdir(out)
    prepared = ("-dx", "4", "-df=mean", "-tM", "0.7", "-N9", "-i", "grid", "-dq", "0.9")
    report = report_of("preview", image, *prepared)
    assert names(out) == {"sky_preview.png"}
    assert report["settings"] == report_of("run", image, out / "fit", *prepared)["settings"]
    report_of("preview", image, "-o", out / "other.png")
    assert (out / "other.png").exists()


@pytest.mark.parametrize("spelling", ["-m", "--mask"])
def test_mask_is_white_where_the_sky_is(image: Path, out: Path, spelling: str) -> None:
    mask = image.with_name("mask.xisf")
    half = np.zeros((*SHAPE, 1), np.float32)
    half[:, :32] = 1
    half[:, :16] = 0.5
    xisf.write(mask, half)
    options = (*QUICK, "-N9", "-dx", "8", "--overwrite")
    usable = [
        report_of("run", image, out, *options, spelling, mask, *more)["fitted"]["usable_pixels"]
        for more in ([], ["--invert-mask"])
    ]
    assert usable == [6 * 4, 6 * 6]


def test_a_model_is_applied_with_the_pattern_it_was_fitted_with(
    tmp_path: Path, out: Path, rng: np.random.Generator
) -> None:
    """A model of a mosaic treated as mono has one channel, and one by colours has three."""
    frame, model = tmp_path / "frame.xisf", tmp_path / "model.json"
    xisf.write(frame, rng.uniform(0.1, 0.2, (*SHAPE, 1)).astype(np.float32))
    for fitted, other in (("off", "rggb"), ("grbg", "off")):
        report = report_of("fit", frame, "-o", model, "--cfa", fitted, "--overwrite")
        (applied,) = json.loads(
            fastbg("apply", model, frame, "-o", out / fitted, "--cfa", fitted, "--json").stdout
        )
        assert applied["image"] == report["image"]
        refused = fastbg("apply", model, frame, "-o", out, "--cfa", other)
        assert " and the model " in refused.stderr


def test_starts_are_all_reported(image: Path, out: Path) -> None:
    fit = report_of("run", image, out, *QUICK, "-N9", "-B", "3")["fit"]
    assert len(fit["losses_of_starts"]) == 3
    assert fit["loss"] == min(fit["losses_of_starts"])


def test_what_is_no_number_is_null(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"loss": math.nan, "history": [1.5, -math.inf], "fit": {"counts": (1, None)}})
    assert json.loads(capsys.readouterr().out) == {
        "loss": None,
        "history": [1.5, None],
        "fit": {"counts": [1, None]},
    }


def test_overwrite_replaces(image: Path, out: Path) -> None:
    out.mkdir()
    (out / "sky_bgModel.xisf").write_text("mine")
    report_of("run", image, out, *QUICK, "--overwrite")
    assert xisf.read(out / "sky_bgModel.xisf").to_array().shape == (*SHAPE, 3)


def test_the_model_may_be_left_out(image: Path, out: Path) -> None:
    both, alone = out / "both", out / "alone"
    report_of("run", image, both)
    report = report_of("run", image, alone, "--no-model", "--report", alone)
    assert report["outputs"].keys() == {"corrected", "report", "report_json"}
    assert not list(alone.glob("*bgModel*"))
    corrected = [xisf.read(folder / "sky_bgSubtracted.xisf").to_array() for folder in (both, alone)]
    assert np.array_equal(*corrected)
    refused = fastbg("run", image, out, "--no-model", "--model-output", out / "model.xisf")
    assert (refused.exit_code, "exclude each other" in refused.stderr) == (2, True)
    with pytest.raises(SettingsError, match="leave one"):
        process_file(image, output_dir=out, write_model=False, model_output=out / "model.xisf")


def test_quiet_prints_nothing(image: Path, out: Path) -> None:
    result = fastbg("run", image, out, "-q")
    assert (result.exit_code, result.output, result.stderr) == (0, "", "")


def test_lines_when_piped(image: Path, out: Path) -> None:
    fit = ("-e", "200", "-N", "32", "--optimizer", "adam")
    result = fastbg("run", image, out, *fit, "--preview-output", out / "p.png")
    lines = result.stderr.splitlines()
    assert re.fullmatch(r"memory needed: about \d+ MB", lines.pop(1))
    assert lines[:3] == ["read", "prepare", "fit"]
    assert re.fullmatch(r"fit  100/200  loss -?\d+\.\d{4}  \d+ it/s", lines[3])
    assert lines[5:] == ["render", "correct", "write"]
    labels = [line[:15].strip() for line in result.stdout.splitlines()]
    outputs = ["corrected", "background", "preview"]
    assert labels[:7] == [*outputs, "gradient", "loss", "reduced to", "time"]


def test_a_summary_without_a_descent_has_no_loss(image: Path, out: Path) -> None:
    lines = fastbg("run", image, out).stdout.splitlines()
    labels = [line[:15].strip() for line in lines]
    assert labels[:4] == ["corrected", "background", "gradient", "sky"]
    assert not {"loss", "stiffness"} & {word for line in lines for word in line.split()}


def test_the_summary_and_the_preview_say_the_same_of_the_sky(
    image: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    captions: list[str] = []

    def draw(*_: object, **more: Any) -> pil.Image:
        captions.extend(more["captions"])
        return pil.new("RGB", (1, 1))

    monkeypatch.setattr("fastbg.report.preview.draw", draw)
    printed = fastbg("run", image, out, "--preview-output", out / "p.png").stdout
    for label, caption in (("gradient", "Gradient: "), ("sky", "Sky: ")):
        (said,) = re.findall(rf"^{label} +(.*)$", printed, re.MULTILINE)
        assert f"{caption}{said}." in captions


def test_on_a_terminal_only_labels_are_dim(monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=60, color_system="standard")
    monkeypatch.setattr("rich.console.Console", lambda **_: console)
    summary.print_rows([("gradient", "word " * 20), ("warning", "look")])
    assert isinstance(console.file, io.StringIO)
    gradient, *more, warning = console.file.getvalue().splitlines()
    assert gradient.startswith(f"\x1b[2m{'gradient':<15}\x1b[0mword word")
    assert more
    assert all(line.startswith(f"\x1b[2m{' ' * 15}\x1b[0mword") for line in more)
    assert warning == f"\x1b[33m{'warning':<15}\x1b[0mlook"


def test_warnings_are_told(image: Path, out: Path) -> None:
    result = fastbg("run", image, out, "--pedestal", "-1")
    assert re.search(r"^warning .*below 0", result.stdout, re.MULTILINE)


@needs_posix
def test_live_line_on_a_terminal_leaves_stdout_alone(image: Path, out: Path) -> None:
    ours, theirs = os.openpty()
    job = subprocess.run(
        [sys.executable, "-P", "-m", "fastbg.cli", "run", image, out, "-e", "20", "-N32", "--json"],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm"},
        check=True,
    )
    os.close(theirs)
    shown = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert "write" in shown
    assert json.loads(job.stdout)["fit"]["iterations"] == 20


def test_help_lists_every_option() -> None:
    text = fastbg("run", "--help").stdout
    shown = set(re.findall(r"(?<![\w-])--?[A-Za-z][\w-]*", text))
    params = commands()["run"].params
    options = {name for param in params for name in param.opts if name.startswith("-")}
    ancestor = "-c -dx -df -dq -p -N -O -tm -tM -m -i -e -a -B -lr --delinearization-quantile"
    assert options | set(ancestor.split()) <= shown


@pytest.mark.parametrize("command", ["run", "batch", "preview", "fit", "apply", "presets"])
def test_help_has_room_for_its_sentences(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = fastbg(command, "--help").stdout.splitlines()
    columns = {line.index("[default:") for line in lines if "[default:" in line}
    assert max(columns) <= 42


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("apply", "that is printed and the others are still processed."),
        ("batch", "that is printed and the others go on."),
    ],
)
def test_help_breaks_lines_at_the_width_of_the_terminal_alone(
    command: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert sentence in fastbg(command, "--help").stdout


def test_help_of_apply_has_no_options_of_a_fit() -> None:
    told = fastbg("apply", "--help").stdout
    assert "--cfa" in told
    assert "--seams" not in told


@pytest.mark.parametrize("width", ["80", "120"])
@pytest.mark.parametrize("command", ["", *EXAMPLES])
def test_help_has_no_jargon_of_types_and_ends_with_examples(
    command: str, width: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    text = fastbg(*filter(None, [command]), "--help").stdout
    assert not re.search(r"<(bool|path|str|list|int|float)|[{}]", text)
    assert max(map(len, text.splitlines())) <= int(width)
    lines = [line.strip() for line in text.splitlines()]
    for example in EXAMPLES.get(command, ()):
        assert example in lines  # on one line, to be copied


@pytest.mark.parametrize("command", EXAMPLES)
def test_the_options_in_examples_exist(command: str) -> None:
    for example in EXAMPLES[command]:
        _, name, *arguments = shlex.split(example, comments=True)
        known = {name for each in commands()[name].params for name in each.opts}
        assert {each for each in arguments if each.startswith("-")} <= known


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("fastbg b", ["batch"]),
        ("fastbg run --keep", []),
        ("fastbg batch --keep", ["--keep-tree"]),
        ("fastbg run --preset n", ["nebula"]),
        ("fastbg presets st", ["stack"]),
        ("fastbg run --mode ", ["subtract", "divide"]),
        ("fastbg run --pedestal n", ["neutral", "none"]),
        ("fastbg fit --backend c", ["c", "cuda"]),
        ("fastbg fit --cfa RG", ["RGGB"]),
        ("fastbg fit --order ", ["1", "2", "3", "4"]),
        ("fastbg run sk", []),  # the shell completes file names
        ("fastbg run -m sk", []),
    ],
)
def test_the_shell_completes(typed: str, offered: list[str]) -> None:
    words = typed.split(" ")
    job = subprocess.run(
        [sys.executable, "-P", "-m", "fastbg.cli"],
        env={
            **os.environ,
            "_FASTBG_COMPLETE": "complete_bash",
            "COMP_WORDS": typed,
            "COMP_CWORD": str(len(words) - 1),
        },
        capture_output=True,
        text=True,
    )
    assert job.stdout.split() == offered, job.stderr


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_lists_every_command(arguments: list[str]) -> None:
    result = fastbg(*arguments)
    assert result.exit_code == 0
    for command in ("run", "preview", "demo", "doctor"):
        assert re.search(rf"\b{command}\b", result.stdout)


def test_version() -> None:
    for spelling in ("--version", "-V"):
        assert re.fullmatch(r"fastbg \d+\.\d+\S*\n", fastbg(spelling).stdout)


DEMO = {"sky.xisf", "sky_bgSubtracted.xisf", "sky_bgModel.xisf", "sky_preview.png"}


def test_the_demo_removes_the_gradient(tmp_path: Path) -> None:
    folder = tmp_path / "a demo"
    result = fastbg("demo", folder)
    assert result.exit_code == 0
    assert names(folder) == DEMO
    assert all(name in result.stdout for name in DEMO)
    removed = re.search(r"([\d.]+) % of the known gradient", result.stdout)
    assert removed
    assert float(removed[1]) > 90


@pytest.fixture
def small_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastbg.cli.demo.SHAPE", (200, 300))


@needs_posix
@pytest.mark.usefixtures("small_demo")
@pytest.mark.parametrize("activated", [True, False])
def test_the_command_that_the_demo_prints_runs_as_it_is_printed(
    tmp_path: Path, activated: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, script = tmp_path / "a demo", tmp_path / "bin/fastbg"
    monkeypatch.setenv("PATH", f"{script.parent}:/usr/bin:/bin")
    if activated:
        script.parent.mkdir()
        script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -P -m fastbg "$@"\n')
        script.chmod(0o755)
    said = re.search(r"^same as +(.*)$", fastbg("demo", folder).stdout, re.MULTILINE)
    assert said
    assert said[1].startswith("fastbg run ") == activated
    before = xisf.read(folder / "sky_bgModel.xisf").to_array()
    time = (folder / "sky_bgModel.xisf").stat().st_mtime_ns
    subprocess.run(said[1], shell=True, check=True, cwd=tmp_path)
    assert (folder / "sky_bgModel.xisf").stat().st_mtime_ns > time
    assert np.array_equal(xisf.read(folder / "sky_bgModel.xisf").to_array(), before)


@pytest.mark.parametrize("name", sorted(DEMO))
def test_the_demo_replaces_no_file(tmp_path: Path, name: str) -> None:
    mine = tmp_path / name
    mine.write_bytes(b"my own")
    result = fastbg("demo", tmp_path)
    assert (result.exit_code, names(tmp_path), mine.read_bytes()) == (2, {name}, b"my own")
    assert name in result.stderr
    assert "--overwrite" in result.stderr


@pytest.mark.usefixtures("small_demo")
def test_the_demo_replaces_files_if_it_is_told_to(tmp_path: Path) -> None:
    for name in DEMO:
        (tmp_path / name).write_bytes(b"my own")
    assert fastbg("demo", tmp_path, "--overwrite").exit_code == 0
    assert names(tmp_path) == DEMO
    assert not [path for path in tmp_path.iterdir() if path.read_bytes() == b"my own"]


@pytest.mark.usefixtures("small_demo")
def test_a_demo_without_a_folder_takes_one_that_has_no_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("fastbg-demo").mkdir()
    Path("fastbg-demo/notes.txt").touch()
    (tmp_path / "fastbg-demo-2").mkdir()
    (tmp_path / "fastbg-demo-2/sky.xisf").write_bytes(b"my own")
    assert fastbg("demo").exit_code == 0
    assert names(tmp_path / "fastbg-demo") == DEMO | {"notes.txt"}
    assert "fastbg-demo-3" in fastbg("demo").stdout
    assert names(tmp_path / "fastbg-demo-3") == DEMO
    assert (tmp_path / "fastbg-demo-2/sky.xisf").read_bytes() == b"my own"


def test_doctor_tells_what_there_is() -> None:
    findings = report_of("doctor")
    assert findings["backends"]["numpy"]["available"] is True
    lacks = registry.unavailable("cuda")
    assert findings["backends"]["cuda"]["available"] is (lacks is None)
    assert findings["threads"] >= 1
    text = fastbg("doctor").stdout
    assert "backend c " in text
    assert findings["backends"]["cuda"]["detail"] in text


@needs_posix
@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (
            "echo 'NVIDIA H200, 570.1, 143771 MiB'",
            [{"name": "NVIDIA H200", "driver": "570.1", "memory": "143771 MiB"}],
        ),
        ("echo 'no driver'; exit 9", []),
    ],
)
def test_doctor_asks_nvidia_smi(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, expected: list[object]
) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert shutil.which("nvidia-smi") == str(tool)
    assert report_of("doctor")["gpus"] == expected


def test_help_waits_for_nothing_heavy() -> None:
    heavy = ["scipy", "xisf", "PIL", "tomllib", "rich.progress", "fastbg.pipeline"]
    code = f"import sys, fastbg.cli; print([m for m in {heavy} if m in sys.modules])"
    job = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True
    )
    assert job.stdout.strip() == "[]"


def test_the_package_refuses_its_bare_name() -> None:
    folder = Path(inspect.getfile(run_command)).parents[1]
    job = subprocess.run(
        [sys.executable, "-c", "import cli"], cwd=folder, capture_output=True, text=True
    )
    assert job.returncode == 1
    assert "import this package as fastbg.cli" in job.stderr


@pytest.mark.parametrize("name", [slow("--preview-output"), "-po"])
def test_run_and_preview_name_the_picture_alike(image: Path, out: Path, name: str) -> None:
    commands = ["preview", image], ["run", image, out, *QUICK], ["run", image, out, "-p"]
    for number, command in enumerate(commands):
        picture = out / f"{number}.png"
        assert fastbg(*command, name, picture).exit_code == 0
        assert picture.read_bytes().startswith(b"\x89PNG")
    assert fastbg("preview", image, "-o", out / "alias.png").exit_code == 0


def test_a_preview_shows_the_pedestal_that_is_asked_for(image: Path, out: Path) -> None:
    ask = ("--fit", "--pedestal", "none", "--mode", "divide")
    report = report_of("preview", image, "-o", out / "p.png", *ask)
    assert report["pedestal"] == [1.0] * report["image"]["channels"]
    assert not any("no effect" in line for line in report["warnings"])
