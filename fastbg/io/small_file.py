"""Files that are read as a whole: text, which takes many times its size while it is understood."""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError


def read_small(path: Path, largest: int, cure: str) -> bytes:
    """All bytes of a regular file.

    Parameters
    ----------
    largest : int
        Bytes; a larger file is refused.
    cure : str
        The cure that the error for a larger file names.

    Raises
    ------
    InputError
        If it is no file, too large, or cannot be read; the message does not name it.
    """
    try:
        # Opening a pipe would wait for ever.
        if not path.is_file():
            raise InputError("is not a file: check the name")
        with open(path, "rb") as file:
            content = file.read(largest + 1)
    except OSError as error:
        raise InputError(
            f"cannot be read ({error.strerror}): check its permissions and the disk"
        ) from error
    if len(content) > largest:
        raise InputError(f"is larger than {largest >> 10} KB: {cure}")
    return content
