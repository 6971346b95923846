"""Which kinds, sizes and seeds of skies a command line asks for."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence

from . import HARD, KINDS, SCENES, Shape

GROUPS = {"familiar": [*SCENES], "hard": [*HARD], "all": [*KINDS]}
SMOKE_SHAPE = (120, 180)


def add_choice(parser: ArgumentParser, kinds: str, sizes: Sequence[Shape]) -> None:
    """Add the options; `narrowed` makes a smoke run of what they give.

    Afterwards ``kinds`` is a list of lists of names, ``sizes`` one of shapes, ``seeds`` one of int.
    """
    parser.add_argument(
        "--kinds",
        nargs="+",
        type=_kinds,
        default=[GROUPS[kinds]],
        metavar="KIND",
        help=f"{', '.join(GROUPS)}, or names like light-dome (default: {kinds})",
    )
    parser.add_argument(
        "--sizes",
        nargs="+",
        type=_shape,
        default=[*sizes],
        metavar="HxW",
        help=f"rows x columns (default: {' '.join(map(size_name, sizes))})",
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[1], metavar="SEED")
    parser.add_argument("--smoke", action="store_true", help="tiny, and nothing is written")


def narrowed(options: Namespace) -> Namespace:
    """Flatten the kinds; a smoke run has two of them, which are tiny, and one seed."""
    options.kinds = [*dict.fromkeys(name for names in options.kinds for name in names)]
    if options.smoke:
        options.kinds, options.sizes = options.kinds[:2], [SMOKE_SHAPE]
        options.seeds = options.seeds[:1]
    return options


def size_name(shape: Shape) -> str:
    return f"{shape[0]}x{shape[1]}"


def _kinds(word: str) -> list[str]:
    name = word.replace("-", " ").replace("_", " ")
    if name not in GROUPS and name not in KINDS:
        raise ArgumentTypeError(
            f"no kind {word!r}: there are {', '.join(GROUPS)}, {', '.join(KINDS)}"
        )
    return GROUPS.get(name, [name])


def _shape(word: str) -> Shape:
    try:
        height, width = map(int, word.split("x"))
    except ValueError:
        raise ArgumentTypeError(f"no size {word!r}: write rows x columns, as 600x900") from None
    if min(height, width) < 1:
        raise ArgumentTypeError(f"no size {word!r}: both sides are at least 1")
    return height, width
