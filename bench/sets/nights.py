"""Frames of one field whose gradients rise, turn and change colour, and the truth about them.

The brightness of a city's glow rises from 0.4 to 1.2 through the night, its bearing turns by 70
degrees, and moonlight of another colour takes its place in part. Frames are dithered. Every third
of the second half is turned by some degrees, as cameras are that do not follow the turning sky;
gradients turn with the camera. One frame is taken through clouds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastbg.simulate import MOON_GLOW
from scenes import Shape
from scenes.drawing import glow, layers, veil

from .fields import Field, Grid, grown, squared
from .frames import Frame, exposure, generator
from .references import SCALES

FRAMES = 12
MARGIN, ROOM = 1.3, 1.7
"""The sides of a field, in those of a frame, and in the longest one of turned frames."""

RISE, TURN = (0.4, 1.2), np.deg2rad(70)
DITHER = 0.015
"""The deviation of the middle of frames from that of the field, in the longest side of one."""

FIELD_ROTATION = np.deg2rad(4)
"""The deviation of the turn of frames that do not follow the sky."""

OTHER_TURN, PIXELS = 2.5, (0.85, 1.2)
"""Of unregistered frames: how many times as far they are turned, and the sides of their pixels."""

SCALE, COLOURS = 0.12, 0.03
"""The deviations of flux scales, as logarithms: of frames, and of their channels."""

HIDDEN = 0.5
"""The part of the light that the densest cloud takes away."""

WAYS = {
    "registered": "all on one grid, whose corners some frames do not reach",
    "coordinates": "unregistered: turned, other pixel scales, and coordinates in each",
}


@dataclass(frozen=True)
class Night:
    """Frames of one field.

    Attributes
    ----------
    frames : list of Frame
    clouded : int
        Which of them was taken through clouds.
    reference : Frame
        The same sky without a gradient, seen by another telescope.
    light : ndarray, (H, W, K), linear
        What an unturned frame sees of the field, without noise.
    """

    frames: list[Frame]
    clouded: int
    reference: Frame
    light: np.ndarray


def night(
    name: str, shape: Shape, seed: int, way: str = "registered", count: int = FRAMES
) -> Night:
    """Simulate frames of a kind of `fields.KINDS`, in one of the `WAYS`."""
    rng = generator("together", name, seed)
    room = grown(MARGIN, shape) if way == "registered" else squared(ROOM, shape)
    field = Field.of(name, room, rng)
    first, bends = rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 1.5, 2)
    clouded = int(rng.integers(1, count - 1)) if count > 2 else -1
    frames = []
    for number in range(count):
        own = np.random.default_rng(rng.integers(2**63))
        camera = _camera(shape, number, count, way, own)
        grid = Grid(shape) if way == "registered" else camera
        along = number / max(count - 1, 1)
        scale = np.exp(SCALE * own.standard_normal()) * np.exp(
            COLOURS * own.standard_normal(len(field.kind.level))
        )
        background = _gradient(field, shape, first, bends, along, camera.turn - grid.turn)
        passed: np.ndarray | float = 1.0
        if number == clouded:
            cloud = np.clip(0.5 + 0.5 * veil(shape, own, 2.2), 0, 1)
            passed = 1 - np.float32(HIDDEN) * cloud
            background += layers(0 * field.kind.level, (0.6 * field.kind.glow, cloud))
        frames.append(
            exposure(
                *(field, grid, background, own),
                scale=scale,
                fwhm=own.uniform(0.9, 1.3),
                depth=1 / count,
                passed=passed,
                missing=~camera.covers(grid) if way == "registered" else None,
            )
        )
    scale = rng.uniform(*SCALES, size=len(field.kind.level))
    flat = np.broadcast_to(layers(field.kind.level), (len(scale), *shape))
    reference = exposure(field, Grid(shape), flat, rng, scale=scale, fwhm=1.5)
    light = np.moveaxis(field.seen(Grid(shape)), 0, 2)
    return Night(frames, clouded, reference, light)


def _camera(shape: Shape, number: int, count: int, way: str, own: np.random.Generator) -> Grid:
    """The pixels of the camera on the field when it takes a frame."""
    y, x = DITHER * max(shape) * own.standard_normal(2)
    turn = FIELD_ROTATION * own.standard_normal()
    if way == "coordinates":
        return Grid(shape, (y, x), OTHER_TURN * turn, own.uniform(*PIXELS))
    drifts = number >= count // 2 and number % 3 == 0
    return Grid(shape, (y, x), turn if drifts else 0.0)


def _gradient(
    field: Field,
    shape: Shape,
    first: float,
    bends: np.ndarray,
    along: float,
    turn: float,
) -> np.ndarray:
    """The sky, (K, H, W), when a part of the night is over; ``turn`` of the camera on the image."""
    kind, rises = field.kind, np.interp(along, [0, 1], RISE)
    moon = MOON_GLOW[: len(kind.level)] / MOON_GLOW.mean() * kind.glow.mean()
    # A camera that is turned sees the gradient turned.
    city = glow(shape, first + TURN * along - turn, bends[0])
    other = glow(shape, first + 2 + 2 * TURN * along - turn, bends[1])
    return layers(
        rises * kind.level,
        (rises * (1 - 0.4 * along) * kind.glow, city),
        (0.6 * along * moon, other),
    )
