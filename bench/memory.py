"""What a job is told to need against the memory that it takes, for any files and commands.

``python bench memory FILE...`` runs each command on each file, in a process of its own, and prints
the estimate and the peak, and at last the least and the largest ratio. It ends with 1 if a peak is
above its estimate. ``--max-memory`` is an upper bound only as far as the estimate is one.

``--packed H W`` adds a simulated sky of that size in each of the compressed forms of packed.py.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np

from fastbg.io import xisf
from fastbg.simulate import simulate_sky

COMMANDS = {
    "run": "run {file} {out} --overwrite",
    "run --report": "run {file} {out} --overwrite --report {out} --preview-output {out}/p.png",
    "run -c": "run {file} {out} -c -o {out}/c.xisf --overwrite",
    "run .fits": "run {file} {out} -o {out}/o.fits --overwrite",
    "run .fits.fz": "run {file} {out} -o {out}/o.fits.fz --overwrite",
    "run .fits.gz": "run {file} {out} -o {out}/o.fits.gz --overwrite",
    "run .tif": "run {file} {out} -o {out}/o.tif --overwrite",
    "run .tif -c": "run {file} {out} -c --no-model -o {out}/o.tif --overwrite",
    "run same": "run {file} {out} --overwrite --sample-format same",
    "run -N 64": "run {file} {out} --overwrite -N 64 -e 5",
    "run adam": "run {file} {out} --overwrite -N 64 -e 5 --optimizer adam",
    "run -dx 8": "run {file} {out} --overwrite -dx 8",
    "run -dx 2": "run {file} {out} --overwrite -dx 2",
    "run -dx 1": "run {file} {out} --overwrite -dx 1",
    "run 1 thread": "run {file} {out} --overwrite --threads 1",
    "run 8 threads": "run {file} {out} --overwrite --threads 8",
    "run --cfa off": "run {file} {out} --overwrite --cfa off",
    "run -m reg": "run {file} {out} --overwrite -m {out}/mask.reg",
    "fit": "fit {file} -o {out}/m.json --overwrite",
    "apply": "apply {out}/m.json {file} -o {out} --overwrite",
    "preview": "preview {file} -o {out}/p.png --overwrite",
}
"""The commands by their names in the table; apply needs the model of fit."""


def measured(arguments: list[str]) -> tuple[int, int] | None:
    """The estimate and the peak of a command, in bytes; None if it is refused."""
    command = [sys.executable, "-P", "-m", "fastbg.cli", *arguments, "--events"]
    done = subprocess.run(command, capture_output=True, text=True)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode or not events:
        return None
    (told,) = (event["bytes"] for event in events if event["event"] == "memory")
    report = events[-1]["report"]
    report = report[0] if isinstance(report, list) else report
    return told, report["peak_memory_bytes"]


def table(files: Iterable[Path], commands: list[str]) -> Iterator[tuple[Path, str, int, int]]:
    """File, command, estimate and peak of every job that is not refused."""
    with tempfile.TemporaryDirectory() as out:
        (Path(out) / "mask.reg").write_text("image\ncircle(100,100,50)\n")
        for file in files:
            for name in commands:
                told = measured(COMMANDS[name].format(file=file, out=out).split(" "))
                if told:
                    yield file, name, *told


def main(arguments: list[str]) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python bench memory", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--smoke", action="store_true", help="one small simulated image")
    parser.add_argument("--packed", nargs=2, type=int, metavar=("H", "W"))
    parser.add_argument("--commands", nargs="+", choices=COMMANDS, default=list(COMMANDS))
    given = parser.parse_args(arguments)
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        if given.smoke:
            given.files, given.commands = [Path(folder) / "sky.xisf"], ["run"]
            sky = simulate_sky((200, 300), np.random.default_rng(1))
            xisf.write(given.files[0], sky.image)
        packed: Iterable[Path] = ()
        if given.packed:
            from packed import save

            packed = save(Path(folder), tuple(given.packed))
        for file, name, told, peak in table(chain(given.files, packed), given.commands):
            ratios.append(told / peak)
            sizes = f"{told / 1e6:7.1f} {peak / 1e6:7.1f} {ratios[-1]:6.2f}"
            print(f"{file.name:<36} {name:<14} {sizes}", flush=True)
    if not ratios:
        parser.error("name files, of which at least one can be worked on")
    print(f"told / peak: {min(ratios):.2f} to {max(ratios):.2f} in {len(ratios)} jobs")
    return min(ratios) < 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
