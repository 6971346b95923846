"""What a surface costs: the less it explains, and the more it bends, the more.

A surface that costs less is more likely the sky. It is taken even if it bends more than another, if
it leaves so much less unexplained that this outweighs its penalty.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .surface import MISSED, Surface

POLYNOMIAL_CANDIDATES = 4
"""The number of candidates at the beginning that are little more than polynomials."""

POLYNOMIAL_PENALTIES = (0.05, 0.01, 0.04, 0.06)
"""The penalties of these, added to the logarithm of what is unexplained: a candidate is selected if
it lowers that logarithm by more than what it pays in addition.

Polynomials cost little, for no nebula looks like one. The second candidate is the stiffest: the
first is nearly a plane, but softer, and bends wherever objects pull, as no sky does."""

BENDING_PENALTY = (0.09, 0.305)
"""The penalty of each candidate after those. Surfaces that bend may follow a nebula: the penalty of
all of them rises from the first number to the second with the concave share of their curvature."""

CONCAVE = (0.285, 0.54)
"""The concave shares of the curvature from which and up to which the penalty rises; see
`fastbg.sky.curvature`."""

HOPELESS = 0.44
"""A chain of a frame that is not `CLEAR` ends once a surface that bends costs so much more than the
least: those that follow, which pay further penalties, have not been seen to make up for it."""

CLEAR, CLEAR_PENALTY = 0.8, 0.1
"""The explained share of a frame that holds little but sky, and the penalty there instead of those
of surfaces that bend."""

COLD_START_PENALTY, THIRD_START_PENALTY = 0.03, 0.05
"""The penalties of a chain of cold starts, and of a third one, from quiet cells or from what is
known to be sky, against the chain of warm starts."""

Chain = list[Surface]
"""The fits of the first candidates, from stiff to flexible."""


def converged(chain: Chain) -> bool:
    """Whether the frame is clear and its last two candidates have not explained more."""
    if len(chain) < POLYNOMIAL_CANDIDATES + 2 or chain[-3].explained < CLEAR:
        return False
    return chain[-3].unexplained <= min(each.unexplained for each in chain[-2:]) + CLEAR_PENALTY


def hopeless(chain: Chain) -> bool:
    """Whether the last candidate costs too much more than the least that is not clear.

    None is, as long as the least misses what is known to be sky.
    """
    costs = costs_of(chain, 0)
    least = chain[int(np.argmin(costs))]
    if len(chain) <= POLYNOMIAL_CANDIDATES or least.explained >= CLEAR or least.missed > MISSED:
        return False
    return bool(costs[-1] > costs.min() + HOPELESS)


def best_chain(chains: list[Chain], wanted: int = 0) -> Chain:
    """The chain, warm or cold, with the least cost, up to its selected or wanted surface.

    In a frame that is clear, the `CLEAR_PENALTY` then decides how much further the chain is
    followed.
    """
    costs = [costs_of(chain, penalty)[: wanted or None] for chain, penalty in started(chains)]
    cheapest = np.argmin([cost.min() for cost in costs])
    chain, best = chains[cheapest], int(np.argmin(costs[cheapest]))
    if wanted:
        return chain[:wanted]
    for following in chain[best + 1 :]:
        now = chain[best]
        if now.explained < CLEAR or following.unexplained + CLEAR_PENALTY >= now.unexplained:
            break
        best += 1
    return chain[: best + 1]


def least_cost(chains: list[Chain], wanted: int = 0) -> float:
    """The least cost of all surfaces, or of those that are wanted."""
    costs = [costs_of(chain, penalty) for chain, penalty in started(chains)]
    return min(float(cost[:wanted][-1] if wanted else cost.min()) for cost in costs)


def started(chains: list[Chain]) -> Iterator[tuple[Chain, float]]:
    """The warm chain, and the cold ones if there are any, with the penalties of their starts."""
    return zip(chains, (0, COLD_START_PENALTY, THIRD_START_PENALTY), strict=False)


def costs_of(chain: Chain, start_penalty: float) -> np.ndarray:
    """The cost of each surface: the logarithm of its unexplained share, plus its penalty."""
    rising = np.interp([each.concave for each in chain], CONCAVE, BENDING_PENALTY)
    number = np.arange(len(chain))
    bending = np.maximum(number - (POLYNOMIAL_CANDIDATES - 1), 0)
    plain = np.take(POLYNOMIAL_PENALTIES, number, mode="clip")
    penalties = start_penalty + plain + rising * bending
    costs: np.ndarray = [each.unexplained for each in chain] + penalties
    return costs


def least_cost_of(selected: Surface) -> float:
    """The least that a selected surface may cost: its curvature counts as convex.

    In a frame that is clear, bending costs nothing.
    """
    if selected.choice is None or selected.explained >= CLEAR:
        return selected.unexplained
    bending = max(selected.choice.flexibility - POLYNOMIAL_CANDIDATES, 0)
    return selected.unexplained + BENDING_PENALTY[0] * bending
