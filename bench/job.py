"""The whole job as a user runs it, beside SEP's mesh background of the same array.

Makes a simulated RGB sky, writes it as uncompressed XISF, runs ``fastbg run`` on it several times
in processes of their own (grid, N = 36, the defaults otherwise) and prints seconds by stage, peak
memory, the loss, and the error against the known background. SEP, where it is installed, takes
turns with it.
"""

from __future__ import annotations

import argparse
import importlib.util
import tempfile
from pathlib import Path

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
    parser = argparse.ArgumentParser(prog="python bench job", description=__doc__.split("\n")[0])
    parser.add_argument("--size", nargs=2, type=int, default=(4000, 6000), metavar=("H", "W"))
    parser.add_argument("--runs", type=int, default=3, help="the fastest counts (%(default)s)")
    parser.add_argument("--smoke", action="store_true", help="one tiny run, to see that it works")
    options = parser.parse_args(arguments)
    size, runs = ((100, 150), 1) if options.smoke else (tuple(options.size), options.runs)

    with tempfile.TemporaryDirectory() as folder:
        path, array = Path(folder) / "sky.xisf", Path(folder) / "sky.npy"
        sky = simulate_sky(size, np.random.default_rng(1))
        xisf.write(path, sky.image)
        with_sep = importlib.util.find_spec("sep") is not None
        if with_sep:
            np.save(array, np.ascontiguousarray(np.moveaxis(sky.image, 2, 0)))
        ours, theirs = [], []
        for _ in range(runs):
            command = ("-P", "-m", "fastbg.cli", "run", str(path), folder, "--json", "--overwrite")
            ours.append(report_of(*command, "-i", "grid", "-N", "36", "--optimizer", "adam"))
            if with_sep:
                theirs.append(report_of("-P", "-c", SEP, str(array)))
        report = min(ours, key=lambda each: each["seconds"]["total"])
        with xisf.open_image(report["outputs"]["background"]) as model:
            residue = (model.to_array() - sky.background).std(axis=(0, 1))

    fit = report["fit"]
    print(
        f"{size[0]} x {size[1]} x 3, {fit['threads']} threads, {fit['backend']} {fit['detail']},"
        f" fastest of {runs} runs"
    )
    for stage, seconds in report["seconds"].items():
        print(f"  {stage:8} {seconds:7.2f} s")
    print(f"  peak memory {report['peak_memory_bytes'] / 1e6:.0f} MB")
    print(f"  loss {fit['loss']:.4f} after {fit['iterations']} iterations")
    error = (residue / sky.background.std(axis=(0, 1))).mean()
    print(f"  error std(model - truth) / std(truth) {error:.3f}")
    if theirs:
        fastest = min(theirs, key=lambda each: each["total"])
        print(
            f"SEP {fastest['total']:.2f} s, {fastest['peak_memory_bytes'] / 1e6:.0f} MB: "
            f"the job takes {report['seconds']['total'] / fastest['total']:.1f} times as long"
        )
    else:
        print("SEP skipped: pip install sep")
    return 0
