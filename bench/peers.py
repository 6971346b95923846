"""Other programs on simulated skies: error against the known background, and memory.

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
siril       `seqsubsky` with polynomials of degree 2 on its grid of samples, of which it drops those
            that are brighter than its tolerance (apt install siril); its memory is not told

The file of --json also has the seconds of each run, which depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from scenes import Scene, Shape

MESH = 64
GRAXPERT, GRAXPERT_PYTHON = "GRAXPERT_SOURCE", "GRAXPERT_PYTHON"
SIRIL = "siril-cli"

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


def siril() -> Model:
    from astropy.io import fits

    def model(image: np.ndarray, missing: np.ndarray) -> np.ndarray:
        planes = np.ascontiguousarray(np.moveaxis(image, 2, 0))
        with tempfile.TemporaryDirectory() as folder:
            # Version 1.0 takes no sequence of one frame, and `subsky` stops its scripts.
            for number in (1, 2):
                fits.writeto(f"{folder}/sky_0000{number}.fit", planes.squeeze())
            script = Path(folder) / "script.ssf"
            script.write_text("requires 1.0.0\nsetext fit\nset32bits\nseqsubsky sky 2\n")
            command = [SIRIL, "-d", folder, "-s", str(script)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                raise RuntimeError(done.stdout.strip().splitlines()[-1])
            after = fits.getdata(f"{folder}/bkg_sky_00001.fit")
        return image - np.moveaxis(after.reshape(planes.shape), 0, 2)

    return model


def _by_channel(plane: Model) -> Model:
    def model(image: np.ndarray, missing: np.ndarray) -> np.ndarray:
        return np.stack([plane(each, missing) for each in np.moveaxis(image, 2, 0)], axis=2)

    return model


Results = dict[str, dict[str, list[dict[str, Any]]]]
"""By peer and kind, the reports of the seeds."""

PEERS: dict[str, tuple[Callable[[], Model], str]] = {
    "fastbg": (fastbg, "fastbg"),
    "bgoptimizer": (bgoptimizer, "fastbg"),
    "sep": (sep, "sep"),
    "photutils": (photutils, "photutils"),
    "seiza rbf": (seiza_rbf, "seiza"),
    "seiza auto": (seiza_auto, "seiza"),
    "graxpert": (graxpert, "graxpert"),
    "siril": (siril, SIRIL),
}
"""For each name the function that imports the peer, and the package or program that it needs."""


def unavailable(name: str) -> str | None:
    """Why a peer cannot run here and how to change that, or None."""
    package = PEERS[name][1]
    if package == SIRIL:
        return None if which(SIRIL) else f"put {SIRIL} on the path (apt install siril)"
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


def _best(found: Results, kind: str) -> str:
    """The peer with the least median error on a kind."""
    medians = {
        name: np.median([report["error"] for report in of_kinds[kind]])
        for name, of_kinds in found.items()
        if of_kinds.get(kind)
    }
    return min(medians, key=lambda name: medians[name], default="none")


def compare(
    peers: Sequence[str], kind: str, shape: Shape, seeds: Sequence[int]
) -> Iterator[tuple[str, Scene, np.ndarray | None, dict[str, Any]]]:
    """Run every peer on the skies of a kind: peer, scene, model and report.

    The model of a peer that failed is None, and its report holds the ``failure``.
    """
    from scenes import error, simulate

    with tempfile.TemporaryDirectory() as folder:
        for seed in seeds:
            scene = simulate(kind, shape, seed)
            np.save(Path(folder) / "image.npy", np.ascontiguousarray(scene.image))
            for name in peers:
                try:
                    model, report = measure(name, Path(folder))
                except RuntimeError as failure:
                    told = f"{name}, {kind}, seed {seed}: {failure}"
                    yield name, scene, None, {"failure": told}
                    continue
                yield name, scene, model, report | {"error": error(model, scene)}


def table(
    options: argparse.Namespace, run_now: Sequence[str], shape: Shape, earlier: Results
) -> Results:
    """Print the table of a size, and draw the sheets if they are asked for.

    Peers that are not run now have the results of an earlier table of the same skies.
    """
    from scenes.choice import size_name
    from sheet import Sheet

    size, seeds = size_name(shape), ", ".join(map(str, options.seeds))
    several = " median (worst)," if len(options.seeds) > 1 else ""
    print(f"\nstd(model - truth) / std(truth),{several} {size}, seeds {seeds}")
    peers = [*run_now, *(name for name in earlier if name not in run_now)]
    print(f"{'kind':18}" + "".join(f"{name:>15}" for name in peers) + "   best")
    sheets = {
        name: Sheet(f"{name} on simulated skies", f"{size}, seeds {seeds}") for name in run_now
    }
    found: Results = {name: {} for name in run_now}
    for name in peers[len(run_now) :]:
        found[name] = {kind: earlier[name].get(kind, []) for kind in options.kinds}
    failures, best = [], Counter(dict.fromkeys(peers, 0))
    for kind in options.kinds:
        for name, scene, model, report in compare(run_now, kind, shape, options.seeds):
            if model is None:
                failures.append(report["failure"])
                continue
            drawn = bool(found[name].get(kind))
            found[name].setdefault(kind, []).append(report)
            if options.sheets and not drawn:
                sheets[name].add(kind, scene, model, report["error"])
        cells = (_told(found[name].get(kind, [])) for name in peers)
        winner = _best(found, kind)
        best[winner] += 1
        print(f"{kind:18}" + "".join(f"{cell:>15}" for cell in cells) + f"   {winner}", flush=True)
    for title, value in (("geometric mean", _mean_error), ("MB, median", _median_megabytes)):
        print(f"{title:18}" + "".join(f"{value(found[name]):15.3g}" for name in peers))
    counts = ", ".join(f"{name} {best[name]}" for name in peers)
    print(f"best by the median, of {len(options.kinds)} kinds: {counts}")
    print(*failures, sep="\n", end="\n" * bool(failures))
    if options.sheets and not options.smoke:
        for name, sheet in sheets.items():
            sheet.save(str(Path(options.sheets) / f"{name.replace(' ', '_')}_{size}.png"))
    return found


def _mean_error(of_kinds: dict[str, list[dict[str, Any]]]) -> float:
    """The geometric mean of the medians of the kinds on which a peer did not fail."""
    medians = [np.median([report["error"] for report in runs]) for runs in of_kinds.values()]
    return float(np.exp(np.log(medians).mean())) if medians else np.nan


def _median_megabytes(of_kinds: dict[str, list[dict[str, Any]]]) -> float:
    sizes = [report["peak_memory_bytes"] / 1e6 for runs in of_kinds.values() for report in runs]
    return float(np.median(sizes)) if sizes else np.nan


def main(arguments: list[str]) -> int:
    from scenes.choice import add_choice, described, narrowed, size_name

    parser = argparse.ArgumentParser(
        prog="python bench peers",
        description=__doc__,
        epilog=described(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_choice(parser, "familiar", [(2000, 3000)])
    parser.add_argument("--only", nargs="+", choices=PEERS, default=[*PEERS], metavar="PEER")
    parser.add_argument("--json", default="peers.json", help="(%(default)s)")
    parser.add_argument("--sheets", metavar="FOLDER", help="a picture of all kinds for each peer")
    parser.add_argument(
        "--with",
        dest="earlier",
        type=Path,
        metavar="JSON",
        help="of an earlier run on the same skies, whose other peers are not run again",
    )
    options = narrowed(parser.parse_args(arguments))
    earlier = json.loads(options.earlier.read_text(encoding="utf-8")) if options.earlier else {}

    reasons = {name: unavailable(name) for name in options.only}
    for name, reason in reasons.items():
        if reason:
            print(f"{name} skipped: {reason}")
    peers = [name for name, reason in reasons.items() if not reason]
    if "siril" in peers:
        print(subprocess.run([SIRIL, "--version"], capture_output=True, text=True).stdout.strip())
    results = {}
    for shape in options.sizes:
        size = size_name(shape)
        results[size] = table(options, peers, shape, earlier.get(size, {}))
    if not options.smoke:
        Path(options.json).write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        print(options.json)
    return 0


if __name__ == "__main__":
    run(*sys.argv[1:])
