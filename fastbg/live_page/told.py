"""What pages are told: the image, the state of the session, and what a fit has found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_type_hints

import numpy as np

from ..report.gradient import Gradient
from ..result import Preparation
from ..settings.checked import MOST_FLEXIBLE
from ..settings.options import Options
from ..settings.settings import Settings
from ..version import version
from ..words import explained_by_sky
from .document import Document, History
from .engine import Engine, Outcome
from .found import OBJECT, objects
from .layers import Grid, Painted
from .pictures import Scale, encoded, presentable
from .tiles import SIDE
from .warned import warnings

PROTOCOL = 1
"""The version of the messages."""

KEPT_BACK = frozenset(
    {"white", "cfa", "invert_mask", "strict", "backend", "threads", "gpu_memory", "second_opinion"}
)
"""Settings that belong to the start of a session, or mean nothing in it."""

RANGES: dict[str, tuple[float, float]] = {
    "quantile": (0, 1),
    "threshold_min": (0, 1),
    "threshold_max": (0, 1),
    "control_points": (0, 1000),
    "order": (1, 4),
    "seed": (0, 1_000_000),
    "feather": (0, 1000),
    "alpha": (0, 1000),
    "stiffness": (0, 1000),
    "epochs": (1, 10_000),
    "starts": (1, 100),
    "learning_rate": (1e-6, 1),
    "downscaling_factor": (1, 64),
    "strength": (0, 1),
    "smoothing": (0, 1),
    "flexibility": (0, MOST_FLEXIBLE),
}
"""The ranges of sliders; what is typed may lie beyond them."""


def settings_that_change() -> list[str]:
    """The names of the settings that a page may change."""
    return [name for name in Settings().to_dict() if name not in KEPT_BACK]


def hello(
    engine: Engine, document: Document, levels: int, helps: Mapping[str, str]
) -> dict[str, Any]:
    """The first message: what does not change in a session, with `levels` of tiles."""
    source = engine.source
    height, width = engine.size
    channels = source.frame.image.channels
    grid = document.layers.grid
    white = source.file.white
    return {
        "tell": "hello",
        "protocol": PROTOCOL,
        "image": {
            "name": engine.path.name,
            "width": width,
            "height": height,
            "channels": channels,
            "colours": ["R", "G", "B"] if channels == 3 else ["L"],
            "white": white.value if white else None,
            "pattern": source.frame.pattern,
        },
        "grid": {"width": grid.shape[1], "height": grid.shape[0], "binning": grid.side},
        "tiles": {"size": SIDE, "levels": levels, "pixel": engine.unit},
        "settings": _described(document.settings, helps),
        "warnings": engine.warnings,
        "version": version(),
    }


def _described(settings: Settings, helps: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The settings that a page may change: their values and what they can be."""
    types = get_type_hints(Options)
    described = _values(settings)
    for name, about in described.items():
        about["help"] = helps.get(name, "")
        choices = [each for each in get_args(types[name]) if isinstance(each, str | int)]
        if len(choices) > 1:
            about["choices"] = choices
        if name in RANGES:
            about |= dict(zip(("minimum", "maximum"), RANGES[name], strict=True))
    return described


def _values(settings: Settings) -> dict[str, dict[str, Any]]:
    """The values of the settings that a page may change, and whether they are fastbg's choice."""
    every, defaults = settings.to_dict(), Settings().to_dict()
    return {
        name: {"value": every[name], "automatic": every[name] == defaults[name]}
        for name in settings_that_change()
    }


def state(history: History, painted: Painted, settings: Settings, revision: int) -> dict[str, Any]:
    """What was done so far; the settings may be tried ones, which are no edit yet."""
    return {
        "tell": "state",
        "revision": revision,
        "settings": _values(settings),
        "undo": history.undoable,
        "redo": history.redoable,
        "snapshots": sorted(history.snapshots),
        "edits": {
            "not_sky": int(np.count_nonzero(painted.not_sky)),
            "sky": int(np.count_nonzero(painted.sky)),
        },
        "border": [*settings.sides],
        "grid": {
            "width": painted.grid.shape[1],
            "height": painted.grid.shape[0],
            "binning": painted.grid.side,
        },
        "use_samples": history.present.use_samples,
    }


def fitted(engine: Engine, outcome: Outcome) -> dict[str, Any]:
    """What a fit has found, in numbers and words."""
    diagnostics = outcome.fitted.diagnostics
    preparation = outcome.preparation
    gradient = Gradient.found(diagnostics, preparation)
    explained = preparation.sky.explained if preparation.sky else None
    words = str(gradient)
    if explained is not None:
        words += f". {explained_by_sky(explained)}"
    kept = outcome.prepared.problem.weight
    return {
        "tell": "fitted",
        "revision": outcome.revision,
        "seconds": outcome.seconds,
        "words": words,
        "numbers": {
            "taken_out": gradient.removed,
            "before": gradient.before,
            "after": gradient.after,
            "uncertain": gradient.uncertainty,
            "explained": explained,
            "used": float((kept.max(axis=2) >= OBJECT).mean()),
        },
        "level": outcome.correction.levels.tolist(),
        "strength": outcome.settings.strength,
        "mode": outcome.settings.mode,
        "flexibility": _candidates(preparation),
        "warnings": [*warnings(outcome, engine.size)],
    }


def _candidates(preparation: Preparation) -> dict[str, Any] | None:
    """The surfaces from which the search has chosen, from the stiffest on."""
    choice = preparation.sky.choice if preparation.sky else None
    if choice is None:
        return None
    tried = len(choice.explained)
    candidates = [
        {
            "number": number,
            "name": str(number),
            "explained": choice.explained[number - 1] if number <= tried else None,
            "tried": number <= tried,
        }
        for number in range(1, MOST_FLEXIBLE + 1)
    ]
    return {
        "chosen": choice.flexibility,
        "automatic": choice.automatic,
        "candidates": candidates,
    }


def pictures(outcome: Outcome, painted: Painted, scale: Scale) -> Iterator[tuple[str, bytes]]:
    """The pictures of a fit, by name."""
    revision, side = outcome.revision, painted.grid.side
    kept = outcome.prepared.problem.weight
    yield (
        "model",
        encoded(
            *("model", scale.halves(outcome.background), "half"),
            scale=scale,
            revision=revision,
            binning=side,
        ),
    )
    # At the cells of the mesh, between which the page interpolates.
    sigma = np.moveaxis(outcome.fitted.diagnostics.uncertainty, 2, 0)
    unit = Scale(np.zeros_like(scale.offset), scale.unit)
    extent = [side * size for size in kept.shape[1::-1]]
    yield (
        "uncertainty",
        encoded(
            *("uncertainty", unit.halves(sigma), "half"),
            scale=unit,
            revision=revision,
            extent=extent,
        ),
    )
    weight = kept.max(axis=2)
    whole = np.rint(255 * weight).astype(np.uint8)[None]
    yield "weight", encoded("weight", whole, "byte", revision=revision, binning=side)
    labels = objects(outcome, painted)[None].clip(max=(1 << 16) - 1)
    yield "objects", encoded("objects", labels, "label", revision=revision, binning=side)


def small(outcome: Outcome, side: int, scale: Scale) -> bytes:
    """The small copy of the image that is fitted, as a picture."""
    reduced = outcome.reduced
    planes = np.moveaxis(reduced.small, 2, 0)
    known = np.isfinite(planes)
    linear = reduced.own.invert(np.where(known, planes, 0).astype(np.float32))[0]
    shown = presentable(np.where(known, linear, np.float32(np.nan)))
    return encoded("small", scale.halves(shown), "half", scale=scale, binning=side)


def layer(name: str, cells: np.ndarray, grid: Grid, revision: int) -> bytes:
    """A painted layer as a picture."""
    plane = np.where(cells, np.uint8(255), np.uint8(0))[None]
    return encoded(name, plane, "byte", revision=revision, binning=grid.side)
