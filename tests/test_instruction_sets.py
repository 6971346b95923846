"""The instruction sets of the C code: those not in use, and what its loops were compiled to."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cases import slow, some

from fastbg.backends import c

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "fastbg" / "csrc"
EVALUATOR = [
    "objective",
    "direct",
    "tiled",
    "methods",
    "render",
    "node_cache",
    "walk",
    "far",
    "axis",
    "splines",
    "dispatch",
    "threads",
    "samples_baseline",
]
FIRST_FLAGS = ["-std=gnu11", f"-I{SOURCES}"]

AGAIN = {
    "test_backends": "agrees or threads or adjoint or zero or set",
    "test_kernels": "test",
    "test_methods": "shapes or partial or below or random",
    "test_rendering": "bits_of_the_whole or reference",
    "test_tiled": "many_centres or (noise or pairs) and (dense or outside)",
}
"""Which tests are run again under another instruction set: what ``pytest -k`` takes."""

_OTHERS = (
    sorted({*c.instruction_sets()} - {c.backend().detail()}) if c.unavailable() is None else []
)
OTHERS = [name if name == _OTHERS[0] else slow(name) for name in _OTHERS]
"""Those of this processor which are not in use; all but the most frequent one are slow."""

HERE = platform.machine() in ("x86_64", "AMD64")


def flags(name):
    """The compiler flags that CMakeLists.txt gives the kernels."""
    text = (ROOT / "CMakeLists.txt").read_text()
    words = re.search(rf"set\({name} ([^)]*)\)", text).group(1).split()
    return [f for w in words for f in (flags(w[2:-1]) if w.startswith("${") else [w])]


@pytest.mark.parametrize("name", OTHERS)
def test_the_others_pass(name):
    # In one process of its own: FASTBG_ISA is read once in each.
    files = [ROOT / "tests" / f"{file}.py" for file in AGAIN]
    which = " or ".join(f"{file} and ({tests})" for file, tests in AGAIN.items())
    command = [sys.executable, "-P", "-m", "pytest", "-q", "-n0", "-pno:cacheprovider", *files]
    # What runs in numpy alone is the same under each.
    again = subprocess.run(
        [*command, "-k", f"({which}) and not numpy"],
        env={**os.environ, "FASTBG_ISA": name},
        capture_output=True,
        text=True,
    )
    assert again.returncode == 0, again.stdout


def needs(*programs):
    for program in programs:
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")


def run(*command):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("compiler", "emulator", "name"),
    [
        ("cc", [], "baseline" if HERE else ""),
        slow("aarch64-linux-gnu-gcc", ["qemu-aarch64"], "neon"),
    ],
    ids=["native", "aarch64"],
)
def test_evaluator_without_python(compiler, emulator, name, tmp_path):
    needs(compiler, *emulator)
    program = tmp_path / "evaluator"
    source = SOURCES / "kernels_baseline.c"
    kernels = None if emulator else built(source)
    if kernels is None:
        kernels = tmp_path / "kernels.o"
        run(compiler, *FIRST_FLAGS, *flags("kernel_flags"), "-c", source, "-o", kernels)
    others = [ROOT / "tests" / "c" / "evaluator.c", *(SOURCES / f"{n}.c" for n in EVALUATOR)]
    link = ["-static"] if emulator else []
    libraries = ["-lm", "-lpthread"]
    run(compiler, *FIRST_FLAGS, "-O2", *link, *others, kernels, "-o", program, *libraries)
    assert run(*emulator, program).startswith(name)


VECTOR_ARITHMETIC = {
    "baseline": ("cc", [], r"(mul|add)p[sd]\s.*%xmm"),
    "avx2": ("cc", ["avx2_flags"], r"vfn?m(add|sub)\d+p[sd]\s.*%ymm"),
    "avx512": ("cc", ["avx512_flags"], r"vfn?m(add|sub)\d+p[sd]\s.*%zmm"),
    "neon": ("aarch64-linux-gnu-gcc", [], r"fml[as]\s+v\d+\.(4s|2d)"),
}


def built(source):
    """What the last build of this tree has made of a source; None if that has changed since.

    To compile the kernels again takes 10 seconds.
    """
    made = [*ROOT.glob(f"build/*/CMakeFiles/_c.dir/fastbg/csrc/{source.name}.o")]
    inputs = [ROOT / "CMakeLists.txt", ROOT / "pyproject.toml", *SOURCES.rglob("*.[ch]")]
    changed = max(each.stat().st_mtime for each in inputs)
    return next((each for each in made if each.stat().st_mtime > changed), None)


def functions_of(name, kind, tmp_path):
    """The instructions of each function of a file, compiled for an instruction set."""
    compiler, more, _ = VECTOR_ARITHMETIC[name]
    objdump = "aarch64-linux-gnu-objdump" if name == "neon" else "objdump"
    needs(compiler, objdump)
    if compiler == "cc" and not HERE:
        pytest.skip("these are instructions of x86-64")
    source = SOURCES / f"{kind}s_{'baseline' if name == 'neon' else name}.c"
    compiled = built(source) if compiler == "cc" else None
    if compiled is None:
        compiled = tmp_path / f"{kind}s.o"
        all_flags = [*flags(f"{kind}_flags"), *(f for m in more for f in flags(m))]
        run(compiler, *FIRST_FLAGS, *all_flags, "-c", source, "-o", compiled)
    listing = run(objdump, "-d", "--no-show-raw-insn", compiled)
    return dict(re.findall(r"^[0-9a-f]+ <(\w+)>:\n((?:.+\n)+)", listing, re.MULTILINE))


@pytest.mark.parametrize("name", some(["avx2", "neon"], VECTOR_ARITHMETIC))
def test_hot_loops_are_vectors(name, tmp_path):
    functions, pattern = functions_of(name, "kernel", tmp_path), VECTOR_ARITHMETIC[name][2]
    for function in ("forward", "backward", "loss", "expand_y", "gather_y", "map_y", "map_x"):
        assert len(re.findall(pattern, functions[function])) >= 4, function


WIDE = {"baseline": r"%xmm", "avx2": r"%ymm", "avx512": r"%zmm", "neon": r"v\d+\.(4s|2d)"}


@pytest.mark.parametrize("name", VECTOR_ARITHMETIC)
def test_passes_over_samples_are_vectors_and_contract_nothing(name, tmp_path):
    functions = functions_of(name, "sample", tmp_path)
    for function in ("unstretch", "subtract", "scale", "unscale", "restore"):
        listing = functions[function]
        assert len(re.findall(rf"(mul|sub|add)(p[sd])?\s.*{WIDE[name]}", listing)) >= 1, function
        assert not re.search(r"vfn?m(add|sub)|fml[as]", listing), function
