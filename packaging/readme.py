"""Makes the links of the README absolute, since PyPI shows it far from the files that it names.

``python packaging/readme.py ADDRESS TAG`` rewrites README.md in place, before wheels are built for
publication; ADDRESS is that of the repository at GitHub, and TAG the version to link to.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"
LINK = re.compile(r"(!?)(\[[^\]]*\])\((?!https?:|#)([^)\s]+)\)")


def absolute(text: str, address: str, tag: str) -> str:
    """The text with links into the repository, and pictures as files."""

    def linked(link: re.Match[str]) -> str:
        picture, words, path = link.groups()
        return f"{picture}{words}({address}/{'raw' if picture else 'blob'}/{tag}/{path})"

    return LINK.sub(linked, text)


if __name__ == "__main__":
    README.write_text(absolute(README.read_text("utf-8"), *sys.argv[1:3]), "utf-8")
