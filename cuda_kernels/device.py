"""The device: its name, its free memory, and how its failures are told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from numba import cuda

from ..errors import BackendError, FastbgError


@contextmanager
def failures() -> Iterator[None]:
    """Turn whatever goes wrong with the device into one line; errors of fastbg pass."""
    try:
        yield
    except FastbgError:
        raise
    except Exception as error:
        said = " ".join(f"{type(error).__name__} {error}".split())
        code = re.search(r"CUDA_ERROR_\w+", said)
        cure = "update its driver, or use --backend c"
        if "OUT_OF_MEMORY" in said:
            cure = "it has less memory free than was counted on: close other programs that use it"
        reason = code[0] if code else said[:160]
        raise BackendError(f"the GPU failed ({reason}): {cure}") from error


def free_memory() -> int:
    """Free bytes of the device."""
    with failures():
        # The simulator reports infinity.
        return int(min(cuda.current_context().get_memory_info().free, 1 << 40))


def name() -> str:
    """The name of the device, with its compute capability."""
    with failures():
        device = cuda.get_current_device()
        kind = getattr(device, "name", b"simulated")
        kind = kind.decode() if isinstance(kind, bytes) else kind
        return "{}, compute capability {}.{}".format(kind.rstrip("\0 "), *device.compute_capability)
