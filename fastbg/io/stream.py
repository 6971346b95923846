"""Images that come as a stream of bytes: from the network, an archive, or memory."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from io import TextIOBase
from pathlib import Path
from typing import Any

from ..errors import InputError

_SUFFIXES = {
    b"XISF0100": ".xisf",
    b"SIMPLE  =": ".fits",
    b"\x1f\x8b": ".fits.gz",
    b"\x89PNG": ".png",
}
"""How a file is named that begins so; another one is a TIFF file, or nothing that can be read."""

_CHUNK = 1 << 20


PREFIX = "fastbg-stream-"
"""How the temporary folder of a stored stream begins."""


def without_folder(text: str) -> str:
    """A text in which stored streams have their names alone: their folders do not last."""
    start = re.escape(os.path.join(tempfile.gettempdir(), PREFIX))
    return re.sub(rf"{start}\w+[/\\]", "", text)


def store(stream: Any, folder: Path) -> Path:
    """Store what is left of a binary stream as a file in a folder: images are not read in order.

    The file is called as the stream, or ``image`` with the suffix of its format.

    Raises
    ------
    InputError
        If nothing is left, or it is no stream of bytes, or it cannot be read or stored.
    """
    try:
        if isinstance(stream, TextIOBase) or not isinstance(start := stream.read(_CHUNK), bytes):
            raise InputError("the file was opened as text: open it with the mode 'rb'")
        if not start:
            raise InputError("nothing is left to read of the file: call its seek(0) first")
        suffix = next((s for magic, s in _SUFFIXES.items() if start.startswith(magic)), ".tif")
        name = getattr(stream, "name", None)
        path = folder / (Path(name).name if isinstance(name, str) else f"image{suffix}")
        with open(path, "wb") as file:
            file.write(start)
            shutil.copyfileobj(stream, file, _CHUNK)
    except (OSError, ValueError) as error:  # the latter of a closed stream
        raise InputError(f"the file cannot be read ({error}): open it again") from error
    return path
