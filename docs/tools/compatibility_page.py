"""Write docs/compatibility.md from what `pytest -m peers --record` has found.

    python docs/tools/compatibility_page.py

The page is kept in the repository, because readers of the repository follow links to it. A test
checks that it is up to date.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "compatibility.md"
sys.path.append(str(ROOT / "tests"))

from other_programs.kinds import kinds  # noqa: E402
from other_programs.programs import PROGRAMS  # noqa: E402
from other_programs.writers import others  # noqa: E402

INTRODUCTION = """\
<!-- Written by docs/tools/compatibility_page.py, from tests/other_programs. Do not edit it. -->

# Compatibility

Images pass through several programs before and after fastbg. These tables say what was found when
files went from fastbg to other programs, and from these to fastbg. Each cell is a test, with the
version and on the day below, on Linux:

```sh
pytest -m peers             # compares what is found now; a program that is missing is skipped
pytest -m peers --record    # keeps it
python docs/tools/compatibility_page.py     # and writes this page
```

GraXpert and SetiAstro Suite Pro may have environments of their own, whose scripts are on the PATH.
Siril of this year, beside that of Debian, is looked for as `siril-cli-1.4`.

| cell | meaning |
|---|---|
| same bits | every sample arrives as it was, and in the same type |
| same values as TYPE | every sample arrives as it was, in another type |
| same within 1e-3 | the largest difference, relative to the largest sample |
| in [0, 1], in 16 bits | all samples are multiplied by one number, such as the largest of a type |
| other | what arrives is something else |
| refused | the program does not read the file |
| not told | the program reads the file, and leaves that out |
| &ndash; | was not tried, or the program has no such thing |
"""

TABLES = {
    "FITS": "FITS files that fastbg writes. *Tiles* are compressed files (`.fits.fz`).",
    "TIFF": "TIFF files that fastbg writes.",
    "XISF": "XISF files that fastbg writes.",
    "What files tell": "What programs find in files that fastbg writes, besides the samples.",
    "Mosaics of colour filters": (
        "Which colours a program gives to the pixels of undebayered frames that fastbg writes. "
        "They come from FITS files with BAYERPAT RGGB. A row begins with the ROWORDER of that "
        "file, its number of rows, and the format that was written. After the colon stand the "
        "colours of the first 2 x 2 pixels of the FITS file, as fastbg takes them; *same* means "
        "that the program debayers so."
    ),
    "Astrometric solutions": (
        "Where 25 pixels of what fastbg writes lie in the sky, by the solution that is passed on:"
        " keywords, or the properties of PixInsight with splines as control points or as tables. "
        "*Other* tells the largest distance. Siril is told by what it saves again, fitsio and "
        "GraXpert by the header that they give to astropy, and xisf by what it reads."
    ),
    "FITS of others": "FITS files of other programs, as fastbg reads them.",
    "TIFF of others": "TIFF files of other programs, as fastbg reads them.",
    "XISF of others": "XISF files of other programs, as fastbg reads them.",
    "Regions": "Which pixels of 50 x 63 lie in the regions of a DS9 file, compared with those that "
    "fastbg takes. A semicolon parts two regions. Whole numbers put edges on centres of pixels; "
    "*more* and *fewer* count pixels. DS9's library is asked by `funimage`, which takes all rows "
    "between two regions that lie one above the other; `funcnts` of the same library does not.",
}

REVERSED = ", rows reversed"


def render() -> str:
    """The whole page, as Markdown."""
    kept = json.loads(
        (ROOT / "tests" / "other_programs" / "cells.json").read_text(encoding="utf-8")
    )
    lines = [INTRODUCTION, "| program | version | day | where it comes from |", "|---|---|---|---|"]
    for program in PROGRAMS:
        tried = kept["programs"][program.name]
        lines.append(f"| {program.name} | {tried['version']} | {tried['date']} | {program.get} |")
    order = {(each.table, each.row): None for each in (*kinds(), *others())}
    for table, words in TABLES.items():
        rows = {row: kept["cells"][table][row] for each, row in order if each == table}
        lines += ["", f"## {table}", "", words, "", *_table(rows)]
    return "\n".join(lines) + "\n"


def _table(rows: dict[str, dict[str, str]]) -> list[str]:
    names = [
        program.name
        for program in PROGRAMS
        if any(program.name in columns for columns in rows.values())
    ]
    turned = [name for name in names if _is_turned(name, rows)]
    lines = []
    if turned:
        *most, last = turned
        who = f"{', '.join(most)} and {last} have" if most else f"{last} has"
        lines = [f"{who} the rows in reverse order, the last one first.", ""]
    lines += [f"| kind | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for row, columns in rows.items():
        told = [columns.get(name, "&ndash;") for name in names]
        told = [
            cell.replace(REVERSED, "") if name in turned else cell
            for name, cell in zip(names, told, strict=True)
        ]
        lines.append(f"| {row} | {' | '.join(told)} |")
    return lines


def _is_turned(name: str, rows: dict[str, Any]) -> bool:
    """Whether a program has the rows of all that it reads in reverse order."""
    read = [columns[name] for columns in rows.values() if columns.get(name, "").startswith("same")]
    return bool(read) and all(REVERSED in cell for cell in read)


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
