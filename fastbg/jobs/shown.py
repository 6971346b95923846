"""How a result shows itself: in a few lines, and in a notebook."""

from __future__ import annotations

from textwrap import shorten
from typing import Any

import numpy as np

from ..model.model import BackgroundModel

MOST_WARNINGS, LONGEST_WARNING = 5, 160
"""The warnings that the repr of a result shows, and their characters; its report has all."""


class Shown:
    """What a result with a model and a report shows of itself."""

    model: BackgroundModel
    report: dict[str, Any]
    thumbnail: np.ndarray | None

    def __repr__(self) -> str:
        """What matters most, in a few lines."""
        report = self.report
        lines = {"model": repr(self.model)}
        if "gradient" in report:
            told = report["gradient"]
            change = f"{told['before']:.3g} before, {told['after']:.3g} after"
            lines["gradient"] = f"{change}; the model is uncertain by {told['uncertainty']:.2g}"
        else:
            lines["scale"] = " ".join(f"{factor:.4g}" for factor in report["model"]["scale"])
        lines |= report.get("outputs", {})
        for name in ("corrected", "background"):
            if name in vars(self):
                array = getattr(self, name)
                lines[name] = f"{type(array).__name__} of shape {array.shape}"
        lines["seconds"] = f"{report['seconds']['total']:.2f}"
        warnings = [shorten(line, LONGEST_WARNING) for line in report["warnings"]]
        if warnings:
            beyond = len(warnings) - MOST_WARNINGS
            more = f" (and {beyond} more)" * (beyond > 0)
            lines["warnings"] = ("\n" + 14 * " ").join(warnings[:MOST_WARNINGS]) + more
        rows = [f"  {name:<12}{text}" for name, text in lines.items()]
        return "\n".join([type(self).__name__, *rows])

    def _repr_html_(self) -> str:
        """Before, model and after, the diagnostics and the warnings, for a notebook."""
        from ..report.html import fragment

        return fragment.render(self.report, self.model, self.thumbnail)
