"""The outlines of known objects on an image, to be looked at and written as regions."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from ..errors import OutputError
from ..image.outlines import Outline
from ..io import atomic
from ..io.regions.outlines import regions_text
from ..settings.options import Options
from ..settings.settings import Settings
from .arguments import Source, as_path, merged, public
from .outlines import outlines_of
from .source import open_source


@public
def catalogue_file(
    path: Source,
    output: str | Path | None = None,
    *,
    overwrite: bool = False,
    settings: Settings | None = None,
    **options: Unpack[Options],
) -> dict[str, list[dict[str, str | float]] | list[str]]:
    """Find the objects of the catalogue that ``catalogue=True`` would protect in an image.

    Parameters
    ----------
    path : path or binary file
        An image with a coordinate system.
    output : path, optional
        A region file of DS9, ``.reg``, which can be edited and given as a mask.
    overwrite : bool, optional
        Allow an output that exists.
    settings, **options
        As for `remove_background`; only catalogue, protect_at and cfa count.

    Returns
    -------
    dict
        ``protected``, as in a report, and ``warnings``.

    Raises
    ------
    InputError, SettingsError, OutputError
        One line with cause and cure; nothing was written.
    """
    settings = replace(merged(settings, options), catalogue=True)
    path = as_path(path)
    if output is not None:
        if Path(output).suffix.lower() != ".reg":
            raise OutputError(f"{output} does not tell that it holds regions: end it in .reg")
        atomic.check_targets([Path(output)], overwrite=overwrite, inputs=[path])
    with ExitStack() as files:
        source = open_source(path, None, None, settings, files)
        outlines, warnings = outlines_of(source.file, source.frame, settings)
        turn, shape = source.file.turn, source.frame.samples.shape
        stored = [
            _stored(each, bool(source.frame.pattern)).mirrored(
                shape, rows=turn.rows, columns=turn.columns
            )
            for each in outlines
        ]
    if output is not None:
        with atomic.staged([Path(output)], overwrite=overwrite) as (part,):
            part.write_text(regions_text(stored), encoding="utf-8")
    return {"protected": [each.to_dict() for each in outlines], "warnings": [*warnings]}


def _stored(outline: Outline, binned: bool) -> Outline:
    """In pixels of the samples, where superpixels of a mosaic are fitted."""
    return outline.scaled(2) if binned else outline
