#!/usr/bin/env bash
# xisf 0.9.7: a Boolean property that is true is false after a program has read it and written it again.
#
# Behaviour. Properties of XISF carry what has no FITS keyword, and those of the type Boolean are spelled "true" and
# "false" in small letters. `get_images_metadata` gives Python's True and False for them. `XISF.write` takes the same
# dictionary, which is how a program passes on what it does not know, and spells them as Python does: "True" and
# "False". Read again by the same library, both are False, since only "true" is true to it; and neither is a Boolean
# that the specification knows. The file is written without an error. Numbers and texts come back as they were. So a flag
# that was set is taken back by the first program that passes it on, and one that was not set stays right by chance.
# To give the text "true" instead of True is the way out: it is written as it is.
#
# Seen on x86_64 Linux with Python 3.11.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q numpy==2.4.6 xisf==0.9.7
cat > "$folder/properties.py" <<'PYTHON'
import re
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
from xisf import XISF

print(*(f"{name} {version(name)}" for name in ("xisf", "numpy")))
folder = Path(__file__).parent
HEADER = """<?xml version="1.0" encoding="UTF-8"?>
<xisf version="1.0" xmlns="http://www.pixinsight.com/xisf"><Image geometry="4:3:1" sampleFormat="Float32"
bounds="0:1" colorSpace="Gray" location="attachment:4096:48"><Property id="Test:Set" type="Boolean" value="true"/>
<Property id="Test:Unset" type="Boolean" value="false"/><Property id="Test:Count" type="Int32" value="7"/>
<Property id="Test:Scale" type="Float64" value="2.5"/><Property id="Test:Name" type="String">sky</Property></Image>
<Metadata><Property id="XISF:CreationTime" type="String">2026-01-01T00:00:00Z</Property>
<Property id="XISF:CreatorApplication" type="String">a test</Property></Metadata></xisf>"""
IDS = [f"Test:{name}" for name in ("Set", "Unset", "Count", "Scale", "Name")]


def properties(path: Path) -> dict:
    return XISF(path).get_images_metadata()[0]["XISFProperties"]


def values(path: Path) -> list:
    return [properties(path)[name]["value"] for name in IDS]


def spelled(path: Path) -> list[str]:
    return re.findall(r'type="Boolean" value="(\w+)"', path.read_bytes().decode("latin-1"))


def passed_on(given: dict, path: Path) -> Path:
    XISF.write(path, np.zeros((3, 4, 1), "f4"), image_metadata={"XISFProperties": given})
    return path


given = folder / "given.xisf"
header = HEADER.encode()
start = b"XISF0100" + len(header).to_bytes(4, "little") + bytes(4) + header
given.write_bytes(start.ljust(4096, b"\0") + bytes(48))
first, again = values(given), passed_on(properties(given), folder / "again.xisf")
texts = properties(given)
for name in IDS[:2]:
    texts[name]["value"] = str(texts[name]["value"]).lower()
instead = passed_on(texts, folder / "instead.xisf")
for name, path in (("as given", given), ("passed on", again), ("passed on as texts", instead)):
    print(f"{name}: spelled {spelled(path)}, read as {values(path)}")
if (
    first == [True, False, 7, 2.5, "sky"]
    and spelled(again) == ["True", "False"]
    and values(again) == [False, False, *first[2:]]
    and spelled(instead) == ["true", "false"]
    and values(instead) == first
):
    print("a property that is true becomes false where it is passed on")
else:
    sys.exit("this has changed")
PYTHON
"$folder/venv/bin/python" "$folder/properties.py"
