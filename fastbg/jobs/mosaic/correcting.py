"""One image of a mosaic is corrected: what a worker does once the mosaic is solved."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...mosaic.sky import Patchwork
from ...pipeline import Job
from ...progress import ProgressCallback
from ...report.history import history
from ...report.report import describe
from ...result import Fitted, Plan, Prepared
from ...settings.settings import Settings
from ..batch.solved import OfSet
from ..batch.tasks import Task
from ..source import Source, errors_of, read
from ..strictness import refuse_doubts
from ..together.small import small_file
from ..write import write
from .judged import Judged
from .labels import LabelImage
from .small import SmallCopy


@dataclass(frozen=True, eq=False)
class ImageModel:
    """What is taken out of an image.

    Attributes
    ----------
    patchwork : Patchwork
        The backgrounds of its panels, without what tells their numbers.
    judged : Judged
    level : ndarray, (K,), linear
        That of the sky of all panels before the correction.
    divisor : ndarray, (K,)
        The corrected image is divided by it: its flux scale, or 1.
    """

    patchwork: Patchwork
    judged: Judged
    level: np.ndarray
    divisor: np.ndarray

    @classmethod
    def of(cls, patchwork: Patchwork, judged: Judged, level: np.ndarray) -> ImageModel:
        """That which leaves the flux scale; it is small enough to be sent to a worker."""
        backgrounds = [each.without_points() for each in patchwork.backgrounds]
        own = replace(patchwork, backgrounds=backgrounds)
        return cls(own, judged, level, np.ones_like(level))

    def digest(self) -> str:
        """The hash of all that decides the corrected image, but for the image itself."""
        found = hashlib.blake2b(digest_size=16)
        for each in self.patchwork.backgrounds:
            spline = each.splines.spline(each.coordinates)
            for part in (spline.centres, spline.weights, spline.polynomial):
                found.update(np.asarray(part, np.float64).tobytes())
        for part in (self.patchwork.boxes, *vars(self.judged).values(), self.level, self.divisor):
            found.update(np.asarray(part, np.float64).tobytes())
        return found.hexdigest()


@dataclass(frozen=True)
class Correcting(OfSet):
    """The task of a worker.

    Attributes
    ----------
    found : ImageModel
    labels : Path or None
        The label image.
    """

    found: ImageModel = None  # type: ignore[assignment]
    labels: Path | None = None

    def absolute(self) -> Task:
        labels = self.labels and self.labels.absolute()
        return replace(super().absolute(), labels=labels)  # type: ignore[call-arg]

    def process(self, progress: ProgressCallback, *, overwrite: bool) -> dict[str, Any]:
        outputs = self.outputs(overwrite=overwrite)
        copy = SmallCopy.read(small_file(self.path, self.copies))
        with Job(self.settings, progress) as job, ExitStack() as files:
            own: Any = {"max_memory": self.max_memory, "guessed": copy.white}
            source = read(job, self.path, self.masks, self.sky, outputs, files, **own)
            job.look_at(source.frame)
            prepared, fitted = self._fitted(job, source, copy, files)
            preparation = prepared.preparation()
            refuse_doubts(job, str(self.path), preparation, fitted)
            plan = job.plan(source.frame, fitted.model, copy.measured, fitted.fit.levels)
            plan = _levelled(plan, job.settings, self.found.level, self.found.divisor)
            outputs.stage(files)
            lines = history(job.settings, fitted.fit, source.file.white)
            corrected = write(job, source, plan, outputs, lines, files)
            with job.stages.stage("write"):
                files.close()
            about = source.about(outputs.targets)
            return describe(job, source.frame, preparation, fitted, corrected, about)

    def _fitted(
        self, job: Job, source: Source, copy: SmallCopy, files: ExitStack
    ) -> tuple[Prepared, Fitted]:
        """The problem of the image and its model."""
        patchwork, judged = self.found.patchwork, self.found.judged
        if self.labels:
            labels = LabelImage.of(self.labels, source, copy.factor, files)
            patchwork = replace(patchwork, numbers=labels)
        with errors_of(source):
            reduced = copy.reduced(job, source.frame)
            used = copy.used.copy()
            sky = patchwork.sky(reduced.small, used, *copy.centres, reduced.own, judged.share)
            prepared = copy.prepared(job, reduced, sky)
            return prepared, judged.applied(job.fit(prepared), sky.mesh)


def _levelled(plan: Plan, settings: Settings, level: np.ndarray, divisor: np.ndarray) -> Plan:
    """The plan with the level and the flux scale that all panels get."""
    if settings.pedestal == "neutral":
        level = np.full_like(level, level.mean())
    elif settings.pedestal != "model-median":
        level = plan.correction.levels  # the same for all
    told: Any = {"levels": level * divisor, "divisor": divisor}
    own, stored = (replace(each, **told) for each in (plan.correction, plan.stored))
    return replace(plan, correction=own, stored=stored)
