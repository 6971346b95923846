"""What `fastbg mosaic` makes of panels: the steps that are left where they overlap."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from scenes import Shape

from .bound import median_noise, sampled
from .files import write_merged, write_mosaic
from .frames import Frame
from .of_steps import seams_of, step_bounds
from .panels import Mosaic, light_of_merged, merged, mosaic

THIRD = 1 / 3

DIMMED = 1.2
"""By up to this factor, transparencies of panels are higher or lower."""


@dataclass(frozen=True)
class Outcome:
    """Figures of one mosaic.

    Attributes
    ----------
    before, steps : list of float
        The root of the mean square of the difference of what is left of two skies where panels
        meet, of each seam, in the noise of a down-scaled pixel; before fastbg and after it.
    left : float
        What is left of the gradient of all panels together, a part of their gradients.
    ratios : list of float
        The steps of each seam after fastbg, in their bound: the root of the mean square over the
        channels. None where there is no bound.
    """

    before: list[float]
    steps: list[float]
    left: float
    ratios: list[float]


def outcome(name: str, shape: Shape, seed: int, across: int, transparency: float = 1.0) -> Outcome:
    """Simulate panels, run `fastbg mosaic`, and compare with the truth, on one flux scale."""
    found = mosaic(name, shape, seed, across, transparency)
    with TemporaryDirectory() as folder:
        write_mosaic(Path(folder), found, "fits")
        files = sorted(Path(folder).glob("panel*.fits"))
        corrected = run(files, Path(folder) / "out")
        report = json.loads((Path(folder) / "out" / "mosaic_report.json").read_text("utf-8"))
    lefts = [
        (c - (p.image - p.background) - report["level"]) / p.scale
        for c, p in zip(corrected, found.panels, strict=True)
    ]
    before = [steps(found, [p.background for p in found.panels], *pair) for pair in found.seams]
    after = [steps(found, lefts, *pair) for pair in found.seams]
    spread, truth = (
        np.concatenate([each[::8, ::8].reshape(-1, each.shape[2]) for each in planes]).std(axis=0)
        for planes in (lefts, [p.background for p in found.panels])
    )
    return Outcome(before, after, float((spread / truth).mean()), [])


def steps(found: Mosaic, lefts: Sequence[np.ndarray], first: int, second: int) -> float:
    """How far the skies of two panels are apart where they overlap, in `noise_of`."""
    one, other = found.panels[first], found.panels[second]
    points = one.grid.pixels()[:, ::4, ::4]
    apart = sampled(lefts[first], one, points) - sampled(lefts[second], other, points)
    return float((np.sqrt(np.nanmean(apart**2, axis=(0, 1))) / noise_of(one)).max())


def noise_of(frame: Frame) -> np.ndarray:
    """(K,): the noise of a pixel of the small copy."""
    from fastbg import Settings

    height, width = frame.valid.shape
    return frame.noise * median_noise(Settings().factor((height, width)))


def outcome_merged(name: str, shape: Shape, seed: int, across: int) -> Outcome:
    """The same of one image whose panels a label image names: at the pixels beside the seams."""
    found, labels = merged(name, shape, seed, across)
    with TemporaryDirectory() as folder:
        write_merged(Path(folder), found, labels, "fits")
        file, panels = Path(folder) / "mosaic.fits", Path(folder) / "panels.fits"
        corrected = run([file], Path(folder) / "out", "--panels", str(panels))[0]
    left = corrected - (found.image - found.background)
    noise = noise_of(found)
    truth = found.background.std(axis=(0, 1))
    before, after = (_across(each, labels) for each in (found.background, left))
    least = step_bounds(found, labels, light_of_merged(name, shape, seed, across))
    return Outcome(
        *([float((step / noise).max()) for step in steps] for steps in (before, after)),
        float((left.std(axis=(0, 1)) / truth).mean()),
        [
            float(np.sqrt(np.mean((step / bound) ** 2)))
            for step, bound in zip(after, least, strict=True)
        ],
    )


def _across(left: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
    """(K,) for each pair of panels of a label image: the root mean square of the step."""
    found = []
    for axis, lines, at in seams_of(labels):
        planes = np.moveaxis(left, axis, 0)
        found.append(np.sqrt(((planes[at] - planes[at - 1])[lines] ** 2).mean(axis=0)))
    return found


def run(files: Sequence[Path], out: Path, *options: str) -> list[np.ndarray]:
    """Run `fastbg mosaic`; the corrected images, (H, W, K) each."""
    from loading import read

    command = [sys.executable, "-m", "fastbg.cli", "mosaic", *map(str, files), "-o", str(out)]
    done = subprocess.run([*command, "-q", *options], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    return [read(out / f"{file.stem}_bgSubtracted.fits") for file in files]


def table(names: Sequence[str], shape: Shape, seeds: Sequence[int]) -> Iterator[str]:
    """The lines of a table in Markdown."""
    yield (
        "| sky | panels | steps before | steps after, median (worst) | in the bound | seams of at "
        "most a third | gradient left |\n|---|---|---|---|---|---|---|"
    )
    dimmed = partial(outcome, transparency=DIMMED)
    ways = {
        "2 x 2": (outcome, 2),
        "3 x 3": (outcome, 3),
        "2 x 2, other transparency": (dimmed, 2),
        "one image": (outcome_merged, 2),
    }
    for name in names:
        for way, (measure, across) in ways.items():
            found = [measure(name, shape, seed, across) for seed in seeds]
            before, after = (
                np.concatenate([getattr(each, word) for each in found])
                for word in ("before", "steps")
            )
            yield (
                f"| {name} | {way} | {np.median(before):.1f} | {np.median(after):.2f} "
                f"({after.max():.2f}) | {_ratio(found)} | {np.sum(after <= THIRD)} of {after.size} "
                f"| {np.median([each.left for each in found]):.3f} |"
            )


def _ratio(found: Sequence[Outcome]) -> str:
    """The root of the mean square of steps in their bounds, over all seams, and the worst one."""
    ratios = np.concatenate([each.ratios for each in found])
    return f"{np.sqrt(np.mean(ratios**2)):.2f} ({ratios.max():.2f})" if ratios.size else "-"
