"""The command line on bad input and under interruption: one line, an exit code, nothing written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from cases import slow
from PIL import Image as pil
from typer.testing import CliRunner, Result

from fastbg.cli.app import app
from fastbg.io import xisf
from fastbg.simulate import simulate_sky
from fastbg.words import bytes_of

SHAPE = (48, 64)


def fastbg(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments], prog_name="fastbg")


def contents(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


@pytest.fixture
def folder(tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with one good image in it."""
    xisf.write(tmp_path / "sky.xisf", simulate_sky(SHAPE, rng).image)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(folder: Path, *arguments: object) -> str:
    """The one line of a command that must be refused and must write nothing."""
    before = contents(folder)
    result = fastbg(*arguments)
    assert contents(folder) == before
    assert result.exit_code == 2
    assert "{" not in result.stdout
    *progress, line = result.stderr.splitlines()
    assert line.startswith("fastbg: ")
    assert not {"-q", "--json"} & set(arguments) or not progress
    assert {said.split()[0] for said in progress} <= {"read", "memory", "prepare", "protect", "fit"}
    return line


def _truncated(folder: Path) -> None:
    whole = (folder / "sky.xisf").read_bytes()
    (folder / "bad.xisf").write_bytes(whole[: len(whole) // 2])


def _four_channels(folder: Path) -> None:
    from xisf import XISF

    XISF.write(str(folder / "bad.xisf"), np.full((*SHAPE, 4), 0.5, np.float32))


def _filled(value: float) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        xisf.write(folder / "bad.xisf", np.full((*SHAPE, 3), value, np.float32))

    return make


BAD_IMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing file": (lambda folder: None, "does not exist"),
    "a directory": (lambda folder: (folder / "bad.xisf").mkdir(), "directory"),
    "an empty file": (lambda folder: (folder / "bad.xisf").touch(), "not an XISF, FITS or TIFF"),
    "a text": (
        lambda folder: (folder / "bad.xisf").write_text("M 94"),
        "not an XISF, FITS or TIFF",
    ),
    "half a FITS file": (
        lambda folder: (folder / "bad.xisf").write_text("SIMPLE  = T"),
        "truncated inside a header",
    ),
    "truncated": (_truncated, "truncated"),
    "four channels": (_four_channels, "4 channels"),
    "every pixel missing": (_filled(0), "empty"),
    "every pixel not a number": (_filled(np.nan), "empty"),
    "constant": (_filled(0.5), "constant"),
}


@pytest.mark.parametrize("command", ["run", "preview"])
@pytest.mark.parametrize("name", BAD_IMAGES)
@pytest.mark.parametrize("more", [(), ("--json",), ("-q",)], ids=["plain", "json", "quiet"])
def test_bad_images(folder: Path, command: str, name: str, more: tuple[str, ...]) -> None:
    make, cause = BAD_IMAGES[name]
    make(folder)
    line = refused(folder, command, "bad.xisf", *more)
    assert line.partition(": try ")[0].count("bad.xisf") == 1
    assert cause in line


@pytest.mark.parametrize(
    ("mask", "cause"),
    [
        (np.ones((8, 8, 1)), "8 x 8"),
        (np.zeros((*SHAPE, 1)), "every pixel is masked"),
        (np.full((*SHAPE, 1), 2.0) - (np.arange(SHAPE[1]) % 2)[:, None], "from 1 to 2"),
        (np.full((*SHAPE, 1), np.nan), "nan"),
    ],
    ids=["other size", "all black", "beyond white", "not a number"],
)
def test_bad_masks(folder: Path, mask: np.ndarray, cause: str) -> None:
    xisf.write(folder / "mask.xisf", mask)
    assert cause in refused(folder, "run", "sky.xisf", "-m", "mask.xisf")


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        ("run look.png", "look.png is a PNG file: give the linear image, as XISF, FITS or TIFF"),
        ("run look.jpg", "look.jpg is a JPEG file: give the linear image"),
        ("run notes.txt", "notes.txt is not an XISF, FITS or TIFF file"),
        ("run nowhere.png", "nowhere.png does not exist: check the name"),
        ("fit look.png", "look.png is a PNG file: give the linear image"),
        ("apply model.json look.png", "look.png is a PNG file: give the linear image"),
        ("batch look.png", "look.png is a PNG file: give the linear image"),
        ("run sky.xisf -m look.jpg", "look.jpg is a JPEG file: save the mask as XISF, FITS, TIFF"),
        (
            "run sky.xisf -m notes.txt",
            "notes.txt is not an XISF, FITS, TIFF or PNG file, or damaged at its start: save it as "
            "one, or draw regions, as .reg or .geojson",
        ),
        ("run copy.dat", "copy_bgSubtracted.dat tells no format: end it in .xisf"),
    ],
)
def test_the_cause_is_the_file_that_is_to_blame(folder: Path, arguments: str, cause: str) -> None:
    if "model.json" in arguments:
        fastbg("fit", "sky.xisf", "-o", "model.json")
    (folder / "copy.dat").write_bytes((folder / "sky.xisf").read_bytes())
    (folder / "notes.txt").write_text("clouds at 3 h")
    for kind in ("png", "jpeg"):
        pil.new("L", SHAPE[::-1]).save(folder / f"look.{kind.replace('e', '')}", kind)
    done = fastbg(*arguments.split())
    assert done.exit_code == 2
    assert f"fastbg: {cause}" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        ("sky.xisf", "fastbg run sky.xisf"),
        ("sky.xisf out", "fastbg run sky.xisf"),
        ("sky.xisf -N 9", "fastbg run sky.xisf"),
        ("sky.xisf b.xisf", "fastbg batch sky.xisf b.xisf -o FOLDER"),
        ("lights", "fastbg batch lights -o FOLDER"),
        ("*.xisf", "fastbg batch '*.xisf' -o FOLDER"),
        ("run lights", "fastbg batch lights -o FOLDER"),
        ("run *.xisf", "fastbg batch '*.xisf' -o FOLDER"),
        ("run sky.xisf b.xisf", "fastbg batch sky.xisf b.xisf -o FOLDER"),
        ("run sky.xisf b.xisf c.xisf", "fastbg batch takes several"),
        ("fit sky.xisf b.xisf", "fastbg batch takes several, and -o names the output"),
        ("run lights sky.xisf", "the image comes first, try fastbg run sky.xisf lights"),
        ("run sky.xisf -o lights", "-o names a file: try fastbg run sky.xisf lights"),
        ("apply sky.xisf model.json", "try fastbg apply model.json sky.xisf"),
        ("apply sky.xisf b.xisf", "make a model first, with fastbg fit sky.xisf"),
        ("-o out sky.xisf", "no such option: -o before the command; its options follow it"),
    ],
)
def test_the_command_that_is_meant_is_named(folder: Path, arguments: str, meant: str) -> None:
    for name in ("b.xisf", "c.xisf"):
        (folder / name).write_bytes((folder / "sky.xisf").read_bytes())
    (folder / "lights").mkdir()
    assert meant in refused(folder, *arguments.split())


def test_missing_mask(folder: Path) -> None:
    assert "mask.xisf does not exist" in refused(folder, "run", "sky.xisf", "-m", "mask.xisf")


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        ("-N 10000", "10000 control points"),
        ("-tm 2 -tM 3", "every pixel is masked"),
        ("--invert-mask", "no mask to invert"),
        ("--threads 1000", "at most 256"),
        ("-o a.jpg", "end it in .xisf, .fits"),
        ("-o a.xisf.gz", "end it in .xisf, .fits"),
        ("-c -o a.fits", "end it in .fits.fz"),
        ("--preview-output a.jpg", "end it in .png"),
        ("-dx 1000", "leaves 1 x 1 pixels"),
        ("-dx 0", "downscaling factor"),
        ("-dx 2.5", "2.5 is not a whole number"),
        ("-df mode", "median or mean, not mode"),
        ("-dq 0", "quantile"),
        ("-dq 1.5", "quantile"),
        ("-dq nan", "quantile"),
        ("-N -1", "control points"),
        ("-N many", "many is not a whole number"),
        ("-O 0", "order"),
        ("-O 5", "order"),
        ("-tm 0.9 -tM 0.1", "lower threshold"),
        ("-tM nan", "threshold"),
        ("-i center", "random or grid, not center"),
        ("-e 0", "epochs"),
        ("-e -1", "epochs"),
        ("-a -1", "alpha"),
        ("-a inf", "alpha"),
        ("-a much", "much is not a number"),
        ("-B 0", "starts"),
        ("-lr 0", "learning rate"),
        ("-lr -1", "learning rate"),
        ("-lr nan", "learning rate"),
        ("--seed -1", "seed"),
        ("--threads -1", "threads"),
        ("--backend tpu", "auto, c, cuda or numpy, not tpu"),
        ("--backend cuda", "cuda is not available: there is no GPU"),
        ("--optimizer adm", "lbfgs or adam, not adm: did you mean adam?"),
        ("--pedestal netural", "did you mean neutral?"),
        ("--preset bgoptimzer", "did you mean bgoptimizer?"),
        ("--cfa RGBG", "did you mean RGGB?"),
        ("--backend CUD", "did you mean cuda?"),
        ("--mode Divide", "did you mean divide?"),
        ("--protect storng", "did you mean strong?"),
        ("--sample-format flaot32", "did you mean float32?"),
        ("--overwite", "did you mean --overwrite"),
        ("--max-memory 2000", "2000 is not a size like 350MB or 2GB"),
        ("--gpu-memory much", "much is not a size like 350MB or 2GB"),
        ("--pedestal grey", "pedestal"),
        ("--pedestal inf", "finite"),
        ("--mode multiply", "subtract or divide, not multiply"),
        ("--mode divide --pedestal ancestor", "bgoptimizer"),
        ("-p -o here.xisf", "-p writes only a preview"),
        ("-p --model-output here.xisf", "-p writes only a preview"),
        ("-x", "; see fastbg run --help"),
        ("--frob", "no such option"),
        ("-N", "'-N' requires an argument"),
        ("out more", "unexpected extra argument"),
        ("-o sky.xisf", "also an input"),
        ("-o sky.xisf --overwrite", "also an input"),
        ("-o a.xisf --model-output a.xisf", "asked for twice"),
        ("--samples a.csv --samples b.csv", "--samples was given 2 times"),
        ("-o .", "is a directory"),
        ("--model-output .", "is a directory"),
        # Below a regular file: no permission lets even the superuser write there.
        ("sky.xisf/out", "cannot be written"),
        ("--preview-output sky.xisf/p.png", "cannot be written"),
        ("-p --preview-output sky.xisf/p.png", "cannot be written"),
    ],
)
def test_impossible_options(
    folder: Path, arguments: str, cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastbg.backends.cuda.unavailable", lambda: "there is no GPU")
    assert cause in refused(folder, "run", "sky.xisf", *arguments.split())


@pytest.mark.parametrize(
    "arguments",
    [
        "run sky.xisf --report --overwrite",
        "run sky.xisf -o -c",
        "run sky.xisf -m a.reg -m --quiet",
        "together -o --relative sky.xisf",
    ],
)
def test_no_option_is_the_value_of_another(folder: Path, arguments: str) -> None:
    words = arguments.split()
    at = max(n for n, word in enumerate(words) if word.startswith("-"))
    cause = f"{words[at - 1]} needs a value before {words[at]}, which is an option"
    assert refused(folder, *words) == f"fastbg: {cause}; see fastbg {words[0]} --help"


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        ("run", "missing argument"),
        ("runn sky.xisf", "no such command 'runn'. Did you mean 'run'?"),
        ("run sky.xisf --optimiser adam", "--optimizer"),
        ("sky.xisf out", "the command is missing before sky.xisf: try fastbg run sky.xisf"),
        ("--frob", "no such option"),
        ("preview sky.xisf -o sky.xisf", "also an input"),
        ("preview sky.xisf -N many", "many is not a whole number"),
        ("demo sky.xisf/demo", "cannot be written"),
        ("doctor all", "unexpected extra argument"),
    ],
)
def test_impossible_commands(folder: Path, arguments: str, cause: str) -> None:
    assert cause in refused(folder, *arguments.split())


@pytest.mark.parametrize(
    ("arguments", "existing"),
    [
        ("run bad.xisf", "bad_bgSubtracted.xisf"),
        ("run bad.xisf", "bad_bgModel.xisf"),
        ("run bad.xisf -o mine.xisf", "mine.xisf"),
        ("run bad.xisf --preview-output mine.png", "mine.png"),
        ("run bad.xisf -p", "bad_preview.png"),
        ("preview bad.xisf", "bad_preview.png"),
        ("fit bad.xisf", "bad_model.json"),
        ("demo .", "sky.xisf"),
    ],
)
def test_existing_outputs_are_refused_before_the_input_is_read(
    folder: Path, arguments: str, existing: str
) -> None:
    (folder / existing).write_text("mine")
    line = refused(folder, *arguments.split())
    assert f"{existing} already exists: add --overwrite or " in line


def test_a_batch_and_apply_name_the_option_that_replaces(folder: Path) -> None:
    fastbg("fit", "sky.xisf")
    (folder / "sky_bgSubtracted.xisf").write_text("mine")
    apply = ("apply", "sky_model.json", "sky.xisf")
    batch = ("batch", "sky.xisf", "--workers", "1")
    for command in (apply, batch, (*apply, "--events"), (*batch, "--json")):
        done = fastbg(*command)
        assert done.exit_code == 2
        assert "already exists: add --overwrite" in done.stderr
        if len(command) > 3 and command[-1].startswith("--"):
            assert "already exists: add --overwrite" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    ["run sky.xisf", "batch sky.xisf -o out", "fit x", "preview x", "apply m x", "demo"],
)
def test_a_current_folder_that_was_deleted_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: str
) -> None:
    def deleted() -> str:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr("os.getcwd", deleted)
    done = fastbg(*arguments.split())
    assert done.exit_code == 2
    assert done.stderr == (
        "fastbg: the current folder was deleted: change to another one, and try again\n"
    )
    assert fastbg("--help").exit_code == fastbg("-V").exit_code == 0


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("350MB", 350e6),
        ("2GB", 2e9),
        ("1Gb", 1e9),
        ("1g", 1e9),
        ("1.5 GiB", 1.5 * 2**30),
        ("1T", 1e12),
    ],
)
def test_sizes_are_understood_as_people_write_them(text: str, count: float) -> None:
    assert bytes_of(text) == count


@pytest.mark.parametrize("error", [RuntimeError("two\nlines"), MemoryError("8 GB")])
def test_unexpected_errors_are_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise error

    monkeypatch.setattr("fastbg.jobs.run.process_file", fail)
    monkeypatch.delenv("FASTBG_DEBUG", raising=False)
    result = fastbg("run", "sky.xisf")
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("fastbg: ")
    monkeypatch.setenv("FASTBG_DEBUG", "1")
    shown = "Traceback" in fastbg("run", "sky.xisf").stderr
    assert shown == isinstance(error, RuntimeError)


def test_a_reader_that_leaves_is_no_error() -> None:
    job = subprocess.Popen(
        [sys.executable, "-P", "-m", "fastbg.cli", "doctor"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert job.stdout
    job.stdout.close()
    job.stdout = None
    assert job.communicate(timeout=60)[1] == ""


@pytest.mark.skipif(os.name != "posix", reason="other systems send no such signals")
@pytest.mark.parametrize("number", [signal.SIGINT, slow(signal.SIGTERM)])
def test_a_stopped_fit_leaves_nothing(
    tmp_path: Path, rng: np.random.Generator, number: signal.Signals
) -> None:
    image, out = tmp_path / "sky.xisf", tmp_path / "out"
    xisf.write(image, simulate_sky((200, 300), rng).image)
    # The numpy evaluator at full resolution would need minutes.
    job = subprocess.Popen(
        [
            sys.executable,
            "-P",
            "-m",
            "fastbg.cli",
            "run",
            image,
            out,
            "-dx",
            "1",
            "--backend",
            "numpy",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert job.stderr
    for line in job.stderr:
        if line == "fit\n":
            job.send_signal(number)
            break
    _, errors = job.communicate(timeout=60)
    assert job.returncode == 128 + number
    assert errors == "fastbg: stopped; no unfinished file was left behind\n"
    assert contents(tmp_path).keys() == {"sky.xisf"}


@pytest.mark.skipif(os.name != "posix", reason="other systems send no such signals")
@pytest.mark.parametrize(
    "stop",
    [
        "with contextlib.suppress(BaseException): kill()",
        # As the locks of modules that are being imported have callbacks.
        "thing = type('Any', (), {})(); ref = weakref.ref(thing, lambda _: kill()); del thing",
    ],
)
def test_a_stop_that_is_swallowed_comes_back_with_the_next_step(stop: str) -> None:
    code = f"""
import contextlib, os, signal, weakref
from fastbg.cli.errors import exit_code
from fastbg.cli.progress import display
from fastbg.progress import Progress

def kill():
    os.kill(os.getpid(), signal.SIGTERM)

def command():
    {stop}
    with display(quiet=True) as progress:
        progress(Progress("fit", 1, 10))

raise SystemExit(exit_code(command))
"""
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert done.returncode == 128 + signal.SIGTERM
    assert done.stderr == "fastbg: stopped; no unfinished file was left behind\n"
