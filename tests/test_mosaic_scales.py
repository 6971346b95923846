"""Flux scales of panels by their overlaps, as numbers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fastbg.jobs.mosaic.told import scales_in_words
from fastbg.mosaic.differences import Difference
from fastbg.mosaic.scales import Scales

NOISE = 1e-3
Y, X = (each.ravel() / 60 for each in np.mgrid[:60, :8] + 0.5)


def _scales(rng: Any, light: np.ndarray, ratio: float, noise: float = NOISE) -> Scales:
    """Of two panels, of which the first has so much more of some light, and the second noise."""
    background = 0.3 * Y + 0.1 * X - 0.2 * Y**2
    one = ratio * light + background + NOISE * rng.standard_normal(len(Y))
    other = light + noise * rng.standard_normal(len(Y))
    points = np.stack([np.stack([Y, X], axis=1)] * 2)
    told = (one - other)[:, np.newaxis], np.zeros(len(Y)), (one + other)[:, np.newaxis] / 2
    group: Any = SimpleNamespace(numbers=[0, 1], differences=[Difference((0, 1), points, *told)])
    panel: Any = SimpleNamespace(values=np.zeros((2, 2, 1)))
    return Scales.of([panel, panel], [group])


@pytest.mark.parametrize("ratio", [1.3, 2.0])
def test_structure_tells_a_ratio_within_its_error(rng: np.random.Generator, ratio: float) -> None:
    light = 0.03 * (1 + np.sin(40 * Y + 60 * X))
    found = _scales(rng, light, ratio)
    off = np.log(found.values[0, 0] / found.values[1, 0] / ratio)
    assert abs(off) < 4 * found.errors[0, 0]
    assert found.errors.max() < 0.01
    assert found.known.all()
    names = ["a.fits", "b.fits"]
    (warning,) = scales_in_words(names, found, matched=False)
    assert "--match-scale" in warning
    assert not scales_in_words(names, found, matched=True)


def _star() -> np.ndarray:
    light = np.zeros(len(Y))
    light[170] = 0.5
    return light


@pytest.mark.parametrize(
    ("light", "ratio", "noise"),
    [
        (0 * Y, 1.0, NOISE),
        (0 * Y, 1.0, 2 * NOISE),  # which adds to the light of one of both alone
        (_star(), 1.4, NOISE),  # of which another panel's cell has another part
        (0.05 * np.exp(-((Y - 0.5) ** 2)), 1.3, NOISE),  # smooth, as backgrounds are
        (0.03 * np.sin(40 * Y + 60 * X), 0.0, NOISE),  # of which the other one shows nothing
    ],
    ids=["nothing", "other noise", "one star", "smooth", "cloud"],
)
def test_what_tells_nothing_leaves_scales_at_1(
    rng: np.random.Generator, light: np.ndarray, ratio: float, noise: float
) -> None:
    found = _scales(rng, light, ratio, noise)
    assert (found.values == 1).all()
    assert not found.known.any()
    (warning,) = scales_in_words(["a.fits", "b.fits"], found, matched=True)
    assert "a.fits, b.fits" in warning
