"""What a reference of the same sky does to the error of a model: a table of skies and ways."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from scenes import Scene, Shape, error
from skies import OFF

from .files import write_pair
from .references import Pair, pair

TOO_LARGE = 1.1
"""By how much a scale that is given by hand is off."""

WORSE = 0.01
"""By how much more a model may be off than without a reference."""


@dataclass(frozen=True)
class Outcome:
    """The error of a model, NaN where fastbg refused the reference, and whether it had a doubt."""

    error: float
    doubted: bool = False

    @property
    def silent(self) -> bool:
        return self.error > OFF and not self.doubted


TRIALS: dict[str, tuple[str, dict[str, Any]]] = {
    "no gradient": ("clean", {}),
    "15 % left": ("left", {"reference_degree": 0}),
    "15 %, degree 1": ("left", {"reference_degree": 1}),
    "2 pixels off": ("shifted", {}),
    "another night": ("night", {}),
    "scale 10 % off": ("clean", {"reference_scale": TOO_LARGE}),
    "stretched": ("stretched", {}),
    "wide field": ("wide", {}),
}
"""The way and the settings of each trial; a scale is relative to the true one."""


def outcomes(name: str, shape: Shape, seed: int) -> dict[str, Outcome]:
    """The outcomes without a reference, ``alone``, and of `TRIALS`, for one sky and seed."""
    pairs = {way: pair(name, shape, seed, way) for way, _ in TRIALS.values()}
    found = {"alone": fitted(pairs["clean"], None), "alone, wide": fitted(pairs["wide"], None)}
    for trial, (way, settings) in TRIALS.items():
        found[trial] = fitted(pairs[way], settings, coordinates=way == "wide")
    return found


def fitted(pair: Pair, settings: dict[str, Any] | None, *, coordinates: bool = False) -> Outcome:
    """Fit a target with its reference, or without one where there are no settings."""
    from fastbg import FastbgError, remove_background

    if settings is None:
        return _outcome(remove_background(pair.target.image), pair.target)
    if "reference_scale" in settings:
        scale = settings["reference_scale"] * pair.target.scale / pair.reference.scale
        settings = {**settings, "reference_scale": tuple(scale.tolist())}
    try:
        if coordinates:
            return _of_files(pair, settings)
        given = remove_background(pair.target.image, reference=pair.reference.image, **settings)
        return _outcome(given, pair.target)
    except FastbgError:
        return Outcome(np.nan, doubted=True)


def _of_files(pair: Pair, settings: dict[str, Any]) -> Outcome:
    """The same through files, whose coordinate systems tell how they lie."""
    from fastbg import process_file
    from loading import read

    with TemporaryDirectory() as folder:
        write_pair(Path(folder), pair, "fits", coordinates=True)
        result = process_file(
            f"{folder}/target.fits",
            reference=f"{folder}/reference.fits",
            output_dir=folder,
            **settings,
        )
        model = read(Path(folder) / "target_bgModel.fits")
    return Outcome(error(model, pair.target), bool(result.report["doubts"]))


def _outcome(result: Any, scene: Scene) -> Outcome:
    return Outcome(error(result.background, scene), bool(result.report["doubts"]))


def table(names: Sequence[str], shape: Shape, seeds: Sequence[int]) -> Iterator[str]:
    """The lines of a table in Markdown, and what is below it."""
    trials = ["alone", *TRIALS]
    yield "| sky | " + " | ".join(trials) + " |\n|---|" + "---|" * len(trials)
    every: list[dict[str, Outcome]] = []
    for name in names:
        found = [outcomes(name, shape, seed) for seed in seeds]
        every += found
        cells = (cell([each[trial] for each in found]) for trial in trials)
        yield f"| {name} | " + " | ".join(cells) + " |"
    yield ""
    for trial in TRIALS:
        alone = "alone, wide" if trial == "wide field" else "alone"
        worse = sum(each[trial].error > each[alone].error + WORSE for each in every)
        silent = sum(each[trial].silent for each in every)
        yield (
            f"{trial}: {worse} of {len(every)} are worse than without a reference by more than "
            f"{WORSE:g}; {silent} are off by more than {OFF:g} without a doubt."
        )


def cell(outcomes: Sequence[Outcome]) -> str:
    """The median and the worst of the errors, and how often a reference was refused."""
    errors = [each.error for each in outcomes if np.isfinite(each.error)]
    refused = len(outcomes) - len(errors)
    told = [f"{np.median(errors):.3f} ({max(errors):.3f})"] if errors else []
    return ", ".join(told + [f"{refused} refused"] * bool(refused))
