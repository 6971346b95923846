"""HTML and SVG that are escaped by construction: what is not markup already is text."""

from __future__ import annotations

from html import escape

VOID = {"img", "input", "link", "meta"}
"""Elements that have no end tag."""


class Markup(str):
    """Text that is HTML: it is not escaped again."""

    __slots__ = ()


def element(tag: str, /, *children: str, **attributes: object) -> Markup:
    """An element around its children.

    Parameters
    ----------
    tag : str
    *children : str
        Text is escaped, `Markup` is taken as it is.
    **attributes
        ``_`` in their names stands for ``-``, but for one at the end (``class_``). True gives a
        name alone, None and False leave it out.
    """
    head = tag + "".join(map(_attribute, attributes, attributes.values()))
    return Markup(f"<{head}>" if tag in VOID else f"<{head}>{joined(*children)}</{tag}>")


def joined(*parts: str) -> Markup:
    """Parts one after the other."""
    return Markup("".join(p if isinstance(p, Markup) else escape(p) for p in parts))


def _attribute(name: str, value: object) -> str:
    name = name.removesuffix("_").replace("_", "-")
    if value is None or value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'
