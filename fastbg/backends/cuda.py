"""The CUDA evaluator: float32, the whole descent on the device, in a stated amount of its memory.

Neither numba nor the driver is touched before somebody asks for it.
"""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass, field
from importlib import import_module, metadata
from importlib.util import find_spec
from threading import Lock
from typing import TYPE_CHECKING, Any

from ..errors import BackendError
from ..image.kernels import FASTEST

if TYPE_CHECKING:
    import numpy as np

    from ..spline.loss import Problem
    from ..spline.spline import Spline

INSTALL = "pip install 'fastbg[cuda]', or 'fastbg[cuda13]' for drivers of CUDA 13"

OLDEST_CUDA = 12
"""That a driver must know; it must also know the one that numba's bindings are made for."""

PART_OF_FREE = 4
"""Of the memory that is free, one part in so many is taken unless somebody says otherwise."""

_DRIVERS = ("libcuda.so.1", "nvcuda.dll")


def simulated() -> bool:
    """Whether numba runs kernels on the CPU, for tests."""
    return os.environ.get("NUMBA_ENABLE_CUDASIM", "0") not in ("", "0")


def unavailable() -> str | None:
    """Why it cannot be used, as far as that is known without starting anything on the device."""
    if find_spec("numba_cuda") is None:
        return f"numba-cuda is not installed ({INSTALL})"
    return None if simulated() else driver_lacks(load_driver(), _bindings())


def driver_lacks(driver: Any, major: int = OLDEST_CUDA) -> str | None:
    """What a driver library misses for a major version of CUDA, or None; without any, that."""
    if driver is None:
        return "no NVIDIA driver is installed"
    version, devices = ctypes.c_int(), ctypes.c_int()
    if driver.cuDriverGetVersion(ctypes.byref(version)) or version.value < 1000 * major:
        return (
            f"the NVIDIA driver is too old (it knows CUDA {version.value // 1000}."
            f"{version.value % 1000 // 10}, and {major}.0 is needed): update it"
        )
    if code := driver.cuInit(0):
        return f"the NVIDIA driver finds no usable GPU (CUDA error {code})"
    if driver.cuDeviceGetCount(ctypes.byref(devices)) or not devices.value:
        return "the NVIDIA driver finds no GPU"
    return None


def detail() -> str:
    """The device."""
    return str(_device().name())


def backend(memory: int) -> Within:
    """This backend, with so many bytes of device memory; 0 = a quarter of what is free."""
    return Within(memory)


@dataclass(frozen=True)
class Within:
    """The backend with a budget; see `fastbg.backends.protocol.Backend`."""

    memory: int
    name = "cuda"
    kernels = FASTEST
    _rendering: Lock = field(default_factory=Lock, repr=False, compare=False)

    def unavailable(self) -> str | None:
        """As of the module."""
        return unavailable()

    def detail(self) -> str:
        """As of the module."""
        return detail()

    def open_problem(self, problem: Problem, threads: int) -> Any:
        """Gather the kept pixels; they move to the device with the first evaluation.

        Raises
        ------
        BackendError
            If the device fails, also by any method of the objective, or by the budget.
        """
        return _device().Objective(problem, self._budget())

    def plan(self, spline: Spline, y: np.ndarray, x: np.ndarray) -> _Rendering:
        return _Rendering(self, spline, y, x)

    def evaluate(
        self, spline: Spline, y: np.ndarray, x: np.ndarray, out: np.ndarray, threads: int
    ) -> None:
        """Fill ``out``, (K, rows, columns) float32, with the spline on a grid.

        For one thread after the other, so that the budget holds for all.
        """
        with self._rendering:
            _device().evaluate(spline, y, x, out, self._budget())

    def _budget(self) -> int:
        return self.memory or _device().free_memory() // PART_OF_FREE


class _Rendering:
    def __init__(self, backend: Within, spline: Spline, y: np.ndarray, x: np.ndarray) -> None:
        self._backend, self._spline, self._y, self._x = backend, spline, y, x

    def rows(self, rows: slice, out: np.ndarray) -> None:
        self._backend.evaluate(self._spline, self._y[rows], self._x, out, 1)

    def close(self) -> None:
        pass


def _device() -> Any:
    try:
        return import_module("fastbg.cuda_kernels.device")
    except Exception as error:  # numba fails in many ways where its parts do not fit together
        said = " ".join(str(error).split())[:160]
        raise BackendError(f"numba-cuda cannot be loaded ({said}): {INSTALL}") from error


def _bindings() -> int:
    """The major version of CUDA that numba's bindings are made for."""
    try:
        return int(metadata.version("cuda-bindings").partition(".")[0])
    except (metadata.PackageNotFoundError, ValueError):
        return OLDEST_CUDA


def load_driver() -> Any:
    """The library of the driver, or None."""
    for name in _DRIVERS:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None
