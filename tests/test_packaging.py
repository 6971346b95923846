"""What PyPI shows of fastbg, and what is published."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import metadata
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
ADDRESS = "https://github.com/someone/fastbg"


@pytest.fixture(scope="module")
def published() -> str:
    """The README as PyPI gets it."""
    spec = spec_from_file_location("readme_for_pypi", ROOT / "packaging" / "readme.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.absolute(README, ADDRESS, "v1")


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
