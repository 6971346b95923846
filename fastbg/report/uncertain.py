"""The doubts of what an image does not tell: its model may be right, but nothing makes sure."""

from __future__ import annotations

from collections.abc import Iterator

from ..diagnostics import Diagnostics
from ..result import Preparation
from ..sky.colour import SMOOTH
from .gradient import Gradient
from .warnings import relative

UNCERTAIN = 0.5
"""The uncertainty is told above this part of the gradient."""

RIVALLED = 0.1
"""So is its part that other choices tell, but not where all channels are multiples of one shape:
its rivals know nothing of colours, and are further off."""

DEPENDENT = 0.08
"""So is its part that the jackknife tells."""

COLOURED = 0.005
"""Above this share of the usable frame below multiples of a shape, the sky may have more colours:
objects lie above the sky."""

PLAIN = 110.0
"""With more contrast than this, colour tells multiples of a shape from objects so plainly that how
much of the sky these hide is no doubt: what the jackknife tells is not told then."""

HIDDEN, INSEPARABLE = 0.5, 0.7
"""That no colour tells objects from the gradient is told where less than the first share of the
usable frame lies on the sky, and the uncertainty is more than the second times that share."""


def uncertain(diagnostics: Diagnostics, prepared: Preparation | None, other: str) -> Iterator[str]:
    """At most one doubt, the one that says most.

    Parameters
    ----------
    diagnostics : Diagnostics
    prepared : Preparation, optional
        The problem that was prepared, unless a model was only applied.
    other : str
        What to compare the model with.
    """
    by_colour = bool(prepared and prepared.sky and prepared.sky.joint)
    plain = by_colour and diagnostics.contrast > PLAIN
    gradient = Gradient(*diagnostics.gradient())

    def above(part: float, deviation: float) -> str:
        """A deviation in words if it is more than a part of the gradient."""
        seen = deviation > least(part, gradient, diagnostics)
        return relative(deviation, gradient.before) if seen else ""

    hidden = _hidden(diagnostics, prepared)
    if hidden and (share := above(INSEPARABLE * (1 - hidden), gradient.uncertainty)):
        colour = "cannot differ" if len(diagnostics.noise) == 1 else "do not differ enough"
        yield (
            f"nothing in this image tells the gradient from objects, which fill {100 * hidden:.3g} "
            f"% of the frame and {colour} from it in colour: the model is uncertain by {share} the "
            "gradient; give fastbg run an image of this sky without a gradient with --reference, "
            "mask the objects, or tell where they are with --protect-at"
        )
    elif not plain and (share := above(UNCERTAIN, gradient.uncertainty)):
        yield (
            f"the model is uncertain by {share} the gradient, for want of sky to fit or of a "
            f"gradient: compare with {other}"
        )
    elif not by_colour and (share := above(RIVALLED, diagnostics.undecided)):
        yield (
            "other surfaces are hardly less likely than the model, and differ from it by "
            f"{share} the gradient: compare with {other}"
        )
    elif not plain and (share := above(DEPENDENT, diagnostics.dependent)):
        yield (
            "the model depends on single parts of the frame: without one of them it changes by "
            f"{share} the gradient; compare with {other}"
        )
    elif by_colour and (below := diagnostics.below - diagnostics.whole_frame.land) > COLOURED:
        yield (
            "the light of the sky may have more colours than the model: "
            f"{100 * below:.2g} % of the usable frame lies below it, where no objects are; compare "
            f"with {other}"
        )


def _hidden(diagnostics: Diagnostics, prepared: Preparation | None) -> float:
    """The share of the frame that objects fill which no colour tells from the gradient.

    0 where it is less than half, and where somebody or another image has told what is sky.
    """
    sky = prepared.sky if prepared else None
    if not prepared or not sky or prepared.masked or sky.samples or sky.compared:
        return 0.0
    alike = diagnostics.contrast < SMOOTH and sky.explained < HIDDEN
    return 1 - sky.explained if alike else 0.0


def least(part: float, gradient: Gradient, diagnostics: Diagnostics) -> float:
    """A part of the gradient; at least half of the noise of a cell, which hides what is less."""
    return max(part * gradient.before, float(diagnostics.noise.mean()) / 2)
