"""Functions that are even or odd at the cells of a mesh, and how a fit in C takes them."""

from __future__ import annotations

import numpy as np
import pytest

from fastbg.sky.basis import Basis
from fastbg.sky.folded import GROUP
from fastbg.sky.symmetry import PARITIES, Symmetry, symmetry_of

SIGNS = np.array([[1, -1, 1, -1], [1, 1, -1, -1]])
"""Of functions that are odd in x alone and in y alone, at the images of a cell."""


def axis(number: int, last: float) -> np.ndarray:
    """The centres of so many cells, of which the last one is smaller."""
    edges = np.append(np.arange(number), number - 1 + last) / (number - 1 + last)
    return (edges[1:] + edges[:-1]) / 2


def cells(shape: tuple[int, int], last: tuple[float, float] = (1, 1)) -> np.ndarray:
    axes = [axis(*each) for each in zip(shape, last, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)


@pytest.fixture(params=[((12, 15), (1, 1)), ((13, 18), (0.4, 1)), ((14, 13), (0.5, 0.7))])
def mesh(request) -> tuple[np.ndarray, Symmetry]:
    shape, last = request.param
    points = cells(shape, last)
    symmetry = symmetry_of(points, shape)
    assert symmetry is not None
    assert symmetry.even == tuple(n - (part < 1) for n, part in zip(shape, last, strict=True))
    return points, symmetry


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_functions_change_their_signs_alone_with_mirror_images(mesh, degree):
    points, symmetry = mesh
    splines = Basis(points, 6, symmetry).of_degree(degree)
    rows, columns = symmetry.even
    alike = splines.matrix.reshape(*symmetry.shape, -1)[:rows, :columns]
    odd = np.array(PARITIES)[splines.mirrored.parities]
    assert {*map(tuple, odd)} == {*PARITIES}
    np.testing.assert_allclose(alike[::-1], (-1.0) ** odd[:, 0] * alike, atol=1e-12)
    np.testing.assert_allclose(alike[:, ::-1], (-1.0) ** odd[:, 1] * alike, atol=1e-12)
    np.testing.assert_allclose(splines.at(points), splines.matrix, atol=1e-12)
    assert (splines.matrix[:, splines.free - 1] == 1).all()
    assert (np.diff(splines.seen) <= 0).all()


@pytest.mark.parametrize("side", [2, 3, 6, 7])
def test_parities_change_no_fit(side, rng):
    shape = (9, 12)
    points = cells(shape)
    both = [Basis(points, side, symmetry) for symmetry in (None, symmetry_of(points, shape))]
    data, weight = rng.normal(size=(len(points), 2)), rng.random(len(points))
    for degree in range(1, min(side, 4)):
        plain, even_and_odd = (basis.of_degree(degree) for basis in both)
        assert even_and_odd.free == plain.free
        np.testing.assert_allclose(even_and_odd.seen, plain.seen, rtol=1e-6, atol=1e-12)
        for stiffness in (1e-2, 1e-6):
            one, other = (
                splines.matrix @ splines.solve(data, weight, stiffness)
                for splines in (plain, even_and_odd)
            )
            np.testing.assert_allclose(one, other, atol=1e-6)


def test_a_plane_costs_nothing_and_the_control_points_cover_the_frame(mesh, rng):
    points, symmetry = mesh
    plane = (points @ [2.0, -1.0] + 3)[:, np.newaxis]
    splines = Basis(points, 6, symmetry).of_degree(1)
    coordinates = splines.solve(plane, rng.uniform(0.1, 1, len(points)), 1e3)
    np.testing.assert_allclose(splines.matrix @ coordinates, plane, atol=1e-8)
    fitted = splines.spline(coordinates)
    assert fitted.centres.min() <= 1e-12
    assert fitted.centres.max() >= 1 - 1e-12


@pytest.mark.parametrize("mirrored", [True, False])
def test_what_is_folded_is_the_matrix(mesh, mirrored):
    points, symmetry = mesh
    splines = Basis(points, 4, symmetry if mirrored else None).of_degree(2)
    modes = splines.folded(symmetry.shape)
    groups = modes.matrix.size // splines.matrix.shape[1] // GROUP
    starts = np.cumsum(np.bincount(modes.parities, minlength=4))[:-1] * groups * GROUP
    parts = [part.reshape(groups, -1, GROUP) for part in np.split(modes.matrix, starts)]
    found, counted = np.zeros_like(splines.matrix), np.zeros(len(points))
    at = 0
    for group in range(groups):
        for image in range(4 if group < modes.quarters else 1):
            own = slice(at, at + GROUP)
            there = modes.part[own] > 0
            place = modes.place[own][there]
            np.add.at(counted, place, modes.part[own][there])
            for parity, part in enumerate(parts):
                sign = SIGNS[0, image] ** (parity & 1) * SIGNS[1, image] ** (parity >> 1)
                columns = np.flatnonzero(modes.parities == parity)
                found[np.ix_(place, columns)] = sign * part[group].T[there]
            at += GROUP
    assert at == len(modes.place)
    assert (counted == 1).all()
    assert modes.quarters == 0 or mirrored
    np.testing.assert_allclose(found, splines.matrix, atol=1e-6)


def test_cells_that_lie_unevenly_have_no_mirror_images():
    points = cells((5, 6))
    points[points[:, 0] > 0.5, 0] += 0.01
    assert symmetry_of(points, (5, 6)) is None
