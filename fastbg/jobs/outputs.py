"""The files that a job writes: what they are called, and how they are filled."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import numpy as np

from ..errors import OutputError
from ..image.image import Samples
from ..image.kernels import Kernels
from ..io import atomic, formats
from ..io.image_file import ImageFile
from ..io.made import MADE, Made
from ..io.names import told_format
from ..io.sample_format import SampleFormat
from ..io.target import ImageTarget
from ..take_out import Store
from ..words import format_bytes

_NO_IMAGES = {
    **{"preview": (".png",), "model": (".json",), "samples": (".csv", ".json")},
    **{"report": (".html",), "report_json": (".json",)},
}
"""Outputs that are no images, and how they end."""


class Outputs:
    """The files that a job writes: all of them complete, or none.

    Parameters
    ----------
    targets : mapping of str to path
        ``corrected`` and ``background``, which are images, ``preview``, ``model``, ``samples``,
        ``report`` and ``report_json``.
    overwrite : bool
    compress : bool, optional
        Compress the images, where their names do not tell.
    unit : bool, optional
        Leave the units of the input, and write samples on the scale of 0 to 1.

    Attributes
    ----------
    targets, parts : dict of str to Path
        The paths by name; parts are temporary files, which exist once `stage` was called.
    """

    def __init__(
        self,
        targets: Mapping[str, str | Path],
        *,
        overwrite: bool,
        compress: bool = False,
        unit: bool = False,
    ) -> None:
        self.targets = {name: Path(path) for name, path in targets.items()}
        self.parts: dict[str, Path] = {}
        self._overwrite, self._compress, self._unit = overwrite, compress, unit
        self._reserving: list[Future[None]] = []

    @property
    def compresses(self) -> bool:
        """Whether images are compressed in pieces."""
        return self._compress or self.in_tiles

    @property
    def in_tiles(self) -> bool:
        """Whether images are written in compressed tiles."""
        told = map(told_format, self.targets.values())
        return any(each is not None and each[1] == "tiles" for each in told)

    def check(self, inputs: Iterable[Path]) -> None:
        """Raise OutputError now where writing would fail after minutes of work."""
        atomic.check_targets(self.targets.values(), overwrite=self._overwrite, inputs=inputs)
        for name, path in self.targets.items():
            suffixes = _NO_IMAGES.get(name)
            if suffixes is None:
                formats.check_name(path, self._compress)
            elif path.suffix.lower() not in suffixes:
                kind = " or ".join(suffix[1:].upper() for suffix in suffixes)
                raise OutputError(
                    f"{path} does not tell that it holds {kind}: end it in {' or '.join(suffixes)}"
                )

    def check_room(self, source: ImageFile, *, same: bool) -> None:
        """Raise OutputError now if the images of this source will not fit on their disks.

        A disk may tell more than it has, and how small images become that are compressed is not
        known: writing may still fail.
        """
        needed: dict[int, int] = {}
        for name in self._images:
            output = self._output(name, source, same)
            folder = atomic.existing(output.target.parent)
            device, disk = folder.stat().st_dev, shutil.disk_usage(folder)
            needed[device] = needed.get(device, 0) + output.room
            if disk.total and disk.free < needed[device]:
                raise OutputError(
                    f"{output.target.parent} has room for {format_bytes(disk.free)}, and the "
                    f"outputs need {format_bytes(needed[device])}: free some space or choose "
                    "another folder"
                )

    def changes(self, source: ImageFile) -> list[str]:
        """What the formats of the images change in the image of this source: one line each."""
        outputs = (self._output(name, source, same=False) for name in self._images)
        return list(dict.fromkeys(line for output in outputs for line in output.changes))

    def stage(self, files: ExitStack) -> None:
        """Give all outputs temporary files, which get their own names when `files` is closed."""
        paths = [*self.targets.values()]
        parts = files.enter_context(atomic.staged(paths, overwrite=self._overwrite))
        self.parts = dict(zip(self.targets, parts, strict=True))

    def reserve(self, source: ImageFile, files: ExitStack, *, same: bool) -> None:
        """Begin to take room on the disk for the images, on another thread, after `stage`.

        Some file systems fill it. `create` waits for that, and so does the end of `files`.
        """
        pool = files.enter_context(ThreadPoolExecutor(1))
        self._reserving = [
            pool.submit(self._output(name, source, same).reserve, self.parts[name])
            for name in self._images
        ]

    def create(
        self,
        source: ImageFile,
        samples: Samples,
        history: Mapping[Made, Sequence[str]],
        files: ExitStack,
        *,
        same: bool,
        kernels: Kernels,
    ) -> tuple[Store, SampleFormat]:
        """Create the images, after `stage`.

        Parameters
        ----------
        source : ImageFile
            The image that they are made from; they take everything but the pixels from it.
        samples : Samples
            Its samples, as they are stored.
        history : mapping of str to sequence of str
            Lines that tell what each image is.
        files : ExitStack
            The images are complete when it is closed.
        same : bool
            Whether the corrected image is stored as the source is.
        kernels : Kernels
            The kernels that bring samples to the scale of a file.

        Returns
        -------
        Store
            Takes the rows.
        SampleFormat
            The format of the corrected image.
        """

        wait(self._reserving)
        outputs = {name: self._output(name, source, same) for name in self._images}
        images = _entered(
            {name: each.create(self.parts[name], history[name]) for name, each in outputs.items()},
            files,
        )
        kinds = {name: each.samples for name, each in outputs.items()}
        corrected, kind = images["corrected"], kinds["corrected"]
        # Float32 in [0, 1] is what rows come as; anything else begins with what is stored.
        restores = same or kind.bounds not in (None, (0, 1))

        def store(rows: slice, before: np.ndarray, model: np.ndarray, after: np.ndarray) -> None:
            if restores:
                stored = samples.read_rows(rows)
                after = kind.restore(stored, before, after, kernels, corrected.order)
            corrected.write_rows(rows, after)
            if "background" in images:
                image = images["background"]
                image.write_rows(rows, kinds["background"].physical(model, kernels, image.order))

        return store, kind

    @property
    def _images(self) -> list[Made]:
        return [name for name in MADE if name in self.targets]

    def _output(self, name: str, source: ImageFile, same: bool) -> formats.Output:
        """An image; only the corrected one can be stored as the source is."""
        same = same and name == "corrected"
        return formats.Output(self.targets[name], source, same, self._compress, self._unit)


def _entered(
    images: Mapping[Made, AbstractContextManager[ImageTarget]], files: ExitStack
) -> dict[Made, ImageTarget]:
    """Enter the contexts at the same time: some file systems fill the room that a file takes."""
    with ThreadPoolExecutor(len(images)) as pool:
        entering = {name: pool.submit(image.__enter__) for name, image in images.items()}
    for name, each in entering.items():
        if not each.exception():
            files.push(images[name])
    return {name: each.result() for name, each in entering.items()}
