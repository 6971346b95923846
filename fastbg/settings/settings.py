"""The settings of a job, checked once and then taken as they are."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Unpack, get_type_hints

from ..errors import SettingsError
from .checked import CHECKS
from .options import Options, check_names
from .unused import OF_THE_DESCENT as OF_THE_DESCENT
from .unused import unused

LEAST_SIDES = {32: 500, 16: 500, 8: 120, 4: 120, 2: 120}
"""The downscaling factors that "auto" may take, and the least that each leaves of the shorter side.

With fewer than 120 pixels, cells of the mesh hold too few of them to tell noise from structure: see
docs/sky.md. More than 500 tell a search nothing more; beyond them, time and memory would grow."""

WITHOUT_EFFECT = frozenset({"strict", "threads", "gpu_memory"})
"""Settings that change the time to a result, or whether there is one, and not one bit of it."""


AUTOMATIC = ("control_points", "white", "flexibility", "stiffness", "threads", "gpu_memory")
"""Settings that fastbg decides where they are 0, which may be written "auto"."""


@dataclass(frozen=True, init=False)
class Settings:
    """How to fit and subtract.

    Those of bgoptimizer are ``Settings(downscaling_factor=8, control_points=32, protect="off",
    optimizer="adam")``.

    Attributes
    ----------
    downscaling_factor : int or "auto"
        Pixels per side of the blocks that become one pixel of the fit. "auto" is 8, less for small
        images and more for very large ones, see `factor`.
    downscaling_func : {"median", "mean"}
        The value of a block: the median or the mean of its pixels.
    quantile : float
        Quantile of the linear image that the stretch maps to 1; lower stretches more.
    control_points : int
        The number N for a descent; a grid takes the nearest square number. With 0, the default,
        the data decide, see `fastbg.sky.selection`; what belongs to the descent has then no effect.
        "auto" is another name for 0, as for the other numbers whose 0 lets fastbg decide.
    order : int
        The order of the polyharmonic spline, 1 to 4; 2 is the thin plate.
    threshold_min, threshold_max : float
        Stretched values outside are masked. Not used when a weight image is given.
    invert_mask : bool
        Take the weight image as 1 - weight.
    protect : {"auto", "always", "strong", "off"}
        Whether what is no sky is found in the image and excluded: "auto" where the number of
        control points is chosen, too, but for a weight image, which is obeyed: what it leaves is
        sky, except stars. "always" finds the same beside a weight image and for a descent as well,
        and "strong" finds more.
    smoothing : float or "auto"
        How smooth the surface through samples is, from 0, through every sample, to 1, a plane; the
        samples decide with "auto". Without samples it has no effect.
    feather : float
        Pixels of the image over which the weight rises from what is ignored.
    border : int or (int, int, int, int)
        Pixels at each side of the image, as it is looked at, that are no sky: they are corrected,
        but not fitted. Four numbers are those of the left, upper, right and lower side. Of a
        mosaic, pixels of the mosaic.
    catalogue : bool
        Protect extended objects of the OpenNGC catalogue from the start, in a file that has a
        coordinate system; see docs/masks.md.
    protect_at : str
        Places of other objects, like a comet: "x y radius" in pixels, as the file stores them, from
        the outer corner of the first one, or "RA Dec radius" as in "5:35:17 -5:23:28 10m". Several
        are separated by semicolons.
    white : float
        The number of the input that becomes 1, in files of other formats than FITS, and in
        thresholds and levels that are given. With 0, the file declares it, or the type of its
        integers, or all samples decide, see `fastbg.io.white`. Arrays are taken as they are.
    cfa : {"auto", "off", "RGGB", "BGGR", "GRBG", "GBRG"}
        Whether an undebayered frame is fitted per colour: "auto" where a file declares its Bayer
        pattern, "off" never, and a pattern whatever a file declares. It begins at the top left
        pixel of the picture.
    flexibility : int
        How far the sky that is searched for may bend: the number of a candidate of
        `fastbg.sky.selection`, from 1, a plane, to 10. With 0, the default, the data decide; "auto"
        is another name for it.
    seams : {"auto", "off"} or str
        Where the panels of a mosaic meet, each of which gets a surface of its own: found in the
        image, nowhere, or lines through the whole frame like "x=1500 y=1000", in pixels from the
        left and from the top. Only where the sky is searched for.
    reference_scale : float, (float, float, float) or "auto"
        How much of the light of a reference is in the image: one number, or one for each channel.
        With "auto", the images decide, see `fastbg.reference.scale`.
    reference_degree : {0, 1, 2}
        The degree of the polynomial that a reference may have as a gradient of its own.
    initializer : {"random", "grid"}
        Where the control points start.
    optimizer : {"lbfgs", "adam"}
        How the loss is minimised, see `fastbg.spline.lbfgs` and `fastbg.spline.adam`.
    epochs : int
        The largest number of iterations of the descent.
    alpha : float
        Weight of the overshoot and negative-background penalties.
    stiffness : float
        Weight of the spline's bending energy in the loss, see `fastbg.spline.bending`. With 0, the
        default, there is none, but where a sky was found (protect="always" or "strong"): there the
        descent starts from it, and what it adds has an energy whose weight the residuals decide.
    second_opinion : bool
        Without a number of control points, descend on the weights of the sky that was found, too,
        and tell where both differ, see `fastbg.opinion`.
    starts : int
        Independent starts, of which the best is kept. Grids after the first are jittered.
    learning_rate : float
        The learning rate of Adam before it falls; L-BFGS has none.
    seed : int
        Same seed and settings, same result, whatever the number of threads.
    pedestal : {"model-median", "neutral", "none", "bgoptimizer"} or float
        The level that is added after the subtraction; see `fastbg.model.correction`.
    mode : {"subtract", "divide"}
        ``I - model + pedestal`` or ``I / model * pedestal``.
    strength : float, in [0, 1]
        How much of the background is taken out: ``I - strength (model - pedestal)``, and when
        dividing as large a part of the change. A text like "80%" is 0.8.
    sample_format : {"float32", "same", "unit"}
        The samples of a corrected image in a file: float32, or as in the input, with integers
        rounded and clipped to their range. "unit" is float32 on the scale of 0 to 1 also where
        "float32" keeps the units of the input. Arrays are always float32.
    strict : bool
        Raise a `DoubtError` and write nothing where a warning says that the model may be wrong.
    backend : {"auto", "c", "cuda", "numpy"}
        The evaluator.
    threads : int
        0 means all cores.
    gpu_memory : int
        Bytes of the memory of a GPU that the backend cuda may take, or a size like "2GB";
        0 = a quarter of what is free.

    Raises
    ------
    SettingsError
        If a value is impossible, or there is no setting of that name.
    """

    downscaling_factor: int | Literal["auto"] = "auto"
    downscaling_func: Literal["median", "mean"] = "median"
    quantile: float = 0.95
    control_points: int = 0
    order: int = 2
    threshold_min: float = 0.001
    threshold_max: float = 1.0
    invert_mask: bool = False
    protect: Literal["auto", "always", "strong", "off"] = "auto"
    smoothing: float | Literal["auto"] = "auto"
    feather: float = 0.0
    border: int | tuple[int, int, int, int] = 0
    catalogue: bool = False
    protect_at: str = ""
    white: float = 0.0
    cfa: Literal["auto", "off", "RGGB", "BGGR", "GRBG", "GBRG"] = "auto"
    flexibility: int = 0
    seams: str = "auto"
    reference_scale: float | Sequence[float] | Literal["auto"] = "auto"
    reference_degree: Literal[0, 1, 2] = 0
    initializer: Literal["random", "grid"] = "random"
    optimizer: Literal["lbfgs", "adam"] = "lbfgs"
    epochs: int = 1000
    alpha: float = 5.0
    stiffness: float = 0.0
    second_opinion: bool = False
    starts: int = 1
    learning_rate: float = 1e-3
    seed: int = 0
    pedestal: str | float = "model-median"
    mode: Literal["subtract", "divide"] = "subtract"
    strength: float = 1.0
    sample_format: Literal["float32", "same", "unit"] = "float32"
    strict: bool = False
    backend: str = "auto"
    threads: int = 0
    gpu_memory: int = 0

    def __init__(self, **options: Unpack[Options]) -> None:
        check_names(options, CHECKS)
        values: dict[str, Any] = {**{each.name: each.default for each in fields(self)}, **options}
        for name, check in CHECKS.items():
            object.__setattr__(self, name, check(values[name]))
        low, high = self.threshold_min, self.threshold_max
        if not low < high:
            raise SettingsError(f"the lower threshold {low:g} must lie below the upper {high:g}")
        if self.mode == "divide" and self.pedestal == "bgoptimizer":
            raise SettingsError(
                "the pedestal bgoptimizer belongs to subtraction; choose another to divide"
            )

    def __repr__(self) -> str:
        """What differs from the defaults."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        changed = (f"{k}={v!r}" for k, v in values.items() if v != getattr(Settings, k))
        return f"Settings({', '.join(changed)})"

    @property
    def sides(self) -> tuple[int, int, int, int]:
        """The widths of the border at the left, upper, right and lower side, in pixels."""
        width = self.border
        return (width, width, width, width) if isinstance(width, int) else width

    @property
    def finds_sky(self) -> bool:
        """Whether the sky is searched for, to fit it or to protect what is none."""
        return self.control_points == 0 or self.protect in ("always", "strong")

    @property
    def block_function(self) -> str:
        """The value of a block; for a search, a median that tells more of integers."""
        function: str = self.downscaling_func
        # A descent fits what its reference fits.
        return "grouped median" if function == "median" and self.finds_sky else function

    def protection(self, *, masked: bool) -> str:
        """How objects are looked for: see `fastbg.sky.detection.detect_sky`.

        Parameters
        ----------
        masked : bool
            Whether there is a weight image.
        """
        if self.protect == "auto" and masked:
            return "stars"
        return "auto" if self.protect == "always" else self.protect

    @property
    def unused(self) -> dict[str, str]:
        """The names of settings that have no effect beside the others, and why each has none."""
        return unused(self)

    def changed(self, names: Iterable[str]) -> list[str]:
        """Those of the names whose settings are not the default, in the order of the settings."""
        defaults = {field.name: field.default for field in fields(self)}
        wanted = set(names)
        return [
            name
            for name, default in defaults.items()
            if name in wanted and getattr(self, name) != default
        ]

    @property
    def idle(self) -> list[str]:
        """The names of settings that are not the default, and have no effect beside the others."""
        return self.changed(self.unused)

    def factor(self, shape: tuple[int, int]) -> int:
        """The downscaling factor for a fitted image of this shape, (H, W).

        "auto" is the largest that leaves `LEAST_SIDES` of it along the shorter side, or 1.
        """
        if self.downscaling_factor != "auto":
            return self.downscaling_factor
        sides = LEAST_SIDES.items()
        return next((factor for factor, least in sides if min(shape) >= factor * least), 1)

    def pattern(self, declared: str | None) -> str | None:
        """The Bayer pattern to fit by, where a file declares one, or None to treat it as mono."""
        return {"auto": declared, "off": None}.get(self.cfa, self.cfa)

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


def named_parameters() -> list[inspect.Parameter]:
    """Every setting as a parameter of a function, for its signature."""
    types = get_type_hints(Options)
    return [
        inspect.Parameter(
            each.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=each.default,
            annotation=types[each.name],
        )
        for each in fields(Settings)
    ]


Settings.__signature__ = inspect.Signature(named_parameters())  # type: ignore[attr-defined]
