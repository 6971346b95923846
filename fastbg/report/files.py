"""What a report tells of the files of a job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..io.image_file import White


@dataclass(frozen=True)
class Files:
    """The files of a job.

    Attributes
    ----------
    source : Path
    outputs : mapping of str to Path
    white : White or None
        The number of the source that became 1.
    warnings : sequence of str
        The warnings of reading the source.
    declared_cfa : str or None
        The Bayer pattern that the source declares.
    reference : Path or None
        The image of the same sky.
    """

    source: Path
    outputs: Mapping[str, Path]
    white: White | None = None
    warnings: Sequence[str] = ()
    declared_cfa: str | None = None
    reference: Path | None = None
