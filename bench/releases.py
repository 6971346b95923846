"""``python bench releases [VERSIONS]``: the CUDA kernels with several releases of numba-cuda.

``0.20.1`` is a release with the newest numba that it allows, which need not fit, and
``0.20.1/0.62.1`` is one with numba 0.62.1. For each, and for each toolkit that it knows (CUDA 12,
and 13 from release 0.20 on), a virtual environment with fastbg is made in a temporary folder. No
GPU is needed: some releases ask the driver before they compile, and tests/fake_cuda_driver.c
answers. The table tells

* how often the PTX of a function of one float32 has float64, without and with fast mathematics, for
  three forms that our kernels avoid because of it;
* how many bits the product of two int32 has on a device: in the simulator it has 32 and wraps;
* how many instructions of the hot kernels have float64, and how many registers the threads of any
  kernel use at most, by tests/compiled_cuda.py; for CUDA 13 there is no program that counts them;
* whether tests/test_cuda_scalars.py and tests/simulated_*.py pass, the latter once for a release,
  since the simulator is Python and knows no toolkit. That of older releases exchanges the module
  `cuda` of a kernel without a lock, and a thread may miss `cuda.shared`: what fails is tried five
  times more, and has failed if it fails each time.

What differs from the first release is told below the table, every test that fails, and how many
failed only now and then.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from environments import ROOT, Environment, Tested, tests, wheel
from measuring import report_of

RELEASES = ["0.16.0/0.61.2", "0.20.1/0.62.1", "0.30.4"]
CUDA_13_FROM = (0, 20)
"""The first release with the extra cu13."""

TRIES = 6
QUIET = ("-n=0", "-W", "ignore::DeprecationWarning")
"""What older releases use of other packages may be deprecated by now."""

Row = dict[str, str]
TOOLS = ["pytest", "pytest-xdist", "pytest-benchmark", "hypothesis", "greenlet"]
SCRIPTS = ["test_cuda_scalars", "simulated_functions", "simulated_lbfgs", "simulated_cuda"]

PROBE = """
import json, numba, numpy
from numba import cuda

def ptx(function, signature, fast=False):
    return cuda.compile_ptx(function, signature, device=True, fastmath=fast, cc=(8, 6))[0]

forms = {
    "1 / x": lambda x: 1 / x,
    "max(x, 0)": lambda x: max(x, 0),
    "x ** 0.5": lambda x: x ** 0.5,
}
found = {"numba": numba.__version__, "numpy": numpy.__version__}
for name, form in forms.items():
    found[name] = ", ".join(
        str(ptx(form, "float32(float32)", fast).count(".f64")) for fast in (False, True)
    )
wide = "mul.wide.s32" in ptx(lambda a, b: a * b, "int64(int32, int32)")
found["int32 * int32"] = "64 bits" if wide else "32 bits"
print(json.dumps(found))
"""

COLUMNS = ["numba-cuda", "CUDA", "numba", "numpy", "1 / x", "max(x, 0)", "x ** 0.5"]
COLUMNS += ["int32 * int32", "float64 in kernels", "registers", "tests"]


def cases(releases: list[str]) -> Iterator[tuple[Row, list[str]]]:
    """The first cells of each release with each toolkit that it knows, and what to install."""
    for each in releases:
        release, _, numba = each.partition("/")
        packages = [f"numba-cuda=={release}", f"numba=={numba}" if numba else "numba"]
        for toolkit, extra in ((12, "cuda"), (13, "cuda13")):
            if toolkit == 12 or tuple(map(int, release.split(".")[:2])) >= CUDA_13_FROM:
                yield {"numba-cuda": release, "CUDA": str(toolkit)}, [extra, *packages]


def measure(python: str, driver: Path, scripts: list[str]) -> tuple[Row, list[str]]:
    """The cells of what is installed beside a Python, and what failed."""
    row, failed, passed, unsure = {}, [], 0, 0
    driven = {"LD_LIBRARY_PATH": str(driver.parent)}
    for part in (probed, compiled):
        try:
            row |= part(python, os.environ | driven)
        except RuntimeError as error:
            failed.append(str(error))
    for script in scripts:
        simulated = {"NUMBA_ENABLE_CUDASIM": "1"} if _simulates(script) else driven
        try:
            done, again = tried(python, script, simulated)
        except RuntimeError as error:
            failed.append(f"{script}: {error}")
            continue
        passed, unsure = passed + done.passed, unsure + again
        failed += [f"{name}: {said}" for name, said in done.failed.items()]
    told = f"{passed} passed{f' ({unsure} not at once)' if unsure else ''}, {len(failed)} failed"
    return row | {"tests": told}, failed


def _simulates(script: str) -> bool:
    return script.startswith("simulated")


def tried(python: str, script: str, variables: dict[str, str]) -> tuple[Tested, int]:
    """The tests of a script, and how many of those that passed did so at a later try."""
    path, names = ROOT / "tests" / f"{script}.py", [""]
    passed, first = 0, None
    for _ in range(TRIES):
        found = tests(python, *QUIET, *(f"{path}{name}" for name in names), **variables)
        passed += found.passed
        first = passed if first is None else first
        if not found.failed:
            break
        names = [f"::{name.partition('::')[2]}" for name in found.failed]
    return Tested(passed, found.failed), passed - first


def fake_driver(folder: Path) -> Path:
    """Compile the driver that stands in for NVIDIA's."""
    library, source = folder / "libcuda.so.1", ROOT / "tests" / "fake_cuda_driver.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


def probed(python: str, environment: Mapping[str, str]) -> Row:
    """The versions, and what becomes of the forms."""
    return report_of("-c", PROBE, python=python, env=environment)


def compiled(python: str, environment: Mapping[str, str]) -> Row:
    """What compiled_cuda.py counts."""
    script = str(ROOT / "tests" / "compiled_cuda.py")
    report = report_of(script, python=python, env=environment)
    found = [each for by_architecture in report.values() for each in by_architecture.values()]
    float64 = sum(each["f64"] for each in found if each["hot"])
    registers = max(each.get("registers", 0) for each in found)
    return {"float64 in kernels": str(float64), "registers": str(registers or "")}


def told(rows: list[Row]) -> list[str]:
    """Where rows differ from the first one, in what is not a version."""
    first, *others = rows
    versions = COLUMNS[:4]
    return [
        f"{row['numba-cuda']} with CUDA {row['CUDA']}: {name} is {row[name]}, not {first[name]}"
        for row in others
        for name in COLUMNS
        if name not in versions and row.get(name) and first.get(name) not in (None, row[name])
    ]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python bench releases",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("releases", nargs="*", default=RELEASES, metavar="VERSION")
    parser.add_argument("--scripts", nargs="+", default=SCRIPTS, help="of tests/, instead of all")
    parser.add_argument("--wheel", help="of fastbg, instead of one that is built")
    parser.add_argument("--smoke", action="store_true", help="only the release that is installed")
    options = parser.parse_args(arguments)
    if options.smoke:
        print_table([probed(sys.executable, os.environ)], [])
        return 0
    rows, failed = [], []
    with tempfile.TemporaryDirectory() as folder:
        built = options.wheel or wheel(sys.executable, Path(folder))
        driver = fake_driver(Path(folder))
        for row, (extra, *packages) in cases(options.releases):
            seen = any(row["numba-cuda"] == each["numba-cuda"] for each in rows)
            scripts = [each for each in options.scripts if not (seen and _simulates(each))]
            with tempfile.TemporaryDirectory(dir=folder) as place:
                environment = Environment(Path(place))
                try:
                    environment.install(f"{built}[{extra}]", *packages, *TOOLS)
                    cells, wrong = measure(environment.python, driver, scripts)
                except RuntimeError as error:
                    cells, wrong = {}, [str(error)]
            rows.append(row | cells)
            print(*rows[-1].values(), sep=", ", file=sys.stderr, flush=True)
            case = f"{row['numba-cuda']} with CUDA {row['CUDA']}"
            failed += [f"{case}: {each}" for each in wrong]
    print_table(rows, failed)
    return bool(failed)


def print_table(rows: list[Row], failed: list[str]) -> None:
    """The rows in Markdown, and behind them what differs and what failed."""
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    for row in rows:
        print(f"| {' | '.join(row.get(name, '') for name in COLUMNS)} |")
    for title, lines in (("Differences", told(rows)), ("Failures", failed)):
        if lines:
            print(f"\n{title}:\n", *(f"* {line}" for line in lines), sep="\n")
