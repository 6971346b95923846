"""A known gradient added to real images: how much of it does the model take up?

``python bench inject FILE ...`` fits each image, and the image with a glow of 30 % of its median
added. It prints std(difference of the two models - glow) / std(glow), the mean over the channels: 0
is perfect. It does so with the default settings and with the preset bgoptimizer.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

DEPTH = 0.3
"""The depth of the glow, in medians of the image."""


def glow(shape: tuple[int, int], level: float) -> np.ndarray:
    """(H, W, 1) float32, linear: light from beyond the right edge."""
    y, x = ((np.arange(size) + 0.5) / max(shape) for size in shape)
    pattern = np.exp(-((x - 1) ** 2 + (y[:, np.newaxis] - 0.2) ** 2) / 0.5)
    return (DEPTH * level * pattern[..., np.newaxis]).astype(np.float32)


def main(arguments: Sequence[str]) -> int:
    """Print a row for each image."""
    from fastbg import Settings, load_preset, remove_background
    from fastbg.image.image import is_valid
    from fastbg.simulate import simulate_sky
    from loading import read

    parser = argparse.ArgumentParser(prog="python bench inject", description=main.__doc__)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--smoke", action="store_true", help="on a tiny simulated sky")
    options = parser.parse_args(arguments)
    images = {}
    if options.smoke:
        images["simulated"] = simulate_sky((120, 180), np.random.default_rng(1)).image
    for path in options.files:
        images[path.name] = read(path)
    ways = {"fastbg": Settings(), "bgoptimizer": load_preset("bgoptimizer")}
    print(f"{'image':36}" + "".join(f"{name:>13}" for name in ways))
    for name, image in images.items():
        valid = is_valid(image)
        added = glow(image.shape[:2], float(np.median(image[valid])))
        errors = []
        for settings in ways.values():
            before, after = (
                remove_background(each, settings=settings).background
                for each in (image, np.where(valid, image + added, image))
            )
            errors.append((after - before - added).std(axis=(0, 1)).mean() / added.std())
        print(f"{name:36}" + "".join(f"{error:13.3f}" for error in errors), flush=True)
    return 0
