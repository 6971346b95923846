"""Light from a corner or an edge of the frame, as a sum of functions of the distance from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CORE = 0.02
WIDTHS = (0.034, 0.05, 0.075, 0.112, 0.167)
"""Where an exponential has fallen to 1/e, and the Gaussians, in units of the longer side of the
frame. They give the value at the border, too, which no cell shows."""

ALONG = 6
"""The number of Chebyshev polynomials along an edge by which each of them is multiplied."""

STEPS = np.linspace(0.008, 0.5, 201)
"""The distances from the border at which a glow is judged, in units of the longer side; the first
one is half a cell."""

RADII = (0, 0.12, 0.3, 0.6, 1, 1.5, 2.1, 2.9, 4, 5.5)
ROWS, GAP = (0, 0.17, 0.4, 0.7, 1, 1.5, 2.2, 3.2, 4.5), 0.7
"""The distances of control points from a corner and from an edge, relative to that at which a glow
falls to 1/e; and the distance between those of a row, relative to that or to the next row. The
spline through an exponential is then within a hundredth of its peak."""


@dataclass(frozen=True, eq=False)
class Place:
    """A corner or an edge of the frame; distances are in units of its longer side.

    Attributes
    ----------
    name : str
    border : (int or None, int or None)
        Its normalised y and x, 0 or 1; None along an edge.
    extent : ndarray, (2,)
        The height and the width of the frame.
    known : float
        The distance up to which nothing is known of a glow, which is taken to be even there.
    """

    name: str
    border: tuple[int | None, int | None]
    extent: np.ndarray
    known: float = 0.0

    @property
    def across(self) -> list[int]:
        """The axes along which the distance is measured: two of a corner, one of an edge."""
        return [axis for axis in (0, 1) if self.border[axis] is not None]

    def functions(self, distance: np.ndarray, along: np.ndarray) -> np.ndarray:
        """(P, Q): the functions whose sum is a glow, at distances and places along an edge."""
        away = distance[:, np.newaxis]
        falling = np.exp(-np.hstack([away / CORE, (away / WIDTHS) ** 2]))
        if len(self.across) == 2:
            return falling
        steps = np.polynomial.chebyshev.chebvander(2 * along - 1, ALONG - 1)
        return np.einsum("pw,pa->pwa", falling, steps).reshape(len(along), -1)

    def distance(self, points: np.ndarray) -> np.ndarray:
        """(P,): from the corner or the edge, of points, (P, 2), normalised."""
        origin = np.array([value or 0 for value in self.border])
        away = ((points - origin) * self.extent)[:, self.across]
        return np.maximum(np.hypot.reduce(away, axis=1), self.known)

    def columns(self, points: np.ndarray, cell: float = 0) -> np.ndarray:
        """(P, Q): the same at points, (P, 2), normalised, or their medians over cells of a side."""
        distance = self.distance(points)
        if cell and len(self.across) == 2:
            # The circle that halves a cell does not pass through its centre.
            distance += cell**2 / (24 * distance)
        return self.functions(distance, points[:, 1 - self.across[0]])

    def profiles(self, shares: np.ndarray) -> np.ndarray:
        """(steps, places, K): the light at `STEPS` beyond `known`, at places along an edge.

        Parameters
        ----------
        shares : ndarray, (Q, K)
            The factor of each of the functions.
        """
        places = np.linspace(0, 1, 41) if len(self.across) == 1 else np.zeros(1)
        distance, along = np.meshgrid(self.known + STEPS, places, indexing="ij")
        light = self.functions(distance.ravel(), along.ravel()) @ shares
        return light.reshape(*distance.shape, -1)

    def control_points(self, reach: float) -> np.ndarray:
        """(N, 2), normalised: for a glow that falls to 1/e at `reach`, closer near the border."""
        if len(self.across) == 2:
            angles = np.linspace(0, np.pi / 2, 6)
            away = reach * np.multiply.outer(RADII, np.stack([np.sin(angles), np.cos(angles)], 1))
        else:
            # In units in which the frame is a square, as it is to splines.
            rows = reach / self.extent[self.across] * ROWS
            gaps = np.maximum(GAP * rows[ROWS.index(1)], GAP * np.diff(rows, append=np.inf))
            along = [np.linspace(0, 1, 2 + int(1 / gap)) for gap in gaps]
            away = np.empty((sum(map(len, along)), 2))
            away[:, self.across[0]] = np.repeat(rows, [*map(len, along)])
            away[:, 1 - self.across[0]] = np.concatenate(along)
            away *= self.extent
        points = away.reshape(-1, 2) / self.extent
        for axis in self.across:
            points[:, axis] = abs(self.border[axis] - points[:, axis])
        return points[((points >= 0) & (points <= 1)).all(axis=1)]
