"""Numbers in words, the same wherever a job tells them."""

from __future__ import annotations


def format_bytes(count: int | None) -> str:
    """A number of bytes for people."""
    if count is None:
        return "unknown"
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
