"""The weights of the doubts, fitted by a logistic regression to skies whose error is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastbg.report.uncertain import FIGURES

RIDGE = 1.0
"""The precision of the weights before anything is seen: as if they were about 0 +- 1."""

STEPS = 30
"""Newton's steps."""


def regression(figures: np.ndarray, off: np.ndarray) -> np.ndarray:
    """(1 + F,): the log odds of being off with usual figures, and the weight of each figure.

    Parameters
    ----------
    figures : ndarray, (S, F)
        The logarithm of each figure of each sky over its usual value.
    off : ndarray, (S,), bool
    """
    columns = np.column_stack([np.ones(len(off)), figures])
    ridge = RIDGE * np.eye(columns.shape[1])
    ridge[0, 0] = 0
    weights = np.zeros(columns.shape[1])
    for _ in range(STEPS):
        likely = 1 / (1 + np.exp(-columns @ weights))
        slope = columns.T @ (off - likely) - ridge @ weights
        curvature = (columns * (likely * (1 - likely))[:, np.newaxis]).T @ columns + ridge
        weights += np.linalg.solve(curvature, slope)
    return weights


def tell_weights(evidence: Sequence[dict[str, float]], off: Sequence[bool]) -> None:
    """Print the weights that skies which are off, or good, would give.

    Parameters
    ----------
    evidence : sequence of dict
        Of each sky, see `fastbg.report.uncertain.evidence_of`.
    off : sequence of bool
    """
    used = {name: figure.weight for name, figure in FIGURES.items()}
    figures = np.array([[each[name] / used[name] for name in used] for each in evidence])
    usual, *fitted = regression(figures, np.array(off))
    print("\n| figure | weight in use | weight of these skies |\n|---|---|---|")
    for name, weight in zip(used, fitted, strict=True):
        print(f"| {name} | {used[name]:g} | {weight:.2f} |")
    print(f"\nWith usual figures, the log odds of being off are {usual:.2f}.")
