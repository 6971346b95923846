"""All that the CUDA backend does on the host, with numba and `fake_cuda_driver.c`; prints JSON.

Run by tests/test_cuda.py, with the driver where libraries are looked for and warnings as errors.
What is printed is as `compiled_cuda.py` counts it.
"""

from __future__ import annotations

import ctypes
import gc
import json
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from golden import make_case

sys.path.append(str(Path(__file__).parents[1] / "bench"))

import first_light
from fastbg.backends import cuda
from fastbg.errors import BackendError
from fastbg.spline.metric import metric_at
from fastbg.spline.quasi_newton import State, Until

K = 3
"""Channels: with three, kernels take the most registers."""

DRIVER = ctypes.CDLL("libcuda.so.1")


def told(name: str) -> int:
    return ctypes.c_long.in_dll(DRIVER, f"fake_{name}").value


def tell(name: str, value: int) -> None:
    ctypes.c_long.in_dll(DRIVER, f"fake_{name}").value = value


def compiled() -> dict[str, dict[str, dict[str, object]]]:
    """What is counted of the kernels that were launched, and of one for large problems."""
    from compiled_cuda import TILES, counted, ptx_of
    from numba.cuda.dispatcher import CUDADispatcher

    from fastbg.cuda_kernels import tiled

    # A third of the time in which numba compiles would go into looking for garbage. What was done
    # before needs that: numba leaves cycles behind, which keep what a descent has used.
    gc.disable()
    one = (8, 6)
    found = [("pass 1 in tiles", ptx_of(tiled.passes(2, K)[0], TILES, True, [one])[one], True)]
    for kernel in gc.get_objects():
        if isinstance(kernel, CUDADispatcher) and not kernel.targetoptions["device"]:
            name, fast = kernel.py_func.__qualname__, kernel.targetoptions["fastmath"]
            found += [(name, each.inspect_asm(one), fast) for each in kernel.overloads.values()]
    return {name: {"8.6": counted(ptx, one, fast)} for name, ptx, fast in found}


def main() -> None:
    assert cuda.unavailable() is None
    assert cuda.CudaBackend().detail() == "Fake GPU, compute capability 8.6"
    from fastbg.cuda_kernels import account, descents, search, tile_work
    from fastbg.cuda_kernels.graph import Graph

    problem, spline = make_case(np.random.default_rng(1), (60, 70), channels=K, centres=36)
    at = spline.flatten()
    out = np.empty((K, 60, 70), np.float32)
    backend = cuda.CudaBackend(50_000_000)
    # A band allocates nothing, sends nothing, and waits once, for its copy back.
    rendering = backend.plan(spline, problem.y, problem.x)
    tell("most_allocations", told("allocations"))
    before = {name: told(name) for name in ("launches", "sent", "waits")}
    for top in range(0, 60, 20):
        rendering.rows(slice(top, top + 20), out[:, top : top + 20])
    done = {name: told(name) - value for name, value in before.items()}
    assert done == {"launches": 3, "sent": 0, "waits": 3}
    tell("most_allocations", -1)
    axes = tuple(zip((60, 70), tile_work.tile_shape(), strict=True))
    band = account.size_of(account.of_rendering(K, at.size, axes, 60))
    assert told("peak") == told("live") == band
    for _ in range(2):
        rendering.close()
        assert told("live") == 0

    tell("peak", 0)
    objective = backend.open_problem(problem, 1)
    for _ in range(2):
        gradient = objective.loss_and_gradient(at)[1]
        assert gradient.shape == at.shape
        tell("most_allocations", told("allocations"))  # the next has all that it needs
    tell("most_allocations", -1)
    pixels = account.size_of(account.of_pixels(objective.cut, K, objective.cut.chunks))
    gradients = account.size_of(account.of_gradient(objective.cut, at.size))
    assert told("peak") == told("live") == pixels + gradients
    for _ in range(20):
        rendering = backend.plan(spline, problem.y, problem.x)
        rendering.rows(slice(0, 60), out)
        rendering.close()
    assert told("peak") == pixels + gradients + band
    assert told("live") == pixels + gradients

    # A descent is three kernels an iteration, of at least so many blocks that numba is content.
    # Bursts between the first and what is left at the end are one launch each.
    arrays = account.size_of(account.of_descent(objective.cut, at.size, 2, 1000))
    plain = descents.BURST + 1000 % descents.BURST
    for broken, graphs in ((False, 1000 // descents.BURST - 1), (True, 0)):
        tell("peak", 0)
        tell("captures_fail", broken)
        before = {name: told(name) for name in ("launches", "kernels", "blocks", "graphs")}
        objective.descend([at, at], iterations=1000, learning_rate=1e-3, watch=lambda *now: None)
        done = {name: told(name) - value for name, value in before.items()}
        assert done["graphs"] == graphs
        assert done["launches"] == 3 * (plain if graphs else 1000)
        assert done["kernels"] == 3 * 1000
        assert done["blocks"] >= 128 * 3 * 1000
        assert told("live_graphs") == 0
        # In as many bytes as announced; the second time they are still there.
        assert told("live") == arrays + pixels
        assert told("peak") == (0 if broken else arrays + pixels)
    tell("captures_fail", False)
    with pytest.raises(ZeroDivisionError):
        Graph(lambda: 1 / 0, descents.cuda.stream())
    assert told("live_graphs") == 0

    # L-BFGS is five kernels an evaluation: two over the pixels, their sums, and two that step. The
    # losses of a driver that computes nothing are 0, so each evaluation is as good as the last.
    metric = metric_at(problem, spline, moving=True)
    until = Until(20, 1e-3, 40)
    arrays_of_search = account.size_of(account.of_search(objective.cut, K, 36, 20, 40))
    before = {name: told(name) for name in ("launches", "kernels", "graphs", "streams")}
    tell("peak", 0)
    state = objective.settle(State(at), metric, until, lambda *now: None)
    done = {name: told(name) - value for name, value in before.items()}
    assert done["graphs"] == 40 // search.BURST - 1
    assert done["launches"] == 5 * search.BURST
    assert done["kernels"] == 5 * 40
    assert done["streams"] == 0  # it uses that of the first gradient
    assert told("live") == told("peak") == arrays_of_search + pixels
    assert told("live_graphs") == 0
    assert not state.losses

    # Of five starts two fit side by side, and the last one is alone.
    objective.close()
    tell("peak", 0)
    paired = cuda.CudaBackend(arrays + pixels).open_problem(problem, 1)
    paired.descend([at] * 5, iterations=1000, learning_rate=1e-3, watch=lambda *now: None)
    assert told("peak") == arrays + pixels
    paired.close()
    assert told("live") == 0

    # Streamed where they do not fit.
    tell("peak", 0)
    streamed = cuda.CudaBackend(arrays + pixels // 2).open_problem(problem, 1)
    streamed.descend([at, at], iterations=100, learning_rate=1e-3, watch=lambda *now: None)
    assert arrays < told("peak") <= arrays + pixels // 2
    for _ in range(2):
        streamed.close()
        assert told("live") == 0

    tell("most_allocations", told("allocations") + 2)
    with pytest.raises(BackendError, match=r"\(CUDA_ERROR_OUT_OF_MEMORY\): it has less memory"):
        backend.open_problem(problem, 1).loss_and_gradient(at)
    tell("most_allocations", -1)
    tell("most_launches", told("launches") + 5)
    with pytest.raises(BackendError, match=r"\(CUDA_ERROR_LAUNCH_FAILED\): update its driver"):
        backend.open_problem(problem, 1).descend(
            [at], iterations=3, learning_rate=1e-3, watch=lambda *now: None
        )
    # What first light measures, as far as it needs no results: the bytes asked of the driver.
    tell("most_launches", -1)
    with redirect_stdout(StringIO()) as printed:
        assert first_light.main(["--smoke", "rendering"]) == 0
    assert printed.getvalue().count("| yes |") == 2
    print(json.dumps(compiled()))


if __name__ == "__main__":
    main()
