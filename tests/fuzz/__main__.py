"""Feeds a reader with inputs until one breaks what it promises: ``python tests/fuzz TARGET``."""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import atheris  # noqa: E402

PACKAGES = ["fastbg", "fuzz", "tifffile", "regions", "PIL", "tomllib", "xml"]
"""Whose branches guide the search. Those of astropy would make it ten times as slow."""

SECONDS, MEGABYTES = 20, 4096
"""For one input, and of addresses for the whole process."""

with atheris.instrument_imports(include=PACKAGES):
    from fuzz import harness


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=harness.TARGETS)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--corpus", type=Path, help="a folder for what was found to be new")
    parser.add_argument("input", nargs="*", type=Path, help="check these files and no others")
    given = parser.parse_args()
    with atheris.instrument_imports(include=PACKAGES):
        target = harness.load(given.target)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seeds, empty = given.corpus or folder / "corpus", folder / "empty"
        empty.mkdir()
        seeds.mkdir(exist_ok=True)
        for number, seed in enumerate(target.seeds()):
            (seeds / f"seed{number}").write_bytes(seed)
            harness.check(target, seed, empty)  # imports what is imported late
        words = folder / "words"
        quoted = ("".join(f"\\x{byte:02x}" for byte in token) for token in target.TOKENS)
        words.write_text("".join(f'"{word}"\n' for word in quoted))
        harness.watch_opened_files()
        resource.setrlimit(resource.RLIMIT_AS, (MEGABYTES << 20, MEGABYTES << 20))
        options = [
            f"-max_total_time={given.seconds}",
            f"-timeout={SECONDS}",
            f"-rss_limit_mb={MEGABYTES}",
            f"-dict={words}",
            "-max_len=20000",
            "-artifact_prefix=fuzz_",
            "-print_final_stats=1",
        ]
        inputs = given.input or [seeds]
        atheris.Setup(
            [sys.argv[0], *options, *map(str, inputs)],
            lambda data: harness.check(target, data, empty),
        )
        atheris.Fuzz()


main()
