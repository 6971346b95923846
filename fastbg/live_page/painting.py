"""What the tools of a page paint: strokes, shapes, and objects that are clicked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..errors import InputError
from .engine import Outcome
from .found import picked
from .layers import Painted
from .pages import Page

Message = Mapping[str, Any]

MOST_STROKES = 32
"""Strokes that may be in progress at the same time: fingers of all pages."""


class Canvas(Protocol):
    """The layers of a session."""

    painted: Painted
    outcome: Outcome | None

    def paint(self, painted: Painted, *, final: bool) -> None:
        """Show new layers and fit them; what is final is an edit of the history."""

    def unpaint(self) -> None:
        """Go back to the layers of the last edit."""


@dataclass
class Stroke:
    """A stroke while the pen is down."""

    layer: str
    radius: float
    last: list[list[float]]


class Painting:
    """The tools of all pages of a session."""

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self._strokes: dict[tuple[Page, Any], Stroke] = {}
        self.actions = {"stroke": self._stroke, "shape": self._shape, "object": self._object}

    def forget(self, page: Page | None = None) -> None:
        """Drop the strokes of a page that was closed, or of all pages."""
        gone = [key for key in self._strokes if page in (None, key[0])]
        for key in gone:
            del self._strokes[key]
        if gone and page:
            self._canvas.unpaint()

    def _stroke(self, message: Message, page: Page) -> None:
        key = page, message["stroke"]
        if message.get("cancel"):
            if self._strokes.pop(key, None):
                self._canvas.unpaint()
            return
        stroke = self._strokes.get(key) or _begun(message)
        if key not in self._strokes and len(self._strokes) >= MOST_STROKES:
            raise InputError(f"{MOST_STROKES} strokes are in progress: end one first")
        self._strokes[key] = stroke
        painted = self._canvas.painted
        if points := [*stroke.last, *message.get("points", ())]:
            cells = painted.grid.brush(points, stroke.radius)
            painted = painted.with_cells(stroke.layer, cells)
            stroke.last = points[-1:]
        more = message.get("more", False)
        if not more:
            del self._strokes[key]
        self._canvas.paint(painted, final=not more)

    def _shape(self, message: Message, page: Page) -> None:
        kind, points = message["shape"], message["points"]
        least = 3 if kind == "polygon" else 2
        if len(points) < least:
            raise InputError(f"a {kind} needs {least} points")
        self._add(message["layer"], self._canvas.painted.grid.shape_of(kind, points))

    def _object(self, message: Message, page: Page) -> None:
        painted, outcome = self._canvas.painted, self._canvas.outcome
        cell = painted.grid.cell(message["x"], message["y"])
        if cell is None:
            raise InputError("that place lies outside of the image")
        if outcome is None or outcome.prepared.problem.data.shape[:2] != painted.grid.shape:
            raise InputError("the sky is still being searched for: try again in a moment")
        self._add(*picked(outcome, painted, cell, message["action"]))

    def _add(self, layer: str, cells: np.ndarray) -> None:
        self._canvas.paint(self._canvas.painted.with_cells(layer, cells), final=True)


def _begun(message: Message) -> Stroke:
    if "layer" not in message or "radius" not in message:
        raise InputError("a stroke begins with its layer and its radius")
    return Stroke(message["layer"], message["radius"], [])
