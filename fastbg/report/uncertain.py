"""The doubts of what an image does not tell: its model may be right, but nothing makes sure.

Five figures of the diagnostics tell together whether a model is off by more than a tenth of the
gradient, by a logistic regression: the logarithm of each counts with a weight. So a figure
that is a little high on its own is no doubt, and several are one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isnan, log, nan

from ..diagnostics import Diagnostics
from ..diagnostics.whole_frame import WholeFrame
from ..result import Preparation
from ..sky.colour import SMOOTH
from . import corners
from .cures import Cures
from .gradient import Gradient, least
from .warnings import relative


@dataclass(frozen=True)
class Figure:
    """What a figure tells of a model.

    Attributes
    ----------
    weight : float
        Of its logarithm in the log odds that the model is off.
    low, high : float
        Between them it tells something; all that is lower, or higher, is the same.
    usual : float
        The geometric mean over good models.
    """

    weight: float
    low: float
    usual: float
    high: float

    def evidence(self, value: float) -> float:
        """What a value adds to the log odds; none if it is unknown."""
        known = self.usual if isnan(value) else min(max(value, self.low), self.high)
        return self.weight * log(known / self.usual)


FIGURES = {
    "uncertain": Figure(0.7, 0.01, 0.07, 3.0),
    "undecided": Figure(1.7, 0.02, 0.025, 1.0),
    "dependent": Figure(1.2, 0.001, 0.014, 1.0),
    "corner": Figure(0.7, 0.01, 0.03, 3.0),
    "below": Figure(1.0, 1e-4, 2e-4, 0.02),
}
"""The uncertainty of the model, its parts that other choices and the jackknife tell, and the light
that is left in the brightest corner, in units of the gradient; the share of the frame below the
model."""

DOUBTED = 4.75
"""The sum of the evidence that is told. At 5.6, a model is as likely off as not."""

SHARE = 0.03
"""The share of the frame below the model that is named: less is evidence, but little to look for.
Below multiples of one shape any share is named, for the sky may have more colours."""

OUTLINE = 0.25
"""Less than this share of the frame below the model, and land, may be the outline of that."""

HIDDEN, INSEPARABLE = 0.5, 0.7
"""That no colour tells objects from the gradient is told where less than the first share of the
usable frame lies on the sky, and the uncertainty is more than the second times that share."""


def uncertain(
    diagnostics: Diagnostics, prepared: Preparation | None, cures: Cures
) -> Iterator[str]:
    """At most one doubt, the one that says most.

    Parameters
    ----------
    diagnostics : Diagnostics
    prepared : Preparation, optional
        The problem that was prepared, unless a model was only applied.
    cures : Cures
    """
    gradient = Gradient(*diagnostics.gradient())
    hidden = _hidden(diagnostics, prepared)
    if hidden and gradient.uncertainty > least(INSEPARABLE * (1 - hidden), diagnostics):
        colour = "cannot differ" if len(diagnostics.noise) == 1 else "do not differ enough"
        share = relative(gradient.uncertainty, gradient.before)
        yield (
            f"nothing in this image tells the gradient from objects, which fill {100 * hidden:.3g} "
            f"% of the frame and {colour} from it in colour: the model is uncertain by {share} the "
            "gradient; give fastbg run an image of this sky without a gradient with --reference, "
            "mask the objects, or tell where they are with --protect-at"
        )
        return
    by_colour = bool(prepared and prepared.sky and prepared.sky.joint)
    evidence = evidence_of(diagnostics, by_colour=by_colour)
    if sum(evidence.values()) > DOUBTED:
        if not by_colour and diagnostics.below - diagnostics.whole_frame.land < SHARE:
            del evidence["below"]
        most = max(evidence, key=lambda name: evidence[name])
        yield _in_words(most, diagnostics, cures, by_colour=by_colour)


def evidence_of(diagnostics: Diagnostics, *, by_colour: bool) -> dict[str, float]:
    """What each of `FIGURES` tells of a model.

    Where there is land, the cells on its outline lie below the model as well.

    Parameters
    ----------
    diagnostics : Diagnostics
    by_colour : bool
        Whether all channels are multiples of one shape: its rivals know nothing of colours, and
        tell nothing.
    """
    _, _, uncertainty = diagnostics.gradient()
    unit, frame = least(1, diagnostics), diagnostics.whole_frame
    below = diagnostics.below - frame.land
    values = {
        "uncertain": uncertainty / unit,
        "undecided": nan if by_colour else diagnostics.undecided / unit,
        "dependent": diagnostics.dependent / unit,
        "corner": _brightest(frame) / unit,
        "below": nan if frame.land and below < OUTLINE else below,
    }
    return {name: figure.evidence(values[name]) for name, figure in FIGURES.items()}


def _in_words(figure: str, diagnostics: Diagnostics, cures: Cures, *, by_colour: bool) -> str:
    """The doubt whose main evidence is a figure."""
    before, _, uncertainty = diagnostics.gradient()
    frame, other = diagnostics.whole_frame, cures.other
    if figure == "uncertain":
        return (
            f"the model is uncertain by {relative(uncertainty, before)} the gradient, for want of "
            f"sky to fit or of a gradient: compare with {other}"
        )
    if figure == "undecided":
        return (
            "other surfaces are hardly less likely than the model, and differ from it by "
            f"{relative(diagnostics.undecided, before)} the gradient: compare with {other}"
        )
    if figure == "dependent":
        return (
            "the model depends on single parts of the frame: without one of them it changes by "
            f"{relative(diagnostics.dependent, before)} the gradient; compare with {other}"
        )
    if figure == "corner":
        brightest = _brightest(frame)
        these = frame.corners_after.mean(axis=2) == brightest
        return corners.left(these, "brighter", brightest, before, cures)
    below = diagnostics.below - frame.land
    lies = f"{100 * below:.3g} % of the usable frame lies below"
    if by_colour:
        return (
            f"the light of the sky may have more colours than the model: {lies} it, where no "
            f"objects are; compare with {other}"
        )
    return (
        f"{lies} the model: {cures.hide} landscapes and dark dust; if it is sky, the model took "
        f"too much, so compare with {other}"
    )


def _brightest(frame: WholeFrame) -> float:
    """The level of the brightest corner after, a mean over the channels; NaN if none is seen."""
    levels = frame.corners_after.mean(axis=2).ravel().tolist()
    return max((level for level in levels if not isnan(level)), default=nan)


def _hidden(diagnostics: Diagnostics, prepared: Preparation | None) -> float:
    """The share of the frame that objects fill which no colour tells from the gradient.

    0 where it is less than half, and where somebody or another image has told what is sky.
    """
    sky = prepared.sky if prepared else None
    if not prepared or not sky or prepared.masked or sky.samples or sky.compared:
        return 0.0
    alike = diagnostics.contrast < SMOOTH and sky.explained < HIDDEN
    return 1 - sky.explained if alike else 0.0
