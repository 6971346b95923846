"""Keeps the output of a command in a file of bench/results, with everything that it depends on.

``python bench --save NAME COMMAND [OPTIONS]`` runs the command, and writes NAME.md: the command,
the date, the versions, the class of the machine, and everything that was printed.
"""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from datetime import UTC, datetime
from importlib import metadata
from io import StringIO
from pathlib import Path

RESULTS = Path(__file__).with_name("results")
PACKAGES = ("fastbg", "numpy", "scipy", "sep", "photutils", "seiza")
"""The packages whose versions are told, where they are installed."""

VECTORS = ("avx512f", "avx2", "avx", "asimd")
"""Flags of processors; the first that there is names the instruction set."""


class Copied(StringIO):
    """Keeps what is printed and passes it on."""

    def __init__(self) -> None:
        super().__init__()
        self._screen = sys.stdout

    def write(self, text: str) -> int:
        self._screen.write(text)
        return super().write(text)

    def flush(self) -> None:
        self._screen.flush()


@contextmanager
def saved(name: str, command: Sequence[str], folder: Path = RESULTS) -> Iterator[None]:
    """Write a file when the block ends; an exception leaves the old one as it is.

    Tables that are not in Markdown are kept as they are printed.
    """
    with redirect_stdout(Copied()) as printed:
        yield
    text = printed.getvalue().strip("\n")
    folder.mkdir(exist_ok=True)
    # Where things lie on a machine is nobody else's business.
    told = [Path(each).name if os.path.isabs(each) else each for each in command]
    header = f"    python bench --save {name} {shlex.join(told)}\n\n"
    header += f"{date()}; {versions()}; {machine()}\n\n"
    body = text if "|---|" in text else f"```text\n{text}\n```"
    (folder / f"{name}.md").write_text(f"{header}{body}\n", encoding="utf-8")


def date() -> str:
    """The day on which a command runs, in UTC."""
    return datetime.now(UTC).date().isoformat()


def versions() -> str:
    """The versions of Python and the packages, and the commit of the source tree."""
    told = [f"Python {platform.python_version()}"]
    for package in PACKAGES:
        try:
            told.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            continue
    command = ["git", "-C", str(RESULTS.parent), "describe", "--always", "--dirty"]
    commit = subprocess.run(command, capture_output=True, text=True).stdout.strip()
    return ", ".join(told + [f"commit {commit}"] * bool(commit))


def machine() -> str:
    """The class of a machine: cores, instruction set, memory."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    except OSError:
        flags = []
    vectors = [each.upper() for each in VECTORS if each in flags][:1]
    told = [f"{os.cpu_count()} cores", platform.machine(), *vectors]
    if hasattr(os, "sysconf"):
        bytes_ = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        told.append(f"{bytes_ / 2**30:.0f} GiB")
    return ", ".join(told)
