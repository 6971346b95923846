from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from cases import slow

from fastbg import Settings, SettingsError, process_file
from fastbg.coordinates import aligned, stars
from fastbg.io import xisf
from fastbg.jobs import memory
from fastbg.jobs.memory import MemoryNeeds
from fastbg.words import format_bytes
from packed import save

NEEDS = MemoryNeeds(
    (3, 4000, 6000), in_memory=0, packed=0, float32=True, settings=Settings(threads=2)
)


@pytest.fixture(scope="module")
def sky(tmp_path_factory):
    """Writes a simple sky, (K, H, W), band by band; returns its path."""

    def write(shape, compress=False):
        path = tmp_path_factory.mktemp("sky") / "sky.xisf"
        rng, step = np.random.default_rng(5), 100
        with xisf.create(path, shape, compress=compress) as target:
            for top in range(0, shape[1], step):
                rows = slice(top, min(top + step, shape[1]))
                band = rng.standard_normal((shape[0], rows.stop - top, shape[2]), np.float32)
                band *= 0.01
                band += 0.1 + 1e-5 * top
                target.write_rows(rows, band)
        return path

    return write


def peak_of(path, *options):
    """Peak and estimate, in bytes, of ``fastbg run`` in a process of its own."""
    command = [sys.executable, "-P", "-m", "fastbg.cli", "run", path, path.parent / "out"]
    options = ["--threads", "2", *options, "--overwrite"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=True)
    told = next(line for line in done.stderr.splitlines() if line.startswith("memory needed"))
    found = next(line for line in done.stdout.splitlines() if line.startswith("memory  "))
    return in_bytes(found), in_bytes(told)


def in_bytes(line):
    number, unit = next(
        pair for pair in zip(line.split(), line.split()[1:], strict=False) if pair[1] in UNITS
    )
    return float(number) * UNITS[unit]


UNITS = {"MB": 1e6, "GB": 1e9}


@pytest.mark.skipif(sys.platform == "win32", reason="no peak of the memory is told there")
@pytest.mark.parametrize(
    ("shape", "compressed", "options"),
    [
        ((3, 60, 80), False, []),
        ((3, 2500, 4000), False, []),
        ((1, 3000, 3000), False, ["-dx", "2", "-df", "mean"]),
        ((3, 1000, 1300), False, ["-c", "--pedestal", "ancestor"]),
        ((3, 800, 1200), False, ["-N", "400", "-e", "5", "--preview-output", "{}.png"]),
        slow((1, 100, 150), False, ["--preview-output", "{}.png"]),
        ((1, 5, 6), False, ["--preview-output", "{}.png"]),
        ((3, 810, 1080), True, ["--report", "{}.d", "-c"]),
        slow((3, 1500, 2000), True, []),
        slow((3, 2500, 4000), False, ["-dx", "4", "--report", "{}.d"]),
        slow((3, 1080, 1920), False, ["--report", "{}.d", "--threads", "12"]),
    ],
    ids=str,
)
def test_a_job_keeps_to_its_estimate(sky, shape, compressed, options):
    path = sky(shape, compressed)
    peak, estimate = peak_of(path, *(option.format(path) for option in options))
    assert 0.5 * estimate < peak <= estimate


@pytest.mark.skipif(sys.platform == "win32", reason="no peak of the memory is told there")
@pytest.mark.parametrize(
    "shape", [slow((1, 458, 687)), slow((1, 520, 337)), (1, 240, 2080)], ids=str
)
def test_the_estimate_knows_the_matrices_of_the_search(tmp_path, shape):
    """Thousands of cells, and a sky for which all candidates are tried."""
    rng = np.random.default_rng(3)
    _, height, width = shape
    y, x = np.mgrid[:height, :width]
    nebula = np.exp(-8 * ((y / height - 0.5) ** 2 + (x / width - 0.4) ** 2))
    image = rng.normal(0.1, 0.005, (height, width)) + 0.2 * nebula + 1e-5 * x
    xisf.write(tmp_path / "sky.xisf", image[..., np.newaxis].astype(np.float32))
    peak, estimate = peak_of(tmp_path / "sky.xisf", "-dx", "8")
    assert estimate / 1.35 < peak <= estimate


@pytest.fixture(scope="module")
def uncompressed(sky):
    """The peak of a job on (2000, 3000, 3) float32 that is not compressed, 72 MB, in bytes."""
    return peak_of(sky((3, 2000, 3000)), "--no-model")[0]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no peak of the memory is told there")
def test_no_compressed_image_comes_into_memory(tmp_path, uncompressed):
    found = {}
    for path in save(tmp_path, (2000, 3000)):
        # A strip by LZW is the one thing that no library decompresses in pieces.
        if not path.name.startswith("lzw_strip_"):
            peak, estimate = peak_of(path, "--no-model", "-o", f"{path}.xisf")
            assert 0.5 * estimate < peak <= estimate, path.name
            found[path.name] = peak
    assert len(found) == 24
    # Beside the image there is the library of its format.
    assert max(found.values()) < uncompressed + 45e6, found


@pytest.mark.skipif(sys.platform == "win32", reason="no peak of the memory is told there")
@pytest.mark.parametrize(
    "options",
    [["-c"], slow(["-c", "-o", "{}.tif"]), slow(["-o", "{}.fits.fz"]), slow(["-o", "{}.fits.gz"])],
    ids=str,
)
def test_no_compressed_output_comes_into_memory(sky, uncompressed, options):
    path = sky((3, 2000, 3000))
    peak, estimate = peak_of(path, "--no-model", *(option.format(path) for option in options))
    assert 0.5 * estimate < peak <= estimate
    assert peak < uncompressed + 40e6


@pytest.mark.skipif(sys.platform == "win32", reason="no peak of the memory is told there")
def test_memory_hardly_grows_with_the_image(sky):
    small, _ = peak_of(sky((3, 1000, 2000)))
    large, _ = peak_of(sky((3, 6000, 2000)))
    assert large < small + 25e6  # the larger file has 120 MB more


def test_the_estimate_grows_with_what_takes_memory():
    plain = NEEDS.bytes_needed()
    assert plain < 200e6
    for more in (
        replace(NEEDS, in_memory=10**8),
        replace(NEEDS, packed=10**9),
        replace(NEEDS, draws=True),
        replace(NEEDS, in_tiles=True),
        replace(NEEDS, settings=Settings(threads=16)),
        replace(NEEDS, settings=Settings(threads=2, downscaling_factor=1)),
    ):
        assert more.bytes_needed() > plain + 10**7


@pytest.mark.parametrize(
    ("needs", "limit", "cure"),
    [
        (
            replace(NEEDS, compress=True, in_tiles=True),
            NEEDS.bytes_needed(),
            "leave compressing out",
        ),
        (replace(NEEDS, draws=True), 200e6, "leave the preview and the report out"),
        (replace(NEEDS, settings=Settings(threads=64)), 300e6, "use 1 thread"),
        (
            replace(NEEDS, settings=Settings(threads=1, downscaling_factor=1)),
            800e6,
            "use a downscaling factor of 2",
        ),
        (replace(NEEDS, in_memory=3 * 10**8), 200e6, "save the input uncompressed"),
        (replace(NEEDS, packed=3 * 10**8), 200e6, "save the input uncompressed"),
        (NEEDS, 50e6, f"allow {format_bytes(NEEDS.bytes_needed())}"),
    ],
)
def test_a_refusal_says_what_would_do(needs, limit, cure):
    with pytest.raises(SettingsError, match=cure) as e:
        needs.check(int(limit))
    assert "\n" not in str(e.value)


def test_the_estimate_knows_the_size_of_a_reference():
    """It may have more channels, and many times the pixels, of which a part is held."""
    small = replace(NEEDS, shape=(1, 2000, 3000), coordinates=True)
    shapes = (1, 400, 500), (1, 2000, 3000), (3, 1000, 1500), (3, 8160, 12240)
    needed = [replace(small, reference=shape).bytes_needed() for shape in shapes]
    assert small.bytes_needed() < needed[0]
    assert needed == sorted({*needed})
    assert needed[-1] - needed[0] < 150e6
    assert memory.STAR_PIXELS == stars.LARGEST
    assert memory.HELD == aligned.HELD


def test_limits_that_are_kept_are_no_obstacle():
    NEEDS.check(None)
    NEEDS.check(NEEDS.bytes_needed())


def test_nothing_is_decompressed_or_written_for_a_refused_job(sky, tmp_path):
    path = sky((3, 300, 400), compress=True)
    path.write_bytes(path.read_bytes()[:-1000] + bytes(1000))  # would be found when it is read
    seen = []
    with pytest.raises(SettingsError, match="are allowed"):
        process_file(path, output_dir=tmp_path / "out", max_memory=1000, progress=seen.append)
    assert {p.stage for p in seen} == {"read"}
    assert not list(tmp_path.iterdir())


def test_the_estimate_is_told_before_anything_is_done(sky, tmp_path):
    seen = []
    process_file(
        sky((1, 80, 90)),
        output_dir=tmp_path,
        downscaling_factor=2,
        max_memory=10**9,
        progress=seen.append,
    )
    assert [p.memory is not None for p in seen[:3]] == [False, True, False]
    assert seen[1].stage == "read"
