"""The rendering of a mosaic: each panel in its own rows and columns."""

from __future__ import annotations

from contextlib import ExitStack

import numpy as np

from ..backends.protocol import Backend, Rendering
from ..spline.panels import Box, Panels, within
from ..spline.spline import Spline


def planned(backend: Backend, spline: Spline | Panels, y: np.ndarray, x: np.ndarray) -> Rendering:
    """Plan the rendering of a spline, or of those of a mosaic: see `Backend.plan`."""
    return (
        PanelsRendering(backend, spline, y, x)
        if isinstance(spline, Panels)
        else backend.plan(spline, y, x)
    )


class PanelsRendering:
    """A `fastbg.backends.protocol.Rendering` of a mosaic.

    Parameters
    ----------
    backend : Backend
    panels : Panels
    y, x : ndarray, (H,) and (W,), normalised
        The coordinates of all rows and columns.
    """

    def __init__(self, backend: Backend, panels: Panels, y: np.ndarray, x: np.ndarray) -> None:
        self._panels, self._y, self._x = panels, y[:, np.newaxis], x[np.newaxis]
        self._opened = ExitStack()
        self._parts: list[tuple[slice, slice, Rendering] | None] = []
        for spline, box, reach in zip(panels.splines, panels.boxes, panels.reach, strict=True):
            rows, columns = _places(reach, y, x)
            part = None
            if rows.start < rows.stop and columns.start < columns.stop:
                own = backend.plan(spline, *within(box, y[rows], x[columns]))
                self._opened.callback(own.close)
                part = rows, columns, own
            self._parts.append(part)

    def rows(self, rows: slice, out: np.ndarray) -> None:
        """Fill ``out`` with some rows of the mosaic."""
        out[:] = 0
        counts = self._panels.shares(self._y[rows], self._x)
        for part, share in zip(self._parts, counts, strict=True):
            if part is None:
                continue
            own, columns, rendering = part
            first, last = max(own.start, rows.start), min(own.stop, rows.stop)
            if first >= last:
                continue
            values = np.empty((len(out), last - first, columns.stop - columns.start), np.float32)
            rendering.rows(slice(first - own.start, last - own.start), values)
            place = slice(first - rows.start, last - rows.start)
            share = np.broadcast_to(share, out.shape[1:])[place, columns]
            out[:, place, columns] += share * values

    def close(self) -> None:
        """Give back what the plans hold; closing it again does nothing."""
        self._opened.close()


def _places(box: Box, y: np.ndarray, x: np.ndarray) -> tuple[slice, slice]:
    """The rows and the columns in a box."""
    rows, columns = (
        slice(int(np.searchsorted(at, low)), int(np.searchsorted(at, high, side="right")))
        for at, low, high in ((y, *box[:2]), (x, *box[2:]))
    )
    return rows, columns
