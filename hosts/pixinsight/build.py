"""Pack the script for PixInsight as its update system wants it: a zip, and ``updates.xri``.

    python hosts/pixinsight/build.py FOLDER [--date YYYYMMDD]

Put both on a web server; users add its address under Resources > Updates > Manage Repositories.
The same content gives the same bytes: nothing is compressed, and times are those of no clock.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import tomllib
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from xml.sax.saxutils import escape

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

VERSIONS = "1.9.4:1.9.99"
"""Of PixInsight: from the first one with the engine V8 on."""

XRI = """\
<?xml version="1.0" encoding="UTF-8"?>
<xri version="1.0">
  <description>
    <p>fastbg for PixInsight.</p>
  </description>
  <platform os="all" arch="noarch" version="{versions}">
    <package fileName="{name}" sha1="{sha1}" type="script" releaseDate="{date}">
      <title>fastbg {version}</title>
      <description>
        <p>{description}. The program fastbg is installed apart from this script.</p>
      </description>
    </package>
  </platform>
</xri>
"""


def contents() -> dict[str, bytes]:
    """The files of the zip, by their paths below the folder of PixInsight."""
    files = {f"src/scripts/fastbg/{path.name}": path for path in HERE.glob("*.js")}
    files["src/scripts/fastbg/LICENSE"] = ROOT / "LICENSE"
    files["rsc/icons/script/fastbg/fastbg.svg"] = HERE / "fastbg.svg"
    return {name: files[name].read_bytes() for name in sorted(files)}


def packed(files: dict[str, bytes]) -> bytes:
    """A zip of the files in their order."""
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name)  # of 1 January 1980
            entry.create_system = 3  # Unix, wherever it is packed
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, data)
    return stream.getvalue()


def release_date() -> str:
    """Of SOURCE_DATE_EPOCH, or of the last commit that changed this folder: YYYYMMDD."""
    if epoch := os.environ.get("SOURCE_DATE_EPOCH"):
        return f"{datetime.fromtimestamp(int(epoch), UTC):%Y%m%d}"
    last = ["git", "log", "-1", "--format=%cd", "--date=format:%Y%m%d", "--", "."]
    try:
        date = subprocess.run(last, cwd=HERE, capture_output=True, check=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        date = ""
    if not date.strip():
        raise SystemExit("build.py: this is no clone with a history: give --date YYYYMMDD")
    return date.strip()


def build(folder: Path, date: str) -> Path:
    """Write the zip and ``updates.xri``, and return the path of the zip."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    data = packed(contents())
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / f"fastbg-{project['version']}-{date}.zip"
    archive.write_bytes(data)
    index = XRI.format(
        versions=VERSIONS,
        name=escape(archive.name),
        sha1=hashlib.sha1(data).hexdigest(),
        date=date,
        version=escape(project["version"]),
        description=escape(project["description"]),
    )
    (folder / "updates.xri").write_text(index, encoding="utf-8", newline="\n")
    return archive


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="where the two files are written")
    parser.add_argument("--date", help="of the release, as YYYYMMDD (that of the last change)")
    given = parser.parse_args(arguments)
    print(build(given.folder, given.date or release_date()))


if __name__ == "__main__":
    main()
