"""The report of a job: one dict of plain numbers, strings, lists and dicts.

It is described once, when the job is done; nothing is computed from it.

``gradient``
    How much of the gradient was taken out: ``taken_out``, the share of its standard deviation, 0
    to 1; its standard deviation ``before`` and ``after``; and the ``uncertainty`` of the model.
    Linear, means over the channels: see `fastbg.report.gradient`.
``fastbg``
    Version.
``input``, ``outputs``
    Paths, for jobs on files.
``settings``
    As in `fastbg.Settings`.
``image``
    ``height``, ``width`` and ``channels`` of the image that is fitted. A Bayer mosaic is fitted as
    superpixels of 2 x 2 pixels each; then ``cfa`` is its pattern, and ``mosaic`` has its own
    ``height`` and ``width``. For files also ``white``: the ``value`` that became 1, and ``how`` it
    was found: "declared" by the file, by the "type" of unsigned integers, "guessed" from all
    samples, or "given"; see `fastbg.io.white`. With a border that is no sky, ``border`` has its
    ``share``, the keywords that it is ``told_by``, none where it was found, and its ``boxes``:
    rows from ``top`` to before ``bottom`` and columns from ``left`` to before ``right``.
``protected``
    The outlines of the catalogue and of places that were given, if there are any: the ``name`` of
    each, its centre ``y`` and ``x``, its semi-axes ``major`` and ``minor``, in pixels of the fitted
    image, and the ``angle`` of the major axis, from the axis x towards y, in degrees.
``stretch``
    ``pedestal``, ``scale`` (linear) and ``midtones`` of each channel.
``fitted``
    ``height`` and ``width`` of the down-scaled image, and its ``usable_pixels``, those that the fit
    uses.
``fit``
    ``backend``, ``detail`` (its instruction set), ``threads``, ``control_points``, ``ended``
    (iterations, converged or diverged, or chosen where the model is the sky that was found); of a
    descent its ``iterations``, ``loss`` (the best), ``first_loss``, ``history`` (at most 100
    losses, evenly spaced, the last included) and ``losses_of_starts``; with the backend auto, the
    backends that were ``passed_over`` and why.
``sky``
    The shares of the usable frame that the sky that was found has ``explained`` and that lie
    ``below`` it, the ``stiffness`` of its surface, and where it has a ``glow``: "at the lower left
    corner", "along the upper edge", "along the horizon". Whether it is the mean with the sky behind
    the ``halo`` of a saturated area, and whether it is ``guessed`` behind objects that hide most of
    the frame.
    ``candidates`` tell the ``flexibility`` of that surface, 1 to 10, the ``automatic`` one, and
    what each candidate that was tried has ``explained``. Of a mosaic, also its number of ``panels``
    and its ``seams``: the ``axis``, "x" or "y", on which each lies, at its ``first`` and at its
    ``last`` end, and the ``width`` over which it is blended, in pixels.
``samples``
    Instead of a search, the samples through which the background goes, in their order: ``x``, ``y``
    and ``radius`` in pixels, as given; the level of the sky, its ``value`` in each channel, with
    its standard ``error``, linear; the ``weight`` that it has in the fit, 0 to 1; the share of its
    pixels that is ``sky``; whether it is ``used``, and ``why`` not. Then ``sky`` has also the
    ``freedom`` of the surface, its effective number of degrees of freedom.
``reference``
    With an image of the same sky, how it compares: its ``file``; ``how`` it is known where the
    image lies in it, "same grid", "coordinates" or "stars"; the share of the image that it
    ``covers``; how far, down and to the right in pixels, it seems to be ``displaced``; for each
    channel of the image the ``scale``, how much of each of its channels is in it, the relative
    standard ``error`` of that and what it is ``told_by``, "stars", "structure" or "given"; the
    share of the usable frame that ``differs`` and was left out. What may be a gradient of its own
    is a polynomial of a ``degree``; that of the degree ``taken`` comes from the ``sky`` of the
    image itself, which is this share of the usable frame, or from the colours of the objects, and
    all else from the difference. What would tell it is ``seen``: "sky", "colours" or "nothing".
    ``left`` is the standard deviation, linear, of a gradient that the reference seems to have
    beyond that degree.
``second_opinion``
    If it was asked for, where a descent differs most from the sky that was found: ``y`` and ``x``
    from the upper left corner, in parts of the height and of the width, the ``difference`` there
    and its ``uncertainty``, linear.
``diagnostics``
    How good the model is, measured on some thousand cells of the frame: ``gradient_before`` and
    ``gradient_after``, the standard deviation of the smooth part of the sky in each channel,
    linear; the ``noise`` of one cell; the share of the usable frame ``below`` the model;
    ``follows``, the correlation of the model with the excluded objects, -1 to 1; the ``median`` and
    ``max`` of its ``uncertainty``, linear; the ``contrast`` of the gradient to the objects.
    See `fastbg.diagnostics.Diagnostics`.
``statistics``
    ``min``, ``median`` and ``max`` of each channel of ``input``, ``background`` and ``corrected``,
    linear, over valid samples; of the background of a large image, over some 256 of its rows.
``pedestal``
    The level that was added back, per channel, linear.
``model``
    Instead of ``stretch``, ``fitted`` and ``fit``, where a model is applied: its ``file``,
    ``height``, ``width``, ``control_points``, and ``scale``, the factors of its channels.
``counts``
    Samples of the fitted image that are ``missing``, and samples of the model that were ``clamped``
    to the range of the stretch; stored samples of the corrected image that are ``below_0`` and
    ``above_1``. Only what the job has counted is there.
``seconds``
    By stage, and ``total``; with a report for a browser, without putting the outputs in place.
``peak_memory_bytes``
    The largest resident size of the process so far; null where the system does not tell.
``worse``, ``doubts``
    Those lines of ``warnings`` that say that the frame got worse, and that its model may be wrong:
    see docs/results.md.
``warnings``
    Lines for the user.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from ..backends.registry import passed_over
from ..fit import Fit
from ..image.frame import Frame
from ..io.stream import without_folder
from ..pipeline import Job
from ..result import Applied, Corrected, Fitted, Measured, Preparation
from ..spline.panels import Seam
from ..version import version
from .doubts import doubts_of, worsening
from .figures import described_diagnostics, described_frame
from .files import Files as Files
from .gradient import Gradient
from .process import peak_memory_bytes
from .warnings import warnings_of


class Report(dict[str, Any]):
    """A dict, whose repr is one screen at most."""

    def __repr__(self) -> str:
        rows = [f"  {key:<18}{value}" for key, value in self.items()]
        cut = (row if len(row) <= COLUMNS else f"{row[: COLUMNS - 3]}..." for row in rows)
        return "\n".join(["Report (dict(report) shows all of it)", *cut])


MOST_LOSSES = 100
"""Losses in the ``history``."""

COLUMNS = 79
"""Characters of a line of the repr of a report."""


def describe(
    job: Job,
    frame: Frame,
    begun: Preparation | Applied,
    fitted: Fitted | None = None,
    corrected: Corrected | None = None,
    files: Files | None = None,
) -> Report:
    """The report of a job.

    Parameters
    ----------
    job : Job
    frame : Frame
    begun : Preparation or Applied
        The problem that was prepared, or the model that is applied.
    fitted : Fitted, optional
    corrected : Corrected, optional
    files : Files, optional
        For jobs on files.
    """
    report = Report()
    if fitted:
        report["gradient"] = Gradient.found(fitted.diagnostics, begun).to_dict()
    report["fastbg"] = version()
    if files:
        report["input"] = without_folder(str(files.source))
        report["outputs"] = {name: str(path) for name, path in files.outputs.items()}
    report["settings"] = job.settings.to_dict()
    report["image"] = _describe_frame(frame)
    if files and files.white:
        report["image"]["white"] = {"value": files.white.value, "how": files.white.how}
    if frame.outlines:
        report["protected"] = [each.to_dict() for each in frame.outlines]
    if isinstance(begun, Applied):
        report |= _describe_model(begun)
        report["whole_frame"] = described_frame(begun.whole_frame, frame.image.shape)
    else:
        report |= _describe_problem(begun)
        if files and files.reference:
            own = {"file": without_folder(str(files.reference))}
            report["reference"] = own | report.get("reference", {})
        if begun.sky and begun.sky.seams:
            report["sky"]["panels"] = len(begun.sky.seams) + 1
            report["sky"]["seams"] = seams_in_pixels(begun.sky.seams, frame.samples.shape)
    counts = {"missing": begun.measured.missing}
    statistics = {"input": begun.measured}
    if fitted:
        report["fit"] = _describe_fit(fitted.fit, job)
        report["diagnostics"] = described_diagnostics(fitted.diagnostics, frame.image.shape)
        if fitted.opinion:
            report["second_opinion"] = asdict(fitted.opinion)
    if corrected:
        plan = corrected.plan
        statistics |= {"background": plan.background, "corrected": corrected.measured}
        report["pedestal"] = plan.correction.levels.tolist()
        counts["clamped"] = plan.clamped_below + plan.clamped_above
        counts |= {"below_0": corrected.below_0, "above_1": corrected.above_1}
    report["statistics"] = {name: _describe_levels(each) for name, each in statistics.items()}
    report["counts"] = counts
    doubts = doubts_of(job.settings, begun, fitted, frame.image)
    report["worse"] = [*worsening(job.settings, begun, fitted)]
    report["doubts"] = doubts
    report["warnings"] = [
        *doubts,
        *(files.warnings if files else ()),
        *warnings_of(job, frame, begun, fitted, corrected, files),
    ]
    report["seconds"] = {**job.stages.seconds, "total": sum(job.stages.seconds.values())}
    report["peak_memory_bytes"] = peak_memory_bytes()
    return report


def _describe_frame(frame: Frame) -> dict[str, Any]:
    height, width = frame.image.shape
    image: dict[str, Any] = {"height": height, "width": width, "channels": frame.image.channels}
    if frame.pattern:
        height, width = frame.samples.shape
        image |= {"cfa": frame.pattern, "mosaic": {"height": height, "width": width}}
    if frame.border:
        image["border"] = {
            "share": frame.border.share(frame.samples.shape),
            "told_by": [*frame.border.told],
            "boxes": [box._asdict() for box in frame.border.boxes],
        }
    return image


def _describe_problem(preparation: Preparation) -> dict[str, Any]:
    stretch, sky = preparation.stretch, preparation.sky
    height, width = preparation.shape
    described: dict[str, Any] = {
        "stretch": {
            "pedestal": stretch.pedestal.tolist(),
            "scale": stretch.scale.tolist(),
            "midtones": stretch.midtones.tolist(),
        },
        "fitted": {
            "height": height,
            "width": width,
            "usable_pixels": preparation.usable_pixels,
        },
    }
    if sky:
        described["sky"] = {
            "explained": sky.explained,
            "below": sky.below,
            "stiffness": sky.stiffness,
            "glow": [*sky.glow],
            "halo": sky.halo,
            "guessed": sky.guessed,
        }
        if sky.choice:
            described["sky"]["candidates"] = asdict(sky.choice)
    if sky and sky.compared:
        described["reference"] = {
            name: _listed(value)
            for name, value in asdict(sky.compared).items()
            if name not in ("doubts", "note")
        }
    if sky and sky.samples:
        described["sky"]["freedom"] = sky.freedom
        described["samples"] = [asdict(each) for each in sky.samples]
    return described


def _describe_model(applied: Applied) -> dict[str, Any]:
    height, width = applied.model.shape
    return {
        "model": {
            "file": applied.file,
            "height": height,
            "width": width,
            "control_points": len(applied.model.spline.centres),
            "scale": applied.scale.tolist(),
        }
    }


def _describe_fit(fit: Fit, job: Job) -> dict[str, Any]:
    backend = job.backend
    described = {
        "backend": backend.name,
        "detail": backend.detail(),
        "threads": job.threads,
        "control_points": len(fit.spline.centres),
        "ended": fit.descent.reason,
    }
    if fit.descent.reason != "chosen":
        described |= _describe_descent(fit)
    if job.settings.backend == "auto":
        described["passed_over"] = passed_over(backend.name)
    return described


def _describe_descent(fit: Fit) -> dict[str, Any]:
    losses = fit.descent.losses
    losses = losses[np.isfinite(losses)]
    shown = np.unique(np.linspace(0, len(losses) - 1, MOST_LOSSES).round().astype(int))
    return {
        "iterations": len(fit.descent.losses),
        "loss": fit.descent.loss,
        "first_loss": float(losses[0]) if len(losses) else math.nan,
        "history": losses[shown].tolist() if len(losses) else [],
        "losses_of_starts": fit.losses,
    }


def _describe_levels(measured: Measured) -> dict[str, list[float]]:
    return {
        "min": measured.minimum.tolist(),
        "median": measured.median.tolist(),
        "max": measured.maximum.tolist(),
    }


def seams_in_pixels(seams: Sequence[Seam], shape: tuple[int, int]) -> list[dict[str, Any]]:
    """The seams of a mosaic on an image of a shape, (H, W): see ``sky``."""
    return [
        {
            "axis": "yx"[seam.axis],
            "first": seam.first * shape[seam.axis],
            "last": seam.last * shape[seam.axis],
            "width": seam.width * shape[seam.axis],
        }
        for seam in seams
    ]


def to_json(report: Mapping[str, Any] | Sequence[Any], indent: int | None = 2) -> str:
    """Strict JSON: numbers that are not finite become null."""
    return json.dumps(_plain(report), allow_nan=False, indent=indent)


def _listed(value: Any) -> Any:
    """Tuples as lists."""
    return [*map(_listed, value)] if isinstance(value, tuple) else value


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
