"""The CUDA evaluator: float32, the whole descent on the device, in a stated amount of its memory.

Neither numba nor the driver is loaded before they are needed.
"""

from __future__ import annotations

import os
from functools import cache
from importlib import import_module, metadata
from importlib.util import find_spec
from threading import Lock
from typing import Any, cast

import numpy as np

from ..errors import BackendError
from ..image.kernels import FASTEST
from ..spline.loss import Problem
from ..spline.objective import Objective
from ..spline.spline import Spline
from ..version import how_to_install
from .cuda_driver import OLDEST_CUDA, driver_lacks, load_driver
from .protocol import Rendering

INSTALL = f"{how_to_install('cuda')}, or 'fastbg[cuda13]' for drivers of CUDA 13"

PART_OF_FREE = 4
"""The budget is the free memory divided by this, unless another budget is given."""


def simulated() -> bool:
    """Whether numba runs kernels on the CPU, for tests."""
    return os.environ.get("NUMBA_ENABLE_CUDASIM", "0") not in ("", "0")


def unavailable() -> str | None:
    """Why it cannot be used, as far as that is known without starting anything on the device."""
    if find_spec("numba_cuda") is None:
        return f"numba-cuda is not installed ({INSTALL})"
    return None if simulated() else driver_lacks(load_driver(), _bindings())


class CudaBackend:
    """The evaluator with its budget; see `fastbg.backends.protocol.Backend`.

    All that it has open at any time, objectives and renderings, takes no more device memory than
    the budget. One thread at a time uses the device.

    Parameters
    ----------
    memory : int
        Bytes of device memory that may be taken; 0 = a quarter of what is free at first use.
    """

    name = "cuda"
    kernels = FASTEST

    def __init__(self, memory: int = 0) -> None:
        self.memory = memory
        self._lock = Lock()
        self._opened: Any = None

    def detail(self) -> str:
        """The name of the device, with its compute capability."""
        return str(_kernels("device").name())

    def open_problem(self, problem: Problem, threads: int) -> Objective:
        """Gather the kept pixels; they move to the device with the first evaluation.

        Raises
        ------
        BackendError
            If the device fails. Methods of the objective raise it, too, and also where the budget
            is too small.
        """
        opened = _kernels("objective").CudaObjective(problem, self._device_memory())
        return cast(Objective, opened)

    def plan(self, spline: Spline, y: np.ndarray, x: np.ndarray) -> Rendering:
        """Move a spline and the coordinates of all rows and columns to the device.

        Raises
        ------
        BackendError
            If the device fails, also by methods of the rendering, or the budget is too small.
        """
        planned = _kernels("rendering").CudaRendering(spline, y, x, self._device_memory())
        return cast(Rendering, planned)

    def _device_memory(self) -> Any:
        """The account of this evaluator, opened once."""
        with self._lock:
            if self._opened is None:
                budget = self.memory or _kernels("device").free_memory() // PART_OF_FREE
                self._opened = _kernels("memory").DeviceMemory(budget)
            return self._opened


def _kernels(name: str) -> Any:
    """A module of the kernels, which are imported by name since they stand apart."""
    try:
        return import_module(f"fastbg.cuda_kernels.{name}")
    except Exception as error:  # numba fails in many ways where its parts do not fit together
        said = " ".join(str(error).split())[:160]
        raise BackendError(f"numba-cuda cannot be loaded ({said}): {INSTALL}") from error


@cache
def _bindings() -> int:
    """The major version of CUDA that numba's bindings are made for."""
    try:
        return int(metadata.version("cuda-bindings").partition(".")[0])
    except (metadata.PackageNotFoundError, ValueError):
        return OLDEST_CUDA


def backend(memory: int) -> CudaBackend:
    """The evaluator with a budget of so many bytes; 0 = a quarter of what is free."""
    return CudaBackend(memory)
