#!/usr/bin/env bash
# numba-cuda 0.30.4: every start of Python imports a part of it, whatever the program is.
#
# Behaviour. The package brings `_numba_cuda_redirector.pth`, a line of which site.py executes whenever an interpreter
# of that environment starts: it puts a finder before those of Python, so that `import numba.cuda` gives
# `numba_cuda`. The finder's module imports pathlib, importlib.abc, warnings and what these import: `python -c pass`
# loads 92 modules instead of 32, though the program knows nothing of CUDA and the computer may have no GPU. A command
# line that takes care to import little, or a pool that spawns many workers, pays for that in each process (here
# 53 ms instead of 17 a start), and no import of its own shows why. `python -S` and environments without the package
# go without.
#
# Seen on x86_64 Linux with Python 3.11.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/with"
python3 -m venv "$folder/without"
"$folder/with/bin/pip" install -q --no-deps numba-cuda==0.30.4
"$folder/with/bin/pip" uninstall -q -y setuptools
"$folder/without/bin/pip" uninstall -q -y setuptools
look='import sys, time; print(len(sys.modules), *(name for name in ("pathlib", "importlib.abc", "_numba_cuda_redirector") if name in sys.modules))'
loaded=$("$folder/with/bin/python" -c "$look")
usual=$("$folder/without/bin/python" -c "$look")
echo "with numba-cuda 0.30.4: $loaded"
echo "without it:             $usual"
for kind in with without; do
  start=$(date +%s%N)
  for _ in 1 2 3 4 5 6 7 8 9 10; do "$folder/$kind/bin/python" -c pass; done
  echo "a start $kind it takes $((($(date +%s%N) - start) / 10000000)) ms here"
done
[[ "$loaded" == *"pathlib importlib.abc _numba_cuda_redirector" ]] || { echo "it is not imported any more"; exit 1; }
[[ "$usual" != *pathlib* ]] || { echo "Python itself imports pathlib"; exit 1; }
((${loaded%% *} > ${usual%% *} + 40)) || { echo "it imports less than was seen"; exit 1; }
echo "as seen"
