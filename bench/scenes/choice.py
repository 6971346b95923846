"""Which kinds, sizes and seeds of skies a command line asks for."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence

from . import HARD, KINDS, SCENES, Shape

GROUPS = {"familiar": [*SCENES], "hard": [*HARD], "all": [*KINDS]}
SMOKE_SHAPE = (120, 180)


def add_choice(parser: ArgumentParser, kinds: str, sizes: Sequence[Shape]) -> None:
    """Add --kinds, --sizes, --seeds and --smoke; `narrowed` takes what they give."""
    add_kinds(parser, kinds)
    parser.add_argument(
        "--sizes",
        nargs="+",
        type=shape_of,
        default=[*sizes],
        metavar="HxW",
        help=f"rows x columns (default: {' '.join(map(size_name, sizes))})",
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[1], metavar="SEED")
    parser.add_argument("--smoke", action="store_true", help="tiny, and nothing is written")


def add_kinds(parser: ArgumentParser, kinds: str) -> None:
    """Add --kinds; `kinds_in` tells their names."""
    parser.add_argument(
        "--kinds",
        nargs="+",
        type=_kinds,
        default=[GROUPS[kinds]],
        metavar="KIND",
        help=f"{', '.join(GROUPS)}, or names like light-dome (default: {kinds})",
    )


def kinds_in(options: Namespace) -> list[str]:
    """The names of the kinds that are asked for, each once."""
    return [*dict.fromkeys(name for names in options.kinds for name in names)]


def narrowed(options: Namespace) -> Namespace:
    """The options with ``kinds`` as names; a smoke run has one of them, tiny, with one seed."""
    options.kinds = kinds_in(options)
    if options.smoke:
        options.kinds, options.sizes = options.kinds[:1], [SMOKE_SHAPE]
        options.seeds = options.seeds[:1]
    return options


def described() -> str:
    """A line for each kind, for the end of a help."""
    lines = []
    for group in ("familiar", "hard"):
        lines.append(f"kinds, {group}:")
        for name in GROUPS[group]:
            purpose = (KINDS[name].__doc__ or "").splitlines()[0]
            lines.append(f"  {name.replace(' ', '-'):18} {purpose}")
    return "\n".join(lines)


def size_name(shape: Shape) -> str:
    return f"{shape[0]}x{shape[1]}"


def _kinds(word: str) -> list[str]:
    name = word.replace("-", " ").replace("_", " ")
    if name not in GROUPS and name not in KINDS:
        raise ArgumentTypeError(
            f"no kind {word!r}: give {', '.join(GROUPS)}, or a name that "
            "`python bench skies -h` lists"
        )
    return GROUPS.get(name, [name])


def shape_of(word: str) -> Shape:
    """The shape that a word like 600x900 tells."""
    try:
        height, width = map(int, word.split("x"))
    except ValueError:
        raise ArgumentTypeError(f"no size {word!r}: write rows x columns, as 600x900") from None
    if min(height, width) < 1:
        raise ArgumentTypeError(f"no size {word!r}: both sides are at least 1")
    return height, width
