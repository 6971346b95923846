"""What the user has decided so far: one immutable object, and the history of such objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from ..settings.settings import Settings
from .layers import Packed, Painted

SampleRow = tuple[float, float, float, float]
"""x, y, radius and weight of a sample, in pixels of the image; see `fastbg.samples.points`."""

SampleRows = tuple[SampleRow, ...]

MOST_SNAPSHOTS = 26


@dataclass(frozen=True)
class Document:
    """All that a result depends on, besides the image.

    Attributes
    ----------
    settings : Settings
    layers : Packed
        What is painted.
    samples : tuple of rows
        The sample points.
    use_samples : bool
        Whether the fit goes through them.
    """

    settings: Settings
    layers: Packed
    samples: SampleRows = ()
    use_samples: bool = True


@dataclass
class History:
    """Documents in the order in which they were made, of which one is the present one.

    Undo and redo have no limit. A document takes some kB, since its layers are packed.

    Attributes
    ----------
    documents : list of Document
    place : int
        The index of the present one.
    snapshots : dict of str to Document
    """

    documents: list[Document]
    place: int = 0
    snapshots: dict[str, Document] = field(default_factory=dict)

    @property
    def present(self) -> Document:
        """The document that is looked at."""
        return self.documents[self.place]

    @property
    def undoable(self) -> int:
        """The number of steps back."""
        return self.place

    @property
    def redoable(self) -> int:
        """The number of steps forward."""
        return len(self.documents) - 1 - self.place

    def after(self, earlier: History) -> History:
        """This history with the steps of another one before it, if there are any."""
        before = earlier.documents if len(earlier.documents) > 1 else []
        place = len(before) + self.place
        return History([*before, *self.documents], place, earlier.snapshots | self.snapshots)

    def add(self, document: Document) -> bool:
        """Make a document the present one; what was undone before is lost. False if none is new."""
        if document == self.present:
            return False
        del self.documents[self.place + 1 :]
        self.documents.append(document)
        self.place += 1
        return True

    def go(self, steps: int) -> bool:
        """Go some steps back (negative) or forward; False where there are no such steps."""
        place = self.place + steps
        if not 0 <= place < len(self.documents):
            return False
        self.place = place
        return True


def sampled(document: Document) -> bool:
    """Whether the fit goes through samples."""
    return bool(document.samples and document.use_samples)


def job_settings(document: Document, painted: Painted) -> Settings:
    """The settings of a job that is given painted layers as files.

    A mask alone would be obeyed: what it leaves would be sky. What is painted here only adds to
    what is found.
    """
    settings = document.settings
    if sampled(document):
        return settings
    if settings.protect == "auto" and not settings.control_points and painted.not_sky.any():
        return replace(settings, protect="always")
    return settings


def changed_settings(settings: Settings) -> dict[str, Any]:
    """The settings that differ from the defaults, by name."""
    every: Mapping[str, Any] = settings.to_dict()
    return {name: every[name] for name in settings.changed(each.name for each in fields(settings))}
