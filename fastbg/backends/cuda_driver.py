"""The library of NVIDIA's driver, which is asked without numba."""

from __future__ import annotations

import ctypes
from typing import Any

OLDEST_CUDA = 12
"""The major version of CUDA that a driver must know at least."""

_LIBRARIES = ("libcuda.so.1", "nvcuda.dll")


def load_driver() -> Any:
    """The library of the driver, or None where there is none."""
    for name in _LIBRARIES:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None


def driver_lacks(driver: Any, major: int = OLDEST_CUDA) -> str | None:
    """Why a driver cannot be used for a major version of CUDA, or None if it can.

    Parameters
    ----------
    driver : ctypes.CDLL or None
        The value of `load_driver`.
    """
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
