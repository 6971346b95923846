"""DATAMIN and DATAMAX: the least and the greatest valid number of an image (FITS 4.0, 4.4.2.5)."""

from __future__ import annotations

import numpy as np

from ..blocks import Block
from .cards import first_values, meaning
from .header import set_value, with_value
from .scaling import Scaling

_NAMES = ("DATAMIN", "DATAMAX")
_PIECE = 1 << 20
"""Bytes that are read at a time; a multiple of the size of every sample."""


def tell(records: list[str], data: Block, scaling: Scaling) -> None:
    """Give those of the two cards that are there their values of now; a true one stays as it is.

    Programs scale by them: Siril 1.0.6 divides an image by 65535 where DATAMAX is above 2.

    Parameters
    ----------
    records : list of str
        The cards of the image; they stay where no sample is valid.
    data : Block
        All samples, as they are stored.
    scaling : Scaling
    """
    told = with_value(records, *_NAMES)
    found = _extremes(data, scaling) if told else None
    if found is None:
        return
    before = first_values(records)
    for name in told:
        value = found[_NAMES.index(name)]
        if not _spells(before[name], value):
            set_value(records, name, str(value).upper())


def _spells(told: str, value: np.floating) -> bool:
    """Whether a card tells this number, with whatever digits."""
    try:
        number = meaning(told)
    except ValueError:
        return False
    with np.errstate(over="ignore"):
        return isinstance(number, int | float) and value.dtype.type(number) == value


def _extremes(data: Block, scaling: Scaling) -> tuple[np.floating, np.floating] | None:
    """The least and the greatest physical number that is finite."""
    lowest, highest = [], []
    stored = scaling.stored.newbyteorder(">")
    for at in range(0, data.size, _PIECE):
        piece = np.empty(min(_PIECE, data.size - at), np.uint8)
        data.read_into(at, piece)
        samples = scaling.decode(piece.view(stored).astype(scaling.stored))
        valid = samples[np.isfinite(samples)]
        if valid.size:
            lowest.append(valid.min())
            highest.append(valid.max())
    if not lowest:
        return None
    # FITS wants a floating-point number of both, whatever BITPIX is.
    kind = np.float32 if scaling.dtype == np.float32 else np.float64
    return kind(min(lowest)), kind(max(highest))
