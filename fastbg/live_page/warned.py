"""Where in the image the warnings of a fit belong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..report.doubts import doubts_of
from ..report.warnings import guesses
from ..words import place
from .engine import Outcome
from .found import OBJECT

CORNERS = {place(y, x): (y, x) for y in (0.06, 0.94) for x in (0.06, 0.94)}
"""The corners of a frame by name, and where their middles are."""

REACH = 1 / 8
"""The radius of what is marked, in parts of the longer side: that of a corner."""

Place = tuple[float, float]
"""Height and width, in parts of the frame from the upper left corner."""


def warnings(outcome: Outcome, size: tuple[int, int]) -> Iterator[dict[str, Any]]:
    """The doubts of a fit and what it guesses, each with its kind and its place, if it has one.

    Parameters
    ----------
    outcome : Outcome
    size : (H, W)
        Of the image, in whose pixels places are told.

    Yields
    ------
    dict
        ``text``; ``kind``, "halo", "dark", "uncertain" or "other"; ``x``, ``y`` and ``radius``.
    """
    height, width = size
    image, settings, begun = outcome.reduced.frame.image, outcome.settings, outcome.preparation
    lines = doubts_of(settings, begun, outcome.fitted, image)
    for text in [*lines, *guesses(settings, begun.sky)]:
        kind, where = _kind_and_place(text, outcome)
        warning: dict[str, Any] = {"text": text, "kind": kind}
        if where is not None and np.isfinite(where).all():
            y, x = where
            warning |= {"x": x * width, "y": y * height, "radius": REACH * max(size)}
        yield warning


def _kind_and_place(text: str, outcome: Outcome) -> tuple[str, Place | None]:
    named = [corner for name, corner in CORNERS.items() if name in text]
    if named:
        return ("dark" if "darker" in text else "other"), named[0]
    for words, (kind, where) in _PLACES.items():
        if words in text:
            return kind, where(outcome)
    return "other", None


def _darkest(outcome: Outcome) -> Place:
    """Where the corrected image is darkest."""
    darkest = outcome.fitted.diagnostics.whole_frame.darkest
    return darkest.y, darkest.x


def _most_uncertain(outcome: Outcome) -> Place:
    return _at(np.nanargmax, outcome.fitted.diagnostics.uncertainty)


def _most_undecided(outcome: Outcome) -> Place:
    return _at(np.nanargmax, outcome.fitted.diagnostics.choice)


def _most_dependent(outcome: Outcome) -> Place:
    return _at(np.nanargmax, outcome.fitted.diagnostics.jackknife)


def _highest_in_objects(outcome: Outcome) -> Place:
    """Where the model rises most, above a plane, in what is no sky."""
    model = outcome.background.mean(axis=0)
    step = max(1, min(model.shape) // 64)
    model = model[::step, ::step]
    y, x = np.mgrid[: model.shape[0], : model.shape[1]].reshape(2, -1)
    plane = np.stack([y, x, np.ones(y.size)], axis=1)
    finer = model.ravel() - plane @ np.linalg.lstsq(plane, model.ravel(), rcond=None)[0]
    weight = outcome.prepared.problem.weight.max(axis=2)[::step, ::step]
    inside = np.where(weight.ravel() < OBJECT, finer, -np.inf).reshape(*model.shape, 1)
    return _at(np.argmax, inside)


def _at(find: Callable[[np.ndarray], Any], values: np.ndarray) -> Place:
    """The place of the extreme of (rows, columns, K)."""
    mean = values.mean(axis=2)
    if np.isnan(mean).all():
        return np.nan, np.nan
    row, column = np.unravel_index(find(mean), mean.shape)
    return (float(row) + 0.5) / mean.shape[0], (float(column) + 0.5) / mean.shape[1]


_PLACES: dict[str, tuple[str, Callable[[Outcome], Place]]] = {
    "beside objects": ("dark", _darkest),
    "below the model": ("dark", _darkest),
    "rises where objects": ("halo", _highest_in_objects),
    "the model is uncertain": ("uncertain", _most_uncertain),
    "other surfaces": ("uncertain", _most_undecided),
    "depends on single parts": ("uncertain", _most_dependent),
    "guess": ("uncertain", _most_uncertain),
}
"""The kinds of lines by words in them, and where they belong."""
