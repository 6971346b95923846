"""The whole job as a user runs it, beside the same job by SEP's mesh background.

``python bench job`` makes a simulated RGB sky, writes it as uncompressed XISF, and runs ``fastbg
run`` on it several times, each in a process of its own: with the default settings, or with the
options that follow ``--``, like ``-- -N 36 -i grid --optimizer adam``. In turns with it run a
script that does the same with SEP, where it is installed, and another build of fastbg, if its
Python is named. Of each it prints the seconds and the processor time of the whole process, imports
included, as medians, and the peak memory; of this build the seconds of the stages, too, and the
error against the known background.

The processor time is that of all threads. On a machine that others use it says more than the
seconds do.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from fastbg.io import xisf
from fastbg.simulate import simulate_sky
from measuring import report_of

SEP = """
import json, resource, sys
import numpy as np, sep
image, folder = np.load(sys.argv[1]), sys.argv[2]
model = np.stack([sep.Background(plane, bw=512, bh=512).back() for plane in image])
np.save(folder + "/sep_model.npy", model)
image -= model
np.save(folder + "/sep_subtracted.npy", image)
unit = 1 if sys.platform == "darwin" else 1024
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
print(json.dumps({"peak_memory_bytes": peak}))
"""
"""Reads the planes, subtracts their backgrounds, and writes both."""

OURS, OTHER, SEPS = "fastbg run", "the other build", "SEP"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python bench job",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--size", nargs=2, type=int, default=(4000, 6000), metavar=("H", "W"))
    parser.add_argument("--runs", type=int, default=3, help="of each program (%(default)s)")
    parser.add_argument("--against", metavar="PYTHON", help="of another build of fastbg")
    parser.add_argument("--smoke", action="store_true", help="one tiny run, to see that it works")
    parser.add_argument("settings", nargs="*", metavar="-- OPTION", help="of fastbg run")
    options = parser.parse_args(arguments)
    size, runs = ((100, 150), 1) if options.smoke else (tuple(options.size), options.runs)

    with tempfile.TemporaryDirectory() as folder:
        path, array = Path(folder) / "sky.xisf", Path(folder) / "sky.npy"
        sky = simulate_sky(size, np.random.default_rng(1))
        xisf.write(path, sky.image)
        command = ("-P", "-m", "fastbg.cli", "run", "--json", *options.settings, str(path))
        programs = {OURS: (sys.executable, *command)}
        if options.against:
            programs[OTHER] = (options.against, *command)
        if importlib.util.find_spec("sep"):
            np.save(array, np.ascontiguousarray(np.moveaxis(sky.image, 2, 0)))
            programs[SEPS] = (sys.executable, "-P", "-c", SEP, str(array))
        turns = [
            {name: _timed(*each, Path(folder) / name) for name, each in programs.items()}
            for _ in range(runs)
        ]
        builds = [name for name in programs if name != SEPS]
        fastest = [
            min((turn[name] for turn in turns), key=lambda each: each["seconds"]["total"])
            for name in builds
        ]
        report = fastest[0]
        with xisf.open_image(report["outputs"]["background"]) as model:
            residue = (model.to_array() - sky.background).std(axis=(0, 1))

    fit = report["fit"]
    print(
        f"{' '.join(['fastbg run', *options.settings])}, {size[0]} x {size[1]} x 3, "
        f"{fit['threads']} threads, {fit['backend']} {fit['detail']}; "
        f"stages of the fastest of {runs} runs{', beside the other build' * len(builds[1:])}"
    )
    for stage in report["seconds"]:
        taken = "".join(f"{each['seconds'].get(stage, 0):8.3f} s" for each in fastest)
        print(f"  {stage:8}{taken}")
    if "loss" in fit:
        print(f"  loss {fit['loss']:.4f} after {fit['iterations']} iterations")
    error = (residue / sky.background.std(axis=(0, 1))).mean()
    print(f"  error std(model - truth) / std(truth) {error:.4f}")
    print("whole processes, medians of runs in turns, and ours in parts of theirs:")
    ours = None
    for name in programs:
        wall, used = (median(turn[name][what] for turn in turns) for what in ("wall", "processor"))
        peak = max(turn[name]["peak_memory_bytes"] for turn in turns) / 1e6
        ours = ours or (wall, used)
        parts = f"{ours[0] / wall:.2f}, {ours[1] / used:.2f}"
        print(f"  {name:15} {wall:6.2f} s, processor {used:5.2f} s, {peak:4.0f} MB: {parts}")
    if SEPS not in programs:
        print("  SEP skipped: pip install sep")
    return 0


def _timed(python: str, *arguments: Any) -> dict[str, Any]:
    """The report of a process, and its seconds on the wall and on processors.

    The last argument is a folder for its outputs, which is empty when it begins.
    """
    folder = arguments[-1]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    before, began = os.times(), time.perf_counter()
    report = report_of(*map(str, arguments), python=python)
    wall, after = time.perf_counter() - began, os.times()
    used = after.children_user + after.children_system
    used -= before.children_user + before.children_system
    return report | {"wall": wall, "processor": used}
