"""The scalar functions of the CUDA kernels as a device computes them, and as the simulator does.

Each is compiled alone, with the options of the kernels that use it, and its PTX is evaluated on the
processor. In numba's simulator it is plain Python, given numpy's scalars where a kernel reads an
array or has converted, and integers of Python else.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import getmembers, isfunction
from itertools import product
from typing import Any

import numpy as np
import ptx
import pytest
from tolerances import FLOAT32_SAMPLES

from fastbg.cuda_kernels import maths

numba_cuda = pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")

SQUARED = [(q,) for q in (0, 1e-12, 1e-10, 1e-5, 0.3, 0.75, 1, 2)]
"""Squared distances: none, below and at the least one, and over the whole frame."""

SAMPLES = [*product((-0.7, 0, 1e-30, 0.4), (-0.1, 0.2), (0, 0.5, 1), (0, 5))]

LARGE = 1 << 32
"""More pixels than 32 bits can count."""

HELPERS: dict[Callable[..., Any], tuple[str, list[tuple[float, ...]]]] = {
    **dict.fromkeys(
        [*maths.PHI.values(), *maths.PHI_PRIME.values()], ("float32(float32)", SQUARED)
    ),
    maths.own_slope: ("float32(float32, float32, float32, float32)", SAMPLES),
    maths.slot_of: (
        "int64(int64, int64, int64, int32)",
        [(0, 2048, 0, 0), (LARGE // 2048, 2048, 0, 255), (2 * LARGE // 2048, 2048, LARGE, 7)],
    ),
    maths.coupled_slope: (
        "float64(float64, float32, int64, int64)",
        [(1000.5, 5, pixels, channels) for pixels in (1, 375_000, LARGE) for channels in (1, 3)],
    ),
}
"""Signatures with the types that the kernels give, and arguments. `argument_of` takes an array."""

IN_FLOAT64 = {maths.coupled_slope}
"""Those that kernels compiled without fast mathematics use."""


def compiled(function: Callable[..., Any], signature: str, fastmath: bool) -> str:
    from numba import cuda

    return cuda.compile_ptx(function, signature, device=True, fastmath=fastmath, cc=(8, 6))[0]


def simulated(signature: str, arguments: tuple[float, ...]) -> list[Any]:
    """The arguments as the simulator has them."""
    kinds = signature.partition("(")[2].rstrip(")").split(", ")
    types = {"int64": int, "int32": np.int32, "float32": np.float32, "float64": np.float64}
    return [types[kind](value) for kind, value in zip(kinds, arguments, strict=True)]


def differences(function, signature, arguments, fastmath=True, simulation=None) -> list[str]:
    """What a device does otherwise than the simulator, or in float64 without need."""
    code, found = compiled(function, signature, fastmath), []
    if ".f64" in code and "float64" not in signature:
        found.append("float64")
    for each in arguments:
        given = simulated(signature, each)
        with np.errstate(over="ignore"):
            expected = (simulation or function)(*given)
        on_device, exact = ptx.evaluate(code, *given), signature.startswith("int")
        expected = int(expected) if exact else float(expected)
        if not abs(on_device - expected) <= (not exact) * FLOAT32_SAMPLES * (1 + abs(expected)):
            found.append(f"{each}: {on_device}, {expected} in the simulator")
    return found


@pytest.mark.parametrize("function", HELPERS, ids=lambda function: function.__name__)
def test_a_device_computes_what_the_simulator_does(function):
    signature, arguments = HELPERS[function]
    assert not differences(function, signature, arguments, function not in IN_FLOAT64)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_argument_of_the_logarithm_is_that_of_the_simulator(channels):
    from numba import cuda, float32

    argument_of = cuda.jit(device=True, inline="always")(maths.argument_of)

    def of_samples(a, b, c, mean, alpha, negative):
        residual = cuda.local.array(channels, float32)
        for k in range(channels):
            residual[k] = a if k == 0 else b if k == 1 else c
        return argument_of(residual, mean, alpha, negative)

    def of_array(*given):
        return maths.argument_of(np.array(given[:channels], np.float32), *given[3:])

    signature = "float32(float32, float32, float32, float32, float32, float32)"
    arguments = [*product((-0.5, 0.2), (0, -0.1), (0.3,), (-0.2, 0.1), (0, 5), (0, 0.01))]
    assert not differences(of_samples, signature, arguments, simulation=of_array)


def test_every_scalar_function_is_compared():
    own = {f for _, f in getmembers(maths, isfunction) if f.__module__ == maths.__name__}
    assert own == {*HELPERS, maths.argument_of}


@pytest.mark.parametrize(
    ("function", "signature", "arguments", "told"),
    [
        (lambda x: 0.1 * x, "float32(float32)", (3,), "float64"),
        (lambda a, b: a * b, "int64(int32, int32)", (1 << 20, 1 << 20), "in the simulator"),
        (lambda a, b: a / (b * b), "float64(float64, int64)", (1, LARGE), "in the simulator"),
        (lambda a, b: a - b, "float32(float32, float32)", (1, 1 - 1e-3), None),
    ],
)
def test_differences_are_found(function, signature, arguments, told):
    found = differences(function, signature, [arguments])
    assert [*map(bool, found)] == [told is not None] * len(found)
    assert told is None or told in found[0]
