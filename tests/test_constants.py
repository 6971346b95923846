"""Constants of the C evaluator that Python repeats have the values of its header."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from fastbg import compiled
from fastbg.image import image, kernels
from fastbg.image.order_statistics import Counts
from fastbg.jobs import memory

HEADER = Path(__file__).resolve().parents[1] / "fastbg" / "csrc" / "fastbg.h"

REPEATED = {
    "FBG_BINS": kernels.BINS,
    "FBG_CLIPPED": image.CLIPPED,
    "FBG_MAX_CHUNKS": memory.CHUNKS,
    "FBG_MISSING_LEVEL": image.MISSING_LEVEL,
}


def constants() -> dict[str, float]:
    """The numbers that the header defines, by name."""
    text = re.sub(r"/\*.*?\*/", "", HEADER.read_text(encoding="utf-8"), flags=re.DOTALL)
    found = re.findall(r"#define (FBG_\w+) (\S+)", text)
    for body in re.findall(r"enum \{([^}]*)\}", text):
        found += re.findall(r"(FBG_\w+) = ([^,]+)", body)
    values = {}
    for name, number in found:
        base, _, shift = number.strip().rstrip("f").partition("<<")
        values[name] = float(base) * 2 ** int(shift or 0)
    return values


@pytest.mark.parametrize("name", REPEATED)
def test_python_repeats_the_headers_constants(name: str) -> None:
    assert constants()[name] == REPEATED[name]


def test_names_of_the_header_in_comments_are_tested() -> None:
    package = Path(kernels.__file__).parents[1]
    named = {
        name
        for path in package.rglob("*.py")
        for name in re.findall(r"\bFBG_[A-Z_]+\b", path.read_text(encoding="utf-8"))
    }
    assert named <= REPEATED.keys()


@pytest.mark.skipif(compiled.unavailable() is not None, reason=str(compiled.unavailable()))
def test_the_tally_has_the_headers_fields_in_its_order() -> None:
    text = HEADER.read_text(encoding="utf-8")
    body = re.search(r"typedef struct \{([^}]*)\} fbg_tally;", text)
    assert body is not None
    names = re.findall(r"\b([a-z_0-9]+)(?=[,;])", re.sub(r"/\*.*?\*/", "", body[1]))
    assert names == ["valid", "negative", "above_1", "low", "high"]
    counts = Counts.of(np.empty((0, 3), np.uint32))
    values = np.array([-2.0, 0.5, 3.0, 4.0], np.float32)
    counts.add(kernels.FASTEST, values, values)
    assert counts.tally[[kernels.VALID, kernels.NEGATIVE, kernels.ABOVE_1]].tolist() == [4, 1, 2]
    ends = counts.tally[[kernels.LOW, kernels.HIGH]]
    assert ends.tolist() == kernels.key_of(values[[0, -1]]).tolist()


def test_keys_of_zero_and_one() -> None:
    assert kernels.key_of(np.array([-0.0, 1.0])).tolist() == [kernels.NEGATIVE_ZERO, kernels.ONE]
