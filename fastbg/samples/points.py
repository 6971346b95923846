"""Discs of sky that a user has chosen, or an automatic grid."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..errors import InputError

MOST = 2000
"""More samples tell no more, and take time that grows with the square of their number."""

LARGEST = 1e9
"""Coordinates beyond this are mistakes."""

NORMALISED = 1.5
"""Places that all lie below this are parts of a width and a height, and no pixels."""


@dataclass(frozen=True, eq=False)
class SamplePoints:
    """Discs of an image.

    Attributes
    ----------
    x, y : ndarray, (n,)
        Their centres in pixels: (0, 0) is the outer corner of the first pixel of the first row,
        and (0.5, 0.5) its centre.
    radius : ndarray, (n,)
        In pixels. A pixel belongs to a disc if its centre does.
    weight : ndarray, (n,), in [0, 1]
        How well each represents the sky; 0 = not to be used.
    told : ndarray, (n, 3)
        x, y and radius as they were given, in whichever order the file has its rows.
    """

    x: np.ndarray
    y: np.ndarray
    radius: np.ndarray
    weight: np.ndarray
    told: np.ndarray

    def __len__(self) -> int:
        return len(self.x)

    @classmethod
    def of(cls, rows: object) -> SamplePoints:
        """The samples in rows of numbers.

        Parameters
        ----------
        rows : array_like, (n, 3) or (n, 4)
            x, y and radius in pixels and, if there is a fourth column, the weight, in [0, 1].

        Raises
        ------
        InputError
            If these are no such rows.
        """
        try:
            array = np.asarray(rows, np.float64)
        except (TypeError, ValueError) as error:
            raise InputError(
                f"the samples hold no numbers ({error}): give rows of x, y and radius in pixels"
            ) from error
        if array.ndim != 2 or array.shape[1] not in (3, 4) or not len(array):
            raise InputError(
                f"the samples have the shape {array.shape}: give (n, 3), rows of x, y and radius "
                "in pixels"
            )
        if len(array) > MOST:
            raise InputError(f"there are {len(array)} samples: give {MOST} at most")
        if array.shape[1] == 3:
            array = np.column_stack([array, np.ones(len(array))])
        for number, (x, y, radius, weight) in enumerate(array, start=1):
            if not (abs(x) <= LARGEST and abs(y) <= LARGEST):
                raise InputError(f"sample {number} has the place {x:g}, {y:g}: give pixels")
            if not 0 < radius <= LARGEST:
                raise InputError(
                    f"sample {number} has the radius {radius:g}: give pixels, more than 0"
                )
            if not 0 <= weight <= 1:
                raise InputError(f"sample {number} has the weight {weight:g}: give 0 to 1")
        x, y, radius, weight = array.T
        return cls(x, y, radius, weight, array[:, :3])

    @classmethod
    def none(cls) -> SamplePoints:
        """No samples."""
        nothing = np.empty(0)
        return cls(nothing, nothing, nothing, nothing, np.empty((0, 3)))

    def check(self, shape: tuple[int, int]) -> None:
        """Raise InputError if none of them lies in an image of that shape, (H, W), or all in one
        of its corners, as numbers do that are no pixels."""
        height, width = shape
        inside = (np.abs(2 * self.x - width) < width + 2 * self.radius) & (
            np.abs(2 * self.y - height) < height + 2 * self.radius
        )
        if not inside.any():
            raise InputError(
                f"all {len(self)} samples lie outside of the image of {width} x {height} pixels: "
                "give pixels, as the file stores its rows"
            )
        if len(self) > 1 and max(self.x.max(), self.y.max()) < NORMALISED:
            raise InputError(
                f"all {len(self)} samples lie within {NORMALISED:g} pixels of the first one: give "
                "pixels, not parts of the width and the height"
            )

    def mirrored(self, shape: tuple[int, int], *, rows: bool, columns: bool) -> SamplePoints:
        """The same in an image of that shape, (H, W), with the order of its rows or columns
        reversed."""
        x = shape[1] - self.x if columns else self.x
        return replace(self, x=x, y=shape[0] - self.y if rows else self.y)

    def binned(self, factor: float) -> SamplePoints:
        """The same in an image whose pixels are blocks of so many pixels along each side."""
        return replace(self, x=self.x / factor, y=self.y / factor, radius=self.radius / factor)

    def chosen(self, which: np.ndarray | list[int]) -> SamplePoints:
        """Some of them, by their numbers or by (n,) bool."""
        return SamplePoints(*(each[which] for each in vars(self).values()))

    def joined(self, others: SamplePoints) -> SamplePoints:
        """These and others, which come last."""
        pairs = zip(vars(self).values(), vars(others).values(), strict=True)
        return SamplePoints(*(np.concatenate(pair) for pair in pairs))

    @property
    def rows(self) -> np.ndarray:
        """(n, 4): x, y, radius, weight."""
        return np.column_stack([self.x, self.y, self.radius, self.weight])
