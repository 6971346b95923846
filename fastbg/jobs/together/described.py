"""What a set tells about itself: its report and its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from ...image.outlines import Outline
from ...io.stream import without_folder
from ...joint.compare import Comparison, Verdict
from ...report.html import set_page
from ...result import Reduced
from ..batch.tasks import Outcome
from .correcting import FrameModel
from .placing import Canvas, OtherFieldError, Placed
from .solving import Common

UNUSABLE = ("another field", "nothing")
"""The verdicts on frames that cannot be corrected."""

WORDS: dict[Verdict, str] = {
    "clouds": "is doubtful, for clouds or fog dim it in parts",
    "another field": "shows another field than the others, or is not registered with them",
    "nothing": "shows nothing of the field of the others, as if all were cloud",
}

MAP = 120
"""The largest width of a map, in pixels."""


def grid(canvas: Canvas, frames: Sequence[Placed]) -> dict[str, Any]:
    """``grid`` of `fastbg.report.together`."""
    height, width = canvas.shape
    return {
        "height": height,
        "width": width,
        "factor": canvas.factor,
        "target": without_folder(str(canvas.target)),
        "registered": canvas.alike,
    }


def frames(
    frames: Sequence[Placed],
    comparison: Comparison,
    common: Common,
    models: Sequence[FrameModel | None],
    outcomes: Sequence[Outcome],
    left_out: Mapping[Path, InputError],
) -> list[dict[str, Any]]:
    """``frames`` of `fastbg.report.together`."""
    rows = []
    ended = {each.path: each for each in outcomes}
    gradients = [
        comparison.surfaces.values(each.coordinates).std(axis=1) for each in comparison.channels
    ]
    for number, (frame, model) in enumerate(zip(frames, models, strict=True)):
        outcome = ended[frame.path]
        row: dict[str, Any] = {
            "input": without_folder(str(frame.path)),
            "date": frame.date,
            "status": comparison.verdicts[number] or "used",
            "outcome": outcome.status,
            "error": outcome.error,
        }
        if model:
            row |= {
                "scale": _of(comparison, "scale", number),
                "scale_error": _of(comparison, "scale_error", number),
                "gradient": [float(each[number]) for each in gradients],
                "gradient_error": _of(comparison, "error", number),
                "level": _median(model).tolist(),
                "scatter_of_scale": float(np.mean(_of(comparison, "patchy", number))),
                "excess": float(np.mean(_of(comparison, "excess", number))),
            }
        row["outputs"] = outcome.report["outputs"] if outcome.report else {}
        rows.append(row)
    known = {frame.path for frame in frames}
    rows += [
        {
            "input": str(e.path),
            "date": "",
            "status": "another field"
            if isinstance(left_out.get(e.path), OtherFieldError)
            else "failed",
            "outcome": e.status,
            "error": e.error,
            "outputs": {},
        }
        for e in outcomes
        if e.path not in known
    ]
    return rows


def common(
    found: Common, reference: str | Path | None, outlines: Sequence[Outline]
) -> dict[str, Any]:
    """``common`` of `fastbg.report.together`."""
    gradient = uncertainty = None
    if found.fitted:
        diagnostics = found.fitted.diagnostics
        gradient, uncertainty = diagnostics.gradient_before.tolist(), diagnostics.uncertain.tolist()
    return {
        "gradient": gradient,
        "uncertainty": uncertainty,
        "median": found.median.tolist(),
        "level": found.level.tolist(),
        "reference": None if reference is None else without_folder(str(reference)),
        "protected": [each.to_dict() for each in outlines],
    }


def pictures(
    comparison: Comparison, common: Common, reduced: Reduced, canvas: Canvas
) -> set_page.Pictures:
    """What the page shows: small maps."""
    h, w = comparison.surfaces.shape
    step = max(1, -(-w // MAP))
    maps = []
    for number in range(len(comparison.verdicts)):
        own = [
            comparison.surfaces.values(each.coordinates[number]).reshape(h, w)[::step, ::step]
            for each in comparison.channels
        ]
        maps.append(np.stack(own))
    small = np.moveaxis(reduced.small, 2, 0)
    mean = np.where(np.isnan(small), np.nan, reduced.own.invert(small)[0])
    shape = mean.shape[1:]
    y, x = (np.arange(size) + 0.5 for size in shape)
    points = np.stack(np.meshgrid(y / shape[0], x / shape[1], indexing="ij"), axis=-1)
    shared = common.spline.values(points.reshape(-1, 2)).T.reshape(mean.shape)
    return set_page.Pictures(maps, mean, shared)


def _of(comparison: Comparison, name: str, number: int) -> list[float]:
    """One number of a frame for each channel."""
    return [float(getattr(each, name)[number]) for each in comparison.channels]


def _median(found: FrameModel) -> np.ndarray:
    middle = (np.arange(24) + 0.5) / 24
    points = np.stack(np.meshgrid(middle, middle, indexing="ij"), axis=-1).reshape(-1, 2)
    return np.median(found.model.evaluate(points), axis=0)
