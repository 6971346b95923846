"""The place of the CUDA evaluator, which this version does not have."""

from __future__ import annotations


def unavailable() -> str | None:
    """Why it cannot be used."""
    return "this version of fastbg has no CUDA kernels yet"
