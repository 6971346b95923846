"""The default settings on simulated skies with a known background, and a picture of each.

The column ``told`` is the uncertainty that the model reports without knowing the truth, in the
unit of the error, which scenes defines.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

from scenes import SCENES, error, simulate, uncertainty


def main(arguments: Sequence[str]) -> int:
    """Fit every scene with the default settings, print the errors, and draw the sheet."""
    from fastbg import Settings, remove_background
    from sheet import Sheet

    parser = argparse.ArgumentParser(prog="python bench skies", description=main.__doc__)
    parser.add_argument("--size", nargs=2, type=int, default=(2000, 3000), metavar=("H", "W"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", default="skies.png", help="the sheet (%(default)s)")
    parser.add_argument("--smoke", action="store_true", help="tiny, and no sheet is written")
    options = parser.parse_args(arguments)
    shape = (120, 180) if options.smoke else tuple(options.size)
    settings = Settings(epochs=20, control_points=9) if options.smoke else Settings()

    print(f"{shape[0]} x {shape[1]}, seed {options.seed}, default settings")
    print(f"{'scene':18} {'error':>7} {'told':>7} {'seconds':>8}")
    sheet = Sheet(
        f"Simulated skies of {shape[1]} x {shape[0]} pixels, seed {options.seed}",
        f"fastbg with its default settings ({settings.worker_threads} threads)",
    )
    for name in SCENES:
        scene = simulate(name, shape, options.seed)
        start = time.perf_counter()
        result = remove_background(scene.image, settings=settings)
        seconds, off = time.perf_counter() - start, error(result.background, scene)
        told = uncertainty(result.diagnostics.uncertainty, scene)
        print(f"{name:18} {off:7.3f} {told:7.3f} {seconds:8.2f}", flush=True)
        sheet.add(name, scene, result.background, off)
    if not options.smoke:
        sheet.save(options.output)
        print(options.output)
    return 0
