"""``fastbg demo``: the job on a simulated image, whose background is known."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import numpy as np

SHAPE = (1000, 1500)
SEED = 4


def demo(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of the files; it is created if needed.")
    ] = Path("fastbg-demo"),
) -> None:
    """Simulate an image with a known gradient, and remove the gradient."""
    import numpy as np

    from ..io import atomic, xisf
    from ..io.names import default_name
    from ..jobs.run import process_file
    from ..progress import Progress
    from ..simulate import simulate_sky
    from .progress import display
    from .summary import print_rows

    image = folder / "sky.xisf"
    preview = default_name(image, folder, "preview", ".png")
    atomic.check_targets([image], overwrite=True)
    with display(quiet=False) as progress:
        progress(Progress("simulate", 0, 1))
        sky = simulate_sky(SHAPE, np.random.default_rng(SEED))
        with atomic.staged([image], overwrite=True) as (part,):
            xisf.write(part, sky.image)
        result = process_file(
            image,
            output_dir=folder,
            preview=preview,
            overwrite=True,
            progress=progress,
        )
    outputs = result.report["outputs"]
    with xisf.open_image(outputs["background"]) as model:
        background = model.to_array()
    command = ["fastbg", "run", image, folder, "--preview-output", preview]
    before = _spread(sky.background)
    after = _spread(sky.background - background)
    removed = 100 * (1 - after / before).mean()
    print_rows(
        [
            ("simulated", f"{image}: {SHAPE[1]} x {SHAPE[0]} pixels"),
            ("corrected", outputs["corrected"]),
            ("background", outputs["background"]),
            ("preview", f"{outputs['preview']} (look at this picture)"),
            (
                "gradient",
                f"{removed:.1f} % of the known gradient was removed: its standard deviation fell "
                f"from {before.mean():.5f} to {after.mean():.5f}",
            ),
            ("same as", shlex.join(map(str, command))),
        ]
    )


def _spread(background: np.ndarray) -> np.ndarray:
    """The standard deviation of each channel, (K,), of a background, (H, W, K)."""
    spread: np.ndarray = background.std(axis=(0, 1), dtype="float64")
    return spread
