"""The errors that fastbg raises: each message is one line that names the cause and the cure."""

from __future__ import annotations

from collections.abc import Sequence

LONGEST_LINE = 1000
"""The largest number of characters of a message, for names in a file may be of any length."""


def one_line(text: str) -> str:
    """Text as a terminal can show it, in one line.

    The content of a file may hold line feeds and control sequences of terminals.
    """
    line = " ".join(part.strip() for part in text.splitlines())
    line = "".join(letter if letter.isprintable() else "\ufffd" for letter in line)
    if len(line) <= LONGEST_LINE:
        return line
    end = LONGEST_LINE // 3
    return f"{line[: LONGEST_LINE - end - 5]} ... {line[-end:]}"


class FastbgError(Exception):
    """Base of every error that fastbg raises on purpose; ``str(error)`` is meant for the user."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


class InputError(FastbgError):
    """A file or an array cannot be used as it is."""


class SettingsError(FastbgError):
    """An option has an impossible value, or two options exclude each other."""


class OutputError(FastbgError):
    """A result cannot be written where it was asked for."""


class BackendError(FastbgError):
    """The asked evaluator is not available on this computer."""


class DoubtError(FastbgError):
    """The model may be wrong, and the settings are strict; nothing was written.

    Attributes
    ----------
    doubts : list of str
        One line each, with the cause and the cure.
    """

    def __init__(self, message: str, doubts: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.doubts = [*doubts]


class Cancelled(FastbgError):
    """The progress callback asked to stop; nothing was written."""
