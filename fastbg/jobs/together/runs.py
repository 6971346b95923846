"""The batches of a set, one after the other: small copies, and then corrections."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...compiled import trim
from ...errors import InputError
from ...io.image_file import check_readable
from ...joint.compare import Comparison
from ...report.idle import APPLIED
from ...settings.settings import Settings
from ...version import version
from ..batch.series import Series, only, refusal
from ..batch.tasks import Outcome, doubtful, failed
from . import described, small
from .correcting import Correcting, FrameModel
from .placing import Canvas, Group, Placed, grouped, look
from .small import Copies, Reducing

OF_SMALL_COPIES = ("white", "cfa", "downscaling_func", "backend")
"""The settings on which small copies depend."""


class Run(Series):
    """The batches of a set, one after the other, and the progress that they tell together."""

    def placed(self, paths: list[Path], wanted: Path | None, settings: Settings) -> Group:
        """The frames that can be laid on one grid; those that cannot have failed.

        Raises
        ------
        InputError
            If there are fewer than two, or the frame that is wanted as target is none of them.
        """
        if len(paths) < 2:
            check_readable(paths[0])
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
        target = None if wanted is None else self._wanted(wanted, frames)
        if not frames:
            raise InputError(str(self.failed[0].error))
        group = grouped(frames, target, settings)
        if len(group.frames) < 2:
            raise (
                refusal(group.left_out) if group.left_out else InputError(str(self.failed[0].error))
            )
        for path, reason in group.left_out.items():
            self.fail(failed(path, str(reason)))
        # In the order of time, where that is known.
        if all(frame.date for frame in group.frames):
            group.frames.sort(key=lambda frame: frame.date)
        return group

    def _wanted(self, path: Path, frames: list[Placed]) -> Placed:
        """One of the frames, by its path."""
        for frame in frames:
            if frame.path.absolute() == path.absolute():
                return frame
        for each in self.failed:
            if each.path.absolute() == path.absolute():
                raise InputError(str(each.error))
        raise InputError(f"the reference frame {path} is none of the frames: name one")

    def reduced(
        self, group: Group, folder: Path, how: dict[str, Any], *, needs_target: bool
    ) -> tuple[list[Placed], Canvas, Copies]:
        """The small copies, the frames that have one, and the grid with one of these as target.

        Raises
        ------
        InputError
            If fewer than two frames have one, or the target has none and is needed.
        """
        frames, canvas, home = group.frames, group.canvas, folder / small.FOLDER
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
                ended = doubtful if verdict == "clouds" else failed
                batch.tell((frame.path, ended(frame.path, error)))
        batch.work_on([*tasks])
        return [*self.failed, *batch.outcomes.values()]
