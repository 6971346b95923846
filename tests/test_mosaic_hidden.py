"""Panels that show nothing of the field, by what their neighbours show."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fastbg.mosaic.differences import Difference
from fastbg.mosaic.hidden import hidden, starless
from fastbg.report.mosaic import edges_of

NOISE = 1e-3
Y, X = (each.ravel() / 60 for each in np.mgrid[:60, :6] + 0.5)


def _overlap(
    rng: np.random.Generator, panels: tuple[int, int], parts: tuple[float, float]
) -> Difference:
    """An overlap with stars and a nebula, of which two panels show some parts."""
    nebula = 0.03 * np.exp(-((Y - 0.5) ** 2) / 0.1) * np.sin(40 * Y + 20 * X)
    stars = np.where(rng.random(len(Y)) < 0.2, 0.02 * (1 + rng.pareto(1, len(Y))), 0)
    seen = [
        part * nebula + 0.1 * rng.random() * Y**2 + NOISE * rng.standard_normal(len(Y))
        for part in parts
    ]
    points = np.stack([np.stack([Y, X], axis=1)] * 2)
    light = np.stack([part * stars + NOISE * rng.standard_normal(len(Y)) for part in parts])
    return Difference(
        panels,
        points,
        (seen[0] - seen[1])[:, np.newaxis],
        np.zeros(len(Y)),
        (seen[0] + seen[1])[:, np.newaxis] / 2,
        light[..., np.newaxis],
        np.full((2, 1), NOISE),
    )


@pytest.mark.parametrize(
    ("parts", "bad"),
    [
        ((1, 1, 1, 1), []),
        ((1, 0, 1, 1), [1]),
        ((0, 1), [0]),
        ((1, 0.5, 1.5, 1), []),  # of another transparency, which scales tell
        ((1, 0.05, 1), [1]),
        ((0, 0), []),  # nothing is told
    ],
)
def test_what_shows_nothing_is_found(
    rng: np.random.Generator, parts: tuple[float, ...], bad: list[int]
) -> None:
    pairs = pairwise(range(len(parts)))
    overlaps = [_overlap(rng, (a, b), (parts[a], parts[b])) for a, b in pairs]
    assert hidden(len(parts), overlaps) == bad


def test_a_trail_hides_no_panel(rng: np.random.Generator) -> None:
    plain = _overlap(rng, (0, 1), (0, 0))
    assert plain.light is not None
    trail = np.where(np.abs(Y - 0.3 - 0.1 * X) < 0.03, 0.05, 0)[:, np.newaxis]
    values, light = plain.values + trail, plain.light + trail / 2
    crossed = Difference(
        (0, 1), plain.points, values, plain.errors, light, plain.stars, plain.noise
    )
    assert hidden(2, [crossed]) == []


@pytest.mark.parametrize(
    ("lit", "bad"), [((80, 60, 0, 70), [2]), ((80, 60, 20, 70), []), ((9, 8, 0, 7), [])]
)
def test_a_panel_without_stars_is_found(lit: tuple[int, ...], bad: list[int]) -> None:
    every: Any = [
        SimpleNamespace(
            place=Y, stars=np.where(np.arange(len(Y)) < own, 1.0, 0)[:, np.newaxis], noise=NOISE
        )
        for own in lit
    ]
    assert starless(every) == bad


def test_edges_go_around_what_is_seen() -> None:
    seen = np.zeros((6, 8), bool)
    seen[1:5, 2:7] = True
    seen[2, 3] = False  # a hole is no edge
    lines = {tuple(line.astype(int).ravel()) for line in edges_of(seen)}
    assert lines == {(1, 2, 1, 7), (5, 2, 5, 7), (1, 2, 5, 2), (1, 7, 5, 7)}
