"""The default settings on simulated skies with a known background, and a picture of each.

For each kind of sky and each size: the median and the worst of std(model - truth) / std(truth) over
the seeds, which scenes/ defines. Over all sizes and seeds:

apart   The largest of the medians of the sizes, divided by the smallest: a seed gives the same sky
        at every size.
told    The median of the uncertainty that a model reports without knowing the truth, in the unit of
        the error.
taken   The median of the part of extended objects' light that the model takes away; "-" where there
        are no such objects.
held    The number of skies whose error is at most the uncertainty told.
silent  The number of skies that are off by more than 0.1 without a doubt. Below the table: of how
        many of these a warning says that there is hardly a gradient.

The sheet shows the first seed at the first size: the image, the true background, the model, its
error, and how much of each pixel was taken for sky. ``--json`` keeps the figures of every sky, and
``--against`` names the kinds that became worse since: whose median over the same skies rose by more
than 0.01 and more than a tenth.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scenes import Scene, Shape, error, simulate, taken, uncertainty
from scenes.choice import add_choice, described, narrowed, size_name

SIZES = (600, 900), (1000, 1500), (2000, 3000)
OFF = 0.1
"""An error that a user should be warned of."""

WORSE, WORSE_PART = 0.01, 0.1
"""By how much a median may rise, and by which part of it, before its kind is worse."""


@dataclass(frozen=True)
class Fit:
    """One sky: its error, the uncertainty told, the light taken, and what was told of it.

    Attributes
    ----------
    error, told, taken : float
    doubted : bool
    flat : bool
        Whether a warning says that there is hardly a gradient.
    """

    error: float
    told: float
    taken: float
    doubted: bool
    flat: bool

    @property
    def held(self) -> bool:
        return self.error <= self.told

    @property
    def silent(self) -> bool:
        return self.error > OFF and not self.doubted


def fit_of(scene: Scene) -> tuple[Fit, np.ndarray]:
    """Fit a scene with the default settings; the figures, and the model, (H, W, K) linear."""
    from fastbg import remove_background
    from fastbg.report.gradient import is_flat

    result = remove_background(scene.image)
    model, doubted = result.background, bool(result.report["doubts"])
    told = uncertainty(result.diagnostics.uncertainty, scene)
    flat = is_flat(result.diagnostics)
    return Fit(error(model, scene), told, taken(model, scene), doubted, flat), model


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
    fits = [fit for sized in by_kind.values() for fit in _flat(sized)]
    means = np.exp(np.log(np.maximum(medians, 1e-9)).mean(axis=0))
    of_kinds = [_median(_flat(sized)) for sized in by_kind.values()]
    worst = int(np.argmax(of_kinds))
    silent, held = (sum(getattr(fit, name) for fit in fits) for name in ("silent", "held"))
    yield "geometric mean".ljust(18) + "".join(f"{mean:16.3f}" for mean in means)
    yield f"kinds with a median of at most {OFF:g}: {np.sum(np.array(of_kinds) <= OFF)}"
    yield f"largest median: {of_kinds[worst]:.3f}, {[*by_kind][worst]}"
    flat = sum(fit.silent and fit.flat for fit in fits)
    yield (
        f"off by more than {OFF:g} without a doubt: {silent} of {len(fits)}, and a warning says of "
        f"{flat} of these that there is hardly a gradient"
    )
    yield f"error at most the uncertainty told: {held} of {len(fits)}"
    ratios = [fit.error / max(fit.told, 1e-9) for fit in fits]
    yield f"largest error in units of the uncertainty told: {max(ratios):.1f}"
    lights = np.array([_median_taken(_flat(sized)) for sized in by_kind.values()])
    if np.isfinite(lights).any():
        light, most = np.nanmedian(np.abs(lights)), np.nanmax(np.abs(lights))
        yield f"objects' light taken away: {light:.3f} (median of the kinds), at most {most:.3f}"
    if len(sizes) > 1:
        apart = np.median(medians.max(axis=1) / np.maximum(medians.min(axis=1), 1e-9))
        yield f"the medians of the sizes are apart by a factor of {apart:.2f} (median of the kinds)"


def worse(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    """The kinds that became worse between two files of --json, a line each."""
    kinds: dict[str, list[str]] = {}
    for sky in after:
        if sky in before:
            kinds.setdefault(sky.partition(",")[0], []).append(sky)
    yield f"compared with before: {len(kinds)} kinds, {sum(map(len, kinds.values()))} skies"
    for kind, skies in kinds.items():
        old, new = (float(np.median([run[s]["error"] for s in skies])) for run in (before, after))
        if new - old > max(WORSE, WORSE_PART * old):
            yield f"worse: {kind}, {old:.3f} before, {new:.3f} now"


def row(name: str, sized: list[list[Fit]]) -> str:
    """The line of a kind in the table; fits by size and seed."""
    fits = _flat(sized)
    cells = (f"{_median(each):.3f} ({max(f.error for f in each):.3f})" for each in sized)
    medians = [_median(each) for each in sized]
    apart = max(medians) / max(min(medians), 1e-9)
    silent, held = (sum(getattr(fit, word) for fit in fits) for word in ("silent", "held"))
    told = np.median([fit.told for fit in fits])
    light = _median_taken(fits)
    figures = [f"{apart:.2f}"] * (len(sized) > 1) + [f"{told:.3f}"]
    figures += [f"{light:.3f}" if np.isfinite(light) else "-"]
    figures += [f"{held}/{len(fits)}", f"{silent}/{len(fits)}"]
    counts = "".join(f"{figure:>8}" for figure in figures)
    return f"{name:18}" + "".join(f"{cell:>16}" for cell in cells) + counts


def main(arguments: Sequence[str]) -> int:
    """Fit the skies, print their errors, and draw the sheet."""
    from sheet import Sheet

    parser = argparse.ArgumentParser(
        prog="python bench skies",
        description=__doc__,
        epilog=described(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_choice(parser, "all", SIZES)
    parser.add_argument("--output", default="skies.png", help="the sheet (%(default)s)")
    parser.add_argument("--json", type=Path, help="write the figures of every sky")
    parser.add_argument("--against", type=Path, metavar="JSON", help="an earlier one's figures")
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
    figures = ["apart"] * (len(options.sizes) > 1) + ["told", "taken", "held", "silent"]
    print(f"{'kind':18}{sizes}" + "".join(f"{figure:>8}" for figure in figures))
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
    figures_of = {
        f"{name}, {size_name(shape)}, seed {seed}": asdict(fit)
        for name, sized in by_kind.items()
        for shape, fits in zip(options.sizes, sized, strict=True)
        for seed, fit in zip(options.seeds, fits, strict=True)
    }
    if options.against:
        before = json.loads(options.against.read_text(encoding="utf-8"))
        print(*worse(before, figures_of), sep="\n")
    if options.json and not options.smoke:
        options.json.write_text(json.dumps(figures_of, indent=1) + "\n", encoding="utf-8")
    if not options.smoke:
        sheet.save(options.output)
        print(options.output)
    return 0


def _flat(sized: list[list[Fit]]) -> list[Fit]:
    return [fit for fits in sized for fit in fits]


def _median_taken(fits: Sequence[Fit]) -> float:
    """NaN where no sky has extended objects."""
    known = [fit.taken for fit in fits if np.isfinite(fit.taken)]
    return float(np.median(known)) if known else float("nan")


def _median(fits: Sequence[Fit]) -> float:
    return float(np.median([fit.error for fit in fits]))
