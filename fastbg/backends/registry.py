"""The one place where an evaluator is chosen."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Protocol, cast

from ..errors import BackendError
from ..settings.checked import BACKENDS
from .protocol import Backend

NOT_MEASURED = "no measurement on a GPU shows yet that it pays; ask for it with --backend cuda"
"""Why ``auto`` does not choose CUDA where there is the C evaluator."""

SLOW = "numpy"
"""The reference, which is tens of times slower than the others."""


class _Module(Protocol):
    """A module of this package that holds an evaluator."""

    unavailable: Callable[[], str | None]
    """Why it cannot be used on this computer, or None."""

    backend: Callable[[int], Backend]
    """The evaluator, which may take so many bytes of a GPU's memory; 0 = a part of what is free."""


def unavailable(name: str) -> str | None:
    """Why an evaluator cannot be used on this computer, or None."""
    return _module(name).unavailable()


def detail(name: str) -> str:
    """The instruction set, release or device of an evaluator that is available."""
    return _module(name).backend(0).detail()


def choose(name: str, gpu_memory: int = 0, warnings: list[str] | None = None) -> Backend:
    """The evaluator that is asked for, or with ``auto`` the first that this computer can use.

    Parameters
    ----------
    name : str
        A name of `fastbg.settings.settings.BACKENDS`, or "auto".
    gpu_memory : int
        Bytes of the memory of a GPU that may be taken; 0 = a quarter of what is free.
    warnings : list of str, optional
        It gets a line if slow numpy has to do the work of the C evaluator, or later if a GPU fails
        and the next evaluator goes on.

    Raises
    ------
    BackendError
        If it is not available.
    """
    heard = [] if warnings is None else warnings
    candidates = BACKENDS if name == "auto" else (name,)
    # One after the other, for asking for CUDA takes long.
    usable = (each for each in candidates if unavailable(each) is None)
    first = next(usable, None)
    if first is None:
        raise BackendError(
            f"the backend {name} is not available: {unavailable(name)}; choose another, or auto"
        )
    backend = _module(first).backend(gpu_memory)
    # The loops over pixels are those in C beside a GPU, too, or numpy's in their place.
    if name != SLOW and (reason := unavailable("c")):
        heard.append(
            f"numpy does the work of the C evaluator, tens of times slower: that is not available, "
            f"{reason}"
        )
    if name == "auto" and first == "cuda":
        from .fallback import WithFallback

        return WithFallback(backend, _module(next(usable)).backend(gpu_memory), heard)
    return backend


def passed_over(used: str) -> dict[str, str]:
    """Why ``auto`` did not choose the evaluators that it prefers to the one that is used."""
    if used == "c":
        # Whether it could be used is not asked, for that would start the driver.
        return {"cuda": NOT_MEASURED}
    before = BACKENDS[: BACKENDS.index(used)]
    return {name: unavailable(name) or "it failed" for name in before}


def _module(name: str) -> _Module:
    return cast(_Module, import_module(f".{name}", __package__))
