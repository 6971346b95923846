"""Simulated sets whose truth is known: references, frames of one field, mosaics.

``python bench sets KIND...`` measures what fastbg makes of them. KIND:

{kinds}

``--write FOLDER`` writes the sets instead, one folder each, with the true backgrounds and scales in
its folder ``truth``: for the command line to try. A seed gives the same set every time.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from scenes.choice import shape_of, size_name

from . import files, of_mosaics, of_nights, of_references, per_frame
from .fields import KINDS

SETS = {
    "reference": "an object fills the frame, and an image of the same sky tells it from the sky",
    "together": "frames of one field whose gradients rise, turn and change colour",
    "mosaic": "panels with levels and gradients of their own",
    "per-frame": "gradients taken out before or after the frames are integrated",
}
SMOKE_SHAPE = (60, 90)
TABLES = {
    "reference": of_references,
    "together": of_nights,
    "mosaic": of_mosaics,
    "per-frame": per_frame,
}
WRITERS = {"reference": files.pairs, "together": files.nights, "mosaic": files.mosaics}


def write(options: argparse.Namespace) -> None:
    """Write the sets that are asked for, a folder each."""
    for kind in options.sets:
        for name in options.kinds:
            for seed in options.seeds:
                for way, put in WRITERS[kind](name, options.size, seed, options.format):
                    folder = f"{kind}-{way}-{name.replace(' ', '-')}-{seed}"
                    put(options.write / folder)
                    print(folder, flush=True)


def main(arguments: Sequence[str]) -> int:
    """Measure or write the sets."""
    kinds = "\n".join(f"  {name:10} {purpose}" for name, purpose in SETS.items())
    parser = argparse.ArgumentParser(
        prog="python bench sets",
        description=(__doc__ or "").format(kinds=kinds),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("sets", nargs="*", choices=[*SETS, []], metavar="KIND")
    parser.add_argument(
        "--kinds",
        nargs="+",
        type=_kind,
        default=[*KINDS],
        metavar="SKY",
        help=f"what fills the frames: {', '.join(n.replace(' ', '-') for n in KINDS)}",
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[1], metavar="SEED")
    parser.add_argument("--size", type=shape_of, default=(600, 900), metavar="HxW")
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="write files, fit nothing")
    parser.add_argument("--format", choices=files.FORMATS, default="fits", help="(%(default)s)")
    parser.add_argument("--smoke", action="store_true", help="tiny, and nothing is written")
    options = parser.parse_args(arguments)
    options.sets = options.sets or [*(WRITERS if options.write else SETS)]
    if options.write and (unwritable := [kind for kind in options.sets if kind not in WRITERS]):
        parser.error(f"{unwritable[0]} writes no files: give {', '.join(WRITERS)}")
    if options.smoke:
        options.kinds, options.seeds, options.size = options.kinds[:1], [1], SMOKE_SHAPE
    if options.write and not options.smoke:
        write(options)
        return 0
    seeds = ", ".join(map(str, options.seeds))
    for kind in options.sets:
        print(f"\n{kind}: {SETS[kind]}; {size_name(options.size)}, seeds {seeds}\n")
        for line in TABLES[kind].table(options.kinds, options.size, options.seeds):
            print(line, flush=True)
    return 0


def _kind(word: str) -> str:
    name = word.replace("-", " ")
    if name not in KINDS:
        raise argparse.ArgumentTypeError(f"no sky {word!r}: give {', '.join(KINDS)}")
    return name
