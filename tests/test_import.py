from __future__ import annotations

import os
import subprocess
import sys

import pytest

import fastbg

HEAVY = {
    "numpy",
    "scipy",
    "PIL",
    "xisf",
    "typer",
    "rich",
    "numba",
    "astropy",
    "regions",
    "tifffile",
    "jinja2",
}


def modules_after(code):
    done = subprocess.run(
        [sys.executable, "-P", "-c", f"import sys\n{code}\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return set(done.stdout.split())


def test_import_is_cheap():
    assert not modules_after("import fastbg") & HEAVY


def test_the_start_of_a_descent_needs_no_scipy():
    code = (
        "import numpy\n"
        "from fastbg.spline.spline import interpolate\n"
        "interpolate(numpy.random.random((9, 2)), numpy.ones((9, 3)), 2)"
    )
    assert "scipy" not in modules_after(code)


def test_import_of_the_pipeline_leaves_what_only_files_need():
    loaded = modules_after(
        "import fastbg; fastbg.remove_background; fastbg.Settings(backend='numpy')"
    )
    assert "numpy" in loaded
    assert not loaded & (HEAVY - {"numpy"})


def test_only_a_report_for_a_browser_loads_templates(tmp_path):
    source, preview = str(tmp_path / "a.xisf"), str(tmp_path / "a.png")
    samples = "np.linspace(0.1, 0.2, 5400, dtype=np.float32).reshape(60, 90, 1)"
    loaded = modules_after(f"""
import numpy as np
import fastbg
from fastbg.io import xisf
xisf.write({source!r}, {samples})
fastbg.process_file({source!r}, output_dir={str(tmp_path)!r}, preview={preview!r})
""")
    assert "PIL" in loaded
    assert not loaded & {"jinja2", "scipy", "astropy", "numba"}
    rooms = (
        "reference.difference",
        "coordinates",
        "catalogue",
        "io.regions",
        "io.sample_points",
        "joint",
        "mosaic",
    )
    assert not loaded & {f"fastbg.{room}" for room in rooms}


def test_the_default_job_loads_nothing_that_it_does_not_use(tmp_path):
    source = str(tmp_path / "a.xisf")
    samples = "np.random.default_rng(1).normal(0.1, 0.001, (120, 180, 3)).astype(np.float32)"
    loaded = modules_after(f"""
import contextlib, sys
import numpy as np
from fastbg.cli import main
from fastbg.io import xisf
xisf.write({source!r}, {samples})
# What numpy makes random numbers with is no part of a job.
random = {{name: sys.modules.pop(name) for name in ("secrets", "hmac") if name in sys.modules}}
sys.argv[1:] = ["run", "-q", {source!r}, {str(tmp_path)!r}]
with contextlib.suppress(SystemExit):
    main()
""")
    assert (tmp_path / "a_bgSubtracted.xisf").exists()
    unused = {"numpy.ma", "importlib.metadata", "email", "secrets", "hmac", "fastbg.cli.batch"}
    if sys.platform != "win32":
        unused.add("filelock")
    assert not loaded & (unused - modules_after("import numpy"))


def test_a_command_loads_no_library_that_checks_types():
    code = """
import contextlib, sys
from fastbg.cli import main
sys.argv[1:] = ["presets", "nebula"]
with contextlib.suppress(SystemExit):
    main()
"""
    assert not modules_after(code) & {"pydantic", "pydantic_core"}


@pytest.mark.parametrize("name", fastbg.__all__)
def test_every_public_name_is_there_and_documented(name):
    assert getattr(fastbg, name).__doc__
    assert name in dir(fastbg)


def test_unknown_names_are_unknown():
    with pytest.raises(AttributeError, match="remove_foreground"):
        _ = fastbg.remove_foreground
    assert not hasattr(fastbg, "_HOME_OF_SOMETHING")


def test_version():
    assert fastbg.__version__[0].isdigit()


def test_every_error_is_a_fastbg_error():
    errors = {"BackendError", "Cancelled", "InputError", "OutputError", "SettingsError"}
    assert errors < set(fastbg.__all__)
    for name in errors:
        assert issubclass(getattr(fastbg, name), fastbg.FastbgError)


@pytest.mark.parametrize(("given", "used"), [({}, "1"), ({"OPENBLAS_NUM_THREADS": "3"}, "3")])
def test_the_command_line_gives_linear_algebra_one_thread_before_it_is_loaded(given, used):
    code = """
import contextlib, os, sys
from fastbg.cli import main
sys.argv[1:] = ["--version"]
with contextlib.suppress(SystemExit):
    main()
print(os.environ["OPENBLAS_NUM_THREADS"], "numpy" in sys.modules)
"""
    others = {k: v for k, v in os.environ.items() if k != "OPENBLAS_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, env={**others, **given}
    )
    assert done.stdout.splitlines()[-1] == f"{used} False"
