"""A plan of the C evaluator renders the same bits however its image is cut into bands."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest
from cases import diagonal
from hypothesis import given
from hypothesis import strategies as st

from fastbg.backends import c
from fastbg.backends import numpy as golden
from fastbg.model.render import pixel_centres
from fastbg.spline.spline import Spline, interpolate

pytestmark = pytest.mark.skipif(c.unavailable() is not None, reason=str(c.unavailable()))

METHODS = ["direct", "tiled"]
SHAPE = (600, 275)
"""Boxes of 512 x 512 pixels and blocks of 16 x 16, the last of them partial."""


def plan(spline, shape, method="auto", threads=1):
    return c.plan(spline, *map(pixel_centres, shape), method, threads)


def spline_of(rng, centres=40, channels=3, order=2):
    """Through random values; centres also where boxes meet."""
    points = np.round(rng.random((centres, 2)) * 64) / 64
    points[::2] = rng.random((len(points[::2]), 2))
    return interpolate(points, rng.random((centres, channels)), order)


def room(spline, rows, columns):
    """What is not written shows: a spline has no NaN."""
    return np.full((spline.weights.shape[1], rows, columns), np.nan, np.float32)


def in_bands(rendering, spline, shape, bands):
    out = room(spline, *shape)
    for rows in bands:
        band = room(spline, rows.stop - rows.start, shape[1])
        rendering.rows(rows, band)
        out[:, rows] = band
    return out


def bands_of(height, band):
    return [slice(top, min(top + band, height)) for top in range(0, height, band)]


def whole(spline, shape, method):
    return in_bands(plan(spline, shape, method), spline, shape, [slice(0, shape[0])])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("channels", "order"), diagonal([1, 3], [1, 2, 3, 4]))
def test_bands_of_any_height_give_the_bits_of_the_whole(rng, channels, order, method):
    spline = spline_of(rng, channels=channels, order=order)
    expected = whole(spline, SHAPE, method)
    for band in (1, 7, 31, 128, 520):
        bands = bands_of(SHAPE[0], band)
        rendering = plan(spline, SHAPE, method)
        # From the bottom up: what is kept of a box comes from another call than above.
        found = in_bands(rendering, spline, SHAPE, bands[::-1])
        assert np.array_equal(found, expected), band
        assert np.array_equal(in_bands(rendering, spline, SHAPE, bands), expected), band


@given(
    st.tuples(st.integers(1, 150), st.integers(1, 150)),
    st.integers(1, 4),
    st.sampled_from([1, 3]),
    st.sampled_from([*METHODS, "auto"]),
    st.lists(st.tuples(st.integers(0, 150), st.integers(0, 150)), max_size=8),
)
def test_any_rows_of_any_image_have_the_bits_of_the_whole(shape, order, channels, method, cuts):
    spline = spline_of(np.random.default_rng(1), 8, channels, order)
    expected = whole(spline, shape, method)
    rendering = plan(spline, shape, method)
    for cut in cuts:
        rows = slice(*sorted(min(row, shape[0]) for row in cut))
        out = room(spline, rows.stop - rows.start, shape[1])
        rendering.rows(rows, out)
        assert np.array_equal(out, expected[:, rows])


@pytest.mark.parametrize(("method", "band"), diagonal(METHODS, [7, 32, 520]))
def test_threads_share_a_plan(rng, band, method):
    # What is kept takes many centres to make; without, each pixel takes longer the more there are.
    spline = spline_of(rng, 150 if method == "tiled" else 20)
    expected = whole(spline, SHAPE, method)
    bands = bands_of(SHAPE[0], band)
    for callers in (2, 5):
        # New plans, since threads meet where nothing is kept yet.
        for _ in range(10):
            rendering, together = plan(spline, SHAPE, method), Barrier(callers, timeout=30)

            def render(first, rendering=rendering, together=together):
                together.wait()
                # Each begins with another band, and all render every one.
                return in_bands(rendering, spline, SHAPE, bands[first:] + bands[:first])

            with ThreadPoolExecutor(callers) as pool:
                for found in pool.map(render, range(callers)):
                    assert np.array_equal(found, expected)


def test_threads_meet_in_a_box(rng):
    # One box, and all centres far from it: while one thread expands them, the other comes.
    shape, centres = (64, 64), 30_000
    points, weights = 2 + rng.random((centres, 2)), rng.normal(0, 1e-3, (centres, 1))
    spline = Spline(points, weights, rng.random((3, 1)), 2)
    expected = whole(spline, shape, "tiled")
    with ThreadPoolExecutor(2) as pool:
        for _ in range(30):
            rendering, together = plan(spline, shape, "tiled"), Barrier(2, timeout=30)

            def render(_, rendering=rendering, together=together):
                together.wait()
                return in_bands(rendering, spline, shape, [slice(0, shape[0])])

            for found in pool.map(render, range(2)):
                assert np.array_equal(found, expected)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("threads", [-1, 0, 2, 5, 1000])
def test_any_number_of_threads_gives_the_same_bits(rng, threads, method):
    spline = spline_of(rng)
    rendering = plan(spline, SHAPE, method, threads)
    for band in (31, 300):
        found = in_bands(rendering, spline, SHAPE, bands_of(SHAPE[0], band))
        assert np.array_equal(found, whole(spline, SHAPE, method))


@pytest.mark.parametrize("method", [*METHODS, "auto"])
def test_a_plan_agrees_with_the_reference(rng, method):
    spline = spline_of(rng)
    y, x = map(pixel_centres, SHAPE)
    expected = room(spline, *SHAPE)
    golden.backend().plan(spline, y, x).rows(slice(0, SHAPE[0]), expected)
    found = whole(spline, SHAPE, method)
    assert np.abs(found - expected).max() <= 2e-6 * np.ptp(expected)


@pytest.mark.parametrize(("shape", "method"), [((40, 51), "direct"), ((40, 52), "tiled")])
def test_the_size_of_the_whole_image_decides_the_method(rng, shape, method):
    # The methods differ in the last bits of some pixels: rows alone would be few pixels.
    spline = spline_of(rng)
    direct, tiled = (whole(spline, shape, name) for name in METHODS)
    assert not np.array_equal(direct, tiled)
    expected = {"direct": direct, "tiled": tiled}[method]
    rows = bands_of(shape[0], 1)
    assert np.array_equal(in_bands(plan(spline, shape), spline, shape, rows), expected)


@pytest.mark.parametrize("method", METHODS)
def test_a_plan_does_not_follow_its_spline(rng, method):
    spline = spline_of(rng)
    expected = whole(spline, SHAPE, method)
    rendering = plan(spline, SHAPE, method)
    for array in (spline.centres, spline.weights, spline.polynomial):
        array += 1
    assert np.array_equal(
        in_bands(rendering, spline, SHAPE, bands_of(SHAPE[0], 100)),
        expected,
    )


def test_no_rows_are_no_work(rng):
    rendering = plan(spline_of(rng), SHAPE)
    for row in (0, 5, SHAPE[0]):
        rendering.rows(slice(row, row), np.empty((3, 0, SHAPE[1]), np.float32))


@pytest.mark.parametrize(
    ("rows", "shape", "match"),
    [
        (slice(0, 4), (3, 5, 275), "out has 5 rows"),
        (slice(4, 0), (3, 4, 275), "out has 4 rows"),
        (slice(0, 8, 2), (3, 8, 275), "out has 8 rows"),
        (slice(-4, 0), (3, 4, 275), "must lie in the image"),
        (slice(598, 602), (3, 4, 275), "must lie in the image"),
        (slice(600, 601), (3, 1, 275), "must lie in the image"),
        (slice(0, 4), (1, 4, 275), r"shape \(3, rows, 275\)"),
        (slice(0, 4), (3, 4, 276), r"shape \(3, rows, 275\)"),
    ],
)
def test_rows_that_do_not_fit_are_refused(rng, rows, shape, match):
    rendering = plan(spline_of(rng), SHAPE)
    with pytest.raises(ValueError, match=match):
        rendering.rows(rows, np.empty(shape, np.float32))


def test_only_memory_in_one_piece_of_float32_is_filled(rng):
    rendering = plan(spline_of(rng), SHAPE)
    with pytest.raises(TypeError, match="out must be an array of float32"):
        rendering.rows(slice(0, 4), np.empty((3, 4, 275)))
    with pytest.raises(ValueError, match="contiguous"):
        rendering.rows(slice(0, 4), np.empty((3, 8, 275), np.float32)[:, ::2])


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (0, 0)])
def test_an_empty_image_has_no_plan(rng, shape):
    with pytest.raises(ValueError, match="there is none"):
        plan(spline_of(rng), shape)


def test_a_closed_rendering_says_so(rng):
    rendering, out = plan(spline_of(rng), SHAPE), np.empty((3, 4, SHAPE[1]), np.float32)
    rendering.rows(slice(0, 4), out)
    for _ in range(2):
        rendering.close()
        with pytest.raises(ValueError, match="this rendering is closed"):
            rendering.rows(slice(0, 4), out)


@pytest.mark.parametrize("method", METHODS)
def test_calls_that_run_outlive_the_close(rng, method):
    spline, shape = spline_of(rng, 100), (1000, 400)
    expected = whole(spline, shape, method)
    for _ in range(5):
        rendering, together = plan(spline, shape, method), Barrier(2, timeout=30)
        out = room(spline, *shape)

        def render(rendering=rendering, together=together, out=out):
            together.wait()
            rendering.rows(slice(0, shape[0]), out)

        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(render)
            together.wait()
            rendering.close()
        # Closed before the call began, or rendered to the end.
        if running.exception() is None:
            assert np.array_equal(out, expected)
        else:
            assert "this rendering is closed" in str(running.exception())
