"""What to do where something cannot be written: is there no room, or is it for another reason?"""

from __future__ import annotations

import errno

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""Errors of disks that are full or broken, or of files that are too large for them."""


def cure_of(error: OSError) -> str:
    """What to do about an error of a folder or of what is written there."""
    another = "choose another folder"
    return f"free some space or {another}" if error.errno in NO_ROOM else another
