"""Cases of parametrized tests of which a few run by default, and the others with ``-m slow``."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from itertools import product
from typing import Any

import pytest

slow = partial(pytest.param, marks=pytest.mark.slow)


def some(usual: Iterable[Any], cases: Iterable[Any]) -> list[Any]:
    """The ``cases`` of which those that are not among the ``usual`` ones are slow.

    A case is a tuple where a test has several arguments, and a value where it has one.
    """
    cases, usual = list(cases), list(usual)
    assert all(each in cases for each in usual), f"no cases: {usual}"
    return [
        case if case in usual else slow(*(case if isinstance(case, tuple) else (case,)))
        for case in cases
    ]


def diagonal(*values: Iterable[Any]) -> list[Any]:
    """All combinations of the values that arguments take; as many as the longest has are not slow.

    Each value of each argument is in one of these.
    """
    listed = [list(each) for each in values]
    longest = max(map(len, listed))
    usual, step = [], 1
    for each in listed:
        # Two short lists change places at different times, so that they do not go hand in hand.
        step = step if step * len(each) <= longest else 1
        usual.append([at // step % len(each) for at in range(longest)])
        step *= len(each) if len(each) < longest else 1
    return [
        pytest.param(
            *(each[at] for each, at in zip(listed, places, strict=True)),
            marks=() if places in zip(*usual, strict=True) else pytest.mark.slow,
        )
        for places in product(*(range(len(each)) for each in listed))
    ]
