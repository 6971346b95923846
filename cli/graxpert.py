"""``fastbg-graxpert``: fastbg with the command line of GraXpert, for programs that call that."""

from __future__ import annotations

import argparse
import gc
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from ..errors import InputError, SettingsError
from ..progress import Progress
from ..settings.settings import Settings
from ..version import version
from .errors import exit_code, raise_if_stopped
from .lines import tell_line
from .streams import silence_stdout, write_line

if TYPE_CHECKING:
    import numpy as np

AS_VERSION = "3.0.2"
"""The version of GraXpert in the answer to ``-v``: callers ask later ones for deconvolution."""

COMMAND = "background-extraction"

INTERPOLATIONS = ("AI", "RBF", "Kriging", "Splines", "sample_free")
FROM_POINTS = ("RBF", "Kriging", "Splines")
"""The interpolations that GraXpert makes from background points."""

SAMPLE_FREE = (
    *("scale", "smoothness", "protect", "protect_threshold", "protect_amount"),
    *("simplified", "degree", "downsample"),
)
WITHOUT_EFFECT = ("gpu", "ai_version", *(f"sample_free_{name}" for name in SAMPLE_FREE))

STRONG_FROM, STIFF_FROM = 0.25, 0.75
"""The smoothing from which on more is protected, and from which on a stiff spline is fitted."""

PREFERENCES = {
    "corr_type": "correction",
    "smoothing_option": "smoothing",
    "interpol_type_option": "interpolation",
}
"""What a preferences file may say, and the option that says otherwise."""

LARGEST_PREFERENCES = 1 << 24
"""Bytes."""

SHARES = {
    **{"read": 10, "prepare": 15, "protect": 25, "fit": 10},
    **{"render": 10, "correct": 25, "write": 5},
}
"""The share of each stage in a whole job, in percent, in their order."""


def main() -> None:
    """Run the command line of this process and exit."""
    sys.exit(exit_code(lambda: run(sys.argv[1:], Path(sys.argv[0]).stem)))


def run(arguments: Sequence[str], program: str = "fastbg-graxpert") -> None:
    """Extract the background as these arguments ask GraXpert to.

    Raises
    ------
    FastbgError
        One line with cause and cure; nothing was written.
    """
    gc.freeze()  # what is loaded stays, and need not be looked at again
    # Every 700 new objects, as Python does it, would take 10 ms while the modules of a job load.
    gc.set_threshold(10_000)
    gc.enable()
    given = _parsed(arguments, _Parser(program))
    preferences = _preferences(given.preferences_file)
    if preferences:
        try:
            given = _parsed([*_as_arguments(preferences), *arguments], _Parser(program))
        except SettingsError as error:
            raise InputError(f"{given.preferences_file}: {error}") from error

    from ..jobs.run import process_file

    source = Path(given.file)
    output, background = outputs(source, given.output)
    interpolation, name = given.interpolation or "AI", given.preferences_file
    samples, told = _samples(source, interpolation, preferences, name)
    smoothing = given.smoothing or 0
    settings = protection(smoothing) if samples is None else through_samples(smoothing)
    settings |= level(given.correction)
    settings["sample_format"] = "unit"
    _tell(f"fastbg {version()} in the place of GraXpert: {source}")
    if told:
        _tell(told)
    if idle := [f"-{name}" for name in WITHOUT_EFFECT if getattr(given, name) is not None]:
        _tell(f"without effect in fastbg: {', '.join(idle)}")
    result = process_file(
        source,
        output=output,
        model_output=background if given.bg else None,
        write_model=given.bg,
        samples=samples,
        overwrite=True,
        settings=Settings(**settings),
        progress=Percentages(),
    )
    for path in result.report["outputs"].values():
        _tell(f"saved {path}")
    _tell("Progress: 100 %")
    for warning in result.report["warnings"]:
        # Callers look for percentages in whatever is printed.
        tell_line(f"warning: {warning.replace(' %', ' percent')}")


def outputs(source: Path, base: str | None) -> tuple[Path, Path]:
    """The names of the corrected image and of the background.

    Parameters
    ----------
    source : Path
    base : str or None
        What ``-output`` gives: relative to the folder of the source. A suffix of an image is taken
        off, since GraXpert adds its own.
    """
    from ..io.names import stem, told_format

    told = told_format(source)
    suffix = ".xisf" if told and told[0] == "XISF" else ".fits"
    target = source.parent / (base or f"{stem(source)}_GraXpert")
    if base and told_format(target):
        target = target.with_name(stem(target))
    return Path(f"{target}{suffix}"), Path(f"{target}_background{suffix}")


def protection(smoothing: float) -> dict[str, Any]:
    """The settings for a smoothing in 0..1; none of them falls where the smoothing rises.

    fastbg chooses the stiffness of the sky from the image. That is what 0 asks for, and what little
    more does; then more is protected; and in the end a spline of few control points is fitted to
    what is left, with a penalty on its bending from 0.1 to 10, at 1.
    """
    if smoothing < STRONG_FROM:
        return {}
    if smoothing < STIFF_FROM:
        return {"protect": "strong"}
    stiffness = 10 ** (2 * (smoothing - STIFF_FROM) / (1 - STIFF_FROM) - 1)
    few = {"control_points": 16, "initializer": "grid"}
    return {"protect": "strong", **few, "stiffness": stiffness}


def through_samples(smoothing: float) -> dict[str, Any]:
    """The same for a background through samples."""
    if smoothing < STRONG_FROM:
        return {}
    stiff = {"smoothing": smoothing} if smoothing >= STIFF_FROM else {}
    return {"protect": "strong", **stiff}


def level(correction: str | None) -> dict[str, Any]:
    """The settings for a correction: GraXpert subtracts to a grey sky, and divides per channel."""
    if correction == "Division":
        return {"mode": "divide", "pedestal": "model-median"}
    return {"pedestal": "neutral"}


class _Parser(argparse.ArgumentParser):
    """Knows the options of GraXpert 2 to 4, which may have one hyphen or two."""

    def __init__(self, program: str) -> None:
        super().__init__(
            program,
            description="Removes the background of an image with fastbg, as GraXpert is asked to. "
            "Every option may have one hyphen or two.",
            epilog="-sample_free_scale, -sample_free_smoothness and the other options of the "
            "interpolation sample_free are taken, and have no effect.",
            add_help=False,
            allow_abbrev=False,
        )
        self.add_argument("file", metavar="FILE", help="a linear image: FITS, TIFF or XISF")
        self._add("cli", action="store_true", help="no effect: there is no window to open")
        self._add("cmd", "command", default=COMMAND, help=f"{COMMAND}, or nothing")
        self._add(
            "output",
            metavar="BASE",
            nargs="?",
            help="name of the result without its suffix, relative to the folder of FILE; otherwise "
            "<FILE>_GraXpert. A file of that name is replaced",
        )
        self._add("bg", action="store_true", help="also write <BASE>_background")
        self._add(
            "correction",
            metavar="NAME",
            nargs="?",
            choices=("Subtraction", "Division"),
            help="Subtraction, which is the default, or Division",
        )
        self._add(
            "smoothing",
            metavar="0..1",
            nargs="?",
            type=_smoothing,
            help="0: as stiff as the image asks for, 1: the stiffest background",
        )
        self._add(
            "interpolation",
            metavar="NAME",
            type=_interpolation,
            help=f"{', '.join(FROM_POINTS)}: the background goes through the background points of "
            "the preferences; AI, sample_free: the sky is looked for in the whole image",
        )
        self._add(
            "preferences_file",
            metavar="JSON",
            nargs="?",
            help="GraXpert's preferences: corr_type, smoothing_option, interpol_type_option, "
            "background_points and sample_size are used. Options win over them",
        )
        self._add("gpu", "gpu_acceleration", choices=("true", "false"), help="no effect")
        self._add(
            "ai_version",
            metavar="N.N.N",
            nargs="?",
            help="no effect: fastbg has no models; available locally: [], available remotely: []",
        )
        for name in SAMPLE_FREE:
            self._add(f"sample_free_{name}", help=argparse.SUPPRESS)
        answer = f"GraXpert version: {AS_VERSION} release: fastbg {version()} in its place"
        self._add("v", "version", action="version", version=answer, help="print the version")
        self._add("h", "help", action="help", help="print this help")

    def _add(self, *names: str, **more: Any) -> None:
        self.add_argument(*(f"-{name}" for name in names), dest=names[0], **more)

    def error(self, message: str) -> NoReturn:
        """Raise SettingsError instead of printing the usage."""
        raise SettingsError(f"{message}; see {self.prog} -h")


def _parsed(arguments: Sequence[str], parser: _Parser) -> argparse.Namespace:
    given, unknown = parser.parse_known_args([re.sub("^--", "-", each) for each in arguments])
    if given.cmd != COMMAND:
        raise SettingsError(
            f"{given.cmd} is no command of fastbg, which has {COMMAND} alone: call GraXpert itself "
            "for the others"
        )
    if unknown:
        kind = "option" if unknown[0].startswith("-") else "argument"
        parser.error(f"unknown {kind} {unknown[0]}")
    return given


def _smoothing(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} does not lie in 0..1")
    return value


def _interpolation(text: str) -> str:
    known = {name.lower(): name for name in INTERPOLATIONS}
    name = known.get(text.lower().replace("-", "_"))
    if name is None:
        raise argparse.ArgumentTypeError(f"{text} is none of {', '.join(INTERPOLATIONS)}")
    return name


def _preferences(name: str | None) -> dict[str, Any]:
    """What a preferences file holds; nothing without one."""
    if name is None:
        return {}
    from ..io.small_file import read_small

    cure = "give a preferences file that GraXpert has written"
    try:
        content = json.loads(read_small(Path(name), LARGEST_PREFERENCES, cure))
    except ValueError as error:
        raise InputError(f"{name} is no JSON ({error}): {cure}") from error
    except InputError as error:
        raise InputError(f"{name} {error}") from error
    if not isinstance(content, dict):
        raise InputError(f"{name} holds no preferences: {cure}")
    return content


def _as_arguments(preferences: dict[str, Any]) -> list[str]:
    """The options that say what some preferences say."""
    chosen = {key: preferences.get(key) for key in PREFERENCES}
    told = [
        (f"-{PREFERENCES[key]}", str(value)) for key, value in chosen.items() if value is not None
    ]
    return [word for pair in told for word in pair]


def _samples(
    source: Path, interpolation: str, preferences: dict[str, Any], name: str | None
) -> tuple[np.ndarray | None, str]:
    """The background points as samples, and a line that tells about them."""
    points = preferences.get("background_points") or []
    if interpolation not in FROM_POINTS:
        unused = f"{interpolation} does not use the {len(points)} background points"
        return None, unused if points else ""
    if not points:
        return None, f"{interpolation} without background points: the whole image is searched"
    from ..io import formats
    from ..io.sample_points import graxpert
    from ..samples.checks import make_a_plane
    from ..samples.points import SamplePoints

    try:
        rows = graxpert.of_preferences(preferences)
        samples = SamplePoints.of(rows)
        with formats.open_image(source) as image:
            samples.check(image.shape[1:])
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    if not make_a_plane(rows[:, :2]):
        return None, (
            f"{interpolation}: {len(rows)} background points on a line make no surface: the whole "
            "image is searched"
        )
    return rows, (
        f"{interpolation}: the background goes through {len(rows)} background points of a radius "
        f"of {rows[0, 2]:g} pixels"
    )


class Percentages:
    """A progress callback that prints lines with growing percentages on stdout."""

    def __init__(self) -> None:
        self._last = 0

    def __call__(self, progress: Progress) -> None:
        raise_if_stopped()
        stages = [*SHARES]
        if progress.stage not in stages:
            return
        before = sum(SHARES[stage] for stage in stages[: stages.index(progress.stage)])
        done = before + SHARES[progress.stage] * progress.done // progress.total
        if self._last < done < 100:
            self._last = done
            _tell(f"Progress: {done} %")


def _tell(line: str) -> None:
    """Print a line for the caller; the job goes on where nobody reads it."""
    try:
        write_line(sys.stdout, line)
    except OSError:
        silence_stdout()
