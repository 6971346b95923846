"""What the shell completes after an option; where nothing is offered, it completes file names."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import get_args, get_type_hints

from ..settings.checked import BACKENDS, MOST_FLEXIBLE
from ..settings.checks import PEDESTALS
from ..settings.settings import Settings

_VALUES = {
    "backend": ("auto", *BACKENDS),
    "control_points": ("auto",),
    "flexibility": ("auto", *map(str, range(1, MOST_FLEXIBLE + 1))),
    "order": ("1", "2", "3", "4"),
    "pedestal": PEDESTALS,
    "reference_degree": ("0", "1", "2"),
}
"""Those of settings whose type does not tell them; the words among them, if there are others."""

Completer = Callable[[str], list[str]]


def values_of(setting: str) -> Completer:
    """Completes the values that a setting can have."""

    def complete(incomplete: str) -> list[str]:
        values = _VALUES.get(setting) or get_args(get_type_hints(Settings)[setting])
        return _beginning(values, incomplete)

    return complete


def presets(incomplete: str) -> list[str]:
    """Complete the name of a preset."""
    from ..settings.presets import named

    return _beginning(named(), incomplete)


def _beginning(words: Iterable[str], incomplete: str) -> list[str]:
    return [word for word in words if word.startswith(incomplete)]
