"""The whole job as a user runs it, beside SEP's mesh background of the same array.

``python bench job`` makes a simulated RGB sky, writes it as uncompressed XISF, and runs ``fastbg
run`` on it several times, each in a process of its own: with the default settings, or with the
options that follow ``--``, like ``-- -N 36 -i grid --optimizer adam``. It prints the seconds of the
stages, the processor time, the peak memory, and the error against the known background. SEP, where
it is installed, takes turns with it.

The processor time is that of the whole process, imports included, and on all threads. On a machine
that others use it says more than the seconds do.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from fastbg.io import xisf
from fastbg.simulate import simulate_sky
from measuring import report_of

SEP = """
import json, sys, time
import numpy as np, sep
from fastbg.report.process import peak_memory_bytes
planes = np.load(sys.argv[1])
before = time.perf_counter()
for plane in planes:
    sep.Background(plane).subfrom(plane)
seconds = time.perf_counter() - before
print(json.dumps({"total": seconds, "peak_memory_bytes": peak_memory_bytes()}))
"""
"""The array is read before the clock starts."""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python bench job",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--size", nargs=2, type=int, default=(4000, 6000), metavar=("H", "W"))
    parser.add_argument("--runs", type=int, default=3, help="the fastest counts (%(default)s)")
    parser.add_argument("--smoke", action="store_true", help="one tiny run, to see that it works")
    parser.add_argument("settings", nargs="*", metavar="-- OPTION", help="of fastbg run")
    options = parser.parse_args(arguments)
    size, runs = ((100, 150), 1) if options.smoke else (tuple(options.size), options.runs)

    with tempfile.TemporaryDirectory() as folder:
        path, array = Path(folder) / "sky.xisf", Path(folder) / "sky.npy"
        sky = simulate_sky(size, np.random.default_rng(1))
        xisf.write(path, sky.image)
        with_sep = importlib.util.find_spec("sep") is not None
        if with_sep:
            np.save(array, np.ascontiguousarray(np.moveaxis(sky.image, 2, 0)))
        command = ("-P", "-m", "fastbg.cli", "run", str(path), folder, "--json", "--overwrite")
        ours, theirs = [], []
        for _ in range(runs):
            ours.append(_timed(*command, *options.settings))
            if with_sep:
                theirs.append(_timed("-P", "-c", SEP, str(array)))
        report = min(ours, key=lambda each: each["seconds"]["total"])
        with xisf.open_image(report["outputs"]["background"]) as model:
            residue = (model.to_array() - sky.background).std(axis=(0, 1))

    fit = report["fit"]
    print(
        f"{' '.join(['fastbg run', *options.settings])}, {size[0]} x {size[1]} x 3, "
        f"{fit['threads']} threads, {fit['backend']} {fit['detail']}; fastest of {runs} runs"
    )
    for stage, seconds in report["seconds"].items():
        print(f"  {stage:8} {seconds:7.2f} s")
    print(f"  processor time {min(each['processor'] for each in ours):.2f} s")
    print(f"  peak memory {max(each['peak_memory_bytes'] for each in ours) / 1e6:.0f} MB")
    if "loss" in fit:
        print(f"  loss {fit['loss']:.4f} after {fit['iterations']} iterations")
    error = (residue / sky.background.std(axis=(0, 1))).mean()
    print(f"  error std(model - truth) / std(truth) {error:.4f}")
    if theirs:
        fastest = min(theirs, key=lambda each: each["total"])
        processor = min(each["processor"] for each in theirs)
        print(
            f"SEP {fastest['total']:.2f} s, processor time {processor:.2f} s, "
            f"{fastest['peak_memory_bytes'] / 1e6:.0f} MB: "
            f"the job takes {report['seconds']['total'] / fastest['total']:.1f} times as long"
        )
    else:
        print("SEP skipped: pip install sep")
    return 0


def _timed(*arguments: str) -> dict[str, Any]:
    """The report of a process, and its processor time in seconds."""
    before = os.times()
    report = report_of(*arguments)
    after = os.times()
    used = after.children_user + after.children_system
    report["processor"] = used - before.children_user - before.children_system
    return report
