"""The page: its parts in their order, its style, its script."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import histograms, loss, noise, residual, tables, uncertainty, views, words
from .findings import Findings
from .markup import Markup, element, joined

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
"""The browser itself sees to it that the page asks the network for nothing."""


def render(report: Mapping[str, Any], findings: Findings) -> str:
    """A finished job as one HTML page, which refers to nothing outside itself.

    Parameters
    ----------
    report : mapping
        Of a fit on a file, finished: see `fastbg.report.report`.
    findings : Findings
    """
    name = Path(report["input"]).name
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="generator", content=f"fastbg {report['fastbg']}"),
        element("title", f"{name} - fastbg"),
        element("link", rel="icon", href="data:,"),
        element("style", _own("style.css")),
    )
    body = element(
        "body",
        _header(report, name),
        element(
            "main",
            tables.cards(report, findings.noise),
            tables.warnings(report),
            views.figure(findings.views, name),
            element(
                "div",
                residual.figure(findings.residual),
                uncertainty.figure(findings.diagnostics),
                noise.figure(findings.noise),
                loss.figure(report["fit"]) if report["settings"]["control_points"] else "",
                histograms.figure(findings.histograms),
                class_="pairs",
            ),
            tables.statistics(report),
            element(
                "div",
                element("div", tables.settings(report)),
                element(
                    "div",
                    tables.timings(report),
                    tables.counts(report),
                    tables.stretch(report),
                    tables.paths(report),
                ),
                class_="pairs",
            ),
        ),
        element("script", _own("script.js")),
    )
    return joined(Markup("<!doctype html>\n"), element("html", head, body, lang="en"), "\n")


def _header(report: Mapping[str, Any], name: str) -> Markup:
    image = report["image"]
    kind = {1: "mono", 3: "RGB"}.get(image["channels"], f"{image['channels']} channels")
    size = f"{image['width']} {words.TIMES} {image['height']} pixels, {kind}"
    return element(
        "header",
        element("p", f"fastbg {report['fastbg']} · background report", class_="brand"),
        element("h1", name),
        element("p", size, class_="note"),
    )


def _own(file: str) -> Markup:
    return Markup(Path(__file__).with_name(file).read_text(encoding="utf-8"))
