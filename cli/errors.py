"""The one place where what goes wrong becomes a line on stderr and an exit code."""

from __future__ import annotations

import errno
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from ..errors import Cancelled, FastbgError
from .options import EVENTS_OPTION, spelled_for_typer
from .streams import silence_stdout

DEBUG_VARIABLE = "FASTBG_DEBUG"

UNEXPECTED, REFUSED = 1, 2
"""Exit codes; a stop by a signal is 128 + its number, as shells do."""

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""Causes for which stdout cannot be written; the library names the files that it cannot write."""

# Typer exports only the subclass, and the module of this class differs between its releases.
_UsageError: Any = typer.BadParameter.__base__


class Boundary(TyperGroup):
    """The group of all commands: prints no traceback and always exits."""

    def main(self, *args: Any, **extra: Any) -> NoReturn:
        """Run the command that the arguments name, and exit."""
        given = extra.get("args")
        spelled = spelled_for_typer(sys.argv[1:] if given is None else given)
        extra["args"] = spelled
        # Also of errors in the options themselves, which no command gets to see.
        refuse = _refuse_and_emit if EVENTS_OPTION in spelled else _refuse
        run = super().main
        sys.exit(_exit_code(lambda: run(*args, **{**extra, "standalone_mode": False}), refuse))


class _Stopped(BaseException):
    """A signal asked to stop. Not a KeyboardInterrupt, of which Typer would make a blank line."""

    def __init__(self, number: int) -> None:
        self.number = number


_stops: list[_Stopped] = []
"""The stop that was asked for; of the whole process, as signals are."""


def raise_if_stopped() -> None:
    """Raise the stop again: a module that is just being imported may have swallowed it."""
    if _stops:
        raise _stops[0]


def _refuse(message: str, code: int) -> int:
    typer.echo("fastbg: " + " ".join(message.splitlines()), err=True)
    return code


def _refuse_and_emit(message: str, code: int) -> int:
    from .events import emit

    with suppress(Cancelled):  # said already: that nobody reads events
        emit("error", message=" ".join(message.splitlines()), exit_code=code)
    return _refuse(message, code)


def _exit_code(
    command: Callable[[], int | None], refuse: Callable[[str, int], int] = _refuse
) -> int:
    for stream in (sys.stdout, sys.stderr):
        # A file name that the terminal cannot show must not turn a finished job into an error.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        with _signals_raise():
            code = command() or 0
            sys.stdout.flush()
            return code
    except _Stopped as stop:
        return refuse("stopped; no unfinished file was left behind", 128 + stop.number)
    except FastbgError as error:
        return refuse(str(error), REFUSED)
    except _UsageError as error:
        return refuse(_usage(error), REFUSED)
    except ImportError as error:
        if "failed to map segment" not in str(error):
            return _unexpected(error, refuse)
        return refuse(f"not enough memory ({error}): close other programs", UNEXPECTED)
    except MemoryError as error:
        cause = f" ({error})" if str(error) else ""
        return refuse(f"not enough memory{cause}: close other programs", UNEXPECTED)
    except BrokenPipeError:
        silence_stdout()
        return UNEXPECTED
    except OSError as error:
        if error.errno not in _NO_ROOM or error.filename:
            return _unexpected(error, refuse)
        silence_stdout()
        cause = f"what fastbg prints cannot be written ({error.strerror})"
        return refuse(f"{cause}: free some space or send it elsewhere", REFUSED)
    except Exception as error:
        return _unexpected(error, refuse)


def _unexpected(error: Exception, refuse: Callable[[str, int], int]) -> int:
    if os.environ.get(DEBUG_VARIABLE):
        traceback.print_exc()
    return refuse(
        f"unexpected {type(error).__name__} ({error}): please report it, with what the same "
        f"command prints under {DEBUG_VARIABLE}=1",
        UNEXPECTED,
    )


def refused(error: FastbgError) -> None:
    """Tell an error where the rest goes on."""
    _refuse(str(error), REFUSED)


def _usage(error: Any) -> str:
    text = " ".join(error.format_message().split()).rstrip(".")
    command = error.ctx.command_path if error.ctx else "fastbg"
    return f"{text[:1].lower()}{text[1:]}; see {command} --help"


@contextmanager
def _signals_raise() -> Iterator[None]:
    """Let Ctrl-C and a polite kill end the command through its own cleaning up."""
    numbers = (signal.SIGINT, signal.SIGTERM)

    def stop(number: int, frame: FrameType | None) -> None:
        for each in numbers:  # a second one must not interrupt the cleaning up
            signal.signal(each, signal.SIG_IGN)
        _stops.append(_Stopped(number))
        raise_if_stopped()

    def unraisable(what: Any) -> None:
        # Of a stop that a callback swallowed nothing is said: `raise_if_stopped` raises it again.
        if not isinstance(what.exc_value, _Stopped):
            show(what)

    before = [signal.signal(number, stop) for number in numbers]
    show, sys.unraisablehook = sys.unraisablehook, unraisable
    try:
        yield
    finally:
        _stops.clear()
        sys.unraisablehook = show
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
