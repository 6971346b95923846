"""The simulated sets of the benchmarks: the same sky in every image, and truth about each."""

from __future__ import annotations

import numpy as np
import pytest

from sets import main
from sets.bound import bounds, median_noise, points_of, relative, rms, sampled
from sets.fields import KINDS, PLACE, Field, Grid
from sets.frames import Frame, exposure, generator
from sets.nights import night
from sets.of_steps import information, seams_of, step_bounds
from sets.panels import light_of_merged, merged, mosaic
from sets.references import WAYS, pair

SHAPE = (60, 90)
TURNED = Grid((50, 70), (3.0, -4.0), 0.4, 1.7)


def light_of(frame):
    """The light of the field in an image, without its flux scale, (H, W, K)."""
    return (frame.image - frame.background) / frame.scale


def test_a_grid_leads_to_the_field_and_back():
    y, x = np.random.default_rng(1).uniform(0, 50, (2, 20))
    assert TURNED.from_field(*TURNED.on_field(y, x)) == pytest.approx(np.stack([y, x]))
    assert TURNED.covers(TURNED).all()
    assert not Grid((10, 10)).covers(TURNED).all()


def test_keywords_tell_where_pixels_of_several_grids_lie():
    wcs = pytest.importorskip("astropy.wcs")
    straight = Grid(SHAPE)
    y, x = np.array([4.0, 30.0]), np.array([9.0, 60.0])
    there = straight.from_field(*TURNED.on_field(y, x))
    skies = [
        wcs.WCS(grid.coordinates()).all_pix2world(*places[::-1], 0)
        for grid, places in ((TURNED, np.stack([y, x])), (straight, there))
    ]
    assert np.abs(np.subtract(*skies)).max() < 1e-9
    # North is up where the first row is the bottom one, and east is to the left.
    ra, dec = wcs.WCS(straight.coordinates()).all_pix2world([0, 80], [0, 50], 0)
    assert ra[0] > ra[1]
    assert dec[0] < dec[1]


def test_a_coarser_image_has_the_same_light_by_area():
    field = Field.of("galaxy", (240, 240), generator("galaxy", 1))
    fine, coarse = field.seen(Grid((120, 120))), field.seen(Grid((40, 40), scale=3.0), 1.5)
    blocks = np.median(fine.reshape(3, 40, 3, 40, 3), axis=(2, 4))
    assert np.median(np.abs(coarse - blocks)) < 0.08 * np.median(fine)
    assert coarse.mean() == pytest.approx(fine.mean(), rel=0.03)


@pytest.mark.parametrize("name", KINDS)
def test_a_reference_shows_the_sky_of_its_target(name):
    found = pair(name, SHAPE, 1)
    target, reference = (np.median(light_of(f), axis=2) for f in (found.target, found.reference))
    blocks = [np.median(a.reshape(6, 10, 9, 10), axis=(1, 3)) for a in (target, reference)]
    assert np.corrcoef(*map(np.ravel, blocks))[0, 1] > (0.9 if name != "narrowband" else 0.6)
    assert np.array_equal(pair(name, SHAPE, 1).reference.image, found.reference.image)


def test_what_is_left_in_a_reference_is_a_part_of_the_gradient():
    clean, left = (pair("galaxy", SHAPE, 2, way) for way in ("clean", "left"))
    assert np.array_equal(clean.target.image, left.target.image)
    assert np.ptp(clean.reference.background, axis=(0, 1)).max() == 0
    part = left.reference.background.std(axis=(0, 1)) / left.reference.scale
    assert part == pytest.approx(0.15 * left.target.background.std(axis=(0, 1)), rel=1e-3)


@pytest.mark.parametrize("way", WAYS)
def test_every_way_differs_from_the_clean_one(way):
    found, clean = pair("milky way", SHAPE, 1, way), pair("milky way", SHAPE, 1)
    same = found.reference.image.shape == clean.reference.image.shape
    assert (same and np.array_equal(found.reference.image, clean.reference.image)) == (
        way == "clean"
    )


def test_frames_of_a_night_differ_by_scale_gradient_and_noise():
    found = night("galaxy", SHAPE, 1)
    clear = [f for n, f in enumerate(found.frames) if n != found.clouded]
    lights = [np.where(f.valid[..., np.newaxis], light_of(f), np.nan) for f in clear]
    mean = np.nanmedian(lights, axis=0)
    for frame, light in zip(clear, lights, strict=True):
        noise = (frame.noise / frame.scale).mean()
        assert abs(np.nanmedian(light - mean)) < 0.05 * noise
        assert np.nanmedian(np.abs(light - mean)) < 1.2 * noise
    rises = [np.ptp(f.background, axis=(0, 1)) for f in clear]
    assert rises[-1].mean() > 1.4 * rises[0].mean()
    assert np.ptp(rises[-1] / rises[0]) > 0.2
    assert not clear[-2].valid.all()


def test_frames_with_coordinates_have_grids_of_their_own():
    frames = night("galaxy", SHAPE, 1, "coordinates", count=3).frames
    assert len({f.grid.scale for f in frames}) == 3
    assert all(f.valid.all() for f in frames)


def test_panels_overlap_by_a_tenth():
    found = mosaic("same colour", SHAPE, 1, 3)
    assert len(found.panels) == 9
    assert len(found.seams) == 12
    shared = [found.panels[a].grid.covers(found.panels[b].grid).mean() for a, b in found.seams]
    assert 0.05 < min(shared) < max(shared) < 0.15
    image, labels = merged("galaxy", SHAPE, 1, 2)
    assert labels.shape == image.valid.shape == (120, 180)
    assert np.unique(labels).tolist() == [1, 2, 3, 4]


def test_a_longer_exposure_has_less_noise():
    field = Field.of("comet", (30, 40), generator("comet", 1))
    background = np.full((3, 30, 40), 0.05, np.float32)
    short, long = (
        exposure(field, Grid((30, 40)), background, generator("noise"), depth=d) for d in (1, 4)
    )
    assert long.noise == pytest.approx(short.noise / 2)


@pytest.mark.parametrize("ending", ["fits", "xisf"])
def test_sets_are_written_with_their_truth(ending, tmp_path, capsys):
    from fastbg.io import formats
    from fastbg.jobs.coordinates import coordinates_of

    options = ["--kinds", "galaxy", "--size", "40x60", "--format", ending]
    assert main(["reference", "mosaic", "--write", str(tmp_path), *options]) == 0
    folders = capsys.readouterr().out.split()
    assert sorted(folders) == sorted(each.name for each in tmp_path.iterdir())
    panel = mosaic("galaxy", (40, 60), 1, 2).panels[3]
    with formats.open_image(tmp_path / "mosaic-2x2-galaxy-1" / f"panel4.{ending}") as file:
        place = coordinates_of(file).to_pixel(*map(np.array, PLACE))
    there = panel.grid.from_field(np.zeros(()), np.zeros(()))
    assert np.ravel(place) == pytest.approx(np.ravel(there), abs=1e-6)
    assert (tmp_path / "reference-left-galaxy-1" / "truth" / "target.json").is_file()


def test_least_squares_reach_what_noise_allows():
    """On gradients that are polynomials, in frames of nothing but noise."""
    rng, shape = np.random.default_rng(1), (60, 90)
    y, x = Grid(shape).pixels() / 45
    basis = np.stack([x, y, x * y, x**2, y**2], axis=-1)
    frames = []
    for deviation in np.geomspace(0.5, 2, 8):
        sky = 10 + (basis @ rng.standard_normal(5))[..., np.newaxis]
        image = sky + deviation * rng.standard_normal((*shape, 1))
        known = np.ones(1), np.array([deviation]), Grid(shape)
        frames.append(Frame(image, sky, np.ones(shape, bool), *known))
    points = points_of(shape)
    # All light is fine structure, which tells flux scales and is no gradient.
    light = rng.standard_normal((*shape, 1)) / 10
    least, freedoms = bounds(frames, points, 1, light)
    assert freedoms == 5
    images = np.stack([f.image for f in frames])
    apart = (images - images.mean(axis=0)).reshape(8, -1).T
    full = np.column_stack([basis.reshape(-1, 5), np.ones(len(apart))])
    fitted = (full @ np.linalg.lstsq(full, apart, rcond=None)[0]).T.reshape(images.shape)
    wrong = [sampled(m - f.background, f, points) for m, f in zip(fitted, frames, strict=True)]
    ratio = rms(relative(np.stack(wrong))) / least
    assert np.sqrt((ratio**2).mean()) == pytest.approx(1, abs=0.2)


def test_the_median_of_normal_noise_is_worse_than_its_mean():
    assert median_noise(1) == pytest.approx(1, abs=0.02)
    assert 8 * median_noise(8) == pytest.approx(np.sqrt(np.pi / 2), rel=0.03)


def test_the_bound_of_steps_is_that_of_theory(rng: np.random.Generator) -> None:
    # A random walk across the seam: its increment there is all that a step can be mistaken for.
    walk = np.cumsum(0.3 * rng.standard_normal((2, 512, 60)), axis=1)
    variance = 1 / information(walk, 256, np.zeros(2))
    np.testing.assert_allclose(variance, 0.3**2, rtol=0.1)
    # Of noise alone, the means of both sides are known; levels and slopes of a piece are not used.
    alone = 1 / information(np.zeros((1, 512, 4)), 256, np.ones(1))
    assert 4 / 256 < alone[0] < 16 / 256


def test_bounds_of_steps_are_those_of_each_seam() -> None:
    image, labels = merged("galaxy", SHAPE, 1, 2)
    light = light_of_merged("galaxy", SHAPE, 1)
    found = step_bounds(image, labels, light)
    assert len(found) == len(seams_of(labels)) == 4
    assert all((each > 0).all() for each in found)
    # Light without stars is what the image has less of.
    assert np.abs(light).max() < np.abs(np.moveaxis(image.image - image.background, 2, 0)).max()
