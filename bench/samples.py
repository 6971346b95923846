"""Backgrounds through samples, on simulated skies with a known background, beside the search.

For each kind of sky, the median over the seeds of std(model - truth) / std(truth), as scenes/ has
it:

search  The default, without samples.
grid    ``fastbg samples``, and its samples given to a job.
placed  60 samples of 25 pixels at random places of bare sky, as somebody places them who knows what
        is sky; fewer where there is less of it.
masked  The same places as discs of a mask, within which the sky is searched for.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np

from scenes import Scene, error, simulate
from scenes.choice import add_choice, described, narrowed, size_name

SIZES = ((1000, 1500),)
PLACED, RADIUS, APART = 60, 25, 80
BARE = 0.15
"""The light of objects at bare sky, as a part of the deviation of the true background."""


def main(arguments: Sequence[str]) -> int:
    """Print a row for each kind and size."""
    parser = argparse.ArgumentParser(
        prog="python bench samples",
        description=__doc__,
        epilog=described(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_choice(parser, "familiar", SIZES)
    options = narrowed(parser.parse_args(arguments))
    heads = "".join(f"{name:>9}" for name in ("search", "grid", "placed", "masked"))
    print(f"{'kind':18}{'size':>12}{heads}")
    for shape in options.sizes:
        for kind in options.kinds:
            scenes = [simulate(kind, shape, seed) for seed in options.seeds]
            found = zip(*(errors(scene) for scene in scenes), strict=True)
            cells = "".join(map(_cell, found))
            print(f"{kind:18}{size_name(shape):>12}{cells}", flush=True)
    return 0


def _cell(found: Sequence[float]) -> str:
    """The median of the skies in which there is enough bare sky."""
    known = [each for each in found if np.isfinite(each)]
    return f"{np.median(known):9.3f}" if known else f"{'-':>9}"


def errors(scene: Scene) -> list[float]:
    """The errors of the four ways; NaN where there is too little bare sky."""
    from fastbg import FastbgError, remove_background

    shape = scene.image.shape[:2]
    found = [error(remove_background(scene.image).background, scene)]
    places = placed(scene, np.random.default_rng(1))
    for given in (
        {"samples": grid(scene)},
        {"samples": np.insert(places, 2, RADIUS, axis=1)},
        {"weight": discs(places, shape)},
    ):
        try:
            found.append(error(remove_background(scene.image, **given).background, scene))
        except FastbgError:
            found.append(float("nan"))
    return found


def grid(scene: Scene) -> np.ndarray:
    """The samples that ``fastbg samples`` would write: (n, 4)."""
    from fastbg import Settings
    from fastbg.image.frame import Frame
    from fastbg.image.image import Image
    from fastbg.pipeline import Job
    from fastbg.samples.grid import Ground, generate

    with Job(Settings()) as job:
        frame = Frame(Image.from_samples(scene.image)).without_border().with_zeros_of_sky()
        reduced = job.reduce(frame)
        sky = job.search(reduced, job.weigh(reduced), masked=False).sky
        assert sky is not None
        shape = frame.samples.shape
        return generate(Ground.of(reduced.small, sky, shape), shape).rows


def placed(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """x and y, (n, 2), of random places of bare sky."""
    height, width = scene.valid.shape
    deviation = scene.background[scene.valid].std(axis=0)
    places: list[tuple[int, int]] = []
    for _ in range(100 * PLACED):
        if len(places) == PLACED or min(height, width) <= 2 * RADIUS:
            break
        x, y = (int(rng.integers(RADIUS, size - RADIUS)) for size in (width, height))
        box = np.s_[y - RADIUS : y + RADIUS, x - RADIUS : x + RADIUS]
        light = np.median((scene.image - scene.background)[box], axis=(0, 1))
        bare = scene.valid[box].all() and (np.abs(light) < BARE * deviation).all()
        if bare and all(np.hypot(x - a, y - b) > APART for a, b in places):
            places.append((x, y))
    return np.array(places, float).reshape(-1, 2)


def discs(places: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A mask that is 1 within discs around places; they are as wide as three cells of a search."""
    y, x = np.indices(shape)
    weight = np.zeros(shape, bool)
    radius = max(RADIUS, min(shape) / 40 * max(1, (12 / max(len(places), 1)) ** 0.5))
    for across, down in places:
        weight |= (x + 0.5 - across) ** 2 + (y + 0.5 - down) ** 2 <= radius**2
    return weight
