"""The tasks of a batch on an existing Dask scheduler, whose workers share the file system.

If a worker is killed, Dask itself gives its tasks to another worker. Where none is left, it would
let them wait for ever.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Generator, Sequence
from dataclasses import replace
from queue import Empty, SimpleQueue
from typing import Any

from ...errors import BackendError
from ...version import how_to_install, version
from .pool import POLL_SECONDS, Event
from .tasks import Outcome, Task, failed
from .tasks import run as run_task

ANSWER_SECONDS = 10
"""A scheduler must answer within this time."""

WORKERLESS_SECONDS = 120
"""A cluster without a worker gets this time to start one."""


def run(work: Sequence[Task], address: str) -> Generator[Event]:
    """Process files on a cluster; closing the iterator cancels the unfinished tasks.

    Raises
    ------
    BackendError
        If Dask is not installed, no scheduler answers, the connection to it is lost, or it has no
        worker for a while.
    """
    try:
        import distributed
    except ImportError as error:
        raise BackendError(f"Dask is not usable ({error}): {how_to_install('dask')}") from error
    try:
        client = distributed.Client(address, timeout=ANSWER_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise BackendError(
            f"no Dask scheduler answers at {address}: check the address, like tcp://host:8786"
        ) from error
    with client:
        with warnings.catch_warnings():
            # The models of a mosaic may be large: each goes to one worker, once.
            warnings.filterwarnings("ignore", "Sending large graph", UserWarning)
            futures = client.map(run_here, [_for_cluster(task) for task in work], pure=False)
        task_of = dict(zip(futures, work, strict=True))
        ended: SimpleQueue[Any] = SimpleQueue()
        for future in futures:
            future.add_done_callback(ended.put)
        try:
            seen = time.monotonic()
            while task_of:
                try:
                    future = ended.get(timeout=POLL_SECONDS)
                except Empty:
                    if _has_workers(client):
                        seen = time.monotonic()
                    elif time.monotonic() - seen > WORKERLESS_SECONDS:
                        raise BackendError(
                            f"the Dask cluster at {address} has had no worker for "
                            f"{WORKERLESS_SECONDS} s: start one and run again, which goes on where "
                            "this ended"
                        ) from None
                    yield None
                    continue
                if future.cancelled():
                    raise BackendError(
                        f"the Dask scheduler at {address} was lost: start it and run again, which "
                        "goes on where this ended"
                    )
                task = task_of.pop(future)
                yield task.path, _outcome(task, future)
        finally:
            client.cancel(list(task_of))


def run_here(task: Task) -> Outcome:
    """Process a file as a task of Dask, until the task is cancelled or the client is gone."""
    from distributed.worker import get_worker, thread_state

    worker, key = get_worker(), thread_state.key

    def wanted(_: object) -> bool:
        state = worker.state.tasks.get(key)
        return state is not None and state.state != "cancelled"

    if version() != task.key["fastbg"]:
        text = f"{task.path}: the Dask worker has fastbg {version()} and not {task.key['fastbg']}"
        return failed(task.path, f"{text}: install the same version there")
    return run_task(task, wanted)


def _has_workers(client: Any) -> bool:
    try:
        return bool(client.nthreads())
    except OSError:  # the scheduler is lost, which cancels the tasks
        return True


def _for_cluster(task: Task) -> Task:
    # Dask runs one task on each thread of a worker, so a task may use one thread.
    return task.absolute().with_threads(task.settings.threads or 1)


def _outcome(task: Task, future: Any) -> Outcome:
    from distributed import KilledWorker

    try:
        return replace(future.result(), path=task.path)
    except KilledWorker:
        text = f"{task.path} ended several workers: give them more memory if it was short, "
        return failed(task.path, f"{text}and please report it otherwise")
    except Exception as error:
        text = f"{task.path}: the task failed on the cluster ({type(error).__name__}: {error}): "
        return failed(task.path, f"{text}check that its workers can import fastbg, and try again")
