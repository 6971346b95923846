"""Mosaics as mathematics: panels, their rendering, and their files."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from tolerances import FLOAT32_VALUES, FLOAT64, relative_max

from fastbg.backends.registry import choose
from fastbg.errors import InputError
from fastbg.image.stretch import Stretch
from fastbg.model.model import BackgroundModel
from fastbg.model.render import pixel_centres
from fastbg.spline.panels import Panels, Seam, boxes, shares, within
from fastbg.spline.spline import Spline, spline_values

SHAPE = (45, 61)

SEAMS = (
    Seam(0, 1, 0.4, 0.4),
    Seam(1, 0, 0.55, 0.62),
    Seam(0, 0, 0.3, 0.3, width=0.1),
    Seam(2, 1, 0.7, 0.66, width=0.05),
)


def a_spline(rng, channels=3, points=7):
    centres = rng.uniform(0, 1, (points, 2))
    weights = 0.1 * rng.standard_normal((points, channels))
    return Spline(centres, weights, 0.2 + 0.1 * rng.standard_normal((3, channels)), 2)


@pytest.fixture
def model(rng):
    panels = Panels(SEAMS, tuple(a_spline(rng) for _ in range(len(SEAMS) + 1)))
    stretch = Stretch(np.full(3, 0.01), np.full(3, 0.2), np.full(3, 0.3))
    return BackgroundModel(panels, stretch, SHAPE)


def test_shares_of_panels_add_up_to_one():
    y, x = pixel_centres(50)[:, np.newaxis], pixel_centres(70)
    every = np.stack(np.broadcast_arrays(*shares(SEAMS, y, x)))
    assert every.shape == (5, 50, 70)
    np.testing.assert_allclose(every.sum(axis=0), 1, atol=1e-6)
    assert (every >= 0).all()
    for share, (top, bottom, left, right) in zip(every, boxes(SEAMS), strict=True):
        rows, columns = np.nonzero(share)
        assert top <= y[rows.min(), 0]
        assert y[rows.max(), 0] <= bottom
        assert left <= x[columns.min()]
        assert x[columns.max()] <= right


def test_a_mosaic_is_each_spline_in_its_own_panel(rng):
    first, second = a_spline(rng), a_spline(rng)
    panels = Panels((Seam(0, 1, 0.5, 0.5),), (first, second))
    points = rng.uniform(0, 1, (200, 2))
    left = points[:, 1] < 0.5
    doubled = points * [1, 2]
    np.testing.assert_allclose(
        panels.values(points)[left], spline_values(first, doubled[left]), rtol=FLOAT64
    )
    np.testing.assert_allclose(
        panels.values(points)[~left], spline_values(second, doubled[~left] - [0, 1]), rtol=FLOAT64
    )


def test_two_panels_of_one_spline_are_that_spline(rng):
    # A plane is one whatever the box around a panel.
    plane = replace(a_spline(rng), weights=np.zeros((7, 3)))
    slopes = plane.polynomial
    parts = []
    for top, bottom, left, right in boxes(SEAMS):
        level = slopes[2] + top * slopes[0] + left * slopes[1]
        steeper = np.stack([(bottom - top) * slopes[0], (right - left) * slopes[1], level])
        parts.append(replace(plane, polynomial=steeper))
    points = rng.uniform(0, 1, (300, 2))
    found = Panels(SEAMS, tuple(parts)).values(points)
    assert relative_max(found, spline_values(plane, points)) < FLOAT32_VALUES


@pytest.mark.parametrize("backend", ["c", "numpy"])
@pytest.mark.parametrize("shape", [SHAPE, (90, 122), (1, 1), (33, 7)])
def test_a_mosaic_is_rendered_at_any_size(model, backend, shape):
    y, x = np.meshgrid(*map(pixel_centres, shape), indexing="ij")
    expected = model.spline.values(np.stack([y.ravel(), x.ravel()], axis=1))
    rendered = model.rendered(choose(backend), shape)
    found = np.moveaxis(rendered.stretched.planes(), 0, 2).reshape(-1, 3)
    assert relative_max(found, expected) < FLOAT32_VALUES
    rendered.close()


def test_a_row_has_the_same_bits_in_every_band(model):
    whole = model.render()
    for rows in (slice(0, 1), slice(7, 20), slice(24, 25), slice(44, 45)):
        assert np.array_equal(model.render(rows=rows), whole[rows])
    points = np.array([[0.1, 0.2], [0.9, 0.9]])
    rows, columns = (points * SHAPE).astype(int).T
    centres = (np.stack([rows, columns], axis=1) + 0.5) / SHAPE
    assert relative_max(model.evaluate(centres), whole[rows, columns]) < 10 * FLOAT32_VALUES


def test_colours_of_a_mosaic_are_rendered_on_a_filter_array(model):
    mosaic = model.rendered_mosaic(choose("c"), SHAPE, "RGGB").linear.planes()[0]
    whole = model.render(SHAPE)
    for (y, x), colour in {(0, 0): 0, (0, 1): 1, (1, 0): 1, (1, 1): 2}.items():
        own = np.s_[y::2, x::2]
        assert relative_max(mosaic[own], whole[own][..., colour]) < FLOAT32_VALUES


def test_files_keep_every_bit(model, tmp_path):
    path = tmp_path / "mosaic.json"
    model.save(path)
    again = BackgroundModel.load(path)
    assert again == model
    assert again.spline.seams == SEAMS
    assert np.array_equal(again.render(), model.render())
    content = json.loads(path.read_text())
    # Versions of fastbg that know of no mosaics refuse any version but 1, in one line.
    assert content["version"] == 2
    assert len(content["panels"]) == 5
    assert "35 control points" in repr(again)


DAMAGES = {
    "a panel too few": lambda content: content["panels"].pop(),
    "a seam too few": lambda content: content["seams"].pop(),
    "a seam of a later panel": lambda content: content["seams"][0].update(panel=1),
    "a seam along no axis": lambda content: content["seams"][0].update(axis=2),
    "a seam of words": lambda content: content["seams"][0].update(first="left"),
    "a seam nowhere": lambda content: content["seams"][0].update(last=float("nan")),
    "a negative width": lambda content: content["seams"][2].update(width=-0.1),
    "an empty panel": lambda content: content["seams"][2].update(first=-2, last=-2),
    "a seam without a width": lambda content: content["seams"][0].pop("width"),
    "no seams": lambda content: content.update(seams=[], panels=content["panels"][:1]),
    "no panels": lambda content: content.update(seams=[], panels=[]),
    "seams of a number": lambda content: content.update(seams=3),
    "other channels": lambda content: content["panels"][1].update(weights=[[1.0]] * 7),
    "too many": lambda content: content.update(
        seams=content["seams"] * 100, panels=content["panels"] * 100
    ),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_damaged_mosaics_are_refused_in_one_line(model, damage):
    content = json.loads(model.to_json())
    damage(content)
    with pytest.raises(InputError, match="damaged") as e:
        BackgroundModel.from_dict(content)
    assert "\n" not in str(e.value)


def test_control_points_lie_in_their_panels(rng):
    inside = tuple(a_spline(rng) for _ in range(5))
    centres = Panels(SEAMS, inside).centres.reshape(5, 7, 2)
    for own, spline, box in zip(centres, inside, boxes(SEAMS), strict=True):
        back = np.stack(within(box, *own.T), axis=1)
        np.testing.assert_allclose(back, spline.centres, atol=FLOAT64)
