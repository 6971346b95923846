"""The settings as the keyword parameters of functions: what editors complete and checkers check."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, TypedDict

from ..errors import SettingsError

BackendName = Literal["auto", "c", "cuda", "numpy"]

_MEANT = {"mask": "weight"}
"""What is called otherwise elsewhere, and too far from its name here to be a typing error."""


class Options(TypedDict, total=False):
    """Any of the settings; `fastbg.Settings` has their meanings and their defaults."""

    downscaling_factor: int | Literal["auto"]
    downscaling_func: Literal["median", "mean"]
    quantile: float
    control_points: int | Literal["auto"]
    order: int
    threshold_min: float
    threshold_max: float
    invert_mask: bool
    protect: Literal["auto", "always", "strong", "off"]
    smoothing: float | Literal["auto"]
    feather: float
    border: int | str | Sequence[int]
    catalogue: bool
    protect_at: str
    white: float | Literal["auto"]
    cfa: Literal["auto", "off", "RGGB", "BGGR", "GRBG", "GBRG"]
    flexibility: int | Literal["auto"]
    seams: str
    reference_scale: float | Sequence[float] | Literal["auto"]
    reference_degree: Literal[0, 1, 2]
    initializer: Literal["random", "grid"]
    optimizer: Literal["lbfgs", "adam"]
    epochs: int
    alpha: float
    stiffness: float | Literal["auto"]
    second_opinion: bool
    starts: int
    learning_rate: float
    seed: int
    pedestal: str | float
    mode: Literal["subtract", "divide"]
    strength: float | str
    sample_format: Literal["float32", "same", "unit"]
    strict: bool
    backend: BackendName
    threads: int | Literal["auto"]
    gpu_memory: int | str


def check_names(given: Iterable[str], known: Iterable[str]) -> None:
    """Raise SettingsError, with the name that is probably meant, for one that is not known."""
    known = [*known]
    for name in given:
        if name not in known:
            from difflib import get_close_matches

            meant = _MEANT.get(name)
            near = [meant] if meant in known else get_close_matches(name, known, 1)
            cure = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
            raise SettingsError(f"unknown setting {name!r}: {cure}")
