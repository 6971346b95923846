"""The settings that had no effect on a job, and why."""

from __future__ import annotations

from collections.abc import Iterator

from ..pipeline import Job
from ..result import Applied, Preparation
from .files import Files

APPLIED = (
    *("white", "pedestal", "mode", "strength", "sample_format", "cfa", "strict"),
    *("backend", "threads", "gpu_memory"),
)
"""The settings that count where a model is applied."""

OF_THE_FIT = ("order", "optimizer", "epochs", "alpha", "stiffness", "learning_rate")

OF_THE_CORRECTION = ("pedestal", "mode", "strength", "sample_format")

OF_THE_SEARCH = ("threshold_min", "threshold_max", "feather", "flexibility", "seams")

NEITHER = ("white", "sample_format")
"""The settings that are for files alone."""


def idle(
    job: Job,
    begun: Preparation | Applied,
    files: Files | None,
    *,
    fits: bool = True,
    corrects: bool = True,
) -> Iterator[str]:
    """A line for each cause, with the names of the settings that are not the default.

    Parameters
    ----------
    job : Job
    begun : Preparation or Applied
    files : Files or None
        Those of the job; None for a job on an array.
    fits, corrects : bool, optional
        Whether the job fits a background, and whether it corrects an image.
    """
    settings, reasons = job.settings, {}
    if isinstance(begun, Applied):
        others = [name for name in settings.to_dict() if name not in APPLIED]
        reasons = dict.fromkeys(others, "the model was fitted before; give them to the fit")
    else:
        reasons = settings.unused
        if settings.initializer == "grid" and settings.starts == 1:
            reasons |= {"seed": "nothing in a single grid is random"}
        if settings.downscaling_factor == 1:
            reasons |= {"downscaling_func": "blocks of one pixel have one value"}
        if not begun.softened:
            more = f"give a mask or thresholds, or more than {settings.downscaling_factor} pixels"
            reasons |= {"feather": f"no ignored pixel lies so near another one; {more}"}
        if begun.masked:
            why = "the mask takes the place of thresholds; mask what they should exclude"
            reasons |= dict.fromkeys(("threshold_min", "threshold_max"), why)
        if begun.sky and begun.sky.samples:
            why = "the background goes through samples; leave them out for a search"
            reasons |= dict.fromkeys(OF_THE_SEARCH, why)
        else:
            reasons |= {"smoothing": "it is that of a surface through samples; give some"}
        if not (begun.sky and begun.sky.compared):
            why = "there is no reference; give one"
            reasons |= dict.fromkeys(("reference_scale", "reference_degree"), why)
        if not fits:
            why = "nothing was fitted; ask for the fit, too"
            reasons = {**dict.fromkeys((*OF_THE_FIT, *OF_THE_CORRECTION), why), **reasons}
        elif not corrects:
            why = "nothing was corrected; give them where the model is applied"
            reasons |= dict.fromkeys(OF_THE_CORRECTION, why)
    if files is None:
        reasons |= dict.fromkeys(NEITHER, "they are for files, and arrays are taken as they are")
    if files and {*files.outputs} == {"preview"}:
        reasons["strict"] = "a preview is drawn all the same, to look at what is doubtful"
    if job.backend.name != "cuda":
        reasons["gpu_memory"] = f"the backend {job.backend.name} takes none"
    told_otherwise = job.looks_undebayered or (files and files.declared_cfa)
    if settings.cfa == "off" and not told_otherwise:
        reasons["cfa"] = "the image declares no filter array that could be turned off"
    causes: dict[str, list[str]] = {}
    for name in settings.changed(reasons):
        causes.setdefault(reasons[name], []).append(name)
    for why, names in causes.items():
        yield f"{', '.join(names)} had no effect: {why}"
