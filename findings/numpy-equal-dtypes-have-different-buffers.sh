#!/usr/bin/env bash
# numpy 2.4.6: of two arrays with equal types and equal bytes, Python can read the buffer of one alone.
#
# Behaviour, on a machine that is little-endian. `numpy.dtype("u2").newbyteorder("<")` equals
# `numpy.dtype("u2")`, has the same hash, and says that it is native; but it keeps the order that it was
# told ("<" instead of "="), and an array of it exports the buffer format "<H" instead of "H".
# `memoryview` then refuses to index it or to make a list of it: NotImplementedError, "unsupported
# format <H". `numpy.dtype("<u2")`, which is spelled out as well, forgets the mark and has "H".
# So the usual check, `array.dtype == numpy.uint16` or `array.dtype.isnative`, does not tell whether C code
# or a memoryview that knows native formats will take an array, such as one from a reader of big and
# little-endian files that calls `newbyteorder`.
#
# Seen on x86_64 Linux with Python 3.11.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q numpy==2.4.6
cat > "$folder/buffers.py" <<'PYTHON'
import sys

import numpy as np

if sys.byteorder != "little":
    sys.exit("this machine is not little-endian")
plain = np.arange(3, dtype="u2")
types = {
    'dtype("u2")': plain.dtype,
    'dtype("<u2")': np.dtype("<u2"),
    'dtype("u2").newbyteorder("<")': np.dtype("u2").newbyteorder("<"),
}
seen = []
for name, kind in types.items():
    array = np.arange(3, dtype=kind)
    assert kind == plain.dtype and hash(kind) == hash(plain.dtype) and kind.isnative
    assert array.tobytes() == plain.tobytes()
    view = memoryview(array)
    try:
        read = f"read as {view.tolist()}"
    except NotImplementedError as error:
        read = f"refused: {error}"
    seen.append((view.format, read.startswith("refused")))
    print(f"{name}: equal to uint16 and native; byteorder {kind.byteorder!r}, {view.format!r}, {read}")
if seen == [("H", False), ("H", False), ("<H", True)]:
    print("arrays of equal types have different buffers")
else:
    sys.exit("this has changed")
PYTHON
"$folder/venv/bin/python" "$folder/buffers.py"
