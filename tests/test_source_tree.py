"""A clone beside an installation: it never hides the compiled module without saying so."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def python(*arguments: object, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
    )


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A source tree in which nothing was compiled, with the way in which its tests start."""
    folder = tmp_path / "clone"
    without = shutil.ignore_patterns("*.so", "*.pyd", "__pycache__")
    shutil.copytree(ROOT / "fastbg", folder / "fastbg", ignore=without)
    shutil.copytree(ROOT / "cli", folder / "cli", ignore=without)
    shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / "tests").mkdir()
    for file in (ROOT / "tests").glob("*.py"):
        if not file.name.startswith("test_"):
            shutil.copy(file, folder / "tests")
    return folder


@pytest.mark.parametrize("command", [["-c", "import fastbg"], ["-m", "fastbg", "--version"]])
def test_a_tree_without_its_compiled_module_says_so_in_one_line(
    clone: Path, command: list[str]
) -> None:
    # Without site-packages, whatever is installed there.
    done = python("-S", *command, folder=clone)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"ImportError: {clone / 'fastbg'} is the source of fastbg without its compiled module: run "
        "pip install -e . there, or start Python in another folder"
    )


def test_a_tree_with_its_compiled_module_is_imported(clone: Path) -> None:
    (clone / "fastbg" / "_c.py").touch()
    assert python("-S", "-c", "import fastbg", folder=clone).returncode == 0


def test_python_m_pytest_in_a_clone_tests_what_is_installed(clone: Path) -> None:
    (clone / "tests" / "test_installed.py").write_text(
        f"""
import sys
from pathlib import Path

from fastbg import compiled

def test_the_installed_package_is_tested():
    assert Path({str(clone)!r}) not in {{Path(path or ".").resolve() for path in sys.path}}
    assert Path({str(clone)!r}) not in Path(compiled.__file__).parents
    assert compiled.unavailable() is None
""",
        encoding="utf-8",
    )
    plain = ("-m", "pytest", "-n0", "-q", "-pno:cacheprovider", "tests")
    done = python(*plain, folder=clone)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_tests_without_an_installation_name_the_cure(clone: Path) -> None:
    code = """
import sys
from importlib import util

import pytest

find = util.find_spec
util.find_spec = lambda name, *more: None if name == "fastbg" else find(name, *more)
sys.exit(pytest.main(["-n0", "-pno:cacheprovider", "tests"]))
"""
    done = python("-c", code, folder=clone)
    assert done.returncode == 4
    last = (done.stdout + done.stderr).strip().splitlines()[-1]
    assert last.endswith("fastbg is not installed here: pip install -e '.[test]'")


def test_python_m_fastbg_is_the_command_line(tmp_path: Path) -> None:
    done = python("-m", "fastbg", "--version", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("fastbg ")
    refused = python("-m", "fastbg", "run", "missing.xisf", folder=tmp_path)
    assert refused.returncode == 2
    *stages, message = refused.stderr.splitlines()
    assert message == "fastbg: missing.xisf does not exist: check the name"
    assert stages == ["read"]
