"""Where the panels of a mosaic lie on one plane."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...coordinates.system import Coordinates, unit_vectors
from ...errors import InputError
from ...mosaic.solve import APART, near
from ..batch.series import refusal
from ..together.placing import Placed
from .small import SmallCopy

NODES = 33
"""Coordinates are computed at so many places along each side, and interpolated between them."""

GAP = 0.1
"""Between groups of panels that are laid side by side, in the extent of the second one."""

MOST_FILLED = 0.95
"""Images of one size without coordinates are on one canvas if all of them fill less of it."""

NOWHERE = (
    "{} has no coordinate system, by which panels are placed: solve it in any program that writes "
    "one, or name the panels of a merged mosaic with --panels (panels= in Python)"
)

UNDEFINED = "the coordinate system of {} is not defined in all of it: solve it again"

Places = tuple[np.ndarray, np.ndarray]
"""Two coordinates of each pixel on a plane, (h, w) each."""


def usable(frames: Sequence[Placed]) -> tuple[list[Placed], dict[Path, InputError]]:
    """Look at headers before any image is read.

    Returns
    -------
    list of Placed
        Panels of the kind that most are of, which have coordinates, or of which none has any.
    dict
        The others: why each cannot be used, by its path.

    Raises
    ------
    InputError
        If fewer than two can be used, or no two of them are near each other.
    """
    first = _first_of_most(frames)
    alike = [frame for frame in frames if frame.channels == first.channels]
    canvas = not any(frame.field.coordinates for frame in alike)
    canvas &= len({frame.field.shape for frame in alike}) == 1
    reasons = {frame.path: _unusable(frame, first, canvas=canvas) for frame in frames}
    left_out = {path: InputError(reason) for path, reason in reasons.items() if reason}
    kept = [frame for frame in frames if frame.path not in left_out]
    if len(kept) < 2:
        raise refusal(left_out)
    ends = np.linspace(0, 1, NODES)
    if not canvas and len(near(_on_plane(kept, [(ends, ends)] * len(kept)))) == len(kept):
        raise InputError(APART)
    return kept, left_out


def _first_of_most(frames: Sequence[Placed]) -> Placed:
    """The first of those that have as many channels as most have."""
    counts = Counter(frame.channels for frame in frames)
    return max(frames, key=lambda frame: counts[frame.channels])


def _unusable(frame: Placed, first: Placed, *, canvas: bool) -> str:
    """Why a panel is not used beside a first one; nothing if it is."""
    if frame.channels != first.channels:
        return (
            f"{frame.path} has {_channels(frame)} and {first.path} {_channels(first)}: give "
            "panels of one kind"
        )
    coordinates = frame.field.coordinates
    if canvas:
        return ""
    if coordinates is None:
        return NOWHERE.format(frame.path)
    everywhere = np.linspace(0, 1, NODES)
    if not np.isfinite(_vectors(coordinates, (everywhere, everywhere))).all():
        return UNDEFINED.format(frame.path)
    return ""


def placed(frames: Sequence[Placed], copies: Sequence[SmallCopy]) -> list[Places]:
    """Where the down-scaled pixels of panels lie.

    Raises
    ------
    InputError
        If one has no coordinates, and they are not on one canvas.
    """
    alike = not any(frame.field.coordinates for frame in frames)
    if alike and all(map(_is_part, copies)):
        return [_pixels(copy) for copy in copies]
    return _on_plane(frames, [copy.centres for copy in copies])


def _on_plane(frames: Sequence[Placed], every: Sequence[Places]) -> list[Places]:
    """Rows and columns, (y, x) normalised, of images with coordinates on one plane."""
    systems, nowhere = [], {}
    for frame, axes in zip(frames, every, strict=True):
        coordinates = frame.field.coordinates
        if coordinates is None:
            nowhere[frame.path] = InputError(NOWHERE.format(frame.path))
        else:
            systems.append((coordinates, axes))
    if nowhere:
        raise refusal(nowhere)
    return on_plane(systems)


def on_plane(
    every: Sequence[tuple[Coordinates, Places]],
) -> list[Places]:
    """Places in the sky on one plane, in degrees, as they lie there.

    Panels that are near each other are projected from their middle. Groups of them that are far
    from each other are laid side by side: no plane shows both ends of the sky.

    Parameters
    ----------
    every : sequence of (Coordinates, (y, x))
        Systems of images, with normalised coordinates of rows and columns.
    """
    from scipy.interpolate import RectBivariateSpline

    nodes, vectors = [], []
    for coordinates, axes in every:
        y, x = (np.linspace(at[0], at[-1], NODES) for at in axes)
        nodes.append((y, x))
        vectors.append(_vectors(coordinates, (y, x)))
    planes: dict[int, np.ndarray] = {}
    for numbers in _neighbours(vectors):
        own = _projected([vectors[number] for number in numbers])
        if planes:
            last = max(plane[1].max() for plane in planes.values())
            low, high = (of([of(plane[1]) for plane in own]) for of in (np.min, np.max))
            for plane in own:
                plane[1] += last - low + GAP * (high - low)
        planes.update(zip(numbers, own, strict=True))
    places = []
    for number, (ends, (_, axes)) in enumerate(zip(nodes, every, strict=True)):
        v, u = (RectBivariateSpline(*ends, plane, s=0)(*axes) for plane in planes[number])
        places.append((v, u))
    return places


def _neighbours(vectors: Sequence[np.ndarray]) -> list[list[int]]:
    """Panels, (h, w, 3) on the sphere, whose circles touch, directly or through others."""
    middles = np.array([_middle(each) for each in vectors])
    reach = np.array(
        [np.arccos(min(1, (each @ m).min())) for each, m in zip(vectors, middles, strict=True)]
    )
    apart = np.arccos(np.clip(middles @ middles.T, -1, 1))
    touching = apart <= reach[:, np.newaxis] + reach
    group = np.arange(len(vectors))
    for one, other in np.argwhere(np.triu(touching)):
        group[group == group[other]] = group[one]
    return [np.flatnonzero(group == each).tolist() for each in dict.fromkeys(group.tolist())]


def _middle(vectors: np.ndarray) -> np.ndarray:
    total = vectors.reshape(-1, 3).sum(axis=0)
    middle: np.ndarray = total / np.linalg.norm(total)
    return middle


def _projected(vectors: Sequence[np.ndarray]) -> list[np.ndarray]:
    """(2, h, w) each: places, (h, w, 3), in degrees from the middle of all.

    The projection is azimuthal and equidistant, and defined for all but the opposite of the middle.
    """
    middle = _middle(np.concatenate([each.reshape(-1, 3) for each in vectors]))
    east = np.cross(np.eye(3)[np.argmin(np.abs(middle))], middle)
    east /= np.linalg.norm(east)
    north = np.cross(middle, east)
    planes = []
    for each in vectors:
        along, across = each @ middle, np.stack([each @ north, each @ east])
        sine = np.linalg.norm(across, axis=0)
        angle = np.degrees(np.arctan2(sine, along))
        planes.append(across * np.divide(angle, sine, where=sine > 0, out=np.zeros_like(angle)))
    return planes


def _vectors(coordinates: Coordinates, axes: Places) -> np.ndarray:
    """(h, w, 3): where rows and columns, (y, x) normalised, lie on the sphere of the sky."""
    sizes = coordinates.shape
    grid = np.meshgrid(*(at * n - 0.5 for at, n in zip(axes, sizes, strict=True)), indexing="ij")
    return unit_vectors(*coordinates.to_sky(*grid))


def _is_part(copy: SmallCopy) -> bool:
    seen = np.isfinite(copy.small).all(axis=2)
    return bool(seen.mean() < MOST_FILLED)


def _pixels(copy: SmallCopy) -> Places:
    (height, width), (y, x) = copy.shape, copy.centres
    v, u = np.meshgrid(y * height, x * width, indexing="ij")
    return v, u


def _channels(frame: Placed) -> str:
    return f"{frame.channels} channel{'s' if frame.channels > 1 else ''}"
