"""``python bench newest [-- PYTEST...]``: the tests with the newest release of every dependency.

A virtual environment is made in a temporary folder, and fastbg is installed there with the newest
release of every package that it and its tests need, pre-releases included. The first table has the
packages whose versions are not those of requirements/tests.txt, with which the tests run otherwise.
Then pytest runs with the arguments that are given (all tests without any), and what fails is named.

    python bench newest -- -n 1 tests/test_io_fits.py tests/test_io_tiff.py
    python bench newest --python python3.13t --extras cuda

Warnings are errors in the tests, so that what a package will drop in its next release shows.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from packaging.requirements import Requirement

from environments import ROOT, Environment, Tested, normal, tests, versions, wheel

PINNED = ROOT / "requirements" / "tests.txt"


def pinned(python: str) -> dict[str, str]:
    """The versions with which the tests run otherwise on this system, with such a Python."""
    code = "import platform; print(platform.python_version())"
    version = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    where = {"python_full_version": version.stdout.strip()}
    lines = re.findall(r"^\S+==[^\\\n]+", PINNED.read_text(encoding="utf-8"), re.MULTILINE)
    return {
        normal(each.name): str(each.specifier).removeprefix("==")
        for each in map(Requirement, lines)
        if each.marker is None or each.marker.evaluate(where)
    }


def print_changes(before: dict[str, str], after: dict[str, str]) -> None:
    """The packages whose versions differ, in Markdown."""
    changed = {name for name in before.keys() & after if before[name] != after[name]}
    rows = [(name, before[name], after[name]) for name in sorted(changed)]
    rows += [(name, "", after[name]) for name in sorted(after.keys() - before - {"fastbg", "pip"})]
    print(f"{len(rows)} of {len(after)} packages changed:\n\n| package | pinned | newest |")
    print("|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows), sep="\n")


def print_failures(done: Tested) -> None:
    """How many tests passed, and those that failed, in Markdown."""
    print(f"\n{done.passed} tests passed, {len(done.failed)} failed.")
    print(*(f"\n* {name}: {said}" for name, said in done.failed.items()), sep="")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python bench newest",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--python", default=sys.executable, help="of which the environment is made")
    parser.add_argument("--extras", default="test", help="of fastbg, with commas between them")
    parser.add_argument("--smoke", action="store_true", help="only tell what is installed")
    parser.add_argument("pytest", nargs="*", metavar="PYTEST", help="arguments of pytest")
    options = parser.parse_args(arguments)
    if options.smoke:
        print_changes(pinned(sys.executable), versions(sys.executable))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        environment = Environment(Path(folder) / "environment", options.python)
        built = wheel(environment.python, Path(folder))
        environment.install("--pre", "--upgrade", f"{built}[{options.extras}]")
        print_changes(pinned(environment.python), versions(environment.python))
        done = tests(environment.python, *options.pytest)
        print_failures(done)
    return bool(done.failed)
