"""What other programs make of fastbg's files, and fastbg of theirs: docs/compatibility.md.

pytest -m peers                    # is it still as it was? Programs that are missing are skipped
pytest -m peers --record           # keeps what is found now
python docs/tools/compatibility_page.py     # and writes the page
"""

from __future__ import annotations

from pathlib import Path

import pytest
from other_programs import cells
from other_programs.kinds import kinds
from other_programs.programs import PROGRAMS, Program
from other_programs.writers import others, read

ROOT = Path(__file__).resolve().parents[1]


def measured(program: Program, folder: Path) -> dict[str, dict[str, str]]:
    """The cells of a program, by table and row."""
    found: dict[str, dict[str, str]] = {}
    for number, kind in enumerate(kinds()):
        if reader := program.reads.get(kind.ask):
            own = folder / f"read{number}"
            (own / "source").mkdir(parents=True)
            path = own / f"image{kind.suffix}"
            kind.make(path, own / "source" / "image")
            try:
                cell = cells.told(kind.truth, reader(path))
            except Exception:  # of any kind: it is a program of others
                cell = "refused"
            found.setdefault(kind.table, {})[kind.row] = cell
    for number, other in enumerate(others()):
        if other.program == program.name:
            own = folder / f"written{number}"
            own.mkdir()
            path = other.make(own, other.truth)
            found.setdefault(other.table, {})[other.row] = cells.told(other.truth, read(path))
    return found


def changes(program: str, version: str, found: dict[str, dict[str, str]]) -> list[str]:
    """What is not as it was recorded, one line each."""
    before, was = cells.of(program), cells.recorded()["programs"][program]["version"]
    places = {(table, row) for each in (before, found) for table in each for row in each[table]}
    lines = []
    for table, row in sorted(places):
        old, new = (each.get(table, {}).get(row, "nothing") for each in (before, found))
        if old != new:
            lines.append(f"{table}, {row}: {old!r} of {program} {was} is {new!r} of {version}")
    return lines


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_files_pass_between_fastbg_and_a_program_as_recorded(program, tmp_path, request):
    version = program.version()
    if version is None:
        pytest.skip(f"{program.name} is not installed ({program.get})")
    request.node.user_properties.append(("peer", f"{program.name} {version}"))
    found = measured(program, tmp_path)
    if request.config.getoption("--record"):
        cells.record(program.name, version, found)
    changed = changes(program.name, version, found)
    assert not changed, "\n".join(changed)


def test_the_page_is_that_of_the_recorded_cells(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs" / "tools")
    import compatibility_page

    page = compatibility_page.PAGE.read_text(encoding="utf-8")
    assert page == compatibility_page.render(), "run python docs/tools/compatibility_page.py"


def test_every_kind_of_file_and_every_program_is_recorded():
    kept = cells.recorded()
    assert kept["programs"].keys() == {program.name for program in PROGRAMS}
    recorded = {(table, row) for table, rows in kept["cells"].items() for row in rows}
    assert recorded == {(each.table, each.row) for each in (*kinds(), *others())}
    assert all(kept["cells"][table][row] for table, row in recorded)


def test_a_changed_cell_is_named(monkeypatch):
    kept = {
        "programs": {"Siril": {"version": "1.0.6", "date": "2026-11-29"}},
        "cells": {"FITS": {"int16": {"Siril": "same bits"}, "uint8": {"Siril": "refused"}}},
    }
    monkeypatch.setattr(cells, "recorded", lambda: kept)
    found = {"FITS": {"int16": "other values", "uint8": "refused"}}
    assert changes("Siril", "1.4.0", found) == [
        "FITS, int16: 'same bits' of Siril 1.0.6 is 'other values' of 1.4.0"
    ]


def test_nothing_that_others_write_is_lost_in_fastbg():
    tables = {table: rows for table, rows in cells.recorded()["cells"].items() if "others" in table}
    assert len(tables) == 3
    for rows in tables.values():
        for row, columns in rows.items():
            assert all(cell.startswith("same") for cell in columns.values()), (row, columns)


def test_fitsverify_found_no_error_in_what_fastbg_writes():
    found = cells.of("fitsverify")["FITS"]
    assert set(found.values()) == {"no error"}
