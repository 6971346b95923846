"""The mesh: the noise of its cells is that of a sky, whatever the size and the rounding."""

from __future__ import annotations

import numpy as np
import pytest

from fastbg.image.robust import quantile
from fastbg.sky.mesh import mesh_of

STEEPNESS = 30
# Of the sky, in counts a side of the frame; the noise of a pixel is 2 counts.


@pytest.mark.parametrize("step", [0, 1], ids=["floats", "integers"])
@pytest.mark.parametrize(
    "shape", [(70, 100), (60, 200), (120, 180), (150, 200), (200, 300), (250, 375), (600, 900)]
)
def test_noise_is_that_of_the_medians_of_a_tilted_sky(rng, shape, step):
    y, x = ((np.arange(n) + 0.5) / n for n in shape)
    sky = 100 + STEEPNESS * (y[:, np.newaxis] + 2 * x)
    data = (sky + 2 * rng.standard_normal(shape))[..., np.newaxis].astype(np.float32)
    data = step * np.round(data / step) if step else data
    mesh = mesh_of(data, np.ones_like(data), y, x)
    truth = 100 + STEEPNESS * (mesh.points @ [1, 2])
    scatter = (mesh.values[:, 0] - truth)[mesh.usable].std()
    # The slope within a cell adds to the scatter of its pixels.
    within = STEEPNESS * mesh.side * np.hypot(1 / shape[0], 2 / shape[1]) / 12**0.5
    most = np.hypot(1, within / 2)
    assert 0.8 * scatter < mesh.noise[0] < 1.1 * most * scatter


@pytest.mark.parametrize("count", [1, 2, 5, 8, 9, 64])
def test_a_quantile_of_numbers_without_ties_is_hazens(rng, count):
    ordered = np.sort(rng.standard_normal((20, count)), axis=1)
    padded = np.hstack([ordered, np.full((20, 3), np.nan)])
    for part in (0.1, 0.25, 0.5, 0.75):
        expected = np.quantile(ordered, part, axis=1, method="hazen")
        np.testing.assert_allclose(quantile(padded, part), expected, rtol=1e-12)


def test_a_quantile_below_which_nothing_is_known_lies_below():
    ordered = np.array([[-np.inf, -np.inf, 1, 2], [-np.inf, 1, 2, 3]])
    assert quantile(ordered, 0.5).tolist() == [-np.inf, 1.5]
    assert np.isnan(quantile(np.full((1, 3), np.nan), 0.5)).all()
