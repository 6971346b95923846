"""The report of a set of frames that were corrected together: one dict of plain numbers and text.

``fastbg``, ``settings``
    As in `fastbg.report.report`.
``grid``
    The ``height`` and ``width`` in pixels of the grid on which frames were compared, the side of
    its blocks, ``factor``, the frame in whose pixels it is, ``target``, and whether all frames are
    on it as they are, ``registered``.
``choices``
    The ``reference_frame`` or null; whether the common gradient was left, ``relative``; whether
    frames have one flux scale, ``match_scale``; and ``scales_known``, whether detail told them.
``frames``
    In the order of time, where that is known: ``input``, ``date``; ``status``: "used" in the mean,
    or "clouds", "another field", "nothing"; ``outcome``: see `fastbg.jobs.batch.Outcome`, with its
    ``error``; ``scale``, the flux relative to that of the set, with ``scale_error``; ``gradient``,
    the standard deviation of what is its own, linear, with ``gradient_error``, its standard error
    by the noise; ``level``, the median of its background, linear; ``scatter_of_scale`` over the
    frame beyond its errors; ``excess`` of what is left in cells over noise; ``outputs``.
``common``
    What all share: its ``gradient``, the standard deviation, and ``median``, linear; the ``level``
    of the sky of all corrected frames; the ``uncertainty`` of the gradient, a root mean square; the
    ``reference`` that told it, or null; and the objects that were ``protected`` in the mean, in
    pixels of the grid, as in `fastbg.report.report`. Gradient and uncertainty are null where it was
    left.
``doubts``
    Those of the warnings that tell why the common gradient may be wrong.
``warnings``
    Lines for the user.
``seconds``
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..settings.settings import Settings
from ..version import version
from .report import Report

SCALES_UNKNOWN = (
    "no detail is common to the frames, which would tell their flux scales: all are taken for 1"
)


def describe(
    *,
    settings: Settings,
    grid: Mapping[str, Any],
    frames: Sequence[Mapping[str, Any]],
    common: Mapping[str, Any],
    choices: Mapping[str, Any],
    doubts: Sequence[str],
    warnings: Sequence[str],
    seconds: float,
) -> Report:
    """The report of a set."""
    told = [SCALES_UNKNOWN] if not choices["scales_known"] else []
    told += [
        f"{each['input']}: {_CAUSES[each['status']]}: it was {_fate(each['outcome'])}"
        for each in frames
        if each["status"] in _CAUSES
    ]
    return Report(
        fastbg=version(),
        settings=settings.to_dict(),
        grid=dict(grid),
        choices=dict(choices),
        frames=[dict(each) for each in frames],
        common=dict(common),
        doubts=[*doubts],
        warnings=[*told, *doubts, *warnings],
        seconds=seconds,
    )


_CAUSES = {
    "clouds": "clouds or fog dim it in parts",
    "another field": "it shows another field, or is not registered",
    "nothing": "it shows nothing of the field, as if all were cloud",
}


def _fate(outcome: str) -> str:
    corrected = outcome in ("done", "skipped")
    return "corrected, and kept out of the mean" if corrected else "not corrected"
