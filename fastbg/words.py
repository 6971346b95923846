"""Numbers and objects in words, which are the same wherever they are printed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from reprlib import Repr
from typing import Any

SIZE = "a size like 350MB or 2GB"

MOST_NAMES = 8
"""Names of objects that are listed."""

FEW = 4
"""Numbers of an array that are shown: one for each channel, but not each control point."""


def bytes_of(text: str) -> int:
    """The number of bytes of a size like 350MB or 2GiB.

    Raises
    ------
    ValueError
        For other texts.
    """
    match = re.fullmatch(r"([0-9.]+) ?([kmgt])(i?)b?", text.strip().lower())
    if not match:
        raise ValueError(f"{text} is not {SIZE}")
    number, unit, binary = match.groups()
    return int(float(number) * (1024 if binary else 1000) ** (1 + "kmgt".index(unit)))


def format_bytes(count: int | None) -> str:
    """A number of bytes in GB, MB or, of little, kB."""
    if count is None:
        return "unknown"
    if count < 1e7:
        return f"{count / 1e3:.0f} kB"
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def explained_by_sky(explained: float) -> str:
    """The share of the usable frame, in [0, 1], that the sky which was found explains."""
    return f"{100 * explained:.3g} % of the usable frame lies on the fitted sky"


def through_samples(used: int, given: int, freedom: float) -> str:
    """The samples through which the background goes, and how much it bends."""
    count = f"all {given}" if used == given else f"{used} of {given}"
    return f"through {count} samples, with {freedom:.3g} degrees of freedom"


def compared_with(reference: Mapping[str, Any]) -> str:
    """How a reference was compared with the image, as a report has it."""
    place = {"same grid": "on the same grid", "stars": "placed by its stars"}
    scales = [" + ".join(f"{each:.3g}" for each in own if each) for own in reference["scale"]]
    scale = ", ".join(scales) if len(set(scales)) > 1 else scales[0]
    by, error = " and ".join(sorted(set(reference["told_by"]))), max(reference["error"])
    about = f"told by {by}, within {100 * error:.2g} %" if by != "given" else "as given"
    whence = ""
    if reference["degree"]:
        taken = ("nothing", "a plane", "a polynomial of degree 2")[reference["taken"]]
        source = (
            "colours of the objects"
            if reference["seen"] == "colours"
            else "sky of the image itself"
        )
        whence = f"; of the gradient, {taken} comes from the {source}"
    if reference["seen"] == "nothing":
        whence += "; nothing tells whether it has a gradient of its own"
    return (
        f"{place.get(reference['how'], 'placed by coordinates')}, its light times {scale} "
        f"({about}){whence}"
    )


def mosaic_of(panels: int, seams: Iterable[Mapping[str, Any]]) -> str:
    """The panels and the seams of a mosaic, as a report has them."""
    places = []
    for seam in seams:
        first, last, width = (round(seam[name]) for name in ("first", "last", "width"))
        place = f"{seam['axis']} = {first}" + f" to {last}" * (first != last)
        places.append(place + f" (blended over {width} pixels)" * (width > 0))
    return f"{panels} panels, with seams at {', '.join(dict.fromkeys(places))}"


def glows(places: Sequence[str]) -> str:
    """The end of a sentence about the sky: where a glow was found, if anywhere."""
    return f", with a glow {' and '.join(places)}" if places else ""


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """A question that ends a message about an unknown word; empty if none is like it."""
    from difflib import get_close_matches

    spelled = {each.lower(): each for each in known}
    near = get_close_matches(str(word).lower(), spelled, 1)
    return f": did you mean {spelled[near[0]]}?" if near else ""


class _Brief(Repr):
    """Arrays of more than a few numbers are their shapes, and reports their lengths."""

    def repr_ndarray(self, array: Any, level: int) -> str:
        if array.size <= FEW:
            return str([float(f"{number:.4g}") for number in array.ravel().tolist()])
        return f"<{' x '.join(map(str, array.shape))} {array.dtype}>"

    def repr_float(self, number: float, level: int) -> str:
        return f"{number:.4g}"

    repr_float64 = repr_float

    def repr_Report(self, report: Any, level: int) -> str:
        return f"<{len(report)} entries>"


def brief(value: Any) -> str:
    """The repr of a dataclass whose fields may be large."""
    shown = (f"{each.name}={_BRIEF.repr(getattr(value, each.name))}" for each in fields(value))
    return f"{type(value).__name__}({', '.join(shown)})"


_BRIEF = _Brief()
_BRIEF.maxother = _BRIEF.maxstring = 60


def place(y: float, x: float) -> str:
    """Where in a frame a point is, from its top left: its third of the height and of the width."""
    down = ("upper", "", "lower")[min(int(3 * y), 2)]
    across = ("left", "", "right")[min(int(3 * x), 2)]
    if down and across:
        return f"{down} {across} corner"
    return f"{down or across} edge" if down or across else "middle"


def bends(stiffness: float) -> str:
    """How far a surface bends whose stiffness the search chose; see `fastbg.sky.selection`."""
    if stiffness >= 1e-3:
        return "hardly bends"
    return "bends" if stiffness >= 1e-5 else "bends freely"


def names_of(protected: Sequence[Mapping[str, Any]]) -> str:
    """The names of protected objects, of many the first ones."""
    return listed([each["name"] for each in protected])


def listed(names: Sequence[str]) -> str:
    """Names, of many the first ones."""
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more
