"""Has this build become slower, or larger, than a stored one?

``--save`` stores a run; without it a run is compared with what was stored. A run is a number of
processes, each of which times the workloads in units of yardsticks that it times in between (see
workloads.py). A workload counts as slower only if the whole confidence interval of its ratio to
the baseline lies above 1 + tolerance. Memory is compared exactly: a build is larger if the
smallest peak of its processes exceeds the largest of the baseline's. With ``--instructions``,
valgrind counts the instructions of the compiled workloads.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import stdtrit  # scipy.stats takes a second to load

from fastbg.io import xisf
from fastbg.simulate import simulate_sky
from measuring import report_of

WORKLOADS = str(Path(__file__).with_name("workloads.py"))
COUNTED = ("gradient, N = 36", "gradient, N = 256", "render", "quantiles", "block medians")
CALLS = 4
"""The number of calls whose instructions are counted."""

NOISE_OF_COUNTS = 1e-3
"""Counts of one build differ by less than this part, because addresses decide a few branches."""

Run = dict[str, Any]


def machine(python: str) -> dict[str, Any]:
    """The machine and the versions on which a baseline depends."""
    about = (
        "import json, numpy, sys; print(json.dumps([sys.version.split()[0], numpy.__version__]))"
    )
    versions = subprocess.run([python, "-c", about], check=True, capture_output=True, text=True)
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python, numpy": json.loads(versions.stdout),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((s.partition(": ")[2] for s in lines if s.startswith("model name")), "unknown")


def measure(python: str, processes: int, *, smoke: bool, instructions: bool) -> Run:
    """A run: ``units`` by workload and process, ``bytes`` by process, perhaps ``instructions``."""
    run: Run = {"machine": machine(python), "bytes": []}
    units = []
    with tempfile.TemporaryDirectory() as folder:
        sky = Path(folder) / "sky.xisf"
        shape = (60, 90) if smoke else (2000, 3000)
        xisf.write(sky, simulate_sky(shape, np.random.default_rng(1)).image)
        command = ["run", str(sky), folder, "--json", "--overwrite", "--threads", "1"]
        for _ in range(processes):
            units.append(report_of(WORKLOADS, *["--smoke"] * smoke, python=python))
            job = report_of("-P", "-m", "fastbg.cli", *command, python=python)
            run["bytes"].append(job["peak_memory_bytes"])
            _progress(f"process {len(units)} of {processes}")
    run["units"] = {name: [each[name] for each in units] for name in units[0]}
    if instructions:
        run["instructions"] = {}
        for name in COUNTED:
            _progress(f"counting instructions of {name}")
            run["instructions"][name] = count_instructions(python, name)
    _progress("")
    return run


def count_instructions(python: str, name: str) -> float:
    """The instructions of a call: the difference of processes with several calls and with one."""
    one, some = (_instructions(python, name, calls) for calls in (1, 1 + CALLS))
    return (some - one) / CALLS


def _instructions(python: str, name: str, calls: int) -> int:
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    done = subprocess.run(
        [*command, python, WORKLOADS, "--repeat", name, str(calls)],
        check=True,
        capture_output=True,
        text=True,
        # No hash order that changes from process to process, and no threads that wait for work.
        env={**os.environ, "PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1"},
    )
    collected = re.search(r"Collected : (\d+)", done.stderr)
    assert collected, done.stderr
    return int(collected[1])


def compare(baseline: Run, run: Run, confidence: float, tolerance: float) -> list[str]:
    """Print each quantity relative to its baseline and return the names of those that are worse."""
    rows = [
        (name, ratio_interval(before, run["units"][name], confidence), tolerance)
        for name, before in baseline["units"].items()
    ]
    before, after = baseline["bytes"], run["bytes"]
    ratios = min(after) / max(before), np.mean(after) / np.mean(before), max(after) / min(before)
    rows.append(("peak memory", ratios, 0))
    for name, before in baseline.get("instructions", {}).items():
        if name in run.get("instructions", {}):
            ratio = run["instructions"][name] / before
            rows.append((f"instructions, {name}", (ratio, ratio, ratio), NOISE_OF_COUNTS))

    worse = []
    print(f"{'now / baseline':31} {'ratio':>6} {f'{confidence:.1%} interval':>16}")
    for name, (low, ratio, high), allowed in rows:
        verdict = "worse" if low > 1 + allowed else "better" if high < 1 - allowed else ""
        print(f"{name:31} {ratio:6.3f} {f'{low:.3f} to {high:.3f}':>16}  {verdict}".rstrip())
        worse += [name] * (verdict == "worse")
    return worse


def ratio_interval(
    before: list[float], after: list[float], confidence: float
) -> tuple[float, float, float]:
    """The low end, the value and the high end of the ratio of geometric means (Welch's t)."""
    logs = np.log(after), np.log(before)
    variances = np.array([each.var(ddof=1) / len(each) for each in logs])
    spare = np.array([len(each) - 1 for each in logs])
    freedom = variances.sum() ** 2 / (variances**2 / spare).sum()
    half = stdtrit(freedom, (1 + confidence) / 2) * np.sqrt(variances.sum())
    low, ratio, high = np.exp(logs[0].mean() - logs[1].mean() + np.array([-half, 0, half]))
    return float(low), float(ratio), float(high)


def _progress(line: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{line:60}", end="" if line else "\r", file=sys.stderr, flush=True)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python bench gate", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("baseline", nargs="?", help="a stored run, to compare with")
    parser.add_argument("--save", metavar="FILE", help="store the run")
    parser.add_argument("--python", default=sys.executable, help="of the build to measure")
    parser.add_argument("--processes", type=int, default=12, help="of a run (%(default)s)")
    parser.add_argument("--confidence", type=float, default=0.999, help="(%(default)s)")
    parser.add_argument("--tolerance", type=float, default=0.03, help="(%(default)s)")
    parser.add_argument("--instructions", action="store_true", help="count them, with valgrind")
    parser.add_argument("--smoke", action="store_true", help="tiny, compared with itself")
    options = parser.parse_args(arguments)
    if not (options.baseline or options.save or options.smoke):
        parser.error("give a stored run to compare with, or --save FILE")
    if options.instructions and not shutil.which("valgrind"):
        parser.error(
            "counting instructions needs valgrind: install it, or leave --instructions out"
        )

    baseline = json.loads(Path(options.baseline).read_text("utf-8")) if options.baseline else None
    if baseline and baseline["machine"] != machine(options.python):
        print(f"{options.baseline} is of another machine: store a run of this one with --save")
        return 2
    processes = 2 if options.smoke else options.processes
    run = measure(options.python, processes, smoke=options.smoke, instructions=options.instructions)
    if options.save:
        Path(options.save).write_text(json.dumps(run, indent=1) + "\n", "utf-8")
    if options.smoke:
        compare(run, run, options.confidence, options.tolerance)
    if not baseline:
        return 0
    worse = compare(baseline, run, options.confidence, options.tolerance)
    print(f"worse than {options.baseline}: {', '.join(worse)}" if worse else "nothing became worse")
    return 1 if worse else 0
