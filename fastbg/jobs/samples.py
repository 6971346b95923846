"""Sample points: those that users give, and an automatic grid of them."""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError
from ..samples.points import SamplePoints
from .arguments import GivenSamples


def points_of(
    given: GivenSamples, shape: tuple[int, int], *, bottom_up: bool = False
) -> SamplePoints | None:
    """Samples that were checked, or a file of them, in pixels of an image as it is stored.

    Parameters
    ----------
    given : path, SamplePoints or None
    shape : (H, W)
        The shape of the image.
    bottom_up : bool, optional
        See `fastbg.io.sample_points.read_samples`.

    Raises
    ------
    InputError
        If they cannot be read, or none of them lies in the image.
    """
    if given is None:
        return None
    if isinstance(given, SamplePoints):
        given.check(shape)
        return given
    from ..io.sample_points import read_samples

    assert isinstance(given, str | Path)
    rows = read_samples(given, shape[0], bottom_up=bottom_up)
    try:
        points = SamplePoints.of(rows)
        points.check(shape)
    except InputError as error:
        raise InputError(f"{given}: {error}") from error
    return points
