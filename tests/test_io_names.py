"""One notion of a stem: every file that a job writes is called after its input."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from cases import some
from typer.testing import CliRunner

from fastbg import process_files
from fastbg.cli.app import app
from fastbg.io import fits, formats, names, tiff, xisf
from fastbg.io.names import default_name, split_suffix, told_format
from fastbg.jobs.inputs import Inputs
from fastbg.simulate import simulate_sky

NAMES = [
    ("z.fits", "z", ".fits", ("FITS", "none")),
    ("z.fits.gz", "z", ".fits.gz", ("FITS", "gzip")),
    ("z.fts.fz", "z", ".fts.fz", ("FITS", "tiles")),
    ("z.FIT.GZ", "z", ".FIT.GZ", ("FITS", "gzip")),
    ("Z.XISF", "Z", ".XISF", ("XISF", "none")),
    ("m31.2024-11-28.fits.gz", "m31.2024-11-28", ".fits.gz", ("FITS", "gzip")),
    ("f8.0 300s.tif", "f8.0 300s", ".tif", ("TIFF", "none")),
    ("z.tar.gz", "z.tar", ".gz", None),
    ("z.tif.gz", "z.tif", ".gz", None),
    ("z.xisf.fz", "z.xisf", ".fz", None),
    ("z.gz", "z", ".gz", None),
    ("z", "z", "", None),
    (".fits", ".fits", "", None),
]


@pytest.mark.parametrize(("name", "stem", "suffix", "told"), NAMES)
def test_a_name_is_its_stem_and_its_suffix(name, stem, suffix, told):
    path = Path("some.folder", name)
    assert split_suffix(path) == (stem, suffix)
    assert told_format(path) == told
    assert default_name(path, "out", "bgModel") == Path("out", f"{stem}_bgModel{suffix}")
    assert default_name(path, "out", "preview", ".png") == Path("out", f"{stem}_preview.png")
    assert names.stem(path) == stem


@pytest.fixture(scope="module")
def sky():
    return simulate_sky((40, 60), np.random.default_rng(3)).image


def save(path: Path, sky: np.ndarray) -> None:
    """Write an image in the format that its name tells."""
    kind, packing = told_format(path)
    planes = np.moveaxis(sky, 2, 0)
    if kind == "FITS":
        writer = fits.create(path, planes.shape, packing=packing)
    elif kind == "TIFF":
        writer = tiff.create(path, planes.shape)
    else:
        writer = xisf.create(path, planes.shape)
    with writer as target:
        target.write_rows(slice(None), planes)


def fastbg(*arguments: object) -> None:
    done = CliRunner().invoke(app, [*map(str, arguments), "-q"], prog_name="fastbg")
    assert (done.exit_code, done.stdout) == (0, ""), done.output


@pytest.mark.parametrize(
    "name", some(["Z.1.FITS.FZ"], ["z.fits.gz", "Z.1.FITS.FZ", "z.v2.tif", "z.b.XISF"])
)
def test_all_files_of_an_image_have_its_stem(tmp_path, monkeypatch, sky, name):
    monkeypatch.chdir(tmp_path)
    stem, suffix = split_suffix(Path(name))
    Path("in").mkdir()
    save(Path("in", name), sky)
    image = Path("in", name)
    fastbg("run", image, "run", "--report", "run")
    fastbg("run", image, "run", "-p")
    fastbg("preview", image)
    fastbg("fit", image)
    fastbg("apply", f"{stem}_model.json", image, "-o", "apply")
    process_files([image], output_dir="batch", workers=1)
    written = {str(path) for path in Path().rglob("*") if path.is_file()}
    assert {path for path in written if not path.startswith(("in/", "batch/.fastbg-batch"))} == {
        *(f"run/{stem}_{what}{suffix}" for what in ("bgSubtracted", "bgModel")),
        *(f"run/{stem}_{what}" for what in ("report.html", "report.json", "preview.png")),
        f"{stem}_preview.png",
        f"{stem}_model.json",
        f"apply/{stem}_bgSubtracted{suffix}",
        *(f"batch/{stem}_{what}{suffix}" for what in ("bgSubtracted", "bgModel")),
    }
    report = json.loads(Path("run", f"{stem}_report.json").read_text(encoding="utf-8"))
    assert report["outputs"]["corrected"] == str(Path("run", f"{stem}_bgSubtracted{suffix}"))


def test_a_folder_is_searched_for_names_that_tell_a_format(tmp_path, sky):
    names = ["a.fits", "b.FITS.GZ", "c.fit.fz", "d.tiff", "e.XISF"]
    for name in [*names, "f.tar.gz", "g.tif.gz", "h.gz", "i.png", ".j.fits"]:
        (tmp_path / name).touch()
    found = Inputs([str(tmp_path)]).find()
    assert [path.name for path in found.images] == names


def test_only_names_of_fits_files_say_that_the_file_is_compressed(tmp_path, sky):
    for name in ("a.tif.gz", "a.xisf.fz", "a.gz"):
        with pytest.raises(Exception, match="tells no format"):
            formats.check_name(tmp_path / name, False)
