"""FITS files, judged by astropy."""

from __future__ import annotations

import gzip
import itertools

import numpy as np
import pytest
from astropy.io import fits as astropy_fits
from cases import diagonal
from hypothesis import given
from hypothesis import strategies as st

from fastbg.errors import InputError
from fastbg.io import fits
from fastbg.io.fits import checksum
from fastbg.io.fits.scaling import Scaling

STORED = {
    "uint8": (8, 0, 1),
    "int8": (8, -128, 1),
    "int16": (16, 0, 1),
    "uint16": (16, 32768, 1),
    "int32": (32, 0, 1),
    "uint32": (32, 2**31, 1),
    "float32": (-32, 0, 1),
    "float64": (-64, 0, 1),
    "scaled": (16, 1000.5, 0.25),
    "scaled floats": (-32, 10, 2),
}
SHAPE = (3, 37, 29)


def save(path, name, shape=SHAPE, header=None, blank=None, seed=0):
    """Write raw samples with astropy; returns them as they are stored."""
    bitpix, zero, scale = STORED[name]
    dtype = {8: "u1", 16: "i2", 32: "i4", -32: "f4", -64: "f8"}[bitpix]
    rng = np.random.default_rng(seed)
    if bitpix > 0:
        limits = np.iinfo(dtype)
        raw = rng.integers(limits.min, limits.max, shape, endpoint=True).astype(dtype)
        raw.flat[:2] = limits.min, limits.max
    else:
        raw = rng.normal(size=shape).astype(dtype)
    unit = astropy_fits.PrimaryHDU(raw, do_not_scale_image_data=True)
    if (zero, scale) != (0, 1):
        unit.header["BZERO"], unit.header["BSCALE"] = zero, scale
    if blank is not None:
        unit.header["BLANK"] = int(blank)
    unit.header.update(header or {})
    unit.writeto(path, output_verify="ignore")
    return raw


def same_again(path, output, packing="none"):
    with fits.open_image(path) as image:
        image.load()
        target = fits.create(output, image.shape, dtype=None, header=image.header, packing=packing)
        with target as rows:
            for top in range(0, image.shape[1], 10):
                band = slice(top, min(top + 10, image.shape[1]))
                rows.write_rows(band, image.read_rows(band))


@pytest.mark.parametrize("name", STORED)
@pytest.mark.parametrize("shape", [(37, 29), (1, 37, 29), SHAPE, (1, 1, 37, 29)])
def test_samples_are_the_physical_numbers(tmp_path, name, shape):
    save(tmp_path / "a.fits", name, shape)
    with (
        astropy_fits.open(tmp_path / "a.fits") as units,
        fits.open_image(tmp_path / "a.fits") as image,
    ):
        truth = units[0].data
        expected = truth.reshape(((1, *shape))[-3:])
        planes = image.read_rows(slice(None))
        assert planes.shape == expected.shape
        np.testing.assert_allclose(planes.astype(float), expected.astype(float), rtol=1e-7)
        if name in ("uint8", "int8", "int16", "uint16", "int32", "uint32", "float32", "float64"):
            assert image.dtype == np.dtype(name)
        parts = [image.read_rows(slice(top, top + 5)) for top in range(0, 37, 5)]
        np.testing.assert_array_equal(np.concatenate(parts, axis=1), planes)


@pytest.mark.parametrize("name", STORED)
def test_the_same_samples_make_the_same_file(tmp_path, name):
    save(tmp_path / "a.fits", name)
    same_again(tmp_path / "a.fits", tmp_path / "b.fits")
    assert (tmp_path / "b.fits").read_bytes() == (tmp_path / "a.fits").read_bytes()


@pytest.mark.parametrize("name", ["uint8", "int16", "uint16", "int32", "float32", "scaled"])
def test_tiles_lose_nothing(tmp_path, name):
    raw = save(tmp_path / "a.fits", name, header={"OBJECT": "M 94"})
    same_again(tmp_path / "a.fits", tmp_path / "b.fits.fz", "tiles")
    with astropy_fits.open(tmp_path / "b.fits.fz", do_not_scale_image_data=True) as units:
        np.testing.assert_array_equal(units[1].data, raw)
        assert units[1].header["OBJECT"] == "M 94"
    with (
        fits.open_image(tmp_path / "b.fits.fz") as image,
        fits.open_image(tmp_path / "a.fits") as plain,
    ):
        np.testing.assert_array_equal(image.to_array(), plain.to_array())
    same_again(tmp_path / "b.fits.fz", tmp_path / "c.fits")
    with (
        fits.open_image(tmp_path / "c.fits") as image,
        fits.open_image(tmp_path / "a.fits") as plain,
    ):
        np.testing.assert_array_equal(image.to_array(), plain.to_array())


def test_blank_samples_are_missing_and_stay_blank(tmp_path):
    raw = save(tmp_path / "a.fits", "uint16", blank=-32768)
    with fits.open_image(tmp_path / "a.fits") as image:
        planes = image.read_rows(slice(None))
    np.testing.assert_array_equal(np.isnan(planes), raw == -32768)
    same_again(tmp_path / "a.fits", tmp_path / "b.fits")
    assert (tmp_path / "b.fits").read_bytes() == (tmp_path / "a.fits").read_bytes()


@given(
    stored=st.sampled_from(["u1", "i2", "i4"]),
    zero=st.sampled_from([0.0, -128.0, 32768.0, 2.0**31, 0.5, 1e4]),
    scale=st.sampled_from([1.0, 0.001, -2.0, 3e5]),
    blank=st.sampled_from([None, 0, 7]),
    seed=st.integers(0, 99),
)
def test_decoding_and_encoding_are_inverse(stored, zero, scale, blank, seed):
    scaling = Scaling(np.dtype(stored), zero, scale, blank)
    limits = np.iinfo(stored)
    raw = np.random.default_rng(seed).integers(limits.min, limits.max, 50, endpoint=True)
    raw = raw.astype(stored)
    raw[:2] = limits.min, limits.max
    physical = scaling.decode(raw.copy())
    assert physical.dtype == scaling.dtype
    expected = zero + scale * raw.astype(float)
    expected[raw == (np.inf if blank is None else blank)] = np.nan
    np.testing.assert_allclose(physical.astype(float), expected)
    np.testing.assert_array_equal(scaling.encode(physical), raw)


@pytest.mark.filterwarnings("ignore:Unexpected extra padding")
def test_the_first_image_is_found_and_the_rest_kept(tmp_path, rng):
    table = astropy_fits.BinTableHDU.from_columns(
        [astropy_fits.Column("x", "D", array=np.arange(5.0))], name="STARS"
    )
    images = [
        astropy_fits.ImageHDU(rng.normal(size=(20, 30)).astype("f4"), name=name)
        for name in ("SCI", "ERR")
    ]
    path, output = tmp_path / "a.fits", tmp_path / "b.fits"
    units = [astropy_fits.PrimaryHDU(), table, *images]
    astropy_fits.HDUList(units).writeto(path, checksum=True)
    path.write_bytes(path.read_bytes() + b"\0" * 100)  # the standard allows it
    with fits.open_image(path) as image:
        assert image.shape == (1, 20, 30)
        assert "only the first of 2 images" in image.warnings[0]
        with fits.create(
            output, image.shape, header=image.header, history=["one", "two"]
        ) as target:
            target.write_rows(slice(0, 20), image.read_rows(slice(None)) + 1)
    with astropy_fits.open(output, checksum=True) as found:  # a warning here is an error
        assert [unit.name for unit in found] == ["PRIMARY", "STARS", "SCI", "ERR"]
        np.testing.assert_array_equal(found[1].data["x"], np.arange(5.0))
        np.testing.assert_array_equal(found["ERR"].data, images[1].data)
        np.testing.assert_allclose(found["SCI"].data, images[0].data + 1, rtol=1e-6)
        assert list(found["SCI"].header["HISTORY"]) == ["one", "two"]
    assert output.read_bytes().endswith(b"\0" * 100)


@pytest.mark.parametrize("packing", ["none", "gzip", "tiles"])
@pytest.mark.parametrize("name", ["uint16", "float32", "scaled"])
def test_a_range_that_the_header_tells_is_that_of_the_new_samples(tmp_path, name, packing):
    path, output = tmp_path / "a.fits", tmp_path / "b.fits"
    save(path, name, header={"DATAMAX": (65535.0, "brightest / ADU"), "DATAMIN": -1e9})
    dtype = None if name == "scaled" else np.dtype(name)
    with fits.open_image(path) as image:
        rows = image.read_rows(slice(None)) // 2 + 3
        rows[0, 0, 0] = np.nan if name == "float32" else rows[0, 0, 0]
        with fits.create(
            output, image.shape, dtype=dtype, header=image.header, packing=packing
        ) as target:
            target.write_rows(slice(None), rows)
    with astropy_fits.open(output) as found:
        unit = next(unit for unit in found if unit.data is not None)
        told = [unit.header[keyword] for keyword in ("DATAMIN", "DATAMAX")]
        np.testing.assert_allclose(told, [np.nanmin(unit.data), np.nanmax(unit.data)], rtol=1e-7)
        assert [type(each) for each in told] == [float, float]
        assert unit.header.comments["DATAMAX"] == "brightest / ADU"
        assert list(unit.header).count("DATAMAX") == 1


@pytest.mark.parametrize(
    ("value", "stays"),
    [
        ("1.75000000000000E+00", True),
        ("1.75D0", True),
        ("2", False),
        ("1.0E+300", False),
        ("'bright'", False),
        ("NaN", False),
        ("T", False),
    ],
)
def test_a_true_range_keeps_its_digits_and_any_other_is_replaced(tmp_path, value, stays):
    path, output = tmp_path / "a.fits", tmp_path / "b.fits"
    unit = astropy_fits.PrimaryHDU(np.linspace(-1, 1.75, 12, dtype=np.float32).reshape(3, 4))
    unit.header["DATAMAX"] = (0.0, "brightest")
    unit.writeto(path)
    card, told = (f"DATAMAX = {each:>20} / brightest".encode() for each in ("0.0", value))
    stored = path.read_bytes().replace(card, told)
    assert told in stored
    path.write_bytes(stored)
    same_again(path, output)
    assert (output.read_bytes() == stored) == stays
    assert astropy_fits.getheader(output)["DATAMAX"] == 1.75


@pytest.mark.parametrize("name", ["DATAMAX", "DATASUM"])
def test_a_card_without_a_value_stays_as_it_is(tmp_path, name):
    path, output = tmp_path / "a.fits", tmp_path / "b.fits"
    save(path, "float32", header={"HISTORY": "of a night"})
    stored = path.read_bytes().replace(b"HISTORY of", f"{name} of".encode())
    path.write_bytes(stored)
    same_again(path, output)
    assert output.read_bytes() == stored


@pytest.mark.parametrize("card", ["DATAMIN", "DATAMAX", None])
def test_a_range_is_told_only_where_it_was_and_of_valid_samples(tmp_path, card):
    path, output = tmp_path / "a.fits", tmp_path / "b.fits"
    save(path, "float32", header={card: 7.0} if card else {})
    with (
        fits.open_image(path) as image,
        fits.create(output, image.shape, header=image.header) as target,
    ):
        target.write_rows(slice(None), np.full(image.shape, np.nan, np.float32))
    header = astropy_fits.getheader(output)
    assert {name: header.get(name) for name in ("DATAMIN", "DATAMAX") if name in header} == (
        {card: 7.0} if card else {}
    )


@given(st.binary(max_size=4000))
def test_checksums_are_those_of_astropy(data):
    data = data + bytes(-len(data) % 2880)
    unit = astropy_fits.PrimaryHDU(np.frombuffer(data, "u1"))
    unit.add_checksum()
    total = checksum.add(0, np.frombuffer(data, np.uint8))
    assert unit.header["DATASUM"] == str(total)
    records = unit.header.tostring().replace(unit.header["CHECKSUM"], checksum.EMPTY)
    whole = checksum.add(total, np.frombuffer(records.encode(), np.uint8))
    assert checksum.spelled(whole) == unit.header["CHECKSUM"]
    final = records.replace(checksum.EMPTY, checksum.spelled(whole)).encode()
    assert checksum.add(total, np.frombuffer(final, np.uint8)) == 0xFFFFFFFF


def test_cards_that_break_the_rules_pass_through(tmp_path):
    save(tmp_path / "a.fits", "float32")
    raw = bytearray((tmp_path / "a.fits").read_bytes())
    at = raw.index(b"END" + b" " * 77)
    odd = [
        b"ODD     = 1.800e-05 / no E",
        b"lower   = 'x'",
        b"LATIN   = 'M\xfcller'",
        b"NOVALUE",
        b"HIERARCH ESO DET X=1.0e3",
        b"TWICE   = 1",
        b"TWICE   = 2",
    ]
    raw[at:2880] = b"".join(line.ljust(80) for line in [*odd, b"END"]).ljust(2880 - at)
    (tmp_path / "a.fits").write_bytes(raw)
    same_again(tmp_path / "a.fits", tmp_path / "b.fits")
    assert (tmp_path / "b.fits").read_bytes() == bytes(raw)
    with fits.open_image(tmp_path / "a.fits") as image:
        assert [item.value for item in image.header.keywords if item.name == "TWICE"] == ["1", "2"]
        with fits.create(
            tmp_path / "c.fits", image.shape, dtype="f8", header=image.header
        ) as target:
            target.write_rows(slice(0, 37), image.read_rows(slice(None)))
    written = (tmp_path / "c.fits").read_bytes()
    assert all(line.ljust(80) in written for line in odd)


@pytest.mark.parametrize(
    ("keywords", "pattern"),
    [
        ({"BAYERPAT": "RGGB"}, "RGGB"),
        ({"BAYERPAT": "GRBG", "XBAYROFF": 1}, "RGGB"),
        ({"BAYERPAT": "RGGB", "YBAYROFF": 1}, "GBRG"),
        ({"BAYERPAT": "RGGB", "ROWORDER": "BOTTOM-UP"}, "GBRG"),
        ({"BAYERPAT": "RGGB", "ROWORDER": "TOP-DOWN"}, "RGGB"),
        ({"COLORTYP": "BGGR"}, "BGGR"),
        ({}, None),
    ],
)
def test_filter_arrays_are_recognised(tmp_path, keywords, pattern):
    save(tmp_path / "a.fits", "uint16", (20, 30), keywords)
    with fits.open_image(tmp_path / "a.fits") as image:
        assert image.cfa == pattern
    save(tmp_path / "rgb.fits", "uint16", (3, 20, 30), keywords)
    with fits.open_image(tmp_path / "rgb.fits") as image:
        assert image.cfa is None


def test_a_full_disk_for_the_decompressed_file_is_told(tmp_path, monkeypatch):
    save(tmp_path / "a.fits", "float32")
    (tmp_path / "a.fits.gz").write_bytes(gzip.compress((tmp_path / "a.fits").read_bytes()))

    def full(self, start, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fastbg.io.random_access.RandomAccessFile.write", full)
    with pytest.raises(InputError, match=r"into .* \(No space left on device\): .* TMPDIR"):
        fits.open_image(tmp_path / "a.fits.gz")


def damaged(change):
    def make(path):
        save(path, "float32")
        path.write_bytes(change(path.read_bytes()))

    return make


REFUSED = {
    "is truncated:": damaged(lambda raw: raw[:4000]),
    "truncated inside a header": damaged(lambda raw: raw[:300]),
    "without end": damaged(lambda raw: raw[:80] + b" " * 30_000_000),
    "impossible BITPIX": damaged(
        lambda raw: raw.replace(
            b"BITPIX  =                  -32", b"BITPIX  =                    7"
        )
    ),
    "impossible NAXIS1": damaged(
        lambda raw: raw.replace(
            b"NAXIS1  =                   29", b"NAXIS1  =                  -29"
        )
    ),
    "holds no image": lambda path: astropy_fits.PrimaryHDU().writeto(path),
    "only 2-D images": lambda path: astropy_fits.PrimaryHDU(np.zeros((2, 3, 4, 5))).writeto(path),
}


@pytest.mark.parametrize("cause", REFUSED)
def test_damaged_files_are_refused_in_one_line(tmp_path, cause):
    path = tmp_path / "bad.fits"
    REFUSED[cause](path)
    with pytest.raises(InputError, match=cause) as caught:
        fits.open_image(path)
    assert str(caught.value).startswith(f"{path} ")
    assert "\n" not in str(caught.value)


def test_a_huge_claim_takes_no_memory(tmp_path):
    path = tmp_path / "huge.fits"
    save(path, "float32")
    size = b"NAXIS1  =                   29"
    path.write_bytes(path.read_bytes().replace(size, b"NAXIS1  =         999999999999"))
    with pytest.raises(InputError, match="truncated"):
        fits.open_image(path)


def test_threads_may_write_in_any_order(tmp_path, rng):
    from concurrent.futures import ThreadPoolExecutor

    planes = rng.normal(size=(3, 64, 40)).astype("f4")
    for packing in ("none", "gzip", "tiles"):
        path = tmp_path / f"{packing}.fits"
        with (
            fits.create(path, planes.shape, packing=packing) as target,
            ThreadPoolExecutor(4) as pool,
        ):
            rows = [slice(top, top + 4) for top in rng.permutation(range(0, 64, 4))]
            list(pool.map(lambda part: target.write_rows(part, planes[:, part]), rows))
        with fits.open_image(path) as image:
            np.testing.assert_array_equal(image.read_rows(slice(None)), planes)


def test_missing_rows_are_noticed(tmp_path):
    with (
        pytest.raises(ValueError, match="3 rows"),
        fits.create(tmp_path / "a.fits", (1, 10, 10)) as target,
    ):
        target.write_rows(slice(0, 7), np.zeros((1, 7, 10), "f4"))


def test_many_shapes(tmp_path, rng):
    for number, (channels, height, width) in enumerate(itertools.product((1, 3), (1, 7), (1, 33))):
        planes = rng.normal(size=(channels, height, width)).astype("f4")
        path = tmp_path / f"{number}.fits"
        with fits.create(path, planes.shape) as target:
            target.write_rows(slice(0, height), planes)
        with astropy_fits.open(path) as units:
            np.testing.assert_array_equal(units[0].data.reshape(planes.shape), planes)


@pytest.mark.parametrize(
    ("piece", "tile", "dtype"),
    diagonal(
        [1, 1 << 22],
        [(1, 1, 29), (1, 7, 13), (3, 5, 29), (2, 37, 29), (3, 37, 29), (1, 37, 1)],
        ["f4", "f8", "i2", "u2"],
    ),
)
def test_tiles_of_any_shape_are_where_they_belong(tmp_path, monkeypatch, dtype, tile, piece):
    data = (1000 * np.random.default_rng(0).random(SHAPE)).astype(dtype)
    exact = {"compression_type": "GZIP_2", "quantize_level": 0} if dtype[0] == "f" else {}
    path = tmp_path / "a.fits.fz"
    astropy_fits.CompImageHDU(data, tile_shape=tile, **exact).writeto(path)
    monkeypatch.setattr("fastbg.io.fits.unpack._PIECE", piece)
    with fits.open_image(path) as image:
        assert np.array_equal(image.read_rows(slice(None)), data)
        assert image.bytes_in_memory == 0
        assert image.packed_bytes >= data.itemsize * np.prod(tile[:2]) * SHAPE[2]


@pytest.mark.parametrize(
    ("largest", "piece", "dtype", "channels"),
    diagonal([1, 1 << 31], [1, 1000, 1 << 22], ["f4", "f8", "u1", "u2", "i4"], [1, 3]),
)
def test_tiles_are_written_some_rows_at_a_time(
    tmp_path, monkeypatch, channels, dtype, piece, largest
):
    data = (200 * np.random.default_rng(0).random((channels, *SHAPE[1:]))).astype(dtype)
    monkeypatch.setattr("fastbg.io.fits.pack._PIECE", piece)
    monkeypatch.setattr("fastbg.io.fits.pack._LARGEST", largest)
    path = tmp_path / "a.fits.fz"
    with fits.create(path, data.shape, dtype=np.dtype(dtype), packing="tiles") as target:
        for start in (30, 0, 10, 20):
            target.write_rows(slice(start, start + 10), data[:, start : start + 10])
    with astropy_fits.open(path) as units:
        units.verify("exception")
        assert np.array_equal(np.atleast_3d(units[1].data.T).T, data)
        assert f"1{'Q' if largest == 1 else 'P'}B(" in units[1]._bintable.header["TFORM1"]
    with fits.open_image(path) as image:
        assert np.array_equal(image.read_rows(slice(None)), data)


def test_a_blank_that_is_no_integer_is_none(tmp_path):
    """GDAL writes that of floats beside integers."""
    samples = np.array([[30000, 32768 - 9999, 12]], "u2")
    path = tmp_path / "a.fits"
    astropy_fits.PrimaryHDU(samples).writeto(path)
    raw, extend = path.read_bytes(), b"BSCALE  =                    1"
    assert extend in raw
    path.write_bytes(raw.replace(extend, b"BLANK   =               -9999."))
    with fits.open_image(path) as image:
        assert image.dtype == np.uint16
        np.testing.assert_array_equal(image.to_array()[..., 0], samples)
