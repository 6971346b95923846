"""How long the default descent takes until its loss is as low as a given one: see compare.py.

``python until.py FILE FOLDER LOSS N FACTOR [MASK]`` does the whole job, with outputs in the folder,
and prints a JSON object. ``seconds`` and ``evaluations`` (those on all pixels) are null if the loss
stays higher. The time begins with the fit: control points, the start and coarse levels are within.
"""

from __future__ import annotations

import json
import sys
import time

from fastbg import Progress, process_file


def main(path: str, folder: str, loss: str, points: str, factor: str, *mask: str) -> None:
    goal, begun, seconds, evaluations = float(loss), 0.0, None, None

    def watch(progress: Progress) -> None:
        nonlocal begun, seconds, evaluations
        if progress.stage != "fit":
            return
        if progress.loss is None:
            begun = time.perf_counter()
        elif seconds is None and progress.done and progress.loss <= goal:
            seconds, evaluations = time.perf_counter() - begun, progress.done

    process_file(
        path,
        output_dir=folder,
        overwrite=True,
        mask=mask or None,
        progress=watch,
        initializer="grid",
        control_points=int(points),
        downscaling_factor=int(factor),
    )
    print(json.dumps({"seconds": seconds, "evaluations": evaluations}))


if __name__ == "__main__":
    main(*sys.argv[1:])
