"""The TensorFlow reference in an environment of its own, and the check of its loss.

The programs that run there (run.py and losses.py) do not import fastbg; arrays are exchanged
through files. ``python bench reference`` builds the environment and checks that the reference and
fastbg compute the same loss, without which comparing their times would not be fair.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from itertools import product
from pathlib import Path

import numpy as np

from fastbg.backends import numpy as golden
from fastbg.model.render import pixel_centres
from fastbg.spline.loss import Problem
from fastbg.spline.spline import interpolate
from measuring import report_of

HERE = Path(__file__).parent
FOLDER = HERE.parents[1] / ".reference"
VARIABLE = "FASTBG_REFERENCE"
"""Names a Python in which requirements.txt is installed, instead of the one in `FOLDER`."""

CURE = f"build it with: python bench reference   (or name its Python in {VARIABLE})"
TOLERANCE, ALPHA = 1e-5, 5.0


def python() -> Path | None:
    """The Python of the reference, or None if there is none."""
    path = Path(os.environ.get(VARIABLE) or FOLDER / "bin" / "python")
    return path if path.exists() else None


def build(base: str) -> None:
    """Make the environment with TensorFlow 2.15, which needs Python 3.11."""
    subprocess.run([base, "-m", "venv", "--clear", FOLDER], check=True)
    pip = [FOLDER / "bin" / "python", "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, "-r", HERE / "requirements.txt"], check=True)


def worst_difference(python: Path, shape: tuple[int, int] = (100, 150)) -> tuple[float, int]:
    """The largest difference between its loss and the golden one, and the number of cases.

    The cases are all orders, mono and RGB, with and without weights, above zero or partly below.
    """
    rng = np.random.default_rng(5)
    y, x = map(pixel_centres, shape)
    golden_losses, arrays = {}, {}
    choices = product((1, 2, 3, 4), (1, 3), (False, True), (0.3, -0.1))
    for number, (order, channels, weighted, lowest) in enumerate(choices):
        data = rng.random((*shape, channels))
        weight = np.ones_like(data)
        if weighted:
            weight = rng.random(data.shape) * (rng.random((*shape, 1)) < 0.6)
        values = lowest + 0.3 * rng.random((25, channels))
        spline = interpolate(rng.random((25, 2)), values, order)
        problem = Problem(data, weight, y, x, order, ALPHA)
        objective = golden.backend().open_problem(problem, 1)
        golden_losses[str(number)] = objective.loss_and_gradient(spline.flatten())[0]
        case = {**vars(problem), **vars(spline)}
        arrays |= {f"{number}/{name}": value for name, value in case.items()}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cases.npz"
        np.savez(path, **arrays)
        theirs = report_of(str(HERE / "losses.py"), str(path), python=str(python))
    differences = [abs(loss - theirs[number]) for number, loss in golden_losses.items()]
    return max(differences), len(differences)


def check(python: Path) -> bool:
    """Print how far the losses differ, and return whether that is little enough."""
    worst, cases = worst_difference(python)
    same = worst <= TOLERANCE
    relation = "within" if same else "MORE THAN"
    print(f"loss of the reference: {worst:.1e} from the golden one at most, in {cases} cases")
    print(f"  ({relation} the {TOLERANCE:.0e} that a fair comparison asks for)")
    return same


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python bench reference", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--python", help="a Python 3.11 (this one, or python3.11)")
    parser.add_argument("--smoke", action="store_true", help="build nothing; check if it is there")
    options = parser.parse_args(arguments)
    if not options.smoke:
        this = sys.executable if sys.version_info[:2] == (3, 11) else None
        base = options.python or this or shutil.which("python3.11")
        if base is None:
            parser.error("TensorFlow 2.15 wants Python 3.11: install it, or name one in --python")
        build(base)
    found = python()
    if found is None:
        print(f"skipped: there is no environment of the reference; {CURE}")
        return 0
    return 0 if check(found) else 1
