"""The search for the sky in pictures: the mesh, the weights, and the model of one simulated sky.

``python bench picture`` draws docs/sky.png from the sky that ``fastbg demo`` makes; docs/sky.md
explains it.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

REPOSITORY = Path(__file__).resolve().parent.parent
DEMO_SHAPE, DEMO_SEED = (1000, 1500), 4
SIZE, RESOLUTION = (11, 5.2), 72
"""The size of the picture in inches, and its dots per inch; the file is smaller than 200 kB."""


def main(arguments: list[str]) -> int:
    """Search for the sky of the demo and draw what was found."""
    from fastbg import Settings
    from fastbg.image.frame import Frame
    from fastbg.image.image import Image
    from fastbg.pipeline import Job
    from fastbg.simulate import simulate_sky

    parser = argparse.ArgumentParser(prog="python bench picture", description=main.__doc__)
    parser.add_argument("--output", type=Path, default=REPOSITORY / "docs" / "sky.png")
    parser.add_argument("--smoke", action="store_true", help="tiny, and nothing is written")
    options = parser.parse_args(arguments)
    shape = (120, 180) if options.smoke else DEMO_SHAPE
    simulated = simulate_sky(shape, np.random.default_rng(DEMO_SEED))
    with Job(Settings()) as job:
        prepared = job.prepare(Frame(Image.from_samples(simulated.image)))
    figure = drawn(simulated.image, prepared.sky)
    if options.smoke:
        print("drawn")
    else:
        figure.savefig(options.output, dpi=RESOLUTION, pil_kwargs={"optimize": True})
        print(f"{options.output}: {options.output.stat().st_size / 1000:.0f} kB")
    return 0


def drawn(image: np.ndarray, sky: Any) -> Any:
    """A figure of six panels; the first channel where there are several.

    Parameters
    ----------
    image : ndarray, (H, W, K), linear
    sky : fastbg.sky.detection.Sky
    """
    from matplotlib.figure import Figure

    mesh, surface = sky.mesh, sky.surface
    cells, model = (each[:, 0].reshape(mesh.shape) for each in (mesh.values, surface.values))
    off = (cells - model) / mesh.noise[0]
    low, high = np.percentile(model, [0, 100])
    margin = 0.15 * (high - low)
    levels = {"vmin": low - margin, "vmax": high + margin, "cmap": "magma"}
    share = {"vmin": 0, "vmax": 1, "cmap": "gray"}
    blocks = image[: len(image) // 4 * 4, :, 0].reshape(len(image) // 4, 4, -1).mean(axis=1)
    blocks = blocks[:, : blocks.shape[1] // 4 * 4].reshape(len(blocks), -1, 4).mean(axis=2)
    stretched = np.clip((blocks - np.percentile(blocks, 1)) / np.ptp(model) / 1.5, 0, 1)
    rows, columns = mesh.shape
    panels = (
        ("Image (red), stretched", stretched, {"cmap": "gray"}),
        (f"Mesh: medians of {rows} x {columns} cells", cells, levels),
        ("Model: the selected surface", model, levels),
        ("Mesh - model, in noise", off, {"vmin": -10, "vmax": 10, "cmap": "RdBu_r"}),
        ("Weights of the cells", surface.weight.reshape(mesh.shape), share),
        ("Weights of the pixels", sky.weight[..., 0], share),
    )
    figure = Figure(figsize=SIZE, layout="constrained")
    for axes, (title, values, look) in zip(figure.subplots(2, 3).flat, panels, strict=True):
        picture = axes.imshow(values, interpolation="nearest", aspect="auto", **look)
        axes.set_title(title, fontsize=10)
        axes.set_xticks([])
        axes.set_yticks([])
        if values is not stretched:
            ticks = {id(levels): [], id(share): [0, 0.5, 1]}.get(id(look))
            figure.colorbar(picture, ax=axes, shrink=0.9, ticks=ticks)
    return figure
