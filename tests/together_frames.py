"""Small frames of one field whose gradients and flux scales are known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fastbg.io import fits

SHAPE = (120, 160)
NOISE = 2e-3


@dataclass(frozen=True)
class Frames:
    """Images, (n, H, W), their gradients, and their flux scales, (n,)."""

    images: NDArray[np.float32]
    gradients: NDArray[np.float64]
    scales: NDArray[np.float64]


def field(seed: int = 0, shape: tuple[int, int] = SHAPE) -> NDArray[np.float64]:
    """Stars and a nebula that fills the frame."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]]
    light = 0.02 * np.exp(-((y / shape[0] - 0.4) ** 2 + (x / shape[1] - 0.6) ** 2) * 6)
    for _ in range(120):
        at = rng.uniform(0, 1, 2) * shape
        peak = min(0.01 * (rng.pareto(1.2) + 1), 0.6)
        light += peak * np.exp(-((y - at[0]) ** 2 + (x - at[1]) ** 2) / (2 * 1.6**2))
    return light


def frames(count: int = 5, seed: int = 1, shape: tuple[int, int] = SHAPE) -> Frames:
    """Frames whose gradients turn and whose scales differ."""
    rng = np.random.default_rng(seed)
    y, x = (np.mgrid[0 : shape[0], 0 : shape[1]] + 0.5) / np.reshape(shape, (2, 1, 1))
    light = field(0, shape)
    scales = 1 + 0.2 * np.linspace(-1, 1, count)
    images, gradients = [], []
    for number, scale in enumerate(scales):
        angle = 0.5 * number
        along = np.cos(angle) * y + np.sin(angle) * x
        gradient = 0.05 + 0.004 * number + 0.02 * along + 0.006 * along**2
        noise = NOISE * rng.standard_normal(shape)
        images.append(scale * light + gradient + noise)
        gradients.append(gradient)
    return Frames(np.array(images, np.float32), np.array(gradients), scales)


def write(folder: Path, images: NDArray[np.float32], **keywords: str) -> list[Path]:
    """Write mono images as ``a.fits``, ``b.fits`` and so on."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, image in enumerate(images):
        path = folder / f"{chr(ord('a') + number)}.fits"
        write_one(path, image)
        paths.append(path)
    return paths


def write_one(path: Path, image: NDArray[np.float32], header: object = None) -> Path:
    """Write an image, (H, W) or (K, H, W)."""
    planes = image if image.ndim == 3 else image[np.newaxis]
    with fits.create(path, planes.shape, header=header) as file:  # type: ignore[arg-type]
        file.write_rows(slice(0, planes.shape[1]), planes)
    return path
