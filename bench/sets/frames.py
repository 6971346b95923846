"""One image of a field, and everything that is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32

import numpy as np

from fastbg.simulate import ELECTRONS
from scenes import Scene
from scenes.drawing import exposed

from .fields import Field, Grid


@dataclass(frozen=True)
class Frame(Scene):
    """A simulated image of a field.

    Attributes
    ----------
    image, background, valid
        See `scenes.Scene`.
    scale : ndarray, (K,)
        By how much the light of the field is multiplied.
    noise : ndarray, (K,), linear
        The median over the pixels of the standard deviation of their noise.
    grid : Grid
    """

    scale: np.ndarray
    noise: np.ndarray
    grid: Grid


def exposure(
    field: Field,
    grid: Grid,
    background: np.ndarray,
    rng: np.random.Generator,
    *,
    scale: np.ndarray | float = 1.0,
    fwhm: float = 1.0,
    depth: float = 1.0,
    added: np.ndarray | float = 0.0,
    passed: np.ndarray | float = 1.0,
    missing: np.ndarray | None = None,
) -> Frame:
    """An image of a field.

    Parameters
    ----------
    background : ndarray, (K, H, W), linear
        The sky before it.
    scale, fwhm, grid
        See `Frame` and `Field.seen`.
    depth : float
        How long it was exposed: photons are counted as many times as in a stack, and the read
        noise is one part in the root of it.
    added, passed : ndarray, (K, H, W) or (H, W)
        Light beside the field's and the sky's, and the part of the field's that clouds let pass.
    missing : ndarray, (H, W), bool, optional
    """
    scale = np.broadcast_to(np.asarray(scale, np.float32), len(background)).copy()
    light = scale[:, np.newaxis, np.newaxis] * field.seen(grid, fwhm) * passed
    seen = (background + light + added).astype(np.float32)
    electrons, read_noise = depth * ELECTRONS, field.kind.read_noise / np.sqrt(depth)
    scene = exposed(
        background,
        seen,
        rng,
        valid=None if missing is None else ~missing,
        missing=missing,
        electrons=electrons,
        read_noise=read_noise,
    )
    variance = np.median(seen[:, scene.valid], axis=1) / electrons + read_noise**2
    return Frame(scene.image, scene.background, scene.valid, scale, np.sqrt(variance), grid)


def generator(*key: str | int) -> np.random.Generator:
    """The generator of a set; each name and seed has its own."""
    return np.random.default_rng([k if isinstance(k, int) else crc32(k.encode()) for k in key])
