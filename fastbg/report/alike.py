"""Lines about many files: one for all that differ only in numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_NUMBER = re.compile(r"\d[\d.]*(e[+-]?\d+)?")

MOST_NAMES = 3
"""The largest number of files that a line names."""


def alike(told: Sequence[tuple[str, Sequence[str]]], kind: str) -> Iterator[str]:
    """Lines about files, each of which names those that it is about.

    Parameters
    ----------
    told : sequence of (str, sequence of str)
        The name of each file, and what is told of it.
    kind : str
        What the files are called, in the plural.
    """
    groups: dict[str, list[tuple[str, str]]] = {}
    for name, lines in told:
        for line in lines:
            groups.setdefault(_NUMBER.sub("#", line), []).append((name, line))
    for each in groups.values():
        names, line = [*dict(each)], each[0][1]
        where = ", ".join(names)
        if len(names) == len(told) > 1:
            where = f"all {kind}"
        elif len(names) > MOST_NAMES:
            where = f"{len(names)} of {len(told)} {kind}"
        if any(other != line for _, other in each):
            where += f", for example {names[0]}"
        yield f"{where}: {line}"
