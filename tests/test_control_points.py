from __future__ import annotations

import numpy as np
import pytest

from fastbg.spline.control_points import (
    grid_points,
    grid_size,
    initial_values,
    jittered,
    random_points,
)


def centres(size):
    return (np.arange(size) + 0.5) / size


@pytest.mark.parametrize(
    ("count", "size"), [(1, 1), (2, 1), (3, 2), (4, 2), (32, 6), (36, 6), (42, 6), (43, 7)]
)
def test_a_grid_takes_the_nearest_square(count, size):
    assert grid_size(count) == size
    points = grid_points(count, (50, 80))
    assert points.shape == (size**2, 2)
    assert len(np.unique(points, axis=0)) == size**2


def test_a_grid_spans_the_image_in_equal_steps():
    points = grid_points(16, (40, 60)).reshape(4, 4, 2)
    for size, positions in ((40, points[:, 0, 0]), (60, points[0, :, 1])):
        # From the first pixel to the last.
        assert 0 <= positions[0] < 1 / size
        assert 1 - 1 / size <= positions[-1] < 1
        assert np.diff(positions) == pytest.approx((size - 1) / size / 3)
    assert (points[:, :, 0] == points[:, :1, 0]).all()
    assert (points[:, :, 1] == points[:1, :, 1]).all()


def test_random_points_follow_the_generator():
    points = random_points(500, np.random.default_rng(1))
    assert points.shape == (500, 2)
    assert points.min() >= 0
    assert points.max() < 1
    assert points.mean(axis=0) == pytest.approx([0.5, 0.5], abs=0.05)
    assert np.array_equal(points, random_points(500, np.random.default_rng(1)))
    assert not np.array_equal(points, random_points(500, np.random.default_rng(2)))


def test_jitter_stays_within_half_a_step_and_inside(rng):
    points = grid_points(25, (40, 40))
    moved = jittered(points, rng)
    assert (np.abs(moved - points) <= 0.1).all()
    assert moved.min() >= 0
    assert moved.max() < 1
    assert (moved != points).any(axis=1).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (9, 1), (13, 8)], ids=str)
def test_initial_values_are_those_of_the_nearest_pixel(rng, shape):
    y, x = np.sort(rng.random(shape[0])), np.sort(rng.random(shape[1]))
    # Positions are compared as float32.
    points = np.vstack([rng.random((200, 2)) * 1.4 - 0.2, [[y[0], x[-1]]]]).astype(np.float32)
    data = rng.random((*shape, 3))
    found = initial_values(points, data, np.ones_like(data), y, x)
    expected = [data[np.abs(y - py).argmin(), np.abs(x - px).argmin()] for py, px in points]
    assert np.array_equal(found, expected)


def test_masked_points_take_the_median(rng):
    data = rng.random((5, 6, 3))
    weight = np.ones_like(data)
    weight[2, 3] = [0, 1, 0.25]
    y, x = centres(5), centres(6)
    (found,) = initial_values(np.array([[y[2], x[3]]]), data, weight, y, x)
    median = np.median(data, axis=(0, 1))
    expected = [median[0], data[2, 3, 1], 0.25 * data[2, 3, 2] + 0.75 * median[2]]
    assert found == pytest.approx(expected)


def test_float32_images_start_from_the_same_values(rng):
    # As the pipeline gives them: planar, float32, with missing pixels that have no weight.
    planes, weight = rng.random((2, 3, 13, 8), np.float32)
    planes[0, 3:5], weight[0, 3:5] = np.nan, 0
    weight[1, 6:] = 0
    data, weight = np.moveaxis(planes, 0, 2), np.moveaxis(weight, 0, 2)
    points, y, x = rng.random((50, 2)), centres(13), centres(8)
    found = initial_values(points, data, weight, y, x)
    assert found.dtype == np.float64
    assert np.isfinite(found).all()
    double = initial_values(points, data.astype(np.float64), weight.astype(np.float64), y, x)
    # The mean of two middle values is rounded as they are.
    assert found == pytest.approx(double, rel=2**-23)
