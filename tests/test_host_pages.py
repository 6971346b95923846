"""The pages on other programs: what they give to paste works, as those programs take it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile
from astropy.io import fits
from cases import some

from fastbg.io import xisf
from fastbg.io.formats import open_image
from fastbg.simulate import simulate_sky

ROOT = Path(__file__).parents[1]
RECIPE = ROOT / "hosts" / "starbash" / "fastbg.toml"

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")


def blocks(page: str, language: str) -> list[str]:
    """The blocks of a page in that language, without their fences."""
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    found = re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert found, f"docs/{page}.md has no block in {language}"
    return found


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in the search path with both programs, and a home without settings."""
    folder = tmp_path / "program files"
    folder.mkdir()
    for name, main in {"fastbg": "main", "fastbg-graxpert": "main_graxpert"}.items():
        call = f"import sys; from fastbg.cli import {main}; sys.argv[0] = '{name}'; {main}()"
        (folder / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -c "{call}" "$@"\n')
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(tmp_path))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The images that the pages name."""
    folder = tmp_path / "images"
    (folder / "hosts").mkdir(parents=True)
    (folder / "hosts" / "starbash").symlink_to(RECIPE.parent)
    image = simulate_sky((120, 160), np.random.default_rng(1)).image
    planes = np.moveaxis(image, 2, 0)
    for name in ("stack.fit", *(f"r_light_0000{n}.fit" for n in (1, 2, 3))):
        fits.writeto(folder / name, planes)
    tifffile.imwrite(folder / "input_image.tif", image, photometric="rgb")
    xisf.write(folder / "AutoIntegrateTemp.xisf", image)
    return folder


def pasted(page: str, folder: Path, more: str = "") -> str:
    """What a page's blocks for a shell print, one after the other, and then some more."""
    script = "".join([*blocks(page, "sh"), more])
    for program in ("siril-cli", "sb"):
        if re.search(rf"^{program} ", script, re.MULTILINE) and not shutil.which(program):
            pytest.skip(f"{program} is not installed")
    done = subprocess.run(
        ["bash", "-euo", "pipefail"],
        input=script,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def samples(path: Path) -> np.ndarray:
    with open_image(path) as image:
        image.load()
        return image.read_rows(slice(0, image.shape[1]))


def test_siril_by_files(programs: Path, folder: Path) -> None:
    pasted("siril", folder)
    assert fits.getdata(folder / "corrected.fit").shape == (3, 100, 140)
    assert tifffile.imread(folder / "stretched.tif").shape == (100, 140, 3)
    assert len(list((folder / "corrected").glob("r_light_*_bgSubtracted.fit"))) == 3
    assert fits.getdata(folder / "corrected" / "stacked.fit").shape == (3, 120, 160)


def test_setiastro(programs: Path, folder: Path) -> None:
    printed = pasted("setiastro", folder)
    assert printed.splitlines()[0] == str(programs / "fastbg-graxpert")
    assert samples(folder / "input_image_GraXpert.fits").shape == (3, 120, 160)


def test_autointegrate_finds_its_image_again(
    programs: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It compares a FITS keyword of the output with the one that it gave to the input."""
    source = folder / "AutoIntegrateTemp.xisf"
    card = b'<FITSKeyword name="AutoIntegrateImageId" value="\'1764374400000\'" comment=""/>'
    with_keyword(source, card)
    printed = pasted("autointegrate", folder)
    assert printed.splitlines()[0] == str(programs / "fastbg-graxpert")
    output = (folder / "AutoIntegrateTemp_GraXpert.xisf").read_bytes()
    assert card.partition(b" comment")[0] in output


def with_keyword(path: Path, element: bytes) -> None:
    """Put an element into the image of an XISF file, in the room that its header leaves."""
    data = path.read_bytes()
    length = int.from_bytes(data[8:12], "little")
    header = data[16 : 16 + length]
    first = int(re.search(rb'location="attachment:(\d+):', header)[1])
    header = header.rstrip(b"\0").replace(b"</Image>", element + b"</Image>", 1)
    if element not in header:
        header = re.sub(rb"(<Image [^>]*?)/>", rb"\1>" + element + b"</Image>", header, count=1)
    assert element in header
    assert 16 + len(header) <= first, "no room: the test needs a larger gap"
    size = len(header).to_bytes(4, "little")
    path.write_bytes((data[:8] + size + data[12:16] + header).ljust(first, b"\0") + data[first:])


def test_starbash_takes_the_recipe(programs: Path, folder: Path) -> None:
    pasted("starbash", folder)


def test_what_the_page_on_starbash_writes_into_files() -> None:
    (stage,) = tomllib.loads(RECIPE.read_text(encoding="utf-8"))["stages"]
    excluded, overridden = (tomllib.loads(block) for block in blocks("starbash", "toml"))
    assert excluded["stages"] == [{"name": "background", "excluded": True}]
    (named,) = overridden["stages"]
    assert named["name"] == stage["name"]
    assert [each["name"] for each in named["overrides"]] == [
        each["name"] for each in stage["parameters"]
    ]


@pytest.mark.parametrize("options", some(["--protect strong"], ["", "--protect strong"]))
def test_the_recipe_of_starbash(
    options: str, programs: Path, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its script, with the context that starbash gives; see docs/hosts.md for starbash itself."""
    recipe = tomllib.loads(RECIPE.read_text(encoding="utf-8"))
    (stage,) = recipe["stages"]
    assert recipe["repo"]["kind"] == "recipe"
    assert stage["tool"]["name"] == "python"
    assert re.fullmatch(stage["inputs"][0]["after"], "stack_osc")
    assert re.fullmatch("background.*", stage["name"])
    source, target = folder / "stack.fit", folder / "bk_stack.fit"
    restricted(stage["script"], context(source, target, options))
    assert samples(target).shape == (3, 120, 160)
    history = "".join(map(str, fits.getheader(target)["HISTORY"]))
    assert ('protect="strong"' in history) == bool(options)
    assert "corrected" in capfd.readouterr().out
    with pytest.raises(RuntimeError, match="ended with code 2"):
        restricted(stage["script"], context(folder / "nix.fit", target, options))
    assert "nix.fit does not exist" in capfd.readouterr().out


def context(source: Path, target: Path, options: str) -> dict[str, Any]:
    return {
        "input": {0: SimpleNamespace(full_paths=[source])},
        "output": SimpleNamespace(full_paths=[target]),
        "parameters": SimpleNamespace(fastbg_options=options),
    }


def restricted(script: str, context: dict[str, Any]) -> None:
    """Run a script; starbash refuses names that begin with an underscore, and starred arguments."""
    assert not re.search(r"\b_\w|\*", script)
    exec(compile(script, str(RECIPE), "exec"), {"context": context})


def words_as_nina_splits(line: str) -> list[str]:
    """At blanks outside of quotes; of the first word, the quotes are taken off."""
    words, quoted = [""], False
    for letter in line:
        quoted ^= letter == '"'
        if letter == " " and not quoted:
            words.append("")
        else:
            words[-1] += letter
    return [words[0].replace('"', "").strip(), *words[1:]]


def here(line: str, programs: Path, folder: Path) -> str:
    """A line for Windows with the paths of this computer, which have blanks, too."""
    line = line.replace(r"C:\Program Files\fastbg\fastbg.exe", str(programs / "fastbg"))
    return re.sub(r'D:\\N\.I\.N\.A\\([^"]*)', rf"{folder}/night 1/\1", line)


def test_nina_runs_an_external_script(programs: Path, folder: Path) -> None:
    """It starts the first word with the rest of the line, as Windows does, which knows quotes."""
    ((line,),) = (block.splitlines() for block in blocks("nina", "nina"))
    lights = folder / "night 1" / "2026 11 28"
    lights.mkdir(parents=True)
    (folder / "stack.fit").rename(lights / "stack.fit")
    program, *rest = words_as_nina_splits(here(line, programs, folder))
    assert Path(program).is_file()
    command = [program, *(word.replace('"', "") for word in rest)]
    for _ in range(2):  # after each target
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    corrected = lights.parent / "corrected"
    assert sorted(path.name for path in corrected.glob("*.fit")) == [
        "stack_bgModel.fit",
        "stack_bgSubtracted.fit",
    ]
    (lights / "broken.fit").write_bytes(b"")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "broken.fit" in done.stderr.splitlines()[-1]


def test_watching_beside_nina(programs: Path, folder: Path) -> None:
    ((line,),) = (block.splitlines() for block in blocks("nina", "watch"))
    lights = folder / "night 1" / "lights"
    lights.mkdir(parents=True)
    command = "exec " + here(line, programs, folder)
    output = lights.parent / "corrected" / "stack_bgSubtracted.fit"
    with subprocess.Popen(["bash", "-c", command], stdout=subprocess.DEVNULL) as watching:
        try:
            shutil.copy(folder / "stack.fit", lights)
            for _ in range(600):
                if output.exists():
                    break
                assert watching.poll() is None
                time.sleep(0.1)
        finally:
            watching.send_signal(signal.SIGINT)
    assert output.exists()
    assert watching.returncode == 130


def test_completion_in_bash(programs: Path, folder: Path) -> None:
    if shutil.which("bash") is None:
        pytest.skip("no bash here")
    more = """
complete -p fastbg
COMP_WORDS=(fastbg ru) COMP_CWORD=1
_fastbg_completion fastbg && echo "completed: ${COMPREPLY[*]}"
COMP_WORDS=(fastbg run --protect st) COMP_CWORD=3
_fastbg_completion fastbg && echo "completed: ${COMPREPLY[*]}"
"""
    printed = pasted("shell", folder, more)
    assert "completed: run\n" in printed
    assert "completed: strong\n" in printed


def lines_for_siril() -> list[str]:
    shown = [line for block in blocks("siril", "siril") for line in block.splitlines()]
    scripts = [*blocks("siril", "ssf"), (ROOT / "hosts/siril/fastbg-draw.ssf").read_text()]
    return shown + [line for text in scripts for line in text.splitlines() if "pyscript" in line]


@pytest.mark.parametrize("line", lines_for_siril())
def test_lines_for_siril(line: str, programs: Path, tmp_path: Path) -> None:
    """In the stand-in for sirilpy, and in words as Siril splits them."""
    command, name, *words = [
        word.strip("\"'") for word in re.findall(r"""["'][^"']*["']|\S+""", line)
    ]
    assert (command, name) == ("pyscript", "fastbg.py")
    siril = tmp_path / "siril"
    for folder in ("wd", "config"):
        (siril / folder).mkdir(parents=True)
    (siril / "wd" / "my regions.reg").write_text("image\ncircle(60, 40, 9)\n")
    image = simulate_sky((96, 120), np.random.default_rng(1)).image
    np.save(siril / "image.npy", np.moveaxis(image, 2, 0).astype(np.float32))
    state = {"image": "image.npy", "frames": None, "keywords": {}, "polygons": []}
    state |= {"module": "1.0.25", "mask_active": None, "headless": False, "busy": False}
    (siril / "siril.json").write_text(json.dumps(state))
    words = [word.replace("/home/me/fastbg/bin", str(programs)) for word in words]
    done = subprocess.run(
        [sys.executable, str(ROOT / "hosts" / "siril" / name), *words],
        env={**os.environ, "MY_SOCKET": str(siril), "PYTHONPATH": str(ROOT / "tests" / "siril")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (siril / "calls.jsonl").read_text()
