"""What a job on a mosaic tells: one report of plain data for all of its panels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...image.robust import MAD_TO_SIGMA
from ...mosaic.scales import Scales
from ...mosaic.solve import Solution
from ...report.process import peak_memory_bytes
from ...report.report import Report
from ...version import version

DIFFERENT = 1.03
"""Flux scales of panels that differ by more than this factor are told."""


def describe_mosaic(
    names: Sequence[str],
    solution: Solution,
    scales: Scales,
    noise: float,
    reports: Sequence[Report],
    warnings: Sequence[str],
    *,
    match_scale: bool,
) -> Report:
    """The report of a mosaic.

    ``fastbg``
        Version.
    ``settings``
        As in `fastbg.Settings`.
    ``panels``
        Their names: paths, or the numbers of a label image.
    ``scales``
        For each panel, its flux ``scale`` for each channel, relative to the geometric mean over the
        panels that overlaps connect, and the relative ``scale_error``: null where overlaps do not
        tell it, and the scale is 1 then, as it is where it hardly differs.
    ``match_scale``
        Whether corrected panels were brought to one flux scale.
    ``groups``
        The names of the panels that are connected by what they have in common, group by group.
    ``seams``
        For each pair of panels that overlap or meet, their ``panels`` and the step from one to the
        other, ``before`` and ``after``, linear: the root mean square over some places along the
        seam and over the channels; and the ``error`` of the step after.
    ``noise``
        The standard deviation of a pixel of the small copies, linear.
    ``level``
        That of the sky in all panels before the correction: the median of their backgrounds, per
        channel, linear.
    ``images``
        The reports of the corrected images: see `fastbg.report.report`.
    ``warnings``
        Lines for the user, about the mosaic as a whole.
    ``seconds``
        By stage, and ``total``.
    ``peak_memory_bytes``
        The largest resident size of the process so far.
    """
    seconds: dict[str, float] = {}
    for each in reports:
        for stage, spent in each["seconds"].items():
            seconds[stage] = seconds.get(stage, 0) + spent
    return Report(
        fastbg=version(),
        settings=reports[0]["settings"],
        panels=[*names],
        scales=[
            {
                "scale": scale.tolist(),
                "scale_error": [each if np.isfinite(each) else None for each in error.tolist()],
            }
            for scale, error in zip(scales.values, scales.errors, strict=True)
        ],
        match_scale=match_scale,
        groups=[[names[number] for number in group] for group in solution.groups],
        seams=[
            {
                "panels": [names[number] for number in seam.panels],
                "before": seam.before,
                "after": seam.after,
                "error": seam.error,
            }
            for seam in solution.seams
        ],
        noise=noise,
        level=solution.level.tolist(),
        images=[*reports],
        warnings=[*warnings],
        seconds=seconds,
        peak_memory_bytes=peak_memory_bytes(),
    )


def noise_of(small: np.ndarray) -> float:
    """The noise of a pixel of a small copy, (h, w, K), linear: by differences of neighbours."""
    steps = np.diff(small, n=2, axis=1)
    spread = MAD_TO_SIGMA * np.nanmedian(np.abs(steps - np.nanmedian(steps, axis=(0, 1))))
    return float(spread / np.sqrt(6))


def apart(names: Sequence[str], groups: Sequence[Sequence[int]]) -> list[str]:
    """A warning where panels are not connected."""
    if len(groups) == 1:
        return []
    told = "; ".join(" + ".join(names[number] for number in group) for group in groups)
    return [
        f"the panels are in {len(groups)} groups that have no sky in common, each of which was "
        f"brought to the same level by its own sky: {told}"
    ]


def scales_in_words(names: Sequence[str], scales: Scales, *, matched: bool) -> list[str]:
    """Warnings where panels differ in flux, or where that is not known and was to be mended."""
    told = []
    low, high = scales.values.min(), scales.values.max()
    if high / low > DIFFERENT and not matched:
        told.append(
            f"objects are brighter in some panels than in others, by a factor of up to "
            f"{high / low:.3g}: use --match-scale (match_scale in Python), or calibrate the flux"
        )
    unknown = [name for name, known in zip(names, scales.known, strict=True) if not known]
    if matched and unknown:
        told.append(
            f"the overlaps do not tell the flux scale of {', '.join(unknown)}, which stays as it is"
        )
    return told


def step_in_words(seams: Sequence[dict[str, Any]], noise: float) -> str:
    """The steps at all seams, before and after, against the noise."""
    before, after, error = (
        float(np.sqrt(np.mean([seam[what] ** 2 for seam in seams])))
        for what in ("before", "after", "error")
    )
    parts = [each / noise if noise else np.inf for each in (after, error)]
    return (
        f"{before:.2g} before, {after:.2g} after: {parts[0]:.2g} of the noise of a pixel of the "
        f"small copies, and known within {parts[1]:.2g} of it"
    )
