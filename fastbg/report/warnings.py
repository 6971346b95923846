"""The warnings of a job: one line each, with the cause and the cure."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..diagnostics import Diagnostics
from ..image.frame import Frame
from ..image.image import Image
from ..io.image_file import White
from ..pipeline import Job
from ..result import Applied, Corrected, Fitted, Preparation, SkySummary
from ..settings.settings import Settings
from ..words import explained_by_sky

LITTLE_SKY = 0.15
"""The share of the frame on the sky that was found, below which that is told to be doubtful."""

LEFT, UNCERTAIN = 0.2, 0.3
"""The gradient that is left, and the uncertainty, are told above this part of the gradient."""

BELOW = 0.1
"""The share of the frame below the model that is told."""

FOLLOWS = 0.5
"""The correlation of the model with objects that is told."""

SAME_ASPECT = 0.01
"""By how much the proportions of an image and of a model may differ without a warning."""


def warnings_of(
    job: Job,
    frame: Frame,
    begun: Preparation | Applied,
    fitted: Fitted | None = None,
    corrected: Corrected | None = None,
    white: White | None = None,
) -> list[str]:
    """All lines of a job but those of the reader; parameters as for `report.describe`."""
    lines = [*job.warnings]
    if white:
        lines += _unknown_unit(white)
    if isinstance(begun, Applied):
        lines += _other_proportions(begun, frame.image)
    if corrected:
        lines += _outside(corrected)
    if not isinstance(begun, Applied):
        lines += _idle(job.settings)
        if begun.sky:
            lines += _little_sky(begun.sky)
    if fitted:
        lines += _doubts(fitted.diagnostics)
        if fitted.fit.descent.reason == "diverged":
            lines.append("the descent diverged and its best step was kept: lower the learning rate")
    return lines


def _unknown_unit(white: White) -> Iterator[str]:
    if white.how == "guessed" and white.value not in (1, 65535):
        yield (
            "the file does not tell its white, and its samples are neither in [0, 1] nor counts "
            f"of 16 bits: {white.value:g} was taken, set white if another is right"
        )


def _other_proportions(applied: Applied, image: Image) -> Iterator[str]:
    height, width = applied.model.shape
    if abs(image.shape[0] * width / (image.shape[1] * height) - 1) > SAME_ASPECT:
        yield (
            f"the model was fitted to an image of {width} x {height} pixels, of other proportions: "
            "it is stretched to fit"
        )
    for channel, median in enumerate(applied.measured.median, start=1):
        if np.isnan(median):
            yield f"channel {channel} has no valid sample and stays as it is"


def _outside(corrected: Corrected) -> Iterator[str]:
    clipped = corrected.clipped
    fate = "they were clipped: write float32 to keep them" if clipped else "nothing was clipped"
    plan = corrected.plan
    if plan.clamped:
        yield (
            f"{_share(plan.clamped, plan.correction.image)} of the model lay outside the stretch "
            "and were clamped to its ends: raise the quantile if bright sky is affected"
        )
    for count, where in ((corrected.below_0, "below 0"), (corrected.above_1, "above 1")):
        if count:
            share = _share(count, plan.stored.image)
            yield f"{share} of the corrected image are {where}; {fate}"


def _share(count: int, image: Image) -> str:
    samples = image.channels * math.prod(image.shape)
    return f"{count} samples ({100 * count / samples:.3g} %)"


def _idle(settings: Settings) -> Iterator[str]:
    if settings.idle:
        yield (
            f"{', '.join(settings.idle)} had no effect: give a number of control points for a "
            "descent, and the optimizer adam for a learning rate"
        )


def _little_sky(sky: SkySummary) -> Iterator[str]:
    if sky.explained < LITTLE_SKY:
        yield (
            f"only {explained_by_sky(sky.explained)}: look at the model, and mask the objects if "
            "it follows them"
        )


def _doubts(diagnostics: Diagnostics) -> Iterator[str]:
    before, after, uncertainty = diagnostics.gradient()
    noise = np.mean(diagnostics.noise)
    if after > max(LEFT * before, noise):
        yield (
            f"a gradient seems to be left, {100 * after / max(before, after):.0f} % of it: "
            "compare with other control points, or with auto"
        )
    if diagnostics.below > BELOW:
        yield (
            f"{100 * diagnostics.below:.0f} % of the frame lies below the model: if that is sky, "
            "the model took too much; mask landscapes and dark dust"
        )
    if diagnostics.follows > FOLLOWS:
        yield (
            "the model rises where objects were excluded, and may have taken their halos for sky: "
            "look at it, and mask more around them"
        )
    if uncertainty > max(UNCERTAIN * before, noise):
        yield (
            f"the model is uncertain by {100 * uncertainty / max(before, uncertainty):.0f} % of "
            "the gradient: there is little sky to fit, or there are many control points"
        )
