"""Worker processes, each of which may die without harm to the others.

The pool of the standard library fails as a whole if one worker is killed. Here only the file that
the worker was processing is affected. A worker whose parent is gone sees that its connection is
closed, cancels its job, which cleans up, and ends.
"""

from __future__ import annotations

import gc
import math
import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from ...errors import BackendError, Cancelled
from ...progress import Progress
from ...sky.blas import limit_this_process
from .tasks import Outcome, Task, failed
from .tasks import run as run_task

Event = tuple[Path, Progress | Outcome] | None
"""The progress of the job on a file, or its outcome; None if nothing has happened for a while."""

POLL_SECONDS = 0.5

TELL_SECONDS, STAGE_SECONDS = 0.1, 0.03
"""The shortest time between two messages of a worker about the same stage, and about two stages:
those of a small frame take some milliseconds, and the parent shares its cores with the workers."""

YOUNG_OBJECTS = 20_000
"""New objects after which a worker looks for garbage: after 700, Python's default, that takes 1 %
of the time of a frame."""

PATIENCE = 20.0
"""The time for workers to clean up, in seconds; a large file takes some to be flushed."""

READ_AHEAD = 1 << 28
"""The bytes of the next file that are read ahead, at most."""

_STOPS = {signal.SIGINT, signal.SIGTERM}


def run(work: Sequence[Task], workers: int) -> Generator[Event]:
    """Process files in workers; closing the iterator stops the workers, which clean up.

    A file whose worker was killed is tried once more, alone, after all other files.

    Raises
    ------
    BackendError
        If no worker can start.
    """
    waiting, again = deque(work), deque[Task]()
    tried: set[Path] = set()
    team: list[_Worker] = []
    starts = workers + 2 * len(work)
    # Workers start on a thread of their own, whose signal mask they inherit. A signal that raises
    # on the present thread cannot leave a worker half started.
    starter = ThreadPoolExecutor(1)
    try:
        while waiting or again or any(worker.task for worker in team):
            if len(team) < (workers if waiting else bool(again)):
                starter.submit(lambda: team.append(_Worker())).result()
                starts -= 1
            for worker in team:
                if worker.ready and not worker.task:
                    if waiting:
                        worker.give(waiting.popleft())
                        if waiting:
                            _read_ahead(waiting[0].path)
                    elif again and not any(each.task for each in team):
                        worker.give(again.popleft())
            # There is no pause while more workers are to be started.
            pause = 0 if waiting and len(team) < workers else POLL_SECONDS
            told = wait([worker.connection for worker in team], pause)
            for worker in [each for each in team if each.connection in told]:
                task = worker.task
                try:
                    message = worker.receive()
                except (EOFError, OSError):
                    team.remove(worker)
                    cause = worker.end()
                    if not worker.ready and (starts <= 0 or not cause.startswith("SIG")):
                        raise BackendError(
                            f"a worker process could not start ({cause}): where a script calls "
                            'this, let it do so under if __name__ == "__main__"'
                        ) from None
                    if task and task.path in tried:
                        yield task.path, _killed(task, cause)
                    elif task:
                        tried.add(task.path)
                        again.append(task)
                else:
                    if message and task:
                        yield task.path, message
            if not told:
                yield None
    finally:
        starter.shutdown()
        for worker in team:
            worker.connection.close()
        deadline = time.monotonic() + PATIENCE
        for worker in team:
            worker.end(max(0, deadline - time.monotonic()))


def _read_ahead(path: Path) -> None:
    """Ask the system to read a file that is needed next, while the workers are busy."""
    if not hasattr(os, "posix_fadvise"):
        return
    with suppress(OSError):
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe would wait for its writer
        try:
            os.posix_fadvise(file, 0, READ_AHEAD, os.POSIX_FADV_WILLNEED)
        finally:
            os.close(file)


def serve(connection: Connection) -> None:
    """Process tasks in a worker until the connection is closed."""
    todo: SimpleQueue[Task | None] = SimpleQueue()
    stop = threading.Event()

    def stop_soon(*_: object) -> None:
        stop.set()
        todo.put(None)

    def listen() -> None:
        with suppress(EOFError, OSError):
            while True:
                todo.put(connection.recv())
        stop_soon()

    # Ctrl-C reaches the whole process group. It stays blocked here: the parent stops the workers.
    signal.signal(signal.SIGTERM, stop_soon)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    else:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=listen, daemon=True).start()
    limit_this_process()
    gc.freeze()  # so that collections of garbage do not go over all modules with every frame
    gc.set_threshold(YOUNG_OBJECTS)
    teller = _Teller(connection, stop)
    with suppress(OSError, Cancelled):
        connection.send(None)
        while (task := todo.get()) and not stop.is_set():
            connection.send(run_task(task, teller))


class _Teller:
    """The progress callback of a worker."""

    def __init__(self, connection: Connection, stop: threading.Event) -> None:
        self._connection, self._stop = connection, stop
        self._stage, self._told = "", -math.inf

    def __call__(self, progress: Progress) -> bool:
        now = time.monotonic()
        least = STAGE_SECONDS if progress.stage != self._stage else TELL_SECONDS
        if now >= self._told + least:
            self._stage, self._told = progress.stage, now
            try:
                self._connection.send(progress)
            except OSError:  # the parent is gone
                self._stop.set()
        return not self._stop.is_set()


class _Worker:
    """A process, the parent's end of its connection, and the task that it works on."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.ready = False
        self.task: Task | None = None
        with theirs:
            self._process = context.Process(target=serve, args=(theirs,), daemon=True)
            _block_stops()
            self._process.start()

    def give(self, task: Task) -> None:
        self.task = task
        with suppress(OSError):  # a dead worker is noticed when its connection is read next
            self.connection.send(task)

    def receive(self) -> Any:
        """The next message; the first one is None, and means that the worker has started."""
        message = self.connection.recv()
        self.ready = True
        if isinstance(message, Outcome):
            self.task = None
        return message

    def end(self, patience: float = PATIENCE) -> str:
        """Wait for the process to end, or kill it after a while, and return how it ended."""
        self._process.join(patience)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        code = self._process.exitcode or 0
        self._process.close()
        self.connection.close()
        return f"exit code {code}" if code >= 0 else signal.Signals(-code).name


def _block_stops() -> None:
    """Block SIGINT and SIGTERM in this thread, and so in the processes that it starts."""
    if hasattr(signal, "pthread_sigmask"):
        from multiprocessing import resource_tracker

        # The tracker would start with the first process, and unblock the signals.
        resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)


def _killed(task: Task, cause: str) -> Outcome:
    return failed(
        task.path,
        f"{task.path} ended its worker twice ({cause}): use fewer workers if memory was short, and "
        "please report it otherwise",
    )
