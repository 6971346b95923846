"""DATASUM and CHECKSUM (FITS standard 4.0, section 4.4.2.7 and appendix J)."""

from __future__ import annotations

import numpy as np

EMPTY = "0" * 16
"""The CHECKSUM while the sum is taken."""

_PUNCTUATION = frozenset(b":;<=>?@[\\]^_`")


def add(total: int, data: np.ndarray) -> int:
    """Add bytes, (n,) uint8 with n a multiple of 4, to a 32-bit sum in ones' complement."""
    total += int(np.frombuffer(data, ">u4").sum(dtype=np.uint64))
    while total >> 32:
        total = (total & 0xFFFFFFFF) + (total >> 32)
    return total


def spelled(total: int) -> str:
    """The CHECKSUM, 16 letters and digits, that makes a unit of that sum one of -0."""
    rest = 0xFFFFFFFF - total
    columns = []
    for shift in (24, 16, 8, 0):
        quotient, remainder = divmod(rest >> shift & 0xFF, 4)
        letters = [quotient + remainder + 48, quotient + 48, quotient + 48, quotient + 48]
        while any(letter in _PUNCTUATION for letter in letters):
            # Each pair keeps its sum.
            for first in (0, 2):
                pair = letters[first : first + 2]
                if any(letter in _PUNCTUATION for letter in pair):
                    letters[first], letters[first + 1] = pair[0] + 1, pair[1] - 1
        columns.append(letters)
    text = "".join(chr(columns[byte][place]) for place in range(4) for byte in range(4))
    return text[-1:] + text[:-1]
