"""The notebook of the documents: it runs from top to bottom, at home and on Colab."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from fastbg.simulate import simulate_sky

NOTEBOOK = Path(__file__).resolve().parents[1] / "docs" / "fastbg.ipynb"

RUN = """
import sys
import nbformat
from nbclient import NotebookClient

notebook = nbformat.read(sys.argv[1], 4)
nbformat.validate(notebook)
NotebookClient(notebook, timeout=300).execute()
nbformat.write(notebook, sys.argv[1])
"""

COLAB = """
from pathlib import Path

def upload():
    return {"mine.fits": Path("mine.fits").read_bytes()}

def download(path):
    assert Path(path).stat().st_size > 0
    with open("downloads.txt", "a") as file:
        print(path, file=file)
"""
"""What the notebook uses of Colab's own module."""

needs_jupyter = pytest.mark.skipif(
    not (find_spec("nbclient") and find_spec("ipykernel")), reason="pip install nbclient ipykernel"
)


def cells(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def executed(folder: Path, text: str, **environment: str) -> list[dict[str, Any]]:
    """The code cells of a notebook that was run in a folder."""
    path = folder / "notebook.ipynb"
    path.write_text(text, encoding="utf-8")
    command = [sys.executable, "-c", RUN, str(path)]
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "IPYTHONDIR": str(folder / "ipython"), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return cells(json.loads(path.read_text(encoding="utf-8")))


def outputs(cell: dict[str, Any], kind: str) -> list[str]:
    """What a cell shows, of one kind of content."""
    found = [each["data"].get(kind) for each in cell["outputs"] if "data" in each]
    return ["".join(each) for each in found if each]


def test_it_is_stored_without_outputs() -> None:
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    for cell in cells(notebook):
        assert cell["outputs"] == []
        assert cell["execution_count"] is None
    assert notebook["metadata"].keys() <= {"kernelspec", "language_info", "colab"}


@needs_jupyter
def test_it_runs_from_top_to_bottom(tmp_path: Path) -> None:
    pytest.importorskip("uvicorn", reason="pip install 'fastbg[live]'")
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert text.count("LIVE = False") == 1
    done = executed(tmp_path, text.replace("LIVE = False", "LIVE = True"))
    for cell in done:
        streams = [each for each in cell["outputs"] if each["output_type"] == "stream"]
        assert not [each for each in streams if each["name"] == "stderr"], cell["source"]
        assert not any("error" in each["output_type"] for each in cell["outputs"])
    shown = [html for cell in done for html in outputs(cell, "text/html")]
    assert len(shown) == 3
    assert all(html.count("<img") == 3 and "was taken out" in html for html in shown[:2])
    assert shown[2].startswith("<iframe src=")
    assert any(outputs(cell, "image/png") for cell in done)
    for folder in ("fastbg-output", "fastbg-output/masked"):
        with fits.open(tmp_path / folder / "sky_bgSubtracted.fits") as file:
            assert file[0].data.shape == (3, 800, 1200)


@needs_jupyter
def test_it_runs_on_colab_with_an_image_of_the_user(tmp_path: Path) -> None:
    module = tmp_path / "google" / "colab"
    module.mkdir(parents=True)
    (module / "__init__.py").touch()
    (module / "files.py").write_text(COLAB, encoding="utf-8")
    sky = simulate_sky((200, 300), np.random.default_rng(3), 1)
    fits.writeto(tmp_path / "mine.fits", sky.image[..., 0])
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert text.count("UPLOAD = False") == 1
    executed(tmp_path, text.replace("UPLOAD = False", "UPLOAD = True"), PYTHONPATH=str(tmp_path))
    downloads = (tmp_path / "downloads.txt").read_text(encoding="utf-8").split()
    assert [Path(each).name for each in downloads] == [
        "mine_bgSubtracted.fits",
        "mine_bgModel.fits",
    ]
