"""Spellings of bgoptimizer that Typer would refuse."""

from __future__ import annotations

import re
from collections.abc import Iterable

LONG_QUANTILE = "--delinearization-quantile"
"""The long name of ``-dq`` in bgoptimizer. It is too long for the column of names in ``--help``."""


def spelled_for_typer(arguments: Iterable[str]) -> list[str]:
    """Turn ``-N=36`` into ``-N36``, and bgoptimizer's name of the quantile into ``--quantile``."""
    return [
        re.sub(f"^{LONG_QUANTILE}(?==|$)", "--quantile", re.sub("^(-[A-Za-z])=", r"\1", argument))
        for argument in arguments
    ]
