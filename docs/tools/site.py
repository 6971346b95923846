"""Hooks of MkDocs: pages that live elsewhere in the repository, and links between them and docs/.

The README and its siblings are written for readers of the repository. Here each becomes a page of
the site, and a link to a file becomes a link to its page. A file without a page keeps its name and
loses its link. A link that leads nowhere stays as it is, and MkDocs reports it.
"""

from __future__ import annotations

import re
from pathlib import Path
from posixpath import dirname, join, normpath, relpath
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]

PAGES = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    "bench/README.md": "benchmarks.md",
    "tests/RELIABILITY.md": "reliability.md",
    "packaging/README.md": "packaging.md",
    **{
        f"bench/results/{path.name}": f"measured/{path.name}"
        for path in sorted((ROOT / "bench" / "results").glob("*.md"))
    },
}
"""File of the repository to page of the site."""

SOURCES = {page: source for source, page in PAGES.items()}

LINK = re.compile(r"(?P<text>!?\[[^\]]*\])\((?P<path>[\w./-]+)(?P<anchor>#[\w-]+)?\)")
"""A link to a file, not to an address and not within a page."""


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that live outside docs/."""
    for source, page in PAGES.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Turn links between files of the repository into links between pages."""
    here = page.file.src_uri
    source = SOURCES.get(here, f"docs/{here}")

    def resolved(link: re.Match[str]) -> str:
        text, anchor = link["text"], link["anchor"] or ""
        target = normpath(join(dirname(source), link["path"]))
        on_site = PAGES.get(target, target.removeprefix("docs/"))
        if on_site != target:
            return f"{text}({relpath(on_site, dirname(here) or '.')}{anchor})"
        return text[1:-1] if (ROOT / target).exists() else link[0]

    return LINK.sub(resolved, markdown)
