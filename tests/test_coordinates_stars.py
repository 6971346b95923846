"""Images that are placed by their stars, on skies whose stars are known."""

from __future__ import annotations

import numpy as np
import pytest
from coordinates import Sky, coordinates

from fastbg.coordinates.aligned import aligned
from fastbg.coordinates.mapping import IDENTITY, Field, mapping
from fastbg.coordinates.match import matched
from fastbg.coordinates.stars import find_stars
from fastbg.errors import InputError
from fastbg.image.frame import Frame
from fastbg.image.image import Image
from fastbg.io import formats

SHAPE = 300, 360
DENSITY = 1.5e-3
"""Stars per pixel: 160 in the first image, of which some 100 are seen."""


def field(image, system=None):
    return Field(image.shape, system, Image.from_samples(image))


def misplaced(found, ours, theirs, other):
    """The largest distance of pixels from where they belong, in pixels of the other image."""
    y, x = (each.ravel() for each in np.mgrid[0 : SHAPE[0] : 12.0, 0 : SHAPE[1] : 12.0])
    true = theirs(np.stack([y, x], axis=1) - (np.array(SHAPE) - 1) / 2)
    inside = ((true > 0) & (true < np.array(other) - 1)).all(axis=1)
    distance = np.hypot(*(np.array(found(y, x)) - true.T))
    return distance[inside].max()


CASES = {
    "turned": {"angle": 137},
    "after the meridian flip": {"angle": 180.1},
    "mirrored": {"angle": 20, "mirror": True},
    "coarser": {"scale": 2.5, "angle": 70, "mirror": True},
    "finer": {"scale": 0.6, "angle": -10, "shape": (400, 420)},
    "three times coarser": {"scale": 3.0, "angle": 200, "density": 2.5e-3},
    "a tenth in common": {"shift": (200, 245), "angle": 5, "density": 5e-3},
    "of another colour": {"dropped": 0.4, "angle": 90},
    "of another size": {"angle": 3, "shape": (200, 500)},
}


@pytest.mark.parametrize("case", CASES)
def test_stars_place_an_image(rng, case):
    """Within half a pixel everywhere, whatever the scale, the angle and the overlap."""
    how = dict(CASES[case])
    other = how.pop("shape", SHAPE)
    sky = Sky(rng, how.pop("density", DENSITY), 600)
    ours, _ = sky.seen(SHAPE)
    theirs, pixels = sky.seen(other, **how)
    found = mapping(field(ours), field(theirs))
    assert found.how == "stars"
    assert found.stars >= 12
    assert found.residual < 0.3
    assert misplaced(found, SHAPE, pixels, other) < 0.5


@pytest.mark.parametrize("density", [1.2e-4, 2e-2])
def test_few_stars_and_many(rng, density):
    sky = Sky(rng, density)
    ours, _ = sky.seen(SHAPE)
    theirs, pixels = sky.seen(SHAPE, angle=33)
    assert misplaced(mapping(field(ours), field(theirs)), SHAPE, pixels, SHAPE) < 0.5


def test_lenses_that_distort(rng):
    """A polynomial of the third degree follows, where there are stars enough."""
    places = rng.uniform(0, 1, (300, 2)) * SHAPE
    away = (places - [150, 180]) / 180
    other = places[:, ::-1] + 8 * away[:, ::-1] * (away**2).sum(axis=1, keepdims=True)
    found = matched(places, other, SHAPE, SHAPE[::-1])
    assert len(found.coefficients) == 10
    np.testing.assert_allclose(found.at(places), other, atol=0.01)


def test_stars_are_found_to_a_fraction_of_a_pixel(rng):
    """And hot pixels, rows that are missing and the edge of a registered frame are none."""
    sky = Sky(rng, 4e-4)
    image, pixels = sky.seen(SHAPE)
    hot = rng.integers(10, 290, (50, 2))
    image[hot[:, 0], hot[:, 1]] = 5000
    image[:, :30] = 0
    image[120:124] = np.nan
    for threads in (1, 3):
        found = find_stars(Image.from_samples(np.stack([image] * 3, axis=2)), threads)
        assert len(found) >= 15
        distance = np.linalg.norm(found[:, None, :2] - pixels(sky.places), axis=2).min(axis=1)
        assert np.median(distance) < 0.1
        assert (distance < 1.5).mean() > 0.9
        assert (np.diff(found[:, 2]) <= 0).all()


def test_large_images_are_searched_in_a_smaller_copy(rng):
    """Stars are centred at full resolution all the same."""
    sky = Sky(rng, 2e-4, 700)
    image, pixels = sky.seen((900, 2000))
    found = find_stars(Image.from_samples(image))
    distance = np.linalg.norm(found[:, None, :2] - pixels(sky.places), axis=2).min(axis=1)
    assert len(found) > 100
    assert np.median(distance) < 0.1


@pytest.mark.parametrize("shape", [(1, 1), (20, 400), (40, 40)])
def test_images_without_stars_have_none(rng, shape):
    assert len(find_stars(Image.from_samples(rng.normal(1000, 3, shape).astype("f4")))) == 0
    assert len(find_stars(Image.from_samples(np.zeros(shape, "f4")))) == 0
    assert len(find_stars(Image.from_samples(np.full(shape, 5, "f4")))) == 0


def test_another_field_is_refused_in_one_line(rng):
    ours, _ = Sky(rng, DENSITY).seen(SHAPE)
    theirs, _ = Sky(rng, DENSITY).seen(SHAPE)
    with pytest.raises(InputError, match=r"too few match .\d+ were found.*give an image"):
        mapping(field(ours), field(theirs))
    # Nor do chance patterns match.
    for count in (8, 30, 200):
        one, two = rng.uniform(0, 1, (2, count, 2)) * SHAPE
        with pytest.raises(InputError, match="too few match"):
            matched(one, two, SHAPE, SHAPE)


def test_nothing_tells_how_they_lie():
    with pytest.raises(InputError, match="0 were found, and 0 in the other"):
        mapping(Field(SHAPE), Field((100, 100)))


def test_registered_images_are_on_one_grid(rng):
    sky = Sky(rng, DENSITY)
    ours, _ = sky.seen(SHAPE)
    theirs, _ = sky.seen(SHAPE, dropped=0.3)
    found = mapping(field(ours), field(theirs))
    assert (found.how, found.residual, found.note) == ("same grid", 0, "")
    # Where one of them has no stars, or is given without its pixels, their size decides.
    starless = rng.normal(1000, 3, SHAPE).astype("f4")
    assert mapping(field(ours), field(starless)).how == "same grid"
    assert mapping(Field(SHAPE), field(theirs)).how == "same grid"


def test_images_of_one_size_that_are_not_registered(rng):
    sky = Sky(rng, DENSITY)
    ours, _ = sky.seen(SHAPE)
    theirs, pixels = sky.seen(SHAPE, shift=(7, -5))
    found = mapping(field(ours), field(theirs))
    assert found.how == "stars"
    assert found.note == "is not registered, but 8.6 pixels off: it was placed by its stars"
    assert misplaced(found, SHAPE, pixels, SHAPE) < 0.5


def test_hot_pixels_of_one_camera_are_not_the_sky(rng):
    """Debayering makes blobs of them, which lie on the same grid while the stars do not."""
    sky = Sky(rng, DENSITY)
    ours, _ = sky.seen(SHAPE)
    theirs, pixels = sky.seen(SHAPE, shift=(40, -25))
    for y, x in rng.integers(15, 285, (30, 2)):
        for image in (ours, theirs):
            image[y - 1 : y + 2, x - 1 : x + 2] += np.outer([1, 2, 1], [1, 2, 1]) * 300
    found = mapping(field(ours), field(theirs))
    assert found.note == "is not registered, but 47.2 pixels off: it was placed by its stars"
    assert misplaced(found, SHAPE, pixels, SHAPE) < 0.5


@pytest.mark.parametrize("off", [0.0, 0.6, 25.0])
def test_stars_confirm_coordinates_or_replace_them(rng, off):
    """Those of a mount are some pixels off; those of a solution are not."""
    sky = Sky(rng, DENSITY)
    ours, _ = sky.seen(SHAPE)
    theirs, pixels = sky.seen((300, 310), scale=1.5, angle=30)
    systems = (
        coordinates(SHAPE, 2.0, 0.0),
        coordinates((300, 310), 3.0, 30.0, shift=(off, 0)),
    )
    found = mapping(field(ours, systems[0]), field(theirs, systems[1]))
    assert found.stars > 20
    if off == 25:
        assert found.how == "stars"
        assert found.note.startswith("is not where its coordinates tell, but 25 pixels off")
        assert misplaced(found, SHAPE, pixels, (300, 310)) < 0.5
    else:
        assert found.how == "coordinates"
        assert found.note == ""
        np.testing.assert_allclose(found.residual, off, atol=0.15)


def test_coordinates_that_no_star_confirms_are_told(rng):
    ours, _ = Sky(rng, DENSITY).seen(SHAPE)
    theirs, _ = Sky(rng, DENSITY).seen(SHAPE)
    systems = coordinates(SHAPE, 2.0), coordinates(SHAPE, 2.0, 40.0)
    found = mapping(field(ours, systems[0]), field(theirs, systems[1]))
    assert found.how == "coordinates"
    assert "other stars than its coordinates tell" in found.note


def test_stars_that_were_found_before_are_taken(rng):
    sky = Sky(rng, DENSITY)
    one, two = sky.seen(SHAPE)[0], sky.seen(SHAPE, angle=50)[0]
    stars = [find_stars(Image.from_samples(each)) for each in (one, two)]
    found = mapping(Field(SHAPE, stars=stars[0]), Field(SHAPE, stars=stars[1]))
    expected = mapping(field(one), field(two))
    np.testing.assert_array_equal(found(3.0, 5.0), expected(3.0, 5.0))


def test_the_difference_of_aligned_images_has_no_stars(rng):
    """What medians leave of stars in crowded fields is the same in both images."""
    sky = Sky(rng, 2e-2)
    ours, theirs = (sky.seen(*how, slope=0)[0] for how in ((SHAPE,), ((420, 440), 1.0, 20)))
    small = aligned(Image.from_samples(ours), IDENTITY, SHAPE, 8)
    found = mapping(field(ours), field(theirs))
    other = aligned(Image.from_samples(theirs), found, SHAPE, 8)
    assert np.median(small) > 1003  # for faint stars are everywhere
    assert abs(np.nanmedian(small - other)) < 0.5
    left, light = np.abs(small - other), np.abs(small - np.median(small))
    assert np.nanpercentile(left, 90) < np.percentile(light, 90) / 2


def test_real_frames_of_two_nights(shared_data):
    """A stack of a dark night, one under the moon, and a raw frame: turned by the Earth."""
    fields = []
    for name in (
        "m94_32x10s_rgb_f32.fits",
        "m94_moon_11x10s_rgb_f32.xisf",
        "m94_seestar_raw_cfa_u16.fit",
    ):
        with formats.open_image(shared_data / name) as file:
            frame = Frame(Image.of(file, file.bounds), file.cfa)
            fields.append(Field(frame.image.shape, stars=find_stars(frame.image)))
    stack, moon, raw = fields
    y, x = np.array([100.0, 1200, 700]), np.array([200.0, 300, 1000])
    there = mapping(stack, moon)
    assert there.stars > 50
    assert there.residual < 0.5
    np.testing.assert_allclose(mapping(moon, stack)(*there(y, x)), [y, x], atol=0.5)
    # The way by way of a superpixel frame is the same.
    np.testing.assert_allclose(mapping(raw, moon)(*mapping(stack, raw)(y, x)), there(y, x), atol=1)
