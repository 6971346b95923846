"""What PyPI shows of fastbg, and what is published."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import metadata
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
ADDRESS = "https://github.com/someone/fastbg"


def program(name: str) -> ModuleType:
    """A program of the folder packaging, as a module."""
    spec = spec_from_file_location(f"{name}_of_packaging", ROOT / "packaging" / f"{name}.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def published() -> str:
    """The README as PyPI gets it."""
    return program("readme").absolute(README, ADDRESS, "v1")


def test_no_link_of_the_readme_is_relative_on_pypi(published: str) -> None:
    targets = re.findall(r"\]\(([^)]*)\)", published)
    assert len(targets) == len(re.findall(r"\]\(", README))
    assert all(target.startswith("https://") for target in targets)


def test_links_and_pictures_lead_to_files_of_the_version(published: str) -> None:
    paths = re.findall(rf"{ADDRESS}/(blob|raw)/v1/([^)#]*)", published)
    assert len(paths) > 20
    assert all((ROOT / path).exists() for _, path in paths)
    assert {kind for kind, path in paths if path.endswith(".png")} == {"raw"}


def test_the_readme_renders_as_pypi_renders_it(published: str) -> None:
    markdown = pytest.importorskip(
        "readme_renderer.markdown", reason="pip install 'readme-renderer[md]'"
    )
    page = markdown.render(published)
    assert "<table" in page
    assert page.count("<img") == len(re.findall(r"!\[", README))
    assert page.count('<a href="https') == len(re.findall(r"(?<!!)\[[^\]]*\]\(", README))


def test_the_metadata_are_those_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    told = metadata("fastbg")
    assert told["Summary"] == project["description"]
    assert told["License-Expression"] == project["license"]
    assert told["Description-Content-Type"] == "text/markdown"
    assert told["Requires-Python"] == project["requires-python"]


@pytest.mark.parametrize("name", ["checks", "wheels", "one-file", "release"])
def test_workflows_run_what_is_there(name: str) -> None:
    text = (ROOT / ".github" / "workflows" / f"{name}.yml").read_text("utf-8")
    called = re.findall(r"(?:python\S*|bash) ((?:packaging|tests|bench)/[\w./-]+)", text)
    called += re.findall(r"uses: \./([\w./-]+)", text)
    assert all((ROOT / path).is_file() for path in called)
    for extra in re.findall(r"'\.\[([\w,]+)\]'", text):
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
        assert set(extra.split(",")) <= set(extras["project"]["optional-dependencies"])


def test_what_is_missing_is_told_as_it_can_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    from fastbg import version

    assert version.how_to_install("dask") == "pip install 'fastbg[dask]'"
    monkeypatch.setattr(version, "ONE_FILE", True)
    assert version.how_to_install("dask") == (
        "the one file cannot have it; with Python, pip install 'fastbg[dask]'"
    )


PYINSTALLER = """import sys
from importlib.util import find_spec
from pathlib import Path
(given,) = (each for each in sys.argv if each.startswith("--distpath="))
folder = Path(given.partition("=")[2], "fastbg")
folder.mkdir()
(folder / "path").write_text("\\n".join(sys.path), "utf-8")
if "works" in find_spec("PyInstaller").origin:
    (folder / "fastbg").symlink_to("/bin/true")
    (folder / "fastbg.exe").symlink_to("/bin/true")
"""
"""A stand-in: it tells where PyInstaller would look for fastbg, and makes a program or none."""


@pytest.mark.skipif(sys.platform == "win32", reason="needs /bin/true")
def test_the_one_file_is_made_of_what_is_installed_and_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in a clone, whose folder fastbg has no compiled code, and would be found first."""
    clone = tmp_path / "clone"
    (clone / "fastbg").mkdir(parents=True)
    (clone / "fastbg" / "__init__.py").touch()
    monkeypatch.chdir(clone)
    for name in ("works", "fails"):
        stand_in = tmp_path / name / "PyInstaller"
        stand_in.mkdir(parents=True)
        (stand_in / "__init__.py").touch()
        (stand_in / "__main__.py").write_text(PYINSTALLER, "utf-8")
    build, work = program("build"), tmp_path / "work"
    work.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "works"))
    folder = build.freeze(work)
    assert str(clone) not in (folder / "path").read_text("utf-8").splitlines()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "fails"))
    (tmp_path / "again").mkdir()
    with pytest.raises((OSError, subprocess.CalledProcessError)):
        build.freeze(tmp_path / "again")
