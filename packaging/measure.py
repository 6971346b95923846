"""Measures the one file beside the installed fastbg: ``python packaging/measure.py [FILE]``.

Sizes, and the wall clock of the first start, of later ones, and of a whole job with an image of
4 Mpx: the best of several, taken by turns.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).resolve().parents[1]
STARTS, JOBS = 9, 5
SIDE = 2000


def main() -> None:
    name = "fastbg.exe" if sys.platform == "win32" else "fastbg"
    given = sys.argv[1:] or [ROOT / "dist" / "one-file" / name]
    one, installed = Path(given[0]).resolve(), Path(sys.executable).with_name(name)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FASTBG_UNPACK"] = folder
        first = _seconds([one, "--version"])
        unpacked = sum(path.lstat().st_size for path in Path(folder).rglob("*") if path.is_file())
        files = sum(path.is_file() for path in Path(folder).rglob("*"))
        starts = _best(STARTS, *([program, "--version"] for program in (one, installed)))
        image = Path(folder, "sky.fits")
        _write_sky(image)
        jobs = _best(
            JOBS,
            *(
                [program, "run", image, folder, "--overwrite", "--quiet"]
                for program in (one, installed)
            ),
        )
    print(f"size           {one.stat().st_size / 1e6:.1f} MB")
    print(f"unpacked       {unpacked / 1e6:.0f} MB in {files} files")
    print(f"first start    {first:.2f} s (--version)")
    print(f"later starts   {starts[0]:.2f} s; installed {starts[1]:.2f} s")
    print(f"a run          {jobs[0]:.2f} s; installed {jobs[1]:.2f} s ({SIDE} x {SIDE}, FITS)")


def _best(times: int, *commands: list[object]) -> list[float]:
    rounds = [[_seconds(command) for command in commands] for _ in range(times)]
    return [min(taken) for taken in zip(*rounds, strict=True)]


def _seconds(command: list[object]) -> float:
    began = perf_counter()
    subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL)
    return perf_counter() - began


def _write_sky(path: Path) -> None:
    import numpy as np
    from astropy.io import fits

    from fastbg.simulate import simulate_sky

    image = simulate_sky((SIDE, SIDE), np.random.default_rng(1)).image.astype("float32")
    fits.writeto(path, np.moveaxis(image, 2, 0))


if __name__ == "__main__":
    main()
