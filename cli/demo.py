"""``fastbg demo``: the job on a simulated image, whose background is known."""

from __future__ import annotations

import shlex
import shutil
import sys
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..version import ONE_FILE
from .options import Overwrite

if TYPE_CHECKING:
    import numpy as np

SHAPE = (1000, 1500)
SEED = 4

FOLDER = "fastbg-demo"


def demo(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="DIR",
            help="Folder of the files; it is created if needed.",
            show_default=f"{FOLDER}, or {FOLDER}-2, ... if that has files of a demo",
        ),
    ] = None,
    *,
    overwrite: Overwrite = False,
) -> None:
    """Simulate an image with a known gradient, and remove the gradient."""
    import numpy as np

    from ..io import atomic, xisf
    from ..jobs.run import process_file
    from ..progress import Progress
    from ..simulate import simulate_sky
    from .progress import display
    from .summary import print_rows

    folder = folder or (Path(FOLDER) if overwrite else _unused_folder())
    targets = image, _, _, preview = _files(folder)
    atomic.check_targets(targets, overwrite=overwrite)
    with display(quiet=False) as progress:
        progress(Progress("simulate", 0, 1))
        sky = simulate_sky(SHAPE, np.random.default_rng(SEED))
        with atomic.staged([image], overwrite=overwrite) as (part,):
            xisf.write(part, sky.image)
        result = process_file(
            image,
            output_dir=folder,
            preview=preview,
            overwrite=overwrite,
            progress=progress,
        )
    outputs = result.report["outputs"]
    with xisf.open_image(outputs["background"]) as model:
        background = model.to_array()
    # The files of the demo are there already.
    command = [*_program(), "run", image, folder, "--preview-output", preview, "--overwrite"]
    before = _spread(sky.background)
    after = _spread(sky.background - background)
    removed = 100 * (1 - after.mean() / before.mean())
    print_rows(
        [
            ("simulated", f"{image}: {SHAPE[1]} x {SHAPE[0]} pixels"),
            ("corrected", outputs["corrected"]),
            ("background", outputs["background"]),
            ("preview", f"{outputs['preview']} (look at this picture)"),
            (
                "gradient",
                f"{removed:.1f} % of the known gradient was taken out; its standard deviation fell "
                f"from {before.mean():.2g} to {after.mean():.2g} (linear)",
            ),
            ("same as", shlex.join(map(str, command))),
        ]
    )


def _files(folder: Path) -> tuple[Path, Path, Path, Path]:
    """The image, the corrected image, the background and the picture."""
    from ..io.names import default_name

    image = folder / "sky.xisf"
    corrected, background = (default_name(image, folder, f"bg{x}") for x in ("Subtracted", "Model"))
    return image, corrected, background, default_name(image, folder, "preview", ".png")


def _unused_folder() -> Path:
    """The first of ``fastbg-demo``, ``fastbg-demo-2``, ... that has no file of a demo."""
    names = (FOLDER if number == 1 else f"{FOLDER}-{number}" for number in count(1))
    return next(
        folder for folder in map(Path, names) if not any(path.exists() for path in _files(folder))
    )


def _program() -> list[str]:
    """How this program is started from here: an environment need not be activated."""
    if ONE_FILE:
        return [sys.argv[0]]
    return ["fastbg"] if shutil.which("fastbg") else [sys.executable, "-m", "fastbg"]


def _spread(background: np.ndarray) -> np.ndarray:
    """The standard deviation of each channel, (K,), of a background, (H, W, K)."""
    spread: np.ndarray = background.std(axis=(0, 1), dtype="float64")
    return spread
