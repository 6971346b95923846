"""An image of a set is corrected by what was found of all of them: what frames and panels share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from ...errors import InputError
from ...io.names import default_name
from ..outputs import Outputs
from .journal import Journal, State
from .tasks import Task


@dataclass(frozen=True)
class OfSet(Task):
    """The task of a worker, once the set is solved.

    Attributes
    ----------
    copies : Path
        The folder of the small copies, whose journal knows the content of the image.
    """

    copies: Path = None  # type: ignore[assignment]

    def absolute(self) -> Task:
        return replace(super().absolute(), copies=self.copies.absolute())  # type: ignore[call-arg]

    def content(self, state: State) -> str | None:
        found = Journal(self.copies).content(self.path, state)
        if found is None:
            raise InputError(f"{self.path} has changed since its small copy was made: run again")
        return found

    def outputs(self, *, overwrite: bool) -> Outputs:
        """The corrected image and, if it is wanted, what is taken out of it."""
        targets = {"corrected": default_name(self.path, self.folder, "bgSubtracted")}
        if self.write_model:
            targets["background"] = default_name(self.path, self.folder, "bgModel")
        unit = self.settings.sample_format == "unit"
        return Outputs(targets, overwrite=overwrite, compress=self.compress, unit=unit)
