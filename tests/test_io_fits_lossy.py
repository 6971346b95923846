"""FITS files that were compressed with loss, whose zeros have become other numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from astropy.io import fits

from fastbg.io.formats import open_image

SHAPE = (70, 90)
METHODS = {"no dither": -1, "dither 1": 1, "dither 2": 2}
TILES = [(1, 90), (32, 32), (70, 90), (7, 90)]


def stacked(level=0.1, channels=()):
    """A sky with a zero border all around, which is rotated a little."""
    rng = np.random.default_rng(3)
    sky = level + 0.003 * rng.standard_normal((*channels, *SHAPE))
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    u, v = x + y / 6, y - x / 6
    outside = (u < 14) | (u > 91) | (v < -8) | (v > 60)
    return np.where(outside, 0, sky).astype("f4"), outside


def compressed(path, samples, method="dither 1", tile=TILES[0], level=4.0):
    tile = (1,) * (samples.ndim - 2) + tile
    unit = fits.CompImageHDU(
        samples,
        compression_type="RICE_1",
        quantize_level=level,
        quantize_method=METHODS[method],
        dither_seed=1,
        tile_shape=tile,
    )
    unit.writeto(path)
    return path


def read(path):
    with open_image(path) as image:
        image.load()
        return image.read_rows(slice(None)), image.warnings


@pytest.mark.parametrize("channels", [(), (3,)], ids=["mono", "RGB"])
@pytest.mark.parametrize("tile", TILES, ids=str)
def test_the_zeros_of_a_border_are_zero_again(tmp_path, tile, channels):
    samples, outside = stacked(channels=channels)
    path = compressed(tmp_path / "a.fits.fz", samples, tile=tile)
    changed = fits.getdata(path)
    assert np.mean(changed[..., outside] != 0) > 0.2  # as astropy has it
    found, (told,) = read(path)
    assert "rounded when it was compressed" in told
    assert np.array_equal(found == 0, np.broadcast_to(outside, found.shape))
    np.testing.assert_array_equal(found[:, ~outside], changed.reshape(found.shape)[:, ~outside])


@pytest.mark.parametrize("level", [16, 4, 1, 0.3, 0.05])
def test_a_sky_around_zero_is_no_border(tmp_path, level):
    samples, outside = stacked(level=0)
    path = compressed(tmp_path / "a.fits.fz", samples, tile=TILES[2], level=level)
    found, changed = read(path)[0][0], fits.getdata(path)
    lost = np.mean(found[~outside] != changed[~outside])
    # Of the sky beside a border, a few samples look like it; with large steps, too many to tell.
    near = math.erf(1 / level / 2**1.5)
    assert lost <= (4 * near / (1 - near) / SHAPE[1] if near < 0.5 else 0)
    assert near > 0.5 or np.mean(found[outside] == 0) > 0.85


@pytest.mark.parametrize("level", [16, 4, 1, 0.05])
def test_a_sky_around_zero_without_a_border_stays(tmp_path, level):
    samples = (0.003 * np.random.default_rng(1).standard_normal(SHAPE)).astype("f4")
    path = compressed(tmp_path / "a.fits.fz", samples, level=level)
    assert np.mean(read(path)[0][0] != fits.getdata(path)) < 0.003


@pytest.mark.parametrize(
    ("samples", "method", "level"),
    [
        (stacked()[0], "dither 2", 4),
        (stacked()[0], "dither 1", 0),  # without loss
        ((stacked()[0] * 1000).astype("i2"), "dither 1", 4),
    ],
    ids=["dither 2", "exact", "integers"],
)
def test_what_keeps_its_zeros_is_read_as_it_is(tmp_path, samples, method, level):
    path = tmp_path / "a.fits.fz"
    if level:
        compressed(path, samples, method, level=level)
    else:
        fits.CompImageHDU(samples, compression_type="GZIP_2", quantize_level=0).writeto(path)
    found, told = read(path)
    assert told == ()
    np.testing.assert_array_equal(found[0], fits.getdata(path))


def test_zeros_that_were_not_dithered_are_zeros(tmp_path):
    samples, outside = stacked()
    path = compressed(tmp_path / "a.fits.fz", samples, "no dither")
    found, (told,) = read(path)
    assert "rounded when it was compressed" in told
    np.testing.assert_array_equal(found[0], fits.getdata(path))
    assert np.array_equal(found[0] == 0, outside)


def test_a_step_that_all_tiles_share_is_found(tmp_path):
    samples, outside = stacked()
    path = compressed(tmp_path / "a.fits.fz", samples, tile=TILES[2])
    with fits.open(path, disable_image_compression=True) as units:
        step = float(units[1].data["ZSCALE"][0])
    # The column becomes one of another meaning.
    told = path.read_bytes().replace(b"'ZSCALE  '", b"'ZOTHER  '")
    card, old = f"ZSCALE  = {step!r:>20}".ljust(80).encode(), b"EXTNAME = 'COMPRESSED_IMAGE'"
    at = told.index(old)
    path.write_bytes(told[:at] + card + told[at + 80 :])
    found, _ = read(path)
    assert np.array_equal(found[0] == 0, outside)


@pytest.mark.parametrize("step", [1e300, np.nan, np.inf, -1.0])
def test_a_step_that_is_impossible_is_no_fault(tmp_path, step):
    path = compressed(tmp_path / "a.fits.fz", stacked()[0], tile=TILES[2])
    with fits.open(path, disable_image_compression=True) as units:
        stored = units[1].data["ZSCALE"][:1].astype(">f8").tobytes()
    raw = path.read_bytes()
    assert raw.count(stored) == 1
    path.write_bytes(raw.replace(stored, np.array(step, ">f8").tobytes()))
    with np.errstate(all="ignore"):
        assert read(path)[0].shape == (1, *SHAPE)
