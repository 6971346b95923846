"""The formats behind one face: what comes in goes out, but for the pixels that were changed."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits as astropy_fits
from cases import diagonal
from typer.testing import CliRunner

from fastbg import Settings, apply_model, fit_file, load_preset, process_file
from fastbg.cli.app import app
from fastbg.errors import InputError, OutputError
from fastbg.image.stretch import Stretch
from fastbg.io import formats, xisf
from fastbg.model.model import BackgroundModel
from fastbg.spline.spline import Spline

OPTIONS = {"control_points": 9, "initializer": "grid", "downscaling_factor": 4, "epochs": 30}
REAL = sorted(
    {
        "a370_cfht_i16.fits",
        "barnard_calibrated.fits",
        "eso085-030_u16.fit",
        "hale_bopp_emmi.fits",
        "lco_mef4_u16.fits",
        "m51_ccd.fits",
        "m94_32x10s_rgb_f32.fits",
        "m94_seestar_raw_cfa_u16.fit",
        "ngc4492_asi1600.fits",
        "panoptes_cfa_rice.fits.fz",
        "psr_j1740_isaac.fits",
        "tetra3_streak_u16.tiff",
    }
)


def flat_model(channels: int, shape: tuple[int, int]) -> BackgroundModel:
    """A background that is the same everywhere: taking it out changes nothing."""
    spline = Spline(np.full((1, 2), 0.5), np.zeros((1, channels)), np.zeros((3, channels)), 2)
    stretch = Stretch(*(np.full(channels, value) for value in (0.001, 0.5, 0.3)), 0.25)
    return BackgroundModel(spline, stretch, shape)


def pixels(path: Path) -> np.ndarray:
    with formats.open_image(path) as image:
        return image.to_array()


def taken_out(path: Path, folder: Path, **options: object) -> Path:
    """The file after a flat background was taken out of it, with the samples that came in."""
    with formats.open_image(path) as image:
        channels = 3 if image.cfa else image.shape[0]
    report = apply_model(
        flat_model(channels, (8, 8)), path, output_dir=folder, sample_format="same", **options
    )
    return Path(report["outputs"]["corrected"])


def cards(unit: object) -> list[str]:
    header = unit.header.copy()  # type: ignore[attr-defined]
    header.remove("HISTORY", ignore_missing=True, remove_all=True)
    # astropy has no EXTEND in compressed images.
    for name in ("CHECKSUM", "DATASUM", "EXTEND"):
        header.remove(name, ignore_missing=True)
    return header.tostring(sep="\n", padding=False).split("\n")


@pytest.mark.filterwarnings("ignore::astropy.io.fits.verify.VerifyWarning")
@pytest.mark.parametrize("name", [name for name in REAL if ".fit" in name])
def test_real_fits_files_differ_in_history_alone(shared_data, tmp_path, name):
    path = shared_data / name
    output = taken_out(path, tmp_path)
    assert output.name == name.replace(".fit", "_bgSubtracted.fit", 1)
    with astropy_fits.open(path) as before, astropy_fits.open(output) as after:
        assert len(before) == len(after)
        for one, other in zip(before, after, strict=True):
            assert cards(one) == cards(other)
            assert type(one) is type(other)
            assert repr(one.data) == repr(other.data)
            if isinstance(one.data, np.ndarray):
                assert one.data.tobytes() == other.data.tobytes()
        said = [str(line) for unit in after for line in unit.header.get("HISTORY", [])]
        assert any("fastbg settings: " in line for line in said)
    if not name.endswith(".fz"):
        # Outside of the header that has the history, not one byte differs.
        old, new = (np.frombuffer(file.read_bytes(), "u1") for file in (path, output))
        size = min(old.size, new.size)
        differing = old[::-1][:size] != new[::-1][:size]
        kept = old.size - (differing.argmax() if differing.any() else size)
        assert kept <= 2880 * 20


@pytest.mark.parametrize(("name", "sample_format"), diagonal(REAL, ["float32", "same"]))
def test_real_files_are_worked_on(shared_data, tmp_path, name, sample_format):
    result = process_file(
        shared_data / name, output_dir=tmp_path, sample_format=sample_format, **OPTIONS
    )
    before = pixels(shared_data / name).astype(np.float64)
    after, model = (
        pixels(Path(result.report["outputs"][key])) for key in ("corrected", "background")
    )
    assert after.shape == model.shape == before.shape
    if sample_format == "same":
        assert after.dtype == pixels(shared_data / name).dtype
    inside = np.ones(before.shape[:2], bool)
    for box in result.report["image"].get("border", {"boxes": []})["boxes"]:
        inside[box["top"] : box["bottom"], box["left"] : box["right"]] = False
    assert (after[~inside] == before[~inside]).all()
    # In the units of the file: the model lies within it, and the rest is the difference.
    if not name.endswith(".tiff"):
        assert np.nanmin(before) <= np.median(model) <= np.nanmax(before)
        part = model[inside] - np.median(model[inside], axis=0)
        change = np.median(np.abs((before - after)[inside] - part))
        noise = np.nanpercentile(before, 75) - np.nanpercentile(before, 25)
        assert change <= max(1, noise) if "cfa" in name else change <= 1e-3 * noise + 1


@pytest.mark.parametrize("name", ["m94_32x10s_rgb_f32.fits", "tetra3_streak_u16.tiff"])
def test_pixels_equal_bit_for_bit_with_the_same_samples(shared_data, tmp_path, name):
    output = taken_out(shared_data / name, tmp_path)
    assert pixels(output).tobytes() == pixels(shared_data / name).tobytes()


@pytest.fixture
def sky(tmp_path, rng):
    """A float image with a gradient, and a keyword of each kind."""
    path = tmp_path / "sky.fits"
    y, x = np.mgrid[:60, :80]
    planes = 0.1 + 0.001 * x + 0.0005 * y + rng.normal(0, 0.005, (3, 60, 80))
    unit = astropy_fits.PrimaryHDU(planes.astype(np.float32))
    unit.header["OBJECT"] = ("M 94", "what it is")
    unit.header["EXPTIME"] = 10.5
    unit.header["NCOMBINE"] = 32
    unit.header["FOCUSED"] = True
    unit.header["LONGTEXT"] = "it's " + "long " * 30
    unit.header["HIERARCH ESO DET NAME"] = "ccd"
    unit.header["COMMENT"] = "taken through thin cloud"
    unit.writeto(path)
    return path


def keywords(path: Path) -> dict[str, object]:
    with astropy_fits.open(path) as units:
        header = units[-1].header
        names = ("OBJECT", "EXPTIME", "NCOMBINE", "FOCUSED", "LONGTEXT", "ESO DET NAME")
        return {
            **{name: header[name] for name in names},
            "COMMENT": str(header["COMMENT"]),
            "what": header.comments["OBJECT"],
        }


def test_keywords_go_from_fits_to_xisf_and_back(tmp_path, sky):
    process_file(sky, output=tmp_path / "there.xisf", model_output=tmp_path / "m.fits", **OPTIONS)
    said = {item.name: item for item in xisf.read(tmp_path / "there.xisf").header.keywords}
    assert said["OBJECT"] == ("OBJECT", "'M 94'", "what it is")
    assert said["EXPTIME"].value == "10.5"
    assert "NAXIS" not in said
    model = flat_model(3, (60, 80))
    apply_model(model, tmp_path / "there.xisf", output=tmp_path / "back.fits")
    assert keywords(tmp_path / "back.fits") == keywords(sky)
    np.testing.assert_array_equal(pixels(tmp_path / "back.fits"), pixels(tmp_path / "there.xisf"))


@pytest.mark.parametrize(
    "suffix", ["fits", "fit", "fts", "fits.gz", "fits.fz", "tif", "xisf", "FITS"]
)
def test_the_name_of_an_output_tells_its_format(tmp_path, sky, suffix):
    output, model = tmp_path / f"out.{suffix}", tmp_path / f"model.{suffix}"
    process_file(sky, output=output, model_output=model, **OPTIONS)
    process_file(sky, output_dir=tmp_path / "plain", **OPTIONS)
    np.testing.assert_array_equal(pixels(output), pixels(tmp_path / "plain/sky_bgSubtracted.fits"))
    np.testing.assert_array_equal(pixels(model), pixels(tmp_path / "plain/sky_bgModel.fits"))
    start = output.read_bytes()[:4]
    assert start == {"tif": b"II*\0", "xisf": b"XISF", "fits.gz": b"\x1f\x8b\x08\x00"}.get(
        suffix, b"SIMP"
    )


def test_what_is_packed_stays_packed(tmp_path, sky):
    packed = tmp_path / "sky.fits.gz"
    packed.write_bytes(gzip.compress(sky.read_bytes()))
    output = taken_out(packed, tmp_path)
    assert output.name == "sky_bgSubtracted.fits.gz"
    np.testing.assert_array_equal(pixels(output), pixels(sky))
    assert keywords(output) == keywords(sky)


def test_one_job_gives_the_same_in_every_format(tmp_path, rng):
    counts = (6000 + 20 * np.arange(80) + rng.normal(0, 50, (3, 60, 80))).astype(np.uint16)
    astropy_fits.PrimaryHDU(counts).writeto(tmp_path / "a.fits")
    import tifffile

    tifffile.imwrite(tmp_path / "a.tif", np.moveaxis(counts, 0, 2), photometric="rgb")
    with xisf.create(tmp_path / "a.xisf", counts.shape, dtype=np.uint16) as target:
        target.write_rows(slice(0, 60), counts)
    found = {}
    for suffix in ("fits", "tif", "xisf"):
        result = process_file(tmp_path / f"a.{suffix}", output_dir=tmp_path, **OPTIONS)
        found[suffix] = result.losses, pixels(tmp_path / f"a_bgSubtracted.{suffix}")
    for losses, corrected in found.values():
        np.testing.assert_array_equal(losses, found["xisf"][0])
        scale = 65535 if corrected.max() > 1 else 1
        np.testing.assert_allclose(corrected / scale, found["xisf"][1], rtol=1e-6)
    assert found["fits"][1].max() > 1, "FITS files keep their counts"


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(20), "is a PNG file"),
        (b"\xff\xd8\xff\xe0" + bytes(20), "is a JPEG file"),
        (b"", "not an XISF, FITS or TIFF file"),
        (b"random rubbish, long enough for a header", "not an XISF, FITS or TIFF file"),
        (b"II*\0" + bytes(20), "TIFF"),
        (b"\x1f\x8b" + bytes(20), "cannot be"),
        (gzip.compress(b"no FITS file", mtime=0), "not a FITS file"),
        (gzip.compress(bytes(100000), mtime=0)[:60], "cannot be decompressed"),
    ],
)
def test_other_files_are_refused_in_one_line(tmp_path, content, cause):
    path = tmp_path / "image.fits"
    path.write_bytes(content)
    with pytest.raises(InputError, match=cause) as caught:
        formats.open_image(path)
    assert str(caught.value).startswith(f"{path} ")
    assert "\n" not in str(caught.value)


def test_a_format_without_such_samples_is_refused(tmp_path):
    data = np.random.default_rng(0).integers(1, 3000, (60, 80)).astype(np.int16)
    astropy_fits.PrimaryHDU(data).writeto(tmp_path / "i16.fits")
    with pytest.raises(OutputError, match="no samples of type int16"):
        process_file(
            tmp_path / "i16.fits", output=tmp_path / "a.xisf", sample_format="same", **OPTIONS
        )
    assert not (tmp_path / "a.xisf").exists()


def test_failing_jobs_leave_nothing_in_any_format(tmp_path, sky):
    def stop(progress):
        return progress.stage != "correct"

    from fastbg.errors import Cancelled

    before = {path.name for path in tmp_path.iterdir()}
    for suffix in ("fits", "fits.gz", "fits.fz", "tif"):
        with pytest.raises(Cancelled):
            process_file(
                sky,
                output=tmp_path / f"a.{suffix}",
                model_output=tmp_path / f"b.{suffix}",
                progress=stop,
                **OPTIONS,
            )
    assert {path.name for path in tmp_path.iterdir()} == before


@pytest.mark.skipif(not shutil.which("siril-cli"), reason="siril-cli is not installed")
@pytest.mark.parametrize("suffix", ["fits", "fits.fz", "tif"])
def test_siril_opens_the_outputs(tmp_path, sky, suffix):
    import subprocess

    process_file(
        sky, output=tmp_path / f"out.{suffix}", model_output=tmp_path / "m.fits", **OPTIONS
    )
    script = tmp_path / "stat.ssf"
    script.write_text(f"requires 1.0.0\ncd {tmp_path}\nload out.{suffix}\nstat\nsave again\n")
    done = subprocess.run(
        ["siril-cli", "-s", str(script)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout
    again = next(path for path in tmp_path.glob("again.fit*"))
    np.testing.assert_allclose(
        np.sort(pixels(again), axis=None), np.sort(pixels(tmp_path / f"out.{suffix}"), axis=None)
    )


@pytest.mark.parametrize("suffix", ["fits", "fits.fz", "tif", "xisf"])
def test_a_job_is_replayed_from_its_output(tmp_path, sky, suffix):
    output = tmp_path / f"out.{suffix}"
    options = OPTIONS | {"quantile": 0.9321234567891, "pedestal": "neutral", "feather": 3.5}
    first = process_file(sky, output=output, model_output=tmp_path / "m.fits", **options)
    settings = load_preset(output)
    assert settings == Settings(**options)
    again = process_file(sky, output_dir=tmp_path / "again", settings=settings)
    np.testing.assert_array_equal(again.losses, first.losses)


def test_fit_and_apply_across_formats(tmp_path, sky):
    fit_file(sky, tmp_path / "model.json", **OPTIONS)
    done = CliRunner().invoke(
        app,
        ["apply", str(tmp_path / "model.json"), str(sky), "-o", str(tmp_path / "out"), "--json"],
    )
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)[0]["outputs"]["corrected"].endswith("sky_bgSubtracted.fits")
