"""Helpers of the tests in numba's CUDA simulator."""

from __future__ import annotations

import sys

import numpy as np
import pytest


@pytest.fixture(scope="module", autouse=True)
def simulator():
    """Mend the simulator: it waits by asking all the time, and makes shared arrays twice.

    The latter when one thread interrupts another at the wrong moment.
    """

    def array(self, shape, dtype):
        frame = sys._getframe(1)
        made = np.empty(shape, str(dtype))
        return self._allocations.setdefault((frame.f_code, frame.f_lineno), made)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("numba.cuda.simulator.kernelapi.FakeCUDAShared.array", array)
        yield
    sys.setswitchinterval(before)
