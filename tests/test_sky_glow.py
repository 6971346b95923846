"""Steep light at corners and edges of the frame is sky, and objects that they cut off are not."""

from __future__ import annotations

import numpy as np
import pytest
from cases import diagonal, slow, some

import scenes
from fastbg import BackgroundModel, remove_background
from fastbg.sky import grid, selection
from fastbg.sky.basis import Basis
from fastbg.sky.glow_shape import Place
from fastbg.sky.mesh import mesh_of
from fastbg.sky.selection import select_surfaces
from fastbg.sky.surface import PROTECTIONS
from fastbg.sky.thin_plate import interpolating
from fastbg.spline.spline import spline_values

SHAPE = 125, 188
CORNERS = {
    f"at the {y} {x} corner": (row, column)
    for row, y in enumerate(("upper", "lower"))
    for column, x in enumerate(("left", "right"))
}
EDGES = {
    "along the upper edge": (0, None),
    "along the lower edge": (1, None),
    "along the left edge": (None, 0),
    "along the right edge": (None, 1),
}
LONG = "along the upper edge", "along the lower edge"
COLOURS = {1: [0.1], 3: [0.06, 0.1, 0.04]}


def axes(shape=SHAPE):
    """y, (h, 1), and x, (w,), normalised, and the height and width, the longer one 1."""
    y, x = ((np.arange(n) + 0.5) / n for n in shape)
    return y[:, np.newaxis], x, np.array(shape) / max(shape)


def light(border, steepness=0.03, shape=SHAPE):
    """A glow at a corner, or along an edge but brightest at one place, (h, w), at most 1."""
    y, x, (height, width) = axes(shape)
    away = [
        np.abs(place - side) * length if side is not None else 0 * place
        for place, side, length in zip((y, x), border, (height, width), strict=True)
    ]
    along = x if border[0] is not None else y
    spot = 1 if None not in border else 0.3 + 0.7 * np.exp(-(((along - 0.4) / 0.3) ** 2))
    return np.exp(-np.hypot(*away) / steepness) * spot


def sky(channels=1, shape=SHAPE):
    """A sky that is not a polynomial, (h, w, K)."""
    y, x, _ = axes(shape)
    return 0.05 + 0.02 * np.exp(x - y**2)[..., np.newaxis] * np.ones(channels)


def cells_of(data):
    y, x = ((np.arange(n) + 0.5) / n for n in data.shape[:2])
    return mesh_of(data, np.ones(data.shape), y, x)


def sky_of(data, how="auto"):
    """The surface that is the sky of an image."""
    return select_surfaces(cells_of(data), PROTECTIONS[how])[-1]


def noisy(rng, truth):
    return truth + rng.normal(0, 2e-4, truth.shape)


def error(found, truth):
    """Of a surface, relative to the deviation of the truth, (h, w, K); of the worst channel."""
    mesh = cells_of(truth)
    off, expected = (each[mesh.usable] for each in (found.values - mesh.values, mesh.values))
    return (off.std(axis=0) / expected.std(axis=0)).max()


@pytest.mark.parametrize(("place", "channels"), diagonal(CORNERS | EDGES, COLOURS))
def test_a_glow_is_a_part_of_the_sky(rng, place, channels):
    border = (CORNERS | EDGES)[place]
    truth = sky(channels) + light(border)[..., np.newaxis] * COLOURS[channels]
    found = sky_of(noisy(rng, truth))
    # Splines can follow a glow along the longer side, which is wider to them.
    assert found.glow == (place,) or (place in LONG and not found.glow)
    assert error(found, truth) < 0.05
    assert found.explained > 0.95


@pytest.mark.parametrize(
    "profile",
    [
        lambda d: np.exp(-d / 0.03),
        lambda d: np.exp(-((d / 0.06) ** 2)),
        lambda d: (1 + (d / 0.045) ** 2) ** -1.5,
        lambda d: (1 + d / 0.1) ** -4.0,
    ],
    ids=["exponential", "Gaussian", "Moffat", "power"],
)
def test_its_profile_may_be_any_that_falls_steadily(rng, profile):
    y, x, (height, width) = axes()
    truth = sky(3) + 0.1 * profile(np.hypot(y * height, (1 - x) * width))[..., np.newaxis]
    found = sky_of(noisy(rng, truth))
    assert found.glow == ("at the upper right corner",)
    assert error(found, truth) < 0.06


@pytest.mark.parametrize(
    "shares",
    [
        slow({"at the upper left corner": 1, "at the lower right corner": 0.6}),
        {"at the upper left corner": 1, "along the right edge": 0.7},
        {"along the left edge": 1, "along the right edge": 0.5},
        dict.fromkeys(CORNERS, 1),
    ],
    ids=" and ".join,
)
def test_several_are_found(rng, shares):
    truth = sky(3) + sum(
        share * light((CORNERS | EDGES)[place], 0.03)[..., np.newaxis] * COLOURS[3]
        for place, share in shares.items()
    )
    found = sky_of(noisy(rng, truth))
    # What the splines can follow beside the others need not be one.
    assert found.glow
    assert set(found.glow) <= set(shares)
    assert error(found, truth) < 0.06


@pytest.mark.parametrize(("away", "core"), [((0.1, 0.12), 0.012), ((0.09, 0.13), 0.012)])
def test_a_bright_star_in_front_of_it_hides_no_glow(rng, away, core):
    y, x, (height, width) = axes()
    star = 0.5 / (1 + (np.hypot(y * height - away[0], x * width - away[1]) / core) ** 2) ** 2
    truth = sky(3) + light((0, 0), 0.045)[..., np.newaxis] * COLOURS[3]
    found = sky_of(noisy(rng, truth + star[..., np.newaxis]))
    assert found.glow == ("at the upper left corner",)
    assert error(found, truth) < 0.06


@pytest.mark.parametrize("place", ["at the lower left corner", "along the right edge"])
def test_nothing_is_a_glow_without_protection(rng, place):
    truth = sky(3) + light((CORNERS | EDGES)[place])[..., np.newaxis] * COLOURS[3]
    assert sky_of(noisy(rng, truth), "off").glow == ()


@pytest.mark.parametrize(
    "name",
    some(["galaxy"], ["star field", "twilight", "moon", "galaxy", "large nebula"]),
)
def test_a_sky_without_a_glow_is_what_it_was(name, monkeypatch):
    image = scenes.simulate(name, (300, 450), 2).image
    found = remove_background(image)
    monkeypatch.setattr(selection, "find_glow", lambda *_: None)
    without = remove_background(image)
    assert found.report["sky"]["glow"] == []
    np.testing.assert_array_equal(found.background, without.background)


@pytest.mark.parametrize(
    ("border", "kind"), diagonal(CORNERS.values(), ["galaxy", "nebula", "star beside it"]), ids=str
)
def test_an_object_that_a_corner_cuts_off_is_none(rng, border, kind):
    y, x, (height, width) = axes()
    row, column = np.abs(np.array(border) - [[0.04, 0.05]])[0]
    v, u = (y - row) * height, (x - column) * width
    if kind == "galaxy":
        thing = np.exp(-np.hypot(u + v, 3 * (u - v)) / 0.06)
    elif kind == "nebula":
        waves = np.sin(70 * u + 20 * v) + np.sin(60 * v - 40 * u)
        thing = np.exp(-((np.hypot(u, v) / 0.1) ** 3)) * (1 + 0.3 * waves)
    else:
        thing = np.exp(-np.hypot(u, v) / 0.03)
    data = noisy(rng, sky(3) + 0.1 * thing[..., np.newaxis])
    found = sky_of(data)
    assert found.glow == ()
    bright = (thing > 0.3 * thing.max())[..., np.newaxis]
    assert found.weight[cells_of(bright * 1.0).values[:, 0] > 0].mean() < 0.1


@pytest.mark.parametrize(
    ("place", "steepness"), diagonal([*CORNERS][:1] + [*EDGES][::2], [0.03, 0.045, 0.06])
)
def test_the_spline_is_its_profile_within_a_hundredth_of_the_peak(place, steepness):
    border = (CORNERS | EDGES)[place]
    _, _, extent = axes()
    there = Place(place, border, extent)
    functions = light(border, steepness, (80, 120)).reshape(-1, 1)

    def exact(points):
        away = [
            np.abs(points[:, axis] - side) * extent[axis]
            for axis, side in enumerate(border)
            if side is not None
        ]
        along = points[:, 1 if border[0] is not None else 0]
        spot = 1 if None not in border else 0.3 + 0.7 * np.exp(-(((along - 0.4) / 0.3) ** 2))
        return (np.exp(-np.hypot.reduce(away, axis=0) / steepness) * spot)[:, np.newaxis]

    points = np.stack(np.meshgrid(*axes((80, 120))[:2], indexing="ij"), axis=-1).reshape(-1, 2)
    basis = Basis(points, grid.SIDE).of_degree(3, 1e-8)
    splines = basis.beside(
        *interpolating(exact, basis.centres, there.control_points(steepness), points)
    )
    coordinates = np.eye(splines.matrix.shape[1])[:, :1]
    off = spline_values(splines.spline(coordinates), points) - functions
    # At the corner itself an exponential has a tip.
    assert np.abs(off).max() < 0.02
    assert np.quantile(np.abs(off), 0.99) < 0.01
    np.testing.assert_allclose(splines.matrix[:, :1], off + functions, atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "name"),
    diagonal([(600, 900), (1600, 2400)], ["amplifier glow", "edge glow"]),
    ids=str,
)
def test_a_job_takes_a_glow_out(name, shape):
    scene = scenes.simulate(name, shape, 12)
    result = remove_background(scene.image)
    assert scenes.error(result.background, scene) < 0.06


def test_a_model_with_a_glow_is_a_model_like_others(tmp_path):
    scene = scenes.simulate("amplifier glow", (600, 900), 12)
    result = remove_background(scene.image)
    (place,) = result.report["sky"]["glow"]
    assert place in CORNERS
    result.model.save(tmp_path / "model.json")
    again = BackgroundModel.load(tmp_path / "model.json").render((600, 900))
    np.testing.assert_allclose(again, result.background, rtol=1e-5)
    assert np.isfinite(result.diagnostics.uncertainty).all()
    before, after, uncertain = result.diagnostics.gradient()
    assert after < 0.2 * before
    assert uncertain < 0.2 * before
