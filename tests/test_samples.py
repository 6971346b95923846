"""Samples: discs of sky through which the background goes, and grids of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from cases import diagonal

import fastbg
from fastbg.errors import InputError, SettingsError
from fastbg.image.image import Image
from fastbg.samples.grid import Ground, generate, snap
from fastbg.samples.measure import measure
from fastbg.samples.points import SamplePoints
from fastbg.samples.sky import MeasuredSamples
from fastbg.samples.surface import fit_samples, weights
from fastbg.simulate import simulate_sky
from fastbg.sky.detection import detect_sky

SHAPE = (120, 180)
Y, X = (each + 0.5 for each in np.mgrid[: SHAPE[0], : SHAPE[1]])


def grid(step: float = 20, radius: float = 6, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """(n, 3): x, y, radius."""
    y, x = (np.arange(step / 2, size, step) for size in shape)
    columns = [each.ravel() for each in np.meshgrid(x, y)]
    return np.column_stack([*columns, np.full(len(columns[0]), radius)])


def noisy(level: np.ndarray, sigma: float = 1e-3, seed: int = 1) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, sigma, level.shape)
    return (level + noise).astype(np.float32)


PLANE = 0.1 + 2e-4 * X - 1e-4 * Y


def levels(image: np.ndarray, rows: np.ndarray) -> Any:
    return measure(Image.from_samples(image.astype(np.float32)), SamplePoints.of(rows))


# Measuring.


def test_a_level_is_the_median_at_the_centre() -> None:
    rows = grid()
    found = levels(PLANE, rows)
    expected = 0.1 + 2e-4 * rows[:, 0] - 1e-4 * rows[:, 1]
    np.testing.assert_allclose(found.value[:, 0], expected, atol=2e-5)
    assert (found.sky > 0.99).all()


def test_errors_are_those_of_medians() -> None:
    rows, flat = grid(30, 8), np.full(SHAPE, 0.1)
    values = np.array([levels(noisy(flat, seed=seed), rows).value[:, 0] for seed in range(30)])
    told = levels(noisy(flat), rows).error[:, 0]
    np.testing.assert_allclose(np.median(told), values.std(), rtol=0.25)


@pytest.mark.parametrize("pixels", [1, 12, 60])
def test_a_star_in_a_sample_changes_nothing(pixels: int) -> None:
    rows, image = np.array([[60.0, 60.0, 12.0]]), noisy(PLANE)
    clean = levels(image, rows)
    bright = image.copy()
    nearest = np.argsort(((X - 63) ** 2 + (Y - 57) ** 2).ravel())[:pixels]
    bright.ravel()[nearest] += np.linspace(5, 0.05, pixels)
    found = levels(bright, rows)
    assert abs(found.value - clean.value) < 0.5 * clean.error
    assert found.sky < clean.sky


def test_a_sample_full_of_stars_is_not_used() -> None:
    rows, image = grid(), noisy(PLANE)
    rng = np.random.default_rng(3)
    inside = (X - rows[0, 0]) ** 2 + (Y - rows[0, 1]) ** 2 < 7**2
    image[inside] += rng.exponential(0.5, inside.sum()).astype(np.float32) * (
        rng.random(inside.sum()) < 0.9
    )
    row = fastbg.remove_background(image, samples=rows).report["samples"][0]
    assert not row["used"]
    assert row["why"] == "its pixels scatter far more than those of the others"


def test_missing_pixels_and_places_outside() -> None:
    image = noisy(PLANE)
    image[:60, :60] = np.nan
    rows = np.array([[20, 20, 5], [62, 30, 6], [100, 60, 5], [-30, 10, 5], [179.9, 60, 5.0]])
    found = levels(image, rows)
    assert list(found.why) == [
        "too many of its pixels are missing",
        "",
        "",
        "it lies outside of the image",
        "",
    ]
    # A part of a disc tells the level at its centre.
    np.testing.assert_allclose(found.value[4, 0], PLANE[60, 179], atol=5e-4)


def test_only_the_rows_that_are_needed_are_read() -> None:
    seen: list[slice] = []
    whole = Image.from_samples(PLANE.astype(np.float32))

    def read(rows: slice, out: np.ndarray) -> np.ndarray:
        seen.append(rows)
        return whole.read(rows, out)

    image = Image(1, SHAPE, read)
    measure(image, SamplePoints.of([[20, 15, 5], [60, 15, 5], [90, 100, 5]]))
    assert [(rows.start, rows.stop) for rows in seen] == [(10, 20), (95, 105)]


def test_integers_are_told_apart_by_less_than_a_step() -> None:
    image = np.round(noisy(1000 + 0.2 * X / X.max() + 0 * Y, 0.6)).astype(np.float32)
    found = levels(image, grid(30, 14))
    assert np.abs(found.value[:, 0] - 1000.1).max() < 0.2
    assert (found.error > 0).all()


# The surface.


def fitted(rows: np.ndarray, values: np.ndarray, **how: Any) -> Any:
    """Through values without errors, at places of a frame of `SHAPE`."""
    places = rows[:, 1::-1] / SHAPE
    values = values.reshape(len(rows), -1)
    return fit_samples(places, values, np.ones(values.shape), np.ones(len(rows)), **how)


def at_pixels(surface: Any) -> np.ndarray:
    places = np.stack([Y.ravel() / SHAPE[0], X.ravel() / SHAPE[1]], axis=1)
    return (surface.splines.at(places) @ surface.coordinates)[:, 0].reshape(SHAPE)


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_a_polynomial_is_reproduced(degree: int) -> None:
    rng = np.random.default_rng(degree)
    terms = [(i, j) for i in range(degree + 1) for j in range(degree + 1 - i)]
    factors = rng.normal(size=len(terms))

    def polynomial(y: np.ndarray, x: np.ndarray) -> np.ndarray:
        parts = zip(factors, terms, strict=True)
        return sum(a * (y / 120 - 0.5) ** i * (x / 180 - 0.5) ** j for a, (i, j) in parts)

    rows = grid()
    truth = polynomial(Y, X)
    found = at_pixels(fitted(rows, polynomial(rows[:, 1], rows[:, 0])))
    scale = np.abs(truth).max() if degree == 0 else np.ptp(truth)
    assert np.abs(found - truth).max() < (1e-6 if degree < 2 else 2e-3) * scale


def test_smoothing_goes_from_every_sample_to_a_plane() -> None:
    rows, rng = grid(), np.random.default_rng(5)
    values = rng.normal(size=len(rows))
    freedoms = []
    for smoothing in (0, 0.25, 0.5, 0.75, 1):
        found = fitted(rows, values, smoothing=smoothing, protection="off")
        freedoms.append(found.freedom)
        np.testing.assert_allclose(found.freedom, 3 * (len(rows) / 3) ** (1 - smoothing), rtol=0.02)
        if smoothing == 0:
            at = (found.splines.matrix @ found.coordinates)[:, 0]
            np.testing.assert_allclose(at, values, atol=0.02)
    plane = np.linalg.lstsq(np.column_stack([rows[:, :2], np.ones(len(rows))]), values, rcond=None)
    at = (found.splines.matrix @ found.coordinates)[:, 0]
    columns = np.column_stack([rows[:, :2], np.ones(len(rows))])
    np.testing.assert_allclose(at, columns @ plane[0], atol=1e-3)
    assert freedoms == sorted(freedoms, reverse=True)


def test_noise_is_not_followed() -> None:
    rows, rng = grid(), np.random.default_rng(6)
    values = rows[:, 0] / 180 + rng.normal(0, 0.1, len(rows))
    assert fitted(rows, values).freedom < 12


def test_more_scatter_is_less_weight() -> None:
    errors = np.array([[1.0, 2.0], [2.0, 4.0], [4.0, 8.0], [np.nan, 1.0]])
    found = weights(errors, np.ones(4))
    np.testing.assert_allclose(found, [1, 0.25, 0.0625, 0])
    halved = weights(errors, np.array([0.5, 1, 1, 1]))
    np.testing.assert_allclose(halved / halved.max(), [1, 0.5, 0.125, 0])


def test_the_order_of_samples_does_not_matter() -> None:
    image, rows = noisy(PLANE + 0.01 * np.sin(Y / 30)), grid()
    order = np.random.default_rng(2).permutation(len(rows))
    one, other = (fastbg.remove_background(image, samples=each) for each in (rows, rows[order]))
    np.testing.assert_allclose(one.background, other.background, rtol=1e-6)
    mine, theirs = one.report["samples"], other.report["samples"]
    for number, place in enumerate(order):
        assert theirs[number]["value"] == mine[place]["value"]
        assert theirs[number]["used"] == mine[place]["used"]


@pytest.mark.parametrize("sign", [1, -1])
def test_a_sample_that_lies_far_off_the_others_is_rejected_and_told(sign: int) -> None:
    image, rows = noisy(PLANE), grid()
    inside = (X - rows[20, 0]) ** 2 + (Y - rows[20, 1]) ** 2 < 9**2
    image[inside] += sign * 0.02
    result = fastbg.remove_background(image, samples=rows)
    told = result.report["samples"]
    assert [number for number, each in enumerate(told) if not each["used"]] == [20]
    side = "above" if sign > 0 else "below"
    assert f"standard deviations {side} the surface" in told[20]["why"]
    line = next(line for line in result.report["warnings"] if "not used" in line)
    assert line.startswith("1 of 54 samples is not used, as number 21: it lies")
    assert np.abs(result.background - PLANE).max() < 1e-3
    all_of_them = fastbg.remove_background(image, samples=rows, protect="off").report["samples"]
    assert all(each["used"] for each in all_of_them)


def test_a_steep_glow_is_no_reason_to_reject() -> None:
    image = noisy(PLANE + 0.1 * np.exp((X - 180) / 25))
    result = fastbg.remove_background(image, samples=grid(12, 5))
    assert sum(not each["used"] for each in result.report["samples"]) <= 2


# Jobs.


def test_a_background_through_samples_on_the_sky() -> None:
    sky = simulate_sky((240, 320), np.random.default_rng(4))
    rows = grid(32, 7, (240, 320))
    objects = levels(sky.image - sky.background, rows).value
    rows = rows[(np.abs(objects) < 0.1 * sky.background.std(axis=(0, 1))).all(axis=1)]
    result = fastbg.remove_background(sky.image, samples=rows)
    off = np.asarray(result.background) - sky.background
    assert (off.std(axis=(0, 1)) < 0.12 * sky.background.std(axis=(0, 1))).all()
    assert result.report["sky"]["freedom"] > 3
    assert len(result.report["samples"]) == len(rows)
    assert result.report["samples"][0]["x"] == rows[0, 0]
    assert np.isfinite(result.diagnostics.uncertainty).all()


def test_a_mask_hides_pixels_of_samples() -> None:
    image, rows = noisy(PLANE), grid()
    image[:60] += 0.05
    weight = np.ones(SHAPE)
    weight[:60] = 0
    result = fastbg.remove_background(image, samples=rows, weight=weight)
    assert np.abs(result.background - PLANE).max() < 3e-3
    assert result.report["samples"][0]["why"] == "too many of its pixels are missing"
    (told,) = (line for line in result.report["warnings"] if "not used" in line)
    assert told == (
        "27 of 54 samples are not used, as number 1: too many of its pixels are missing, and so "
        "on; a preview shows them, and the report lists them"
    )
    one = fastbg.remove_background(noisy(PLANE), samples=[*rows, [-50, 20, 5]]).report["warnings"]
    assert one == [
        "1 of 55 samples is not used, as number 55: it lies outside of the image; a preview shows "
        "it, and the report lists it"
    ]
    turned = fastbg.remove_background(image, samples=rows, weight=1 - weight, invert_mask=True)
    np.testing.assert_array_equal(turned.background, result.background)


def test_samples_in_the_border_are_not_used_and_a_known_sky_is_told_to_be_idle() -> None:
    image = noisy(PLANE)
    image[:, :30] += 0.05
    spoiled, plain = (
        fastbg.remove_background(each, samples=grid(), border=(30, 0, 0, 0))
        for each in (image, noisy(PLANE))
    )
    # But for the ends of the image's range, to which models are clamped.
    inside = np.s_[20:-20, 40:-20]
    np.testing.assert_allclose(spoiled.background[inside], plain.background[inside], rtol=1e-6)
    told = fastbg.remove_background(image, samples=grid(), sky=np.ones(SHAPE), flexibility=3)
    lines = [line for line in told.report["warnings"] if "had no effect" in line]
    assert [line.partition(" had")[0] for line in lines] == [
        "what is known to be sky",
        "flexibility",
    ]


def test_doubts_tell_what_to_do_with_samples() -> None:
    glow = 0.05 * np.exp(-np.hypot(X, Y) / 30)
    rows = grid()[30:]
    told = fastbg.remove_background(noisy(PLANE + glow), samples=rows).report["doubts"]
    (corner,) = (line for line in told if line.startswith("the upper left corner is left brighter"))
    assert corner.endswith(
        "remove samples on what is no sky there; if it is sky, add samples, or compare with the "
        "sky that a search finds, without samples"
    )
    assert not any("mask" in line for line in told)


def test_a_mosaic_is_sampled_in_its_own_pixels() -> None:
    image = noisy(np.where((np.floor(Y) + np.floor(X)) % 2, PLANE, 2 * PLANE))
    result = fastbg.remove_background(image, samples=grid(), cfa="RGGB")
    assert all(len(each["value"]) == 3 for each in result.report["samples"])
    green = (np.floor(Y) + np.floor(X)) % 2 == 1
    assert np.abs(np.asarray(result.background) - PLANE)[green].max() < 1e-3


@pytest.mark.parametrize("order", ["TOP-DOWN", "BOTTOM-UP"])
def test_samples_count_the_rows_of_the_file(order: str, tmp_path: Path) -> None:
    image = noisy(PLANE)
    image[60:] += 0.05  # no sky
    fits.writeto(tmp_path / "in.fits", image, fits.Header({"ROWORDER": order}))
    rows = grid()
    rows = rows[rows[:, 1] < 55]
    np.savetxt(tmp_path / "s.csv", rows, delimiter=",")
    result = fastbg.process_file(
        tmp_path / "in.fits", output_dir=tmp_path, samples=tmp_path / "s.csv"
    )
    assert all(each["used"] for each in result.report["samples"])
    model = fits.getdata(tmp_path / "in_bgModel.fits").squeeze()
    assert np.abs(model - PLANE)[:60].max() < 1e-3
    # The same rows as an array, in a fit and in a preview.
    fit = fastbg.fit_file(tmp_path / "in.fits", tmp_path / "m.json", samples=rows)
    assert fit.report["samples"] == result.report["samples"]
    shown = fastbg.preview_file(tmp_path / "in.fits", tmp_path / "p.png", samples=rows)
    assert shown["samples"] == result.report["samples"]


def test_what_cannot_be_together() -> None:
    image, rows = noisy(PLANE), grid()
    with pytest.raises(SettingsError, match="leave the number of control points out"):
        fastbg.remove_background(image, samples=rows, control_points=16)
    with pytest.raises(SettingsError, match="second opinion"):
        fastbg.remove_background(image, samples=rows, second_opinion=True)
    told = fastbg.remove_background(image, samples=rows, feather=9, threshold_min=0.01)
    assert any("threshold_min, feather had no effect" in line for line in told.report["warnings"])
    told = fastbg.remove_background(image, smoothing=0.5)
    assert any("smoothing had no effect" in line for line in told.report["warnings"])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[1, 2]], "shape"),
        ([], "shape"),
        ([[1, 2, "a"]], "no numbers"),
        (grid() * [1, 1, 0], "sample 1 has the radius 0"),
        (grid() * [np.nan, 1, 1], "sample 1 has the place nan"),
        (
            grid() + np.array([1e4, 0, 0]),
            "all 54 samples lie outside of the image of 180 x 120 pixels",
        ),
        (grid() / [180, 120, 100], "not parts of the width and the height"),
        (grid()[:2], "2 of 2 samples can be used: a surface needs 3 on the sky$"),
        (grid() * [1, 0, 1], "on one line"),
        (
            np.column_stack([grid(), np.zeros(54)]),
            "0 of 54 samples can be used: a surface needs 3 on the sky; number 1 is not used: its "
            "weight is 0",
        ),
        (grid(radius=0.1), "number 1 is not used: it has too few pixels; enlarge it"),
        (
            [[20, 20, 6], [-20, 20, 6], [90, 90, 6]],
            "2 of 3 .*; number 2 is not used: it lies outside of the image",
        ),
        (np.column_stack([grid(), np.full(54, 2)]), "has the weight 2: give 0 to 1"),
        (np.ones((3000, 3)), "there are 3000 samples: give 2000 at most"),
        (5, "shape"),
    ],
)
def test_samples_that_cannot_be_used(rows: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        fastbg.remove_background(noisy(PLANE), samples=rows)
    assert "\n" not in str(error.value)


# Grids.


@pytest.fixture(scope="module")
def ground() -> Ground:
    """Of a plane with a bright object at the right, and a dark spot at x = 45, y = 35."""
    image = PLANE + 0.05 * (X > 150) - 0.0015 * ((X - 45) ** 2 + (Y - 35) ** 2 < 5**2)
    linear = noisy(image, 1e-3)[..., np.newaxis]
    from fastbg.image.stretch import Stretch

    low, high = linear.min(), linear.max()
    stretch = Stretch(np.array([low]), np.array([high - low]), np.array([0.5]), 0.5)
    scaled = ((linear - low) / (high - low)).astype(np.float32)
    y, x = (np.arange(size) / size + 0.5 / size for size in SHAPE)
    sky = detect_sky(scaled, np.ones_like(scaled), y, x, stretch, "auto")
    return Ground.of(scaled, sky, SHAPE)


def test_a_grid_lies_on_the_sky(ground: Ground) -> None:
    points = generate(ground, SHAPE, per_row=9)
    assert 30 < len(points) < 54
    assert points.x.max() < 151
    assert (points.weight >= 0.5).all()
    assert np.ptp(points.x) > 110
    assert np.ptp(points.y) > 80
    every = generate(ground, SHAPE, per_row=9, keep_all=True)
    assert len(every) == 54
    assert (every.weight[every.x > 155] == 0).all()


def test_a_grid_has_its_number_and_radius(ground: Ground) -> None:
    few = generate(ground, SHAPE, per_row=4, radius=11, keep_all=True)
    assert len(few) == 4 * 3
    assert (few.radius == 11).all()
    assert (few.x >= 10.5).all()


def test_a_sample_snaps_to_the_darkest_place_near(ground: Ground) -> None:
    x, y = snap(ground, 42, 38, 6)
    assert np.hypot(x - 45, y - 35) < 3
    # A gradient leads nowhere.
    x, y = snap(ground, 100, 80, 6)
    assert np.hypot(x - 100, y - 80) <= np.hypot(6, 6) + 1


def test_measured_samples_can_be_changed_one_by_one() -> None:
    image, rows = Image.from_samples(noisy(PLANE)), grid()
    every = MeasuredSamples.of(image, SamplePoints.of(rows))
    moved = rows.copy()
    moved[7, :2] += 3
    one = MeasuredSamples.of(image, SamplePoints.of(moved[7:8]))
    changed = every.replaced(7, one)
    expected = MeasuredSamples.of(image, SamplePoints.of(moved))
    np.testing.assert_array_equal(changed.levels.value, expected.levels.value)
    np.testing.assert_array_equal(changed.points.rows, expected.points.rows)
    np.testing.assert_array_equal(every.without(0).places, every.places[1:])
    assert len(every.joined(one).points) == len(rows) + 1


@pytest.mark.parametrize(
    ("suffix", "order"), diagonal([".csv", ".json"], ["TOP-DOWN", "BOTTOM-UP"])
)
def test_a_grid_and_back(suffix: str, order: str, tmp_path: Path) -> None:
    """What `samples_file` writes is what a job takes, whichever way up a file is stored."""
    sky = simulate_sky((240, 320), np.random.default_rng(9))
    fits.writeto(
        tmp_path / "in.fits", np.moveaxis(sky.image, 2, 0), fits.Header({"ROWORDER": order})
    )
    output = tmp_path / f"s{suffix}"
    written = fastbg.samples_file(tmp_path / "in.fits", output, preview=tmp_path / "p.png")
    assert (tmp_path / "p.png").exists()
    assert written["outputs"] == {"samples": str(output), "preview": str(tmp_path / "p.png")}
    result = fastbg.process_file(tmp_path / "in.fits", output_dir=tmp_path, samples=output)
    told = result.report["samples"]
    assert sum(each["used"] for each in told) > 0.8 * len(told)
    model = np.moveaxis(fits.getdata(tmp_path / "in_bgModel.fits"), 0, 2)
    off = model - sky.background
    assert (off.std(axis=(0, 1)) < 0.1 * sky.background.std(axis=(0, 1))).all()


def test_a_grid_that_cannot_be(tmp_path: Path) -> None:
    fits.writeto(tmp_path / "in.fits", noisy(PLANE))
    for how, message in (
        ({"per_row": 1}, "samples per row"),
        ({"radius": 0}, "more than 0 pixels"),
        ({"control_points": 9}, "control points"),
        ({"radius": 61}, "the radius is 61 pixels: give 60 at most"),
        ({"radius": 0.5}, "number 1 is not used: it has too few pixels"),
    ):
        with pytest.raises(fastbg.FastbgError, match=message):
            fastbg.samples_file(tmp_path / "in.fits", tmp_path / "s.csv", **how)
    with pytest.raises(fastbg.OutputError, match=r"end it in \.csv or \.json"):
        fastbg.samples_file(tmp_path / "in.fits", tmp_path / "s.txt")
    assert [each.name for each in tmp_path.iterdir()] == ["in.fits"]


def test_a_batch_takes_the_same_samples_for_all_files(tmp_path: Path) -> None:
    for seed in (1, 2):
        fits.writeto(tmp_path / f"in{seed}.fits", noisy(PLANE, seed=seed))
    rows = grid()
    np.savetxt(tmp_path / "s.csv", rows, delimiter=",")
    how = {"samples": tmp_path / "s.csv", "output_dir": tmp_path / "out", "workers": 1}

    def statuses() -> list[str]:
        return [each.status for each in fastbg.process_files(tmp_path / "in*.fits", **how).outcomes]

    assert statuses() == ["done", "done"]
    assert statuses() == ["skipped", "skipped"]
    alone = fastbg.process_file(
        tmp_path / "in1.fits", output_dir=tmp_path / "alone", samples=tmp_path / "s.csv"
    )
    np.testing.assert_array_equal(
        fits.getdata(tmp_path / "out" / "in1_bgModel.fits"),
        fits.getdata(alone.report["outputs"]["background"]),
    )
    np.savetxt(tmp_path / "s.csv", rows[::2], delimiter=",")
    assert statuses() == ["done", "done"]
    with pytest.raises(
        InputError, match=r"none\.csv cannot be read: check the name of the samples"
    ):
        fastbg.process_files(tmp_path / "in*.fits", samples=tmp_path / "none.csv")
