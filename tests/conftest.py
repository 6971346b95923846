"""What the tests share."""

from __future__ import annotations

import os
from pathlib import Path

# Before numpy is imported. Its linear algebra is on small matrices, where threads of BLAS only wait
# for one another: on a busy machine, several times as long as they work.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pytest
from hypothesis import settings

# Noisy machines make single examples slow; how fast the code is, is for the benchmarks to say.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real images, which the project does not ship; tests that need them are skipped without."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("FASTBG_TEST_DATA", default))
    if not folder.is_dir():
        pytest.skip("no real images here (set FASTBG_TEST_DATA to their folder)")
    return folder


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20260101)
