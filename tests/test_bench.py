"""The programs of bench/ run, and the gate tells a slower build from noise."""

from __future__ import annotations

import runpy
import subprocess
import sys
from importlib import import_module
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from cases import some

import environments
import gate
import loading
import newest
import releases
import sweep

BENCH = Path(gate.__file__).parent

PROGRAM = runpy.run_path(str(BENCH / "__main__.py"))
COMMANDS = {*PROGRAM["COMMANDS"], "sets reference"}
SLOW = {"gate", "many", "page", "sets", "structure"}  # which test_structure.py runs


@pytest.mark.idle_settings
@pytest.mark.filterwarnings("ignore:Mean of empty slice")  # tiny sets
@pytest.mark.parametrize("command", some(COMMANDS - SLOW, sorted(COMMANDS)))
def test_every_program_runs(command, tmp_path, monkeypatch, capfd):
    # Not in a process of its own, which would import all that is here already.
    monkeypatch.chdir(tmp_path)
    assert PROGRAM["main"]([*command.split(), "--smoke"]) == 0
    assert capfd.readouterr().out
    assert not [*tmp_path.iterdir()], "a smoke run leaves nothing behind"


def test_python_bench_lists_the_programs():
    listed = subprocess.run([sys.executable, BENCH, "-h"], capture_output=True, text=True)
    assert (listed.returncode, listed.stderr) == (0, "")
    assert all(f"  {command} " in listed.stdout for command in PROGRAM["COMMANDS"])


def run_of(rng, factor=1.0, noise=0.02, grown=0, counted=1.0):
    """A run of the gate as a build of some speed would make it."""
    units = {name: 3 * factor * np.exp(noise * rng.standard_normal(12)) for name in ("a", "b")}
    return {
        "units": {name: values.tolist() for name, values in units.items()},
        "bytes": (80_000_000 + grown + rng.integers(0, 100_000, 12)).tolist(),
        "instructions": {"a": 1e6 * counted * (1 + 1e-4 * rng.uniform())},
    }


def test_unchanged_builds_pass():
    rng = np.random.default_rng(1)
    baseline = run_of(rng)
    assert not [w for _ in range(200) for w in gate.compare(baseline, run_of(rng), 0.999, 0.03)]


@pytest.mark.parametrize(
    ("change", "caught"),
    [
        ({"factor": 1.1}, ["a", "b"]),
        ({"grown": 200_000}, ["peak memory"]),
        ({"counted": 1.01}, ["instructions, a"]),
        ({"factor": 0.9, "grown": -200_000, "counted": 0.99}, []),
    ],
)
def test_what_became_worse_is_caught(change, caught, capsys):
    rng = np.random.default_rng(2)
    assert gate.compare(run_of(rng), run_of(rng, **change), 0.999, 0.03) == caught
    assert ("better" in capsys.readouterr().out) == (not caught)


def test_what_is_too_noisy_to_tell_is_not_blamed():
    rng = np.random.default_rng(3)
    assert not gate.compare(run_of(rng, noise=0.5), run_of(rng, factor=1.1, noise=0.5), 0.999, 0.03)


def test_the_interval_holds_the_ratio():
    rng = np.random.default_rng(4)
    hits = 0
    for _ in range(300):
        before, after = (np.exp(0.05 * rng.standard_normal(12)) * f for f in (1.0, 1.2))
        low, ratio, high = gate.ratio_interval(before.tolist(), after.tolist(), 0.9)
        assert low < ratio < high
        hits += low < 1.2 < high
    assert 0.85 < hits / 300 < 0.95


@pytest.mark.parametrize("swept", [*chain(*sweep.SWEPT.values())], ids=lambda each: each.short)
def test_a_constant_is_replaced_everywhere_and_put_back(swept):
    constant = sweep.Constant(swept)
    used = constant.value
    assert used not in swept.values
    module = import_module(f"fastbg.{swept.module}")
    name = swept.name.partition(".")[0]
    before = getattr(module, name)
    for value in swept.values:
        with constant.replaced_by(value):
            assert swept.scaled or constant.value == value
            after = getattr(module, name)
            assert after != before
            holders = (m for n, m in [*sys.modules.items()] if n.startswith("fastbg."))
            assert not any(getattr(each, name, None) is before for each in holders)
        assert getattr(module, name) is before


def test_signed_counts_are_read_on_the_scale_of_jobs(tmp_path):
    from astropy.io import fits

    counts = np.random.default_rng(1).integers(900, 1100, (20, 30)).astype(np.int16)
    fits.writeto(tmp_path / "counts.fits", counts)
    read = loading.read(tmp_path / "counts.fits")
    np.testing.assert_allclose(read[..., 0] * 65535, counts, rtol=1e-6)


def test_a_report_tells_what_passed_and_what_did_not(tmp_path):
    cases = {
        "a": "",
        "b": '<failure message="AssertionError: 1 &lt; 0&#10;at line 3"/>',
        "c": '<error message="gone"/>',
        "d": '<skipped message="no GPU"/>',
    }
    each = "".join(f'<testcase classname="t" name="{n}">{x}</testcase>' for n, x in cases.items())
    (tmp_path / "report.xml").write_text(f"<testsuite>{each}</testsuite>")
    found = environments.results(tmp_path / "report.xml")
    assert found == (1, {"t::b": "AssertionError: 1 < 0", "t::c": "gone"})


def test_what_is_newer_or_not_pinned_is_named(capsys):
    pinned = newest.pinned(sys.executable)
    assert {"numpy", "scipy", "backports-zstd", "numba-cuda"} <= pinned.keys()
    newest.print_changes({"a": "1", "b": "2", "gone": "1"}, {"a": "1", "b": "3rc1", "new": "1"})
    head, _, _, *rows = filter(None, capsys.readouterr().out.splitlines())
    assert head.startswith("2 of 3 ")
    assert rows == ["| b | 2 | 3rc1 |", "| new |  | 1 |"]


def test_a_test_that_fails_now_and_then_is_tried_again(monkeypatch):
    """Of four, two pass at once, one at the second try, and one never."""
    one, two = "t.a::one", "t.a::two[1]"
    answers = [(2, {one: "x", two: "x"}), (1, {two: "x"}), (0, {two: "y"})]
    asked = []

    def run(python, *arguments, **variables):
        asked.append([each.rpartition("/")[2] for each in arguments[3:]])
        return environments.Tested(*answers[len(asked) - 1])

    monkeypatch.setattr(releases, "tests", run)
    monkeypatch.setattr(releases, "TRIES", 3)
    found = releases.tried("python", "simulated", {})
    assert found == (environments.Tested(3, {two: "y"}), 1)
    assert asked == [["simulated.py"], ["simulated.py::one", "simulated.py::two[1]"],
                     ["simulated.py::two[1]"]]  # fmt: skip


def test_releases_are_told_by_what_differs_from_the_first():
    first = {"numba-cuda": "0.16.0", "CUDA": "12", "numba": "0.61", "1 / x": "0, 4"}
    same = first | {"numba-cuda": "0.20.1", "numba": "0.62"}
    other = same | {"CUDA": "13", "1 / x": "0, 0"}
    assert releases.told([first, same, other]) == ["0.20.1 with CUDA 13: 1 / x is 0, 0, not 0, 4"]
    known = [*releases.cases(["0.16.0/0.61.2", "0.20.1"])]
    assert [row["CUDA"] for row, _ in known] == ["12", "12", "13"]
    assert [needs for _, needs in known] == [
        ["cuda", "numba-cuda==0.16.0", "numba==0.61.2"],
        ["cuda", "numba-cuda==0.20.1", "numba"],
        ["cuda13", "numba-cuda==0.20.1", "numba"],
    ]
