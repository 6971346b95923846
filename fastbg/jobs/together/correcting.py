"""One frame of a set is corrected: what a worker does once the set is solved."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...diagnostics import judge
from ...model.model import BackgroundModel
from ...pipeline import Job
from ...progress import ProgressCallback
from ...report.history import history
from ...report.report import describe
from ...result import Applied, Measured, Plan
from ..batch.solved import OfSet
from ..source import read
from ..write import write


@dataclass(frozen=True, eq=False)
class FrameModel:
    """What is taken out of a frame.

    Attributes
    ----------
    model : BackgroundModel
        Its own gradient, that of the set, and the level of its sky.
    levels : ndarray, (K, 3), stretched
        About its minimum, median and maximum: with a guess, one pass finds them.
    level : ndarray, (K,), linear
        The level of the sky of the corrected frame.
    divisor : ndarray, (K,)
        The corrected frame is divided by it: its flux scale, or 1.
    scale : ndarray, (K,)
        Its flux scale.
    measured : Measured
        Statistics of the frame.
    white : float
        What was guessed for its white: see `fastbg.io.white`.
    origin : str
        What the model is of, for the history.
    """

    model: BackgroundModel
    levels: np.ndarray
    level: np.ndarray
    divisor: np.ndarray
    scale: np.ndarray
    measured: Measured
    white: float
    origin: str

    def content(self) -> dict[str, Any]:
        """All that decides the corrected frame, as plain JSON."""
        return {
            "model": self.model.to_dict(),
            "level": self.level.tolist(),
            "divisor": self.divisor.tolist(),
        }


@dataclass(frozen=True)
class Correcting(OfSet):
    """The task of a worker.

    Attributes
    ----------
    found : FrameModel
    """

    found: FrameModel = None  # type: ignore[assignment]

    def process(self, progress: ProgressCallback, *, overwrite: bool) -> dict[str, Any]:
        found = self.found
        outputs = self.outputs(overwrite=overwrite)
        with Job(self.settings, progress) as job, ExitStack() as files:
            own: Any = {"max_memory": self.max_memory, "guessed": found.white, "fits": False}
            source = read(job, self.path, None, None, outputs, files, **own)
            frame, strength = source.frame, job.settings.strength
            whole = judge(found.model, frame.image, strength)
            applied = Applied(found.model, found.origin, found.scale, found.measured, whole)
            plan = job.plan(frame, found.model, found.measured, found.levels)
            plan = _levelled(plan, found)
            outputs.stage(files)
            lines = history(job.settings, applied, source.file.white)
            corrected = write(job, source, plan, outputs, lines, files)
            with job.stages.stage("write"):
                files.close()
            about = source.about(outputs.targets)
            report = describe(job, frame, applied, corrected=corrected, files=about)
        # One frame may well be worse than before by itself: what counts is the set.
        warnings = [line for line in report["warnings"] if line not in report["doubts"]]
        return {**report, "worse": [], "doubts": [], "warnings": warnings}


def _levelled(plan: Plan, found: FrameModel) -> Plan:
    """The plan with the level and the scale of the set."""
    own: Any = {"levels": found.level * found.divisor, "divisor": found.divisor}
    return replace(
        plan,
        correction=replace(plan.correction, **own),
        stored=replace(plan.stored, **own),
    )
