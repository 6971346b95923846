"""Many files: the same answers as one by one, each once, whatever is killed on the way."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
from cases import some
from typer.testing import CliRunner, Result

from fastbg import InputError, OutputError, Settings, process_file, process_files
from fastbg.cli import batch_display
from fastbg.cli.app import app
from fastbg.errors import BackendError, Cancelled, SettingsError
from fastbg.io import atomic, xisf
from fastbg.jobs.batch import BatchProgress, Summary, capacity, pool, tasks
from fastbg.jobs.batch.cgroups import left_by_groups
from fastbg.jobs.batch.journal import FOLDER, Journal, content_hash
from fastbg.jobs.batch.tasks import Outcome, Task, key_of
from fastbg.jobs.inputs import Inputs
from fastbg.progress import Progress

SHAPE = (64, 96)
QUICK = {"epochs": 5, "control_points": 9}
CLI = [sys.executable, "-P", "-m", "fastbg.cli", "batch"]
QUICK_OPTIONS = ["-e", "5", "-N", "9", "--workers", "1"]

in_this_process = pytest.mark.usefixtures("in_this_process")

needs_linux = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="finds processes in /proc"
)


def make(path: Path, seed: int = 0, shape: tuple[int, int] = SHAPE) -> Path:
    rng = np.random.default_rng(seed)
    ramp = np.linspace(0.1, 0.2, shape[1], dtype=np.float32)[np.newaxis, :, np.newaxis]
    path.parent.mkdir(parents=True, exist_ok=True)
    xisf.write(path, np.float32(ramp + 0.01 * rng.random((*shape, 1))))
    return path


@pytest.fixture(autouse=True)
def one_worker(monkeypatch):
    """Where a test asks for no number: each worker loads the package again."""
    monkeypatch.setattr("fastbg.jobs.batch.workers_for", lambda tasks: 1)


@pytest.fixture
def lights(tmp_path: Path) -> Path:
    for number in range(3):
        make(tmp_path / "lights" / f"light_{number}.xisf", number)
    return tmp_path / "lights"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def statuses(summary: Summary) -> dict[str, str]:
    return {outcome.path.name: outcome.status for outcome in summary.outcomes}


def visible(folder: Path) -> dict[str, tuple[int, int]]:
    """Inode and time of change of the files that are not hidden."""
    files = (path for path in folder.iterdir() if not path.name.startswith("."))
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}


def finished(folder: Path) -> set[str]:
    """The outputs that the journal knows."""
    records = [json.loads(file.read_bytes()) for file in (folder / FOLDER).glob("*.json")]
    return {output["path"] for record in records for output in record["outputs"].values()}


def unfinished(folder: Path) -> list[Path]:
    return [path for path in folder.rglob(".*") if path.name != FOLDER]


def leftovers(folder: Path) -> list[Path]:
    return [*unfinished(folder), *(folder / FOLDER / "begun").iterdir()]


def content(path: Path) -> bytes:
    """All of a file but the time when it was written."""
    data = path.read_bytes()
    begin = data.index(b"XISF:CreationTime")
    end = data.index(b"/>", begin)
    return data[:begin] + data[end:]


def test_outputs_are_those_of_single_files(lights, out, tmp_path):
    settings = Settings(**QUICK, seed=3)
    mask = tmp_path / "mask.xisf"
    xisf.write(mask, np.ones((*SHAPE, 1), np.float32))
    summary = process_files(lights, output_dir=out, mask=mask, settings=settings, workers=2)
    assert statuses(summary) == {f"light_{n}.xisf": "done" for n in range(3)}
    for outcome in summary.outcomes:
        single = process_file(outcome.path, output_dir=tmp_path, mask=mask, settings=settings)
        assert outcome.report["fit"]["loss"] == single.report["fit"]["loss"]
        for name, file in outcome.report["outputs"].items():
            assert content(Path(file)) == content(Path(single.report["outputs"][name]))
    assert not leftovers(out)


@in_this_process
def test_finished_files_are_known_by_content_and_settings(lights, out):
    def again(source=lights, **more):
        return statuses(process_files(source, output_dir=out, workers=1, **QUICK, **more))

    first = again()
    before = visible(out)
    assert set(first.values()) == {"done"}
    assert {*again().values()} == {"skipped"}
    os.utime(lights / "light_0.xisf")
    assert {*again(threads=1).values()} == {"skipped"}
    lights = lights.rename(lights.parent / "moved")
    assert {*again(lights).values()} == {"skipped"}
    assert visible(out) == before

    make(lights / "light_1.xisf", seed=10)
    changed = again(lights)
    assert [name for name in changed if changed[name] == "done"] == ["light_1.xisf"]
    (out / "light_2_bgModel.xisf").unlink()
    changed = again(lights)
    assert [name for name in changed if changed[name] == "done"] == ["light_2.xisf"]
    assert {*again(lights, seed=1).values()} == {"done"}
    assert {*again(lights, seed=1, overwrite=True).values()} == {"done"}


@pytest.mark.parametrize("days", [-1, 1])
def test_a_killed_attempt_counts_until_the_next_record_whatever_the_clock_says(lights, out, days):
    path, then, settings = lights / "light_0.xisf", time.time() + 86400 * days, Settings(**QUICK)
    task = Task(path, out, settings, key=key_of(settings, None))
    begun = out / FOLDER / "begun"

    def run():
        with Journal(out).opened():
            return (tasks.skip(task) or tasks.run(task, lambda _: True)).status

    def be_killed():
        begun.mkdir(parents=True, exist_ok=True)
        with Journal(out).attempt(path) as begin:
            begin()
            (mark,) = begun.iterdir()
            os.utime(mark, (then, then))
            kept = mark.rename(out / "kept")
        kept.rename(mark)

    be_killed()
    (out / "light_0_bgModel.xisf").write_text("half of a pair")
    assert [run(), run(), [*begun.iterdir()]] == ["done", "skipped", []]
    be_killed()
    with Journal(out).opened():
        assert [*begun.iterdir()]
    assert [run(), run(), [*begun.iterdir()]] == ["done", "skipped", []]


def test_skipped_files_have_their_report(lights, out):
    done = process_files(lights, output_dir=out, **QUICK).outcomes
    skipped = process_files(lights, output_dir=out, **QUICK).outcomes
    losses = {outcome.path: outcome.report["fit"]["loss"] for outcome in done}
    assert losses == {outcome.path: outcome.report["fit"]["loss"] for outcome in skipped}
    assert all(Path(o.report["outputs"]["corrected"]).is_file() for o in skipped)


@in_this_process
def test_what_others_wrote_is_not_replaced(lights, out, tmp_path):
    process_files(lights / "light_0.xisf", output_dir=out, **QUICK)
    (out / "light_1_bgSubtracted.xisf").write_bytes(b"precious")
    (out / "light_0_bgModel.xisf").write_bytes(b"edited")
    make(tmp_path / "other" / "light_0.xisf", seed=5)
    for source in (lights, tmp_path / "other"):
        summary = process_files(source, output_dir=out, **QUICK)
        for outcome in summary.with_status("failed"):
            assert "already exists" in outcome.error
        expected = {"light_0.xisf", "light_1.xisf"} & {p.name for p in source.iterdir()}
        assert {o.path.name for o in summary.with_status("failed")} == expected
    assert (out / "light_1_bgSubtracted.xisf").read_bytes() == b"precious"
    assert (out / "light_0_bgModel.xisf").read_bytes() == b"edited"
    process_files(lights, output_dir=out, overwrite=True, **QUICK)
    xisf.read(out / "light_1_bgSubtracted.xisf")


def test_names_folders_and_patterns(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a/1.xisf", "a/2.XISF", "a/b/3.xisf", "a/.hidden.xisf", "a/note.txt", "[x].xisf"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()

    def find(*given):
        return [path.as_posix() for path in Inputs([*map(str, given)]).find().images]

    assert find("a") == ["a/1.xisf", "a/2.XISF"]
    assert find("a/**/*.xisf", "a/1.xisf", tmp_path / "a/1.xisf") == ["a/1.xisf", "a/b/3.xisf"]
    assert find("[x].xisf", "missing.xisf") == ["[x].xisf", "missing.xisf"]
    with pytest.raises(InputError, match=r"\*\.fits matches no image"):
        find("a/*.fits")


@pytest.mark.parametrize(
    ("given", "common"),
    [
        (["lights"], "lights"),
        (["lights/n1", "lights/n2"], "lights"),
        (["lights/n1/a.fits", "lights/n2/a.fits"], "lights"),
        (["lights/**/*.fits"], "lights"),
        (["lights/n[12]/*.fits"], "lights"),
        (["lights/n1/*.fits"], "lights/n1"),
        (["lights/n1/a.fits"], "lights/n1"),
        (["*/*/*.fits", "lights/../lights/n1"], "."),
        (["lights/n1", "a.fits"], "."),
    ],
)
def test_the_common_folder_does_not_depend_on_what_a_pattern_matches(
    given, common, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for night in ("n1", "n2"):
        (tmp_path / "lights" / night).mkdir(parents=True)
    folder_of = Inputs(given).output_folders(Path("out"), keep_tree=True)
    image = Path("lights/n1/a.fits")
    assert folder_of(image) == Path("out", image.parent.relative_to(common))
    assert Inputs(given).output_folders(Path("out"), keep_tree=False)(image) == Path("out")


@in_this_process
@pytest.mark.parametrize(
    "suffix",
    some([".fits.fz", ".tif"], [".xisf", ".fits", ".fits.gz", ".fits.fz", ".tif"]),
)
def test_images_that_fastbg_wrote_are_left_out(lights, out, tmp_path, suffix):
    image = lights / "light_0.xisf"
    names = [out / f"light_0_{what}{suffix}" for what in ("bgSubtracted", "bgModel")]
    process_file(image, output=names[0], model_output=names[1], **QUICK)
    renamed = names[0].rename(out / f"m94{suffix}")
    for given in (out, [renamed, names[1]], str(out / "*")):
        with pytest.raises(InputError, match="fastbg wrote all of"):
            process_files(given, output_dir=tmp_path / "more", **QUICK)
    assert not (tmp_path / "more").exists()
    summary = process_files([out, image], output_dir=tmp_path / "more", **QUICK)
    expected = {renamed.name: "left_out", names[1].name: "left_out", image.name: "done"}
    assert statuses(summary) == expected
    again = process_files([out, image], output_dir=tmp_path / "more", again=True, **QUICK)
    assert statuses(again) == {renamed.name: "done", names[1].name: "done", image.name: "skipped"}
    warnings = {each.path.name: " ".join(each.report["warnings"]) for each in again.outcomes}
    assert "was removed before" in warnings[renamed.name]
    assert "is a background" in warnings[names[1].name]
    assert "HISTORY" not in warnings[image.name]


@in_this_process
def test_a_batch_into_the_folder_of_its_inputs_takes_no_output_for_an_input(lights):
    process_files(lights, output_dir=lights, **QUICK)
    summary = process_files(lights, output_dir=lights, **QUICK)
    assert [len(summary.with_status(each)) for each in ("skipped", "left_out", "done")] == [3, 6, 0]


@in_this_process
def test_a_damaged_file_is_no_output_of_fastbg_but_fails(lights, out):
    bad = lights / "bad.fits"
    bad.write_bytes(b"SIMPLE  =" + bytes(100))
    summary = process_files(lights, output_dir=out, **QUICK)
    assert [outcome.path for outcome in summary.with_status("failed")] == [bad]


@in_this_process
def test_nights_with_the_same_names_keep_their_folders(tmp_path, out):
    nights = [make(tmp_path / "lights" / night / "a.xisf", n) for n, night in enumerate("xyz")]
    with pytest.raises(InputError, match="keep their folders"):
        process_files(nights, output_dir=out, **QUICK)
    assert not out.exists()
    pattern = str(tmp_path / "lights" / "**" / "*.xisf")
    done = process_files(pattern, output_dir=out, keep_tree=True, **QUICK)
    assert len(done.with_status("done")) == 3
    for night in nights:
        process_file(night, output_dir=tmp_path / "single", overwrite=True, **QUICK)
        for what in ("bgSubtracted", "bgModel"):
            written = out / night.parent.name / f"a_{what}.xisf"
            single = xisf.read(tmp_path / "single" / written.name).to_array()
            np.testing.assert_array_equal(xisf.read(written).to_array(), single)
    make(nights[1], seed=7)
    again = process_files(pattern, output_dir=out, keep_tree=True, **QUICK)
    assert [outcome.path for outcome in again.with_status("done")] == [nights[1]]
    assert len(again.with_status("skipped")) == 2
    with Journal(out / "x").opened(), pytest.raises(OutputError, match="another batch"):
        process_files(pattern, output_dir=out, keep_tree=True, **QUICK)


@in_this_process
def test_files_that_differ_in_their_suffix_have_outputs_of_their_own(tmp_path, out):
    first = make(tmp_path / "a" / "m94.xisf")
    with xisf.open_image(first) as image:
        pixels = image.to_array()[:, :, 0]
    fits = pytest.importorskip("astropy.io.fits")
    fits.writeto(tmp_path / "a" / "m94.fits", pixels)
    fits.CompImageHDU(pixels).writeto(tmp_path / "a" / "m94.fits.fz")
    summary = process_files(tmp_path / "a", output_dir=out, **QUICK)
    assert len(summary.with_status("done")) == 3
    assert {f"m94_bgSubtracted{each}" for each in (".xisf", ".fits", ".fits.fz")} <= finished(out)
    assert len(process_files(tmp_path / "a", output_dir=out, **QUICK).with_status("skipped")) == 3


@pytest.mark.parametrize("second", ["b/m94.xisf", "a/../b/m94.xisf"])
def test_two_inputs_of_one_name_are_refused(tmp_path, out, second):
    first = make(tmp_path / "a" / "m94.xisf")
    second = make(tmp_path / second)
    with pytest.raises(InputError, match="outputs of the same name") as refusal:
        process_files([first, second], output_dir=out)
    assert str(first) in str(refusal.value)
    assert str(second) in str(refusal.value)
    assert not out.exists()


@in_this_process
def test_the_background_may_be_left_out_and_asked_for_later(lights, out):
    image = lights / "light_0.xisf"
    process_files(image, output_dir=out, write_model=False, **QUICK)
    assert {*visible(out)} == {"light_0_bgSubtracted.xisf"}
    again = process_files(image, output_dir=out, write_model=False, **QUICK)
    assert statuses(again) == {image.name: "skipped"}
    process_files(image, output_dir=out, **QUICK)
    assert {*visible(out)} == {"light_0_bgSubtracted.xisf", "light_0_bgModel.xisf"}


def test_what_cannot_begin_is_refused_at_once(lights, out, tmp_path, monkeypatch):
    monkeypatch.setattr("fastbg.backends.cuda.unavailable", lambda: "there is no GPU")
    with pytest.raises(InputError, match=r"nomask\.xisf cannot be read"):
        process_files(lights, output_dir=out, mask="nomask.xisf")
    with pytest.raises(SettingsError, match="at least 0"):
        process_files(lights, output_dir=out, workers=-1)
    with pytest.raises(BackendError):
        process_files(lights, output_dir=out, backend="cuda")
    assert not out.exists()
    out.write_bytes(b"")
    with pytest.raises(OutputError, match="cannot be written"):
        process_files(lights, output_dir=out)


@in_this_process
@pytest.mark.parametrize("folder", ["", FOLDER, f"{FOLDER}/begun", f"{FOLDER}/workers"])
def test_a_folder_that_is_removed_meanwhile(lights, out, folder):
    def follow(progress: BatchProgress) -> None:
        if progress.outcome and progress.outcome.path.name == "light_0.xisf":
            shutil.rmtree(out / folder)

    summary = process_files(lights, output_dir=out, progress=follow, **QUICK)
    first, *others = summary.outcomes
    assert first.status == "done"
    for outcome in others:
        assert outcome.status == "failed"
        assert "out cannot be written (No such file or directory)" in outcome.error
    process_files(lights, output_dir=out, overwrite=True, **QUICK)
    assert len(visible(out)) == len(finished(out)) == 6
    assert not leftovers(out)


def test_room_is_no_cure_where_a_file_is_in_the_way(lights, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match=r"cannot be written.*: choose another") as caught:
        process_files(lights, output_dir=tmp_path / "file" / "out", **QUICK)
    assert "free some space" not in str(caught.value)


@in_this_process
def test_what_could_not_be_recorded_is_made_again(lights, out, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    image = lights / "light_0.xisf"
    with monkeypatch.context() as patch:
        patch.setattr("fastbg.jobs.batch.journal.os.path.getsize", full)
        (outcome,) = process_files(image, output_dir=out, **QUICK).outcomes
    assert outcome.status == "failed"
    assert "out cannot be written (No space left on device): free some space" in outcome.error
    before = visible(out)
    assert len(before) == 2
    assert statuses(process_files(image, output_dir=out, **QUICK)) == {image.name: "done"}
    assert visible(out).keys() == before.keys()
    assert len(finished(out)) == 2
    assert not leftovers(out)


def test_one_batch_at_a_time(lights, out):
    with Journal(out).opened(), pytest.raises(OutputError, match="another batch"):
        process_files(lights, output_dir=out)


def test_a_batch_can_be_cancelled(lights, out):
    seen: list[BatchProgress] = []

    def stop_at_the_second(progress: BatchProgress) -> bool:
        seen.append(progress)
        return sum(each.outcome is not None for each in seen) < 2

    with pytest.raises(Cancelled):
        process_files(lights, output_dir=out, workers=1, progress=stop_at_the_second, **QUICK)
    assert {each.files for each in seen} == {3}
    assert any(each.stage and each.workers == 1 for each in seen)
    assert not leftovers(out)
    assert len(process_files(lights, output_dir=out, **QUICK).with_status("skipped")) >= 2


def test_workers_tell_of_stages_that_last(monkeypatch):
    now, told = 0.0, []
    monkeypatch.setattr(pool.time, "monotonic", lambda: now)
    tell = pool._Teller(SimpleNamespace(send=told.append), threading.Event())
    stages = {0.0: "read", 0.01: "prepare", 0.02: "fit", 0.05: "fit", 0.1: "fit", 0.16: "fit"}
    for now, stage in stages.items():
        assert tell(Progress(stage, round(100 * now), 20))
    assert [(each.stage, each.done) for each in told] == [("read", 0), ("fit", 5), ("fit", 16)]


def test_leftovers_are_recognised(tmp_path):
    ours = [".m94_bgModel.xisf.0123abcd.part", ".m94.fits.0123abcd.old"]
    others = [".m94b_bgModel.xisf.0123abcd.part", ".m94_a.part", "m94_a.xisf.0123abcd.part"]
    others += ["m94.fits"]
    for name in [*ours, *others]:
        (tmp_path / name).touch()
    atomic.remove_leftovers(tmp_path, "m94")
    assert {path.name for path in tmp_path.iterdir()} == {*others}
    long = "x" * 80
    with atomic.staged([tmp_path / f"{long}_bgModel.xisf"]) as (part,):
        part.write_text("x")
        shutil.copy(part, part.with_name(f"{part.name[:-13]}01234567.part"))
    atomic.remove_leftovers(tmp_path, long)
    assert {path.name for path in tmp_path.iterdir()} == {*others, f"{long}_bgModel.xisf"}


class Bomb:
    """Kills the process that unpickles it."""

    def __reduce__(self):
        return os.kill, (_OwnId(), signal.SIGKILL)


class _OwnId:
    def __reduce__(self):
        return os.getpid, ()


@needs_linux
def test_a_file_that_kills_costs_only_itself(lights, out):
    settings = Settings(**QUICK)
    key = key_of(settings, None)
    work = [Task(path, out, settings, key=key) for path in sorted(lights.glob("*.xisf"))]
    work.insert(1, Task(Path("bomb.xisf"), out, Bomb(), key=key))
    with Journal(out).opened():
        events = [event for event in pool.run(work, 2) if event]
    outcomes = [what for _, what in events if not hasattr(what, "stage")]
    assert [o.status for o in outcomes] == ["done", "done", "done", "failed"]
    assert "bomb.xisf ended its worker twice (SIGKILL)" in outcomes[-1].error


def test_a_worker_that_cannot_start_is_told(lights, out, monkeypatch):
    monkeypatch.setattr(pool, "serve", _broken)
    with pytest.raises(BackendError, match="could not start"):
        process_files(lights, output_dir=out, workers=1, **QUICK)


def _broken(connection):
    sys.exit(3)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_reading_ahead_waits_for_nothing_and_refuses_nothing(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "missing", "."):
        pool._read_ahead(tmp_path / name)


def test_workers_fit_into_memory(lights, out):
    paths = sorted(lights.glob("*"))
    settings = Settings(**QUICK, threads=3)
    tasks = [Task(path, out, settings) for path in paths]
    alone = capacity.bytes_needed(tasks[0].with_threads(1))

    def workers(limit):
        return capacity.workers_for([replace(task, max_memory=limit) for task in tasks])

    assert workers(10 * alone) == 3
    assert workers(int(2.9 * alone)) == 2
    assert workers(int(1.1 * alone)) == 1
    assert workers(alone // 2) == 1
    assert capacity.bytes_needed(Task(Path("missing"), out, settings)) == 0
    summary = process_files(paths, output_dir=out, max_memory=alone // 2, **QUICK)
    assert all("of memory" in outcome.error for outcome in summary.with_status("failed"))
    assert len(summary.with_status("failed")) == 3


def test_available_memory_is_the_least_that_somebody_tells(monkeypatch):
    groups, system = [], 8000

    def virtual_memory():
        if system is None:
            raise FileNotFoundError("/proc/meminfo")
        return SimpleNamespace(available=system)

    monkeypatch.setattr(capacity, "left_by_groups", lambda: groups)
    monkeypatch.setattr("psutil.virtual_memory", virtual_memory)
    assert capacity.available_bytes() == int(0.9 * 8000)
    groups = [9000, 4000]
    assert capacity.available_bytes() == int(0.9 * 4000)
    groups, system = [-5], None
    assert capacity.available_bytes() == 0
    groups = []
    assert capacity.available_bytes() is None


def test_control_groups_tell_what_they_leave(tmp_path):
    def tell(name, text):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    assert [*left_by_groups(tmp_path)] == []
    tell("proc/self/cgroup", "0::/job/part\n")
    tell("sys/fs/cgroup/job/part/memory.max", "max\n")
    tell("sys/fs/cgroup/job/memory.max", "5000\n")
    tell("sys/fs/cgroup/job/memory.current", "4000\n")
    tell("sys/fs/cgroup/job/memory.stat", "anon 1\ninactive_file 3000\n")
    assert [*left_by_groups(tmp_path)] == [4000]
    tell("proc/self/cgroup", "3:cpu:/\n2:memory:/old\n")
    tell("sys/fs/cgroup/memory/old/memory.limit_in_bytes", "3000")
    tell("sys/fs/cgroup/memory/old/memory.usage_in_bytes", "1000")
    assert [*left_by_groups(tmp_path)] == [2000]


def test_the_memory_of_this_computer_is_known():
    available = capacity.available_bytes()
    assert available is not None
    assert 0 < available < psutil.virtual_memory().total


@pytest.mark.parametrize("again", [False, True])
def test_watching_a_folder_takes_none_of_its_own_outputs(lights, monkeypatch, again):
    monkeypatch.setattr("fastbg.jobs.batch.LOOK_SECONDS", 0.02)
    looks, ended = 0, []

    def act(progress: BatchProgress) -> bool:
        nonlocal looks
        if progress.outcome:
            ended.append((progress.outcome.path.name, progress.outcome.status))
        elif not progress.path and not progress.workers:
            looks += 1
            if looks == 5:
                shutil.copy(lights / "light_0_bgModel.xisf", lights / "other.xisf")
        return looks < 15

    with pytest.raises(Cancelled):
        process_files(
            lights, output_dir=lights, watch=True, again=again, workers=1, progress=act, **QUICK
        )
    assert ended[:3] == [(f"light_{n}.xisf", "done") for n in range(3)]
    assert ended[3:4] == [("other.xisf", "done" if again else "left_out")]
    assert len(ended) == 4


def test_watching_takes_new_and_changed_files_when_they_are_complete(lights, out, monkeypatch):
    monkeypatch.setattr("fastbg.jobs.batch.LOOK_SECONDS", 0.02)
    bad, whole = lights / "bad.xisf", (lights / "light_0.xisf").read_bytes()
    bad.write_bytes(whole[:5000])
    ended: list[tuple[str, str]] = []
    deadline = time.monotonic() + 30

    def act(progress: BatchProgress) -> bool:
        if progress.outcome:
            ended.append((progress.outcome.path.name, progress.outcome.status))
        elif not progress.path and not progress.workers:
            if len(ended) == 4 and not new.exists():
                new.write_bytes(whole)
            elif len(ended) == 5 and bad.stat().st_size < len(whole):
                bad.write_bytes(whole)
        assert time.monotonic() < deadline, ended
        return ended[-1:] != [("bad.xisf", "done")]

    new = lights / "new.xisf"
    with pytest.raises(Cancelled):
        process_files(lights, output_dir=out, watch=True, workers=1, progress=act, **QUICK)
    assert sorted(ended[:4]) == [("bad.xisf", "failed")] + [
        (f"light_{n}.xisf", "done") for n in range(3)
    ]
    assert ended[4:] == [("new.xisf", "done"), ("bad.xisf", "done")]


@pytest.fixture(scope="module")
def cluster():
    """Its processes take a second each to start."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=":0"
    ) as cluster:
        yield cluster


@needs_linux
def test_a_cluster_whose_workers_are_killed(cluster, lights, out, tmp_path):
    for number in range(12):
        make(lights / f"dusk_{number}.xisf", number, shape=(150, 200))
    options = {**QUICK, "downscaling_factor": 1, "epochs": 200}
    victims = [worker.pid for worker in cluster.workers.values()]

    def kill_at_work(progress: BatchProgress) -> None:
        working = [*(out / FOLDER / "begun").iterdir()]
        if victims and working and records(out):
            os.kill(victims.pop(), signal.SIGKILL)

    def run(**more):
        address = cluster.scheduler_address
        return process_files(lights, output_dir=out, dask=address, **options, **more)

    summary = run(progress=kill_at_work)
    assert not victims
    # A task whose worker was killed after its file was finished finds it so.
    assert {*statuses(summary).values()} <= {"done", "skipped"}
    assert len(summary.outcomes) == 15
    assert not leftovers(out)
    before = visible(out)
    single = process_file(lights / "dusk_3.xisf", output_dir=tmp_path, **options)
    for name, file in single.report["outputs"].items():
        assert content(out / Path(file).name) == content(Path(file)), name
    assert {*statuses(run()).values()} == {"skipped"}
    assert visible(out) == before


def test_a_cluster_that_does_not_answer_is_told(lights, out, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("fastbg.jobs.batch.cluster.ANSWER_SECONDS", 0.3)
    with pytest.raises(BackendError, match="no Dask scheduler answers at tcp://127"):
        process_files(lights, output_dir=out, dask="tcp://127.0.0.1:1")
    with pytest.raises(BackendError, match="no Dask scheduler answers at nonsense"):
        process_files(lights, output_dir=out, dask="nonsense://x")
    with pytest.raises(SettingsError, match="its own workers"):
        process_files(lights, output_dir=out, dask="tcp://127.0.0.1:1", workers=2)


@needs_linux
def test_a_cluster_that_loses_its_last_worker(cluster, lights, out, monkeypatch):
    for number in range(12):
        make(lights / f"dusk_{number}.xisf", number, shape=(300, 400))
    options = {**QUICK, "downscaling_factor": 1, "epochs": 200}
    address = cluster.scheduler_address

    def stop_workers(progress: BatchProgress) -> None:
        if records(out) and cluster.workers:
            cluster.scale(0)

    with monkeypatch.context() as patched:
        patched.setattr("fastbg.jobs.batch.cluster.WORKERLESS_SECONDS", 0.2)
        with pytest.raises(BackendError, match=r"no worker for 0\.2 s: start one"):
            process_files(lights, output_dir=out, dask=address, progress=stop_workers, **options)
    done = records(out)
    assert 0 < done < 12
    cluster.scale(1)
    again = process_files(lights, output_dir=out, dask=address, **options)
    assert {*statuses(again).values()} == {"done", "skipped"}
    assert [*statuses(again).values()].count("skipped") >= done


def test_dask_that_is_not_installed_is_told(lights, out, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(BackendError, match=r"pip install 'fastbg\[dask\]'"):
        process_files(lights, output_dir=out, dask="tcp://127.0.0.1:1")


# The command line, and what is killed on the way.


@pytest.fixture(scope="session")
def frames(tmp_path_factory) -> Path:
    """Names of 200 frames, of which one is corrupt, one missing, and one cannot be written."""
    folder = tmp_path_factory.mktemp("frames")
    for number in range(10):
        make(folder / f"frame_{number:03}.xisf", number)
    for number in range(10, 199):
        shutil.copy(folder / f"frame_{number % 10:03}.xisf", folder / f"frame_{number:03}.xisf")
    (folder / "frame_050.xisf").write_bytes(b"XISF0100 and nothing that belongs behind it")
    return folder


def batch(*arguments: object, **more) -> subprocess.Popen:
    command = [*CLI, *QUICK_OPTIONS, *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more
    )


def printed(*arguments: object) -> Result:
    """The command in this process."""
    given = ["batch", *QUICK_OPTIONS, *map(str, arguments)]
    return CliRunner().invoke(app, given, prog_name="fastbg")


def wait_for(condition, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def workers_of(pid: int) -> list[int]:
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(each) for text in lists for each in text.read_text().split()]
    return [each for each in children if b"spawn_main" in _command(each)]


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def records(out: Path) -> int:
    return len([*(out / FOLDER).glob("*.json")])


@pytest.mark.slow
@needs_linux
def test_two_hundred_frames_killed_again_and_again(frames, out):
    blocked = out / "frame_100_bgModel.xisf"
    blocked.mkdir(parents=True)
    arguments = (frames, frames / "missing.xisf", "-o", out, "--workers", 2)
    kept: dict[str, tuple[int, int]] = {}

    def check_and_keep() -> None:
        """Files that were finished before have not been touched since."""
        now = {name: where for name, where in visible(out).items() if name in finished(out)}
        assert kept.items() <= now.items()
        kept.update(now)

    job = batch(*arguments, start_new_session=True)
    wait_for(lambda: records(out) >= 30)
    os.killpg(job.pid, signal.SIGKILL)
    job.communicate()
    check_and_keep()
    assert 30 <= records(out) < 197

    job = batch(*arguments)
    wait_for(lambda: records(out) >= 80)
    orphans = workers_of(job.pid)
    assert len(orphans) == 2
    job.kill()
    job.communicate()
    wait_for(lambda: not any(_command(pid) for pid in orphans), 10)
    check_and_keep()
    assert not unfinished(out)
    assert records(out) < 197

    job = batch(*arguments)
    wait_for(lambda: records(out) >= 120)
    os.kill(workers_of(job.pid)[0], signal.SIGKILL)
    lines, errors = job.communicate()
    check_and_keep()
    assert job.returncode == 2
    # Fits of so few steps make some frames worse.
    told = [line for line in errors.splitlines() if "the frame got worse" not in line]
    assert len(told) == 3, errors
    for name, cause in {
        "frame_050.xisf": "not an XISF|damaged|truncated",
        "frame_100_bgModel.xisf": "is a directory",
        "missing.xisf": "does not exist",
    }.items():
        (line,) = (line for line in told if name in line)
        assert re.search(cause, line), line
    assert "3 failed" in lines.splitlines()[-1]

    assert not leftovers(out)
    blocked.rmdir()
    assert len(visible(out)) == 2 * 197
    for name in visible(out):
        assert xisf.read(out / name).shape == (1, *SHAPE)


@pytest.mark.skipif(os.name != "posix", reason="other systems send no such signals")
@pytest.mark.parametrize("number", some([signal.SIGINT], [signal.SIGINT, signal.SIGTERM]))
def test_a_stopped_batch_leaves_what_is_finished(lights, out, number):
    # The large one would need minutes.
    make(lights / "a_slow.xisf", shape=(2000, 3000))
    job = batch(lights, "-o", out, "-dx", 1, "-B", 100, "--workers", 2, start_new_session=True)
    wait_for(lambda: records(out) >= 3 and any((out / FOLDER / "begun").glob("a_slow.*")))
    os.killpg(job.pid, number)
    lines, errors = job.communicate(timeout=60)
    assert job.returncode == 128 + number
    assert errors == "fastbg: stopped; no unfinished file was left behind\n"
    assert "done, in" in lines.splitlines()[-1]
    assert visible(out).keys() == finished(out)
    assert len(visible(out)) == 2 * 3
    assert not leftovers(out)


@in_this_process
def test_the_command_tells_what_it_leaves_out(lights, out):
    process_files(lights / "light_0.xisf", output_dir=lights, **QUICK)
    told = printed(lights, "-o", out, "--keep-tree", "--no-model")
    assert all("the frame got worse" in line for line in told.stderr.splitlines())
    assert re.search(r"left out +\S*light_0_bgModel\.xisf", told.stdout)
    assert "3 done, 2 left out (written by fastbg; see --again)" in told.stdout
    assert {*visible(out)} == {f"light_{n}_bgSubtracted.xisf" for n in range(3)}
    found = json.loads(printed(lights, "-o", out, "--no-model", "--json").stdout)
    assert [len(found[each]) for each in ("done", "skipped", "left_out", "failed")] == [0, 3, 2, 0]
    told = printed(lights, "-o", out, "--no-model", "--again")
    assert "2 done, 3 finished before" in told.stdout
    told = printed(lights / "light_0_bgModel.xisf", "-o", out)
    assert "give the original images, or add --again" in told.stderr


@in_this_process
def test_a_json_report_of_all(lights, out):
    process_files(lights / "light_0.xisf", output_dir=out, **QUICK)
    job = printed(lights, lights / "no.xisf", "-o", out, "--json")
    found = json.loads(job.stdout)
    assert job.exit_code == 2
    assert [Path(each["input"]).name for each in found["skipped"]] == ["light_0.xisf"]
    assert len(found["done"]) == 2
    (failure,) = found["failed"]
    assert failure["input"] == str(lights / "no.xisf")
    assert job.stderr == f"fastbg: {failure['error']}\n"


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo terminal")
def test_live_lines_and_a_table_on_a_terminal(lights, out):
    (lights / "bad.xisf").write_bytes(b"no image")
    ours, theirs = os.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    job = subprocess.Popen(
        [*CLI, *QUICK_OPTIONS, lights, "-o", out], stdout=theirs, stderr=theirs, env=environment
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            shown += os.read(ours, 1 << 16)
        except OSError:  # Linux tells the end so
            break
    os.close(ours)
    assert job.wait() == 2
    text = re.sub(r"\x1b\[[^A-Za-z]*[A-Za-z]", "", shown.decode()).replace("\r", "\n")
    assert f"fastbg: {lights}/bad.xisf is not an XISF, FITS or TIFF" in text
    table = text[text.rindex("seconds") :].splitlines()
    rows = [line.split()[0] for line in table if ".xisf" in line]
    assert rows == ["light_0.xisf", "light_1.xisf", "light_2.xisf", "bad.xisf"]
    assert re.search(r"^3 done, 1 failed, in [0-9.]+ s", text, re.MULTILINE)


def test_warnings_are_printed_once_for_all_files_that_have_them(tmp_path):
    def done(name, *warnings):
        return Outcome(tmp_path / name, "done", {"warnings": list(warnings)})

    same, other = "epochs had no effect: give points", "only 7.49 % of the frame"
    outcomes = [
        done("b.xisf", same, "12 samples (3e-05 %) are below 0"),
        done("a.xisf", same, "9 samples (0.1 %) are below 0"),
        done("c.xisf", same, other),
        Outcome(tmp_path / "d.xisf", "skipped", {"warnings": ["told before"]}),
        Outcome(tmp_path / "e.xisf", "failed", None, "broken"),
    ]
    assert list(batch_display.warnings_of(outcomes)) == [
        f"all files: {same}",
        "a.xisf, b.xisf, for example a.xisf: 9 samples (0.1 %) are below 0",
        f"c.xisf: {other}",
    ]
    many = [done(f"{n}.xisf", *([same] if n < 5 else [])) for n in range(8)]
    assert list(batch_display.warnings_of(many)) == [f"5 of 8 files: {same}"]


def test_warnings_tell_files_of_the_same_name_apart(tmp_path):
    def done(name, *warnings):
        return Outcome(tmp_path / name, "done", {"warnings": list(warnings)})

    outcomes = [
        done("n1/red/L.xisf", "of two"),
        done("n2/red/L.xisf"),
        done("n2/blue/L.xisf", "of two"),
        done("n2/blue/R.xisf", "of one"),
    ]
    assert list(batch_display.warnings_of(outcomes)) == [
        "n1/red/L.xisf, n2/blue/L.xisf: of two",
        "R.xisf: of one",
    ]


@in_this_process
def test_a_folder_with_images_only_below_it_is_told(lights, out):
    pattern = lights.parent / "**" / "*.xisf"
    with pytest.raises(InputError, match="only in folders below it") as caught:
        process_files(lights.parent, output_dir=out)
    assert str(caught.value).endswith(f"give the pattern '{pattern}'")
    assert len(process_files(pattern, output_dir=out, **QUICK).outcomes) == 3


@in_this_process
def test_warnings_are_printed_without_a_terminal(lights, out):
    told = printed(lights, "-o", out, "--cfa", "off").stdout
    (line,) = (line for line in told.splitlines() if "had no effect" in line)
    assert line.startswith("warning        all files: cfa had no effect")


@in_this_process
def test_quiet_prints_only_errors(lights, out):
    job = printed(lights, "-o", out, "-q")
    # So few iterations make a frame worse, which is told in any case.
    assert (
        job.stdout
        == "".join(
            line for line in job.stderr.splitlines() if "warning: the frame got worse" not in line
        )
        == ""
    )
    assert job.exit_code == 0


def test_the_hash_of_a_file_tells_versions_apart(tmp_path):
    content = np.random.default_rng(1).bytes(200_000)
    hashes = set()
    for number, place in enumerate([0, 65_535, 65_536, 199_999, None]):
        changed = bytearray(content)
        if place is not None:
            changed[place] ^= 1
        path = tmp_path / f"{number}"
        path.write_bytes(changed)
        hashes.add(content_hash(path))
    (tmp_path / "shorter").write_bytes(content[:-1])
    assert len(hashes | {content_hash(tmp_path / "shorter")}) == 6
    assert content_hash(path) == content_hash(path)
    assert content_hash(tmp_path) is None
    assert content_hash(tmp_path / "none") is None
