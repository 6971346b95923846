"""What somebody knows to be sky counts as sky, whatever it looks like."""

from __future__ import annotations

import json
from itertools import product

import numpy as np
import pytest
import tolerances
from astropy.io import fits as astropy_fits
from cases import some
from PIL import Image as pil

import scenes
from fastbg import InputError, Settings, process_file, process_files, remove_background
from fastbg.image.downscale import block_centres
from fastbg.image.frame import Frame
from fastbg.image.image import Image
from fastbg.image.kernels import FASTEST, NUMPY
from fastbg.io import xisf
from fastbg.pipeline import Job
from fastbg.sky.basis import Basis
from fastbg.sky.even_areas import even_areas
from fastbg.sky.mesh import mesh_of
from fastbg.sky.selection import select_surfaces
from fastbg.sky.surface import PROTECTIONS, fit_surface

SHAPE = (480, 720)
Y, X = np.mgrid[: SHAPE[0], : SHAPE[1]] / SHAPE[1]
NEBULA = np.hypot(Y - 0.3, X - 0.4) < 0.12


def sky(seed=0):
    """A gradient with noise and something bright that could be an object, (H, W) float32."""
    noise = np.random.default_rng(seed).normal(0, 0.002, SHAPE)
    bump = 0.05 * np.exp(-(np.hypot(Y - 0.3, X - 0.4) ** 2) / 0.01)
    return (0.1 + 0.03 * X + bump + noise).astype(np.float32)


def of_true_sky(scene, part=0.1):
    """Where blocks of a scene hold nothing but sky, to a part of the sky's deviation."""
    side = 8
    objects = scene.image - scene.background
    rows, columns = (size // side for size in objects.shape[:2])
    blocks = objects[: rows * side, : columns * side].reshape(rows, side, columns, side, -1)
    middle = np.median(blocks, axis=(1, 3))
    near = np.abs(middle) < part * scene.background[scene.valid].std(axis=0)
    found = np.zeros(scene.valid.shape, bool)
    whole = np.kron(near.all(axis=2), np.ones((side, side), bool))
    found[: rows * side, : columns * side] = whole
    return found & scene.valid


def weights(image, known, weight=None, **settings):
    """(h, w): how much of each pixel of the fit is sky."""
    options = {"downscaling_factor": 4, "threads": 1, **settings}
    given = [None if each is None else Image.from_samples(each) for each in (weight, known)]
    with Job(Settings(**options)) as job:
        return job.prepare(Frame(Image.from_samples(image)), *given).problem.weight[..., 0]


@pytest.mark.parametrize(
    ("protection", "kind"),
    some(
        [("auto", "nightscape"), ("strong", "large nebula")],
        product(PROTECTIONS, ["large nebula", "nightscape"]),
    ),
)
def test_cells_keep_their_weight_in_numpy_and_in_c_alike(kind, protection):
    image = scenes.simulate(kind, (320, 480), 7).image
    places = [block_centres(size, 1) for size in image.shape[:2]]
    painted = np.zeros(image.shape[:2], np.float32)
    painted[100:200, 150:300] = 1
    mesh = mesh_of(image, np.isfinite(image).astype(np.float32), *places, painted)
    cells = mesh.known == 1
    assert 0.05 < cells.mean() < 0.12
    splines = Basis(mesh.points, 14).of_degree(2)
    expected, found = (
        fit_surface(splines, mesh, mesh.weight, 1e-3, PROTECTIONS[protection], kernels)
        for kernels in (NUMPY, FASTEST)
    )
    np.testing.assert_allclose(found.weight, expected.weight, atol=10 * tolerances.ONE_FIT)
    assert found.missed == pytest.approx(expected.missed, abs=0.02)
    for each in (expected, found):
        assert each.weight[cells] == pytest.approx(mesh.weight[cells])
    how = PROTECTIONS[protection]
    same = [select_surfaces(mesh, how, kernels=kernels)[-1] for kernels in (NUMPY, FASTEST)]
    assert same[0].stiffness == same[1].stiffness
    assert np.ptp(same[0].values - same[1].values) < tolerances.SEARCH * np.ptp(same[0].values)


@pytest.mark.parametrize(
    ("kind", "seed", "least"),
    some(
        [("saturated core", 285, 2.0), ("fisheye", 0, 2.0)],
        [("saturated core", 285, 2.0), ("fisheye", 0, 2.0), ("mono cirrus", 0, 2.0)],
    ),
)
def test_painting_true_sky_where_the_search_fails_makes_the_error_fall(kind, seed, least):
    scene = scenes.simulate(kind, SHAPE, seed)
    plain, painted = (
        scenes.error(remove_background(scene.image, sky=known).background, scene)
        for known in (None, of_true_sky(scene))
    )
    assert painted < plain / least


@pytest.mark.parametrize(
    ("kind", "seed"),
    some(
        [("narrow dome", 1), ("galaxy", 1), ("saturated core", 2), ("saturated core", 3)],
        [
            *product(["star field", "light dome", "narrow dome", "galaxy", "nightscape"], [1]),
            *product(["saturated core"], [2, 3, 5]),
        ],
    ),
)
def test_painting_true_sky_where_the_search_succeeds_changes_little(kind, seed):
    scene = scenes.simulate(kind, SHAPE, seed)
    plain, painted = (
        scenes.error(remove_background(scene.image, sky=known).background, scene)
        for known in (None, of_true_sky(scene))
    )
    assert painted < plain + 0.02


@pytest.mark.parametrize(
    "options",
    [{}, {"protect": "strong"}, {"protect": "off"}, {"weight": ~NEBULA}, {"feather": 30.0}],
)
def test_painting_nothing_changes_no_bit(options):
    if "feather" in options:
        options = {**options, "weight": ~NEBULA}
    plain, painted = (
        remove_background(sky(), sky=known, **options) for known in (None, np.zeros(SHAPE, bool))
    )
    assert painted.corrected.tobytes() == plain.corrected.tobytes()
    assert painted.report["sky"] == plain.report["sky"]


def test_an_object_that_is_known_to_be_sky_is_sky():
    image = sky()
    plain = remove_background(image)
    painted = remove_background(image, sky=NEBULA)
    truth = 0.05 * np.exp(-(np.hypot(Y - 0.3, X - 0.4) ** 2) / 0.01)
    left = (painted.corrected - plain.corrected)[NEBULA].mean()
    assert left < -0.7 * truth[NEBULA].mean()
    inside = NEBULA[::4, ::4] & NEBULA[3::4, 3::4]
    assert weights(image, None)[inside].mean() < 0.1
    assert weights(image, NEBULA.astype(np.float32))[inside].mean() > 0.95


def test_stars_in_it_are_still_taken_out():
    image = sky()
    star = np.hypot(Y - 0.3, X - 0.4) < 0.005
    image[star] += 0.5
    found = weights(image, NEBULA.astype(np.float32))
    assert found[star[1::4, 1::4]].max() < 0.1


def test_the_mask_wins():
    image, known = sky(), NEBULA.astype(np.float32)
    hidden = np.where(X > 0.4, 0, 1).astype(np.float32)
    for protect in ("auto", "always", "strong", "off"):
        found = weights(image, known, hidden, protect=protect)
        assert (found[:, X[0, ::4] > 0.41] == 0).all()
    one, two = (
        remove_background(image, weight=hidden, sky=where, protect="always").background
        for where in (NEBULA, NEBULA & (hidden > 0))
    )
    assert one.tobytes() == two.tobytes()


def test_thresholds_and_feathering_leave_it():
    image, known = sky(), NEBULA.astype(np.float32)
    inside = NEBULA[::4, ::4] & NEBULA[3::4, 3::4]
    bright = {"threshold_max": 0.5, "control_points": 9}
    assert weights(image, None, **bright)[inside].mean() < 0.2
    assert (weights(image, known, **bright)[inside] == 1).all()
    hidden = np.where(np.hypot(Y - 0.3, X - 0.4) < 0.14, 0, 1).astype(np.float32)
    near = (np.hypot(Y - 0.3, X - 0.4) > 0.15) & (np.hypot(Y - 0.3, X - 0.4) < 0.17)
    soft = {"feather": 40.0, "control_points": 9}
    blocks = near[::4, ::4] & near[3::4, 3::4]
    assert weights(image, None, hidden, **soft)[blocks].max() < 0.9
    assert (weights(image, near.astype(np.float32), hidden, **soft)[blocks] == 1).all()


def test_what_is_saturated_and_known_to_be_sky_is_no_even_area():
    image = np.repeat(sky()[::4, ::4, np.newaxis], 3, 2)
    image[30:60, 60:100] = 0.5
    y, x = (block_centres(size, 4) for size in SHAPE)
    painted = np.zeros(image.shape[:2], np.float32)
    painted[:, :80] = 1
    plain, known = (mesh_of(image, np.ones_like(image), y, x, each) for each in (None, painted))
    even = even_areas(plain, image)
    assert even.any()
    found = even_areas(known, image)
    assert np.array_equal(found, even & (known.known == 0))
    assert found.sum() < even.sum()


def test_files_are_what_arrays_are_and_several_are_joined(tmp_path):
    image = sky()
    left, right = NEBULA & (X < 0.4), NEBULA & (X >= 0.4)
    xisf.write(tmp_path / "sky.xisf", image[..., np.newaxis])
    for name, part in (("left", left), ("right", right), ("all", NEBULA)):
        pil.fromarray((part * 255).astype("u1")).save(tmp_path / f"{name}.png")
    parts = [tmp_path / "left.png", tmp_path / "right.png"]
    joined, single = (
        process_file(tmp_path / "sky.xisf", output_dir=tmp_path / name, sky=files).model
        for name, files in (("joined", parts), ("single", tmp_path / "all.png"))
    )
    array = remove_background(image, sky=NEBULA)
    assert joined == single == array.model


def test_regions_surround_sky_in_the_rows_of_the_file(tmp_path):
    """DS9 regions and polygons count as the file stores its rows, and pictures as it is seen."""
    image = sky()
    known = np.zeros(SHAPE, bool)
    known[100:260, 200:360] = True
    header = astropy_fits.Header({"ROWORDER": "BOTTOM-UP"})
    astropy_fits.PrimaryHDU(image[::-1], header).writeto(tmp_path / "sky.fits")
    top, bottom = SHAPE[0] - 260, SHAPE[0] - 100
    ring = [[200, top], [360, top], [360, bottom], [200, bottom], [200, top]]
    polygon = {"type": "Polygon", "coordinates": [ring]}
    (tmp_path / "a.geojson").write_text(json.dumps(polygon), encoding="utf-8")
    box = f"image\nbox({200 + 80 + 0.5},{top + 80 + 0.5},160,160)\n"
    (tmp_path / "a.reg").write_text(box, encoding="utf-8")
    pil.fromarray((known * 255).astype("u1")).save(tmp_path / "a.png")
    models = [
        process_file(tmp_path / "sky.fits", output_dir=tmp_path / kind, sky=tmp_path / f"a.{kind}")
        for kind in ("geojson", "reg", "png")
    ]
    plain = process_file(tmp_path / "sky.fits", output_dir=tmp_path / "plain")
    expected = remove_background(image, sky=known).model
    assert all(each.model == expected for each in models)
    assert plain.model != expected


def test_a_batch_begins_again_where_it_changes(tmp_path):
    xisf.write(tmp_path / "sky.xisf", sky()[..., np.newaxis])
    pil.fromarray((NEBULA * 255).astype("u1")).save(tmp_path / "known.png")

    def run(known):
        found = process_files(
            tmp_path / "sky.xisf", output_dir=tmp_path / "out", workers=1, sky=known
        )
        return [each.status for each in found.outcomes], found.outcomes[0].report

    assert run(None)[0] == ["done"]
    assert run(tmp_path / "known.png")[0] == ["done"]
    assert run([tmp_path / "known.png"])[0] == ["skipped"]
    with pytest.raises(InputError, match=r"nothing\.png cannot be read: check the name of the sky"):
        run(tmp_path / "nothing.png")


@pytest.mark.parametrize(
    ("known", "why"),
    [
        (np.ones((3, 4)), "the sky has 4 x 3 pixels and the image 720 x 480: make the sky"),
        (2.0 * Y + 0.1, "the sky has values from .* rescale it to 0 .not known. .. 1 .sky."),
        (np.array([["sky"]]), "the sky is no array of numbers"),
    ],
    ids=["size", "values", "text"],
)
def test_what_cannot_be_the_sky_is_one_line(known, why):
    with pytest.raises(InputError, match=why) as error:
        remove_background(sky(), sky=known)
    assert "\n" not in str(error.value)


def test_a_mosaic_of_colours_and_a_strip(rng):
    mosaic = sky()
    one, two = (
        remove_background(mosaic, cfa="RGGB", sky=known).background for known in (None, NEBULA)
    )
    assert two[NEBULA].mean() > one[NEBULA].mean() + 0.01
    strip = sky()[140:146]
    for known in (np.zeros(strip.shape), np.ones(strip.shape)):
        assert np.isfinite(
            remove_background(strip, sky=known, downscaling_factor=1).corrected
        ).all()


@pytest.mark.parametrize(("shape", "seed"), [((5, 6), 2), ((5, 6), 38), ((6, 8), 6), ((13, 8), 0)])
def test_integers_of_four_steps_have_no_noise_to_divide_by(shape, seed):
    image = np.random.default_rng(seed).integers(0, 4, (*shape, 3)) / 65535
    known = np.zeros(shape, np.float32)
    known[: shape[0] // 2] = 1
    result = remove_background(image.astype(np.float32), sky=known, downscaling_factor=1)
    assert np.isfinite(result.background).all()
