"""The batches of a mosaic, one after the other: small copies, and then corrections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...compiled import trim
from ...errors import InputError
from ...settings.settings import Settings
from ..batch.series import Series, only
from ..batch.tasks import Outcome, failed, key_of
from ..together.placing import Placed, look
from ..together.small import small_file
from .correcting import Correcting, ImageModel
from .placing import usable
from .small import FOLDER, SETTINGS, Reducing, SmallCopy


class Run(Series):
    """The batches of a mosaic, and the progress that they tell together."""

    def looked(self, paths: list[Path], settings: Settings, least: int) -> list[Placed]:
        """The headers of the images; raises InputError if too few of them can be read."""
        frames = []
        for path in paths:
            self.watch()
            try:
                frames.append(look(path, settings))
            except InputError as error:
                self.fail(failed(path, str(error)))
        if len(frames) < least:
            raise InputError(str(self.failed[0].error))
        return frames

    def usable(self, frames: list[Placed]) -> list[Placed]:
        """The panels that make a mosaic; the others have failed. Raises InputError as `usable`."""
        kept, left_out = usable(frames)
        for path, reason in left_out.items():
            self.fail(failed(path, str(reason)))
        return kept

    def reduced(
        self,
        frames: list[Placed],
        folder: Path,
        drawn: Mapping[str, str | None],
        how: Mapping[str, Any],
        least: int,
    ) -> tuple[list[Placed], list[SmallCopy]]:
        """The images that have a small copy, and these.

        Parameters
        ----------
        drawn : mapping of str to str or None
            The hashes of ``mask`` and ``sky``.
        how : mapping
            Attributes of the tasks.
        least : int
            Fewer small copies raise InputError.
        """
        home = folder / FOLDER
        settings = only(how["settings"], SETTINGS)
        key = key_of(settings, drawn["mask"], drawn["sky"])
        own = {**how, "settings": settings, "overwrite": False, "key": key}
        batch = self.batch(lambda path: Reducing(path, home, **own), quiet=True)
        batch.work_on([frame.path for frame in frames])
        outcomes = batch.outcomes
        self.failed += [each for each in outcomes.values() if each.status == "failed"]
        left = [frame for frame in frames if outcomes[frame.path].status != "failed"]
        if len(left) < least:
            raise InputError(str(self.failed[0].error))
        return left, [SmallCopy.read(small_file(frame.path, home)) for frame in left]

    def corrected(
        self,
        models: Mapping[Path, ImageModel],
        left_out: Sequence[Outcome],
        folder: Path,
        labels: Path | None,
        key: dict[str, Any],
        how: Mapping[str, Any],
    ) -> list[Outcome]:
        """The outcomes of all images, of which some are left out."""
        trim()  # workers need the memory now
        own = {**how, "copies": folder / FOLDER, "labels": labels}
        batch = self.batch(
            lambda path: Correcting(
                path,
                folder,
                **own,
                key={**key, "mosaic": models[path].digest()},
                found=models[path],
            )
        )
        for outcome in left_out:
            batch.tell((outcome.path, outcome))
        batch.work_on([path for path in models if path not in batch.outcomes])
        return [*self.failed, *batch.outcomes.values()]
