"""What a job on a mosaic tells: one report of plain data for all of its panels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...mosaic.scales import Scales
from ...report.alike import alike
from ...report.report import Report
from ...settings.settings import Settings
from ...version import version
from ...words import listed
from ..batch.tasks import Outcome
from .judged import shared
from .solving import CLOUDED, Solved

HIDDEN_ALIKE = 0.7
"""What panels share is doubtful if it is uncertain by more than this part of their gradients."""

DIFFERENT = 1.03
"""Flux scales of panels that differ by more than this factor are told."""


def describe_mosaic(
    solved: Solved,
    outcomes: Sequence[Outcome],
    settings: Settings,
    warnings: Sequence[str],
    *,
    match_scale: bool,
    preview: str | None,
    seconds: float,
) -> Report:
    """The report of a mosaic.

    ``fastbg``
        Version.
    ``settings``
        As in `fastbg.Settings`.
    ``panels``
        For each panel, what it is called (``panel``): a path, or its number in a label image. Its
        ``status``: used, or clouds (it has hardly any stars), or nothing (it shows nothing of what
        its neighbours show, and is not used), or failed. The
        ``outcome`` of its image, and an ``error`` or null: see `fastbg.jobs.batch.Outcome`. For
        panels that are used, the flux ``scale`` of each channel, relative to the geometric mean
        over the panels that overlaps connect, and the relative ``scale_error``: null where overlaps
        do not tell it, and the scale is 1 then, as it is where it hardly differs.
    ``match_scale``
        Whether corrected panels were brought to one flux scale.
    ``groups``
        The names of the panels that are connected by what they have in common, group by group.
    ``seams``
        For each pair of panels that overlap or meet, their ``panels`` and the step from one to the
        other, ``before`` and ``after``, linear: the root mean square over some places along the
        seam and over the channels; and the ``error`` of the step after.
    ``shared``
        For each group, how ``uncertain`` the gradient is which all of its panels share, and the
        ``gradient`` of a panel: root mean squares, linear.
    ``noise``
        The standard deviation of a pixel of the small copies, linear.
    ``level``
        That of the sky in all panels before the correction: the median of their backgrounds, per
        channel, linear.
    ``images``
        The reports of the images that are corrected: see `fastbg.report.report`.
    ``doubts``
        Lines about what panels share and about the images whose models may be wrong, one for all
        that are alike.
    ``warnings``
        Lines for the user: about the mosaic as a whole, and these.
    ``preview``
        The picture that was drawn, or null.
    ``seconds``
        From the beginning to the end.
    """
    names, solution, scales = solved.names, solved.solution, solved.scales
    ended = {each.path: each.report for each in outcomes}
    images = [found for path in dict.fromkeys(solved.paths) if (found := ended[path])]
    known = shared(solution)
    hidden = hidden_alike([[names[n] for n in group] for group in solution.groups], known)
    clouds = [CLOUDED.format(path) for path in solved.clouded]
    doubts, others = (
        [*alike([(Path(each["input"]).name, of(each)) for each in images], "panels")]
        for of in (_doubts, _others)
    )
    return Report(
        fastbg=version(),
        settings=settings.to_dict(),
        panels=_panels(solved, outcomes),
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
        shared=[{"uncertain": u, "gradient": gradient} for u, gradient in known],
        noise=solved.noise,
        level=solution.level.tolist(),
        images=images,
        doubts=[*hidden, *clouds, *doubts],
        warnings=[
            *warnings,
            *apart(names, solution.groups),
            *scales_in_words(names, scales, matched=match_scale),
            *hidden,
            *clouds,
            *doubts,
            *others,
        ],
        preview=preview,
        seconds=seconds,
    )


def _panels(solved: Solved, outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """``panels`` of a report: those that are used, and then images that are not."""
    ended = {each.path: each for each in outcomes}
    told = {path: {"outcome": each.status, "error": each.error} for path, each in ended.items()}
    rows = [
        {
            "panel": name,
            "status": "clouds" if path in solved.clouded else "used",
            **told[path],
            "scale": scale.tolist(),
            "scale_error": [each if np.isfinite(each) else None for each in error.tolist()],
        }
        for name, path, scale, error in zip(
            *(solved.names, solved.paths, solved.scales.values, solved.scales.errors), strict=True
        )
    ]
    for path in sorted(ended.keys() - {*solved.paths}):
        status = "nothing" if path in solved.hidden else "failed"
        rows.append({"panel": str(path), "status": status, **told[path]})
    return rows


def _doubts(image: Mapping[str, Any]) -> list[str]:
    return [*image["doubts"]]


def _others(image: Mapping[str, Any]) -> list[str]:
    return [line for line in image["warnings"] if line not in image["doubts"]]


def hidden_alike(
    groups: Sequence[Sequence[str]], known: Sequence[tuple[float, float]]
) -> list[str]:
    """A doubt for each group whose panels share what objects hide."""
    return [
        f"objects hide the gradient that {'all panels' if len(groups) == 1 else listed(names)} "
        f"share: it is uncertain by {uncertain / gradient if gradient else np.inf:.2g} times the "
        "gradient of a panel, and only the steps between panels are known: mask the objects, tell "
        "where they are with --protect-at, or add panels with sky"
        for names, (uncertain, gradient) in zip(groups, known, strict=True)
        if uncertain > HIDDEN_ALIKE * gradient
    ]


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
