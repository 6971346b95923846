"""What is painted: cells of the grid, and the files that they become."""

from __future__ import annotations

import io
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image as pil

from fastbg.image.downscale import downscale_weight
from fastbg.image.image import Image
from fastbg.io import png
from fastbg.io.regions.areas import Polygon
from fastbg.live_page.layers import Grid, Packed, Painted
from fastbg.live_page.outlines import outlines

GRID = Grid((30, 40), 8)


def centres():
    y, x = np.mgrid[:30, :40]
    return (x + 0.5) * 8, (y + 0.5) * 8


def distance(x, y, start, end):
    (ax, ay), (bx, by) = start, end
    along, across = bx - ax, by - ay
    length = along**2 + across**2
    part = np.clip(((x - ax) * along + (y - ay) * across) / length, 0, 1) if length else 0
    return np.hypot(x - ax - part * along, y - ay - part * across)


@pytest.mark.parametrize("radius", [4.1, 11, 100])
def test_a_brush_covers_the_centres_that_it_comes_near(radius):
    points = [(20.0, 30.0), (200.0, 90.0), (150.0, 230.0)]
    x, y = centres()
    near = np.minimum(*(distance(x, y, *ends) for ends in pairwise(points)))
    painted = GRID.brush(points, radius)
    assert painted[near <= radius].all()
    # Beyond the radius lie only cells that the path itself runs through.
    assert (near[painted] <= max(radius, 8 / np.sqrt(2) + 1e-9)).all()


@pytest.mark.parametrize("radius", [0, 0.5, 3.9])
def test_a_small_brush_takes_the_cells_under_it(radius):
    assert np.argwhere(GRID.brush([(81.0, 161.0)], radius)).tolist() == [[20, 10]]
    row = GRID.brush([(1.0, 4.0), (319.0, 4.0)], radius)
    assert row[0].all()
    assert row.sum() == 40


def test_a_stroke_in_parts_is_the_whole_stroke():
    points = [(x, 100 + 60 * np.sin(x / 30)) for x in range(0, 330, 7)]
    parts = [GRID.brush(points[i : i + 2], 14) for i in range(len(points) - 1)]
    assert np.array_equal(np.logical_or.reduce(parts), GRID.brush(points, 14))


def test_the_longest_message_takes_little_memory():
    points = [(0.0, 0.0), (1e6, 1e6)] * 2048
    tracemalloc.start()
    try:
        assert Grid((100, 140), 8).brush(points, 0).any()
        assert tracemalloc.get_traced_memory()[1] < 40e6
    finally:
        tracemalloc.stop()


def test_strokes_outside_of_the_image_paint_nothing_and_far_ones_take_no_time():
    assert not GRID.brush([(-500.0, -500.0), (-1e6, 1e6)], 10).any()
    assert GRID.brush([(-1e6, 120.0), (1e6, 120.0)], 10)[15].all()
    assert GRID.brush([(160.0, 120.0)], 1e5).all()


def test_a_shape_covers_the_centres_in_it():
    x, y = centres()
    box, corners = [(40, 60), (250, 200)], [(10, 10), (300, 10), (10, 230)]
    rectangle = (x >= 40) & (x <= 250) & (y >= 60) & (y <= 200)
    assert np.array_equal(GRID.shape_of("rectangle", box), rectangle)
    assert np.array_equal(GRID.shape_of("rectangle", box[::-1]), rectangle)
    ellipse = ((x - 145) / 105) ** 2 + ((y - 130) / 70) ** 2 <= 1
    assert np.array_equal(GRID.shape_of("ellipse", box), ellipse)
    triangle = (x >= 10) & (y >= 10) & ((x - 10) / 290 + (y - 10) / 220 <= 1)
    assert np.array_equal(GRID.shape_of("polygon", corners), triangle)


@pytest.mark.parametrize("kind", ["rectangle", "ellipse", "polygon"])
def test_a_shape_smaller_than_a_cell_takes_the_cell_under_it(kind):
    points = [(81, 161), (82, 161), (82, 162), (81, 162)]
    points = points if kind == "polygon" else points[::2]
    assert np.argwhere(GRID.shape_of(kind, points)).tolist() == [[20, 10]]


def test_layers_exclude_each_other_and_erasing_takes_from_both():
    left, right = np.zeros(GRID.shape, bool), np.zeros(GRID.shape, bool)
    left[:, :25], right[:, 15:] = True, True
    painted = Painted.nothing(GRID).with_cells("not_sky", left).with_cells("sky", right)
    assert not (painted.not_sky & painted.sky).any()
    assert painted.sky.sum() == 30 * 25
    assert painted.not_sky.sum() == 30 * 15
    erased = painted.with_cells("erase", left)
    assert not erased.not_sky.any()
    assert erased.sky.sum() == 30 * 15


def test_packed_layers_come_back_and_take_little_memory(rng):
    painted = Painted.nothing(Grid((500, 750), 8))
    for _ in range(100):
        points = rng.uniform(0, 6000, (5, 2)).tolist()
        painted = painted.with_cells("not_sky", painted.grid.brush(points, 40))
    packed = painted.packed()
    again = packed.unpacked()
    assert np.array_equal(again.not_sky, painted.not_sky)
    assert np.array_equal(again.sky, painted.sky)
    assert len(packed.not_sky) + len(packed.sky) < 20_000


def test_layers_packed_on_one_another_come_back(rng):
    painted = Painted.nothing(GRID)
    packed, kept = painted.packed(), []
    for number in range(40):
        cells = GRID.brush(rng.uniform(0, 300, (3, 2)).tolist(), 20)
        painted = painted.with_cells(("not_sky", "sky", "erase")[number % 3], cells)
        packed = painted.packed(packed)
        kept.append((packed, painted))
    for each, expected in kept:
        for found in (each.unpacked(), each.alone().unpacked()):
            assert np.array_equal(found.not_sky, expected.not_sky)
            assert np.array_equal(found.sky, expected.sky)
    assert painted.packed(packed) is packed
    assert packed.alone().base is None


@pytest.mark.parametrize("damage", [b"", b"no zlib", None])
def test_damaged_layers_are_refused(damage):
    packed = Painted.nothing(GRID).packed()
    bad = packed.sky[:-8] if damage is None else damage
    with pytest.raises(ValueError, match=r"."):
        Packed(GRID, packed.not_sky, bad).unpacked()
    with pytest.raises(ValueError, match="bytes for"):
        Packed(Grid((300, 400), 8), packed.not_sky, packed.sky).unpacked()


def test_a_finer_grid_keeps_the_painted_area(rng):
    cells = rng.random(GRID.shape) < 0.3
    fine = Grid((60, 80), 4)
    finer = GRID.resampled(cells, fine)
    assert np.array_equal(finer, np.kron(cells, np.ones((2, 2), bool)))
    assert np.array_equal(fine.resampled(finer, GRID), cells)


@pytest.mark.parametrize("shape", [(240, 320), (235, 313), (239, 314)])
@pytest.mark.parametrize("function", ["median", "mean"])
def test_a_layer_at_full_resolution_is_reduced_to_itself(rng, shape, function):
    cells = rng.random(GRID.shape) < 0.3
    full = np.where(GRID.enlarged(cells, slice(0, shape[0]), shape[1]), 0, 1)
    weight = Image.from_samples(np.ascontiguousarray(full, np.float32))
    reduced = downscale_weight(weight, 8, function)
    assert np.array_equal(reduced[..., 0], np.where(cells, 0, 1))


def test_outlines_enclose_exactly_the_cells(rng):
    for density in (0.05, 0.3, 0.6, 0.95):
        cells = rng.random((40, 50)) < density
        found = np.zeros(cells.shape, int)
        for polygon in outlines(cells):
            for ring in polygon:
                assert len(ring) >= 4
                turns = np.array(ring) - np.roll(ring, 1, axis=0)
                assert ((turns == 0).sum(axis=1) == 1).all()  # along the axes, by turns
                assert ((turns[:, 0] == 0) != (np.roll(turns, 1, axis=0)[:, 0] == 0)).all()
            outer, *holes = (area(ring) for ring in polygon)
            assert outer > 0
            assert all(hole < 0 for hole in holes)
            # A pixel of `Polygon` has its centre at whole numbers.
            rings = [np.array(ring) - 0.5 for ring in polygon]
            found += Polygon(rings).inside(slice(0, 40), slice(0, 50))
        assert np.array_equal(found, cells.astype(int))


def area(ring):
    (x, y), (nx, ny) = np.array(ring).T, np.roll(ring, -1, axis=0).T
    return (x * ny - nx * y).sum() / 2


def test_the_outlines_of_nothing_are_none():
    assert outlines(np.zeros((3, 4), bool)) == []


def test_a_png_is_what_other_programs_read(rng):
    plane = rng.integers(0, 256, (70, 33)).astype(np.uint8)
    data = b"".join(png.encoded([plane[:40], plane[40:]], plane.shape))
    with pil.open(io.BytesIO(data)) as picture:
        assert picture.mode == "L"
        assert np.array_equal(np.asarray(picture), plane)
