from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import scipy.linalg  # noqa: F401  its BLAS is another one than numpy's
from threadpoolctl import threadpool_info, threadpool_limits

from fastbg.sky.blas import one_thread


def threads_of_blas() -> set[int]:
    return {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}


def test_blas_has_one_thread_and_then_as_many_as_before() -> None:
    @one_thread
    def failing() -> None:
        raise KeyError

    alone = one_thread(threads_of_blas)
    with threadpool_limits(2, "blas"):
        assert alone() == {1}
        assert threads_of_blas() == {2}
        with pytest.raises(KeyError):
            failing()
        assert threads_of_blas() == {2}


def test_any_thread_may_ask_for_it() -> None:
    before = threads_of_blas()
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(one_thread(threads_of_blas)).result() == {1}
    assert threads_of_blas() == before


START = """
import json, sys
import numpy as np
from threadpoolctl import threadpool_info

import fastbg
from fastbg.simulate import simulate_sky

def threads_of_blas():
    return {each["filepath"]: each["num_threads"] for each in threadpool_info()
            if each["user_api"] == "blas"}

image = simulate_sky((96, 128), np.random.default_rng(1)).image
"""

FIRST_JOB = """
before, seen = threads_of_blas(), []

def progress(told):
    if told.stage == "protect" and told.done:
        seen.append(threads_of_blas())

assert not any(name.startswith("scipy") for name in sys.modules)
fastbg.remove_background(image, downscaling_factor=4, progress=progress)
print(json.dumps([before, seen, threads_of_blas()]))
"""


THREADS = 2

needs_two_cores = pytest.mark.skipif(
    (os.cpu_count() or 1) < THREADS, reason="BLAS has one thread on one core anyway"
)


def told_by(code: str, threads: int = THREADS) -> Any:
    """The output of a process whose BLAS would use some threads."""
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    done = subprocess.run(
        [sys.executable, "-P", "-c", START + code],
        env={**os.environ, **dict.fromkeys(names, str(threads))},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@needs_two_cores
def test_the_first_job_of_a_process_is_limited_although_scipy_comes_late() -> None:
    before, seen, after = told_by(FIRST_JOB)
    assert len(seen) > 3
    assert all({*now.values()} == {1} for now in seen)
    assert before.items() <= after.items()
    assert {*after.values()} == {THREADS}


OVERLAPPING_JOBS = """
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
import scipy.linalg

together, first_ended = Barrier(2, timeout=60), Event()
before, seen = threads_of_blas(), {"first": [], "second": []}

def job(name):
    def progress(told):
        if told.stage != "protect" or told.done == 0:
            return
        if told.done == 2:
            together.wait()  # both are in their search
        if told.done == 4 and name == "second":
            assert first_ended.wait(60)  # it goes on when the first has ended
        seen[name] += threads_of_blas().values()

    fastbg.remove_background(image, downscaling_factor=4, threads=1, progress=progress)
    if name == "first":
        first_ended.set()

# The threads live on while the number is looked at, as those of a server do.
with ThreadPoolExecutor(2) as pool:
    for _ in range(2):
        first_ended.clear()
        list(pool.map(job, ["first", "second"]))
        after = threads_of_blas()
print(json.dumps([before, seen, after]))
"""


@needs_two_cores
def test_jobs_that_overlap_are_limited_and_leave_blas_as_it_was() -> None:
    before, seen, after = told_by(OVERLAPPING_JOBS)
    assert {*before.values()} == {THREADS}
    assert after == before
    for name in ("first", "second"):
        assert len(seen[name]) > 6
        assert {*seen[name]} == {1}, name


WORKER = """
from fastbg.sky.blas import limit_this_process

limit_this_process()
import scipy.linalg
print(json.dumps(threads_of_blas()))
"""


@needs_two_cores
def test_a_worker_of_a_batch_has_one_thread_of_blas_also_of_one_that_comes_late() -> None:
    threads = told_by(WORKER)
    assert len(threads) > 1
    assert {*threads.values()} == {1}


DESCENT = """
from hashlib import sha256

options = {"control_points": 256, "epochs": 30, "downscaling_factor": 1, "threads": 1}
done = fastbg.remove_background(image, **options)
print(json.dumps(sha256(done.background.tobytes()).hexdigest()))
"""


@needs_two_cores
def test_a_descent_does_not_depend_on_the_threads_of_blas() -> None:
    assert told_by(DESCENT, 1) == told_by(DESCENT, 2)


LIMITED_PROCESS = """
from fastbg.sky.blas import limit_this_process

limit_this_process()
import scipy.linalg

seen = []

def progress(told):
    seen.append(threads_of_blas())

fastbg.remove_background(image, downscaling_factor=4, threads=1, progress=progress)
print(json.dumps([seen, threads_of_blas()]))
"""


@needs_two_cores
def test_a_process_that_is_limited_stays_so() -> None:
    seen, after = told_by(LIMITED_PROCESS)
    assert len(seen) > 6
    assert all({*now.values()} == {1} for now in [*seen, after])
