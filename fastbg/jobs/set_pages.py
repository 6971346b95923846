"""The page and the report of a set of files that are corrected together."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ..errors import OutputError
from ..io import atomic
from ..report.report import to_json


def pages(folder: Path, name: str, home: str, *, overwrite: bool) -> tuple[Path, Path]:
    """``<name>_report.html`` and ``<name>_report.json`` in the folder of the outputs.

    Parameters
    ----------
    home : str
        The folder in that one which shows that they were written by a job on a set.

    Raises
    ------
    OutputError
        If there are files of that name which no such job wrote.
    """
    found = folder / f"{name}_report.html", folder / f"{name}_report.json"
    theirs = [path for path in found if path.exists()]
    if theirs and not overwrite and not (folder / home).is_dir():
        raise OutputError(f"{theirs[0]} exists: choose another folder, or allow to overwrite it")
    return found


def write(
    pages: tuple[Path, Path], text: str, report: Mapping[str, Any], files: ExitStack | None = None
) -> None:
    """Write the page and the report: both or none.

    With `files`, they get their names when these are closed.
    """
    with ExitStack() as own:
        page, data = (files or own).enter_context(atomic.staged(pages, overwrite=True))
        page.write_text(text, encoding="utf-8", errors="backslashreplace")
        data.write_text(to_json(report) + "\n", encoding="utf-8")
