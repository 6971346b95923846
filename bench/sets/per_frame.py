"""Gradients before or after the integration: what is left in the stack, and what rejection finds.

Frames of a night without clouds, some with trails of satellites, are integrated in four ways: as
they are; each corrected alone; corrected together; and together with a reference that has no
gradient. As stacking programs do, each frame is divided by its flux scale (here the true one) and
shifted so that all have one median, Winsorized sigma clipping rejects samples, and the others are
averaged.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from os import times
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from scenes import Shape

from .files import write_frame
from .frames import Frame, generator
from .nights import night
from .references import satellite

TRAILED = (2, 5, 8)
"""The frames that a satellite crosses."""

TRAIL, TRAILED_PART = 5.0, 0.8
"""The brightness of a trail in the noise of a frame, and the part of it from which on it counts."""

LIMIT = 3.0
"""Samples that are farther from the median of the frames, in deviations, are rejected."""

WINSORIZED, CORRECTION, ROUNDS = 1.5, 1.134, 8
"""Deviations are those of samples that are moved to this many of them at most, which makes normal
noise smaller by the correction; and the number of rounds."""

BLOCK = 10
"""Gradients are compared in means of as many pixels a side."""

WAYS: dict[str, tuple[str, ...] | None] = {
    "(a) nothing before": None,
    "(b) each alone": ("batch",),
    "(c) together": ("together",),
    "(d) together, reference": ("together", "--reference"),
}
"""The command and the option of each way."""


@dataclass(frozen=True)
class Outcome:
    """Figures of one way.

    Attributes
    ----------
    left, after : float
        The gradient that is left in the stack, as a part of that of the mean of the frames; and
        what is left of it after the default settings are applied to the stack.
    found, lost : float
        The part of the samples of trails that is rejected, and of all others.
    noise : float
        That of the stack, in that of the mean of all samples without trails.
    seconds : float
        Time of processors for a frame before the integration, start and files included.
    """

    left: float
    after: float
    found: float
    lost: float
    noise: float
    seconds: float


def outcomes(name: str, shape: Shape, seed: int) -> list[Outcome]:
    """The figures of the `WAYS` on one set."""
    found = night(name, shape, seed)
    frames = [f for n, f in enumerate(found.frames) if n != found.clouded]
    trails = np.zeros((len(frames), *shape), np.float32)
    rng = generator("trails", name, seed)
    for number in TRAILED:
        trails[number] = satellite(shape, rng) / 0.7
    trailed = [
        replace(f, image=np.where(f.image == 0, 0, _with_trail(f, t)))
        for f, t in zip(frames, trails, strict=True)
    ]
    with TemporaryDirectory() as folder:
        for number, frame in enumerate(trailed, start=1):
            write_frame(Path(folder) / f"frame{number:02}.fits", frame, coordinates=False)
        reference = Path(folder) / "other" / "reference.fits"
        write_frame(reference, found.reference, coordinates=False)
        done = [corrected(Path(folder), way, reference) for way in WAYS.values()]
    plain = np.mean([f.image / f.scale for f in frames], axis=0)
    return [
        judged(images, trailed, trails > TRAILED_PART, plain, seconds / len(frames))
        for images, seconds in done
    ]


def corrected(
    folder: Path, way: tuple[str, ...] | None, reference: Path
) -> tuple[list[np.ndarray], float]:
    """Frames that were corrected in a way, (H, W, K) each, and the seconds that it took."""
    from loading import read

    files = sorted(folder.glob("frame*.fits"))
    if way is None:
        return [read(file) for file in files], 0.0
    command, *option = way
    with TemporaryDirectory() as out:
        before = times()
        arguments = [*map(str, files), "-o", out, "-q", *option, *[str(reference)] * len(option)]
        ran = [sys.executable, "-m", "fastbg.cli", command, *arguments]
        done = subprocess.run(ran, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr.strip())
        after = times()
        seconds = after.children_user + after.children_system
        seconds -= before.children_user + before.children_system
        return [read(Path(out) / f"{file.stem}_bgSubtracted.fits") for file in files], seconds


def judged(
    images: Sequence[np.ndarray],
    frames: Sequence[Frame],
    trailed: np.ndarray,
    plain: np.ndarray,
    seconds: float,
) -> Outcome:
    """Integrate corrected frames, and compare the stack with what is known."""
    from fastbg import remove_background

    valid = np.logical_and.reduce([f.valid for f in frames])
    samples = np.stack([i / f.scale for i, f in zip(images, frames, strict=True)])
    samples -= np.median(samples[:, valid], axis=1)[:, np.newaxis, np.newaxis]
    samples += np.median(plain[valid], axis=0)
    kept = accepted(samples)
    # What is left of the gradients is free of noise: the frame's true sky less what was taken.
    sky = np.stack(
        [(c - f.image + f.background) / f.scale for c, f in zip(images, frames, strict=True)]
    )
    sky -= np.mean(sky[:, valid], axis=1)[:, np.newaxis, np.newaxis]
    stack, left = (np.mean(s, axis=0, where=kept, dtype=np.float32) for s in (samples, sky))
    truth = np.mean([f.background / f.scale for f in frames], axis=0)
    stack[~valid], plain = 0, np.where(valid[..., np.newaxis], plain, 0)
    one = replace(frames[0], image=stack, background=left, valid=valid)
    model = remove_background(stack).background
    rise = _spread(truth, valid)
    trails = np.broadcast_to(trailed[..., np.newaxis], kept.shape)[:, valid]
    return Outcome(
        float((_spread(left, valid) / rise).mean()),
        float((_spread(left - model, valid) / rise).mean()),
        float(1 - kept[:, valid][trails].mean()),
        float(1 - kept[:, valid][~trails].mean()),
        _noise(one.image, valid) / _noise(plain, valid),
        seconds,
    )


def accepted(samples: np.ndarray) -> np.ndarray:
    """Which samples, (M, H, W, K), Winsorized sigma clipping keeps."""
    middle = np.median(samples, axis=0)
    deviation = samples.std(axis=0)
    for _ in range(ROUNDS):
        reach = WINSORIZED * deviation
        deviation = CORRECTION * np.clip(samples, middle - reach, middle + reach).std(axis=0)
    kept: np.ndarray = np.abs(samples - middle) <= LIMIT * deviation
    return kept


def table(names: Sequence[str], shape: Shape, seeds: Sequence[int]) -> Iterator[str]:
    """The lines of a table in Markdown: medians over the seeds."""
    yield (
        "| sky | way | gradient left | and after the stack was corrected | trails rejected | "
        "others rejected | noise | s a frame |\n|---|---|---|---|---|---|---|---|"
    )
    for name in names:
        found = [outcomes(name, shape, seed) for seed in seeds]
        for number, way in enumerate(WAYS):
            left, after, trails, lost, noise, seconds = (
                float(np.median([getattr(each[number], word) for each in found]))
                for word in ("left", "after", "found", "lost", "noise", "seconds")
            )
            yield (
                f"| {name} | {way} | {left:.3f} | {after:.3f} | {100 * trails:.0f} % "
                f"| {100 * lost:.2f} % | {noise:.3f} | {seconds:.2f} |"
            )


def _with_trail(frame: Frame, trail: np.ndarray) -> np.ndarray:
    light = np.multiply.outer(trail, TRAIL * frame.noise).astype(np.float32)
    return np.minimum(frame.image + light, 1)


def _spread(planes: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """(K,): the deviation of the means of blocks that are valid, of (H, W, K)."""
    rows, columns = (n // BLOCK for n in valid.shape)
    cut = np.s_[: rows * BLOCK, : columns * BLOCK]
    seen = valid[cut].reshape(rows, BLOCK, columns, BLOCK).all(axis=(1, 3))
    means = planes[cut].reshape(rows, BLOCK, columns, BLOCK, -1).mean(axis=(1, 3))
    spread: np.ndarray = means[seen].std(axis=0)
    return spread


def _noise(image: np.ndarray, valid: np.ndarray) -> float:
    """The noise of pixels, from the differences of neighbours."""
    steps = np.diff(image, axis=1)[valid[:, 1:] & valid[:, :-1]]
    return float(np.median(np.abs(steps)))
