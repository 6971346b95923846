"""The whole job as a user runs it: ``python bench/job.py [HEIGHT WIDTH]``, 4000 x 6000 by default.

Makes a simulated RGB sky, writes it as uncompressed XISF, runs ``fastbg run`` on it several times
in processes of their own (grid, N = 36, the defaults otherwise) and prints seconds by stage, peak
memory, the loss, and the error against the known background. Where SEP is installed
(``pip install sep``), its mesh background of the same array is measured between the runs.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from fastbg.io import xisf
from fastbg.sky import simulate_sky

RUNS = 3

SEP = """
import json, sys, time
import numpy as np, sep
from fastbg.report import peak_memory_bytes
planes = np.load(sys.argv[1])
before = time.perf_counter()
for plane in planes:
    sep.Background(plane).subfrom(plane)
seconds = time.perf_counter() - before
print(json.dumps({"total": seconds, "peak_memory_bytes": peak_memory_bytes()}))
"""
"""The array is read before the clock starts."""


def run(*command: str) -> dict[str, Any]:
    """The JSON that a process prints."""
    done = subprocess.run([sys.executable, *command], check=True, capture_output=True, text=True)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def has_sep() -> bool:
    return subprocess.run([sys.executable, "-c", "import sep"], capture_output=True).returncode == 0


def main(shape: tuple[int, int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path, array = Path(folder) / "sky.xisf", Path(folder) / "sky.npy"
        sky = simulate_sky(shape, np.random.default_rng(1))
        xisf.write(path, sky.image)
        with_sep = has_sep()
        if with_sep:
            np.save(array, np.ascontiguousarray(np.moveaxis(sky.image, 2, 0)))
        ours, theirs = [], []
        for _ in range(RUNS):
            command = ("-m", "fastbg.cli", "run", str(path), folder, "--json", "--overwrite")
            ours.append(run(*command, "-i", "grid", "-N", "36"))
            if with_sep:
                theirs.append(run("-c", SEP, str(array)))
        report = min(ours, key=lambda each: each["seconds"]["total"])
        with xisf.open_image(report["outputs"]["background"]) as model:
            residue = (model.to_array() - sky.background).std(axis=(0, 1))
    fit = report["fit"]
    print(
        f"{shape[0]} x {shape[1]} x 3, {fit['threads']} threads, {fit['backend']} {fit['detail']},"
        f" fastest of {RUNS} runs"
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


if __name__ == "__main__":
    main(tuple(map(int, sys.argv[1:3])) if len(sys.argv) == 3 else (4000, 6000))
