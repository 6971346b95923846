"""Many frames: ``fastbg batch``, another build of it, and other programs on the same files.

``python bench batch`` makes frames of one simulated sky with noise of their own, as mono FITS of 16
bits. This build, another one if its Python is named, and two programs of ``peers.py``, where they
are installed, take turns with them, every time in new processes. The peers only make a model of an
array: two processes of one thread each read the files with astropy, subtract the models, and write
both as float32 FITS. Outputs are removed a few seconds after they were written, whoever wrote them:
200 frames make 10 GB of them, and finding so much new memory can take a system longer than the
frames take.

It prints medians: the frames a second by the clock, start and imports included; the processor time
of a frame, which says more on a machine that others use; and the peak of the memory of all
processes together, sampled as they run. The peers get fewer frames, for they take longer.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import numpy as np
import psutil

OURS, OTHER = "fastbg batch", "the other build"
PEERS = {"seiza auto": "seiza", "photutils": "photutils"}
"""Programs of peers.py, and the packages that they need beside astropy."""

PROCESSES = 2
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "RAYON", "NUMEXPR")}
"""The environment of a peer, which has a process for each core."""

BYTES_PER_FRAME, BYTES_PER_OUTPUTS = 2, 8
"""Of a pixel of a frame of 16 bits, and of its two outputs in float32."""

AT_ONCE = 40
"""Frames of which there are outputs at the same time, at most."""

KEPT_SECONDS = 3.0
"""For so long an output stays: longer than a program writes it."""

LOOK_SECONDS = 0.02
"""The time between two looks at the memory of a program."""


@dataclass(frozen=True)
class Taken:
    """What a run of a program took."""

    frames: int
    wall: float
    processor: float
    peak: int
    """Bytes that its processes had resident at the same time, at most."""
    proportional: int
    """The same, but what processes share is counted once; 0 where the system does not tell."""


def make_frames(folder: Path, count: int, size: tuple[int, int]) -> list[Path]:
    """Write frames of one sky."""
    from fastbg.io import fits
    from fastbg.simulate import simulate_sky

    sky = simulate_sky(size, np.random.default_rng(1)).image[..., 0]
    paths = [folder / f"frame{number:04}.fits" for number in range(count)]
    for number, path in enumerate(paths):
        noise = np.random.default_rng(number).standard_normal(size, np.float32)
        samples = np.clip(sky + 2e-3 * noise, 0, 1) * 65535
        with fits.create(path, (1, *size), dtype=np.uint16) as image:
            image.write_rows(slice(0, size[0]), samples.astype(np.uint16)[np.newaxis])
    return paths


def run(command: list[str], frames: int, env: dict[str, str]) -> Taken:
    """Run a program to its end.

    Raises
    ------
    RuntimeError
        If it fails; the message is the last line that it printed.
    """
    before, began, peak, proportional = os.times(), time.perf_counter(), 0, 0
    with subprocess.Popen(
        command, env={**os.environ, **env}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        while process.poll() is None:
            found = _memory(process.pid)
            peak, proportional = max(peak, found[0]), max(proportional, found[1])
            time.sleep(LOOK_SECONDS)
        said = process.stderr.read().decode() if process.stderr else ""
    wall, after = time.perf_counter() - began, os.times()
    if process.returncode:
        lines = said.strip().splitlines() or [f"exit code {process.returncode}"]
        raise RuntimeError(f"{' '.join(command[:5])}: {lines[-1]}")
    used = after.children_user + after.children_system
    used -= before.children_user + before.children_system
    return Taken(frames, wall, used, peak, proportional)


def _memory(pid: int) -> tuple[int, int]:
    """Bytes of a process and all below it: resident ones, and those with shared ones once."""
    resident = proportional = 0
    try:
        for each in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
            resident += each.memory_info().rss
            proportional += _proportional(each.pid)
    except (psutil.Error, ProcessLookupError):  # one of them has ended
        pass
    return resident, proportional


def _proportional(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except FileNotFoundError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def remove_old(out: Path, until: threading.Event) -> None:
    """Remove the outputs that were not written lately, until an event."""
    while not until.wait(KEPT_SECONDS / 10):
        for file in out.glob("*.fits"):
            with suppress(FileNotFoundError):  # it was a temporary one
                if file.stat().st_mtime < time.time() - KEPT_SECONDS:
                    file.unlink()


def peer(name: str, out: str, *files: str) -> None:
    """Work on files with a peer; runs in a process of its own."""
    work = [(name, file, out) for file in files]
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        list(pool.map(_peer_on_frame, work))


def _peer_on_frame(work: tuple[str, str, str]) -> None:
    from astropy.io import fits

    import peers

    name, file, out = work
    image = fits.getdata(file).astype(np.float32)
    background = peers.PEERS[name][0]()(image[..., np.newaxis], image == 0)[..., 0]
    stem = Path(out) / Path(file).stem
    fits.writeto(f"{stem}_model.fits", background.astype(np.float32))
    fits.writeto(f"{stem}_subtracted.fits", (image - background).astype(np.float32))


def _lacks(python: str, package: str) -> str | None:
    """What to do before a peer can run, or None."""
    done = subprocess.run([python, "-c", f"import astropy, {package}"], capture_output=True)
    return f"pip install {package} astropy" if done.returncode else None


def _programs(options: argparse.Namespace, folder: Path, out: str) -> dict[str, list[str]]:
    """The commands by the names of the programs; peers get their files behind it."""
    command = ["-P", "-m", "fastbg.cli", "batch", str(folder), "-o", out, "-q", *options.settings]
    programs = {OURS: [sys.executable, *command]}
    if options.against:
        programs[OTHER] = [options.against, *command]
    for name, package in PEERS.items():
        if reason := _lacks(options.peers, package):
            print(f"{name} skipped: {reason}")
        else:
            programs[name] = [options.peers, __file__, name, out]
    return programs


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python bench batch",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--frames", type=int, default=200, help="(%(default)s)")
    parser.add_argument("--peer-frames", type=int, default=20, help="of a peer (%(default)s)")
    parser.add_argument("--size", nargs=2, type=int, default=(2000, 3000), metavar=("H", "W"))
    parser.add_argument("--runs", type=int, default=3, help="of each program (%(default)s)")
    parser.add_argument("--against", metavar="PYTHON", help="of another build of fastbg")
    parser.add_argument("--peers", metavar="PYTHON", default=sys.executable, help="of the peers")
    parser.add_argument("--folder", help="of the frames and some outputs, about 5 GB")
    parser.add_argument("--smoke", action="store_true", help="tiny, to see that it works")
    parser.add_argument("settings", nargs="*", metavar="-- OPTION", help="of fastbg batch")
    options = parser.parse_args(arguments)
    if options.smoke:
        options.size, options.frames, options.peer_frames, options.runs = (100, 150), 2, 1, 1
    needed = options.frames * BYTES_PER_FRAME + min(options.frames, AT_ONCE) * BYTES_PER_OUTPUTS
    needed *= math.prod(options.size)
    if shutil.disk_usage(options.folder or tempfile.gettempdir()).free < needed:
        parser.error(f"frames and outputs need {needed / 1e9:.1f} GB: name a --folder with room")

    taken: dict[str, list[Taken]] = {}
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        frames, out = Path(folder) / "frames", Path(folder) / "out"
        frames.mkdir()
        files = [*map(str, make_frames(frames, options.frames, tuple(options.size)))]
        programs = _programs(options, frames, str(out))
        for _ in range(options.runs):
            for name, command in programs.items():
                out.mkdir()
                own = files[: options.peer_frames] if name in PEERS else []
                env = ONE_THREAD if own else {}
                done = threading.Event()
                remover = threading.Thread(target=remove_old, args=(out, done))
                remover.start()
                try:
                    taken.setdefault(name, []).append(run(command + own, len(own or files), env))
                finally:
                    done.set()
                    remover.join()
                shutil.rmtree(out)
    height, width = options.size
    print(
        f"\n{' '.join([OURS, *options.settings])}: {options.frames} frames, {height} x {width}, "
        f"mono FITS of 16 bits, {os.cpu_count()} cores; medians of {options.runs} runs in turns\n"
    )
    print("| program | frames | frames a second | processor s a frame | MB | ours is as fast |")
    print("|---|---|---|---|---|---|")
    ours = _median(taken[OURS])
    for name, runs in taken.items():
        speed, used, peak = _median(runs)
        told = f"{speed:.2f} | {used:.3f} | {peak / 1e6:.0f} | {ours[0] / speed:.1f} x"
        print(f"| {name} | {runs[0].frames} | {told}, processor {used / ours[1]:.1f} x |")
    return 0


def _median(runs: list[Taken]) -> tuple[float, float, float]:
    """Frames a second, seconds of processors for a frame, and bytes."""
    return (
        median(each.frames / each.wall for each in runs),
        median(each.processor / each.frames for each in runs),
        median(each.peak for each in runs),
    )


if __name__ == "__main__":
    peer(*sys.argv[1:])
