"""What to do about a doubtful model, as parts of the sentences that say so."""

from __future__ import annotations

from typing import NamedTuple

from ..result import Applied, Preparation
from ..settings.settings import Settings


class Cures(NamedTuple):
    """What to do about a doubtful model, as parts of sentences.

    Attributes
    ----------
    other : str
        What to compare it with.
    hide, hide_more : str
        How what is no sky, or the surround of objects, is kept out of the fit.
    add : str
        How sky is brought into the fit, if that can be told.
    """

    other: str
    hide: str = "mask"
    hide_more: str = "draw a larger mask over"
    add: str = ""

    @classmethod
    def of(cls, settings: Settings, begun: Preparation | Applied) -> Cures:
        """Those of a search, a descent or a surface through samples."""
        if isinstance(begun, Preparation) and begun.sky and begun.sky.samples:
            other = "the sky that a search finds, without samples"
            return cls(other, "remove samples on", "remove samples beside", "add samples, or ")
        return cls(other_than(settings))


def other_than(settings: Settings) -> str:
    """What to compare a doubtful model with."""
    if settings.control_points:
        return "another number of control points, or with auto"
    return f"the protection {'strong' if settings.protect in ('auto', 'always') else 'auto'}"
