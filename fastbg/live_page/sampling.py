"""Sample points on the page: an automatic grid, and those that the user adds, drags and deletes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from ..errors import InputError
from ..samples.grid import LEAST_PIXELS, MOST_PIXELS, PER_ROW, RADIUS, generate, snap
from .document import Document, SampleRow, SampleRows
from .engine import Engine, Outcome
from .layers import Painted
from .pages import Page

Message = Mapping[str, Any]

MOST_SAMPLES = 4096

STEP = 64
"""Places and radii are multiples of 1/64 pixel: the other order of rows loses no bit of them."""


class Sampled(Protocol):
    """A session with samples."""

    engine: Engine
    painted: Painted

    @property
    def document(self) -> Document:
        """The present document."""

    def edit(self, document: Document) -> None:
        """Make a document the present one, and fit it."""


class Sampling:
    """What pages do to the samples of a session."""

    def __init__(self, session: Sampled) -> None:
        self._session = session
        self.actions = {"samples": self._samples, "set_samples": self._use}
        self._edits = {
            "generate": self._generated,
            "clear": lambda message: (),
            "add": self._with_one,
            "move": self._moved,
            "resize": self._resized,
            "delete": self._without_one,
        }

    def _use(self, message: Message, page: Page) -> None:
        self._session.edit(replace(self._session.document, use_samples=message["use"]))

    def _samples(self, message: Message, page: Page) -> None:
        samples = self._edits[message["action"]](message)
        if len(samples) > MOST_SAMPLES:
            raise InputError(f"there are {MOST_SAMPLES} samples already")
        self._session.edit(replace(self._session.document, samples=samples))

    def _generated(self, message: Message) -> SampleRows:
        session = self._session
        ground = session.engine.ground(session.document, session.painted)
        points = generate(ground, session.engine.size, radius=message.get("radius") or None)
        if not len(points):
            raise InputError("no place of the image holds enough sky for a sample")
        return tuple(_row(*row) for row in points.rows.tolist())

    def _with_one(self, message: Message) -> SampleRows:
        session, samples = self._session, self._session.document.samples
        x, y = self._inside(message)
        usual = samples[-1][2] if samples else usual_radius(session.engine.size)
        radius = message.get("radius") or usual
        ground = session.engine.ground(session.document, session.painted)
        return (*samples, _row(*snap(ground, x, y, radius), radius))

    def _moved(self, message: Message) -> SampleRows:
        samples, number = self._chosen(message)
        _, _, radius, weight = samples[number]
        return _replaced(samples, number, _row(*self._inside(message), radius, weight))

    def _resized(self, message: Message) -> SampleRows:
        samples, number = self._chosen(message)
        x, y, _, weight = samples[number]
        if not message.get("radius"):
            raise InputError("the radius of a sample must be more than 0 pixels")
        return _replaced(samples, number, _row(x, y, message["radius"], weight))

    def _without_one(self, message: Message) -> SampleRows:
        samples, number = self._chosen(message)
        return samples[:number] + samples[number + 1 :]

    def _chosen(self, message: Message) -> tuple[SampleRows, int]:
        samples, number = self._session.document.samples, message.get("sample", -1)
        if not 0 <= number < len(samples):
            raise InputError("there is no such sample any more")
        return samples, number

    def _inside(self, message: Message) -> tuple[float, float]:
        height, width = self._session.engine.size
        x, y = message.get("x", -1), message.get("y", -1)
        if not (0 <= x <= width and 0 <= y <= height):
            raise InputError("that place lies outside of the image")
        return x, y


def usual_radius(size: tuple[int, int]) -> float:
    """The radius of the samples of an automatic grid."""
    return min(max(RADIUS * max(size) / PER_ROW, LEAST_PIXELS), MOST_PIXELS, min(size) / 2)


def described(document: Document, outcome: Outcome | None) -> list[dict[str, Any]]:
    """The samples as a page is told them, with what the last fit made of them."""
    rows = getattr(outcome.prepared.sky, "rows", ()) if outcome else ()
    known = {(row.x, row.y, row.radius): row for row in rows}
    samples = []
    for x, y, radius, weight in document.samples:
        sample: dict[str, Any] = {"x": x, "y": y, "radius": radius}
        if row := known.get((x, y, radius)):
            more = {"value": [*row.value], "weight": row.weight, "used": row.used, "why": row.why}
        else:
            more = {"value": None, "weight": weight, "used": None, "why": ""}
        samples.append(sample | more)
    return samples


def _row(x: float, y: float, radius: float, weight: float = 1.0) -> SampleRow:
    x, y, radius = (round(STEP * each) / STEP for each in (x, y, max(radius, 1 / STEP)))
    return x, y, radius, weight


def _replaced(samples: SampleRows, number: int, row: SampleRow) -> SampleRows:
    return (*samples[:number], row, *samples[number + 1 :])
