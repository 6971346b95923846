"""Other programs on simulated skies: error against the known background, time, memory.

Each peer runs in a process of its own with its own defaults. Its clock starts after it is imported
and the array is read. A peer that accepts a mask gets one of the missing samples. A peer that is
not installed is skipped, with a message. GraXpert runs in an environment of its own.

fastbg      default settings, Python API
bgoptimizer the method of bgoptimizer with its defaults, run by fastbg as the preset of that name
sep         `sep.Background`: mesh of 64 x 64 (pip install sep)
photutils   `Background2D`: mesh of 64 x 64, SExtractor's estimator, 3 sigma clipping, filter of 3
            x 3 (pip install photutils)
seiza rbf   `seiza.fit_background`, model="radial_basis" (pip install seiza)
seiza auto  the same, model="automatic"
graxpert    RBF interpolation of automatic grid points, defaults of its preferences: 15 points a
            row, tolerance 1, samples of 25 pixels, thin plates, no smoothing; its memory is that
            of its main process
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

MESH = 64
GRAXPERT, GRAXPERT_PYTHON = "GRAXPERT_SOURCE", "GRAXPERT_PYTHON"

Model = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Maps a linear image, (H, W, K), and its missing samples, (H, W), to its background, (H, W, K)."""


def fastbg() -> Model:
    from fastbg.jobs.array import remove_background

    return lambda image, missing: remove_background(image).background


def bgoptimizer() -> Model:
    from fastbg import load_preset
    from fastbg.jobs.array import remove_background

    settings = load_preset("bgoptimizer")
    return lambda image, missing: remove_background(image, settings=settings).background


def sep() -> Model:
    import sep

    def plane(samples: np.ndarray, missing: np.ndarray) -> np.ndarray:
        samples = np.ascontiguousarray(samples)
        return sep.Background(samples, mask=missing, bw=MESH, bh=MESH).back()

    return _by_channel(plane)


def photutils() -> Model:
    from photutils.background import Background2D

    return _by_channel(
        lambda samples, missing: Background2D(samples, MESH, coverage_mask=missing).background
    )


def seiza_rbf() -> Model:
    return _seiza("radial_basis")


def seiza_auto() -> Model:
    return _seiza("automatic")


def _seiza(kind: str) -> Model:
    import seiza

    def model(image: np.ndarray, missing: np.ndarray) -> np.ndarray:
        samples = np.ascontiguousarray(image[..., 0] if image.shape[2] == 1 else image)
        found = seiza.fit_background(samples, mask=missing, model=kind)
        return found.render().reshape(image.shape)

    return model


def graxpert() -> Model:
    sys.path.insert(0, os.environ[GRAXPERT])
    from graxpert.background_extraction import executor, extract_background
    from graxpert.background_grid_selection import background_grid_selection
    from graxpert.preferences import Prefs

    chosen = Prefs()
    size = chosen.sample_size

    def model(image: np.ndarray, missing: np.ndarray) -> np.ndarray:
        points = background_grid_selection(image, chosen.bg_pts_option, chosen.bg_tol_option, size)
        background = extract_background(
            image.copy(),
            np.array(points),
            chosen.interpol_type_option,
            chosen.smoothing_option,
            downscale_factor=4,
            sample_size=size,
            RBF_kernel=chosen.RBF_kernel,
            spline_order=chosen.spline_order,
            corr_type=chosen.corr_type,
            ai_path=None,
        )
        executor.shutdown()
        return background

    return model


def _by_channel(plane: Model) -> Model:
    def model(image: np.ndarray, missing: np.ndarray) -> np.ndarray:
        return np.stack([plane(each, missing) for each in np.moveaxis(image, 2, 0)], axis=2)

    return model


PEERS: dict[str, tuple[Callable[[], Model], str]] = {
    "fastbg": (fastbg, "fastbg"),
    "bgoptimizer": (bgoptimizer, "fastbg"),
    "sep": (sep, "sep"),
    "photutils": (photutils, "photutils"),
    "seiza rbf": (seiza_rbf, "seiza"),
    "seiza auto": (seiza_auto, "seiza"),
    "graxpert": (graxpert, "graxpert"),
}
"""For each name the function that imports the peer, and the package that it needs."""


def unavailable(name: str) -> str | None:
    """Why a peer cannot run here and how to change that, or None."""
    package = PEERS[name][1]
    if package != "graxpert":
        return None if find_spec(package) else f"pip install {package}"
    if GRAXPERT in os.environ:
        return None
    return (
        f"install it in an environment of its own, name the folder that holds its package in "
        f"{GRAXPERT}, and the Python of that environment in {GRAXPERT_PYTHON}"
    )


def peak_memory_bytes() -> int:
    """The largest resident size so far, for environments without fastbg; Linux only."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def run(name: str, image_path: str, model_path: str) -> None:
    """Fit, save the model, and print time and memory; runs in a process of its own."""
    image = np.load(image_path)
    missing = (image == 0).all(axis=2)
    fit = PEERS[name][0]()
    start = time.perf_counter()
    model = fit(image, missing)
    seconds = time.perf_counter() - start
    report = {"seconds": seconds, "peak_memory_bytes": peak_memory_bytes()}
    np.save(model_path, model)
    print(json.dumps(report))


def measure(name: str, folder: Path) -> tuple[np.ndarray, dict[str, Any]]:
    """Run a peer on the image in a folder and return its model, (H, W, K), and its report."""
    from measuring import report_of

    image, model = folder / "image.npy", folder / "model.npy"
    python = os.environ.get(GRAXPERT_PYTHON) if name == "graxpert" else None
    report = report_of(__file__, name, str(image), str(model), python=python or sys.executable)
    return np.load(model), report


def _told(reports: list[dict[str, Any]]) -> str:
    """The median error of some runs, and the worst if there are several."""
    errors = [report["error"] for report in reports]
    if not errors:
        return "failed"
    worst = f" ({max(errors):.3f})" if len(errors) > 1 else ""
    return f"{np.median(errors):.3f}{worst}"


def main(arguments: list[str]) -> int:
    from scenes import SCENES, error, simulate
    from sheet import Sheet

    parser = argparse.ArgumentParser(
        prog="python bench peers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--size", nargs=2, type=int, default=(2000, 3000), metavar=("H", "W"))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1], metavar="SEED")
    parser.add_argument("--only", nargs="+", choices=PEERS, default=[*PEERS], metavar="PEER")
    parser.add_argument("--json", default="peers.json", help="(%(default)s)")
    parser.add_argument("--sheets", metavar="FOLDER", help="a picture of all scenes for each peer")
    parser.add_argument("--smoke", action="store_true", help="tiny, and nothing is written")
    options = parser.parse_args(arguments)
    shape = (120, 180) if options.smoke else tuple(options.size)
    scenes = [*SCENES][:2] if options.smoke else [*SCENES]

    reasons = {name: unavailable(name) for name in options.only}
    for name, reason in reasons.items():
        if reason:
            print(f"{name} skipped: {reason}")
    peers = [name for name, reason in reasons.items() if not reason]
    seeds = ", ".join(map(str, options.seeds))
    sheets = {
        name: Sheet(
            f"{name} on simulated skies", f"{shape[1]} x {shape[0]}, seed {options.seeds[0]}"
        )
        for name in peers
    }
    several = " median (worst)" if len(options.seeds) > 1 else ""
    print(f"\nstd(model - truth) / std(truth),{several} {shape[0]} x {shape[1]}, seeds {seeds}")
    print(f"{'scene':18}" + "".join(f"{name:>15}" for name in peers))
    results: dict[str, dict[str, list[dict[str, Any]]]] = {name: {} for name in peers}
    failures: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for scene_name in scenes:
            for seed in options.seeds:
                scene = simulate(scene_name, shape, seed)
                np.save(Path(folder) / "image.npy", np.ascontiguousarray(scene.image))
                for name in peers:
                    try:
                        model, report = measure(name, Path(folder))
                    except RuntimeError as failure:
                        failures.append(f"{name}, {scene_name}, seed {seed}: {failure}")
                        continue
                    report["error"] = error(model, scene)
                    results[name].setdefault(scene_name, []).append(report)
                    if seed == options.seeds[0]:
                        sheets[name].add(scene_name, scene, model, report["error"])
            cells = (_told(results[name].get(scene_name, [])) for name in peers)
            print(f"{scene_name:18}" + "".join(f"{cell:>15}" for cell in cells), flush=True)
    for title, key, unit in (("seconds", "seconds", 1), ("MB", "peak_memory_bytes", 1e6)):
        medians = (
            np.median([each[key] / unit for runs in found.values() for each in runs] or np.nan)
            for found in results.values()
        )
        print(f"{title + ', median':18}" + "".join(f"{median:15.3g}" for median in medians))
    print(*failures, sep="\n", end="\n" * bool(failures))
    if not options.smoke:
        Path(options.json).write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        print(options.json)
        if options.sheets:
            for name, sheet in sheets.items():
                sheet.save(str(Path(options.sheets) / f"{name.replace(' ', '_')}.png"))
    return 0


if __name__ == "__main__":
    run(*sys.argv[1:])
