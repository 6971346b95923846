"""The input of a job on files: an image, what was drawn on it, and the reading of both."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from ..image.frame import Frame
from ..image.image import Image
from ..image.kernels import FASTEST, Kernels
from ..io import formats
from ..io.image_file import ImageFile, LastRead
from ..io.made import Made, made
from ..io.names import told_format
from ..io.orientation import Turn
from ..io.sections import sections_of
from ..io.white import with_white
from ..pipeline import Job
from ..report.files import Files
from ..result import Prepared
from ..samples.points import SamplePoints
from ..settings.settings import Settings
from .arguments import GivenReference, GivenSamples, Masks, as_path
from .drawn import Drawn, image_of, paths_of
from .memory import MaxMemory, MemoryNeeds, in_bytes
from .outlines import outlines_of
from .outputs import Outputs
from .samples import points_of

if TYPE_CHECKING:
    from .reference import ReferenceFile

_MADE_BY_FASTBG: dict[Made, str] = {
    "corrected": (
        "the background of this image was removed before, as its HISTORY tells: give the original "
        "image, unless a second time is what you want"
    ),
    "background": (
        "this file is a background that fastbg wrote, as its HISTORY tells: give the image itself"
    ),
}
"""The warnings about images that fastbg wrote itself."""


@dataclass(frozen=True, eq=False)
class Source:
    """An opened image with what was drawn on it.

    Attributes
    ----------
    path : Path
    file : ImageFile
    stored : LastRead
        Its samples, as they are stored.
    frame : Frame
        The image as stored, and as fitted.
    masks, sky : Drawn
        The masks, and what is known to be sky.
    kernels : Kernels
        The kernels that bring samples to the scale of fastbg.
    points : SamplePoints or None
        Sample points, in pixels of ``frame.samples``.
    reference : ReferenceFile or None
        An image of the same sky.
    """

    path: Path
    file: ImageFile
    stored: LastRead
    frame: Frame
    masks: Drawn
    sky: Drawn
    kernels: Kernels
    points: SamplePoints | None = None
    reference: ReferenceFile | None = None

    @property
    def drawn(self) -> tuple[Image | None, Image | None]:
        """The weight that masks tell, and what is known to be sky, for ``frame.image``."""
        frame, kernels = self.frame, self.kernels
        return self.masks.weight(frame, kernels), self.sky.sky(frame, kernels)

    @property
    def opened(self) -> tuple[ImageFile, ...]:
        """The image, the images that were drawn on it, and its reference."""
        reference = (self.reference.file,) if self.reference else ()
        return (self.file, *self.masks.images, *self.sky.images, *reference)

    def loaded(self, white: float, guessed: float = 0.0) -> Source:
        """The same with compressed samples decompressed, on the scale of its white.

        Parameters
        ----------
        white : float
            The white of the image, or 0 to find it; see `fastbg.io.white`.
        guessed : float, optional
            What was guessed for that before.

        Raises
        ------
        InputError
            If a file is damaged.
        """
        for each in self.opened:
            each.load()
        drawn = self.masks.loaded("mask"), self.sky.loaded("sky")
        try:
            file = with_white(self.file, white, guessed)
        except InputError as error:
            raise InputError(f"{self.path} {error}") from error
        pattern = self.frame.pattern
        reference = self.reference and self.reference.loaded()
        found = _source(self.path, file, pattern, *drawn, self.kernels, self.points)
        return replace(found, reference=reference)

    def about(self, outputs: Mapping[str, Path]) -> Files:
        """What the report of a job tells of this source and of its outputs."""
        file = self.file
        reference = self.reference.path if self.reference else None
        return Files(self.path, outputs, file.white, file.warnings, file.cfa, reference)

    def check_unchanged(self) -> None:
        """Raise InputError if a file has been written while it was read."""
        for each in self.opened:
            each.check_unchanged()

    def memory_needs(self, settings: Settings, **work: bool) -> MemoryNeeds:
        """The memory that a job on this source needs; ``work`` is as for `MemoryNeeds`."""
        return MemoryNeeds(
            (self.frame.image.channels, *self.frame.samples.shape),
            in_memory=sum(each.bytes_in_memory for each in self.opened),
            packed=max(each.packed_bytes for each in self.opened),
            float32=all(each.dtype == np.float32 for each in self.opened),
            settings=settings,
            mosaic=self.frame.pattern is not None,
            regions=bool(self.masks.areas or self.sky.areas),
            reference=self.reference.shape if self.reference else None,
            coordinates=self.reference is not None and self.reference.has_coordinates,
            **work,
        )


def read(
    job: Job,
    path: Path,
    masks: Masks,
    sky: Masks,
    outputs: Outputs,
    files: ExitStack,
    *,
    samples: GivenSamples = None,
    reference: GivenReference = None,
    max_memory: MaxMemory = None,
    guessed: float = 0.0,
    **work: bool,
) -> Source:
    """Open the files of a job, and refuse now what would otherwise fail after minutes of work.

    Parameters
    ----------
    files : ExitStack
        The files stay open until it is closed, for their images are read in bands.
    samples : path or SamplePoints, optional
    reference : path, optional
    max_memory : int or str, optional
        What the job may take; see `in_bytes`.
    guessed : float, optional
        What was guessed for the white of the image before; see `fastbg.io.white`.
    **work : bool
        What the job does: ``draws``, ``fits``, ``corrects`` and ``shows_result`` of
        `MemoryNeeds`.
    """
    limit = in_bytes(max_memory)
    if told_format(path) is None:
        # Outputs take their suffix from the input: if that is no image, it is to blame, not they.
        formats.open_image(path).close()
    points = [Path(samples)] if isinstance(samples, str | Path) else []
    others = [] if reference is None else [as_path(reference)]
    outputs.check([path, *paths_of(masks), *paths_of(sky), *points, *others])
    with job.stages.stage("read") as advance:
        source = open_source(path, masks, sky, job.settings, files, job.backend.kernels, samples)
        if reference is not None:
            from .reference import ReferenceFile

            opened = ReferenceFile.open(as_path(reference), files)
            opened.check_other(path)
            source = replace(source, reference=opened)
        work |= {"compress": outputs.compresses, "in_tiles": outputs.in_tiles}
        needs = source.memory_needs(job.settings, **work)
        advance(0, memory=needs.bytes_needed())
        needs.check(limit)
        outputs.check_room(source.file, same=job.settings.sample_format == "same")
        job.warnings += outputs.changes(source.file)
        source = source.loaded(job.settings.white, guessed)
        sections = sections_of(source.file)
        job.warnings += sections.warnings
        frame = source.frame.without_border(sections.boxes, sections.names)
        if sections.boxes and not frame.border.told:
            job.warnings.append(
                f"what {' and '.join(sections.names)} leave out looks like the sky beside it and "
                "was taken for sky: remove them if the image has been cut since"
            )
        outlines, told = outlines_of(source.file, frame, job.settings)
        job.warnings += told
        frame = replace(frame.with_zeros_of_sky(job.threads), outlines=outlines)
        source = replace(source, frame=frame)
        if kind := made(source.file.header.keywords):
            job.warnings.append(_MADE_BY_FASTBG[kind])
        job.warnings += [*source.masks.warnings, *source.sky.warnings]
        return source


def prepare(job: Job, source: Source, meanwhile: Callable[[], None] | None = None) -> Prepared:
    """`Job.prepare`, with the name of the file in its errors."""
    reference = None
    if source.reference:
        own = source.frame, source.file, job.backend.kernels, job.threads
        reference = source.reference.of(*own)
    with errors_of(source):
        return job.prepare(source.frame, *source.drawn, source.points, reference, meanwhile)


@contextmanager
def errors_of(source: Source) -> Iterator[None]:
    """Put the name of the file into errors."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{source.path}: {error}") from error


def open_source(
    path: Path,
    masks: Masks,
    sky: Masks,
    settings: Settings,
    files: ExitStack,
    kernels: Kernels = FASTEST,
    samples: GivenSamples = None,
) -> Source:
    """Open an image and what was drawn on it, which stay open as long as `files`.

    All of them are read upright. Their rows can be read once the source is `Source.loaded`.

    Raises
    ------
    InputError
        If one of them cannot be used.
    """
    stored = files.enter_context(formats.open_image(path))
    turn = Turn.of(stored.orientation)
    file = stored.turned(turn)
    own, known = (Drawn.open(each, stored, turn, files) for each in (masks, sky))
    shape = stored.shape[1:]
    points = points_of(samples, shape, bottom_up=stored.header.format == "FITS")
    if points:
        points = points.mirrored(shape, rows=turn.rows, columns=turn.columns)
    return _source(path, file, settings.pattern(file.cfa), own, known, kernels, points)


def _source(
    path: Path,
    file: ImageFile,
    pattern: str | None,
    masks: Drawn,
    sky: Drawn,
    kernels: Kernels,
    points: SamplePoints | None = None,
) -> Source:
    stored = LastRead(file)
    image = image_of(file, stored, kernels)
    try:
        frame = Frame(image, pattern, kernels=kernels)
    except InputError as error:
        raise InputError(f"{path} {error}") from error
    return Source(path, file, stored, frame, masks, sky, kernels, points)
