"""The errors that fastbg raises: each message is one line that names the cause and the cure."""

from __future__ import annotations


class FastbgError(Exception):
    """Base of every error that fastbg raises on purpose; ``str(error)`` is meant for the user."""


class InputError(FastbgError):
    """A file or an array cannot be used as it is."""


class SettingsError(FastbgError):
    """An option has an impossible value, or two options exclude each other."""


class OutputError(FastbgError):
    """A result cannot be written where it was asked for."""


class BackendError(FastbgError):
    """The asked evaluator is not available on this computer."""


class Cancelled(FastbgError):
    """The progress callback asked to stop; nothing was written."""
