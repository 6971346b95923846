"""What a job tells about itself: one dict of plain numbers, strings, lists and dicts.

``fastbg``
    Version.
``input``, ``outputs``
    Paths, for jobs on files.
``settings``
    As in `fastbg.Settings`.
``image``
    ``height``, ``width``, ``channels``; of an undebayered frame those of its superpixels, one of
    each 2 x 2, and its ``cfa``, the pattern.
``stretch``
    ``pedestal``, ``scale`` (linear) and ``midtones`` of each channel.
``fitted``
    ``height`` and ``width`` of the down-scaled image, its ``usable_pixels``.
``fit``
    ``backend``, ``detail`` (its instruction set), ``threads``, ``control_points``, ``loss`` (the
    best), ``first_loss``, ``iterations``, ``ended`` (iterations, converged or diverged, or chosen
    where it is the sky that was found),
    ``history`` (at most 100 losses, evenly spaced, the last included), ``losses_of_starts``; with
    the backend auto, the backends that were ``passed_over`` and why.
``sky``
    Where it was searched for: the parts of the usable frame that are ``explained`` by the sky and
    ``below`` it, and its ``stiffness``.
``judgement``
    Of the model, on some thousand parts of the frame: ``gradient_before`` and ``gradient_after``,
    the deviation of what is smooth in the sky of each channel, linear; the ``noise`` of such a
    part; the part of the frame
    ``below`` the model; how it ``follows`` what was excluded, -1 to 1; the ``median`` and ``max``
    of its ``uncertainty``, linear. See `fastbg.diagnostics.Judgement`.
``statistics``
    ``min``, ``median`` and ``max`` of each channel of ``input``, ``background`` and ``corrected``,
    linear, over valid samples.
``pedestal``
    What was added back, per channel, linear.
``model``
    Instead of ``stretch``, ``fitted`` and ``fit``, where a model is applied: its ``file``,
    ``height``, ``width``, ``control_points``, and by what its channels were scaled, ``scale``.
``counts``
    Samples ``missing`` in the input, ``held`` at the ends of the stretch in the model, and
    ``below_0`` and ``above_1`` in the corrected image.
``seconds``
    By stage, and ``total``; with a report for a browser, without putting the outputs in place.
``peak_memory_bytes``
    Of the process so far; null where the system does not tell.
``warnings``
    Lines for the user.
"""

from __future__ import annotations

import json
import math
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..backends.protocol import load
from ..fit import Fit
from ..progress import Stages
from ..settings.settings import WITHOUT_EFFECT, Settings
from ..settings.text import HISTORY_WIDTH, to_history

if TYPE_CHECKING:
    from ..diagnostics import Judgement
    from ..image.image import Image
    from ..model.model import BackgroundModel
    from ..result import Prepared, Result
    from ..sky.detection import Sky

LITTLE_SKY = 0.15
"""The part of the frame below which the sky that was found is told to be doubtful."""

LEFT, BELOW, FOLLOWS, UNCERTAIN = 0.2, 0.1, 0.5, 0.3
"""From where on a judgement is a warning: the gradient that is left and the uncertainty, of the
gradient that was there; the part of the frame below the model; the correlation with objects."""

SAME_ASPECT = 0.01
"""By how much the proportions of an image and of a model may differ without a warning."""

APPLIED = ("pedestal", "mode", "sample_format", "backend", "threads")
"""The settings that count where a model is applied."""


def version() -> str:
    """The version of fastbg, or "unknown" where it is not installed."""
    from importlib import metadata

    try:
        return metadata.version("fastbg")
    except metadata.PackageNotFoundError:
        return "unknown"


def peak_memory_bytes() -> int | None:
    """The largest resident size of this process so far."""
    try:
        # Not getrusage: that counts the size of the process which started this one, too.
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return 1024 * int(status.partition("VmHWM:")[2].split()[0])
    except (OSError, LookupError, ValueError):
        pass
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def describe_image(image: Image, settings: Settings) -> dict[str, Any]:
    """The part of a report that is known before anything is done."""
    return {
        "fastbg": version(),
        "settings": settings.to_dict(),
        "image": {
            "height": image.shape[0],
            "width": image.shape[1],
            "channels": image.channels,
        },
        "counts": {},
        "warnings": [],
    }


def describe_model(
    model: BackgroundModel, name: str | None, scale: np.ndarray, image: Image, settings: Settings
) -> dict[str, Any]:
    """The part of a report about a model that is applied."""
    height, width = model.shape
    report = describe_image(image, settings)
    report["model"] = {
        "file": name,
        "height": height,
        "width": width,
        "control_points": len(model.spline.centres),
        "scale": scale.tolist(),
    }
    if abs(image.shape[0] * width / (image.shape[1] * height) - 1) > SAME_ASPECT:
        report["warnings"].append(
            f"the model was fitted to an image of {width} x {height} pixels, of other proportions: "
            "it is stretched to fit"
        )
    return report


def describe_preparation(prepared: Prepared, settings: Settings) -> dict[str, Any]:
    """The part of a report that is known before the fit."""
    image, stretch, problem = prepared.image, prepared.stretch, prepared.problem
    return {
        **describe_image(image, settings),
        "stretch": {
            "pedestal": stretch.pedestal.tolist(),
            "scale": stretch.scale.tolist(),
            "midtones": stretch.midtones.tolist(),
        },
        "fitted": {
            "height": problem.data.shape[0],
            "width": problem.data.shape[1],
            "usable_pixels": int(np.count_nonzero(problem.kept)),
        },
        "counts": {"missing": prepared.missing},
        **_describe_sky(prepared.sky),
    }


def _describe_sky(sky: Sky | None) -> dict[str, Any]:
    if sky is None:
        return {}
    return {
        "sky": {
            "explained": sky.surface.explained,
            "below": sky.surface.below,
            "stiffness": sky.surface.stiffness,
        }
    }


def describe_judgement(judgement: Judgement) -> dict[str, Any]:
    """Its numbers, and the median and maximum of its map."""
    uncertainty = judgement.uncertainty.reshape(-1, judgement.uncertainty.shape[-1])
    return {
        "gradient_before": judgement.before.tolist(),
        "gradient_after": judgement.after.tolist(),
        "noise": judgement.noise.tolist(),
        "below": judgement.below,
        "follows": judgement.follows,
        "uncertainty": {
            "median": np.median(uncertainty, axis=0).tolist(),
            "max": uncertainty.max(axis=0).tolist(),
        },
    }


def describe_fit(fit: Fit, backend: str, settings: Settings) -> dict[str, Any]:
    """The part of a report about the descent."""
    losses = fit.descent.losses
    losses = losses[np.isfinite(losses)]
    shown = np.unique(np.linspace(0, len(losses) - 1, 100).round().astype(int))
    return {
        "backend": backend,
        "detail": load(backend).detail(),
        "threads": settings.worker_threads,
        "control_points": len(fit.spline.centres),
        "loss": fit.descent.loss,
        "first_loss": float(losses[0]),
        "iterations": len(fit.descent.losses),
        "ended": fit.descent.reason,
        "history": losses[shown].tolist(),
        "losses_of_starts": fit.losses,
    }


def add_statistics(report: dict[str, Any], name: str, values: np.ndarray) -> None:
    """Add minimum, median and maximum of each channel, (K, 3), linear."""
    low, middle, high = values.T.tolist()
    report.setdefault("statistics", {})[name] = {"min": low, "median": middle, "max": high}


def warn(report: dict[str, Any], clipped: bool) -> None:
    """Add the warnings that follow from the counts and the descent.

    ``clipped``: whether what lies outside [0, 1] is clipped by the format of the output.
    """
    counts = report["counts"]
    held, below, above = (counts[name] for name in ("held", "below_0", "above_1"))
    fate = "they were clipped: write float32 to keep them" if clipped else "nothing was clipped"
    size = report["image"]
    samples = size["height"] * size["width"] * size["channels"]
    if held:
        report["warnings"].append(
            f"{_share(held, samples)} of the model lay outside the stretch and were held at its "
            "ends: raise the quantile if bright sky is affected"
        )
    if below:
        report["warnings"].append(
            f"{_share(below, samples)} of the corrected image are below 0; {fate}"
        )
    if above:
        report["warnings"].append(
            f"{_share(above, samples)} of the corrected image are above 1; {fate}"
        )
    if idle := Settings(**report["settings"]).idle:
        report["warnings"].append(
            f"{', '.join(idle)} had no effect: give a number of control points for a descent, and "
            "the optimizer adam for a learning rate"
        )
    if report.get("sky", {"explained": 1})["explained"] < LITTLE_SKY:
        report["warnings"].append(
            f"only {report['sky']['explained']:.0%} of the frame lies on a smooth surface: look at "
            "the model, and mask the objects if it follows them"
        )
    if "judgement" in report:
        report["warnings"].extend(_doubts(report["judgement"]))
    if "fit" in report and report["fit"]["ended"] == "diverged":
        report["warnings"].append(
            "the descent diverged and its best step was kept: lower the learning rate"
        )


def _doubts(judgement: Mapping[str, Any]) -> Iterable[str]:
    before, after = (np.mean(judgement[f"gradient_{when}"]) for when in ("before", "after"))
    uncertainty, noise = np.mean(judgement["uncertainty"]["median"]), np.mean(judgement["noise"])
    if after > max(LEFT * before, noise):
        yield (
            f"a gradient seems to be left, {after / max(before, after):.0%} of what there was: "
            "compare with other control points, or with auto"
        )
    if judgement["below"] > BELOW:
        yield (
            f"{judgement['below']:.0%} of the frame lies below the model: a landscape or dark "
            "dust may, but from sky too much was taken: mask what is none"
        )
    if judgement["follows"] > FOLLOWS:
        yield (
            "the model rises where objects were excluded, and may have taken their halos for sky: "
            "look at it, and mask more around them"
        )
    if uncertainty > max(UNCERTAIN * before, noise):
        yield (
            f"the model is uncertain by {uncertainty / max(before, uncertainty):.0%} of the "
            "gradient: there is little sky to tell it by, or many control points"
        )


def _share(count: int, samples: int) -> str:
    return f"{count} samples ({100 * count / samples:.3g} %)"


def history(report: Mapping[str, Any]) -> list[str]:
    """Lines for the FITS HISTORY: what was done, and the settings that repeat it."""
    settings = {
        name: value for name, value in report["settings"].items() if name not in WITHOUT_EFFECT
    }
    if fit := report.get("fit"):
        what = f"{fit['control_points']} control points, loss {fit['loss']:.4f}"
    else:
        model = report["model"]
        scale = " ".join(f"{factor:.4g}" for factor in model["scale"])
        what = f"of the model {model['file'] or 'given'}, scaled by {scale}"
        settings = {name: settings[name] for name in APPLIED if name in settings}
    text = f"fastbg {report['fastbg']}: background removed, {what}"
    return [*textwrap.wrap(text, HISTORY_WIDTH), *to_history(settings)]


def captions(prepared: Prepared, settings: Settings, result: Result | None) -> list[str]:
    """Lines below the title of a preview."""
    height, width = prepared.image.shape
    h, w, _ = prepared.problem.data.shape
    usable = 100 * np.count_nonzero(prepared.problem.kept) / (h * w)
    lines = [
        f"{width} x {height} pixels, fitted at {w} x {h} ({settings.downscaling_func} of "
        f"{settings.downscaling_factor} x {settings.downscaling_factor}), {usable:.4g} % usable"
    ]
    if sky := prepared.sky:
        lines.append(
            f"{sky.surface.explained:.0%} of that lies on the smoothest surface that is sky"
        )
    if result:
        fit = result.report["fit"]
        how = f"{fit['control_points']} control points, order {settings.order}, "
        steps = f" after {fit['iterations']} iterations"
        if not settings.control_points:
            how, steps = f"stiffness {result.report['sky']['stiffness']:.0e}, ", ""
        lines.append(f"{how}loss {fit['loss']:.4f}{steps}, pedestal {settings.pedestal}")
        lines.append(f"The gradient: {told_gradient(result.report['judgement'])}, linear")
    return lines


def told_gradient(judgement: Mapping[str, Any]) -> str:
    """What became of the gradient, in the mean over the channels."""
    before, after = (np.mean(judgement[f"gradient_{when}"]) for when in ("before", "after"))
    return (
        f"its standard deviation fell from {before:.2g} to about {after:.2g}, where the model is "
        f"sure to {np.mean(judgement['uncertainty']['median']):.2g}"
    )


def finish(
    report: dict[str, Any],
    stages: Stages,
    *,
    source: Path | None = None,
    outputs: Mapping[str, Path] | None = None,
    warnings: Iterable[str] = (),
) -> None:
    """Add what is known only when everything is done: files, seconds, memory."""
    if source:
        report["input"] = str(source)
        report["outputs"] = {name: str(path) for name, path in (outputs or {}).items()}
    report["warnings"] = [*warnings, *report["warnings"]]
    report["seconds"] = {**stages.seconds, "total": sum(stages.seconds.values())}
    report["peak_memory_bytes"] = peak_memory_bytes()


def to_json(report: Mapping[str, Any] | Sequence[Any], indent: int | None = 2) -> str:
    """Strict JSON: what is not a finite number is null."""
    return json.dumps(_plain(report), allow_nan=False, indent=indent)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
