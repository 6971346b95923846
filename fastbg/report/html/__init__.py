"""A finished job as a page for a browser, which needs no other file and no network.

`examine` measures while the images can still be read; `write` writes the files once the report is
finished. Values are linear unless they are called stretched.
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
    """Write the page and, as strict JSON, the report."""
    # A file name may contain bytes that are not valid text; they are written as escapes.
    html.write_text(render(report, findings), encoding="utf-8", errors="backslashreplace")
    json.write_text(reporting.to_json(report) + "\n", encoding="utf-8")
