"""How the frames of a set lie on one grid, which covers all of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ...coordinates.mapping import IDENTITY, Field, Mapping, mapping
from ...errors import InputError
from ...io.keywords import text_of
from ...settings.settings import Settings
from ..coordinates import coordinates_of
from ..source import open_source

PIXELS, SAMPLES = (1 << 15, 1 << 16), 1 << 22
"""The largest number of pixels of a small copy: differences of frames are smooth, and a hundred
frames are in memory at the same time. It is the second one where the grid reaches beyond frames, as
long as the small copies of all of them have no more samples than the last number."""

DATES = ("DATE-OBS", "DATE-AVG", "DATE-BEG")
"""The keywords that tell when a frame was taken, the first one that is there."""

LARGEST = 4.0
"""The grid has at most so many times the pixels of its frame: others hardly overlap with it."""


@dataclass(frozen=True, eq=False)
class Placed:
    """A frame of a set, by its header.

    Attributes
    ----------
    path : Path
    field : Field
        Its size and its coordinates, as it is fitted.
    channels : int
    date : str
        When it was taken, or nothing.
    """

    path: Path
    field: Field
    channels: int
    date: str


@dataclass(frozen=True)
class Canvas:
    """The grid on which frames are compared: that of one of them, larger where others need it.

    Attributes
    ----------
    target : Path
        That frame.
    shape : (H, W)
    origin : (int, int)
        The pixel of the target, (y, x), that is the first one of the grid.
    factor : int
        The pixels along the side of a block.
    alike : bool
        Whether all frames are on it as they are.
    """

    target: Path
    shape: tuple[int, int]
    origin: tuple[int, int]
    factor: int
    alike: bool

    def mapping(self, target: Field, frame: Field) -> Mapping:
        """Where pixels of the grid lie in a frame."""
        return IDENTITY if self.alike else moved(mapping(target, frame), self.origin, before=True)

    def place(self, target: Field, frame: Field) -> Mapping:
        """Where pixels of a frame lie on the grid."""
        return IDENTITY if self.alike else moved(mapping(frame, target), self.origin, before=False)


def look(path: Path, settings: Settings) -> Placed:
    """Read the header of a frame."""
    with ExitStack() as files:
        source = open_source(path, None, None, settings, files)
        image = source.frame.image
        keywords = source.file.header.keywords
        dates = (text_of(keywords, name) for name in DATES)
        field = Field(image.shape, coordinates_of(source.file, source.frame.pattern))
        return Placed(path, field, image.channels, next(filter(None, dates), ""))


class OtherFieldError(InputError):
    """A frame lies elsewhere in the sky than the target of its set."""

    def __init__(self, frame: Placed, target: Placed) -> None:
        super().__init__(
            f"{frame.path} shows another field than {target.path}, for they do not overlap, as "
            "their coordinates tell: leave it out"
        )


@dataclass(frozen=True, eq=False)
class Group:
    """The frames of a set that can be laid on one grid.

    Attributes
    ----------
    target : Placed
    canvas : Canvas
    frames : list of Placed
    left_out : dict
        The others: why each cannot, by its path.
    """

    target: Placed
    canvas: Canvas
    frames: list[Placed]
    left_out: dict[Path, InputError]


def grouped(frames: Sequence[Placed], wanted: Placed | None, settings: Settings) -> Group:
    """The group of a frame that is wanted as target, or that of the first with most of them."""
    best: Group | None = None
    with_coordinates_first = sorted(frames, key=lambda frame: frame.field.coordinates is None)
    for target in [wanted] if wanted else with_coordinates_first:
        found = _group(frames, target, settings)
        if best is None or len(found.frames) > len(best.frames):
            best = found
        if 2 * len(best.frames) > len(frames):
            break
    assert best
    return best


def _group(frames: Sequence[Placed], target: Placed, settings: Settings) -> Group:
    first, last = np.zeros(2), np.array(target.field.shape) - 1.0
    members: list[Placed] = []
    left_out: dict[Path, InputError] = {}
    alike = True
    for frame in frames:
        try:
            where = _placed(frame, target)
            if where.how != "same grid":
                first, last = _with(first, last, frame, target, where)
                alike = False
            members.append(frame)
        except InputError as error:
            left_out[frame.path] = error
    if not alike:
        for frame in members:
            if not frame.field.coordinates:
                left_out[frame.path] = InputError(
                    f"{frame.path} has no coordinates, and others that have are not on one grid: "
                    "solve it for coordinates, or register all frames"
                )
        members = [frame for frame in members if frame.path not in left_out]
    origin = np.floor(first).astype(int)
    height, width = np.ceil(last).astype(int) - origin + 1
    shape = int(height), int(width)
    most = PIXELS[not alike and len(members) * PIXELS[1] <= SAMPLES]
    factor = settings.factor(target.field.shape)
    while settings.downscaling_factor == "auto" and _pixels(shape, factor) > most:
        factor += 1
    canvas = Canvas(target.path, shape, (int(origin[0]), int(origin[1])), factor, alike)
    return Group(target, canvas, members, left_out)


def _placed(frame: Placed, target: Placed) -> Mapping:
    """Where pixels of a frame lie in the target; raises InputError if nothing tells it."""
    if frame.channels != target.channels:
        raise InputError(
            f"{frame.path} has {_channels(frame)} and {target.path} {_channels(target)}: give "
            "frames of one kind, or run again for each kind"
        )
    try:
        return mapping(frame.field, target.field)
    except InputError as error:
        if frame.field.coordinates and target.field.coordinates:
            raise OtherFieldError(frame, target) from error
        (h, w), (height, width) = frame.field.shape, target.field.shape
        raise InputError(
            f"{frame.path} has {w} x {h} pixels and {target.path} {width} x {height}, and nothing "
            "tells how they lie: register them, or solve all of them for coordinates"
        ) from error


def _with(
    first: np.ndarray, last: np.ndarray, frame: Placed, target: Placed, where: Mapping
) -> tuple[np.ndarray, np.ndarray]:
    """The ends of a grid for one more frame, too; raises InputError if that lies elsewhere."""
    edge = np.array(where(*_edge(*frame.field.shape)))
    if not np.isfinite(edge).all() or _apart(edge, target.field.shape):
        raise OtherFieldError(frame, target)
    first, last = np.minimum(first, edge.min(axis=1)), np.maximum(last, edge.max(axis=1))
    height, width = last - first
    if height * width > LARGEST * math.prod(target.field.shape):
        raise InputError(
            f"{frame.path} hardly overlaps with {target.path}: with it, the frames would cover "
            f"{width:.0f} x {height:.0f} pixels of that: give frames of one field"
        )
    return first, last


def moved(where: Mapping, origin: tuple[int, int], *, before: bool) -> Mapping:
    """A mapping from a grid that begins at the pixel `origin`, or to it."""
    down, right = origin

    def shifted(y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if before:
            return where(y + down, x + right)
        there = where(y, x)
        return there[0] - down, there[1] - right

    how = "coordinates" if where.how == "same grid" else where.how
    return replace(where, function=shifted, how=how)


def _edge(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Places along the edge of a frame."""
    along = np.linspace(-0.5, 0.5, 33)
    y, x = np.meshgrid(along, along, indexing="ij")
    outer = (np.abs(y) == 0.5) | (np.abs(x) == 0.5)
    return (y[outer] + 0.5) * height - 0.5, (x[outer] + 0.5) * width - 0.5


def _apart(edge: np.ndarray, shape: tuple[int, int]) -> bool:
    """Whether the box around an edge lies beside an image."""
    below, above = edge.min(axis=1), edge.max(axis=1)
    return bool((above < 0).any() or (below > np.array(shape) - 1).any())


def _pixels(shape: tuple[int, int], factor: int) -> int:
    return math.prod(-(-size // factor) for size in shape)


def _channels(frame: Placed) -> str:
    return f"{frame.channels} channel{'s' if frame.channels > 1 else ''}"
