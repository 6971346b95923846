"""Feeds a reader with inputs until one breaks what it promises: ``python tests/fuzz TARGET``."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

PACKAGES = ["fastbg", "fuzz", "tifffile", "regions", "PIL", "tomllib", "xml"]
"""Whose branches guide the search. Those of astropy would make it ten times as slow."""

TARGETS = ("xisf", "fits", "tiff", "png", "ds9", "geojson", "model", "preset", "history")

SECONDS, MEGABYTES = 20, 4096
"""For one input, and of addresses for the whole process."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--blind", action="store_true", help="random mutations, without atheris")
    parser.add_argument("--seed", type=int, default=0, help="of the random mutations")
    parser.add_argument("input", nargs="*", type=Path, help="check these files and no others")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        how = blindly if given.blind else guided
        how(given, Path(folder))


def blindly(given: argparse.Namespace, folder: Path) -> None:
    import numpy as np
    from fuzz import harness

    target = harness.load(given.target)
    limit(harness, target, folder)
    end, count, read, slowest = time.monotonic() + given.seconds, 0, 0, 0.0
    inputs = harness.mutations(target, np.random.default_rng(given.seed))
    if given.input:
        inputs = (path.read_bytes() for path in given.input)
    for data in inputs:
        began = time.monotonic()
        if began > end:
            break
        try:
            read += not harness.check(target, data, folder)
        except BaseException:
            Path("fuzz_input").write_bytes(data)
            print("the input is in fuzz_input", file=sys.stderr)
            raise
        count, slowest = count + 1, max(slowest, time.monotonic() - began)
    print(
        f"{given.target}: {count} inputs, {read} read, {slowest:.2f} s the slowest, none a defect"
    )


def guided(given: argparse.Namespace, folder: Path) -> None:
    import atheris

    with atheris.instrument_imports(include=PACKAGES):
        from fuzz import harness

        target = harness.load(given.target)
    seeds, empty, words = folder / "seeds", folder / "empty", folder / "words"
    seeds.mkdir()
    empty.mkdir()
    for number, seed in enumerate(target.seeds()):
        (seeds / str(number)).write_bytes(seed)
    tokens = ("".join(f"\\x{byte:02x}" for byte in token) for token in target.TOKENS)
    words.write_text("".join(f'"{token}"\n' for token in tokens))
    limit(harness, target, empty)
    options = [
        f"-max_total_time={given.seconds}",
        f"-timeout={SECONDS}",
        f"-rss_limit_mb={MEGABYTES}",
        f"-dict={words}",
        "-max_len=20000",
        "-artifact_prefix=fuzz_",
    ]
    inputs = given.input or [seeds]
    atheris.Setup(
        [sys.argv[0], *options, *map(str, inputs)],
        lambda data: harness.check(target, data, empty),
    )
    atheris.Fuzz()


def limit(harness, target, folder: Path) -> None:  # type: ignore[no-untyped-def]
    """Once everything is imported, watch what is opened, and bound the memory."""
    import resource

    for seed in target.seeds():
        harness.check(target, seed, folder)
    harness.watch_opened_files()
    resource.setrlimit(resource.RLIMIT_AS, (MEGABYTES << 20, MEGABYTES << 20))


main()
