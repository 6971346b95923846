"""TIFF files, judged by tifffile."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import tifffile
from cases import diagonal

from fastbg import process_file
from fastbg.errors import InputError
from fastbg.io import tiff
from fastbg.io.tiff.header import HISTORY

ICC = bytes(range(256)) * 3
EXTRA = [
    (700, 1, 5, b"<xmp>"[:5], True),  # XMP
    (315, 2, 0, "an observer", True),  # Artist
    (33432, 2, 0, "nobody's", True),  # Copyright
    (65000, 5, 1, (7, 3), True),  # a private one
    (274, 3, 1, 1, True),
]
DTYPES = ["u1", "u2", "u4", "f4", "f8"]


def made(dtype, samples, shape=(37, 29), seed=0):
    rng = np.random.default_rng(seed)
    data = rng.uniform(0.01, 1, (*shape, samples))
    if np.dtype(dtype).kind == "u":
        data = data * np.iinfo(dtype).max
    return data.astype(dtype)


def save(path, data, **more):
    samples = data.shape[2]
    kinds = {2: ["unassalpha"], 4: ["unassalpha"]}.get(samples)
    options = {
        "photometric": "rgb" if samples > 2 else "minisblack",
        "planarconfig": "contig" if samples > 1 else None,
        "extrasamples": kinds,
        "iccprofile": ICC,
        "description": "M 94 under moonlight",
        "software": "a camera",
        "metadata": None,
        "extratags": EXTRA,
    } | more
    if options["planarconfig"] == "separate":
        data = np.moveaxis(data, 2, 0)
    tifffile.imwrite(path, data[..., 0] if samples == 1 else data, **options)


def tags(path):
    with tifffile.TiffFile(path) as file:
        return {
            tag.code: tag.value
            for tag in file.pages.first.tags
            # What tells where the samples lie.
            if tag.code not in (273, 278, 279, HISTORY, 322, 323, 324, 325, 259, 317)
        }


def same_again(path, output, **more):
    with tiff.open_image(path) as image:
        image.load()
        with tiff.create(
            output, image.shape, dtype=image.dtype, header=image.header, **more
        ) as target:
            for top in range(0, image.shape[1], 10):
                band = slice(top, min(top + 10, image.shape[1]))
                target.write_rows(band, image.read_rows(band))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("samples", [1, 2, 3, 4])
@pytest.mark.parametrize("storage", ["contig", "separate"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_everything_passes_through(tmp_path, dtype, samples, storage, order):
    data = made(dtype, samples)
    path, output = tmp_path / "a.tif", tmp_path / "b.tif"
    save(path, data, planarconfig=storage if samples > 1 else None, byteorder=order)
    with tiff.open_image(path) as image:
        channels = 1 if samples < 3 else 3
        assert image.shape == (channels, 37, 29)
        assert image.bytes_in_memory == 0
        np.testing.assert_array_equal(image.to_array(), data[..., :channels])
        np.testing.assert_array_equal(image.read_rows(slice(5, 9))[0], data[5:9, :, 0])
    same_again(path, output, history=["first", "second"])
    assert tags(output) == tags(path)
    with tifffile.TiffFile(output) as file:
        assert file.byteorder == order
        page = file.pages.first
        assert page.tags[HISTORY].value == "first\nsecond"
        found = page.asarray().reshape(data.shape if storage == "contig" else (-1, 37, 29))
        np.testing.assert_array_equal(
            found if storage == "contig" else np.moveaxis(found, 0, 2), data
        )
    same_again(output, tmp_path / "c.tif", history=["third"])
    with tiff.open_image(tmp_path / "c.tif") as image:
        assert image.header.history == ["first", "second", "third"]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("compress", [False, True])
def test_the_resolution_is_kept_and_none_is_invented(tmp_path, order, big, compress):
    path, output = tmp_path / "a.tif", tmp_path / "b.tif"
    form = {"byteorder": order, "bigtiff": big}
    resolution = {"resolution": ((3001, 10), (150, 1)), "resolutionunit": "CENTIMETER"}
    data = made("u2", 3)
    save(path, data, **form, **resolution)
    same_again(path, output, compress=compress)
    assert [tags(output)[code] for code in (282, 283, 296)] == [(3001, 10), (150, 1), 3]
    save(path, data, **form)
    for code in (282, 283, 296):
        _take_out(path, code)
    same_again(path, output, compress=compress)
    assert tags(output) == tags(path)
    assert not {282, 283, 296} & tags(output).keys()
    with tifffile.TiffFile(output) as file:
        assert (file.byteorder, file.is_bigtiff, len(file.pages)) == (order, big, 1)
        np.testing.assert_array_equal(file.pages.first.asarray(), data)


def _take_out(path, code):
    """Make a tag a private one."""
    with tifffile.TiffFile(path) as file:
        offset, order = file.pages.first.tags[code].offset, file.byteorder
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(np.array([64000 + code], f"{order}u2").tobytes())


def test_a_resolution_that_is_no_number_is_left_out(tmp_path):
    path, output = tmp_path / "a.tif", tmp_path / "b.tif"
    save(path, made("u2", 1), resolution=((7, 3), (7, 3)))
    raw = path.read_bytes()
    path.write_bytes(raw.replace(np.array([7, 3], "<u4").tobytes(), bytes(8)))
    same_again(path, output)
    assert not {282, 283, 296} & tags(output).keys()


@pytest.mark.parametrize("compress", [False, True])
def test_an_image_of_another_format_gets_no_resolution(tmp_path, compress):
    rows = np.ones((1, 8, 9), "f4")
    with tiff.create(tmp_path / "a.tif", (1, 8, 9), compress=compress) as target:
        target.write_rows(slice(0, 8), rows)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert not {282, 283, 296} & {tag.code for tag in file.pages.first.tags}
        np.testing.assert_array_equal(file.asarray(), rows[0])


@pytest.mark.parametrize(
    "storage",
    [
        {"compression": "zlib"},
        {"compression": "zlib", "predictor": True},
        {"compression": "lzw", "predictor": True},
        {"tile": (16, 16)},
        {"rowsperstrip": 5},
        {"bigtiff": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", ["u2", "f4"])
def test_every_storage_is_read(tmp_path, dtype, storage):
    pytest.importorskip("imagecodecs")
    data = made(dtype, 3)
    save(tmp_path / "a.tif", data, **storage)
    with tiff.open_image(tmp_path / "a.tif") as image:
        image.load()
        np.testing.assert_array_equal(image.to_array(), data)
    same_again(tmp_path / "a.tif", tmp_path / "b.tif", compress=True)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "b.tif"), data)
    assert tags(tmp_path / "b.tif") == tags(tmp_path / "a.tif")
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        assert file.is_bigtiff == ("bigtiff" in storage)
        assert file.pages.first.compression.name == "ADOBE_DEFLATE"


def test_alpha_is_kept_aside(tmp_path):
    data = made("u2", 4, (80, 120))
    save(tmp_path / "a.tif", data)
    options = {"control_points": 4, "downscaling_factor": 4, "epochs": 20}
    process_file(tmp_path / "a.tif", output_dir=tmp_path, **options)
    after = tifffile.imread(tmp_path / "a_bgSubtracted.tif")
    assert after.dtype == np.float32
    np.testing.assert_allclose(after[..., 3], data[..., 3] / 65535, rtol=1e-6)
    process_file(tmp_path / "a.tif", output_dir=tmp_path / "same", sample_format="same", **options)
    np.testing.assert_array_equal(
        tifffile.imread(tmp_path / "same/a_bgSubtracted.tif")[..., 3], data[..., 3]
    )
    with tifffile.TiffFile(tmp_path / "a_bgSubtracted.tif") as file:
        assert file.pages.first.tags["InterColorProfile"].value == ICC


def test_further_images_and_exif_are_told_of(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for seed in range(2):
            file.write(made("u2", 3, seed=seed), photometric="rgb", metadata=None)
    with tiff.open_image(tmp_path / "a.tif") as image:
        assert image.warnings == ("only the first of 2 images is worked on, and carried over",)
        np.testing.assert_array_equal(image.to_array(), made("u2", 3))


def _truncated(path):
    save(path, made("f4", 3))
    path.write_bytes(path.read_bytes()[:-4000])


REFUSED = {
    "not a TIFF file": lambda path: path.write_bytes(b"II*\0" + bytes(30)),
    "truncated|damaged|decompressed": _truncated,
    "stored as PALETTE": lambda path: tifffile.imwrite(
        path, made("u1", 1)[..., 0], photometric="palette", colormap=np.zeros((3, 256), "u2")
    ),
    "stored as MINISWHITE": lambda path: tifffile.imwrite(
        path, made("u1", 1)[..., 0], photometric="miniswhite"
    ),
    "stored as CFA": lambda path: tifffile.imwrite(path, made("u2", 1)[..., 0], photometric="cfa"),
    "samples of 1 bits": lambda path: tifffile.imwrite(
        path, np.ones((8, 8), bool), photometric="minisblack"
    ),
}


@pytest.mark.parametrize("cause", REFUSED)
def test_unusable_files_are_refused_in_one_line(tmp_path, cause, caplog):
    path = tmp_path / "bad.tif"
    REFUSED[cause](path)
    with pytest.raises(InputError, match=cause) as caught:
        tiff.open_image(path).load()
    assert str(caught.value).startswith(f"{path} ")
    assert "\n" not in str(caught.value)


def test_nothing_is_printed(tmp_path, capfd):
    logging.getLogger("tifffile").warning("of no interest to the user")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("long", "form", "predictor"),
    diagonal(
        [1, 1 << 24],
        [{"rowsperstrip": 37}, {"rowsperstrip": 10}, {"rowsperstrip": 1}, {"tile": (16, 32)}],
        [False, True],
    ),
)
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("codec", ["zlib", "lzw", "packbits", "zstd"])
def test_parts_of_any_shape_are_where_they_belong(
    tmp_path, monkeypatch, codec, planar, predictor, form, long
):
    monkeypatch.setattr("fastbg.io.tiff.unpack._LONG", long)
    monkeypatch.setattr("fastbg.io.tiff.unpack._BUFFER", 500)
    for order, dtype in (("<", "u1"), (">", "u2"), ("<", "f4"), (">", "f4"), (">", "f8")):
        data = made(dtype, 3)
        stored = np.moveaxis(data, 2, 0) if planar == "separate" else data
        options = {"photometric": "rgb", "planarconfig": planar, "byteorder": order, **form}
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, stored, compression=codec, predictor=predictor, **options)
        with tiff.open_image(path) as image:
            np.testing.assert_array_equal(image.to_array(), data)
            assert image.bytes_in_memory == 0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("samples", [1, 3])
def test_compressed_strips_are_those_of_tifffile(tmp_path, monkeypatch, samples, dtype):
    monkeypatch.setattr("fastbg.io.tiff.write._STRIP", 1000)
    data = made(dtype, samples)
    with tiff.create(
        tmp_path / "a.tif", (samples, 37, 29), dtype=np.dtype(dtype), compress=True
    ) as target:
        for start in (30, 0, 10, 20):
            rows = slice(start, min(start + 10, 37))
            target.write_rows(rows, np.moveaxis(data[rows], 2, 0))
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        page = file.pages.first
        assert page.compression == tifffile.COMPRESSION.ADOBE_DEFLATE
        assert page.predictor == (1 if data.dtype.kind == "f" else 2)
        assert len(page.dataoffsets) > 1
        np.testing.assert_array_equal(page.asarray().reshape(data.shape), data)
