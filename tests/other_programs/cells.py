"""What became of samples on their way through a program, in words, and those that were recorded."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from .solutions import Solution

RECORDED = Path(__file__).with_name("cells.json")

ALIKE = 0.02
"""The largest deviation, relative to the largest sample, with which two images are the same."""

SCALES = dict.fromkeys((1 / 255, 1 / 65535, 1 / (2**32 - 1)), "[0, 1]")
SCALES |= dict.fromkeys((1 / 32767, 1 / (2**31 - 1)), "[0, 1]")
SCALES |= {65535.0: "16 bits", 257.0: "16 bits", 1 / 65537: "16 bits", 2.0**32 - 1: "32 bits"}
"""What a program may multiply samples by, and what they are then."""


def told(truth: Any, got: Any) -> str:
    """What a program made of an image, a mask or a text, as the words of a cell.

    Parameters
    ----------
    truth, got : ndarray, str or Solution
        Images are (H, W) or (H, W, K). A text that is got for an image is the program's own word.
        For a `Solution`, what is got is what its `told` takes.
    """
    if isinstance(truth, Solution):
        return truth.told(got)
    if isinstance(got, str):
        if not isinstance(truth, str):
            return got
        return "same" if got == truth else f"other: {got[:40]!r}" if got else "not told"
    got = np.squeeze(got)
    if got.shape != truth.shape:
        return f"other: {' x '.join(map(str, got.shape))}"
    if truth.dtype == bool:
        more, fewer = np.count_nonzero(got & ~truth), np.count_nonzero(truth & ~got)
        return f"other: {more} more, {fewer} fewer" if more or fewer else "same pixels"
    return _words(truth, got)


def _words(truth: np.ndarray, got: np.ndarray) -> str:
    """How an image differs, in the way of looking at it in which it differs least."""
    seen, ways = np.isfinite(truth), []
    for rows, turned in (("", got), (", rows reversed", got[::-1])):
        for scale, words in [(1.0, ""), *SCALES.items()]:
            scaled = f", in {words}" if words else ""
            deviation = _deviation(truth[seen].astype(np.float64) * scale, turned[seen])
            ways.append((deviation, scaled + rows, turned))
    deviation, how, got = min(ways, key=lambda way: max(way[0], 1e-6))
    blank = ""
    if not np.array_equal(got[~seen], truth[~seen], equal_nan=True):
        values = np.unique(got[~seen])
        what = "infinity" if np.isinf(truth).any() else "NaN"
        blank = f", {what} becomes {f'{values[0]:.6g}' if values.size == 1 else 'numbers'}"
    if deviation > ALIKE:
        if np.abs(np.corrcoef(truth[seen], np.nan_to_num(got[seen]))[0, 1]) > 1 - 1e-6:
            return f"other: the levels are stretched{blank}"
        return f"other values{blank}"
    if deviation or ", in " in how:
        power = int(np.ceil(np.log10(deviation))) if deviation else -16
        return f"same within 1e{max(power, -7)}{how}{blank}"
    same = truth.dtype == got.dtype.newbyteorder("=")
    return f"{'same bits' if same else f'same values as {got.dtype.name}'}{how}{blank}"


def _deviation(expected: np.ndarray, got: np.ndarray) -> float:
    """The largest difference, relative to the largest number that is expected."""
    off = np.abs(got.astype(np.float64) - expected).max()
    return float(off / np.abs(expected).max()) if np.isfinite(off) else np.inf


def recorded() -> dict[str, Any]:
    """``programs``: version and date of each; ``cells``: table, row, program."""
    if not RECORDED.exists():
        return {"programs": {}, "cells": {}}
    return json.loads(RECORDED.read_text())


def record(program: str, version: str, cells: dict[str, dict[str, str]]) -> None:
    """Keep the cells of a program, table by table, with the version and the date of today."""
    with FileLock(f"{RECORDED}.lock"):
        kept = recorded()
        kept["programs"][program] = {"version": version, "date": f"{datetime.date.today()}"}
        for rows in kept["cells"].values():
            for columns in rows.values():
                columns.pop(program, None)
        for table, rows in cells.items():
            for row, cell in rows.items():
                kept["cells"].setdefault(table, {}).setdefault(row, {})[program] = cell
        for table, rows in kept["cells"].items():
            kept["cells"][table] = {row: columns for row, columns in rows.items() if columns}
        RECORDED.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")


def of(program: str) -> dict[str, dict[str, str]]:
    """The recorded cells of a program, table by table."""
    return {
        table: own
        for table, rows in recorded()["cells"].items()
        if (own := {row: columns[program] for row, columns in rows.items() if program in columns})
    }
