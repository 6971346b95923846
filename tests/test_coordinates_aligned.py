"""One image on the small grid of another one: ramps, means, other programs, missing samples."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from astropy.wcs import WCS
from coordinates import coordinates, header
from images import filling, image_of, recorded
from tolerances import CHOSEN_CELLS, CHOSEN_PIXELS

from fastbg.coordinates import aligned as module
from fastbg.coordinates.aligned import aligned
from fastbg.coordinates.mapping import IDENTITY, Field, Mapping, mapping
from fastbg.coordinates.window import Window
from fastbg.errors import InputError
from fastbg.image.downscale import block_centres, downscale
from fastbg.image.image import Image
from fastbg.image.kernels import NUMPY
from fastbg.image.stretch import Stretch

SHAPE = 101, 149
"""Of the target: the last cells are partial."""

OTHERS = {
    "turned": ((190, 170), 2.0, 37.0, {}),
    "mirrored": ((190, 170), 2.0, 37.0, {"mirror": True}),
    "finer": ((600, 700), 0.5, 100.0, {}),
    "coarser": ((64, 61), 6.0, -20.0, {}),
    "much coarser": ((40, 41), 20.0, -20.0, {}),
    "distorted": ((190, 170), 2.0, 37.0, {"sip": 8.0}),
    "a part": ((60, 70), 2.0, 10.0, {}),
    "shifted": ((101, 149), 2.0, 0.0, {"shift": (3.3, -4.7)}),
}  # fmt: skip


def fields(kind, scale=2.0):
    shape, *how, more = OTHERS[kind]
    return Field(SHAPE, coordinates(SHAPE, scale)), Field(shape, coordinates(shape, *how, **more))


def centres(shape, factor):
    """The middles of the cells, in pixels of the target."""
    y, x = (size * block_centres(size, factor) - 0.5 for size in shape)
    return y[:, np.newaxis], x


@pytest.mark.parametrize("factor", [1, 2, 8])
@pytest.mark.parametrize("function", ["median", "mean"])
@pytest.mark.parametrize("kind", OTHERS)
def test_a_ramp_is_reproduced(kind, function, factor):
    """What is linear in pixels of the target is so after it was seen by another camera."""
    target, other = fields(kind)
    y, x = mapping(other, target)(*np.mgrid[: other.shape[0], : other.shape[1]])
    ramp = np.float32(1000 + 0.5 * y - 0.25 * x)
    image = image_of(np.stack([ramp, 2 * ramp, 3 * ramp]))
    found = aligned(image, mapping(target, other), SHAPE, factor, function=function)
    assert found.dtype == np.float32
    assert np.moveaxis(found, 2, 0).flags.c_contiguous
    expected = 1000 + 0.5 * centres(SHAPE, factor)[0] - 0.25 * centres(SHAPE, factor)[1]
    np.testing.assert_allclose(found[..., 1], 2 * found[..., 0], rtol=1e-5)
    # In pixels of the other image, up the ramp.
    pixel = np.hypot(0.5, 0.25) * OTHERS[kind][1] / 2
    error = np.abs(found[..., 0] - expected) / pixel
    allowed = max(CHOSEN_PIXELS, CHOSEN_CELLS * factor * 2 / OTHERS[kind][1])
    inner = ~_at_the_edge(np.isnan(found[..., 0]))
    assert (error[inner] < allowed).all()
    # A cell at the edge of the other image has samples for a part of its area only.
    assert np.nanmax(error) < allowed + 0.25 * factor * 2 / OTHERS[kind][1]
    assert np.isfinite(found).mean() > (0.2 if kind == "a part" else 0.75)


@pytest.mark.parametrize("kind", ["turned", "finer"])
def test_no_more_of_the_other_image_is_held_than_is_shown(monkeypatch, rng, kind):
    """Of an image that reaches far beyond the target, some rows and columns suffice."""
    shape, *how, _ = OTHERS[kind]
    wide = tuple(4 * size for size in shape)
    target, other = Field(SHAPE, coordinates(SHAPE, 2.0)), Field(wide, coordinates(wide, *how))
    planes = rng.normal(1000, 10, (3, *wide)).astype(np.float32)
    held = []

    class Recorded(Window):
        def __init__(self, *given):
            super().__init__(*given)
            held.append(self._planes.nbytes)

    monkeypatch.setattr(module, "Window", Recorded)
    where = image_of(planes), mapping(target, other), SHAPE, 8
    whole = aligned(*where)
    monkeypatch.setattr(module, "HELD", 0)
    np.testing.assert_array_equal(aligned(*where), whole)
    assert held[1] < held[0] < planes.nbytes / 8


def _at_the_edge(missing):
    """Cells that are missing, those next to them, and those at the sides of the image."""
    padded = np.pad(missing, 1, constant_values=missing.any())
    h, w = missing.shape
    return np.any([padded[i : i + h, j : j + w] for i in range(3) for j in range(3)], axis=0)


@pytest.mark.parametrize("function", ["median", "grouped median"])
def test_the_same_grid_is_the_small_copy_of_the_target(rng, function):
    planes = rng.normal(1000, 10, (3, *SHAPE)).astype(np.float32)
    planes[:, 40:60, 20:50] = 0
    image = image_of(np.round(planes))
    found = aligned(image, IDENTITY, SHAPE, 8, function=function)
    low, high = 0.0, 4096.0
    stretch = Stretch.linear(np.tile([low, 1.0, 2.0, high], (3, 1)))
    small = downscale(image, stretch, 8, function)
    np.testing.assert_allclose(found, low + small * (high - low), rtol=1e-6)
    assert np.isnan(found[6, 4]).all()


def test_means_are_kept(rng):
    """The mean of what is seen stays, against an independent program."""
    reproject = pytest.importorskip("reproject")
    shape = 180, 200
    target, other = SHAPE, shape
    light = 1000 + 200 * np.sin(np.arange(180) / 9)[:, np.newaxis] * np.cos(np.arange(200) / 13)
    light += rng.normal(0, 5, shape)
    how = mapping(
        Field(target, coordinates(target, 2.0)), Field(other, coordinates(other, 2.0, 30.0))
    )
    found = aligned(image_of(np.float32(light[np.newaxis])), how, target, 8, function="mean")[
        ..., 0
    ]
    fine, _ = reproject.reproject_exact(
        (light, WCS(header(other, 2.0, 30.0))), WCS(header(target, 2.0)), target
    )
    cells = np.pad(fine, ((0, -101 % 8), (0, -149 % 8)), constant_values=np.nan)
    expected = np.nanmean(cells.reshape(13, 8, 19, 8), axis=(1, 3))
    assert abs(found.mean() - expected.mean()) < 0.2
    # The signal has a standard deviation of 100, and a mean of 64 samples of noise one of 0.6.
    assert np.std(found - expected) < 1.0
    assert np.abs(found - expected).max() < 5


def test_stars_are_left_out_as_the_target_leaves_them_out(rng):
    """A tenth of the pixels is far above the rest."""
    shape = 240, 300
    planes = rng.normal(1000, 10, (1, *shape)).astype(np.float32)
    planes[0][rng.random(shape) < 0.1] += 3000
    target = Field(SHAPE, coordinates(SHAPE, 2.0))
    how = mapping(target, Field(shape, coordinates(shape, 2.0, 20.0)))
    found = aligned(image_of(planes), how, SHAPE, 8)
    small = aligned(image_of(planes), IDENTITY, shape, 8)
    assert abs(np.nanmedian(found) - np.median(small)) < 1
    assert np.nanmedian(aligned(image_of(planes), how, SHAPE, 8, function="mean")) > 1200


@pytest.mark.parametrize("kind", OTHERS)
def test_missing_samples_and_threads(rng, kind):
    """They are left out; results do not depend on threads, kernels or how rows are lent."""
    target, other = fields(kind)
    planes = rng.normal(1000, 1, (1, *other.shape)).astype(np.float32)
    planes[0, ::3, ::2] = 0
    planes[0, 1::5] = np.nan
    how = mapping(target, other)
    found = aligned(image_of(planes), how, SHAPE, 4)
    assert np.nanmin(found) > 990
    read = filling(image_of(planes))
    np.testing.assert_array_equal(aligned(read, how, SHAPE, 4, threads=3), found)
    np.testing.assert_allclose(aligned(read, how, SHAPE, 4, kernels=NUMPY), found, rtol=1e-6)
    planes[:] = 0
    with pytest.raises(InputError, match="no part of this field"):
        aligned(image_of(planes), how, SHAPE, 4)


def test_a_hole_stays_a_hole(rng):
    target, other = fields("turned")
    planes = rng.normal(1000, 1, (3, *other.shape)).astype(np.float32)
    y, x = mapping(other, target)(*np.mgrid[: other.shape[0], : other.shape[1]])
    planes[1, np.hypot(y - 50, x - 70) < 25] = np.nan
    found = aligned(image_of(planes), mapping(target, other), SHAPE, 4)
    y, x = centres(SHAPE, 4)
    distance = np.hypot(y - 50, x - 70)
    assert np.isnan(found[distance < 20][:, 1]).all()
    assert np.isfinite(found[(distance > 30) & (distance < 45)]).all()
    assert np.isfinite(found[distance < 20][:, 0]).all()


def test_rows_are_read_once_in_bands_and_only_where_needed():
    other, scale = (3000, 500), 1.0
    image, reads = recorded(image_of(np.full((1, *other), 5, np.float32)))
    target = Field((200, 300), coordinates((200, 300), scale))
    how = mapping(target, Field(other, coordinates(other, scale)))
    found = aligned(image, how, (200, 300), 8)
    assert np.isfinite(found).all()
    assert all(rows.stop - rows.start <= 300 for rows in reads)
    rows = sorted((each.start, each.stop) for each in reads)
    assert 1380 < rows[0][0] <= 1400
    assert 1600 <= rows[-1][1] < 1620
    assert all(a[1] == b[0] for a, b in pairwise(rows))


def test_a_small_image_within_a_large_field():
    """It is found, and nothing is told where it has no samples."""
    shape = 1000, 1200
    target = Field(shape, coordinates(shape, 2.0))
    other = Field((60, 80), coordinates((60, 80), 2.0, 33.0, sip=5.0, CRVAL2=54.2))
    how = mapping(target, other)
    found = aligned(image_of(np.full((1, 60, 80), 7, np.float32)), how, shape, 8)
    seen = np.isfinite(found[..., 0])
    assert abs(64 * seen.sum() - 60 * 80) < 1200
    assert np.all(found[seen] == 7)


@pytest.mark.parametrize(("place", "away"), [({"CRVAL2": 52.3}, "2"), ({"CRVAL1": 30.8}, "71.4")])
def test_an_image_of_another_part_of_the_sky(place, away):
    target = Field(SHAPE, coordinates(SHAPE, 2.0))
    with pytest.raises(InputError, match=f"coordinates lie {away} degrees away: give an image"):
        mapping(target, Field(SHAPE, coordinates(SHAPE, 2.0, **place)))


@pytest.mark.parametrize(
    ("ours", "theirs", "how"),
    [
        ((), (), "same grid"),
        ((), (2.0, 30.0), "same grid"),
        ((2.0, 0.0), (2.0, 0.0), "same grid"),
        ((2.0, 0.0), (2.0, 0.02), "same grid"),
        ((2.0, 0.0), (2.0, 0.1), "coordinates"),
        ((2.0, 0.0), (2.01, 0.0), "coordinates"),
    ],
)
def test_what_is_the_same_grid(ours, theirs, how):
    one, two = (
        Field(SHAPE, coordinates(SHAPE, *each) if each else None) for each in (ours, theirs)
    )
    found = mapping(one, two)
    assert found.how == how
    assert found.residual == 0
    y, x = np.array([3.0, 90]), np.array([4.0, 140])
    np.testing.assert_allclose(found(y, x), [y, x], atol=0.4)


def test_coordinates_that_leap_are_refused():
    def leaping(y, x):
        return np.where(x < 70.123, y, y + 30), x

    image = Image.from_samples(np.ones((200, 200), np.float32))
    with pytest.raises(InputError, match="leap within this field"):
        aligned(image, Mapping(leaping, "coordinates"), SHAPE, 8)
