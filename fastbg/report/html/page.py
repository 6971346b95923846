"""The whole page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from ...settings.settings import OF_THE_DESCENT, Settings
from ...words import place
from ..gradient import Gradient
from . import histograms, loss, noise, residual, uncertainty, views, words
from .findings import Findings
from .template import fill


def render(report: Mapping[str, Any], findings: Findings) -> str:
    """A finished job as one HTML page, which refers to nothing outside itself.

    Parameters
    ----------
    report : mapping
        The finished report of a job on a file: see `fastbg.report.report`.
    findings : Findings
    """
    name = Path(report["input"]).name
    figures = [
        residual.figure(findings.residual),
        uncertainty.figure(findings.diagnostics),
        fill("whole_frame.html.j2", frame=findings.diagnostics.whole_frame, place=place),
        noise.figure(findings.noise),
        histograms.figure(findings.histograms),
    ]
    if report["settings"]["control_points"]:
        figures.insert(3, loss.figure(report["fit"]))
    return fill(
        "page.html.j2",
        report=report,
        name=name,
        gradient=Gradient.of(report),
        rms=findings.noise.median,
        views=views.figure(findings.views, name, report["image"], report.get("protected", ())),
        figures=figures,
        settings=_settings(report["settings"]),
    )


def _settings(used: Mapping[str, object]) -> Iterable[tuple[str, str, str]]:
    """The name and the value of each setting, and its default where that is another.

    Without a descent, its settings are left out: the stiffness among them is not that of the sky.
    """
    defaults = {field.name: field.default for field in fields(Settings)}
    for name, value in used.items():
        if name in OF_THE_DESCENT and not used["control_points"]:
            continue
        default = defaults.get(name)
        yield name.replace("_", " "), _shown(value), "" if value == default else _shown(default)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return words.number(value, 6) if isinstance(value, float) else str(value)
