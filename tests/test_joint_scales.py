"""Flux scales of frames, and how well they are known."""

from __future__ import annotations

import numpy as np

from fastbg.image.downscale import block_centres
from fastbg.joint.scales import Detail, compared
from fastbg.joint.surfaces import Surfaces

SIDE, FRAMES = 72, 300
DEVIATION = 0.8

STARS = {(6, 6): 20.0, (30, 42): 10.0, (54, 18): 10.0, (18, 66): 10.0, (66, 54): 10.0}
"""Light in a block, in units of the noise, by its place: each star is in a zone of its own, and the
first one tells half of the scale."""


def test_errors_know_that_a_scale_follows_a_bright_star() -> None:
    surfaces = Surfaces(block_centres(SIDE, 1), block_centres(SIDE, 1))
    field = np.zeros((SIDE, SIDE), np.float32)
    for place, light in STARS.items():
        field[place] = light
    detail = Detail.of(field.ravel(), np.ones(SIDE**2, np.float32), surfaces, 1e-2, DEVIATION)
    noise = np.random.default_rng(1).standard_normal((FRAMES, SIDE**2), np.float32)
    found = compared(noise, np.ones(noise.shape, bool), detail, np.ones(FRAMES), surfaces)
    told = np.sqrt((found.error**2).mean())
    assert 0.8 < told / found.change.std() < 1.3
