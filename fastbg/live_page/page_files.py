"""The files of the page, as they are served."""

from __future__ import annotations

from pathlib import Path

PAGE = Path(__file__).parent / "page"
"""Their folder."""

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""The files that are served, by their suffixes."""

FIRST = b'<script type="module"'
"""Before this, the page names its modules: a browser would otherwise find them one after another,
each in the one before."""


def page_files() -> dict[str, tuple[bytes, str]]:
    """The files by their names below the address of the page, and the types of their contents.

    All of them together are some 300 kB.
    """
    files = {
        path.relative_to(PAGE).as_posix(): (path.read_bytes(), TYPES[path.suffix])
        for path in sorted(PAGE.rglob("*"))
        if path.suffix in TYPES
    }
    modules = (name for name in files if name.endswith(".js"))
    links = "".join(f'<link rel="modulepreload" href="{name}">\n' for name in modules)
    html, kind = files["index.html"]
    files["index.html"] = files[""] = html.replace(FIRST, links.encode() + FIRST), kind
    return files
