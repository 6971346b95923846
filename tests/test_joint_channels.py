"""Channels of a set, compared on threads."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from together_frames import SHAPE, frames

from fastbg.image.downscale import block_centres
from fastbg.joint.channels import side_by_side
from fastbg.joint.compare import Comparison, compare
from fastbg.joint.surfaces import Surfaces


def test_threads_change_no_bit() -> None:
    planes = [frames(3, seed).images.reshape(3, -1) for seed in range(2)]
    surfaces = Surfaces(*(block_centres(size, 1) for size in SHAPE))

    def found(threads: int) -> Comparison:
        return compare(lambda k: planes[k].copy(), 2, surfaces, 3.5, threads=threads)

    one, two = found(1), found(2)
    assert np.array_equal(one.scale, two.scale)
    for mine, theirs in zip(one.channels, two.channels, strict=True):
        assert np.array_equal(mine.coordinates, theirs.coordinates)
        assert np.array_equal(mine.composite, theirs.composite, equal_nan=True)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_the_results_are_those_of_the_channels_in_their_order(threads: int) -> None:
    assert side_by_side(lambda number, watch: number**2, 3, threads, lambda: None) == [0, 1, 4]


def test_only_the_thread_that_waits_tells_that_the_work_goes_on() -> None:
    told, seen = threading.Event(), set()

    def watch() -> None:
        seen.add(threading.current_thread())
        told.set()

    side_by_side(lambda number, watch: told.wait(10), 2, 2, watch)
    assert seen == {threading.current_thread()}


def test_what_the_watch_raises_ends_the_work_on_all_channels() -> None:
    ended = []

    def work(number: int, watch: object) -> None:
        assert callable(watch)
        try:
            while True:
                watch()
        finally:
            ended.append(number)

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        side_by_side(work, 2, 2, stop)
    assert sorted(ended) == [0, 1]


def test_an_error_in_one_channel_ends_the_others() -> None:
    def work(number: int, watch: object) -> None:
        if number == 0:
            raise ValueError("the first")
        assert callable(watch)
        while True:
            watch()

    with pytest.raises(ValueError, match="the first"):
        side_by_side(work, 2, 2, lambda: None)
