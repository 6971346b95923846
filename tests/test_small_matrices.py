from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from threadpoolctl import threadpool_info, threadpool_limits

from fastbg.small_matrices import one_thread


def threads_of_blas() -> set[int]:
    return {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}


def test_blas_has_one_thread_while_anybody_asks_for_it_and_then_as_many_as_before() -> None:
    meeting = Barrier(3)

    def ask(number: int) -> set[int]:
        with one_thread():
            meeting.wait()
            # The first one leaves while the others stay.
            if number:
                meeting.wait()
            return threads_of_blas()

    with threadpool_limits(2, "blas"), ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(ask, number) for number in range(3)]
        assert asked[0].result() == {1}
        meeting.wait()
        assert [each.result() for each in asked[1:]] == [{1}, {1}]
        assert threads_of_blas() == {2}
