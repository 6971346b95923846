"""The doubts of a job: the warnings that its model may be wrong, which a strict job refuses.

Each is one line, with the cause and the cure. docs/results.md tells what they mean, and ``python
bench judgement`` how often they are right.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..diagnostics import Diagnostics
from ..diagnostics.whole_frame import WholeFrame
from ..image.image import Image
from ..reference.sky import Compared
from ..result import Applied, Fitted, Preparation, SkySummary
from ..settings.settings import Settings
from ..words import explained_by_sky
from . import corners
from .cures import Cures, other_than
from .gradient import Gradient, least
from .uncertain import uncertain
from .warnings import MOST_TIMES, relative

WIDER = 1.1
"""A sky that is this many times as wide as before has become worse."""

DARKER = 0.3
"""So has a corner, or the surround of objects, that is darker by this part of the gradient."""

LEFT = 0.2
"""The gradient that is left is told above this part of the gradient."""

LITTLE_SKY = 0.05
"""The share of the usable frame on the sky that was found, below which that is told."""

FOLLOWS = 0.37
"""The correlation of the model with objects that is told."""

COVERED = 0.98
"""The least share of an image that a reference covers without a doubt."""

OWN = 0.08
"""A gradient that a reference seems to have is told above this part of that of the image."""

INEXACT = 0.1
"""What a reference leaves uncertain is told above this part of the gradient."""

ALIKE = 0.6
"""The share of the usable frame that is sky in the difference from a reference, below which that is
told: nothing but a gradient should be left."""

SAME_ASPECT = 0.01
"""By how much the proportions of an image and of a model may differ without a doubt."""


def doubts_of(
    settings: Settings,
    begun: Preparation | Applied,
    fitted: Fitted | None = None,
    image: Image | None = None,
) -> list[str]:
    """All doubts, those that the frame got worse first.

    Parameters
    ----------
    settings : Settings
    begun : Preparation or Applied
        The problem that was prepared, or the model that is applied.
    fitted : Fitted, optional
    image : Image, optional
        The image that a model is applied to.
    """
    cures = Cures.of(settings, begun)
    lines = [*worsening(settings, begun, fitted)]
    if fitted:
        prepared = begun if isinstance(begun, Preparation) else None
        # What is left on purpose is no doubt.
        full = fitted.diagnostics.full or fitted.diagnostics
        lines += _dark_corners(full, cures)
        lines += _of_model(full, cures)
        lines += uncertain(full, prepared, cures)
        if fitted.fit.descent.reason == "diverged":
            lines.append(_diverged(settings))
    if isinstance(begun, Applied):
        lines += _other_proportions(begun, image)
    elif begun.sky:
        if begun.sky.compared:
            lines += _of_reference(begun.sky.compared, begun.sky.explained, fitted)
        lines += _of_search(begun.sky, cures)
        if settings.control_points and begun.sky.seams:
            lines.append(_one_surface(len(begun.sky.seams) + 1))
    return lines


def worsening(
    settings: Settings, begun: Preparation | Applied, fitted: Fitted | None = None
) -> Iterator[str]:
    """The doubts that say that the frame got worse; parameters as for `doubts_of`."""
    if isinstance(begun, Applied):
        cure = "fit a model to this image, or rescale this one"
        yield from _wider(begun.whole_frame, f"the model does not fit it: {cure}")
    elif fitted:
        cures = Cures.of(settings, begun)
        cure = f"{cures.hide} what is no sky, or compare with {cures.other}"
        yield from _wider(fitted.diagnostics.whole_frame, f"do not use the result, {cure}")
        yield from _darker(fitted.diagnostics, cures)


def _wider(frame: WholeFrame, advice: str) -> Iterator[str]:
    if frame.widening > WIDER:
        known = frame.widening < MOST_TIMES
        wider = f"{frame.widening:.2g} times as wide as" if known else "far wider than"
        yield f"the frame got worse: its sky is {wider} before; {advice}"


def _darker(diagnostics: Diagnostics, cures: Cures) -> Iterator[str]:
    frame, gradient = diagnostics.whole_frame, Gradient(*diagnostics.gradient())
    limit = least(DARKER, diagnostics)
    before, after = frame.corners_before.mean(axis=2), frame.corners_after.mean(axis=2)
    dark = (after < -limit) & (after < before)
    if dark.any():
        yield (
            f"the frame got worse: {corners.named(dark)} now darker than the sky by "
            f"{relative(-after[dark].min(), gradient.before)} the gradient; {cures.hide} what is "
            f"no sky there, or compare with {cures.other}"
        )
    # In a gradient that is left on purpose, objects may lie where the sky is dark.
    both = diagnostics, diagnostics.full or diagnostics
    beside = max(float(each.whole_frame.beside_objects.mean()) for each in both)
    if beside < -limit:
        yield (
            "the frame got worse: the sky beside objects is now darker than elsewhere by "
            f"{relative(-beside, gradient.before)} the gradient; {cures.hide_more} them, or "
            f"compare with {cures.other}"
        )


def _dark_corners(diagnostics: Diagnostics, cures: Cures) -> Iterator[str]:
    frame, gradient = diagnostics.whole_frame, Gradient(*diagnostics.gradient())
    before, after = frame.corners_before.mean(axis=2), frame.corners_after.mean(axis=2)
    dark = (after < -least(DARKER, diagnostics)) & (after >= before)
    if dark.any():
        by = -float(after[dark].min())
        yield corners.left(dark, "darker", by, gradient.before, cures)


def _of_model(diagnostics: Diagnostics, cures: Cures) -> Iterator[str]:
    gradient = Gradient(*diagnostics.gradient())
    before = gradient.before
    if gradient.after > least(LEFT, diagnostics):
        yield (
            f"a gradient seems to be left, {relative(gradient.after, before)} what was there: "
            f"compare with {cures.other}"
        )
    if diagnostics.follows > FOLLOWS:
        yield (
            "the model rises where objects were excluded, and may have taken their halos for sky: "
            f"look at it, and {cures.hide_more} them"
        )


def _of_search(sky: SkySummary, cures: Cures) -> Iterator[str]:
    yield from sky.doubts
    if sky.explained < LITTLE_SKY:
        yield (
            f"only {explained_by_sky(sky.explained)}: look at the model, and {cures.hide} the "
            "objects if it follows them"
        )


def _of_reference(compared: Compared, explained: float, fitted: Fitted | None) -> Iterator[str]:
    yield from compared.doubts
    before = fitted.diagnostics.gradient()[0] if fitted else np.inf
    if compared.left > OWN * before:
        more = "a plane" if not compared.degree else "a polynomial of degree 2"
        degree = compared.degree + 1
        cure = f"the reference degree {degree} takes {more} out of it, or do that before"
        yield (
            f"the reference seems to have a gradient of its own, {relative(compared.left, before)} "
            f"that of the image: {cure}"
        )
    if fitted and compared.uncertain > INEXACT * before:
        yield (
            "the reference leaves the model uncertain by "
            f"{relative(compared.uncertain, before)} the gradient, for its scale, or its own "
            "gradient, is not known better: give one with less noise, or the reference scale by "
            "hand"
        )
    if compared.covers < COVERED:
        yield (
            f"the reference covers {100 * compared.covers:.3g} % of the image: beyond it the model "
            "is continued, so look at it there, or give a reference that shows all of it"
        )
    if explained < ALIKE:
        yield (
            f"only {100 * explained:.3g} % of the usable frame is sky once the light of the "
            "reference is taken out of it: it may be of another field, or through another filter"
        )


def _other_proportions(applied: Applied, image: Image | None) -> Iterator[str]:
    height, width = applied.model.shape
    rows, columns = image.shape if image else applied.model.shape
    if abs(rows * width / (columns * height) - 1) > SAME_ASPECT:
        yield (
            f"the model was fitted to an image of {width} x {height} pixels, of other proportions: "
            "it is stretched to fit"
        )


def _diverged(settings: Settings) -> str:
    is_adam = settings.optimizer == "adam"
    cure = "lower the learning rate" if is_adam else f"compare with {other_than(settings)}"
    return f"the descent diverged and its best step was kept: {cure}"


def _one_surface(panels: int) -> str:
    return (
        f"a descent fits one surface to all {panels} panels of the mosaic: leave the number of "
        "control points out, and each gets its own"
    )
