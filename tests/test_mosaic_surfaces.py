"""The backgrounds of panels in one problem: which searches of their picture are believed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fastbg.mosaic.cells import Panel
from fastbg.mosaic.differences import Difference
from fastbg.mosaic.picture import Found, Picture
from fastbg.mosaic.solve import Group, solve

SIDE, NOISE = 60, 1e-3


def _halves(rng: np.random.Generator) -> tuple[Group, list[Panel]]:
    """Two panels side by side, a step between them, and an object in the middle of both."""
    v, u = np.mgrid[:SIDE, : 2 * SIDE] + 0.5
    image = 0.1 + 0.02 * np.exp(-((v - 30) ** 2 + (u - 60) ** 2) / 400) + 0.01 * (u > SIDE)
    image = (image + NOISE * rng.standard_normal(image.shape))[..., np.newaxis]
    axis = (np.arange(SIDE) + 0.5) / SIDE
    panels = [
        Panel(image[:, own], np.ones((SIDE, SIDE)), v[:, own], u[:, own], axis, axis)
        for own in (slice(SIDE), slice(SIDE, None))
    ]
    ends = np.stack([axis[::8], np.ones(8)], axis=1), np.stack([axis[::8], np.zeros(8)], axis=1)
    step = Difference((0, 1), np.array(ends), np.full((8, 1), -0.01), np.full(8, NOISE), None)
    return Group.meeting(panels, [step]), panels


@pytest.mark.parametrize(("stiffness", "believed"), [(1e-2, False), (1e-3, True)])
def test_of_a_merged_mosaic_much_more_sky_than_before_is_an_object(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, stiffness: float, believed: bool
) -> None:
    group, panels = _halves(rng)
    group = replace(group, stiffness=stiffness)
    skies: list[Found] = []

    def searched(picture: Picture, *own: object) -> Found:
        """A sky of a quarter of the picture, and then the object as well."""
        rows, columns, _ = picture.values.shape
        found = real(picture, *own)
        weight = (np.arange(rows * columns) % columns < columns / 4) * 1.0
        values = np.full_like(found.values, np.nanmedian(picture.values[:, : columns // 4]))
        if skies:
            weight, values = np.ones_like(weight), picture.values.reshape(-1, 1)
        skies.append(replace(found, weight=weight, values=values))
        return skies[-1]

    real = Picture.searched
    monkeypatch.setattr(Picture, "searched", searched)
    solution = solve(panels, [group], "auto")
    assert len(skies) >= 2
    assert (solution.found[0].weight.mean() > 0.5) == believed
    # The object in the corner at the border is not taken out.
    taken = solution.backgrounds[0].at(np.array([[0.5, 0.98], [0.02, 0.02]]))[:, 0]
    assert (taken[0] - taken[1] > 0.01) == believed
