"""Fills the templates of the page; only what was filled here is inserted without escaping."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ...words import (
    bends,
    compared_with,
    explained_by_sky,
    format_bytes,
    glows,
    mosaic_of,
    names_of,
    through_samples,
)
from . import colours, images, words


def fill(name: str, /, **values: object) -> Markup:
    """The template of that name with these values, as HTML that is not escaped again.

    Raises
    ------
    jinja2.UndefinedError
        For a value that the template uses and is not given.
    """
    return Markup(_environment().get_template(name).render(values))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {
        "number": words.number,
        "significant": words.significant,
        "power": words.power,
        "count": words.count,
        "percent": words.percent,
        "bytes": format_bytes,
        "bends": bends,
        "glows": glows,
        "mosaic": mosaic_of,
        "names": names_of,
        "through_samples": through_samples,
        "compared": compared_with,
        "kind": words.kind,
        "explained": explained_by_sky,
        "fixed": lambda value, decimals=1: f"{value:.{decimals}f}",
        "jpeg": images.jpeg,
        "png": images.png,
        "gradient": colours.gradient,
    }
    environment.globals |= {"channels": words.channels, "mean_of": words.mean_of}
    return environment
