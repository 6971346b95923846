#!/usr/bin/env bash
# cramjam 2.14.0: the settings of its LZ4 block compressor.
#
# Behaviour. `cramjam.lz4.compress_block` takes `mode`, `acceleration` and `compression`, and its
# docstring says that they mostly follow those of `lz4.block.compress` of the package lz4. None has
# an effect: every mode and level gives the bytes of the default mode, also level 12 of
# "high_compression", and a mode that does not exist raises nothing. The package lz4 makes a third
# less of the same bytes with "high_compression". A program that moves from lz4 to cramjam, for the
# lz4hc blocks of an XISF file for example, writes valid files that are larger, and no error says so.
#
# Seen on x86_64 Linux with Python 3.11, in comparison with lz4 4.4.5.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q cramjam==2.14.0 lz4==4.4.5
cat > "$folder/levels.py" <<'PYTHON'
import random

import cramjam
import lz4.block

raw = bytes(random.Random(0).choices(range(4), k=400_000))
settings = [
    {"mode": "default"},
    {"mode": "fast", "acceleration": 50},
    {"mode": "high_compression", "compression": 9},
    {"mode": "high_compression", "compression": 12},
]
default = bytes(cramjam.lz4.compress_block(raw, store_size=False))
unchanged = True
print(f"{len(raw)} bytes become: cramjam, lz4")
for each in settings:
    packed = bytes(cramjam.lz4.compress_block(raw, store_size=False, **each))
    judge = lz4.block.compress(raw, store_size=False, **each)
    print(f"{len(packed)}, {len(judge)} with {each}")
    unchanged &= packed == default and (each["mode"] == "default" or len(judge) != len(packed))
unknown = bytes(cramjam.lz4.compress_block(raw, store_size=False, mode="no such mode"))
print(f"{len(unknown)} by cramjam with a mode that does not exist")
if not unchanged or unknown != default:
    raise SystemExit("the settings have an effect now: the behaviour has changed")
PYTHON
"$folder/venv/bin/python" "$folder/levels.py"
