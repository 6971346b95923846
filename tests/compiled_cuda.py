"""Compiles the CUDA kernels without a GPU: ``python compiled_cuda.py [--all]``; prints JSON.

By kernel and compute capability: how often its PTX has float64 and the fast logarithm, and what
ptxas says of registers, spills and shared memory. Usually the hottest kernels, and one with many
registers, are compiled for one architecture; with ``--all``, those of every order for every
architecture.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from tempfile import NamedTemporaryFile

from numba import cuda, float32, float64, int32, int64, types
from numba.cuda.cudadrv.error import CCSupportError

from fastbg.cuda_kernels import adam, direct, lbfgs, render, tiled
from fastbg.cuda_kernels.layout import Chunks
from fastbg.cuda_kernels.search_state import Searching
from fastbg.cuda_kernels.tiles import Axes

ARCHITECTURES = [(6, 1), (7, 5), (8, 6), (9, 0)]
ONE = [(8, 6)]


def array(kind, dimensions):
    return types.Array(kind, dimensions, "C")


AXES = types.NamedTuple([array(float32, 1)] * 2 + [array(float32, 2)] * 4, Axes)
CHUNKS = types.NamedTuple([array(float32, 2), *[int64] * 4], Chunks)
SUMS = [array(float32, 2), float32, array(int32, 1), array(float32, 4)]
PASS = types.void(CHUNKS, *SUMS)
TILES = types.void(CHUNKS, AXES, *SUMS)
RENDER = types.void(AXES, array(float32, 2), int64, int64, array(float32, 3))
TOTALS = types.void(array(float32, 4), int64, int64, float32, array(float64, 2))
DESCENDING = types.NamedTuple(
    [
        *(array(int32, 1), array(float64, 2), array(float64, 3), array(float32, 2)),
        *(array(float64, 3), array(int32, 2), array(int32, 1), array(float64, 2)),
    ],
    adam.Descending,
)
ADAM = types.void(array(float32, 4), int64, int64, float32, int64, DESCENDING)

SEARCHING = types.NamedTuple(
    [
        *(array(float32, 2), *[array(float64, 2)] * 4, *[array(float64, 1)] * 3),
        *(array(int32, 1), array(int32, 1), array(float64, 1)),
        *(*[array(float64, 2)] * 4, array(int32, 1)),
    ],
    Searching,
)
JUDGE, TURN = types.void(float64, int64, SEARCHING), types.void(int64, SEARCHING)


def hot_kernels(order, channels):
    name = f"order {order}, K = {channels}"
    for kind, kernels, signature in (("", direct, PASS), (" in tiles", tiled, TILES)):
        for number, kernel in enumerate(kernels.passes(order, channels), 1):
            yield f"pass {number}{kind}, {name}", kernel, signature
    yield f"render, {name}", render.renderer(order, channels), RENDER


def all_kernels(everything):
    """(name, kernel, signature, whether it is hot, architectures)."""
    for order, channels in [(o, k) for o in (1, 2, 3, 4) for k in (1, 3)]:
        for name, kernel, signature in hot_kernels(order, channels):
            usual = (order, channels) == (2, 3) and name.startswith(("pass 1 in", "render"))
            if everything or usual:
                yield name, kernel, signature, True, ARCHITECTURES if everything else ONE
    for name, kernel, signature in zip(
        ("totals", "adam", "judge", "turn"),
        (*adam.kernels(), *lbfgs.kernels(3)),
        (TOTALS, ADAM, JUDGE, TURN),
        strict=True,
    ):
        if everything or name == "turn":
            yield name, kernel, signature, False, ARCHITECTURES if everything else ONE


def ptx_of(kernel, signature, hot, architectures):
    """PTX by architecture; what a toolkit no longer compiles for is left out."""
    found = {}
    try:
        # Typing takes most of the time, and is the same for all.
        from numba.cuda.compiler import _compile_pyfunc_with_fixup

        library, _ = _compile_pyfunc_with_fixup(
            kernel.py_func,
            signature,
            debug=None,
            lineinfo=False,
            device=False,
            fastmath=hot,
            cc=ONE[0],
            opt=None,
            abi="numba",
            abi_info=None,
            forceinline=False,
            launch_bounds=None,
            lto=False,
        )

        def compiled(cc):
            return "\n".join(library.get_asm_strs(cc=cc))
    except (ImportError, TypeError):

        def compiled(cc):
            return cuda.compile_ptx(kernel.py_func, signature, cc=cc, fastmath=hot)[0]

    for cc in architectures:
        try:
            found[cc] = compiled(cc)
        except CCSupportError:
            continue
    return found


def find_ptxas():
    """The ptxas of the wheels for CUDA 12: those for 13 have none, one on the path may be older."""
    places = (Path(folder) / "nvidia/cuda_nvcc/bin/ptxas" for folder in sys.path)
    return next((str(place) for place in places if place.exists()), None)


def assembled(ptx, cc, ptxas):
    with NamedTemporaryFile("w", suffix=".ptx") as file:
        file.write(ptx)
        file.flush()
        options = [f"-arch=sm_{cc[0]}{cc[1]}"]
        command = [ptxas, "-v", *options, "-o", "/dev/null", file.name]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    numbers = {
        "registers": r"Used (\d+) registers",
        "shared": r"(\d+) bytes smem",
        "stack": r"(\d+) bytes stack frame",
        "spill_stores": r"(\d+) bytes spill stores",
        "spill_loads": r"(\d+) bytes spill loads",
    }
    return {name: sum(map(int, re.findall(pattern, said))) for name, pattern in numbers.items()}


def counted(ptx, cc, hot):
    """What is counted in the PTX of a kernel."""
    ptxas = find_ptxas()
    return {
        "hot": hot,
        "f64": len(re.findall(r"\.f64\b", ptx)),
        "lg2": ptx.count("lg2.approx"),
        **(assembled(ptx, cc, ptxas) if ptxas else {}),
    }


def main(everything):
    found = {}
    for name, kernel, signature, hot, architectures in all_kernels(everything):
        for cc, ptx in ptx_of(kernel, signature, hot, architectures).items():
            found.setdefault(name, {})["{}.{}".format(*cc)] = counted(ptx, cc, hot)
    print(json.dumps(found))


if __name__ == "__main__":
    main("--all" in sys.argv[1:])
