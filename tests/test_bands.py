from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastbg.bands import BAND_PIXELS, BLOCK_ROWS, for_each_band, row_bands, sampled_bands


@given(st.integers(1, 5000), st.integers(1, 10**6), st.sampled_from([1, 2, 3, 8, 16, 100, 10_000]))
def test_bands_cover_every_row_once(height, width, unit):
    bands = row_bands((height, width), unit)
    assert [row for band in bands for row in range(band.start, band.stop)] == list(range(height))
    sizes = [band.stop - band.start for band in bands]
    assert all(size % unit == 0 for size in sizes[:-1])
    assert len(set(sizes[:-1])) <= 1
    if sizes[0] > max(unit, 1):
        assert sizes[0] * width <= BAND_PIXELS


def test_bands_suit_the_tiled_evaluator():
    assert row_bands((4000, 6000))[0].stop % BLOCK_ROWS == 0


@pytest.mark.parametrize("shape", [(4000, 6000), (4001, 5999), (2100, 1000)])
def test_a_sample_is_an_eighth_of_the_rows(shape):
    bands = sampled_bands(shape)
    rows = [row for band in bands for row in range(band.start, band.stop)]
    assert len(set(rows)) == len(rows)
    assert max(rows) < shape[0]
    assert len(rows) == pytest.approx(shape[0] / 8, rel=0.03)


def test_small_images_are_not_sampled():
    assert sampled_bands((1000, 1000)) == []


@pytest.mark.parametrize("threads", [1, 2, 5, 100])
def test_every_band_is_worked_on_once_and_told_in_order(threads):
    bands = [slice(i, i + 1) for i in range(40)]
    told = []
    states = for_each_band(bands, threads, list, lambda rows, own: own.append(rows), told.append)
    assert len(states) == min(threads, 40)
    assert sorted(rows.start for own in states for rows in own) == list(range(40))
    assert told == [rows.stop for rows in bands]


def test_no_two_threads_share_a_state():
    def work(rows, busy):
        assert busy.acquire(blocking=False)
        time.sleep(0.001)
        busy.release()

    for_each_band([slice(i, i + 1) for i in range(60)], 4, threading.Lock, work)


@pytest.mark.parametrize("threads", [1, 3])
def test_errors_end_the_work(threads):
    done = []

    def work(rows, state):
        done.append(rows.start)
        if rows.start == 5:
            raise ValueError("band 5")

    with pytest.raises(ValueError, match="band 5"):
        for_each_band([slice(i, i + 1) for i in range(1000)], threads, lambda: None, work)
    assert len(done) < 1000


@pytest.mark.parametrize("threads", [1, 3])
def test_what_advance_raises_ends_the_work(threads):
    done = []

    def advance(rows):
        if rows == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        for_each_band(
            [slice(i, i + 1) for i in range(1000)],
            threads,
            lambda: None,
            lambda rows, state: done.append(rows),
            advance,
        )
    assert len(done) < 1000
