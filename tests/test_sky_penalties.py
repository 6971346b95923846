"""The rules of the search for the sky on made-up chains: no fit is made here.

A chain of surfaces is given by the shares of the frame that its surfaces explain, from stiff to
flexible. ``log(unexplained)`` falls by ``log 2`` where half of what was left is explained.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastbg.sky.basis import Basis
from fastbg.sky.cost import (
    BENDING_PENALTY,
    CLEAR,
    CLEAR_PENALTY,
    COLD_START_PENALTY,
    CONCAVE,
    HOPELESS,
    POLYNOMIAL_CANDIDATES,
    POLYNOMIAL_PENALTIES,
    best_chain,
    converged,
    hopeless,
)
from fastbg.sky.detection import EXCLUDED_BELOW, OBJECT_SIGMA, pixel_weight
from fastbg.sky.mesh import Mesh
from fastbg.sky.selection import CANDIDATES
from fastbg.sky.surface import LEAST_UNEXPLAINED, Surface

SPLINES = Basis(np.random.default_rng(1).random((20, 2)), 3).of_degree(1)
FLAT = np.zeros((SPLINES.matrix.shape[1], 1))

# Of surfaces that are concave everywhere, as these are.
BENDING = BENDING_PENALTY[1]

STIFFEST = POLYNOMIAL_PENALTIES.index(min(POLYNOMIAL_PENALTIES))
"""The place of the candidate that pays least."""

shares = st.lists(st.floats(0, 1), min_size=1, max_size=10)


def surface(explained, coordinates=FLAT, weight=None):
    weight = np.ones(20) if weight is None else weight
    return Surface(SPLINES, coordinates, weight, 1e-3, explained, 0.0)


def chain_of(*explained):
    return [surface(each) for each in explained]


def after(share, *factors):
    """Shares from one on, of which each leaves so many times what the one before it left."""
    left = np.cumprod([1 - share, *factors])
    return chain_of(*(1 - left))


EPS = 1e-6

# What is selected among candidates.


@pytest.mark.parametrize("below", [False, True])
@pytest.mark.parametrize("place", [0, 2, 3])
def test_a_polynomial_is_selected_if_it_lowers_the_logarithm_by_what_it_pays_more(place, below):
    more = POLYNOMIAL_PENALTIES[place] - POLYNOMIAL_PENALTIES[STIFFEST]
    left = np.full(POLYNOMIAL_CANDIDATES, 0.8)
    left[place] *= np.exp(-more * (1 + (EPS if below else -EPS)))
    assert len(best_chain([chain_of(*(1 - left))])) == 1 + (place if below else STIFFEST)


@pytest.mark.parametrize("below", [False, True])
def test_a_surface_that_bends_has_a_larger_penalty(below):
    assert 5 * max(POLYNOMIAL_PENALTIES) < BENDING
    just = np.exp(-BENDING * (1 + (EPS if below else -EPS)))
    polynomials = [1.0] * (POLYNOMIAL_CANDIDATES - 2)
    chain = after(0.2, *polynomials, np.exp(-0.1), just)
    assert len(best_chain([chain])) == POLYNOMIAL_CANDIDATES + below


def test_penalties_add_up_over_the_candidates_between():
    # Two candidates that bend, of which only both together would pay.
    much = np.exp(-2 * BENDING * 1.01)
    polynomials = [1.0] * (POLYNOMIAL_CANDIDATES - 1)
    skipped = POLYNOMIAL_PENALTIES[-1] - POLYNOMIAL_PENALTIES[STIFFEST]
    assert len(best_chain([after(0.1, *polynomials, 1.0, much * np.exp(-skipped))])) == 6
    assert len(best_chain([after(0.1, *polynomials, 1.0, much)])) == 1 + STIFFEST


@pytest.mark.parametrize("share", [0, 0.2, 0.3, 0.4, 0.5, 0.6, 1])
def test_what_bends_towards_outside_costs_less_than_what_bends_over_objects(share):
    low, high = BENDING_PENALTY
    rise = np.clip((share - CONCAVE[0]) / (CONCAVE[1] - CONCAVE[0]), 0, 1)
    for enough in (False, True):
        # The second candidate that bends pays for both.
        just = np.exp(-2 * (low + rise * (high - low)) * (1 + (EPS if enough else -EPS)))
        skipped = np.exp(POLYNOMIAL_PENALTIES[STIFFEST] - POLYNOMIAL_PENALTIES[-1])
        chain = after(0.1, *[1.0] * POLYNOMIAL_CANDIDATES, just * skipped)
        chain[-1] = replace(chain[-1], concave=share)
        assert len(best_chain([chain])) == (len(chain) if enough else 1 + STIFFEST)


def test_of_equal_candidates_the_stiffest_is_selected():
    assert len(POLYNOMIAL_PENALTIES) == POLYNOMIAL_CANDIDATES
    softer = [stiffness <= CANDIDATES[STIFFEST][1] for _, stiffness in CANDIDATES]
    assert all(softer)
    assert len(best_chain([chain_of(*[0.5] * 10)])) == 1 + STIFFEST
    assert len(best_chain([chain_of(0.9)])) == 1


@pytest.mark.parametrize("cheaper", [False, True])
def test_a_chain_of_cold_starts_must_be_better_by_its_penalty(cheaper):
    just = np.exp(-COLD_START_PENALTY * (1 + (EPS if cheaper else -EPS)))
    warm, cold = after(0.3), after(1 - 0.7 * just)
    assert best_chain([warm, cold]) == (cold if cheaper else warm)
    # Alone it has none, and warm starts have none either.
    assert best_chain([cold]) == cold
    assert best_chain([warm, warm[:1]]) == warm


def test_a_selected_chain_is_the_path_that_led_to_its_surface():
    chain = chain_of(0.1, 0.3, 0.9, 0.2)
    found = best_chain([chain])
    assert [each is other for each, other in zip(found, chain, strict=False)] == [True] * 3


def test_in_a_clear_frame_the_chain_is_followed_by_a_smaller_penalty():
    assert max(POLYNOMIAL_PENALTIES) < CLEAR_PENALTY < BENDING / 2
    # Each candidate explains more, by more than the smaller penalty and less than that of bending.
    step = np.exp(-1.5 * CLEAR_PENALTY)
    unclear, clear = after(0.1, *[step] * 9), after(CLEAR, *[step] * 9)
    assert unclear[-1].explained < CLEAR
    assert len(best_chain([unclear])) == POLYNOMIAL_CANDIDATES
    assert len(best_chain([clear])) == 10
    # It ends before the first candidate that does not.
    less = np.exp(-0.99 * CLEAR_PENALTY)
    bends = after(CLEAR, *[step] * POLYNOMIAL_CANDIDATES, less, step, step)
    assert len(best_chain([bends])) == POLYNOMIAL_CANDIDATES + 1


def test_what_noise_alone_may_leave_is_not_told_apart():
    assert surface(1.0).unexplained == pytest.approx(np.log(LEAST_UNEXPLAINED))
    assert surface(1.0).odds == pytest.approx(1 / LEAST_UNEXPLAINED)
    assert surface(0.25).odds == pytest.approx(1 / 3)
    # So that no candidate is selected for what lies below it.
    enough = chain_of(0.0, 1 - LEAST_UNEXPLAINED, 1 - LEAST_UNEXPLAINED / 2, 1.0)
    assert len(best_chain([enough])) == 2


def cost_of(chain, number, start):
    """By the definition, candidate after candidate."""
    cost = np.log(max(1 - chain[number].explained, LEAST_UNEXPLAINED)) + start
    cost += POLYNOMIAL_PENALTIES[min(number, POLYNOMIAL_CANDIDATES - 1)]
    for _ in range(POLYNOMIAL_CANDIDATES, number + 1):
        cost += BENDING
    return cost


@given(shares, shares)
def test_the_cheapest_surface_of_all_is_selected_or_one_behind_it(warm, cold):
    chains = [chain_of(*warm), chain_of(*cold)]
    places = [(k, i) for k in (0, 1) for i in range(len(chains[k]))]
    starts = (0, COLD_START_PENALTY)
    costs = [cost_of(chains[k], i, starts[k]) for k, i in places]
    found = best_chain(chains)
    [which] = [k for k in (0, 1) if found[0] is chains[k][0]]
    assert found == chains[which][: len(found)]
    cheapest = min(cost for (k, _), cost in zip(places, costs, strict=True) if k == which)
    assert cheapest == pytest.approx(min(costs), abs=1e-12)
    own = [cost_of(chains[which], i, starts[which]) for i in range(len(found))]
    best = int(np.argmin(own))
    assert own[best] == pytest.approx(min(costs), abs=1e-12)
    # Behind it, every step is one of a clear frame and explains more by the smaller penalty.
    for before, following in zip(found[best:], found[best + 1 :], strict=False):
        assert before.explained >= CLEAR
        assert following.unexplained + CLEAR_PENALTY < before.unexplained


# When a chain ends.


@pytest.mark.parametrize("length", range(1, POLYNOMIAL_CANDIDATES + 2))
def test_a_chain_goes_on_until_it_has_two_candidates_that_bend(length):
    assert not converged(chain_of(*[0.99] * length))


def test_only_a_clear_frame_ends_a_chain():
    assert converged(chain_of(*[CLEAR] * 6))
    assert not converged(chain_of(*[CLEAR - 1e-9] * 6))
    # It is the third from the end that counts.
    assert not converged(chain_of(*[CLEAR] * 3, CLEAR - 1e-9, CLEAR, CLEAR))
    assert converged(chain_of(*[0.1] * 3, CLEAR, CLEAR, CLEAR))


@pytest.mark.parametrize("place", [1, 2])
def test_a_chain_goes_on_while_one_of_the_last_two_explains_more(place):
    for factor, ends in ((1 - EPS, True), (1 + EPS, False)):
        left = [0.15] * 6
        left[3 + place] *= np.exp(-CLEAR_PENALTY * factor)
        assert converged(chain_of(*(1 - each for each in left))) is ends


@given(shares)
def test_a_chain_that_has_ended_would_not_be_followed_further(explained):
    chain = chain_of(*explained)
    if converged(chain):
        # Neither of the last two pays even the smaller penalty.
        for following in chain[-2:]:
            assert following.unexplained + CLEAR_PENALTY >= chain[-3].unexplained


@pytest.mark.parametrize("more", [False, True])
def test_a_chain_is_hopeless_once_bending_costs_too_much_more_than_the_least(more):
    paid = POLYNOMIAL_PENALTIES[-1] - POLYNOMIAL_PENALTIES[STIFFEST] + BENDING
    worse = np.exp(HOPELESS - paid) * (1 + (EPS if more else -EPS))
    chain = after(0.5, *[1.0] * (POLYNOMIAL_CANDIDATES - 1), worse)
    assert hopeless(chain) is more


def test_polynomials_and_clear_frames_are_neverhopeless():
    assert not hopeless(chain_of(0.7, *[0.0] * (POLYNOMIAL_CANDIDATES - 1)))
    assert hopeless(chain_of(CLEAR - 1e-9, *[0.0] * POLYNOMIAL_CANDIDATES))
    assert not hopeless(chain_of(CLEAR, *[0.0] * POLYNOMIAL_CANDIDATES))


@given(shares)
def test_a_hopeless_chain_is_followed_no_further_unless_another_surface_becomes_the_cheapest(
    explained,
):
    chain = chain_of(*explained)
    for end in range(1, len(chain)):
        costs = [cost_of(chain, i, 0) for i in range(len(chain))]
        if hopeless(chain[:end]) and min(costs[end:]) > min(costs[:end]):
            assert best_chain([chain[:end]]) == best_chain([chain])


# The weight of pixels.

SIDE, CELLS = 4, (6, 8)
NOISE = 0.01
"""The noise of the median of a cell of 4 x 4 pixels: that of a pixel is four times as large."""


def mesh_of_cells(channels=1, noise=NOISE):
    count = CELLS[0] * CELLS[1]
    points = np.stack(
        np.meshgrid(*((np.arange(n) + 0.5) / n for n in CELLS), indexing="ij"), axis=-1
    ).reshape(-1, 2)
    values = np.zeros((count, channels))
    return Mesh(SIDE, CELLS, points, values, np.ones(count), np.full(channels, noise))


class Plane:
    """A surface by its values and weights at the cells."""

    def __init__(self, values, weight):
        self.values, self.weight = values, weight


def weights_of(data, mesh, values=None, weight=None):
    count = len(mesh.points)
    values = np.full((count, data.shape[2]), 0.5) if values is None else values
    plane = Plane(values, np.ones(count) if weight is None else weight)
    return pixel_weight(data.astype(np.float32), mesh, plane)


def flat_sky(channels=1):
    return np.full((CELLS[0] * SIDE, CELLS[1] * SIDE, channels), 0.5)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("sign", [-1, 1])
def test_a_pixel_loses_half_its_weight_at_three_sigma(channels, sign):
    data = flat_sky(channels)
    sigma = NOISE * SIDE
    data[3, 5] += sign * OBJECT_SIGMA * sigma
    data[9, 9] += sign * (OBJECT_SIGMA + 3) * sigma
    data[12, 20] += sign * sigma
    weight = weights_of(data, mesh_of_cells(channels))
    assert weight.dtype == np.float32
    assert weight[3, 5] == pytest.approx(0.5, abs=1e-3)
    assert weight[9, 9] < EXCLUDED_BELOW
    assert weight[12, 20] == pytest.approx(1 / (1 + np.exp(2 * (1 - OBJECT_SIGMA))), rel=1e-3)
    rest = np.ones(data.shape[:2], bool)
    rest[[3, 9, 12], [5, 9, 20]] = False
    assert weight[rest] == pytest.approx(1 / (1 + np.exp(-2 * OBJECT_SIGMA)), rel=1e-4)


def test_channels_count_by_their_own_noise_and_may_cancel():
    mesh = mesh_of_cells(2)
    mesh.noise[1] = 3 * NOISE
    data = flat_sky(2)
    data[3, 5] += OBJECT_SIGMA * SIDE * mesh.noise
    data[9, 9] += 9 * SIDE * mesh.noise * [1, -1]
    weight = weights_of(data, mesh)
    assert weight[3, 5] == pytest.approx(0.5, abs=1e-3)
    assert weight[9, 9] == pytest.approx(weight[0, 0], rel=1e-3)


def test_the_weight_of_cells_lies_linearly_between_their_centres():
    row = np.array([0, 1, 1, 0, 0, 0.5, 1, 1])
    weight = np.tile(row, CELLS[0])
    found = weights_of(flat_sky(), mesh_of_cells(), weight=weight)
    across = (np.arange(CELLS[1] * SIDE) + 0.5) / SIDE - 0.5
    expected = np.interp(across, np.arange(CELLS[1]), row)
    at_rest = 1 / (1 + np.exp(-2 * OBJECT_SIGMA))
    assert found == pytest.approx(np.tile(expected * at_rest, (CELLS[0] * SIDE, 1)), abs=1e-5)


def test_the_surface_lies_linearly_between_the_centres_of_cells():
    # A steep plane, which would be far off the noise if cells were steps.
    mesh = mesh_of_cells()
    y, x = mesh.points.T
    values = (3 * y - 2 * x)[:, np.newaxis]
    inner = (slice(SIDE, -SIDE), slice(SIDE, -SIDE))
    pixels = [(np.arange(n * SIDE) + 0.5) / (n * SIDE) for n in CELLS]
    data = (3 * pixels[0][:, np.newaxis] - 2 * pixels[1])[..., np.newaxis]
    weight = weights_of(data, mesh, values)[inner]
    assert weight == pytest.approx(1 / (1 + np.exp(-2 * OBJECT_SIGMA)), rel=1e-3)


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (23, 31), (24, 32)], ids=str)
def test_weights_of_any_image_lie_between_0_and_1(rng, shape, missing):
    data = rng.random((*shape, 1))
    if missing:
        data[rng.random(data.shape) < 0.3] = np.nan
    for noise in (0.0, NOISE):
        weight = weights_of(data, mesh_of_cells(noise=noise))
        assert weight.shape == shape
        assert ((weight >= 0) & (weight <= 1)).all()
