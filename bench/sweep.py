"""The effect of each constant of the search for the sky on the errors on simulated skies.

``python bench sweep NAME ...`` fits every kind of sky with the values of a constant in turn, and
with the one that is in use, which is printed in bold. NAME is a constant or a group of `SWEPT`, and
``--all`` takes every constant. All others keep their values. For each value:

median, mean, worst
    Over the kinds of sky: the error of a kind is the mean over its seeds of std(model - truth) /
    std(truth), see scenes/. The mean is a geometric one.
told
    The uncertainty that the model reports, relative to its error: the geometric mean over all
    skies. 1 is right.
held
    The share of the skies whose error is less than that uncertainty.

A constant is a module's attribute, or a field of a dataclass that is one. It is replaced in its
module, and in every module that imported it, for as long as the fits take.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any

import numpy as np

from fastbg import Settings, remove_background
from scenes import Scene, Shape, error, simulate, uncertainty
from scenes.choice import add_kinds, kinds_in

Values = Sequence[Any]


@dataclass(frozen=True)
class Swept:
    """A constant, where it is, and the values that it is given.

    Attributes
    ----------
    module, name : str
        Where the constant is, below fastbg, and what it is called. ``NAME.key.field`` is a field of
        the dataclass ``NAME["key"]``.
    values : sequence
        Without the one in use. For `scaled` constants, factors.
    scaled : bool
        The constant is `CANDIDATES`: only the stiffnesses, its last numbers, are multiplied.
    masked : bool
        The objects are masked: see `mask_of`.
    settings : dict
        Other than the defaults, where those do not use the constant.
    """

    module: str
    name: str
    values: Values
    scaled: bool = False
    masked: bool = False
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return f"fastbg.{self.module}.{self.name}"

    @property
    def short(self) -> str:
        return f"{self.module.rpartition('.')[2]}.{self.name}"


DESCENT = {"control_points": 36, "initializer": "grid", "protect": "strong"}
"""A descent, which is what the weights of pixels are for."""

INFINITE = float("inf")

QUIET = (
    *((5, 1.6449, 0.0627), (10, 1.2816, 0.1257)),
    *((35, 0.3853, 0.4538), (50, 0.0, 0.6745)),
)
"""Percentiles, and what follows from them for a normal distribution."""

SWEPT = {
    "mesh": (
        Swept("sky.mesh", "ALONG", (20, 30, 60, 80)),
        Swept("sky.mesh", "QUIET", QUIET),
        Swept("sky.mesh", "LEAST_USABLE", (0.1, 0.25, 0.75, 0.9)),
    ),
    "splines": (
        Swept("sky.grid", "SIDE", (6, 10, 12, 16)),
        Swept("sky.grid", "CELLS_PER_POINT", (2, 8, 16, 32)),
        Swept("sky.smoothing_spline", "UNSEEN", (0.0, 0.003, 0.1, 0.3)),
    ),
    "fit": (
        Swept(
            "sky.robust_fit",
            "TOLERANCE_FACTORS",
            ((1,), (1, 1, 1), (3, 2, 1.4, 1, 1, 1), (8, 4, 2, 1)),
        ),
        Swept("sky.robust_fit", "TOLERANCE", (0.005, 0.01, 0.04, 0.08)),
        Swept("sky.robust_fit", "ALONE", (0.5, 1.0, 2.5, INFINITE)),
        Swept("sky.robust_fit", "SOFTNESS", (0.1, 0.25, 1.0, 2.0)),
        Swept("sky.robust_fit", "LEAST_WEIGHT", (1e-6, 1e-5, 1e-3, 1e-2)),
        Swept("sky.surface", "ENVELOPE_STIFFNESS", (1e-5, 1e-4, 1e-2, 1e-1)),
        Swept("sky.surface", "PROTECTIONS.auto.above", (1.5, 2.0, 3.5, 5.0)),
        Swept("sky.surface", "PROTECTIONS.auto.below", (2.0, 3.0, 6.0, INFINITE)),
        Swept("sky.surface", "PROTECTIONS.auto.around", (0.8, 1.1, 2.5, INFINITE)),
        Swept("sky.surface", "PROTECTIONS.auto.reach", (0.75, 1.0, 2.0, 3.0)),
    ),
    "choice": (
        Swept("sky.selection", "CANDIDATES", (0.1, 0.3, 3, 10), scaled=True),
        Swept(
            "sky.cost",
            "POLYNOMIAL_PENALTIES",
            (
                *((0.0, 0.01, 0.02, 0.03), (0.05, 0.01, 0.04, 0.04)),
                *((0.07, 0.01, 0.05, 0.08), (0.13, 0.01, 0.1, 0.16)),
            ),
        ),
        Swept(
            "sky.cost",
            "BENDING_PENALTY",
            ((0.22, 0.22), (0.05, 0.16), (0.15, 0.2), (0.18, 0.58)),
        ),
        Swept("sky.cost", "CONCAVE", ((0.2, 0.45), (0.36, 0.62), (0.4, 0.42))),
        Swept("sky.cost", "HOPELESS", (0.11, 0.22, 0.88, INFINITE)),
        Swept("sky.cost", "CLEAR_PENALTY", (0.01, 0.03, 0.2, 0.4)),
        Swept("sky.cost", "COLD_START_PENALTY", (0.0, 0.1, 0.2, 0.4)),
        Swept("sky.cost", "POLYNOMIAL_CANDIDATES", (1, 2, 6, 8)),
        Swept("sky.surface", "EXPLAINED", (0.02, 0.03, 0.08, 0.15)),
        Swept("sky.cost", "CLEAR", (0.5, 0.65, 0.85, 0.95)),
    ),
    "hidden": (
        Swept("sky.cost", "THIRD_START_PENALTY", (0.0, 0.03, 0.1, 0.2)),
        Swept("sky.selection", "NEAR", (0, 2, 4, 5)),
        Swept("sky.quiet", "SCATTER", (1.2, 1.3, 1.6, 2.0)),
        Swept("sky.quiet", "REACH", (1.0, 1.5, 3.0, 4.0)),
        Swept("sky.quiet", "PLAIN", (10.0, 20.0, 100.0, INFINITE)),
        Swept("sky.quiet", "LEAST_QUIET", (0.0, 0.02, 0.1, 0.2)),
        Swept("sky.clouds", "COVERED", (0.0, 0.15, 0.2, 0.3, 0.5)),
        Swept("sky.clouds", "FOLLOWED", (0.0, 0.4, 0.8, 1.0)),
        Swept("sky.clouds", "BOTH_WAYS", (0.0, 0.2, 0.3, 0.6)),
        Swept("sky.clouds", "ONE_COLOUR", (0.5, 0.7, 0.9, 0.95, 0.98)),
        Swept("sky.clouds", "WITHIN", (2.0, 2.5, 5.0, 7.0)),
        Swept("sky.clouds", "INDEPENDENT", (0.0, 0.03, 0.3, 0.6)),
        Swept("sky.clouds", "STIFFNESS", (1e-6, 1e-5, 1e-3, 1e-2)),
        Swept("sky.colour", "SMOOTH_BESIDE", (2.0, 3.0, 8.0, 12.0)),
        Swept("sky.even_areas", "STEEP", (0.7, 1.0, 2.5, INFINITE)),
        Swept("sky.even_areas", "ONE_SIGMA", (0.75, 0.8, 0.9)),
    ),
    "colour": (
        Swept("sky.selection", "MULTIPLES_PENALTY", (-1.0, -0.25, 0.0, INFINITE)),
        Swept("sky.selection", "SHAPE_PENALTY", (0.0, 0.1, 0.2)),
        Swept("sky.surface", "LOWEST", ((0.05, 8), (0.01, 20), (5e-4, 60), (1e-4, 120))),
        Swept("sky.colour", "DIFFERENT", (-1.0, 0.01, 0.2, 1.0)),
        Swept("sky.colour", "SMOOTH", (3.0, 6.0, 9.0, 24.0)),
        Swept("sky.colour", "STIFF", (10.0, 100.0, 1e4)),
        Swept("sky.colour", "FLEXIBLE", (1e-8, 1e-7, 1e-5, 1e-4)),
    ),
    "objects": (
        Swept("sky.under_objects", "STIFFNESS", (0.0, 10.0, 1e3)),
        Swept("sky.under_objects", "BORDER", (1, 6, 12)),
        Swept("sky.under_objects", "AT_BORDER", (0.5, 1.0, 4.0, INFINITE)),
    ),
    "pixels": (
        Swept("sky.detection", "OBJECT_SIGMA", (1.5, 2.0, 4.5, 6.0), settings=DESCENT),
        Swept("sky.detection", "EXCLUDED_BELOW", (1e-4, 1e-3, 0.1, 0.3), settings=DESCENT),
    ),
    "glow": (
        Swept("sky.glow", "MISSED", (0.1, 0.2, 0.5, 0.7)),
        Swept("sky.glow", "RISE", (5.0, 10.0, 40.0, 80.0)),
        Swept("sky.glow", "NEAR", (4, 5, 7, 8)),
        Swept("sky.glow", "PURE", (0.7, 0.8, 0.95, 0.98)),
        Swept("sky.glow", "PURE_EDGE", (0.8, 0.9, 0.98, 0.99)),
        Swept("sky.glow", "EVERYWHERE", (0.5, 0.7, 0.9, 0.95)),
        Swept("sky.glow", "STIFFNESS", (1e-6, 1e-5, 1e-3, 1e-2)),
        Swept("sky.glow", "STEEP", ((0.0, 0.1), (0.01, 0.07), (0.02, 0.14), (0.02, 0.2))),
        Swept("sky.glow", "STEADY", (0.02, 0.05, 0.2, 0.4)),
        Swept("sky.glow", "WIDE", (0.2, 0.4, 0.8, 0.9)),
        Swept("sky.glow", "LIT", (3.0, 10.0, 20.0)),
        Swept("sky.glow", "LIT_EXPLAINED", (0.5, 0.6, 0.8, 0.9)),
        Swept("sky.glow", "RELATIVE", (0.7, 0.8, 0.95, 1.0)),
        Swept("sky.glow", "BRIGHTER", (0.5, 1.0, 4.0, INFINITE)),
        Swept("sky.glow", "COVERED", (0.0, 0.15, 0.5, 1.0)),
        Swept("sky.glow", "CLOSE", (0.0, 0.005, 0.02, 0.05)),
        Swept("sky.glow", "COLOURS", (1e-3, 3e-3, 0.03, 0.1)),
        Swept("sky.glow_shape", "ALONG", (4, 5, 8)),
        Swept("sky.glow_shape", "CORE", (0.01, 0.015, 0.03)),
        Swept("sky.glow_shape", "GAP", (0.5, 1.0, 1.5)),
        Swept("sky.selection", "GLOW_PENALTY", (0.0, 0.1, 0.2, 0.4)),
    ),
    "border": (
        Swept("image.border_search", "PAIRS", (8, 16, 64, 128)),
        Swept("image.border_search", "DEEPEST", (2, 3, 12, 24)),
        Swept("image.border_search", "THINNEST", (2, 6, 12, 24)),
        Swept("image.border_search", "QUIETER", (0.4, 0.6, 0.9, 1.1)),
        Swept("image.border_search", "STEP", (0.5, 1.0, 4.0, 8.0)),
        Swept("image.border_search", "STRAIGHT", (0.1, 0.2, 0.6, 0.8)),
        Swept("image.border_search", "EVEN", (0.05, 0.1, 0.5, 1.0)),
        Swept("image.border_search", "STARS", (0.001, 0.003, 0.03, 0.1)),
    ),
    "even": (
        Swept("sky.even_areas", "SHARP", (2.0, 3.0, 12.0, 24.0)),
        Swept("sky.even_areas", "LEAST_AREA", (2, 9, 16, 36)),
        Swept("sky.even_areas", "LEAST_SKY", (0.02, 0.05, 0.2, 0.4)),
        Swept("sky.even_areas", "FLAT", (0.01, 0.02, 0.1, 0.2)),
        Swept("sky.even_areas", "SATURATED", (0.05, 0.1, 0.5, 0.8)),
        Swept("sky.even_areas", "DARK", (0.3, 0.5, 0.85, 1.0)),
        Swept("sky.even_areas", "ROUGH", (0.3, 0.5, 0.8, 1.2)),
        Swept("sky.even_areas", "AMID", (0.2, 0.3, 0.6, INFINITE)),
        Swept("sky.even_areas", "BRIGHT", (4.0, 5.0, 8.0, 12.0)),
        Swept("sky.even_areas", "STARRY", (5e-5, 1.5e-4, 1.5e-3, 5e-3)),
        Swept("sky.even_areas", "STARLESS", (0.01, 0.1, 0.6, 1.0)),
    ),
    "descent": (
        Swept("fit", "DEPARTURE", (0.01, 0.03, 0.3, 1.0), settings=DESCENT),
        Swept("fit", "COMPARED_CELLS", (100, 300, 3000), settings=DESCENT),
    ),
    "mask": (
        Swept("sky.stars", "STANDS_OUT", (3.0, 4.0, 7.0, 10.0), masked=True),
        Swept("sky.stars", "REACH", (1, 3, 4), masked=True),
        Swept("sky.least_squares", "POLYNOMIAL_PENALTY", (0.0, 0.003, 0.03, 0.1), masked=True),
        Swept("sky.least_squares", "BENDING_PENALTY", (0.05, 0.1, 0.4, 0.8), masked=True),
    ),
    "mosaic": (
        Swept("sky.lines", "HIGH", (2.5, 3.0, 5.0, 7.0)),
        Swept("sky.lines", "ROUGH", (0.25, 0.35, 0.7, 1.0)),
        Swept("sky.lines", "CROOKED", (0.5, 0.7, 1.5, 2.0)),
        Swept("sky.lines", "LASTING", (0.25, 0.35, 0.7)),
        Swept("sky.lines", "MOST_PIECES", (0.4, 0.5, 0.7, 0.85)),
        Swept("sky.lines", "CONTINUED", (1.0, 1.1, 1.5, INFINITE)),
        Swept("sky.lines", "NEAR", (0, 1, 4)),
        Swept("sky.seams", "KNOWN", (0.5, 0.85, 1.0)),
        Swept("sky.seams", "UNLIKE", (2.0, 3.0, 6.0, INFINITE)),
        Swept("sky.steps", "SLOPES", (0.0, 0.001, 0.1, 1.0)),
        Swept("sky.steps", "TOLERANCE", (1.0, 4.0, INFINITE)),
        Swept("sky.panels", "PENALTY", (0.1, 0.15, 0.5)),
        Swept("sky.panels", "SEAMS_PENALTY", (0.0, 0.1, 0.3)),
        Swept("sky.panels", "SKY", (0.0, 0.2, 0.8)),
    ),
    "guesses": (
        Swept("sky.outskirts", "SEEN", (0.1, 0.2, 0.3, 0.5, 1.0)),
        Swept("sky.outskirts", "OUTLINE", (2.0, 3.0, 5.0, 7.0)),
        Swept("sky.outskirts", "OUTLINES", (1, 3, 5)),
        Swept("sky.outskirts", "AROUND", (0.5, 0.7, 1.5, 2.0)),
        Swept(
            "sky.outskirts", "FADING", ((2.0,), (4.0,), (1.0, 3.0), (2.0, 6.0), (1.5, 4.0, 10.0))
        ),
        Swept("sky.outskirts", "RISE", (0.2, 0.4, 0.8)),
        Swept("sky.outskirts", "MEAN", (0.0, 0.25, 0.75)),
        Swept("sky.outskirts", "ALIKE", (0.0, 20.0, 80.0, 320.0)),
        Swept("sky.halo", "MOST_EXPLAINED", (0.1, 0.25, 0.75, 1.0)),
        Swept("sky.halo", "SCATTER", (0.1, 0.2, 0.5)),
        Swept("sky.halo", "HARMONICS", (0, 1, 3)),
        Swept("sky.halo", "POWERS", ((2, 3, 4), (2, 2.5, 3, 3.5, 4, 4.5, 5, 5.5, 6, 6.5, 7))),
        Swept("sky.halo", "ABOVE", (1.0, 3.0, 4.0)),
        Swept("sky.halo", "BELOW", (2.0, 8.0)),
        Swept("sky.halo", "ITERATIONS", (5, 30)),
        Swept("sky.halo", "ACCOUNTED", (0.5, 0.9, 0.98)),
        Swept("sky.halo", "LIKELIER", (-INFINITE, 0.5, 1.0, INFINITE)),
    ),
    "stars": (
        Swept("sky.starlight", "REPEATED", (1, 2, 6)),
        Swept("sky.starlight", "OFF", (2.0, 2.5, 4.0)),
        Swept("sky.starlight", "NEARBY", (0.5, 1.0, 1.5, INFINITE)),
        Swept("sky.starlight", "REACH", (0.7, 1.5)),
        Swept("sky.starlight", "CLEAN", (0.0, 0.2, 0.4, 0.5)),
        Swept("sky.starlight", "VARIES", (0.0, 6.0, 12.0)),
        Swept("sky.starlight", "DUSTY", (0.0, 0.05, 0.2)),
        Swept("sky.starlight", "DARKER", (-0.3, -0.2, 0.0)),
        Swept("sky.starlight", "CLOUDS", (1.5, 3.0, 4.0)),
        Swept("sky.starlight", "BRIGHTEST", (0.1, 0.15, 0.3, 0.4)),
        Swept("sky.starlight", "STRENGTH", (0.0, 10.0, 100.0, 300.0)),
    ),
    "horizon": (
        Swept("sky.horizon", "RISES", ((0.1,), (0.3,), (0.05, 0.2), (0.2, 0.5), (0.05, 0.15, 0.4))),
        Swept("sky.horizon", "AROUND", (12, 48)),
        Swept("sky.horizon", "CANDIDATES", (0.1, 0.3, 3, 10), scaled=True),
        Swept("sky.horizon", "PENALTY", (-0.4, -0.3, -0.1, 0.0)),
        Swept("sky.horizon", "DARK", (0.0, 0.01, 0.1, INFINITE)),
        Swept("sky.horizon", "STRONG", (0.0, 1.0, 3.0, 4.0)),
        Swept("sky.circle", "LEAST_OUTLINE", (1, 2, 5)),
        Swept("sky.circle", "ROUND", (0.01, 0.02, 0.05, 0.1)),
        Swept("sky.circle", "FILLED", (0.8, 0.95)),
        Swept("sky.circle", "EMPTY", (0.2, 0.6)),
        Swept("sky.circle", "LEAST_EMPTY", (0.005, 0.03)),
    ),
    "uncertainty": (
        Swept("sky.jackknife", "BLOCKS", (2, 3, 6, 8)),
        Swept("diagnostics.uncertainty", "RIVALRY", (0.04, 0.08, 0.2, 0.3)),
        Swept("diagnostics.uncertainty", "BORDER", (0.06, 0.09, 0.2, 0.3)),
        Swept("diagnostics.uncertainty", "CERTAIN", (1.0, 2.0, 5.0, 10.0)),
        Swept("diagnostics.uncertainty", "BRIGHTEST", (2.0, 5.0, 20.0, INFINITE)),
    ),
}
"""By the part of the search that they belong to."""


def mask_of(scene: Scene) -> np.ndarray:
    """(H, W), bool: the sky without objects, of which medians of 8 x 8 pixels stand out of it.

    They stand out by a third of the deviation of the sky or more; what covers less is left.
    """
    side = 8
    rows, columns = (n // side for n in scene.valid.shape)
    light = (scene.image - scene.background)[: rows * side, : columns * side]
    medians = np.median(light.reshape(rows, side, columns, side, -1), axis=(1, 3))
    seen = (np.abs(medians) < scene.background.std(axis=(0, 1)) / 3).all(axis=2)
    weight = scene.valid.copy()
    weight[: rows * side, : columns * side] &= np.kron(seen, np.ones((side, side), bool))
    return weight


class Constant:
    """A constant where it is, to be read and replaced."""

    def __init__(self, swept: Swept) -> None:
        self._module = import_module(f"fastbg.{swept.module}")
        self._name, *self._inside = swept.name.split(".")
        self._scaled = swept.scaled

    @property
    def value(self) -> Any:
        """The value in use; 1 of those that are scaled."""
        if self._scaled:
            return 1
        whole = getattr(self._module, self._name)
        return getattr(whole[self._inside[0]], self._inside[1]) if self._inside else whole

    @contextmanager
    def replaced_by(self, value: Any) -> Iterator[None]:
        """Replace it, and whatever is the same object in a module that imported it."""
        old = getattr(self._module, self._name)
        if self._scaled:
            new = tuple((degree, stiffness * value) for degree, stiffness in old)
        elif self._inside:
            key, name = self._inside
            new = old | {key: replace(old[key], **{name: value})}
        else:
            new = value
        holders = [
            module
            for name, module in sys.modules.items()
            if name.startswith("fastbg.") and getattr(module, self._name, None) is old
        ]
        for module in holders:
            setattr(module, self._name, new)
        try:
            yield
        finally:
            for module in holders:
                setattr(module, self._name, old)


class Skies:
    """Simulated skies that are fitted again and again.

    Parameters
    ----------
    shape : (int, int)
    seeds : sequence of int
    kinds : sequence of str
        Names in `scenes.KINDS`.
    """

    def __init__(self, shape: Shape, seeds: Sequence[int], kinds: Sequence[str]) -> None:
        self._scenes: list[list[Scene]] = [
            [simulate(name, shape, seed) for seed in seeds] for name in kinds
        ]
        self._known: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    def fitted(
        self, settings: dict[str, Any], masked: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Errors and told uncertainties, (kinds, seeds) each."""
        fit = Settings(threads=1, **settings)
        errors, told = np.empty((2, len(self._scenes), len(self._scenes[0])))
        for place in np.ndindex(errors.shape):
            scene = self._scenes[place[0]][place[1]]
            weight = mask_of(scene) if masked else None
            result = remove_background(scene.image, weight=weight, settings=fit)
            errors[place] = error(result.background, scene)
            told[place] = uncertainty(result.diagnostics.uncertainty, scene)
        return errors, told

    def in_use(
        self, settings: dict[str, Any], masked: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """The result of `fitted` with all constants as they are; it is computed once."""
        key = repr((settings, masked))
        if key not in self._known:
            self._known[key] = self.fitted(settings, masked)
        return self._known[key]


def sweep(swept: Swept, skies: Skies, kinds: Sequence[str]) -> None:
    """Print the table of a constant."""
    constant = Constant(swept)
    used = constant.value
    unit = " (factor of all stiffnesses)" if swept.scaled else ""
    print(f"\n### {swept.title}{unit}\n")
    print("| value | median | mean | worst | of | told | held |\n|---|---|---|---|---|---|---|")
    for value in sorted([*swept.values, used], key=_order):
        if value == used:
            errors, told = skies.in_use(swept.settings, swept.masked)
        else:
            with constant.replaced_by(value):
                errors, told = skies.fitted(swept.settings, swept.masked)
        of_kinds = errors.mean(axis=1)
        worst = int(of_kinds.argmax())
        mean = np.exp(np.log(of_kinds).mean())
        ratio = np.exp(np.nanmean(np.log(told / errors)))
        label = f"**{_text(value)}**" if value == used else _text(value)
        print(
            f"| {label} | {np.median(of_kinds):.4f} | {mean:.4f} | {of_kinds[worst]:.3f} | "
            f"{kinds[worst]} | {ratio:.2f} | {(errors < told).mean():.2f} |",
            flush=True,
        )


def _order(value: Any) -> Any:
    return value if not isinstance(value, tuple) else (len(value), value)


def _text(value: Any) -> str:
    return ", ".join(map(_text, value)) if isinstance(value, tuple) else f"{value:g}"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python bench sweep",
        description=__doc__,
        epilog="\n".join(
            f"{group}: " + ", ".join(each.short for each in members)
            for group, members in SWEPT.items()
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("constants", nargs="*", metavar="NAME", help="as listed below")
    parser.add_argument("--all", action="store_true", help="every constant")
    add_kinds(parser, "familiar")
    parser.add_argument("--size", nargs=2, type=int, default=(840, 1260), metavar=("H", "W"))
    parser.add_argument("--seeds", nargs="+", type=int, default=[11, 12], metavar="SEED")
    parser.add_argument("--smoke", action="store_true", help="one constant, two tiny skies")
    options = parser.parse_args(arguments)
    if options.smoke:
        options.constants, options.size, options.seeds = ["SIDE"], (120, 180), [1]
    kinds = kinds_in(options)[: 2 if options.smoke else None]
    chosen = [
        each
        for group, members in SWEPT.items()
        for each in members
        if options.all or {group, each.short, each.name} & {*options.constants}
    ]
    if not chosen:
        parser.error("name a constant, or --all; -h lists them")
    shape, seeds = tuple(options.size), ", ".join(map(str, options.seeds))
    print(f"{len(kinds)} kinds of sky, {shape[0]} x {shape[1]}, seeds {seeds}; in bold: in use")
    skies = Skies(shape, options.seeds, kinds)
    for each in chosen:
        sweep(each, skies, kinds)
    return 0
