"""The settings of a job, checked once and then taken as they are."""

from __future__ import annotations

import math
import os
from dataclasses import asdict, dataclass, fields
from numbers import Integral, Real
from typing import Any, Literal

from ..backends.protocol import NAMES
from ..errors import SettingsError

MOST_THREADS = 256

MOST_CONTROL_POINTS = 10_000
"""Where a descent starts is solved for: time grows with their cube, memory with their square."""

MOST_STARTS, LARGEST_FACTOR, LARGEST_PEDESTAL, LARGEST_ALPHA = 10_000, 1 << 16, 1e9, 1e30

_OF_THE_DESCENT = (
    "order",
    "initializer",
    "optimizer",
    "epochs",
    "alpha",
    "stiffness",
    "starts",
    "learning_rate",
    "seed",
)

PEDESTALS = ("model-median", "neutral", "none", "ancestor")

WITHOUT_EFFECT = frozenset({"threads", "gpu_memory"})
"""Settings that change how fast a result comes, and not one bit of it."""


@dataclass(frozen=True)
class Settings:
    """How to fit and subtract.

    With ``Settings(control_points=32, protect="off", optimizer="adam")`` these are the ancestor's.

    Attributes
    ----------
    downscaling_factor : int
        Pixels per side of the blocks that become one pixel of the fit.
    downscaling_func : {"median", "mean"}
        What a block becomes.
    quantile : float
        Quantile of the linear image that the stretch maps to 1; lower stretches more.
    control_points : int
        N, for the descent; a grid takes the nearest square number. 0, the default: as many as the
        data ask for, see `fastbg.sky.selection`; what belongs to the descent has then no effect.
    order : int
        Of the polyharmonic spline: 1 to 4, 2 is the thin plate.
    threshold_min, threshold_max : float
        Stretched values outside are masked. Not used when a weight image is given.
    invert_mask : bool
        Take the weight image as 1 - weight.
    protect : {"auto", "off", "strong"}
        Whether what is no sky is found in the image and excluded: "auto" where the number of
        control points is chosen, too.
    feather : float
        Pixels of the image over which the weight rises from what is ignored.
    cfa : {"auto", "off"}
        Whether an undebayered frame, where a file says it is one, is fitted per colour.
    initializer : {"random", "grid"}
        Where the control points start.
    optimizer : {"lbfgs", "adam"}
        How the loss is minimised, see `fastbg.spline.lbfgs` and `fastbg.spline.adam`.
    epochs : int
        Most iterations of the descent.
    alpha : float
        Weight of the overshoot and negative-background penalties.
    stiffness : float
        Weight of the spline's bending energy in the loss, see `fastbg.spline.bending`.
    starts : int
        Independent starts, of which the best is kept. Grids after the first are jittered.
    learning_rate : float
        Of Adam, before it falls; without effect on the other.
    seed : int
        Same seed and settings, same result, whatever the number of threads.
    pedestal : {"model-median", "neutral", "none", "ancestor"} or float
        What is added after the subtraction; see `fastbg.model.correction`.
    mode : {"subtract", "divide"}
        ``I - model + pedestal`` or ``I / model * pedestal``.
    sample_format : {"float32", "same"}
        Of the corrected image in a file: float32, or the samples and the bounds of the
        input, integers rounded and clipped to their range. Arrays are always float32.
    backend : {"auto", "c", "cuda", "numpy"}
        The evaluator.
    threads : int
        0 means all cores.
    gpu_memory : int
        Bytes of the memory of a GPU that the backend cuda may take; 0 = a quarter of what is free.

    Raises
    ------
    SettingsError
        If a value is impossible.
    """

    downscaling_factor: int = 8
    downscaling_func: Literal["median", "mean"] = "median"
    quantile: float = 0.95
    control_points: int = 0
    order: int = 2
    threshold_min: float = 0.001
    threshold_max: float = 1.0
    invert_mask: bool = False
    protect: Literal["auto", "off", "strong"] = "auto"
    feather: float = 0.0
    cfa: Literal["auto", "off"] = "auto"
    initializer: Literal["random", "grid"] = "random"
    optimizer: Literal["lbfgs", "adam"] = "lbfgs"
    epochs: int = 1000
    alpha: float = 5.0
    stiffness: float = 0.0
    starts: int = 1
    learning_rate: float = 1e-3
    seed: int = 0
    pedestal: str | float = "model-median"
    mode: Literal["subtract", "divide"] = "subtract"
    sample_format: Literal["float32", "same"] = "float32"
    backend: str = "auto"
    threads: int = 0
    gpu_memory: int = 0

    def __post_init__(self) -> None:
        _whole("downscaling factor", self.downscaling_factor, 1, LARGEST_FACTOR)
        _one_of("downscaling function", self.downscaling_func, ("median", "mean"))
        if not 0 < _number("quantile", self.quantile) <= 1:
            raise SettingsError(f"the quantile must lie in (0, 1], not {self.quantile:g}")
        _whole("number of control points", self.control_points, 0, MOST_CONTROL_POINTS)
        _one_of("order", self.order, (1, 2, 3, 4))
        low = _number("lower threshold", self.threshold_min)
        high = _number("upper threshold", self.threshold_max)
        if not low < high:
            raise SettingsError(f"the lower threshold {low:g} must lie below the upper {high:g}")
        _one_of("choice to invert the mask", self.invert_mask, (False, True))
        if not _number("feathering", self.feather) >= 0:
            raise SettingsError(f"the feathering must be at least 0 pixels, not {self.feather:g}")
        _one_of("protection", self.protect, ("auto", "off", "strong"))
        _one_of("cfa", self.cfa, ("auto", "off"))
        _one_of("initializer", self.initializer, ("random", "grid"))
        _one_of("optimizer", self.optimizer, ("lbfgs", "adam"))
        _whole("number of epochs", self.epochs, 1)
        if not 0 <= _number("alpha", self.alpha) <= LARGEST_ALPHA:
            raise SettingsError(f"alpha must lie in 0 .. {LARGEST_ALPHA:g}, not {self.alpha:g}")
        if not 0 <= _number("stiffness", self.stiffness) <= LARGEST_ALPHA:
            raise SettingsError(
                f"the stiffness must lie in 0 .. {LARGEST_ALPHA:g}, not {self.stiffness:g}"
            )
        _whole("number of starts", self.starts, 1, MOST_STARTS)
        if not _number("learning rate", self.learning_rate) > 0:
            raise SettingsError(f"the learning rate must be positive, not {self.learning_rate:g}")
        _whole("seed", self.seed, 0)
        if not isinstance(self.pedestal, str):
            if abs(_number("pedestal", self.pedestal)) > LARGEST_PEDESTAL:
                raise SettingsError(
                    f"the pedestal must lie within {LARGEST_PEDESTAL:g}, not {self.pedestal:g}"
                )
        elif self.pedestal not in PEDESTALS:
            raise SettingsError(
                f"the pedestal must be {', '.join(PEDESTALS)} or a number, not {self.pedestal}"
            )
        _one_of("mode", self.mode, ("subtract", "divide"))
        _one_of("sample_format", self.sample_format, ("float32", "same"))
        if self.mode == "divide" and self.pedestal == "ancestor":
            raise SettingsError(
                "the pedestal ancestor belongs to subtraction; choose another to divide"
            )
        _one_of("backend", self.backend, ("auto", *NAMES))
        _whole("number of threads", self.threads, 0, MOST_THREADS)
        _whole("memory of the GPU", self.gpu_memory, 0)

    @property
    def finds_sky(self) -> bool:
        """Whether the sky is searched for, to fit it or to protect what is none."""
        return self.control_points == 0 or self.protect == "strong"

    @property
    def idle(self) -> list[str]:
        """The names of settings that are not the default, and have no effect beside the others."""
        unused: tuple[str, ...] = ()
        if not self.control_points:
            unused = _OF_THE_DESCENT
        elif self.optimizer != "adam":
            unused = ("learning_rate",)
        return [
            field.name
            for field in fields(self)
            if field.name in unused and getattr(self, field.name) != field.default
        ]

    @property
    def worker_threads(self) -> int:
        """The number of threads to use, with 0 resolved."""
        if self.threads:
            return self.threads
        if hasattr(os, "sched_getaffinity"):
            return len(os.sched_getaffinity(0))
        return os.cpu_count() or 1

    def to_dict(self) -> dict[str, Any]:
        """All settings by name."""
        return asdict(self)


def _number(name: str, value: float) -> float:
    if not isinstance(value, Real) or isinstance(value, bool) or not math.isfinite(value):
        raise SettingsError(f"the {name} must be a finite number, not {value}")
    return value


def _whole(name: str, value: int, low: int, high: float = math.inf) -> None:
    if not isinstance(value, Integral) or isinstance(value, bool) or value < low:
        raise SettingsError(f"the {name} must be a whole number of at least {low}, not {value}")
    if value > high:
        raise SettingsError(f"the {name} must be at most {high}, not {value}")


def _one_of(name: str, value: object, choices: tuple[object, ...]) -> None:
    if value not in choices:
        *most, last = map(str, choices)
        raise SettingsError(f"the {name} must be {', '.join(most)} or {last}, not {value}")
