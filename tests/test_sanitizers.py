"""The C code at its edges, built for sanitizers; the whole suite so: ``tests/sanitize.sh``."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

SOURCES = ROOT / "fastbg" / "csrc"


@pytest.mark.parametrize(
    ("sanitizers", "optimized"),
    # What costs least to compile and to run.
    [("address,undefined", "-O0"), pytest.param("thread", "-O1", marks=pytest.mark.slow)],
    ids=["address and undefined behaviour", "threads"],
)
def test_the_c_code_at_its_edges(sanitizers, optimized, tmp_path):
    if not shutil.which("cc"):
        pytest.skip("there is no compiler")
    # Of what a debugger wants to know, a report needs the lines alone.
    flags = ["-std=gnu11", optimized, "-g1"]
    flags += [f"-fsanitize={sanitizers}", "-fno-sanitize-recover=all"]
    empty = tmp_path / "empty.c"
    empty.write_text("int main(void) { return 0; }")
    tried = subprocess.run(["cc", *flags, empty, "-o", tmp_path / "empty"], capture_output=True)
    if tried.returncode or subprocess.run([tmp_path / "empty"], capture_output=True).returncode:
        pytest.skip(f"the compiler has no sanitizers for {sanitizers}")

    # The binding, in a folder of its own, needs Python. The plain kernels are enough.
    sources = {*SOURCES.glob("*.c")}
    sources -= {SOURCES / f"kernels_{name}.c" for name in ("avx2", "avx512")}
    program = tmp_path / "edges"
    files = [ROOT / "tests" / "c" / "edges.c", *sorted(sources)]
    subprocess.run(
        ["cc", *flags, f"-I{SOURCES}", *files, "-lm", "-lpthread", "-o", program], check=True
    )
    done = subprocess.run([program], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
