"""fastbg and the TensorFlow reference on the same images with the same settings, in turns.

The base case is 24 Mpx RGB with N = 36, blocks of 8 x 8 pixels and no mask; one of these changes at
a time. Each run is a process of its own that reads a file, does the whole job and writes its
outputs. The program checks that both compute the same: their losses at equal parameters, and in
every case the losses of their first iterations. Adam descends in both; the last line of a case is
the time that fastbg's default descent takes until its loss is as low (until.py).
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import reference
from fastbg.backends.registry import unavailable
from fastbg.io import xisf
from fastbg.simulate import fractal_noise, simulate_sky
from measuring import report_of

REFERENCE, UNTIL = str(reference.HERE / "run.py"), str(Path(__file__).parent / "until.py")
Results = list[tuple["Case", list[dict[str, Any]]]]

MASK_STEP = 64
"""The step in pixels at which a mask is drawn: a multiple of every downscaling factor."""


@dataclass(frozen=True)
class Case:
    """An image and the settings of its fit."""

    megapixels: float = 24
    control_points: int = 36
    downscaling_factor: int = 8
    channels: int = 3
    masked: float = 0

    @property
    def shape(self) -> tuple[int, int]:
        height = round((self.megapixels * 1e6 / 1.5) ** 0.5)
        return height, round(1.5 * height)

    @property
    def pairs(self) -> float:
        """Fitted pixels times control points: the work of an iteration of the reference."""
        return self.megapixels * 1e6 / self.downscaling_factor**2 * self.control_points

    def __str__(self) -> str:
        colour = "mono" if self.channels == 1 else "RGB"
        return (
            f"{self.megapixels:g} Mpx {colour}, N = {self.control_points}, "
            f"dx = {self.downscaling_factor}, {self.masked:.0%} masked"
        )


SWEEPS = {
    "megapixels": [1, 6, 24, 61],
    "control_points": [16, 36, 64, 256],
    "downscaling_factor": [8, 4, 2],
    "channels": [3, 1],
    "masked": [0, 0.5, 0.9],
}


def cases(base: Case) -> list[Case]:
    """The base case and those that differ from it in one quantity, each once."""
    varied = [replace(base, **{name: v}) for name, values in SWEEPS.items() for v in values]
    return list(dict.fromkeys(varied))


class Bench:
    """The files of a case, and runs of both programs on them."""

    def __init__(self, folder: Path, epochs: int, seed: int) -> None:
        self.folder, self.epochs, self.seed = folder, epochs, seed
        self.python, self.backends = reference.python(), _backends()

    def prepare(self, case: Case) -> None:
        """Write the image for both programs, and a mask in the shape of clouds if there is one."""
        rng = np.random.default_rng(self.seed)
        image = simulate_sky(case.shape, rng, case.channels).image
        self._write("sky", image)
        if case.masked:
            height, width = (-(-size // MASK_STEP) for size in case.shape)
            clouds = fractal_noise((height, width), 2.0, rng)
            used = clouds >= np.quantile(clouds, case.masked)
            weight = np.kron(used, np.ones((MASK_STEP, MASK_STEP), np.float32))
            self._write("weight", weight[: case.shape[0], : case.shape[1], np.newaxis])

    def ours(self, case: Case, backend: str) -> dict[str, Any]:
        arguments = ["run", str(self.folder / "sky.xisf"), str(self.folder), "--json"]
        arguments += ["--overwrite", "--backend", backend, "--initializer", "grid"]
        arguments += ["--optimizer", "adam"]
        arguments += ["-N", str(case.control_points), "-dx", str(case.downscaling_factor)]
        if case.masked:
            arguments += ["--mask", str(self.folder / "weight.xisf")]
        report, job = _timed("-P", "-m", "fastbg.cli", *arguments)
        fit, seconds = report["fit"], report["seconds"]
        return {
            "program": backend,
            "iteration": seconds["fit"] / fit["iterations"],
            "fit": seconds["fit"],
            "render": seconds["render"],
            "job": job,
            "bytes": report["peak_memory_bytes"],
            "iterations": fit["iterations"],
            "first_loss": fit["first_loss"],
            "loss": fit["loss"],
            "extrapolated": False,
        }

    def until(self, case: Case, loss: float) -> dict[str, Any]:
        """The seconds and evaluations that the default descent takes to a loss: see until.py."""
        arguments = [str(self.folder / "sky.xisf"), str(self.folder), str(loss)]
        arguments += [str(case.control_points), str(case.downscaling_factor)]
        arguments += [str(self.folder / "weight.xisf")] * bool(case.masked)
        return report_of("-P", UNTIL, *arguments)

    def theirs(self, case: Case, iterations: int) -> dict[str, Any]:
        """Run some iterations of the reference and extrapolate its times to the given number."""
        epochs = min(self.epochs, iterations)
        settings = {
            "per_axis": round(case.control_points**0.5),
            "order": 2,
            "side": case.downscaling_factor,
            "alpha": 5.0,
            "quantile": 0.95,
            "thresholds": [0.001, 1.0],
            "epochs": epochs,
            "weight": str(self.folder / "weight.npy") if case.masked else None,
            "render": True,
            "threads": os.cpu_count(),
        }
        path = self.folder / "settings.json"
        path.write_text(json.dumps(settings), encoding="utf-8")
        files = (str(path), str(self.folder / "sky.npy"), str(self.folder))
        report, job = _timed(REFERENCE, *files, python=str(self.python))
        iteration, seconds = report["seconds_per_iteration"], report["seconds"]
        left_out = (iterations - report["iterations"]) * iteration
        return {
            "program": "reference",
            "iteration": iteration,
            "fit": seconds["fit"] + left_out,
            "render": seconds["render"],
            "job": job + left_out,
            "bytes": report["peak_memory_bytes"],
            "gpu_bytes": report["gpu_peak_bytes"],
            "iterations": report["iterations"],
            "first_loss": report["first_loss"],
            "loss": report["loss"],
            "extrapolated": epochs < iterations,
        }

    def _write(self, name: str, image: np.ndarray) -> None:
        xisf.write(self.folder / f"{name}.xisf", image)
        np.save(self.folder / f"{name}.npy", image if name == "sky" else image[..., 0])


def _backends() -> list[str]:
    return [name for name in ("c", "cuda") if unavailable(name) is None]


def _timed(*arguments: str, **options: Any) -> tuple[dict[str, Any], float]:
    """The report of a process, and its time from start to end in seconds."""
    start = time.perf_counter()
    report = report_of(*arguments, **options)
    return report, time.perf_counter() - start


def measure(bench: Bench, case: Case, runs: int) -> list[dict[str, Any]]:
    """The fastest run of each program; the programs take turns."""
    found: dict[str, list[dict[str, Any]]] = {}
    for _ in range(runs):
        for backend in bench.backends:
            found.setdefault(backend, []).append(bench.ours(case, backend))
        by_adam = found[bench.backends[0]]
        by_adam[-1]["until"] = bench.until(case, by_adam[0]["loss"])
        if bench.python:
            iterations = found[bench.backends[0]][0]["iterations"]
            try:
                found.setdefault("reference", []).append(bench.theirs(case, iterations))
            except RuntimeError as failure:
                print(f"\n{case}: the reference did not finish ({failure})")
    soonest = min(
        (run["until"] for run in by_adam), key=lambda until: until["seconds"] or float("inf")
    )
    best = [min(each, key=lambda run: run["job"]) for each in found.values() if each]
    return [best[0] | {"until": soonest}, *best[1:]]


def show(case: Case, runs: list[dict[str, Any]]) -> None:
    """Print the table of one case, with ratios to the first program."""
    print(f"\n{case}")
    print(f"  {'':10} {'iteration':>12} {'fit':>10} {'render':>9} {'job':>10} {'memory':>10}")
    first, *others = runs
    for run in runs:
        about = "~" if run["extrapolated"] else ""
        fit, job = (f"{about}{run[name]:.2f} s" for name in ("fit", "job"))
        print(
            f"  {run['program']:10} {run['iteration'] * 1e3:9.2f} ms {fit:>10} "
            f"{run['render']:7.2f} s {job:>10} {run['bytes'] / 1e6:7.0f} MB"
        )
    for run in others:
        times = {
            name: f"{run[name] / first[name]:.3g} x"
            for name in ("iteration", "fit", "render", "job", "bytes")
        }
        print(
            f"  {'':10} {times['iteration']:>12} {times['fit']:>10} {times['render']:>9} "
            f"{times['job']:>10} {times['bytes']:>10}"
        )


def show_until(runs: list[dict[str, Any]]) -> None:
    """Print how soon the default descent is as low as Adam, with ratios to the fits by Adam."""
    seconds, evaluations = (runs[0]["until"][name] for name in ("seconds", "evaluations"))
    if seconds is None:
        print(f"  to {runs[0]['loss']:.4f} by default: never")
        return
    times = ", ".join(f"{run['fit'] / seconds:.3g} x {run['program']}" for run in runs)
    print(
        f"  to {runs[0]['loss']:.4f} by default: {seconds:.3f} s, {evaluations} evaluations of all "
        f"pixels; {times}"
    )


def same_start(runs: list[dict[str, Any]]) -> bool:
    """Whether the first losses agree; if not, say so."""
    first = runs[0]["first_loss"]
    off = max(abs(run["first_loss"] - first) for run in runs)
    if off > reference.TOLERANCE:
        print(f"  FIRST LOSSES DIFFER by {off:.1e}: this comparison is not fair")
    return off <= reference.TOLERANCE


def draw(base: Case, results: Results, path: Path) -> None:
    """Draw time and memory against megapixels, and the time of an iteration against N."""
    from matplotlib.figure import Figure

    panels = (
        ("megapixels", "job", 1, "whole job, s", "megapixels"),
        ("megapixels", "bytes", 1e6, "peak memory, MB", "megapixels"),
        ("control_points", "iteration", 1e-3, "one iteration, ms", "control points"),
    )
    figure = Figure(figsize=(12, 4), layout="constrained")
    for axes, (varied, quantity, unit, label, along) in zip(
        figure.subplots(1, 3), panels, strict=True
    ):
        curves: dict[str, list[tuple[float, float]]] = {}
        for case, runs in results:
            if replace(case, **{varied: getattr(base, varied)}) == base:
                for run in runs:
                    point = getattr(case, varied), run[quantity] / unit
                    curves.setdefault(run["program"], []).append(point)
        for program, points in curves.items():
            axes.loglog(*zip(*sorted(points), strict=True), "o-", label=program)
        axes.set(xlabel=along, ylabel=label)
        axes.set_xticks(SWEEPS[varied], [f"{value:g}" for value in SWEEPS[varied]], minor=False)
        axes.minorticks_off()
        axes.grid(alpha=0.3)
        if curves:
            axes.legend()
    figure.savefig(path, dpi=120)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python bench compare", description=__doc__.split("\n")[0]
    )
    parser.add_argument(
        "--epochs", type=int, default=12, help="of the reference; the rest is extrapolated (~)"
    )
    parser.add_argument("--runs", type=int, default=2, help="the fastest counts (%(default)s)")
    parser.add_argument("--only", metavar="TEXT", help="cases whose description has it")
    parser.add_argument(
        "--output", default=".", metavar="FOLDER", help="of compare.json and scaling.png"
    )
    parser.add_argument("--smoke", action="store_true", help="one tiny case, nothing written")
    options = parser.parse_args(arguments)
    base = Case(megapixels=0.02, control_points=4) if options.smoke else Case()
    chosen = [base] if options.smoke else cases(base)
    chosen = [case for case in chosen if (options.only or "") in str(case)]

    fair, results = True, []
    with tempfile.TemporaryDirectory() as folder:
        outputs = Path(folder if options.smoke else options.output)
        bench = Bench(Path(folder), options.epochs, seed=1)
        if bench.python:
            fair = reference.check(bench.python)
        else:
            print(f"reference skipped: it has no environment; {reference.CURE}")
        for case in sorted(chosen, key=lambda case: case.pairs):
            bench.prepare(case)
            runs = measure(bench, case, 1 if options.smoke else options.runs)
            show(case, runs)
            show_until(runs)
            fair &= same_start(runs)
            results.append((case, runs))
            records = [{"case": asdict(case), "runs": runs} for case, runs in results]
            (outputs / "compare.json").write_text(json.dumps(records, indent=1), encoding="utf-8")
            draw(base, results, outputs / "scaling.png")
        if not options.smoke:
            print("\ncompare.json and scaling.png are written")
    return 0 if fair else 1
