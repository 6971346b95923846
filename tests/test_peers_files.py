"""Files that other programs write, and our files as other programs judge them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tifffile
from astropy.io import fits as astropy_fits
from cases import diagonal

from fastbg.errors import InputError
from fastbg.io.formats import Output, open_image

SHAPE = (64, 50)


def tool(name):
    """The path of a program of Debian, where it is installed."""
    return shutil.which(name) or pytest.skip(f"{name} is not installed")


def problems(path, *options):
    """The count of the errors and warnings of fitsverify, and all that it says."""
    said = subprocess.run([tool("fitsverify"), *options, path], capture_output=True, text=True)
    return said.returncode, said.stdout


def written(source, target, same=False, change=0.0):
    """Write an image with its samples, as a job would."""
    with open_image(source) as image:
        image.load()
        output = Output(target, image, same=same)
        planes = image.read_rows(slice(None)).astype(output.samples.dtype) + change
        with output.create(target, ["a line of history", "x" * 100]) as rows:
            rows.write_rows(slice(0, image.shape[1]), planes.astype(output.samples.dtype))
    return target


def stored(dtype, shape=SHAPE):
    numbers = np.random.default_rng(0).integers(900, 1000, shape)
    return numbers.astype(dtype) if np.dtype(dtype).kind != "f" else (numbers / 1024).astype(dtype)


def primary(path, dtype, shape=SHAPE):
    unit = astropy_fits.PrimaryHDU(stored(dtype, shape))
    unit.header["OBJECT"] = "M 94"
    unit.writeto(path, checksum=True)


def extension(path, dtype, shape=SHAPE):
    units = [astropy_fits.PrimaryHDU(), astropy_fits.ImageHDU(stored(dtype, shape), name="SCI")]
    units[0].header["OBSERVER"] = "nobody"
    astropy_fits.HDUList(units).writeto(path, checksum=True)


def compressed(path, option="-r"):
    subprocess.run([tool("fpack"), option, path], check=True)
    return Path(f"{path}.fz")


KINDS = [".fits", ".fits.gz", ".fits.fz"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("same", [False, True], ids=["float32", "same"])
@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "u4", "f4"])
@pytest.mark.parametrize("make", [primary, extension])
def test_fitsverify_accepts_what_comes_from_fits(tmp_path, make, dtype, same, kind):
    make(tmp_path / "a.fits", dtype)
    count, said = problems(written(tmp_path / "a.fits", tmp_path / f"b{kind}", same))
    assert count == 0, said


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("same", [False, True], ids=["float32", "same"])
@pytest.mark.parametrize("option", ["-r", "-g1", "-h", "-p"])
@pytest.mark.parametrize("make", [primary, extension])
def test_fitsverify_accepts_what_comes_from_fpack(tmp_path, make, option, same, kind):
    make(tmp_path / "a.fits", "u2")
    packed = compressed(tmp_path / "a.fits", option)
    count, said = problems(written(packed, tmp_path / f"b{kind}", same, change=1))
    assert count == 0, said
    assert "checksum is not" not in said


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("same", [False, True], ids=["float32", "same"])
@pytest.mark.parametrize("source", [".xisf", ".tif"])
@pytest.mark.parametrize("shape", [SHAPE, (3, *SHAPE)])
def test_fitsverify_accepts_what_comes_from_other_formats(tmp_path, shape, source, same, kind):
    primary(tmp_path / "a.fits", "u2", shape)
    path = written(tmp_path / "a.fits", tmp_path / f"a{source}", True)
    count, said = problems(written(path, tmp_path / f"b{kind}", same))
    assert count == 0, said


def test_fitsverify_finds_no_more_in_outputs_than_in_real_files(tmp_path, shared_data):
    for path in sorted(shared_data.glob("*.fit*")):
        before = problems(path)[0]
        for same, kind in ((False, ".fits"), (True, ".fits"), (False, ".fits.fz")):
            count, said = problems(written(path, tmp_path / f"b{kind}", same))
            assert count <= before, said


@pytest.mark.parametrize(("same", "kind"), diagonal([False, True], [".fits", ".fits.fz"]))
def test_fitsverify_accepts_what_comes_from_real_xisf_and_tiff(tmp_path, shared_data, kind, same):
    for path in sorted([*shared_data.glob("*.xisf"), *shared_data.glob("*.tif*")]):
        # Errors alone: fitsverify 4.20 misses CRPIX1 in one file that has it.
        count, said = problems(written(path, tmp_path / f"b{kind}", same), "-e")
        assert count == 0, f"{path.name}: {said}"


@pytest.mark.parametrize("same", [False, True], ids=["float32", "same"])
def test_a_primary_image_in_tiles_becomes_one_without(tmp_path, same):
    primary(tmp_path / "a.fits", "u2")
    output = written(compressed(tmp_path / "a.fits"), tmp_path / "b.fits", same, change=1)
    with astropy_fits.open(output, checksum=True) as units:  # a warning is an error
        assert len(units) == 1
        assert units[0].header["OBJECT"] == "M 94"
        np.testing.assert_array_equal(units[0].data, stored("u2") + 1)
    subprocess.run([tool("imcopy"), output, tmp_path / "c.fits"], check=True)
    np.testing.assert_array_equal(astropy_fits.getdata(tmp_path / "c.fits"), stored("u2") + 1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["OBSERVER", "COMMENT"])
def test_what_a_first_unit_before_the_tiles_tells_is_kept(tmp_path, name, kind):
    primary(tmp_path / "a.fits", "u2")
    packed = compressed(tmp_path / "a.fits")
    with astropy_fits.open(packed, "update", disable_image_compression=True) as units:
        units[0].header[name] = "nobody"
        assert "ZSIMPLE" in units[1].header
    output = written(packed, tmp_path / f"b{kind}", True)
    with astropy_fits.open(output) as units:
        assert "nobody" in units[0].header[name]
        assert units[1].header["OBJECT"] == "M 94"
        np.testing.assert_array_equal(units[1].data, stored("u2"))
    count, said = problems(output)
    assert count == 0 or "checksum" in said, said


@pytest.mark.parametrize("more", [["-r", "8"], ["-r", "64"], ["-p", "separate"], ["-c", "lzw"]])
@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "f4"])
def test_the_order_of_bits_in_a_tiff_is_undone(tmp_path, dtype, more):
    if more[0] == "-p" and dtype != "u1":
        pytest.skip("tiffcp cannot write it")
    if more[0] == "-c":
        pytest.importorskip("imagecodecs")
    pixels = stored(dtype, (*SHAPE, 3))
    plain, reversed_bits = tmp_path / "a.tif", tmp_path / "b.tif"
    tifffile.imwrite(plain, pixels, photometric="rgb", metadata=None)
    copy = [tool("tiffcp"), "-f", "lsb2msb", *more, plain, reversed_bits]
    subprocess.run(copy, check=True)
    with tifffile.TiffFile(reversed_bits) as file:
        assert file.pages.first.fillorder == 2
    with open_image(reversed_bits) as image:
        np.testing.assert_array_equal(image.to_array(), pixels)
    output = written(reversed_bits, tmp_path / "c.tif", True)
    found = tifffile.imread(output)
    np.testing.assert_array_equal(found if "-p" not in more else np.moveaxis(found, 0, 2), pixels)


def test_tiffinfo_shows_the_history_and_no_resolution(tmp_path):
    primary(tmp_path / "a.fits", "u2")
    output = written(tmp_path / "a.fits", tmp_path / "b.tif")
    said = subprocess.run([tool("tiffinfo"), output], capture_output=True, text=True).stdout
    assert ": a line of history" in said
    assert "Resolution" not in said


def marked_grey(path, samples, kinds, storage="contig"):
    """A TIFF file whose samples are said to be grey and others; None for no tag ExtraSamples."""
    pixels = stored("u2", (*SHAPE, samples))
    data = pixels if storage == "contig" else np.moveaxis(pixels, 2, 0)
    tifffile.imwrite(
        path,
        data,
        photometric="minisblack",
        planarconfig=storage,
        extrasamples=kinds or [0] * (samples - 1),
        metadata=None,
    )
    if kinds is None:
        raw = bytearray(path.read_bytes())
        with tifffile.TiffFile(path) as file:
            at = file.pages.first.tags[338].offset
        raw[at : at + 2] = (339).to_bytes(2, "little")  # another tag, SampleFormat
        raw[at + 4 : at + 12] = (1).to_bytes(4, "little") + (1).to_bytes(4, "little")
        path.write_bytes(raw)
    return pixels


@pytest.mark.parametrize("storage", ["contig", "separate"])
@pytest.mark.parametrize(
    ("samples", "kinds", "channels"),
    [
        (3, [0, 0], 3),
        (3, None, 3),
        (4, [0, 0, 2], 3),
        (4, [0, 0, 1], 3),
        (2, [2], 1),
        (2, [0], 1),
        (2, None, 1),
        (3, [2, 0], 1),
    ],
    ids=str,
)
def test_three_samples_that_are_marked_as_grey_are_colours(
    tmp_path, samples, kinds, channels, storage
):
    pixels = marked_grey(tmp_path / "a.tif", samples, kinds, storage)
    with open_image(tmp_path / "a.tif") as image:
        np.testing.assert_array_equal(image.to_array(), pixels[..., :channels])
        assert any("unspecified" in line for line in image.warnings) == (
            (samples, kinds) in [(2, [0]), (2, None), (3, [2, 0])]
        )
    output = written(tmp_path / "a.tif", tmp_path / "b.tif", True, change=1)
    with tifffile.TiffFile(output) as file:
        page = file.pages.first
        assert page.photometric.name == ("RGB" if channels == 3 else "MINISBLACK")
        found = page.asarray() if storage == "contig" else np.moveaxis(page.asarray(), 0, 2)
        more = np.arange(samples) < channels
        np.testing.assert_array_equal(found, pixels + more)


@pytest.mark.parametrize("kinds", [[0, 0, 0], None], ids=str)
def test_four_samples_that_are_marked_as_grey_are_refused(tmp_path, kinds):
    marked_grey(tmp_path / "a.tif", 4, kinds)
    with pytest.raises(InputError, match="4 samples a pixel and does not tell what they are"):
        open_image(tmp_path / "a.tif")


def test_what_no_tag_tells_of_a_fourth_sample_is_kept_beside_rgb(tmp_path):
    pixels = stored("u2", (*SHAPE, 4))
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", extrasamples=[0], metadata=None)
    with open_image(tmp_path / "a.tif") as image:
        assert image.shape == (3, *SHAPE)
        assert "unspecified" in image.warnings[0]


def with_thumbnail(path, place, **more):
    """A TIFF file with a thumbnail before or after the image, or with the image in a SubIFD."""
    pixels, small = stored("u2", (*SHAPE, 3)), stored("u1", (8, 6, 3))
    thumbnail = {"photometric": "rgb", "subfiletype": 1, "metadata": None}
    image = {"photometric": "rgb", "metadata": None, "description": "M 94", **more}
    with tifffile.TiffWriter(path) as file:
        if place == "after":
            file.write(pixels, **image)
        file.write(small, **thumbnail, subifds=2 if place == "outside" else None)
        if place == "outside":
            file.write(stored("u1", (16, 12, 3)), **thumbnail)
        if place != "after":
            file.write(pixels, **image)
    return pixels


@pytest.mark.parametrize("place", ["before", "outside", "after"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_thumbnail_is_not_the_image(tmp_path, place, compression):
    path, output = tmp_path / "a.tif", tmp_path / "b.tif"
    pixels = with_thumbnail(path, place, compression=compression)
    with open_image(path) as image:
        np.testing.assert_array_equal(image.to_array(), pixels)
        assert any("thumbnail" in line for line in image.warnings) == (place != "after")
    written(path, output, True)
    with tifffile.TiffFile(output) as file:
        assert len(file.pages) == 1
        assert file.pages.first.description == "M 94"
        np.testing.assert_array_equal(file.pages.first.asarray(), pixels)


def camera_raw(path, photometric, place):
    """A file as cameras write them: a thumbnail, and the exposure before or behind it."""
    exposure = {"photometric": photometric, "metadata": None}
    pixels = stored("u2", (*SHAPE, 3) if photometric == "linear_raw" else SHAPE)
    unmarked = place.startswith("unmarked")
    with tifffile.TiffWriter(path) as file:
        if place == "alone":
            file.write(pixels, **exposure)
            return
        file.write(
            stored("u1", (8, 6, 3)),
            photometric="rgb",
            subfiletype=0 if unmarked else 1,
            subifds=None if "chain" in place else 1,
            extratags=[(271, 2, 0, "a maker", True)] if unmarked else [],
            metadata=None,
        )
        file.write(pixels, **exposure)


@pytest.mark.parametrize("place", ["alone", "chain", "outside", "unmarked, chain", "unmarked"])
@pytest.mark.parametrize("photometric", ["cfa", "linear_raw"])
def test_camera_raw_is_refused_with_a_cure(tmp_path, photometric, place):
    camera_raw(tmp_path / "a.dng", photometric, place)
    with pytest.raises(InputError, match="camera raw: develop or calibrate it first"):
        open_image(tmp_path / "a.dng")


def test_a_cr2_file_is_camera_raw(tmp_path):
    path = tmp_path / "a.cr2"
    tifffile.imwrite(path, stored("u1", (8, 6, 3)), photometric="rgb", metadata=None)
    raw = path.read_bytes()
    at = int.from_bytes(raw[4:8], "little")
    # The offset of the first directory is behind the signature.
    path.write_bytes(raw[:4] + len(raw).to_bytes(4, "little") + b"CR\2\0" + raw[12:] + raw[at:])
    with pytest.raises(InputError, match="camera raw: develop or calibrate it first"):
        open_image(path)


def test_further_images_behind_a_thumbnail_are_told_of(tmp_path):
    with_thumbnail(tmp_path / "a.tif", "before")
    tifffile.imwrite(tmp_path / "a.tif", stored("u2"), append=True, metadata=None)
    with open_image(tmp_path / "a.tif") as image:
        assert "only the first of 2 images is worked on, and carried over" in image.warnings


def test_a_thumbnail_alone_is_the_image(tmp_path):
    pixels = stored("u2", (*SHAPE, 3))
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", subfiletype=1, metadata=None)
    with open_image(tmp_path / "a.tif") as image:
        assert not image.warnings
        np.testing.assert_array_equal(image.to_array(), pixels)


@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize("lowest", [0, 900, 32700, 40000, 65436])
def test_plio_of_unsigned_samples(tmp_path, lowest, scale):
    """What CFITSIO adds to the samples, since they must not be negative, is taken off."""
    counts = np.random.default_rng(0).integers(lowest, lowest + 100, SHAPE)
    unit = astropy_fits.PrimaryHDU((counts - 32768).astype("i2"))
    unit.header["BZERO"], unit.header["BSCALE"] = 32768, scale
    unit.writeto(tmp_path / "a.fits")
    with open_image(tmp_path / "a.fits") as image:
        plain = image.to_array()
    packed = compressed(tmp_path / "a.fits", "-p")
    with open_image(packed) as image:
        np.testing.assert_array_equal(image.to_array(), plain)
    output = written(packed, tmp_path / "b.fits.fz", True)
    subprocess.run([tool("funpack"), output], check=True)
    with open_image(tmp_path / "b.fits") as image:
        np.testing.assert_array_equal(image.to_array(), plain)


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "i4"])
def test_plio_of_other_samples(tmp_path, dtype):
    counts = np.random.default_rng(0).integers(0, 100, SHAPE).astype(dtype)
    astropy_fits.PrimaryHDU(counts).writeto(tmp_path / "a.fits")
    with open_image(compressed(tmp_path / "a.fits", "-p")) as image:
        np.testing.assert_array_equal(image.to_array()[..., 0], counts)


@pytest.mark.parametrize("kind", [*KINDS, ".xisf"])
def test_no_card_of_a_long_header_is_lost(tmp_path, kind):
    lines = [f"step {number} of a pipeline" for number in range(20_000)]
    records = [f"HISTORY {line}".ljust(80) for line in lines]
    with (tmp_path / "a.fits").open("wb") as file:
        head = astropy_fits.PrimaryHDU(stored("u2")).header
        cards = [card.image.ljust(80) for card in head.cards]
        text = "".join([*cards, *records, "END".ljust(80)])
        file.write(text.ljust(-(-len(text) // 2880) * 2880).encode())
        data = (stored("u2").astype("i4") - 32768).astype(">i2").tobytes()
        file.write(data.ljust(-(-len(data) // 2880) * 2880, b"\0"))
    output = written(tmp_path / "a.fits", tmp_path / f"b{kind}", True)
    with open_image(output) as image:
        found = [item for item in image.header.keywords if item.name == "HISTORY"]
        assert [item.comment for item in found][: len(lines)] == lines
        np.testing.assert_array_equal(image.to_array()[..., 0], stored("u2"))
