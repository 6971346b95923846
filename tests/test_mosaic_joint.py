"""Levels of panels from the differences between neighbours."""

from __future__ import annotations

import numpy as np

from fastbg.mosaic.differences import Difference
from fastbg.mosaic.joint import levelling, polynomials

COUNT = 48


def test_a_long_row_of_panels_gets_one_level() -> None:
    """Each panel is brighter than the one before, and a difference knows two neighbours alone."""
    y, x = np.meshgrid(np.linspace(0, 1, 8), np.linspace(0, 0.2, 3), indexing="ij")
    left = np.column_stack([y.ravel(), x.ravel()])
    right = left + np.array([0.0, 0.8])
    steps = np.full((len(left), 3), [1.0, -2.0, 0.5])
    differences = [
        Difference((i, i + 1), np.stack([right, left]), -steps, np.zeros(len(left)), 0 * steps)
        for i in range(COUNT - 1)
    ]
    found = levelling(COUNT, 3, differences)
    for i, (here, there) in enumerate(each.points for each in differences):
        seam = polynomials(here) @ found[i] - polynomials(there) @ found[i + 1]
        # The ridge, which keeps what no difference shows near 0, leaves 3 % at the ends.
        np.testing.assert_allclose(seam, -steps, atol=0.05 * np.abs(steps).max())
