from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
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
