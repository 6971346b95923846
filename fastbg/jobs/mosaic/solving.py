"""From the small copies of a mosaic to what is taken out of each image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from ...errors import InputError
from ...mosaic.borders import MOST_GAP, Borders
from ...mosaic.cells import Panel, noise_of
from ...mosaic.hidden import hidden, starless
from ...mosaic.labels import Labelled
from ...mosaic.scales import Scales
from ...mosaic.sky import Patchwork
from ...mosaic.solve import Group, Solution, connected, solve
from ...pipeline import Job
from ...words import listed
from ..source import Source, open_source
from ..together.placing import Placed
from .correcting import ImageModel
from .judged import Judged
from .labels import LabelImage
from .placing import placed
from .small import SmallCopy

HIDDEN = (
    "{} shows nothing of what the panels beside it show, as if all were cloud, or lies elsewhere "
    "than its coordinates tell: leave it out"
)

CLOUDED = (
    "{} is doubtful, for it has hardly any stars where the other panels have many, as if clouds "
    "covered it: look at it"
)


@dataclass(frozen=True, eq=False)
class Solved:
    """A mosaic whose backgrounds are known.

    Attributes
    ----------
    names : list of str
        Those of the panels.
    paths : list of Path
        Their images.
    hidden : list of Path
        Images that show nothing of the field, and are not used.
    clouded : list of Path
        Images that are used, and have hardly any stars.
    panels : list of Panel
    solution : Solution
    scales : Scales
        The flux scales of the panels.
    noise : float
        That of a pixel of the small copies, linear.
    models : dict of Path to ImageModel
        What is taken out of each image, on its own flux scale.
    """

    names: list[str]
    paths: list[Path]
    hidden: list[Path]
    clouded: list[Path]
    panels: list[Panel]
    solution: Solution
    scales: Scales
    noise: float
    models: dict[Path, ImageModel]

    def matched(self) -> dict[Path, ImageModel]:
        """The models that bring all images to one flux scale."""
        return {
            path: replace(self.models[path], divisor=scale)
            for path, scale in zip(self.paths, self.scales.values, strict=True)
        }


@dataclass(frozen=True, eq=False)
class Solver:
    """How a mosaic is solved.

    Attributes
    ----------
    job : Job
    masked : bool
        Whether what may be used was told by a mask.
    watch : callable
        Called now and then; raises Cancelled if the work is not to go on.
    """

    job: Job
    masked: bool
    watch: Callable[[], None]

    def overlapping(self, frames: Sequence[Placed], copies: Sequence[SmallCopy]) -> Solved:
        """The backgrounds of panels that overlap.

        Raises
        ------
        InputError
            If panels cannot be placed, or no two show the same sky.
        """
        feather = self.job.settings.feather
        places = placed(frames, copies)
        panels = [copy.panel(at, feather) for copy, at in zip(copies, places, strict=True)]
        groups = connected(panels)
        told = [(g.numbers, hidden(len(g.numbers), g.differences)) for g in groups]
        bad = [numbers[own] for numbers, places in told for own in places]
        if bad:
            kept = [number for number in range(len(panels)) if number not in bad]
            unused = [frames[number].path for number in bad]
            try:
                solved = self.overlapping([frames[n] for n in kept], [copies[n] for n in kept])
            except InputError as error:
                names = listed([*map(str, unused)])
                raise InputError(f"{HIDDEN.format(names)}; then, {error}") from error
            return replace(solved, hidden=[*unused, *solved.hidden])
        scales = Scales.of(panels, groups)
        alike = scales.taken_out(panels)
        solution = scales.back(self._solve(alike, connected(alike)))
        models = {}
        for number, (frame, copy) in enumerate(zip(frames, copies, strict=True)):
            judged = Judged.of(copy.used.shape[:2], panels, [number], solution)
            own = Patchwork([solution.backgrounds[number]], (panels[number].box,))
            models[frame.path] = ImageModel.of(own, judged, solution.level)
        paths = [frame.path for frame in frames]
        noise = _noise(copies)
        cells = {
            n: own for group in groups for n, own in zip(group.numbers, group.cells, strict=True)
        }
        clouded = [paths[n] for n in starless([cells[n] for n in range(len(panels))])]
        return Solved(
            [*map(str, paths)], paths, [], clouded, panels, solution, scales, noise, models
        )

    def check_labels(self, frame: Placed, path: Path) -> None:
        """Raise InputError if a label image does not fit an image, before that is read."""
        with ExitStack() as files:
            self._labels(frame, path, files)

    def labelled(self, frame: Placed, copy: SmallCopy, path: Path) -> Solved:
        """The backgrounds of the panels of a merged mosaic, which a label image names.

        Raises
        ------
        InputError
            If the label image does not fit, or panels do not meet.
        """
        job = self.job
        with ExitStack() as files:
            source, labels = self._labels(frame, path, files)
            source = source.loaded(job.settings.white, copy.white)
            image, pixel = source.frame.image, 2 if source.frame.pattern else 1
            own = copy.linear, copy.weight(job.settings.feather), labels.small
            small = Labelled(*own, *copy.centres, copy.known, copy.objects)
            try:
                panels = small.panels(labels.boxes)
                borders = Borders(image.shape, image.rows, partial(labels.rows, pixel=pixel))
                whole = Group.meeting(panels, borders.differences(labels.boxes))
                if not whole.differences:
                    raise InputError(
                        f"no two panels meet, within {MOST_GAP} pixels: let their numbers reach "
                        "the borders"
                    )
            except InputError as error:
                raise InputError(f"{path}: {error}") from error
        solution = self._solve(panels, whole.connected())
        judged = Judged.of(copy.used.shape[:2], panels, range(len(panels)), solution)
        patchwork = Patchwork(solution.backgrounds, labels.boxes)
        names = [f"{number:g}" for number in labels.numbers]
        scales = Scales.unknown(len(panels), len(solution.level))
        models = {frame.path: ImageModel.of(patchwork, judged, solution.level)}
        paths = [frame.path] * len(panels)
        return Solved(names, paths, [], [], panels, solution, scales, _noise([copy]), models)

    def _labels(self, frame: Placed, path: Path, files: ExitStack) -> tuple[Source, LabelImage]:
        settings, kernels = self.job.settings, self.job.backend.kernels
        source = open_source(frame.path, None, None, settings, files, kernels)
        factor = settings.factor(source.frame.image.shape)
        return source, LabelImage.of(path, source, factor, files)

    def _solve(self, panels: Sequence[Panel], groups: Sequence[Group]) -> Solution:
        job, protection = self.job, self.job.settings.protection(masked=self.masked)
        own = protection, lambda done: self.watch(), job.threads, job.backend.kernels
        return solve(panels, groups, *own)


def _noise(copies: Sequence[SmallCopy]) -> float:
    return float(np.median([noise_of(copy.linear).mean() for copy in copies]))
