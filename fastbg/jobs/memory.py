"""The memory that a job on a file needs, estimated before it is taken."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..errors import SettingsError
from ..image.bands import row_bands
from ..image.kernels import BINS
from ..settings.settings import Settings
from ..sky.selection import SIDE
from ..words import format_bytes

LIBRARIES = 100_000_000
"""Bytes of the interpreter, of the libraries and of what the allocator keeps; measured."""

SEARCH = 20_000_000
"""Bytes of the libraries with which the sky is searched; measured."""

PAGE = 180_000_000
"""Bytes for drawing a preview or a report and for the library that draws it; measured."""

UNTOUCHED = 250_000_000
"""Bytes that are in no memory and count where the address space is limited; measured.

Stacks of threads and libraries, most of all. Below it, threads and linear algebra may hang."""

CHUNKS = 256
"""Gradients that the C evaluator keeps before it adds them up: FBG_MAX_CHUNKS."""


@dataclass(frozen=True)
class MemoryNeeds:
    """The quantities that the memory of a job depends on.

    Attributes
    ----------
    shape : (K, H, W)
    in_memory, packed : int
        Bytes of samples in memory, and of compressed samples while they are decompressed, of the
        image and the masks.
    float32 : bool
        Whether the samples need no conversion.
    settings : Settings
    draws, compress : bool
        Whether a preview or a report is drawn; whether outputs are compressed.
    """

    shape: tuple[int, int, int]
    in_memory: int
    packed: int
    float32: bool
    settings: Settings
    draws: bool = False
    compress: bool = False

    def bytes_needed(self) -> int:
        """An upper estimate of the largest resident size of a process that does this job."""
        channels, height, width = self.shape
        settings, factor = self.settings, self.settings.downscaling_factor
        bands = row_bands((height, width))
        band = 4 * channels * width * bands[0].stop
        tall_band = 4 * channels * width * row_bands((height, width), factor)[0].stop
        threads = min(settings.worker_threads, len(bands))
        conversion = 0 if self.float32 else 4 * band
        restoring = 6 * band if settings.sample_format == "same" else 0
        window = 4 * BINS * channels

        pixels = -(-height // factor) * -(-width // factor)
        small = 4 * channels * pixels
        points = settings.control_points or SIDE**2
        parameters = points * (2 + channels) + 3 * channels
        planes = 4 * channels * height * width
        fitted = 2 * small
        kept = fitted if self.draws else 0
        phases = {
            "load": self.packed,
            "measure": threads * (2 * band + 2 * window + conversion),
            "downscale": threads * (2 * tall_band + conversion) + fitted,
            "protect": SEARCH + fitted + 4 * small if settings.finds_sky else 0,
            "fit": fitted + 8 * pixels + 16 * CHUNKS * parameters + 32 * (points + 3) ** 2,
            "correct": kept + threads * (3 * band + window + conversion + restoring),
            "write": kept + (4 * planes if self.compress else 0),
            "draw": kept + PAGE if self.draws else 0,
        }
        return LIBRARIES + self.in_memory + max(phases.values())

    def check(self, limit: int | None) -> None:
        """Raise SettingsError, with what would help, if the job needs more than the limit.

        The address space of the process may be limited, too.
        """
        needed, space = self.bytes_needed(), address_space()
        if space and needed + UNTOUCHED > space:
            raise SettingsError(
                f"the job needs about {format_bytes(needed + UNTOUCHED)} of address space, and the "
                f"system allows this process {format_bytes(space)}: raise that limit (ulimit -v)"
            )
        if limit is None or needed <= limit:
            return
        settings = self.settings
        coarser = replace(settings, downscaling_factor=2 * settings.downscaling_factor)
        cures = {
            "leave compressing out": replace(self, compress=False),
            "leave the preview and the report out": replace(self, draws=False),
            "use 1 thread": replace(self, settings=replace(settings, threads=1)),
            f"use a downscaling factor of {coarser.downscaling_factor}": replace(
                self, settings=coarser
            ),
            "save the input uncompressed": replace(self, in_memory=0, packed=0),
        }
        fitting = (cure for cure, job in cures.items() if job.bytes_needed() <= limit)
        cure = next(fitting, f"allow {format_bytes(needed)}")
        raise SettingsError(
            f"the job needs about {format_bytes(needed)} of memory, and {format_bytes(limit)} are "
            f"allowed: {cure}"
        )


def address_space() -> int | None:
    """Bytes that this process may use; None where nobody limits them."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit == resource.RLIM_INFINITY else limit
