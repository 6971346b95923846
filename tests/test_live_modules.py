"""The modules of the live page: their types, and what they may not contain."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import fastbg

PAGE = Path(fastbg.__file__).parent / "live_page" / "page"
ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted(PAGE.rglob("*.js"))
LONGEST = 350


def test_types_are_right() -> None:
    npx = shutil.which("npx")
    if not npx:
        pytest.skip("there is no npx here")
    # Only what npm has kept: tests ask the network for nothing.
    command = [npx, "--offline", "-y", "-p", "typescript@5", "tsc"]
    done = subprocess.run(
        [*command, "-p", str(ROOT / "tsconfig.json")], capture_output=True, text=True, timeout=300
    )
    if done.stderr.lower().startswith("npm err"):
        pytest.skip("npm has not kept TypeScript: npx -y -p typescript@5 tsc --version")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PAGE)))
def test_a_module_is_checked_short_and_asks_nobody_else(path: Path) -> None:
    text = path.read_text("utf-8")
    assert text.startswith("// @ts-check\n")
    assert len(text.splitlines()) <= LONGEST
    addresses = set(re.findall(r"https?://[^\"'`\s]+", text))
    assert addresses <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"\beval\(|new Function\(|innerHTML|insertAdjacentHTML", text)
    for name in re.findall(r"(?m)^import .*? from \"(.+)\";$|^\} from \"(.+)\";$", text):
        assert (path.parent / "".join(name)).is_file(), name


def test_the_document_has_no_inline_code_or_style() -> None:
    text = (PAGE / "index.html").read_text("utf-8")
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", text)
    for name in re.findall(r"(?:src|href)=\"(.+?)\"", text):
        assert (PAGE / name).is_file(), name
