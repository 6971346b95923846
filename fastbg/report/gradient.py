"""The gradient of the sky in one number: how much of it was taken out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import hypot, isnan, nan
from typing import Any

from ..diagnostics import Diagnostics
from ..result import Applied, Preparation

NOISY = 2.0
"""A gradient of less than so many times the noise of a cell is hardly one."""


@dataclass(frozen=True)
class Gradient:
    """Means over the channels, linear; NaN where too little of the frame is sky.

    Attributes
    ----------
    before, after : float
        The standard deviation of the smoothed sky in the input and in the corrected image. What a
        reference has of its own stays in that, where the sky beside the reference cannot show it.
    uncertainty : float
        The standard deviation of the model, its root mean square over the frame.
    """

    before: float
    after: float
    uncertainty: float

    @classmethod
    def of(cls, report: Mapping[str, Any]) -> Gradient:
        """Take it from a report (see `fastbg.report.report`)."""
        diagnostics = report["diagnostics"]
        values = (
            diagnostics["gradient_before"],
            diagnostics["gradient_after"],
            diagnostics["uncertainty"]["rms"],
        )
        before, after, uncertainty = (sum(channels) / len(channels) for channels in values)
        return cls(before, hypot(after, report.get("reference", {}).get("left", 0)), uncertainty)

    @classmethod
    def found(cls, diagnostics: Diagnostics, begun: Preparation | Applied) -> Gradient:
        """Take it from what a job has found."""
        before, after, uncertainty = diagnostics.gradient()
        sky = begun.sky if isinstance(begun, Preparation) else None
        left = sky.compared.left if sky and sky.compared else 0.0
        return cls(before, hypot(after, left), uncertainty)

    @property
    def removed(self) -> float:
        """The share of the gradient that was taken out, in [0, 1]; NaN where none was measured."""
        return max(1 - self.after / self.before, 0.0) if self.before > 0 else nan

    def to_dict(self) -> dict[str, float]:
        """As a report tells it."""
        return {
            "taken_out": self.removed,
            "before": self.before,
            "after": self.after,
            "uncertainty": self.uncertainty,
        }

    @property
    def share(self) -> str:
        """The share that was taken out, in percent, or that it is unknown."""
        return "unknown" if isnan(self.removed) else f"{100 * self.removed:.3g} %"

    def __str__(self) -> str:
        if isnan(self.removed):
            return "no gradient could be measured"
        before, after = f"{self.before:.2g}", f"{self.after:.2g}"
        change = "rose" if self.after > self.before else "fell"
        change = "stayed at" if before == after else f"{change} from {before} to"
        return (
            f"{self.share} was taken out; its standard deviation {change} {after} (linear). The "
            f"model is uncertain by {self.uncertainty:.2g}"
        )


def least(part: float, diagnostics: Diagnostics) -> float:
    """A part of the gradient, which counts as `NOISY` times the noise of a cell at least."""
    return part * max(diagnostics.gradient()[0], NOISY * float(diagnostics.noise.mean()))


def is_flat(diagnostics: Diagnostics) -> bool:
    """Whether there is hardly a gradient."""
    return diagnostics.gradient()[0] < least(1, diagnostics)
