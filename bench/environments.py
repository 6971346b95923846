"""Virtual environments to throw away, with fastbg and releases of other packages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

ROOT = Path(__file__).parents[1]
PIP = ("-m", "pip", "--disable-pip-version-check")


class Tested(NamedTuple):
    """How many tests passed, and what each of the others says in one line."""

    passed: int
    failed: dict[str, str]


class Environment:
    """A virtual environment.

    Parameters
    ----------
    folder : Path
        It is made there, and its owner deletes the folder.
    base : str
        The Python of which it is made.
    """

    def __init__(self, folder: Path, base: str = sys.executable) -> None:
        self.folder, self.python = folder, str(folder / "bin" / "python")
        _run(base, "-m", "venv", str(folder))

    def install(self, *arguments: str) -> None:
        """Install packages; the arguments are those of pip.

        Raises
        ------
        RuntimeError
            With the last line of pip.
        """
        _run(self.python, *PIP, "install", "--quiet", "--no-compile", *arguments)


def wheel(python: str, folder: Path) -> str:
    """Build the wheel of fastbg, and nothing in the source tree.

    Raises
    ------
    RuntimeError
        With the last line of pip.
    """
    build = f"--config-settings=build-dir={folder / 'build'}"
    _run(python, *PIP, "wheel", "--quiet", "--no-deps", build, f"--wheel-dir={folder}", str(ROOT))
    return str(next(folder.glob("fastbg-*.whl")))


def versions(python: str) -> dict[str, str]:
    """The version of each package that is installed beside a Python, by its normal name."""
    listed = json.loads(_run(python, *PIP, "list", "--format=json"))
    return {normal(each["name"]): each["version"] for each in listed}


def normal(name: str) -> str:
    """A package's name as indexes spell it."""
    return name.lower().replace("_", "-").replace(".", "-")


def tests(python: str, *arguments: str, **variables: str) -> Tested:
    """Run pytest on the source tree, against the fastbg that is installed beside a Python.

    What it prints goes to the standard error, where one sees how far it is.

    Raises
    ------
    RuntimeError
        If there is no result.
    """
    report = Path(python).parents[1] / "tests.xml"
    report.unlink(missing_ok=True)
    pytest = ("-P", "-m", "pytest", "-p", "no:cacheprovider", f"--junit-xml={report}")
    variables = os.environ | variables
    subprocess.run([python, *pytest, *arguments], cwd=ROOT, env=variables, stdout=sys.stderr)
    if not report.exists():
        raise RuntimeError(f"pytest {' '.join(arguments)} made no report: it tells why above")
    return results(report)


def results(report: Path) -> Tested:
    """What a report in the XML of JUnit tells."""
    passed, failed = 0, {}
    for case in ElementTree.parse(report).iter("testcase"):
        told = {each.tag: each.get("message") or "" for each in case}
        for tag in told.keys() & {"failure", "error"}:
            failed[f"{case.get('classname')}::{case.get('name')}"] = told[tag].partition("\n")[0]
        passed += not told.keys() & {"failure", "error", "skipped"}
    return Tested(passed, failed)


def last_line(text: str) -> str:
    """The last line that is not empty."""
    return (text.strip().splitlines() or ["it said nothing"])[-1]


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(last_line(done.stderr or done.stdout))
    return done.stdout
