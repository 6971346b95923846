"""How the code is laid out: no circles, imports lead downward; and the program that counts it."""

from __future__ import annotations

import json

import pytest

import modules
import structure

TREE = {
    "fastbg/__init__.py": "",
    "fastbg/top.py": "from . import middle\nfrom .low.a import f\nimport fastbg.low\n",
    "fastbg/middle.py": "from typing import TYPE_CHECKING\n"
    "if TYPE_CHECKING:\n    from .top import g\n"
    "def h(a, b, c, d, e, f, g, h, i, *, k=1): from .low import a\n",
    "fastbg/low/__init__.py": "from .b import f\n",
    "fastbg/low/a.py": "import numpy\nfrom .b import f\n",
    "fastbg/low/b.py": "def f():\n    from importlib import import_module\n"
    "    return import_module('fastbg.low.a')\n",
    "cuda_kernels/__init__.py": "class C:\n    def m(self, a, b, c, d, e, f, g, h): pass\n"
    "    def n(self, a, *, b, c, d, e, f, g, h, i): pass\n" + "    x = 0\n" * 350,
    "cli/__init__.py": "",
    "cli/run.py": "from ..cuda_kernels import C\nfrom ..middle import h\n",
}


@pytest.fixture
def tree(tmp_path):
    for name, text in TREE.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def test_imports_are_resolved_and_told_apart(tree):
    assert modules.imports_of(modules.modules_of(tree)) == {
        ("fastbg.top", "fastbg.middle"): modules.AT_THE_TOP,
        ("fastbg.top", "fastbg.low.a"): modules.AT_THE_TOP,
        ("fastbg.top", "fastbg.low"): modules.AT_THE_TOP,
        ("fastbg.middle", "fastbg.top"): modules.FOR_TYPES,
        ("fastbg.middle", "fastbg.low.a"): modules.IN_A_FUNCTION,
        ("fastbg.low", "fastbg.low.b"): modules.AT_THE_TOP,
        ("fastbg.low.a", "fastbg.low.b"): modules.AT_THE_TOP,
        ("fastbg.low.b", "fastbg.low.a"): modules.IN_A_FUNCTION,
        ("fastbg.cli.run", "fastbg.cuda_kernels"): modules.AT_THE_TOP,
        ("fastbg.cli.run", "fastbg.middle"): modules.AT_THE_TOP,
    }


def test_circles_and_climbs_are_found(tree):
    found = structure.found_in(tree)
    assert found["circles of modules"] == ["fastbg.low.a, fastbg.low.b"]
    assert found["circles of rooms"] == []
    assert found["circles of modules, types included"] == [
        "fastbg.low.a, fastbg.low.b",
        "fastbg.middle, fastbg.top",
    ]
    assert found["imports that climb"] == [
        "fastbg.low.a -> fastbg.low.b",
        "fastbg.low.b -> fastbg.low.a",
    ]
    assert found["imports for types that climb"] == ["fastbg.middle -> fastbg.top"]


def test_long_files_and_many_parameters_are_found(tree):
    found = structure.found_in(tree)
    assert found["files of more than 350 lines"] == ["fastbg.cuda_kernels: 353"]
    assert found["functions of more than 8 parameters"] == ["fastbg.middle.h: 9"]
    assert found["  only with those that are keyword-only"] == ["fastbg.cuda_kernels.n: 1 + 8"]


def test_a_floor_is_the_longest_path_below():
    edges = {("a", "b"), ("b", "c"), ("c", "b"), ("a", "d"), ("c", "d"), ("d", "e")}
    assert modules.floors([*"abcde"], edges) == {"a": 3, "b": 2, "c": 2, "d": 1, "e": 0}


def test_the_order_is_a_table_of_rooms():
    up, down = ("fastbg.spline.loss", "fastbg.image.bands"), ("fastbg.cli.run", "fastbg.jobs.run")
    kinds = dict.fromkeys((up, down), modules.FOR_TYPES)
    assert structure.against_order(kinds) == ["fastbg.spline.loss -> fastbg.image.bands"]
    assert structure.against_order({("fastbg.attic", "fastbg.cli"): "at the top"}) is None


@pytest.mark.slow
@pytest.mark.skipif(not (structure.REPOSITORY / ".git").exists(), reason="needs a clone")
def test_the_program_compares_with_a_revision(capsys):
    assert structure.main(["--against", "HEAD", "--json"]) == 0
    counts = json.loads(capsys.readouterr().out)["counts"]
    assert counts.keys() == {"HEAD", "here"}
    assert counts["here"]["modules"] > 100


def test_no_imports_in_a_circle_and_all_lead_downward(capsys):
    # In one test, since every process of tests that asks would count everything again.
    assert structure.main(["--json"]) == 0
    (here,) = json.loads(capsys.readouterr().out)["found"].values()
    assert here["circles of modules"] == []
    assert here["circles of rooms"] == []
    rooms = [name for storey in structure.ORDER for name in storey]
    assert sorted(here["rooms"]) == sorted(rooms)
    assert here["imports against the order"] == []
