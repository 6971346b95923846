"""The whole job in TensorFlow: ``python run.py SETTINGS.json IMAGE.npy FOLDER``.

The image is linear, (H, W, K) float32. The settings are ``per_axis`` (control points on a grid),
``order``, ``side`` (of the blocks), ``alpha``, ``quantile``, ``thresholds``, ``epochs``, ``weight``
(an (H, W) .npy, or null), ``render`` and ``threads``. The program writes
background.npy and corrected.npy if it is to render, and prints its measurements as a JSON object.
"""

from __future__ import annotations

import time

started = time.perf_counter()

import json  # noqa: E402
import os  # noqa: E402
import resource  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from image import (  # noqa: E402
    Stretch,
    block_centres,
    block_medians,
    grid,
    pixel_centres,
    subtract,
    values_under,
)
from model import SplineLayer, evaluate, fit  # noqa: E402


class Clock(tf.keras.callbacks.Callback):
    """Records the time at which each epoch began."""

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.times: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.times.append(time.perf_counter())

    def on_train_end(self, logs: dict | None = None) -> None:
        self.times.append(time.perf_counter())


def peak_memory_bytes() -> int:
    """The largest resident size so far; not getrusage's where that counts the parent, too."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return 1024 * int(status.partition("VmHWM:")[2].split()[0])
    except OSError:
        return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main(settings_path: str, image_path: str, folder: str) -> None:
    settings = json.loads(Path(settings_path).read_text(encoding="utf-8"))
    side, order = settings["side"], settings["order"]
    tf.config.threading.set_intra_op_parallelism_threads(settings["threads"])
    marks = {"import": time.perf_counter()}

    image = np.load(image_path)
    marks["read"] = time.perf_counter()

    stretch = Stretch.of(image, settings["quantile"])
    data = block_medians(stretch.apply(image), side)
    if settings["weight"]:
        weight = block_medians(np.load(settings["weight"])[..., np.newaxis], side)
        weight = np.where(np.isnan(data), 0, weight)
    else:
        low, high = settings["thresholds"]
        weight = ((data >= low) & (data <= high)).astype(np.float32)
    y, x = (block_centres(size, side) for size in image.shape[:2])
    marks["prepare"] = time.perf_counter()

    points = grid(settings["per_axis"], data.shape[:2])
    layer = SplineLayer.through(points, values_under(points, data, weight, y, x), order)
    positions = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1).reshape(-1, 2)
    target = np.concatenate([np.nan_to_num(data), weight], axis=2).reshape(len(positions), -1)
    clock, options = Clock(), {"alpha": settings["alpha"], "epochs": settings["epochs"]}
    losses = fit(layer, positions, target, callbacks=[clock], **options)
    marks["fit"] = time.perf_counter()

    if settings["render"]:
        full = evaluate(layer, *map(pixel_centres, image.shape[:2]), chunk=len(positions))
        marks["render"] = time.perf_counter()
        background = stretch.invert(full)
        corrected = subtract(image, background)
        marks["correct"] = time.perf_counter()
        np.save(Path(folder) / "background.npy", background)
        np.save(Path(folder) / "corrected.npy", corrected)
        marks["write"] = time.perf_counter()

    lasted = np.diff([started, *marks.values()])
    seconds = dict(zip(marks, lasted.tolist(), strict=True))
    epochs = np.diff(clock.times)
    gpus = tf.config.list_physical_devices("GPU")
    report = {
        "seconds": {**seconds, "total": time.perf_counter() - started},
        "seconds_per_iteration": float(np.median(epochs[2:] if len(epochs) > 2 else epochs)),
        "iterations": len(losses),
        "first_loss": losses[0],
        "loss": min(losses),
        "peak_memory_bytes": peak_memory_bytes(),
        "gpu": gpus[0].name if gpus else None,
        "gpu_peak_bytes": tf.config.experimental.get_memory_info("GPU:0")["peak"] if gpus else None,
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main(*sys.argv[1:])
