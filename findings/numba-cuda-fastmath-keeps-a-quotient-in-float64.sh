#!/usr/bin/env bash
# numba-cuda 0.30.4 with numba 0.68.1 and the compiler of CUDA 12.9; no GPU is needed.
#
# Behaviour. `1 / x` of a float32 that becomes a float32 is compiled to a float32 reciprocal. With
# fastmath=True, which is to make it faster, the same line is compiled to a float64 reciprocal
# (rcp.rn.f64) between two conversions, which GeForce cards compute at a 64th of the rate. numba types
# the 1 as float64 in both cases; only without fast mathematics does the compiler see that float32
# gives the same result. It is so for any number that is written out, and `np.float32(1) / x` is
# float32 in both cases. A kernel can so become slower by fastmath=True, and no warning says so.
#
# Seen on x86_64 Linux with Python 3.11, and with numba-cuda 0.16.0, too.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q "numba-cuda[cu12]==0.30.4" numba==0.68.1 numpy==2.4.6 \
  nvidia-cuda-nvcc-cu12==12.9.86
cat > "$folder/quotients.py" <<'PYTHON'
import re

import numpy as np
from numba import cuda

one = np.float32(1)
forms = {"1 / x": lambda x: 1 / x, "3 / x": lambda x: 3 / x, "float32(1) / x": lambda x: one / x}
expected = {"1 / x": (0, 1), "3 / x": (0, 1), "float32(1) / x": (0, 0)}
changed = False
for name, form in forms.items():
    divisions = []
    for fast in (False, True):
        code, _ = cuda.compile_ptx(
            form, "float32(float32)", device=True, fastmath=fast, cc=(8, 6)
        )
        divisions.append(re.findall(r"(?:rcp|div)[.\w]*", code))
    print(f"{name}: {divisions[0]} without, {divisions[1]} with fastmath=True")
    in_float64 = tuple(sum(each.endswith("f64") for each in found) for found in divisions)
    changed |= in_float64 != expected[name]
if changed:
    raise SystemExit("it was otherwise when this was found: the behaviour has changed")
PYTHON
"$folder/venv/bin/python" "$folder/quotients.py"
