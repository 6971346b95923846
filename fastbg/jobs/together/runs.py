"""The batches of a set, one after the other: small copies, and then corrections."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...compiled import trim
from ...errors import InputError
from ...joint.compare import Comparison
from ...report.idle import APPLIED
from ...settings.settings import Settings
from ...version import version
from ..batch.series import Series, only
from ..batch.tasks import Outcome, failed
from . import described, small
from .correcting import Correcting, FrameModel
from .placing import Canvas, Placed, canvas_of, look
from .small import Copies, Reducing

OF_SMALL_COPIES = ("white", "cfa", "downscaling_func", "backend")
"""The settings on which small copies depend."""


class Run(Series):
    """The batches of a set, one after the other, and the progress that they tell together."""

    def placed(
        self, paths: list[Path], wanted: Path | None, settings: Settings
    ) -> tuple[list[Placed], Canvas, Placed]:
        """The frames, their grid, and the frame in whose pixels it is."""
        if len(paths) < 2:
            raise InputError(
                f"{paths[0]} is the only frame: a set needs at least two; fastbg run corrects one"
            )
        frames = []
        for path in paths:
            self.watch()
            try:
                frames.append(look(path, settings))
            except InputError as error:
                self.fail(failed(path, str(error)))
        if len(frames) < 2:
            raise InputError(str(self.failed[0].error))
        target = frames[0]
        if wanted is not None:
            own = [frame for frame in frames if frame.path.absolute() == wanted.absolute()]
            for each in self.failed:
                if each.path.absolute() == wanted.absolute():
                    raise InputError(str(each.error))
            if not own:
                raise InputError(f"the reference frame {wanted} is none of the frames: name one")
            target = own[0]
        # In the order of time, where that is known.
        if all(frame.date for frame in frames):
            frames.sort(key=lambda frame: frame.date)
        return frames, canvas_of(frames, target, settings), target

    def reduced(
        self,
        frames: list[Placed],
        canvas: Canvas,
        folder: Path,
        how: dict[str, Any],
        *,
        needs_target: bool,
    ) -> tuple[list[Placed], Canvas, Copies]:
        """The small copies, the frames that have one, and the grid with one of these as target.

        Raises
        ------
        InputError
            If fewer than two frames have one, or the target has none and is needed.
        """
        home = folder / small.FOLDER
        settings: Settings = how["settings"]
        decisive = {name: getattr(settings, name) for name in OF_SMALL_COPIES}
        grid = [*canvas.shape, *canvas.origin, canvas.factor, str(canvas.target.absolute())]
        key = {"fastbg": version(), "settings": decisive, "grid": grid, "alike": canvas.alike}
        # What else is set concerns the mean: objects to protect are looked for there alone.
        plain = only(settings, OF_SMALL_COPIES)
        own = {**how, "settings": plain, "overwrite": False}
        own |= {"key": json.loads(json.dumps(key)), "canvas": canvas}
        batch = self.batch(lambda path: Reducing(path, home, **own), quiet=True)
        batch.work_on([frame.path for frame in frames])
        outcomes = batch.outcomes
        self.failed += [each for each in outcomes.values() if each.status == "failed"]
        left = [frame for frame in frames if outcomes[frame.path].status != "failed"]
        if len(left) < 2:
            raise InputError(str(self.failed[0].error))
        if canvas.target not in [frame.path for frame in left]:
            if needs_target:
                raise InputError(str(outcomes[canvas.target].error))
            if canvas.alike:
                canvas = replace(canvas, target=left[0].path)
        return left, canvas, Copies([small.small_file(frame.path, home) for frame in left])

    def corrected(
        self,
        frames: list[Placed],
        models: list[FrameModel | None],
        comparison: Comparison,
        folder: Path,
        key: dict[str, Any],
        how: dict[str, Any],
    ) -> list[Outcome]:
        """The outcomes of all frames."""
        # A frame is corrected by what was found; what that depends on is told of the set.
        settings: Settings = how["settings"]
        plain = {**how, "settings": only(settings, APPLIED)}
        tasks = {}
        for frame, found, verdict in zip(frames, models, comparison.verdicts, strict=True):
            if found and not (settings.strict and verdict == "clouds"):
                text = json.dumps(found.content()).encode()
                own = {**key, "together": hashlib.blake2b(text, digest_size=16).hexdigest()}
                whole = {**plain, "key": own, "found": found, "copies": folder / small.FOLDER}
                tasks[frame.path] = Correcting(frame.path, folder, **whole)
        trim()  # workers need the memory now
        batch = self.batch(tasks.__getitem__)
        for frame, verdict in zip(frames, comparison.verdicts, strict=True):
            if frame.path not in tasks:
                error = f"{frame.path} {described.WORDS[verdict]}: leave it out"
                outcome = failed(frame.path, error)
                if verdict == "clouds":
                    outcome = replace(outcome, status="doubtful")
                batch.tell((frame.path, outcome))
        batch.work_on([*tasks])
        return [*self.failed, *batch.outcomes.values()]
