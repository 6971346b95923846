from __future__ import annotations

import threading
import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastbg.image.bands import (
    BAND_PIXELS,
    BLOCK_ROWS,
    ENOUGH_PIXELS,
    SAMPLED_PIXELS,
    for_each_band,
    row_bands,
    sampled_bands,
)

heights, widths = st.integers(1, 50_000), st.integers(1, 600_000)
THREADS = [1, 2, 5]


class Trouble(Exception):
    pass


@given(heights, widths, st.integers(1, 300))
def test_bands_cover_every_row_once(height, width, unit):
    bands = row_bands((height, width), unit)
    edges = [0, *(rows.stop for rows in bands)]
    assert [rows.start for rows in bands] == edges[:-1]
    assert edges[-1] == height
    assert all(rows.start < rows.stop for rows in bands)
    assert all(rows.start % unit == 0 for rows in bands)
    assert len({rows.stop - rows.start for rows in bands[:-1]}) <= 1


@given(heights, widths, st.integers(1, 300))
def test_bands_hold_few_pixels_but_a_unit_at_least(height, width, unit):
    rows = row_bands((height, width), unit)[0].stop
    assert rows * width <= max(BAND_PIXELS, unit * width) or (
        (unit, rows) == (1, min(height, BLOCK_ROWS)) and rows * width <= 3 * BAND_PIXELS
    )
    # Not fewer than they could hold, but for the blocks of the evaluator.
    assert rows == height or (rows + max(unit, BLOCK_ROWS)) * width > BAND_PIXELS


@pytest.mark.parametrize(
    ("width", "rows"),
    [(1, BAND_PIXELS), (4000, 48), (6000, 32), (10_000, 16), (3 * BAND_PIXELS // 16, 16)],
)
def test_bands_are_whole_blocks_of_the_evaluator_where_they_have_room(width, rows):
    assert row_bands((1 << 20, width))[0] == slice(0, rows)


@pytest.mark.parametrize("width", [BAND_PIXELS, BAND_PIXELS + 1, 10 * BAND_PIXELS])
def test_very_wide_images_are_cut_into_single_units(width):
    assert row_bands((3, width)) == [slice(0, 1), slice(1, 2), slice(2, 3)]
    assert row_bands((10, width), 8) == [slice(0, 8), slice(8, 10)]


def test_bands_have_as_many_samples_whatever_the_channels():
    (mono, *_), (colour, *_) = (row_bands((4096, 4096), channels=count) for count in (1, 3))
    assert mono.stop == 3 * colour.stop
    assert colour.stop * 4096 == BAND_PIXELS


def test_no_rows_no_bands():
    assert row_bands((0, 5)) == []


@pytest.mark.parametrize("rows", [1, 16])
@given(heights, widths)
def test_samples_lie_inside_large_images_only(rows, height, width):
    bands = sampled_bands((height, width), rows)
    assert bool(bands) == (height * width >= SAMPLED_PIXELS)
    assert all(0 <= rows.start < rows.stop <= height for rows in bands)
    assert all(a.stop <= b.start for a, b in pairwise(bands))


@pytest.mark.parametrize("rows", [1, 8, 16])
@pytest.mark.parametrize("height", [128, 640, 4000, 4001, 4063])
@pytest.mark.parametrize("width", [3000, 50_000])
def test_samples_are_bands_of_rows_evenly_spread(rows, height, width):
    bands = sampled_bands((height, width), rows)
    if height * width < SAMPLED_PIXELS:
        assert not bands
        return
    sampled = np.concatenate([np.arange(band.start, band.stop) for band in bands])
    assert sampled.size <= height / 8
    assert sampled.size * width >= min(ENOUGH_PIXELS, height * width / 8 - rows * width)
    distances = {b.start - a.start for a, b in pairwise(bands)}
    assert not distances or max(distances) - min(distances) <= 1
    assert abs(sampled.mean() - (height - 1) / 2) <= 1


def test_a_sample_has_as_many_pixels_as_are_wanted():
    few, many = (sampled_bands((4000, 6000), 4, wanted) for wanted in (1 << 17, 1 << 19))
    assert (len(few), len(many)) == (6, 22)


@pytest.mark.parametrize("threads", [0, *THREADS])
@pytest.mark.parametrize("count", [1, 2, 3, 40])
def test_every_band_is_done_once_with_a_state_of_the_thread(threads, count):
    bands = [slice(i, i + 1) for i in range(count)]
    at_work = threading.Semaphore(max(1, threads))

    def work(rows, state):
        assert state["free"]
        assert at_work.acquire(blocking=False), "more threads than asked for"
        state["free"] = False
        state["done"].append(rows)
        state["free"] = True
        at_work.release()

    states = for_each_band(bands, threads, lambda: {"free": True, "done": []}, work)
    assert len(states) == max(1, min(threads, count))
    assert len({id(state) for state in states}) == len(states)
    assert sorted(rows.start for state in states for rows in state["done"]) == list(range(count))


def test_threads_work_at_the_same_time_on_states_that_nobody_else_has():
    together = threading.Barrier(3, timeout=30)
    shared = []

    def work(rows, state):
        shared.append(state["taken"])
        state["taken"] = True
        together.wait()
        state["taken"] = False
        together.wait()

    # Several rounds, so that states are handed on.
    for_each_band([slice(i, i + 1) for i in range(12)], 3, lambda: {"taken": False}, work)
    assert shared == [False] * 12


@pytest.mark.parametrize("threads", THREADS)
def test_nothing_to_do(threads):
    states = for_each_band([], threads, lambda: "state", pytest.fail, pytest.fail)
    assert states == ["state"]


@pytest.mark.parametrize("threads", THREADS)
def test_advance_is_called_in_order_from_the_calling_thread(threads):
    here, ends = threading.get_ident(), []
    done = set()

    def advance(row):
        assert threading.get_ident() == here
        assert row in done
        ends.append(row)

    bands = [slice(i, i + 7) for i in range(0, 210, 7)]
    for_each_band(bands, threads, lambda: None, lambda rows, _: done.add(rows.stop), advance)
    assert ends == [rows.stop for rows in bands]


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("failing", [0, 3, 199])
def test_what_work_raises_ends_it(threads, failing):
    failed, ends = threading.Event(), []
    later = []

    def work(rows, _):
        if rows.start == failing:
            failed.set()
            raise Trouble(rows.start)
        if rows.start > failing + threads:
            # The others are held until the failure has gone round.
            failed.wait(30)
            later.append(rows.start)
            time.sleep(0.001)

    bands = [slice(i, i + 1) for i in range(200)]
    with pytest.raises(Trouble, match=str(failing)):
        for_each_band(bands, threads, lambda: None, work, ends.append)
    assert ends == list(range(1, failing + 1))
    assert len(later) < 150


@pytest.mark.parametrize("threads", THREADS)
def test_what_advance_raises_ends_the_work(threads):
    done, ended = [], threading.Event()

    def work(rows, _):
        if rows.start > 5 + threads:
            ended.wait(30)
            time.sleep(0.001)
        done.append(rows.start)

    def advance(row):
        if row == 5:
            ended.set()
            raise Trouble("enough")

    bands = [slice(i, i + 1) for i in range(200)]
    with pytest.raises(Trouble, match="enough"):
        for_each_band(bands, threads, lambda: None, work, advance)
    assert len(done) < 150


@pytest.mark.parametrize("threads", THREADS)
def test_what_start_raises_comes_out_before_any_work(threads):
    def start():
        raise Trouble("no memory")

    with pytest.raises(Trouble):
        for_each_band([slice(0, 1)] * 9, threads, start, pytest.fail)


def test_results_do_not_depend_on_threads():
    numbers = np.arange(1000)

    def work(rows, total):
        total += numbers[rows].sum()

    bands = row_bands((1000, BAND_PIXELS // 16))
    assert len(bands) > 10
    for threads in THREADS:
        totals = for_each_band(bands, threads, lambda: np.zeros(1, np.int64), work)
        assert np.sum(totals) == numbers.sum()
