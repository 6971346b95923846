"""The warnings of a job that are no doubts: one line each, with the cause and the cure."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..diagnostics import Diagnostics
from ..image.frame import Frame
from ..image.image import Image
from ..io.image_file import White
from ..pipeline import Job
from ..reference.sky import Compared
from ..result import Applied, Corrected, Fitted, Preparation, SkySummary
from ..settings.settings import Settings
from .files import Files
from .gradient import is_flat
from .idle import idle

DISPLACED = 1.0
"""A reference is told to be displaced above so many pixels."""

DIFFERENT = 0.005
"""The share of the usable frame that differs from a reference, above which that is told."""

MOST_TIMES = 1e3
"""Larger ratios tell that what is divided by is nearly zero, and are no numbers to print."""


def warnings_of(
    job: Job,
    frame: Frame,
    begun: Preparation | Applied,
    fitted: Fitted | None = None,
    corrected: Corrected | None = None,
    files: Files | None = None,
) -> list[str]:
    """The lines of a job but its doubts and those of the reader; parameters as for `describe`."""
    lines = [*job.warnings]
    if files and files.white:
        lines += _unknown_unit(files.white)
    lines += _clipped(frame, job.settings)
    lines += _border(frame)
    if isinstance(begun, Applied):
        lines += _empty_channels(begun)
    elif begun.sky:
        lines += _unused_samples(begun.sky)
        if begun.sky.compared:
            lines += _of_reference(begun.sky.compared)
        lines += guesses(job.settings, begun.sky)
    if fitted:
        lines += _hardly(fitted.diagnostics)
    if corrected:
        descends = isinstance(begun, Preparation) and job.settings.control_points > 0
        lines += _outside(corrected, descends=descends)
    lines += idle(job, begun, files, fits=bool(fitted), corrects=bool(corrected))
    return lines


def guesses(settings: Settings, sky: SkySummary | None) -> Iterator[str]:
    """What of a model is a guess because little sky is seen; nothing of the end of a descent."""
    if sky is None or settings.control_points:
        return
    cure = "paint what you know to be sky (--sky)"
    if not sky.compared:
        cure += ", or give an image of this sky without a gradient (--reference)"
    if sky.halo:
        yield (
            "the light around a saturated area hides the sky: the model is the mean of two "
            "guesses, the surface that was found and the sky behind a halo that fades with the "
            f"distance; {cure}"
        )
    if sky.guessed:
        yield (
            "little of the frame is sky, and the background behind the rest is a guess, from how "
            f"light fades around objects or from the one colour of stars; {cure}"
        )


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
        what = f"{100 * border.share(frame.samples.shape):.3g} % of the image"
        left = "not fitted, and left as it is"
        if border.told:
            yield f"{what} is no sky, as {' and '.join(border.told)} tell: {left}"
        elif border.fill:
            yield f"{what} is a border that was filled with one value: {left}"
        else:
            yield f"{what} is a border of another level without stars: {left}; crop it away"


def _empty_channels(applied: Applied) -> Iterator[str]:
    for channel, median in enumerate(applied.measured.median, start=1):
        if np.isnan(median):
            yield f"channel {channel} has no valid sample and stays as it is"


def _unused_samples(sky: SkySummary) -> Iterator[str]:
    numbered = enumerate(sky.samples, start=1)
    left = [(number, each.why) for number, each in numbered if not each.used]
    if left:
        (number, why), several = left[0], len(left) > 1
        are, more, them = ("are", ", and so on", "them") if several else ("is", "", "it")
        yield (
            f"{len(left)} of {len(sky.samples)} samples {are} not used, as number {number}: {why}"
            f"{more}; a preview shows {them}, and the report lists {them}"
        )


def _of_reference(compared: Compared) -> Iterator[str]:
    if compared.note:
        yield f"the reference {compared.note}"
    down, right = compared.displaced
    if math.hypot(down, right) > DISPLACED:
        ways = ("down", "up")[down < 0], ("to the right", "to the left")[right < 0]
        yield (
            f"the reference seems to be displaced by {abs(down):.2g} pixels {ways[0]} and "
            f"{abs(right):.2g} {ways[1]}: the edges of bright objects are left out; register it"
        )
    if compared.differs > DIFFERENT:
        yield (
            f"{100 * compared.differs:.3g} % of the usable frame differs from the reference "
            "otherwise than by a gradient, as satellites, saturated stars and what moves do, and "
            "was left out"
        )
    by_colours = compared.seen == "colours"
    if max(compared.taken, by_colours) < compared.degree:
        taken = "a plane" if compared.taken or by_colours else "its level"
        yield (
            f"the image shows too little sky of its own ({100 * compared.sky:.2g} % of the usable "
            f"frame): apart from {taken}, a gradient of the reference stays in the result"
        )


def _hardly(diagnostics: Diagnostics) -> Iterator[str]:
    if is_flat(diagnostics):
        before, _, uncertain = diagnostics.gradient()
        times = before / float(diagnostics.noise.mean())
        yield (
            f"there is hardly a gradient: its standard deviation is {times:.2g} times the noise of "
            "one of the cells in which the sky is measured, and the model is uncertain by "
            f"{relative(uncertain, before)} it; what is left cannot be seen"
        )


def _outside(corrected: Corrected, *, descends: bool) -> Iterator[str]:
    plan = corrected.plan
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


def relative(part: float, whole: float) -> str:
    """How large a part is, to be followed by the name of the whole."""
    if part > whole:
        times = part / whole if whole else math.inf
        if times >= MOST_TIMES:
            return "far more than"
        return f"{times:.{1 if times < 10 else 0}f} times"
    return f"{100 * part / whole:.3g} % of"
