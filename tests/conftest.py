"""Fixtures and options of all tests."""

from __future__ import annotations

import datetime
import gc
import os
import pickle
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import cache, wraps
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# ruff: noqa: E402
# ``python -m pytest`` puts the folder of the clone in front, where the source tree would hide the
# installed package; an editable installation finds the tree by itself.
ROOT = Path(__file__).resolve().parents[1]
sys.path[:] = [path for path in sys.path if Path(path or ".").resolve() != ROOT]

# Before numpy is imported. Its linear algebra is on small matrices, where threads of BLAS only wait
# for one another: on a busy machine, several times as long as they work.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Hundreds of processes import fastbg, which takes twice as long where no bytecode is kept.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Files of tests need not outlive a loss of power, for which the disk takes longer than most tests.
os.fsync = lambda descriptor: None

import pytest

if find_spec("fastbg") is None:
    pytest.exit("fastbg is not installed here: pip install -e '.[test]'", returncode=4)

import numpy as np
from hypothesis import settings as hypothesis_settings
from trials import Trials, Work, make_work

from fastbg import compiled
from fastbg.image.kernels import FASTEST, NUMPY, Kernels
from fastbg.jobs.batch import pool, tasks
from fastbg.pipeline import Job
from fastbg.settings.settings import Settings

# Noisy machines make single examples slow; how fast the code is, is for the benchmarks to say.
hypothesis_settings.register_profile("no deadline", deadline=None)
hypothesis_settings.load_profile("no deadline")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("trials", "tests of faults and load")
    group.addoption("--trials", type=int, default=1, help="how often each repeats its trial")
    group.addoption("--trial-seed", type=int, default=1, help="of what is random in them")
    group = parser.getgroup("peers", "tests with other programs")
    group.addoption("--record", action="store_true", help="keep what other programs make of files")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors, as many tests wait: for a browser, or a process."""
    from fastbg import Settings

    return Settings().worker_threads + 1


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    asked = config.getoption("markexpr")
    unasked = {mark for mark in ("slow", "peers") if mark not in asked}
    if config.getoption("--trials") > 1:
        unasked.discard("slow")
    asked_for: list[pytest.Item] = []
    left: list[pytest.Item] = []
    for item in items:
        marked = any(mark.name in unasked for mark in item.iter_markers())
        (left if marked else asked_for).append(item)
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = asked_for


def pytest_collection_finish(session: pytest.Session) -> None:
    """Keep thousands of tests and modules out of each collection of garbage from here on.

    Garbage is collected less often than usual, too: that takes 8 % of the tests of files and of the
    command line.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


pytest_plugins = ["browser", "live_page", "live_views"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Tell the fixtures and the test itself apart from those of other tests."""
    IDLE.clear()
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test whose settings have no effect: it tests something else than it says."""
    result = yield
    if IDLE and not item.get_closest_marker("idle_settings"):
        raise AssertionError(f"jobs of this test had settings without effect: {sorted(IDLE)}")
    return result


IDLE: set[str] = set()
"""Settings without effect of the jobs that the running test has begun."""


def _noting_idle_settings(begin: Callable[..., None]) -> Callable[..., None]:
    @wraps(begin)
    def noting(job: Job, settings: Settings, *more: Any, **options: Any) -> None:
        IDLE.update(settings.idle)
        begin(job, settings, *more, **options)

    return noting


Job.__init__ = _noting_idle_settings(Job.__init__)  # type: ignore[method-assign]


@pytest.fixture
def trials(request: pytest.FixtureRequest) -> Iterator[Trials]:
    option = request.config.getoption
    trials = Trials(request.node.name, option("--trials"), option("--trial-seed"))
    yield trials
    request.node.user_properties.append(("trials", str(trials)))


@pytest.fixture(scope="session")
def work_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Work]:
    """Gives the small job of each of the `KINDS`."""
    return cache(lambda kind: make_work(tmp_path_factory.mktemp(kind), kind))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell how trials ended that were asked for, and with which programs files were exchanged."""
    reports = [each for kind in terminalreporter.stats.values() for each in kind]
    peers = {
        told
        for report in reports
        for key, told in getattr(report, "user_properties", ())
        if key == "peer"
    }
    if peers:
        today = f"{datetime.date.today()}"
        terminalreporter.section("programs")
        terminalreporter.line(f"{today}: {', '.join(sorted(peers))}")
    if terminalreporter.config.getoption("--trials") > 1:
        terminalreporter.section("trials")
        for report in reports:
            if getattr(report, "when", None) == "teardown":
                for _, ends in report.user_properties:
                    terminalreporter.line(f"{report.nodeid}: {ends}")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real images, which the project does not ship; tests that need them are skipped without."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("FASTBG_TEST_DATA", default))
    if not folder.is_dir():
        pytest.skip("no real images here (set FASTBG_TEST_DATA to their folder)")
    return folder


@pytest.fixture(params=["c", "numpy"])
def kernels(request: pytest.FixtureRequest) -> Kernels:
    """The loops over pixels in C and in numpy, which must give the same."""
    if request.param == "c" and compiled.unavailable():
        pytest.skip(str(compiled.unavailable()))
    return FASTEST if request.param == "c" else NUMPY


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers take seconds to start: the tasks of a batch run here, as they arrive there."""

    def run(work: Sequence[tasks.Task], workers: int) -> Generator[pool.Event]:
        for task in map(pickle.loads, map(pickle.dumps, work)):
            yield task.path, tasks.run(task, lambda progress: None)

    monkeypatch.setattr(pool, "run", run)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20260101)
