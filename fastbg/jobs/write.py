"""The images that a job writes, filled band by band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from ..io.made import Made
from ..pipeline import Job
from ..result import Corrected, Plan
from .outputs import Outputs
from .source import Source


def write(
    job: Job,
    source: Source,
    plan: Plan,
    outputs: Outputs,
    history: Mapping[Made, Sequence[str]],
    files: ExitStack,
) -> Corrected:
    """Take the background out, and write the corrected image and the background.

    Parameters
    ----------
    outputs : Outputs
        After `Outputs.stage`.
    history : mapping of str to sequence of str
        Lines for the HISTORY of the corrected image and of the background.
    files : ExitStack
        The images are complete when it is closed.
    """
    same = job.settings.sample_format == "same"
    kernels = job.backend.kernels
    file, stored = source.file, source.stored
    store, kind = outputs.create(file, stored, history, files, same=same, kernels=kernels)
    corrected = job.correct(plan, store, clipped=kind.clips)
    source.check_unchanged()
    return corrected
