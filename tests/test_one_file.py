"""The one file that needs no Python, as packaging/build.py makes it: it does what the package does.

These tests run where it was built, or where FASTBG_ONE_FILE names it. One of them is in a Debian
without Python and without a network, which debootstrap makes as root; FASTBG_CHROOT names the
folder of one that is there already.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import pytest
import tifffile
from astropy.io import fits
from PIL import Image
from xisf import XISF

import fastbg
from fastbg.io import formats
from fastbg.simulate import simulate_sky

ROOT = Path(__file__).resolve().parents[1]
NAME = "fastbg.exe" if sys.platform == "win32" else "fastbg"
ONE_FILE = Path(os.environ.get("FASTBG_ONE_FILE", ROOT / "dist" / "one-file" / NAME)).resolve()
MEGABYTES = 80

pytestmark = [
    pytest.mark.onefile,
    pytest.mark.skipif(
        not ONE_FILE.exists(), reason="not built: python packaging/build.py, or FASTBG_ONE_FILE"
    ),
]

Environment = dict[str, str]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Without what leads to this Python, and with a folder of its own to unpack in."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return kept | {"FASTBG_UNPACK": str(tmp_path_factory.mktemp("unpacked"))}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The same sky in each format."""
    image = simulate_sky((96, 128), np.random.default_rng(5)).image.astype(np.float32)
    for codec in ("zstd", "lz4hc"):
        XISF.write(str(tmp_path / f"{codec}.xisf"), image, codec=codec)
    fits.writeto(tmp_path / "plain.fits", np.moveaxis(image, -1, 0))
    tiles = fits.CompImageHDU(image[..., 0], compression_type="RICE_1")
    tiles.writeto(tmp_path / "tiles.fits.fz")
    integers = (image.clip(0, 1) * 65535).astype(np.uint16)
    tifffile.imwrite(tmp_path / "in.tif", integers, photometric="rgb")
    for codec in ("lzw", "deflate", "zstd", "lzma", "packbits"):
        name = tmp_path / f"{codec}.tif"
        predictor = codec not in ("packbits",)
        tifffile.imwrite(name, integers, photometric="rgb", compression=codec, predictor=predictor)
    Image.fromarray((np.arange(128) > 30).astype(np.uint8)[None].repeat(96, 0) * 255).save(
        tmp_path / "mask.png"
    )
    (tmp_path / "mask.reg").write_text("image\ncircle(64, 48, 20)\nbox(20,20,10,10,30)\n")
    return tmp_path


def run(environment: Environment, *command: object, **more: object) -> str:
    """What the one file prints."""
    words = [str(word) for word in command]
    more = {"executable": str(ONE_FILE), "check": True, **more}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, **more)
    return done.stdout


def corrected(path: Path) -> bytes:
    """All samples of an image, and nothing else."""
    with formats.open_image(path) as image:
        image.load()
        return image.read_rows(slice(0, image.shape[1])).tobytes()


def test_its_size_and_its_checksum() -> None:
    from hashlib import sha256

    assert ONE_FILE.stat().st_size <= MEGABYTES * 1e6
    told = ONE_FILE.with_name(f"{ONE_FILE.name}.sha256").read_text("utf-8")
    assert told == f"{sha256(ONE_FILE.read_bytes()).hexdigest()}  {ONE_FILE.name}\n"


def test_it_has_the_version_of_the_package(environment: Environment) -> None:
    assert run(environment, "fastbg", "--version") == f"fastbg {fastbg.__version__}\n"


def test_doctor_tells_that_it_is_the_one_file(environment: Environment) -> None:
    found = json.loads(run(environment, "fastbg", "doctor", "--json"))
    assert found["one_file"] is True
    assert found["backends"]["c"]["available"]
    assert "one file" in found["backends"]["cuda"]["detail"]
    assert found["packages"]["astropy"]
    assert "as one file" in run(environment, "fastbg", "doctor")


IMAGES = (
    *("zstd.xisf", "lz4hc.xisf", "plain.fits", "tiles.fits.fz", "in.tif", "lzw.tif"),
    *("deflate.tif", "zstd.tif", "lzma.tif", "packbits.tif"),
)


@pytest.mark.parametrize("name", IMAGES)
def test_each_format_gives_the_result_of_the_package(
    environment: Environment, folder: Path, name: str
) -> None:
    run(environment, "fastbg", "run", folder / name, folder / "one", "--no-model")
    (written,) = (folder / "one").iterdir()
    fastbg.process_file(folder / name, output_dir=folder / "package")
    assert corrected(written) == corrected(folder / "package" / written.name)


@pytest.mark.parametrize(
    "options",
    [
        ("-m", "mask.png", "--feather", "5"),
        ("-m", "mask.reg"),
        ("--preset", "bgoptimizer"),
        ("--preview-output", "look.png", "--report", "page"),
        ("-c",),
        ("--samples", "samples.csv"),
    ],
    ids=" ".join,
)
def test_what_loads_further_packages(
    environment: Environment, folder: Path, options: tuple[str, ...]
) -> None:
    run(environment, "fastbg", "samples", "zstd.xisf", "-o", "samples.csv", cwd=folder)
    run(environment, "fastbg", "run", "zstd.xisf", "out", *options, cwd=folder)
    assert list((folder / "out").iterdir())


def test_a_model_is_applied_and_brought_to_another_sky(
    environment: Environment, folder: Path
) -> None:
    run(environment, "fastbg", "fit", "zstd.xisf", "-o", "model.json", cwd=folder)
    run(environment, "fastbg", "apply", "model.json", "in.tif", "--rescale", cwd=folder)


def test_cuda_is_refused_with_the_reason(environment: Environment, folder: Path) -> None:
    command = ["fastbg", "run", "zstd.xisf", "out", "-N", "8", "--backend", "cuda"]
    with pytest.raises(subprocess.CalledProcessError) as refused:
        run(environment, *command, cwd=folder)
    assert "the one file cannot have it" in refused.value.stderr
    assert refused.value.stderr.count("\n") == 1


def test_a_batch_runs_in_several_processes(environment: Environment, folder: Path) -> None:
    command = ["fastbg", "batch", "lzw.tif", "in.tif", "plain.fits", "-o", "out", "--workers", "2"]
    run(environment, *command, cwd=folder)
    assert len(list((folder / "out").glob("*_bgSubtracted*"))) == 3


@pytest.mark.parametrize("name", ["GraXpert", "GraXpert-linux", "fastbg-graxpert"])
def test_by_the_name_of_graxpert_it_has_its_command_line(
    environment: Environment, folder: Path, name: str
) -> None:
    path = folder / (name + ONE_FILE.suffix)
    shutil.copy(ONE_FILE, path)
    command = [path, "-cmd", "background-extraction", "in.tif", "-cli", "-smoothing", "0.1"]
    told = run(environment, *command, cwd=folder, executable=str(path))
    assert "Progress: 100 %" in told
    assert (folder / "in_GraXpert.fits").exists()
    assert "fastbg" in run(environment, path, "-v", executable=str(path))


@pytest.fixture
def page(environment: Environment, folder: Path) -> Iterator[str]:
    """The address of the live page of an image."""
    command = [ONE_FILE, "live", folder / "zstd.xisf", "--no-browser"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        yield server.stdout.readline().strip()
        server.terminate()


def test_the_live_page(page: str) -> None:
    document = urlopen(page).read().decode()
    (module,) = re.findall(r'<script[^>]*src="([^"]+)"', document)
    assert b"import" in urlopen(page + module).read()


def test_completion(environment: Environment) -> None:
    if shutil.which("bash"):
        told = run(environment, "bash", "-c", f"{ONE_FILE} --show-completion; :", executable=None)
        assert "_fastbg_completion" in told
    asked = {"_FASTBG_COMPLETE": "complete_bash", "COMP_WORDS": "fastbg pre", "COMP_CWORD": "1"}
    assert {"preview", "presets"} <= set(run(environment | asked, "fastbg").split())


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a Debian that has next to nothing, and surely no Python."""
    if sys.platform != "linux" or os.geteuid():
        pytest.skip("a chroot needs root on Linux")
    made = os.environ.get("FASTBG_CHROOT")
    if not made and not shutil.which("debootstrap"):
        pytest.skip("debootstrap is not installed")
    folder = Path(made) if made else tmp_path_factory.mktemp("debian")
    if not made:
        command = ["debootstrap", "--variant=minbase", "bookworm", folder]
        subprocess.run(command, check=True, capture_output=True)
    assert not list(folder.glob("usr/bin/python*"))
    return folder


def test_in_a_debian_without_python_and_without_a_network(debian: Path, folder: Path) -> None:
    own = debian / "opt" / "fastbg-test"
    shutil.rmtree(own, ignore_errors=True)
    shutil.copytree(folder, own)
    shutil.copy(ONE_FILE, own / "fastbg")
    (own / "GraXpert").symlink_to("fastbg")
    script = """
        cd /opt/fastbg-test
        ./fastbg --version
        for image in *.xisf *.fits *.fz *.tif; do ./fastbg run "$image" out --overwrite -q; done
        ./fastbg batch lzw.tif in.tif -o batch --workers 2
        ./fastbg run zstd.xisf masked -m mask.reg --report masked
        ./GraXpert in.tif -cli -cmd background-extraction -output result -bg
        ./fastbg live zstd.xisf --no-browser --stay 1 > live & live=$!
        until grep -q http live; do sleep 0.1; done; kill -INT $live
    """
    command = ["unshare", "-n", "chroot", debian, "/usr/bin/env", "-i", "HOME=/root"]
    command += ["PATH=/usr/bin:/bin", "/bin/sh", "-euc", script]
    try:
        subprocess.run(command, check=True, timeout=300)
        written = {path.name for path in own.rglob("*") if path.is_file()}
    finally:
        shutil.rmtree(own)
    assert {"result.fits", "result_background.fits", "plain_bgSubtracted.fits"} <= written
    assert {"zstd_report.html", "lzw_bgSubtracted.tif"} <= written
