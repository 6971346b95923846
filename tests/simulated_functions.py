"""The device functions of the CUDA kernels, each on its own, in numba's simulator.

They are judged by the golden reference and by theorems; `simulated_cuda.py` tests the kernels that
are made of them. Run this as a process of its own, with NUMBA_ENABLE_CUDASIM=1.
"""

from __future__ import annotations

import numpy as np
import pytest
from golden import make_case
from simulation import simulator  # noqa: F401
from tolerances import FLOAT32_GRADIENT, FLOAT32_VALUES, relative_l2, relative_max

from fastbg.backends import cuda as backend
from fastbg.backends.numpy import adjoint, spline_values
from fastbg.spline.loss import loss_and_slope
from fastbg.spline.spline import Spline

if not backend.simulated():
    pytest.skip("NUMBA_ENABLE_CUDASIM is not set", allow_module_level=True)

from numba import cuda

from fastbg.cuda_kernels import backward, direct, forward, pixel_loss, reduction, tiled
from fastbg.cuda_kernels.layout import CENTRES_A_THREAD, EXTRAS, NEGATIVE, PIXELS_A_THREAD
from fastbg.cuda_kernels.tile_work import GRID, PIXELS, Place, TileMemory, TileWork
from fastbg.cuda_kernels.tiles import FAR, MIDDLE, NODES, Axes, axis_arrays

THREADS = 8
ORDERS = pytest.mark.parametrize("order", [1, 2, 3, 4])


def run(function, *arguments, threads=THREADS):
    """Call a function as one block; each thread is given its index first."""

    @cuda.jit
    def kernel():
        function(cuda.threadIdx.x, *arguments)

    kernel[1, threads]()


class Tile:
    """A tile in a corner of a frame of 3 x 3 tiles, and centres near to it and far from it."""

    down, right = 2, 1

    def __init__(self, rng, order=2, channels=3, centres=THREADS):
        self.work = work = TileWork(THREADS, channels)
        self.order, self.n = order, centres
        # The last tile has fewer rows.
        y = 0.3 + 0.1 * (np.arange(3 * work.rows - 3) + 0.5) / (3 * work.rows)
        x = 0.6 + 0.1 * (np.arange(3 * work.columns) + 0.5) / (3 * work.columns)
        arrays = axis_arrays("y", y, work.rows) | axis_arrays("x", x, work.columns)
        self.axes = Axes(**arrays)
        points = np.where(
            np.arange(centres)[:, np.newaxis] % 3 == 0,
            np.column_stack([rng.uniform(0.35, 0.42, centres), rng.uniform(0.6, 0.7, centres)]),
            rng.random((centres, 2)),
        )
        self.spline = Spline(
            points.astype(np.float32).astype(float),
            rng.normal(size=(centres, channels)),
            rng.normal(size=(3, channels)),
            order,
        )
        self.parameters = self.spline.flatten().astype(np.float32)[np.newaxis]
        self.memory = TileMemory(
            centre=np.full((work.own, THREADS), np.nan, np.float32),
            flag=np.full(THREADS, -1, np.int32),
            near=np.full(THREADS, -1, np.int32),
            sums=np.full(work.room, np.nan, np.float32),
            across=np.full((channels, NODES, work.columns), np.nan, np.float32),
            row_y=np.full(work.rows, np.nan, np.float32),
            column_x=np.full(work.columns, np.nan, np.float32),
            down_weights=np.full((NODES, work.rows), np.nan, np.float32),
            right_weights=np.full((NODES, work.columns), np.nan, np.float32),
        )

    def place(self, u):
        return Place(self.axes, self.down, self.right, u)

    def load(self):
        """Fill the shared memory, and tell near from far."""
        load_centre, load_axes = forward.loaders(self.work)
        find_near, _ = forward.near_field(self.order, self.work)
        counts = []

        def filled(u):
            if u < self.n:
                load_centre(self.parameters, 0, u, u, self.memory.centre)
            load_axes(self.place(u), self.memory)
            cuda.syncthreads()
            counts.append(find_near(self.place(u), self.n, self.memory))

        run(filled)
        (self.near_count,) = set(counts)
        self.near = self.memory.flag[: self.n] == 1
        return self

    @property
    def pixels(self):
        """(rows x columns, 2), as the tile has them; beyond an edge the last again."""
        return _points(self.memory.row_y, self.memory.column_x)

    @property
    def nodes(self):
        """(GRID, 2)."""
        return _points(self.axes.y_tiles[self.down, :NODES], self.axes.x_tiles[self.right, :NODES])

    def part(self, which, polynomial=False):
        """The spline of some of the centres."""
        spline = self.spline
        return Spline(
            spline.centres[which],
            spline.weights[which],
            spline.polynomial if polynomial else 0 * spline.polynomial,
            spline.order,
        )

    def values(self):
        """Room for the values of each thread at its pixels."""
        return np.zeros((THREADS, PIXELS * self.work.channels), np.float32)

    def unravelled(self, values):
        """Values of threads, (threads, PIXELS K), as those of the tile's pixels, (area, K)."""
        work = self.work
        grid = values.reshape(work.apart, work.columns, PIXELS, work.channels)
        return grid.transpose(2, 0, 1, 3).reshape(-1, work.channels)


def _points(y, x):
    return np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1).reshape(-1, 2).astype(float)


@pytest.fixture(params=[1, 3])
def tile(rng, request):
    return Tile(rng, channels=request.param).load()


# Forward.


def test_a_tile_reads_its_own_rows_and_columns(rng, tile):
    work = tile.work
    first, left = tile.down * work.rows, tile.right * work.columns
    rows = np.minimum(first + np.arange(work.rows), tile.axes.y.size - 1)
    columns = left + np.arange(work.columns)
    assert rows[-1] == rows[-2]
    assert np.array_equal(tile.memory.row_y, tile.axes.y[rows])
    assert np.array_equal(tile.memory.column_x, tile.axes.x[columns])
    assert np.array_equal(tile.memory.down_weights, tile.axes.y_weights[rows].T)
    assert np.array_equal(tile.memory.right_weights, tile.axes.x_weights[columns].T)
    assert np.array_equal(tile.memory.centre[:2].T, tile.spline.centres.astype(np.float32))
    assert np.array_equal(tile.memory.centre[2:].T, tile.spline.weights.astype(np.float32))


def test_near_centres_are_listed_in_their_order(tile):
    y_tile, x_tile = tile.axes.y_tiles[tile.down], tile.axes.x_tiles[tile.right]
    distance = np.hypot(*(tile.spline.centres - [y_tile[MIDDLE], x_tile[MIDDLE]]).T)
    expected = distance < FAR * max(y_tile[NODES + 1], x_tile[NODES + 1])
    assert expected.any()
    assert not expected.all()
    assert np.array_equal(tile.near, expected)
    assert tile.near_count == expected.sum()
    assert np.array_equal(tile.memory.near[: tile.near_count], np.flatnonzero(expected))


def test_from_infinity_on_every_centre_is_near(rng):
    tile = Tile(rng)
    tile.load()
    find_near, _ = forward.near_field(2, tile.work, np.inf)
    run(lambda u: find_near(tile.place(u), tile.n, tile.memory))
    assert tile.memory.flag.all()


@ORDERS
def test_near_centres_are_added_at_every_pixel(rng, order):
    tile = Tile(rng, order).load()
    _, add_near = forward.near_field(order, tile.work)
    values = tile.values()
    run(lambda u: add_near(u, tile.near_count, tile.memory, values[u]))
    expected = spline_values(tile.part(tile.near), tile.pixels)
    assert relative_max(tile.unravelled(values), expected) < FLOAT32_VALUES


def far_at_nodes(tile):
    add_far, to_nodes = forward.far_field(tile.order, tile.work)
    far = np.zeros((THREADS, tile.work.nodes * tile.work.channels), np.float32)

    def summed(u):
        add_far(tile.place(u), tile.n, tile.memory, far[u])
        to_nodes(tile.place(u), far[u], tile.parameters, 0, tile.memory)

    run(summed)
    sums = tile.memory.sums[: tile.work.channels * tile.work.at_nodes]
    return sums.reshape(tile.work.channels, -1)[:, :GRID].T


@ORDERS
def test_far_centres_and_the_polynomial_are_summed_up_at_the_nodes(rng, order):
    tile = Tile(rng, order).load()
    expected = spline_values(tile.part(~tile.near, polynomial=True), tile.nodes)
    assert relative_max(far_at_nodes(tile), expected) < FLOAT32_VALUES


@ORDERS
def test_the_far_field_is_interpolated_to_the_pixels(rng, order):
    tile = Tile(rng, order).load()
    far_at_nodes(tile)
    to_pixels = forward.interpolation(tile.work)
    values = tile.values()
    run(lambda u: to_pixels(u, tile.memory, values[u]))
    expected = spline_values(tile.part(~tile.near, polynomial=True), tile.pixels)
    assert relative_max(tile.unravelled(values), expected) < FLOAT32_VALUES


@ORDERS
@pytest.mark.parametrize("group", [0, 1, 2])
def test_a_tile_is_evaluated_with_every_group_of_centres(rng, order, group):
    n = 2 * THREADS + 3
    tile = Tile(rng, order, centres=n)
    evaluate, values, counts = forward.tile_values(order, tile.work), tile.values(), []

    def filled(u):
        counts.append(evaluate(tile.place(u), group, n, tile.parameters, 0, tile.memory, values[u]))

    run(filled)
    expected = spline_values(tile.spline, tile.pixels)
    assert relative_max(tile.unravelled(values), expected) < FLOAT32_VALUES
    # The group that was asked for is left for the way back.
    own = tile.spline.centres[group * THREADS :][:THREADS]
    assert np.array_equal(tile.memory.centre[:2, : len(own)].T, own.astype(np.float32))
    assert set(counts) == {tile.memory.flag[: len(own)].sum()}


@pytest.mark.parametrize("channels", [1, 3])
def test_the_threads_of_a_block_share_the_memory_of_a_tile(channels):
    tile = Tile(np.random.default_rng(1), channels=channels)
    allocate, made = forward.tile_memory(tile.work), []
    run(lambda u: made.append(allocate()))
    for name, array in tile.memory._asdict().items():
        found = getattr(made[0], name)
        assert all(getattr(memory, name) is found for memory in made)
        assert found.dtype == array.dtype
        assert found.shape == array.shape


# Backward.


def slopes_at_nodes(tile, values):
    to_nodes = backward.anterpolation(tile.work)
    part_sums = np.full(tile.work.parts * GRID, np.nan, np.float32)
    slopes_at = np.full((tile.work.channels, GRID), np.nan, np.float32)
    run(lambda u: to_nodes(u, tile.memory, part_sums, slopes_at, values[u]))
    return slopes_at


def random_slopes(rng, tile):
    return rng.normal(size=tile.values().shape).astype(np.float32)


def test_anterpolation_is_the_transpose_of_interpolation(rng, tile):
    """<to_pixels(f), g> = <f, to_nodes(g)>."""
    f = far_at_nodes(tile).astype(float)
    to_pixels = forward.interpolation(tile.work)
    values, g = tile.values(), random_slopes(rng, tile)
    run(lambda u: to_pixels(u, tile.memory, values[u]))
    before = g.copy()
    gathered = slopes_at_nodes(tile, g)
    assert np.array_equal(g, before)
    forward_product = (values.astype(float) * g).sum()
    backward_product = (f * gathered.T).sum()
    scale = np.linalg.norm(values) * np.linalg.norm(g)
    assert abs(forward_product - backward_product) < FLOAT32_VALUES * scale


def test_the_polynomial_gathers_slopes_at_nodes(rng, tile):
    channels = tile.work.channels
    slopes_at = rng.normal(size=(channels, GRID)).astype(np.float32)
    add_polynomial = backward.to_polynomial(tile.work)
    kept = np.zeros((THREADS, backward.polynomial_sums(tile.work)), np.float32)
    run(lambda u: add_polynomial(tile.place(u), slopes_at, kept[u]))
    expected = np.c_[tile.nodes, np.ones(GRID)].T @ slopes_at.T
    found = kept.T.ravel()[: 3 * channels].reshape(channels, 3).T
    assert relative_l2(found, expected) < FLOAT32_GRADIENT


def assert_centres_gathered(found, tile, which, points, slopes):
    """Sums of the centres, (n, 2 + K), against the adjoint of the golden reference."""
    expected = adjoint(tile.part(which), points, slopes)
    assert relative_l2(-2 * found[which, :2], expected.centres) < FLOAT32_GRADIENT
    assert relative_l2(found[which, 2:], expected.weights) < FLOAT32_GRADIENT
    assert not found[~which].any()


@ORDERS
@pytest.mark.parametrize("centres", [3, THREADS])
def test_far_centres_gather_slopes_at_nodes(rng, order, centres):
    tile = Tile(rng, order, centres=centres).load()
    from_nodes = backward.from_far(order, tile.work)
    slopes_at = rng.normal(size=(3, GRID)).astype(np.float32)
    shares = THREADS // centres
    sums = np.zeros((THREADS, tile.work.own), np.float32)
    run(lambda u: from_nodes(tile.place(u), centres, shares, tile.memory, slopes_at, sums[u]))
    found = sums[: shares * centres].reshape(shares, centres, -1).sum(axis=0)
    assert not sums[shares * centres :].any()
    assert_centres_gathered(found, tile, ~tile.near, tile.nodes, slopes_at.T)


@ORDERS
def test_near_centres_gather_slopes_at_pixels(rng, order):
    tile = Tile(rng, order).load()
    from_pixels = backward.from_near(order, tile.work)
    slopes = random_slopes(rng, tile)
    sums = np.zeros((THREADS, tile.work.own), np.float32)
    run(lambda u: from_pixels(u, tile.near_count, tile.memory, slopes[u], sums[u]))
    assert_centres_gathered(sums, tile, tile.near, tile.pixels, tile.unravelled(slopes))


@ORDERS
@pytest.mark.parametrize("group", [0, 1])
def test_a_group_gathers_the_slopes_of_a_tile(rng, order, group):
    n = THREADS + 3
    tile = Tile(rng, order, centres=n)
    evaluate = forward.tile_values(order, tile.work)
    gather = backward.tile_gradient(order, tile.work)
    slopes = random_slopes(rng, tile)
    sums = np.zeros((THREADS, tile.work.own), np.float32)
    polynomial = np.zeros((THREADS, backward.polynomial_sums(tile.work)), np.float32)

    def summed(u):
        near = evaluate(tile.place(u), group, n, tile.parameters, 0, tile.memory, tile.values()[u])
        gather(tile.place(u), group, n, near, tile.memory, slopes[u], sums[u], polynomial[u])

    run(summed)
    expected = adjoint(tile.spline, tile.pixels, tile.unravelled(slopes))
    size = min(THREADS, n - group * THREADS)
    own = slice(group * THREADS, group * THREADS + size)
    shares = THREADS // size
    found = sums[: shares * size].reshape(shares, size, -1).sum(axis=0)
    assert relative_l2(-2 * found[:, :2], expected.centres[own]) < FLOAT32_GRADIENT
    assert relative_l2(found[:, 2:], expected.weights[own]) < FLOAT32_GRADIENT
    assert relative_l2(polynomial.T.ravel()[:9].reshape(3, 3).T, expected.polynomial) < (
        FLOAT32_GRADIENT
    )


# The loss at a pixel, and sums over threads.


@pytest.mark.parametrize("channels", [1, 3])
def test_the_loss_of_a_pixel_is_that_of_the_reference(rng, channels):
    residuals_at, argument_of, slope_of = pixel_loss.pixel_loss(channels)
    data, model = rng.normal(size=(2, 20, channels)).astype(np.float32)
    weight = rng.random((20, channels)).astype(np.float32)
    pixels = np.concatenate([np.full((2, 20), np.nan), data.T, weight.T]).astype(np.float32)
    alpha, negative = np.float32(5), np.float32((np.abs(model) - model).mean())
    losses, slopes, total = [], [], np.float32(0)
    for j in range(20):
        residual = np.full(channels, np.nan, np.float32)
        values = np.r_[np.full(channels, np.nan), model[j]].astype(np.float32)
        mean, total = residuals_at(pixels, 2, j, 1, values, total, residual)
        argument = argument_of(residual, mean, alpha, negative)
        losses.append(np.log(argument))
        slopes.append(
            [
                slope_of(r, mean, w, alpha, 1 / argument)
                for r, w in zip(residual, weight[j], strict=True)
            ]
        )
    loss, slope = loss_and_slope(data.astype(float), weight, model.astype(float), 5.0)
    assert np.mean(losses) == pytest.approx(loss, rel=FLOAT32_VALUES)
    assert total / (20 * channels) == pytest.approx(negative, rel=FLOAT32_VALUES)
    coupled = -2 * 5 / channels * np.exp(-np.array(losses)).mean() * (model < 0)
    assert relative_l2((np.array(slopes) + coupled) / 20, slope) < FLOAT32_GRADIENT


@pytest.mark.parametrize("threads", [8, 32])
def test_rows_are_summed_up_over_threads(rng, threads):
    fold, row_total = reduction.row_sums(threads)
    table = rng.random((5, threads)).astype(np.float32)
    expected = table[:4].sum(axis=1, dtype=float)
    last = table[4].copy()
    run(lambda u: fold(u, 4, table), threads=threads)
    assert [row_total(e, table) for e in range(4)] == pytest.approx(expected, rel=1e-6)
    assert np.array_equal(table[4], last)


@pytest.mark.parametrize("values", [np.zeros(21), np.arange(21), np.r_[np.nan, np.zeros(20)]])
def test_the_mean_below_zero_is_the_same_in_all_threads(values):
    partials = np.full((2, 2, 9 + EXTRAS, 21), 7, np.float32)
    partials[1, 0, 9 + NEGATIVE] = values
    mean_below_zero = reduction.below_zero(3, THREADS)
    buffer = np.full(THREADS, np.nan, np.float32)
    found = np.full(THREADS, -1.0)

    def measured(u):
        found[u] = mean_below_zero(u, 1, 50, partials, buffer)

    run(measured)
    expected = np.full(THREADS, values.sum() / 150)
    assert found == pytest.approx(expected, rel=1e-6, nan_ok=True)


# The rest of `tiled` and `direct`.


def test_pixels_without_weight_are_not_seen_in_tiles(rng):
    problem, _ = make_case(rng, (1, PIXELS * THREADS), channels=3)
    work = TileWork(THREADS, 3)
    pixels = np.concatenate([problem.data[0].T, problem.weight[0].T]).astype(np.float32)
    pixels[3:, 5 * THREADS + 2] = 0
    pixels[:3, 5 * THREADS + 2] = np.nan
    kept_pixels, to_slopes = tiled._slopes(work, 0)
    valid = kept_pixels(pixels, 2)
    assert not valid & 1 << 5
    weight = pixels[3:, 2::THREADS]
    assert [bool(valid >> v & 1) for v in range(PIXELS)] == list(weight.any(axis=0))
    values = rng.random(3 * PIXELS).astype(np.float32)
    model = values.reshape(PIXELS, 3).astype(float)
    extra = np.zeros((EXTRAS, THREADS), np.float32)
    alpha, negative = np.float32(5), np.float32(0)

    def turned(u):
        if u == 2:
            to_slopes(pixels, u, valid, alpha, negative, values, extra, u)

    run(turned)
    keep = weight.any(axis=0)
    data = pixels[:3, 2::THREADS].T[keep]
    loss, slope = loss_and_slope(data, weight.T[keep], model[keep], 5.0)
    assert extra[0, 2] / keep.sum() == pytest.approx(loss, rel=FLOAT32_VALUES)
    found = values.reshape(PIXELS, 3)
    assert relative_l2(found[keep] / keep.sum(), slope) < FLOAT32_GRADIENT
    assert not found[~keep].any()


@pytest.mark.parametrize("n", [1, 5, CENTRES_A_THREAD * THREADS, 37])
def test_every_centre_belongs_to_one_member_of_each_slice(n):
    work = direct.Work(2, 3, THREADS, 1)
    centres_of, *_ = direct._centres(work)
    parameters = np.zeros((1, 5 * n + 9), np.float32)
    size = direct.group_size(n, THREADS)
    taken = []

    @cuda.jit
    def kernel():
        c = centres_of(cuda.threadIdx.x, parameters)
        if c.slice < c.slices:
            for each in range(CENTRES_A_THREAD):
                i = c.first + c.member + each * c.teams
                if i < c.first + c.size:
                    taken.append((i, c.slice))

    groups = -(-n // size)
    kernel[(1, groups), THREADS]()
    assert sorted(i for i, part in taken if part == 0) == list(range(n))
    for group in range(groups):
        first, last = group * size, min((group + 1) * size, n)
        parts = [part for i, part in taken if i == first]
        assert sorted(parts) == list(range(len(parts)))
        for i in range(first, last):
            assert sorted(part for each, part in taken if each == i) == sorted(parts)


@ORDERS
def test_centres_gather_the_slopes_of_a_batch(rng, order):
    work = direct.Work(order, 3, THREADS, 1)
    centres_of, load_centres, gather = direct._centres(work)
    n, pixels = 3, PIXELS_A_THREAD * THREADS
    spline = Spline(rng.random((n, 2)), rng.normal(size=(n, 3)), rng.normal(size=(3, 3)), order)
    parameters = spline.flatten().astype(np.float32)[np.newaxis]
    points, slopes = rng.random((pixels, 2)), rng.normal(size=(pixels, 3))
    shared = np.concatenate([points.T, slopes.T]).astype(np.float32).reshape(-1, THREADS)
    total = np.zeros((n, work.own))
    gathered = np.zeros((THREADS, work.sums), np.float32)

    def summed(u):
        centres = centres_of(u, parameters)
        cy, cx = np.empty((2, CENTRES_A_THREAD), np.float32)
        cw = np.empty(3 * CENTRES_A_THREAD, np.float32)
        load_centres(centres, parameters, 0, cy, cx, cw)
        gather(centres, shared, cy, cx, cw, gathered[u])
        for c in range(CENTRES_A_THREAD):
            i = centres.member + c * centres.teams
            if i < n:
                total[i] += gathered[u].reshape(CENTRES_A_THREAD, -1)[c]

    run(summed)
    expected = adjoint(spline, points, slopes)
    assert relative_l2(-2 * total[:, :2], expected.centres) < FLOAT32_GRADIENT
    assert relative_l2(total[:, 2:], expected.weights) < FLOAT32_GRADIENT


@ORDERS
@pytest.mark.parametrize("n", [1, THREADS, 2 * THREADS + 3])
def test_pixels_are_evaluated_with_every_centre(rng, order, n):
    work = direct.Work(order, 3, THREADS, 1)
    load_pixels, evaluate = direct._forward(work)
    spline = Spline(rng.random((n, 2)), rng.normal(size=(n, 3)), rng.normal(size=(3, 3)), order)
    parameters = spline.flatten().astype(np.float32)[np.newaxis]
    count = PIXELS_A_THREAD * THREADS - 3
    pixels = rng.random((2, count)).astype(np.float32)
    centre = np.full((work.own, THREADS), np.nan, np.float32)
    y, x = np.full((2, THREADS, PIXELS_A_THREAD), np.nan, np.float32)
    values = np.full((THREADS, 3 * PIXELS_A_THREAD), np.nan, np.float32)

    def evaluated(u):
        mine = direct.Pixels(y[u], x[u], values[u])
        load_pixels(u, 0, count, pixels, parameters, 0, mine)
        evaluate(u, n, parameters, 0, centre, mine)

    run(evaluated)
    found = values.reshape(THREADS, PIXELS_A_THREAD, 3).swapaxes(0, 1).reshape(-1, 3)[:count]
    expected = spline_values(spline, pixels.T.astype(float))
    assert relative_max(found, expected) < FLOAT32_VALUES
