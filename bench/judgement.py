"""What a model tells about itself, against the truth: its uncertainty and its doubts.

Every kind of sky is fitted with the default settings. An error is that of scenes.py, and the told
uncertainty is in its unit. A sky is off if it errs by more than 0.1, and good if by less than 0.05:

held
    The skies whose error lies below the told uncertainty.
missed
    The skies that are off, and of which no doubt is told, nor that there is hardly a gradient.
false
    The good skies of which a doubt is told.

``--sweep`` then replaces each constant of `fastbg.report.doubts` and `fastbg.report.uncertain` in
turn, and prints what is missed and false with it; in bold: in use. ``--weights`` prints the weights
of the doubts' figures that a logistic regression to these skies gives: those that are off against
the good ones, without those of which it is told that there is hardly a gradient.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from fastbg import Settings
from fastbg.jobs.array import opened
from fastbg.jobs.given import Given
from fastbg.pipeline import Job
from fastbg.report.doubts import doubts_of
from fastbg.report.gradient import is_flat
from fastbg.report.uncertain import evidence_of
from fastbg.result import Fitted, Preparation
from odds import tell_weights
from scenes import KINDS, Shape, error, simulate, uncertainty
from sweep import Constant, Swept

OFF, GOOD = 0.1, 0.05

SWEPT = (
    Swept("report.doubts", "WIDER", (1.0, 1.05, 1.2, 1.5)),
    Swept("report.doubts", "DARKER", (0.1, 0.2, 0.5, 1.0)),
    Swept("report.doubts", "LEFT", (0.05, 0.1, 0.3, 0.5)),
    Swept("report.uncertain", "DOUBTED", (4.0, 4.5, 5.0, 5.5, 6.0)),
    Swept("report.uncertain", "OUTLINE", (0.0, 0.05, 0.1, 1.0)),
    Swept("report.uncertain", "FIGURES.uncertain.weight", (0.0, 0.4, 1.0)),
    Swept("report.uncertain", "FIGURES.undecided.weight", (0.0, 1.2, 2.2)),
    Swept("report.uncertain", "FIGURES.dependent.weight", (0.0, 0.8, 1.6)),
    Swept("report.uncertain", "FIGURES.corner.weight", (0.0, 0.4, 1.0)),
    Swept("report.uncertain", "FIGURES.below.weight", (0.0, 0.7, 1.3)),
    Swept("report.gradient", "NOISY", (0.5, 1.0, 4.0, 8.0)),
    Swept("report.uncertain", "HIDDEN", (0.0, 0.3, 0.4, 0.6)),
    Swept("report.uncertain", "INSEPARABLE", (0.3, 0.5, 1.0, 1.5)),
    Swept("report.doubts", "LITTLE_SKY", (0.0, 0.03, 0.1, 0.15)),
    Swept("report.doubts", "FOLLOWS", (0.25, 0.3, 0.5, 1.0)),
)
"""The constants of the doubts."""


@dataclass(frozen=True)
class Judged:
    """A sky that was fitted.

    Attributes
    ----------
    name : str
    error, told : float
    preparation : Preparation
    fitted : Fitted
    """

    name: str
    error: float
    told: float
    preparation: Preparation
    fitted: Fitted

    @property
    def doubts(self) -> list[str]:
        return doubts_of(Settings(), self.preparation, self.fitted)

    @property
    def flat(self) -> bool:
        """Whether a warning says that there is hardly a gradient."""
        return is_flat(self.fitted.diagnostics)


def judged(task: tuple[str, int], shape: Shape) -> Judged:
    """Simulate a kind of sky with a seed, and fit it."""
    name, seed = task
    scene = simulate(name, shape, seed)
    settings = Settings(threads=1)
    _, frame = opened(Given(scene.image, None, None, settings))
    with Job(settings) as job:
        prepared = job.prepare(frame)
        fitted, preparation = job.fit(prepared), prepared.preparation()
        rendered = fitted.model.rendered(job.backend, frame.image.shape)
        model = np.moveaxis(rendered.linear.rows(slice(0, shape[0])), 0, 2)
    told = uncertainty(fitted.diagnostics.uncertainty, scene)
    return Judged(name, error(model, scene), told, preparation, fitted)


def missed(skies: Sequence[Judged]) -> list[Judged]:
    """Those that are off without a doubt, and with a gradient."""
    return [sky for sky in skies if sky.error > OFF and not sky.doubts and not sky.flat]


def false(skies: Sequence[Judged]) -> list[Judged]:
    """Those that are good, and doubted."""
    return [sky for sky in skies if sky.error < GOOD and sky.doubts]


def tell(skies: Sequence[Judged], kinds: Sequence[str]) -> None:
    """Print a row for each kind, and one for all."""
    print("| kind | error | told / error | held | off | missed | good | false |")
    print("|---|---|---|---|---|---|---|---|")
    for kind in [*kinds, None]:
        those = [sky for sky in skies if kind in (None, sky.name)]
        errors, told = np.array([(sky.error, sky.told) for sky in those]).T
        print(
            f"| {kind or '**all**'} | {np.median(errors):.3f} | {np.median(told / errors):.1f} | "
            f"{np.count_nonzero(errors < told)} of {len(those)} | "
            f"{np.count_nonzero(errors > OFF)} | {len(missed(those))} | "
            f"{np.count_nonzero(errors < GOOD)} | {len(false(those))} |"
        )
    ratios = np.array([sky.error / sky.told for sky in skies])
    good = np.array([sky.told / sky.error for sky in skies if sky.error < GOOD])
    worst = skies[int(ratios.argmax())]
    print(f"\nThe largest error / told is {ratios.max():.1f} ({worst.name}).")
    if len(good):
        print(f"Of good skies, told / error is {np.median(good):.1f} in the median.")


def tell_doubts(skies: Sequence[Judged]) -> None:
    """Print how often each kind of doubt is told of skies that are off, and of good ones."""
    print("\n| doubt | off | good | alone, off | alone, good |\n|---|---|---|---|---|")
    counts: dict[str, np.ndarray] = {}
    for sky in skies:
        place = 0 if sky.error > OFF else 1 if sky.error < GOOD else None
        for doubt in {_beginning(each) for each in sky.doubts}:
            count = counts.setdefault(doubt, np.zeros(4, int))
            if place is not None:
                count[place] += 1
                count[place + 2] += len(sky.doubts) == 1
    for doubt, count in sorted(counts.items()):
        print(f"| {doubt} | " + " | ".join(map(str, count)) + " |")


def _beginning(doubt: str) -> str:
    """The words of a doubt that do not depend on the sky."""
    for words in (
        "left brighter",
        "left darker",
        "now darker",
        "times as wide",
        "lies below",
        "lies on",
    ):
        if words in doubt:
            return words
    return " ".join(doubt.split()[:4])


def weights(skies: Sequence[Judged]) -> None:
    """Print the weights of the doubts' figures that these skies give."""
    known = [sky for sky in skies if (sky.error > OFF or sky.error < GOOD) and not sky.flat]
    joint = (bool(sky.preparation.sky and sky.preparation.sky.joint) for sky in known)
    evidence = [
        evidence_of(sky.fitted.diagnostics, by_colour=by_colour)
        for sky, by_colour in zip(known, joint, strict=True)
    ]
    tell_weights(evidence, [sky.error > OFF for sky in known])


def sweep(skies: Sequence[Judged]) -> None:
    """Print what is missed and false with other constants."""
    off = sum(sky.error > OFF for sky in skies)
    good = sum(sky.error < GOOD for sky in skies)
    print(f"\n| constant | value | missed of {off} | false of {good} |\n|---|---|---|---|")
    for swept in SWEPT:
        constant = Constant(swept)
        used = constant.value
        for value in sorted([*swept.values, used]):
            with constant.replaced_by(value):
                counts = f"{len(missed(skies))} | {len(false(skies))}"
            told = f"**{value:g}**" if value == used else f"{value:g}"
            print(f"| {swept.name} | {told} | {counts} |")


def main(arguments: Sequence[str]) -> int:
    """Judge the skies, and print the tables."""
    parser = argparse.ArgumentParser(
        prog="python bench judgement",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--size", nargs=2, type=int, default=(1000, 1500), metavar=("H", "W"))
    parser.add_argument("--seeds", nargs="+", type=int, default=[11, 12, 13], metavar="SEED")
    parser.add_argument("--kinds", nargs="+", default=[*KINDS], metavar="KIND")
    parser.add_argument("--processes", type=int, default=2, metavar="COUNT")
    parser.add_argument("--sweep", action="store_true", help="the constants of the doubts, too")
    parser.add_argument("--weights", action="store_true", help="the weights that these skies give")
    parser.add_argument("--names", action="store_true", help="name what is missed and false")
    parser.add_argument("--smoke", action="store_true", help="two tiny skies")
    options = parser.parse_args(arguments)
    if options.smoke:
        options.size, options.seeds, options.kinds = (120, 180), [1], [*KINDS][:2]
    shape = tuple(options.size)
    tasks = [(kind, seed) for kind in options.kinds for seed in options.seeds]
    with ProcessPoolExecutor(options.processes) as pool:
        skies = [*pool.map(partial(judged, shape=shape), tasks)]
    seeds = ", ".join(map(str, options.seeds))
    print(f"{len(options.kinds)} kinds of sky, {shape[0]} x {shape[1]}, seeds {seeds}\n")
    tell(skies, options.kinds)
    tell_doubts(skies)
    if options.names:
        for title, those in (("missed", missed(skies)), ("false", false(skies))):
            print(f"\n{title}: " + ", ".join(f"{sky.name} ({sky.error:.2f})" for sky in those))
    if options.weights:
        weights(skies)
    if options.sweep:
        sweep(skies)
    return 0
