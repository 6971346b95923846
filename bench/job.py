"""The whole job as a user runs it: ``python bench/job.py [HEIGHT WIDTH]``, 4000 x 6000 by default.

Makes a simulated RGB sky, writes it as uncompressed XISF, runs ``fastbg run`` on it in a process
of its own (grid, N = 36, the defaults otherwise) and prints seconds by stage, peak memory, the
loss, and the error against the known background.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from fastbg.io import xisf
from fastbg.sky import simulate_sky


def main(shape: tuple[int, int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sky.xisf"
        sky = simulate_sky(shape, np.random.default_rng(1))
        xisf.write(path, sky.image)
        command = [sys.executable, "-m", "fastbg.cli", "run", str(path), folder, "--json"]
        done = subprocess.run(
            [*command, "-i", "grid", "-N", "36"], check=True, capture_output=True, text=True
        )
        report = json.loads(done.stdout)
        model = xisf.read(report["outputs"]["background"]).samples
    fit = report["fit"]
    print(
        f"{shape[0]} x {shape[1]} x 3, {fit['threads']} threads, {fit['backend']} {fit['detail']}"
    )
    for stage, seconds in report["seconds"].items():
        print(f"  {stage:8} {seconds:7.2f} s")
    print(f"  peak memory {report['peak_memory_bytes'] / 1e6:.0f} MB")
    print(f"  loss {fit['loss']:.4f} after {fit['iterations']} iterations")
    residue = (model - sky.background).std(axis=(0, 1)) / sky.background.std(axis=(0, 1))
    print(f"  error std(model - truth) / std(truth) {residue.mean():.3f}")


if __name__ == "__main__":
    main(tuple(map(int, sys.argv[1:3])) if len(sys.argv) == 3 else (4000, 6000))
