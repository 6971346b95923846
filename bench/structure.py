"""The structure of the code in numbers: modules, imports, circles, long files and functions.

``python bench structure`` counts in the tree in which it lies, ``--against REVISION`` counts in a
revision of the same repository as well, and ``--list`` names what was counted. The code is parsed
and not imported. ``--trace`` also runs a small job and counts its steps from file to file; see
walk.py.

Definitions:

* A *module* is a Python file below fastbg/, cuda_kernels/ or cli/, or the stub of a compiled one. A
  *room* is all that lies below one name in the package: ``fastbg.io.fits.read`` is in ``io``.
* An *import* is a pair of modules of which one imports the other, however many names it takes, at
  the top level, inside a function, or by ``import_module`` with a literal name. ``from . import x``
  imports the module x where there is one, and the package otherwise. An import that is only under
  ``if TYPE_CHECKING`` is *for types* and counted apart. That a package is loaded with each of its
  modules is no import.
* A *circle* is a strongly connected component of more than one module, or of more than one room.
* The *floor* of a module is the length of the longest path of imports below it; the modules of a
  circle share one floor. An import *climbs* if it does not lead to a lower floor, which only
  imports in circles and imports for types can do.
* An import is *against the order* if it leads from a room to one that `ORDER` puts above it.
* Lines of a function are counted from ``def`` to its end, with the docstring, without decorators;
  ``self`` and ``cls`` are no parameters.
"""

from __future__ import annotations

import argparse
import ast
import json
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import Any

from modules import (
    FOR_TYPES,
    IN_A_FUNCTION,
    Module,
    circles,
    floors,
    imports_of,
    modules_of,
    room,
)

REPOSITORY = Path(__file__).resolve().parent.parent
ORDER = (
    ("fastbg", "__main__", "cli"),
    ("live_page",),
    ("jobs",),
    (
        "pipeline",
        "fit",
        "diagnostics",
        "opinion",
        "report",
        "result",
        "levels",
        "checks",
        "search_input",
        "take_out",
    ),
    ("mosaic", "reference"),
    ("sky", "samples", "joint", "model", "backends", "cuda_kernels", "simulate", "catalogue"),
    ("settings",),
    ("io",),
    ("image", "coordinates"),
    ("progress", "compiled", "version"),
    ("spline", "errors", "words", "_c"),
)
"""The rooms from the top to the ground. Imports lead to the same storey or to a lower one."""

LONG_FILE, LONG_FUNCTION, MANY_PARAMETERS = 350, 60, 8


@dataclass(frozen=True)
class Function:
    """Where a function is, and how large it is."""

    module: str
    name: str
    lines: int
    parameters: int
    keyword_only: int


def against_order(imports: dict[tuple[str, str], str]) -> list[str] | None:
    """Imports that lead upward in `ORDER`; None where a room has no place in it."""
    storey = {name: number for number, rooms in enumerate(ORDER) for name in rooms}
    if not {room(name) for name in chain.from_iterable(imports)} <= storey.keys():
        return None
    return sorted(f"{a} -> {b}" for a, b in imports if storey[room(b)] < storey[room(a)])


def functions_of(module: Module) -> Iterator[Function]:
    """Every function and method, nested ones too."""
    methods = {
        child
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef)
        for child in node.body
    }
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            static = any(ast.unparse(each) == "staticmethod" for each in node.decorator_list)
            parameters = len(node.args.posonlyargs) + len(node.args.args)
            parameters -= node in methods and not static
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            only = len(node.args.kwonlyargs)
            yield Function(module.name, node.name, lines, parameters, only)


def found_in(root: Path) -> dict[str, list[str]]:
    """The counted items of a tree by the name of the row, each described in a few words."""
    modules = modules_of(root)
    imports = imports_of(modules)
    names = [*modules]
    run_time = {pair for pair, kind in imports.items() if kind != FOR_TYPES}
    floor = floors(names, run_time)
    between_rooms = {(room(a), room(b)) for a, b in run_time if room(a) != room(b)}
    rooms = list(dict.fromkeys(map(room, names)))
    functions = [each for module in modules.values() for each in functions_of(module)]
    length = {name: len(module.text.splitlines()) for name, module in modules.items()}

    def pairs(chosen: Any) -> list[str]:
        return sorted(f"{a} -> {b}" for a, b in chosen)

    def in_circles(nodes: list[str], edges: set[tuple[str, str]]) -> list[str]:
        return [", ".join(each) for each in circles(nodes, edges)]

    many = [f for f in functions if f.parameters > MANY_PARAMETERS]
    many_keywords = [
        f for f in functions if f not in many and f.parameters + f.keyword_only > MANY_PARAMETERS
    ]
    found = {
        "modules": names,
        "rooms": rooms,
        "imports between modules": pairs(run_time),
        "  of these inside functions": pairs(p for p, k in imports.items() if k == IN_A_FUNCTION),
        "imports for types only": pairs(p for p, kind in imports.items() if kind == FOR_TYPES),
        "imports between rooms": pairs(between_rooms),
        "circles of modules": in_circles(names, run_time),
        "circles of rooms": in_circles(rooms, between_rooms),
        "circles of modules, types included": in_circles(names, set(imports)),
        "imports that climb": pairs(p for p in run_time if floor[p[0]] <= floor[p[1]]),
        "imports for types that climb": pairs(
            p for p, kind in imports.items() if kind == FOR_TYPES and floor[p[0]] <= floor[p[1]]
        ),
        f"files of more than {LONG_FILE} lines": [
            f"{name}: {lines}" for name, lines in length.items() if lines > LONG_FILE
        ],
        f"functions of more than {LONG_FUNCTION} lines": [
            f"{f.module}.{f.name}: {f.lines}" for f in functions if f.lines > LONG_FUNCTION
        ],
        f"functions of more than {MANY_PARAMETERS} parameters": [
            f"{f.module}.{f.name}: {f.parameters}" for f in many
        ],
        "  only with those that are keyword-only": [
            f"{f.module}.{f.name}: {f.parameters} + {f.keyword_only}" for f in many_keywords
        ],
    }
    if (upward := against_order(imports)) is not None:
        found["imports against the order"] = upward
    return found


def unpack(revision: str, folder: Path) -> None:
    """Put a revision of the repository into a folder."""
    command = ["git", "-C", str(REPOSITORY), "archive", revision]
    archive = subprocess.run(command, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=BytesIO(archive)) as file:
        file.extractall(folder, filter="data")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python bench structure",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--against", metavar="REVISION", help="count in this revision, too")
    parser.add_argument("--trace", action="store_true", help="run a small job and follow it")
    parser.add_argument("--list", action="store_true", help="name all that is counted")
    parser.add_argument("--json", action="store_true", help="print numbers and names as JSON")
    parser.add_argument("--smoke", action="store_true", help="no effect: this takes a second")
    options = parser.parse_args(arguments)

    found: dict[str, dict[str, list[str]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        trees = {"here": REPOSITORY}
        if options.against:
            unpack(options.against, Path(folder))
            trees = {options.against: Path(folder)} | trees
        for title, root in trees.items():
            found[title] = found_in(root)
            if options.trace:
                from walk import walk

                found[title] |= walk(root, installed=root == REPOSITORY)
    counts = {t: {row: len(items) for row, items in each.items()} for t, each in found.items()}
    if options.json:
        print(json.dumps({"counts": counts, "found": found}, indent=1))
        return 0
    rows = list(dict.fromkeys(row for each in counts.values() for row in each))
    print("| | " + " | ".join(counts) + " |\n|---|" + "---|" * len(counts))
    for row in rows:
        label = row if row == row.strip() else f"- {row.strip()}"
        print(f"| {label} | " + " | ".join(str(c.get(row, "-")) for c in counts.values()) + " |")
    if options.list:
        for title, each in found.items():
            for row in rows[6:]:
                print(f"\n{title}, {row.strip()}:", *each.get(row, []), sep="\n  ")
    return 0
