"""The documents: links lead somewhere, commands work, and what is generated is up to date."""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

import fastbg

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted(
    path
    for folder in ("", "docs", "bench", "tests", "packaging")
    for path in (ROOT / folder).glob("*.md")
)
README = (ROOT / "README.md").read_text(encoding="utf-8")
OPTIONS_PAGE = ROOT / "docs" / "tools" / "options_page.py"

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(\s*(?!https?:)([^)#\s]*)(?:#([^)\s]+))?\s*\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)

each_document = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT))
)


def prose(document: Path) -> str:
    """A document without its blocks of code."""
    return FENCE.sub("", document.read_text(encoding="utf-8"))


def blocks(document: Path, language: str) -> list[str]:
    text = document.read_text(encoding="utf-8")
    return [block[2] for block in FENCE.finditer(text) if block[1] == language]


def anchors(document: Path) -> set[str]:
    """The anchors of the headings, as GitHub spells them."""
    plain = (re.sub(r"[^\w\s-]", "", title.lower()) for title in HEADING.findall(prose(document)))
    return {title.strip().replace(" ", "-") for title in plain}


@each_document
def test_links_lead_to_files_and_headings(document: Path) -> None:
    lost = []
    for path, anchor in LINK.findall(prose(document)):
        target = (document.parent / path).resolve() if path else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            lost.append(f"{path}#{anchor}" if anchor else path)
    assert not lost


@each_document
def test_python_compiles(document: Path) -> None:
    for block in blocks(document, "python"):
        ast.parse(block)


def test_the_two_commands_stand_where_they_are_looked_for() -> None:
    commands = {
        "demo": "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/fastbg demo",
        "tests": "python3 -m venv .venv && .venv/bin/pip install '.[test]' && .venv/bin/pytest",
    }
    for marker, command in commands.items():
        assert f"\n<!-- {marker} -->\n```sh\n{command}\n```\n" in README


def test_the_options_page_is_what_the_command_line_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(OPTIONS_PAGE.parent))
    import options_page

    page = options_page.PAGE.read_text(encoding="utf-8")
    assert page == options_page.render(), "run python docs/tools/options_page.py"


def test_the_options_page_has_every_option() -> None:
    from typer.main import get_command

    from fastbg.cli.app import app

    page = (ROOT / "docs" / "options.md").read_text(encoding="utf-8")
    commands = get_command(app).commands  # type: ignore[attr-defined]
    for name, command in commands.items():
        assert f"\n## fastbg {name}\n" in page
        for parameter in command.params:
            for option in [*parameter.opts, *parameter.secondary_opts]:
                if option.startswith("-"):
                    assert f"`{option}`" in page, f"fastbg {name} {option}"


def test_options_in_the_documents_exist() -> None:
    """An option that is renamed must not live on in a page."""
    from typer.main import get_command

    from fastbg.cli.app import app

    commands = get_command(app).commands  # type: ignore[attr-defined]
    known = {
        option
        for command in commands.values()
        for parameter in command.params
        for option in [*parameter.opts, *parameter.secondary_opts]
    } | {"--help", "--version", "-h", "--delinearization-quantile"}
    known |= {"--install-completion", "--show-completion"}
    unknown = [
        f"{document.name}: {line}"
        for document in [ROOT / "README.md", *ROOT.glob("docs/*.md")]
        for block in blocks(document, "sh")
        for line in block.splitlines()
        if line.startswith("fastbg ")
        for word in shlex.split(line, comments=True)
        if re.match(r"-{1,2}[A-Za-z]", word) and word.partition("=")[0] not in known
    ]
    assert not unknown


def test_every_folder_has_its_paragraph() -> None:
    packages = {
        f"fastbg/{path.name}/" for path in (ROOT / "fastbg").iterdir() if list(path.glob("*.[pc]*"))
    }
    top = {"fastbg/", "cuda_kernels/", "cli/", "tests/", "bench/", "docs/", "hosts/", "packaging/"}
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    headings = set(re.findall(r"^### (\S+/)$", text, re.MULTILINE))
    assert headings == packages - {"fastbg/__pycache__/"} | top
    for path in re.findall(r"`((?:fastbg|cli|tests|docs)/[\w./]+)`", text):
        assert (ROOT / path).exists(), path
    for folder, paragraph in re.findall(
        r"^### (fastbg/\S*)\n\n(.+?)\n\n", text, re.MULTILINE | re.DOTALL
    ):
        for module in re.findall(r"`([a-z_]+)`", paragraph):
            assert (ROOT / folder / f"{module}.py").exists(), f"{folder}{module}"


def test_every_dependency_has_its_purpose() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    for requirement in [*project["dependencies"], *(each for extra in extras for each in extra)]:
        name = re.match(r"[\w-]+", requirement)
        assert name is not None
        assert re.search(rf"\b{name[0]}\b", page), requirement


def without_numbers(line: str) -> str:
    """A printed line without what differs between computers: numbers and the instruction set."""
    return re.sub(r"\d[\d.e+-]*|\(c: \w+\)", "#", line)


def test_the_walk_works_as_it_is_written(tmp_path: Path) -> None:
    """Its commands run after the demo, and print what stands below them."""
    walk = README.partition("## A walk through the image of the demo")[2].partition("\n## ")[0]
    commands = [
        line
        for kind, block in FENCE.findall(walk)
        if kind == "sh"
        for line in block.splitlines()
        if line.startswith("fastbg ")
    ]
    assert len(commands) >= 4
    program = [sys.executable, "-P", "-m", "fastbg.cli"]
    environment = {**os.environ, "COLUMNS": "200"}
    printed = ""
    for command in ["fastbg demo", *commands]:
        done = subprocess.run(
            [*program, *shlex.split(command)[1:]],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        printed += done.stdout
    (shown,) = (block for kind, block in FENCE.findall(walk) if kind == "text")
    lines = {without_numbers(line) for line in printed.splitlines()}
    outdated = [line for line in shown.splitlines() if without_numbers(line) not in lines]
    assert not outdated, f"the README shows other lines than these:\n{printed}"
    (script,) = re.findall(r"^python (\S+)$", walk, re.MULTILINE)
    (python,) = (block for kind, block in FENCE.findall(walk) if kind == "python")
    (tmp_path / script).write_text(python, encoding="utf-8")
    run = [sys.executable, script]
    assert subprocess.run(run, cwd=tmp_path, capture_output=True, check=True).stdout
    for path in re.findall(r"`(fastbg-demo/[\w./]+)`", walk):
        assert (tmp_path / path).exists(), path


PYTHON = """\
import io
import numpy
from pathlib import Path
from fastbg.io import xisf
from fastbg.simulate import simulate_sky
from astropy.io import fits
from PIL import Image

image = simulate_sky((96, 120), numpy.random.default_rng(1)).image
Path("lights").mkdir()
xisf.write("m94.xisf", image)
for name in "m94.fits", "lights/1.fits", "lights/2.fits":
    fits.writeto(name, numpy.moveaxis(image, 2, 0))
data = Path("m94.fits").read_bytes()
Image.fromarray(numpy.full((96, 120), 255, "uint8")).save("stars.png")
Path("nebula.reg").write_text("image\\ncircle(60, 40, 9)\\n")
"""
"""What the examples of the page on Python take as given."""


def test_the_examples_for_python_run_one_after_the_other(tmp_path: Path) -> None:
    examples = blocks(ROOT / "docs" / "python.md", "python")
    assert len(examples) > 9
    # Outputs exist since the example before.
    program = PYTHON + "\n".join(examples).replace(
        'process_file("m94.fits", progress', 'process_file("m94.fits", overwrite=True, progress'
    )
    # Not as a script, which the processes of the batch would import, and so run again.
    command = [sys.executable, "-P", "-c", program]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for shown in re.findall(r"print\(.*\)  # (unknown .*)", program):
        assert shown in done.stdout
    assert "Settings(control_points=16, seed=3)" in done.stdout
    assert "correct 96 96" in done.stdout
    for name in ("sky.png", "flat.xisf", "m94_flat.fits", "out/1_bgModel.fits"):
        assert (tmp_path / name).exists(), name


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as CONTRIBUTING.md says."""
    for module in ("mkdocs", "material", "mkdocstrings", "mkdocstrings_handlers"):
        if find_spec(module) is None:
            pytest.skip(f"no {module} here (pip install '.[docs]')")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_the_site_builds_without_a_warning(site: Path) -> None:
    reference = (site / "api.html").read_text(encoding="utf-8")
    for name in fastbg.__all__:
        assert re.search(rf'id="fastbg\.(\w+\.)*{name}"', reference), name


def test_the_site_loads_nothing_from_other_hosts(site: Path) -> None:
    loaded = re.compile(
        r"""<(?:script|img|iframe|source)[^>]*\ssrc=["']?(?:https?:)?//"""
        r"""|<link[^>]*rel=["']?(?:stylesheet|preconnect|icon|preload)[^>]*href=["']?(?:https?:)?//"""
        r"""|url\(["']?(?:https?:)?//"""
    )
    pages = [*site.rglob("*.html"), *site.rglob("*.css")]
    assert len(pages) > len(DOCUMENTS)
    for page in pages:
        assert not loaded.search(page.read_text(encoding="utf-8")), page.name
