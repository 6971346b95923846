"""A finished fit as a report for a browser: one page that needs nothing but itself.

`examine` measures while the images can be read, `write` makes the files when everything else is
known. Numbers are linear unless they say that they are stretched.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import report as reporting
from .findings import Findings as Findings
from .findings import examine as examine
from .page import render


def write(report: Mapping[str, Any], findings: Findings, html: Path, json: Path) -> None:
    """Write the page, and the report as strict JSON."""
    # A file name may hold bytes that are no text: they are spelled out.
    html.write_text(render(report, findings), encoding="utf-8", errors="backslashreplace")
    json.write_text(reporting.to_json(report) + "\n", encoding="utf-8")
