"""The one place that turns an error into a line on stderr and an exit code."""

from __future__ import annotations

import os
import re
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn

import typer

from ..errors import Cancelled, DoubtError, FastbgError
from ..io.names import check_current_folder
from ..io.room import NO_ROOM
from .help import Group
from .lacking import UsageError
from .meant import command_for, is_input
from .options import EVENTS_OPTION
from .spelling import spelled_for_typer
from .streams import open_missing, silence_stdout

DEBUG_VARIABLE = "FASTBG_DEBUG"

_OPTIONS = {
    "allow overwriting": "--overwrite",
    "keep their folders": "--keep-tree",
    "process them again": "--again",
}
"""What the library tells to do, and the option that does it."""

UNEXPECTED, REFUSED, DOUBTFUL = 1, 2, 3
"""Exit codes. After a signal the code is 128 + its number, as in shells."""


class Boundary(Group):
    """The group of all commands. It prints no traceback, and always exits."""

    def main(self, *args: Any, **extra: Any) -> NoReturn:
        """Run the command that the arguments name, and exit with its code."""
        open_missing()
        given = extra.get("args")
        spelled = spelled_for_typer(sys.argv[1:] if given is None else given)
        extra["args"] = spelled
        # Looked up here, since an error in the options ends the job before any command runs.
        refuse = _refuse_and_emit if EVENTS_OPTION in spelled else _refuse
        run = super().main
        sys.exit(exit_code(lambda: run(*args, **{**extra, "standalone_mode": False}), refuse))

    def resolve_command(self, context: Any, arguments: list[str]) -> Any:
        """Find the command; an image in its place, as in bgoptimizer, is answered with a hint."""
        check_current_folder()
        try:
            return super().resolve_command(context, arguments)
        except UsageError as error:
            name = arguments[0]
            if is_input(name):
                error.message = (
                    f"the command is missing before {name}: try {command_for(arguments)}"
                )
            raise


class _Stopped(BaseException):
    """A signal asked to stop. It is no KeyboardInterrupt, for which Typer prints a blank line."""

    def __init__(self, number: int) -> None:
        self.number = number


_stops: list[_Stopped] = []
"""The signal that arrived, if any. It is global because signals belong to the process."""


def raise_if_stopped() -> None:
    """Raise the stop again, in case that code which was being imported has swallowed it."""
    if _stops:
        raise _stops[0]


def worded(message: str) -> str:
    """A message of the library, which knows no options, as the command line says it."""
    for said, option in _OPTIONS.items():
        message = message.replace(said, f"add {option}")
    return message


def _refuse(message: str, code: int) -> int:
    with suppress(OSError):  # the code says so, too, where nobody reads stderr
        typer.echo("fastbg: " + worded(" ".join(message.splitlines())), err=True)
    return code


def _refuse_and_emit(message: str, code: int) -> int:
    from .events import emit

    with suppress(Cancelled):  # nobody reads the events, which is what the message says
        emit("error", message=worded(" ".join(message.splitlines())), exit_code=code)
    return _refuse(message, code)


def exit_code(
    command: Callable[[], int | None], refuse: Callable[[str, int], int] = _refuse
) -> int:
    """Run a command; print one line of what it raises, and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A file name that the terminal cannot show must not make a finished job fail. The streams
        # of programs that embed Python cannot all be configured.
        with suppress(AttributeError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        with _signals_raise():
            code = command() or 0
            sys.stdout.flush()
            return code
    except _Stopped as stop:
        return refuse("stopped; no unfinished file was left behind", 128 + stop.number)
    except DoubtError as error:
        return refuse(str(error), DOUBTFUL)
    except FastbgError as error:
        return refuse(str(error), REFUSED)
    except UsageError as error:
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
        # Errors of writing to a file are an OutputError of the library.
        if error.errno not in NO_ROOM or error.filename:
            return _unexpected(error, refuse)
        silence_stdout()
        cause = f"stdout cannot be written ({error.strerror})"
        return refuse(f"{cause}: free some space, or redirect it to another disk", REFUSED)
    except Exception as error:
        return _unexpected(error, refuse)


def _unexpected(error: Exception, refuse: Callable[[str, int], int]) -> int:
    if os.environ.get(DEBUG_VARIABLE):
        traceback.print_exc()
    return refuse(
        f"unexpected {type(error).__name__} ({error}): please report it, with the traceback that "
        f"the same command prints if {DEBUG_VARIABLE}=1 is in the environment",
        UNEXPECTED,
    )


def refused(error: FastbgError) -> None:
    """Print an error after which the command continues."""
    _refuse(str(error), REFUSED)


def _usage(error: Any) -> str:
    text = " ".join(error.format_message().split()).rstrip(".")
    command = error.ctx.command_path if error.ctx else "fastbg"
    if "unexpected extra argument" in text and command.endswith((" run", " fit", " preview")):
        text += ", since it takes one image; fastbg batch takes several"
        if not command.endswith(" run"):
            text += ", and -o names the output"
    if command == "fastbg" and "o such option" in text:
        text = f"{text.partition(' (')[0]} before the command; its options follow it"
    # The question differs between releases of Typer.
    text = re.sub(r" \(Possible options: (.*)\)$", r": did you mean \1?", text)
    see = " See" if text.endswith("?") else "; see"
    return f"{text[:1].lower()}{text[1:]}{see} {command} --help"


@contextmanager
def _signals_raise() -> Iterator[None]:
    """Make SIGINT and SIGTERM raise, so that the command cleans up after itself."""
    numbers = (signal.SIGINT, signal.SIGTERM)

    def stop(number: int, frame: FrameType | None) -> None:
        for each in numbers:  # a second signal must not interrupt the cleaning up
            signal.signal(each, signal.SIG_IGN)
        _stops.append(_Stopped(number))
        raise_if_stopped()

    def unraisable(event: Any) -> None:
        # Python prints exceptions that callbacks of its own raise. A stop among them is not
        # lost: `raise_if_stopped` raises it again.
        if not isinstance(event.exc_value, _Stopped):
            show(event)

    before = [signal.signal(number, stop) for number in numbers]
    show, sys.unraisablehook = sys.unraisablehook, unraisable
    try:
        yield
    finally:
        _stops.clear()
        sys.unraisablehook = show
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
