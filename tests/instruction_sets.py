"""Tests that are run again under the other instruction sets of the C evaluator."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from fastbg.backends import c

_OTHERS = (
    sorted({*c.instruction_sets()} - {c.backend().detail()}) if c.unavailable() is None else []
)

OTHERS = [
    pytest.param(name, marks=pytest.mark.slow if name != _OTHERS[0] else ()) for name in _OTHERS
]
"""Those of this processor which are not in use; all but the most frequent one are slow."""


def run_again(name: str, file: str, which: str) -> None:
    """Run some tests of a file in a process of its own: FASTBG_ISA is read once in each."""
    again = subprocess.run(
        [
            sys.executable,
            "-P",
            "-m",
            "pytest",
            "-q",
            "-n0",
            "-pno:cacheprovider",
            file,
            "-k",
            which,
        ],
        env={**os.environ, "FASTBG_ISA": name},
        capture_output=True,
        text=True,
    )
    assert again.returncode == 0, again.stdout
