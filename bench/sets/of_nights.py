"""What `fastbg together` makes of frames of one field: gradients, flux scales, clouds."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from scenes import Shape, error

from .bound import bounds, points_of, relative, rms, sampled
from .files import write_night
from .frames import Frame
from .nights import WAYS, Night, night


@dataclass(frozen=True)
class Outcome:
    """Figures of one set.

    Attributes
    ----------
    ratio : float
        The error of relative gradients in the bound: the root of the mean square over channels and
        frames without clouds.
    freedoms : float
        Of the bound.
    common, stack : float
        The error of the mean of the gradients, and that of the default settings on the stack of
        the frames; NaN for frames that are not registered.
    scale, worst_scale : float
        The root of the mean square of the errors of flux scales, as parts of them, and the largest
        one, frames with clouds left out.
    named : bool
        Whether the clouds were told.
    """

    ratio: float
    freedoms: float
    common: float
    stack: float
    scale: float
    worst_scale: float
    named: bool


def outcome(name: str, shape: Shape, seed: int, way: str) -> Outcome:
    """Simulate a set, run `fastbg together`, and compare with the truth."""
    from fastbg import Settings

    found = night(name, shape, seed, way)
    clear = [n for n in range(len(found.frames)) if n != found.clouded]
    frames = [found.frames[n] for n in clear]
    with TemporaryDirectory() as folder:
        models, told = together(found, Path(folder), coordinates=way == "coordinates")
    points = points_of(shape)
    wrong = np.stack(
        [
            sampled((models[n] - f.background) / f.scale, f, points)
            for n, f in zip(clear, frames, strict=True)
        ]
    )
    least, freedoms = bounds(frames, points, Settings().factor(shape), found.light)
    scales = np.stack([told[n]["scale"] for n in clear]) / np.stack([f.scale for f in frames])
    off = scales / np.median(scales, axis=0) - 1
    return Outcome(
        float(np.sqrt(np.mean((rms(relative(wrong)) / least) ** 2))),
        freedoms,
        _common(wrong, frames, points),
        stacked(frames) if way == "registered" else np.nan,
        float(np.sqrt((off**2).mean())),
        float(np.abs(off).max()),
        told[found.clouded]["status"] != "used",
    )


def together(
    found: Night, folder: Path, *, coordinates: bool, options: Sequence[str] = ()
) -> tuple[list[np.ndarray], list[dict[str, Any]]]:
    """Run `fastbg together`; the models, (H, W, K) each, and what is told of each frame."""
    from loading import read

    write_night(folder, found, "fits", coordinates=coordinates)
    files, out = sorted(folder.glob("frame*.fits")), folder / "out"
    command = [sys.executable, "-m", "fastbg.cli", "together", *map(str, files), "-o", str(out)]
    done = subprocess.run([*command, "-q", *options], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    models = [read(out / f"{file.stem}_bgModel.fits") for file in files]
    told = json.loads(next(out.glob("*.json")).read_text(encoding="utf-8"))
    return models, told["frames"]


def stacked(frames: Sequence[Frame]) -> float:
    """The error of the default settings on the mean of registered frames, on one flux scale."""
    from fastbg import remove_background

    one = mean_of(frames)
    return error(remove_background(one.image).background, one)


def mean_of(frames: Sequence[Frame]) -> Frame:
    """The mean of registered frames, on one flux scale, where all of them see the sky."""
    valid = np.logical_and.reduce([f.valid for f in frames])
    image = np.mean([f.image / f.scale for f in frames], axis=0, dtype=np.float32)
    image[~valid] = 0
    background = np.mean([f.background / f.scale for f in frames], axis=0, dtype=np.float32)
    noise = np.sqrt(np.mean([(f.noise / f.scale) ** 2 for f in frames], axis=0) / len(frames))
    return Frame(image, background, valid, np.ones_like(frames[0].scale), noise, frames[0].grid)


def _common(wrong: np.ndarray, frames: Sequence[Frame], points: np.ndarray) -> float:
    """The error of the mean of the models over the frames, where all of them see the sky."""
    truth = np.mean([sampled(f.background / f.scale, f, points) for f in frames], axis=0)
    mean = wrong.mean(axis=0)
    return float((np.nanstd(mean, axis=(0, 1)) / np.nanstd(truth, axis=(0, 1))).mean())


def table(names: Sequence[str], shape: Shape, seeds: Sequence[int]) -> Iterator[str]:
    """The lines of a table in Markdown."""
    yield (
        "| sky | frames | relative gradients, in what noise allows | freedoms | common gradient | "
        "default on the stack | flux scale | clouds named |\n|---|---|---|---|---|---|---|---|"
    )
    for name in names:
        for way in WAYS:
            found = [outcome(name, shape, seed, way) for seed in seeds]
            ratios = [each.ratio for each in found]
            common, stack = (
                float(np.median([getattr(each, word) for each in found]))
                for word in ("common", "stack")
            )
            named = sum(each.named for each in found)
            scale, worst = (
                100 * max(getattr(each, word) for each in found)
                for word in ("scale", "worst_scale")
            )
            yield (
                f"| {name} | {way} | {np.median(ratios):.2f} ({max(ratios):.2f}) "
                f"| {np.median([each.freedoms for each in found]):.0f} | {common:.3f} "
                f"| {f'{stack:.3f}' if np.isfinite(stack) else '-'} "
                f"| {scale:.2f} % ({worst:.2f} %) | {named} of {len(found)} |"
            )
