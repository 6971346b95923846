"""The default settings on simulated skies with a known background, and a picture of each.

For each kind of sky and each size: the median and the worst of std(model - truth) / std(truth) over
the seeds, which scenes/ defines. Over all sizes and seeds:

apart   The largest of the medians of the sizes, divided by the smallest: a seed gives the same sky
        at every size.
told    The median of the uncertainty that a model reports without knowing the truth, in the unit of
        the error.
held    The number of skies whose error is at most the uncertainty told.
silent  The number of skies that are off by more than 0.1 without a warning that casts doubt.

The sheet shows the first seed at the first size: the image, the true background, the model, its
error, and how much of each pixel was taken for sky.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from scenes import Scene, Shape, error, simulate, uncertainty
from scenes.choice import add_choice, narrowed, size_name

SIZES = (600, 900), (1000, 1500), (2000, 3000)
OFF = 0.1
"""An error that a user should be warned of."""

NO_DOUBT = ("of the corrected image are", "samples are exactly 0")
"""What tells a warning about the numbers in the output from one about the model."""


@dataclass(frozen=True)
class Fit:
    """One sky: its error, the uncertainty told in the same unit, and whether a doubt was told."""

    error: float
    told: float
    doubted: bool

    @property
    def held(self) -> bool:
        return self.error <= self.told

    @property
    def silent(self) -> bool:
        return self.error > OFF and not self.doubted


def fit_of(scene: Scene) -> tuple[Fit, np.ndarray]:
    """Fit a scene with the default settings; the figures, and the model, (H, W, K) linear."""
    from fastbg import remove_background

    result = remove_background(scene.image)
    doubted = any(not any(each in line for each in NO_DOUBT) for line in result.report["warnings"])
    told = uncertainty(result.diagnostics.uncertainty, scene)
    return Fit(error(result.background, scene), told, doubted), result.background


def sky_weight(image: np.ndarray) -> np.ndarray:
    """How much of each pixel of the down-scaled image the search takes for sky, (h, w)."""
    from fastbg import Settings
    from fastbg.image.frame import Frame
    from fastbg.image.image import Image
    from fastbg.pipeline import Job

    with Job(Settings()) as job:
        weight: np.ndarray = job.prepare(Frame(Image.from_samples(image))).problem.weight
    return weight.mean(axis=2)


def summary(by_kind: dict[str, list[list[Fit]]], sizes: Sequence[Shape]) -> Iterator[str]:
    """What is printed below the table, a line each."""
    medians = np.array([[_median(fits) for fits in sized] for sized in by_kind.values()])
    fits = [fit for sized in by_kind.values() for each in sized for fit in each]
    means = np.exp(np.log(np.maximum(medians, 1e-9)).mean(axis=0))
    of_kinds = [_median([fit for fits in sized for fit in fits]) for sized in by_kind.values()]
    worst = int(np.argmax(of_kinds))
    silent, held = (sum(getattr(fit, name) for fit in fits) for name in ("silent", "held"))
    yield "geometric mean".ljust(18) + "".join(f"{mean:16.3f}" for mean in means)
    yield f"kinds with a median of at most {OFF:g}: {np.sum(np.array(of_kinds) <= OFF)}"
    yield f"largest median: {of_kinds[worst]:.3f}, {[*by_kind][worst]}"
    yield f"off by more than {OFF:g} without a warning: {silent} of {len(fits)}"
    yield f"error at most the uncertainty told: {held} of {len(fits)}"
    if len(sizes) > 1:
        apart = np.median(medians.max(axis=1) / np.maximum(medians.min(axis=1), 1e-9))
        yield f"the medians of the sizes are apart by a factor of {apart:.2f} (median of the kinds)"


def row(name: str, sized: list[list[Fit]]) -> str:
    """The line of a kind in the table; fits by size and seed."""
    fits = [fit for each in sized for fit in each]
    cells = (f"{_median(each):.3f} ({max(f.error for f in each):.3f})" for each in sized)
    medians = [_median(each) for each in sized]
    apart = max(medians) / max(min(medians), 1e-9)
    silent, held = (sum(getattr(fit, word) for fit in fits) for word in ("silent", "held"))
    told = np.median([fit.told for fit in fits])
    counts = f"{apart:7.2f} {told:7.3f} {held:>3}/{len(fits):<3} {silent:>3}/{len(fits):<3}"
    return f"{name:18}" + "".join(f"{cell:>16}" for cell in cells) + counts


def main(arguments: Sequence[str]) -> int:
    """Fit the skies, print their errors, and draw the sheet."""
    from sheet import Sheet

    parser = argparse.ArgumentParser(
        prog="python bench skies",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_choice(parser, "all", SIZES)
    parser.add_argument("--output", default="skies.png", help="the sheet (%(default)s)")
    options = narrowed(parser.parse_args(arguments))
    seeds, first = ", ".join(map(str, options.seeds)), options.seeds[0]
    height, width = options.sizes[0]
    sheet = Sheet(
        f"Simulated skies of {width} x {height} pixels, seed {first}",
        "fastbg with its default settings",
        weights=True,
    )
    print(f"std(model - truth) / std(truth), median (worst), default settings, seeds {seeds}")
    sizes = "".join(f"{size_name(shape):>16}" for shape in options.sizes)
    print(f"{'kind':18}{sizes}{'apart':>7} {'told':>7}  held   silent")
    by_kind: dict[str, list[list[Fit]]] = {}
    for name in options.kinds:
        by_kind[name] = []
        for shape in options.sizes:
            by_kind[name].append([])
            for seed in options.seeds:
                scene = simulate(name, shape, seed)
                fit, model = fit_of(scene)
                by_kind[name][-1].append(fit)
                if (shape, seed) == (options.sizes[0], first):
                    sheet.add(name, scene, model, fit.error, sky_weight(scene.image))
        print(row(name, by_kind[name]), flush=True)
    print(*summary(by_kind, options.sizes), sep="\n")
    if not options.smoke:
        sheet.save(options.output)
        print(options.output)
    return 0


def _median(fits: Sequence[Fit]) -> float:
    return float(np.median([fit.error for fit in fits]))
