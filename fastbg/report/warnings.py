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
from .files import Files
from .gradient import Gradient
from .idle import idle

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
    files: Files | None = None,
) -> list[str]:
    """All lines of a job but those of the reader; parameters as for `report.describe`."""
    lines = [*job.warnings]
    if files and files.white:
        lines += _unknown_unit(files.white)
    lines += _clipped(frame, job.settings)
    lines += _border(frame)
    if isinstance(begun, Applied):
        lines += _other_proportions(begun, frame.image)
    if corrected:
        lines += _outside(corrected, begun, job.settings.control_points)
    lines += idle(job, begun, files, fits=bool(fitted), corrects=bool(corrected))
    if isinstance(begun, Preparation) and begun.sky:
        lines += _little_sky(begun.sky)
    if fitted:
        lines += _doubts(fitted.diagnostics, job.settings)
        if fitted.fit.descent.reason == "diverged":
            lines.append(_diverged(job.settings))
    return lines


def _unknown_unit(white: White) -> Iterator[str]:
    if white.how == "guessed" and white.value not in (1, 65535):
        yield (
            "the file does not tell its white, and its samples are neither in [0, 1] nor counts "
            f"of 16 bits: {white.value:g} was taken, set white if another is right"
        )


def _clipped(frame: Frame, settings: Settings) -> Iterator[str]:
    if frame.clipped:
        how = (
            "a median of them is right where less than half are"
            if settings.downscaling_func == "median"
            else "their means are too high: use the median"
        )
        yield (
            f"{100 * frame.clipped:.2g} % of the samples are exactly 0 and scattered in the sky, "
            f"which is clipped there: {how}; add a pedestal when the image is calibrated"
        )


def _border(frame: Frame) -> Iterator[str]:
    border = frame.border
    if border:
        what = f"{100 * border.share(frame.samples.shape):.2g} % of the image"
        left = "not fitted, and left as it is"
        if border.told:
            yield f"{what} is no sky, as {' and '.join(border.told)} tell: {left}"
        elif border.fill:
            yield f"{what} is a border that was filled with one value: {left}"
        else:
            yield f"{what} is a border of another level without stars: {left}; crop it away"


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


def _outside(
    corrected: Corrected, begun: Preparation | Applied, control_points: int
) -> Iterator[str]:
    plan = corrected.plan
    descends = isinstance(begun, Preparation) and control_points > 0
    look = "look at it, for it is a guess there"
    above = "raise the quantile" if descends else look
    ends = (plan.clamped_below, "below", look), (plan.clamped_above, "above", above)
    for count, end, cure in ends:
        if count:
            share = _share(count, plan.correction.image)
            yield f"{share} of the model lay {end} the stretch and were clamped to its ends: {cure}"
    clipped = corrected.clipped
    fate = "they were clipped: write float32 to keep them" if clipped else "nothing was clipped"
    for count, where in ((corrected.below_0, "below 0"), (corrected.above_1, "above 1")):
        if count:
            share = _share(count, plan.stored.image)
            yield f"{share} of the corrected image are {where}; {fate}"


def _share(count: int, image: Image) -> str:
    samples = image.channels * math.prod(image.shape)
    return f"{count} samples ({100 * count / samples:.3g} %)"


def _little_sky(sky: SkySummary) -> Iterator[str]:
    if sky.explained < LITTLE_SKY:
        yield (
            f"only {explained_by_sky(sky.explained)}: look at the model, and mask the objects if "
            "it follows them"
        )


def _doubts(diagnostics: Diagnostics, settings: Settings) -> Iterator[str]:
    gradient = Gradient(*diagnostics.gradient())
    noise = np.mean(diagnostics.noise)
    other = _other(settings)
    if gradient.after > max(LEFT * gradient.before, noise):
        share = _relative(gradient.after, gradient.before)
        yield f"a gradient seems to be left, {share} what was there: compare with {other}"
    if diagnostics.below > BELOW:
        yield (
            f"{100 * diagnostics.below:.3g} % of the usable frame lies below the model: mask "
            "landscapes and dark dust; if it is sky, the model took too much, so compare with "
            f"{other}"
        )
    if diagnostics.follows > FOLLOWS:
        yield (
            "the model rises where objects were excluded, and may have taken their halos for sky: "
            "look at it, and draw a larger mask over them"
        )
    if gradient.uncertainty > max(UNCERTAIN * gradient.before, noise):
        share = _relative(gradient.uncertainty, gradient.before)
        yield (
            f"the model is uncertain by {share} the gradient, for want of sky to fit or of a "
            f"gradient: compare with {other}"
        )


def _relative(part: float, whole: float) -> str:
    """How large a part is, to be followed by the name of the whole."""
    if part > whole:
        return f"{part / whole:.2g} times" if whole else "by far more than"
    return f"{100 * part / whole:.3g} % of"


def _other(settings: Settings) -> str:
    """What to compare a doubtful model with."""
    if settings.control_points:
        return "another number of control points, or with auto"
    return f"the protection {'strong' if settings.protect == 'auto' else 'auto'}"


def _diverged(settings: Settings) -> str:
    is_adam = settings.optimizer == "adam"
    cure = "lower the learning rate" if is_adam else f"compare with {_other(settings)}"
    return f"the descent diverged and its best step was kept: {cure}"
