"""The settings that have no effect beside the others, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .settings import Settings

OF_THE_DESCENT = (
    "order",
    "initializer",
    "optimizer",
    "epochs",
    "alpha",
    "stiffness",
    "starts",
    "learning_rate",
    "seed",
)
"""The settings that have no effect without a number of control points."""


def unused(settings: Settings) -> dict[str, str]:
    """The names of settings that have no effect beside the others, and why each has none."""
    reasons = _beside_a_descent(settings) if settings.control_points else _without_one(settings)
    if not settings.strength:
        why = "with a strength of 0 nothing is taken out; raise it"
        reasons |= dict.fromkeys(("pedestal", "mode"), why)
    return reasons


def _beside_a_descent(settings: Settings) -> dict[str, str]:
    itself = "a descent is no second opinion of itself; leave the control points to fastbg"
    reasons = {"second_opinion": itself} | _by_optimizer(settings)
    if not settings.finds_sky:
        why = "no sky is searched for; leave the number of control points out"
        reasons["flexibility"] = why
        if settings.seams not in ("auto", "off"):
            reasons["seams"] = why
    return reasons


def _without_one(settings: Settings) -> dict[str, str]:
    if settings.second_opinion:
        reasons = _by_optimizer(settings)
    else:
        why = "give a number of control points for a descent"
        reasons = dict.fromkeys(OF_THE_DESCENT, why)
    if not settings.changed(("threshold_min", "threshold_max")):
        reasons["quantile"] = (
            "without a descent it only scales thresholds and pictures; give thresholds, or a "
            "number of control points"
        )
    return reasons


def _by_optimizer(settings: Settings) -> dict[str, str]:
    if settings.optimizer == "adam":
        return {}
    return {"learning_rate": f"{settings.optimizer} has none; choose the optimizer adam"}
