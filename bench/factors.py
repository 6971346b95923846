"""The downscaling factor for an image of each size, by the errors on simulated skies.

``python bench factors`` fits skies of each height, 1.5 times as wide, with every factor, and prints
the errors std(model - truth) / std(truth) of scenes/: the geometric mean over the seeds, and the
largest. What the default takes is in bold.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

from fastbg import InputError, Settings, remove_background
from scenes import error, simulate

FACTORS = (1, 2, 4, 8)
KINDS = ("star field", "light dome", "large nebula")
HEIGHTS = (150, 240, 300, 480, 700, 960)


def errors(kind: str, height: int, seeds: int) -> np.ndarray:
    """(seeds, factors): NaN where a factor leaves too few pixels."""
    found = np.full((seeds, len(FACTORS)), np.nan)
    for seed in range(seeds):
        scene = simulate(kind, (height, height * 3 // 2), seed)
        for place, factor in enumerate(FACTORS):
            try:
                model = remove_background(scene.image, downscaling_factor=factor).background
            except InputError:
                continue
            found[seed, place] = error(model, scene)
    return found


def main(arguments: list[str]) -> int:
    """Print a row for each height and kind of sky."""
    parser = argparse.ArgumentParser(prog="python bench factors", description=__doc__)
    parser.add_argument("--heights", nargs="+", type=int, default=HEIGHTS)
    parser.add_argument("--kinds", nargs="+", default=KINDS)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--smoke", action="store_true", help="one small sky")
    given = parser.parse_args(arguments)
    if given.smoke:
        given.heights, given.kinds, given.seeds = [100], ["star field"], 1
    print(f"| height | sky | {' | '.join(f'{factor}: mean, largest' for factor in FACTORS)} |")
    print(f"|---|---|{'---|' * len(FACTORS)}")
    for height in given.heights:
        taken = Settings().factor((height, height * 3 // 2))
        for kind in given.kinds:
            found = errors(kind, height, given.seeds)
            means, largest = np.exp(np.log(found).mean(axis=0)), found.max(axis=0)
            cells = [
                f"**{mean:.3f}**, {most:.3f}" if factor == taken else f"{mean:.3f}, {most:.3f}"
                for factor, mean, most in zip(FACTORS, means, largest, strict=True)
            ]
            print(f"| {height} | {kind} | {' | '.join(cells)} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
