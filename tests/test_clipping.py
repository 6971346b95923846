"""Zeros of a sky that is clipped at 0 are samples, and zeros of regions are missing."""

from __future__ import annotations

from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
from cases import diagonal, some
from images import image_of

import fastbg
from fastbg.image.bands import row_bands
from fastbg.image.clipping import with_zeros_of_sky
from fastbg.image.image import CLIPPED, ZERO, Image, is_valid
from fastbg.io import formats, xisf
from fastbg.model.rescale import rescaled
from fastbg.pipeline import Job

SHAPE = (720, 1080)
NOISE = 20 / 255
GRADIENT = 0.15
"""The scatter of the sky relative to its noise."""

COLOURS = np.array([1, 0.7, 0.5])


def tilted_sky(share: float, colours: np.ndarray) -> np.ndarray:
    """A sky so bright that noise brings a share of it below 0, and its gradient."""
    y, x = (np.arange(size) / size for size in SHAPE)
    plane = x + 0.5 * y[:, np.newaxis]
    plane = (plane - plane.mean()) / plane.std()
    level = -NormalDist().inv_cdf(share) if share else 5
    return NOISE * (level + GRADIENT * plane[..., np.newaxis] * colours)


def observed(sky: np.ndarray, dtype: str = "f4", seed: int = 1) -> np.ndarray:
    noise = NOISE * np.random.default_rng(seed).standard_normal(sky.shape)
    image = np.clip(sky + noise, 0, 1)
    if dtype == "f4":
        return image.astype(dtype)
    return np.rint(image * np.iinfo(dtype).max).astype(dtype)


def rotated_border() -> np.ndarray:
    y, x = (np.arange(size) / size for size in SHAPE)
    y = y[:, np.newaxis]
    return (y + 0.05 * x < 0.08) | (x - 0.05 * y > 0.95)


def gradient_left(result: fastbg.ArrayResult, sky: np.ndarray) -> float:
    """The part of the gradient that the model does not have: 0 is none, negative is too much."""
    model, sky = (a - a.mean(axis=(0, 1)) for a in (np.float64(result.background), sky))
    return float(1 - (model * sky).sum() / (sky * sky).sum())


def remaining(image: Image) -> np.ndarray:
    """(K, H, W): which zeros are still missing."""
    planes = image.planes()
    return (planes == 0) & ~is_valid(planes)


@pytest.mark.parametrize(
    ("border", "dtype", "share"), diagonal([False, True], ["f4", "u2", "u1"], [0.05, 0.22, 0.4])
)
def test_as_much_gradient_is_left_as_of_an_unclipped_sky(
    share: float, dtype: str, border: bool
) -> None:
    left = []
    for part in (0.0, share):
        sky = tilted_sky(part, COLOURS)
        image = observed(sky, dtype)
        if border:
            image[rotated_border()] = 0
        result = fastbg.remove_background(image)
        left.append(gradient_left(result, sky))
        if border:
            assert not result.corrected[rotated_border()].any()
    assert abs(left[1] - left[0]) < 0.08
    assert any("exactly 0 and scattered" in line for line in result.report["warnings"])


@pytest.mark.parametrize("share", some([0.22], [0.05, 0.22, 0.4]))
def test_a_clipped_mosaic_is_fitted_by_colour(share: float) -> None:
    colours = np.tile([[1, 0.7], [0.7, 0.5]], (SHAPE[0] // 2, SHAPE[1] // 2))[..., np.newaxis]
    sky = tilted_sky(share, colours)
    result = fastbg.remove_background(observed(sky, "u2"), cfa="RGGB")
    assert abs(gradient_left(result, sky)) < 0.08


@pytest.mark.parametrize("backend", ["c", "numpy"])
def test_every_backend_counts_the_zeros_of_the_sky(backend: str) -> None:
    sky = tilted_sky(0.22, COLOURS[:1])[::3, ::3]
    result = fastbg.remove_background(observed(sky), backend=backend)
    assert abs(gradient_left(result, sky)) < 0.08
    # They are corrected as their neighbours are: nothing that was 0 still is.
    assert np.count_nonzero(result.corrected == 0) < 1e-3 * result.corrected.size


def test_a_descent_counts_the_zeros_of_the_sky() -> None:
    sky = tilted_sky(0.22, COLOURS[:1])
    result = fastbg.remove_background(observed(sky), control_points=9)
    assert abs(gradient_left(result, sky)) < 0.15


def test_a_model_is_rescaled_to_a_clipped_sky() -> None:
    model = fastbg.remove_background(observed(tilted_sky(0, 2 * COLOURS[:1]))).model
    image = Image.from_samples(observed(tilted_sky(0.22, COLOURS[:1])))
    with Job(fastbg.Settings()) as job:
        before = rescaled(model, image, job.backend)[1]
        after = rescaled(model, with_zeros_of_sky(image)[0], job.backend)[1]
    assert abs(after - 0.5) < 0.08 < abs(before - 0.5)


def test_files_are_as_arrays(tmp_path: Path) -> None:
    image = observed(tilted_sky(0.22, COLOURS[:1]))
    image[rotated_border()] = 0
    of_array = fastbg.remove_background(image)
    xisf.write(tmp_path / "sky.xisf", image)
    report = fastbg.process_file(tmp_path / "sky.xisf", output_dir=tmp_path).report
    with formats.open_image(tmp_path / "sky_bgSubtracted.xisf") as file:
        assert np.array_equal(file.read_rows(slice(None))[0], of_array.corrected[..., 0])
    assert report["counts"] == of_array.report["counts"]
    assert report["counts"]["missing"] >= np.count_nonzero(rotated_border())


def test_half_a_clipped_sky_is_refused() -> None:
    with pytest.raises(fastbg.InputError, match="the sky is clipped, and nothing tells its level"):
        fastbg.remove_background(observed(tilted_sky(0.55, COLOURS)))


@pytest.mark.parametrize(
    "empty",
    [np.s_[:, :1], np.s_[-1:], np.s_[:40, -30:], np.s_[200:260, 300:360]],
    ids=["column", "row", "corner", "within"],
)
@pytest.mark.parametrize("channel", [0, 2])
def test_regions_of_one_channel_are_missing(empty: tuple[slice, ...], channel: int) -> None:
    planes = np.moveaxis(observed(tilted_sky(0.22, COLOURS)), 2, 0).copy()
    planes[channel][empty] = 0
    image, share = with_zeros_of_sky(image_of(planes))
    missing = remaining(image)
    assert missing[channel][empty].all()
    missing[channel][empty] = False
    assert missing.mean() < 2e-3
    assert 0.2 < share < 0.24


def test_a_whole_strip_is_as_its_bands() -> None:
    planes = np.moveaxis(observed(tilted_sky(0.22, COLOURS)), 2, 0).copy()
    planes[:, rotated_border()] = 0
    image, _ = with_zeros_of_sky(image_of(planes), threads=3)
    whole = image.planes()
    for rows in row_bands(SHAPE, pixels=5000):
        assert np.array_equal(image.rows(rows), whole[:, rows])
    assert np.array_equal(np.where(whole == CLIPPED, 0, whole), planes)


def test_dead_pixels_of_a_bright_sky_are_missing() -> None:
    sky = observed(tilted_sky(0, COLOURS))
    sky[np.random.default_rng(2).random(sky.shape) < 0.01] = 0
    image = Image.from_samples(sky)
    assert with_zeros_of_sky(image) == (image, 0)


def test_what_is_not_a_number_stays_missing() -> None:
    sky = observed(tilted_sky(0.22, COLOURS))
    sky[::7, ::5] = np.nan
    sky[::11, ::3] = np.inf
    planes = with_zeros_of_sky(Image.from_samples(sky))[0].planes()
    assert np.array_equal(np.isfinite(planes), np.moveaxis(np.isfinite(sky), 2, 0))


def test_zeros_of_signed_integers_are_values() -> None:
    counts = np.rint(np.random.default_rng(3).normal(1, 3, SHAPE)).astype(np.int16)
    image, share = with_zeros_of_sky(Image.from_samples(counts))
    assert share == 0
    assert np.array_equal(image.planes()[0] == ZERO, counts == 0)


def test_zeros_of_signed_floats_are_marks() -> None:
    sky = np.random.default_rng(3).normal(0, 3, SHAPE).astype(np.float32)
    sky[::20, ::20] = 0
    image = Image.from_samples(sky)
    assert with_zeros_of_sky(image) == (image, 0)


def test_what_a_mask_hides_is_missing() -> None:
    """Though a mask may hide single pixels of a sky that is clipped."""
    sky = observed(tilted_sky(0.22, COLOURS[:1]), "u2")[..., 0]
    hidden = np.random.default_rng(4).random(SHAPE) < 0.1
    result = fastbg.remove_background(np.ma.MaskedArray(sky, hidden))
    assert result.report["counts"]["missing"] >= np.count_nonzero(hidden)
