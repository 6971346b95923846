"""The memory that a job on a file needs, estimated before it is taken."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from ..errors import SettingsError
from ..fit import COMPARED_CELLS
from ..image.bands import BLOCK_ROWS, row_bands, thinning_step
from ..image.clipping import zeros_bytes
from ..image.kernels import BINS
from ..settings.checks import memory
from ..settings.settings import Settings
from ..sky.grid import SIDE, search_bytes
from ..sky.mesh import cell_count
from ..words import format_bytes

MaxMemory = int | str | None
"""What a job may take: bytes, or a size like 2GB."""

LIBRARIES = 53_000_000
"""Bytes of the interpreter, of the libraries and of what the allocator keeps; measured."""

FITTING = 8_000_000
"""Bytes of the libraries with which a background is fitted; measured."""

INPUT_PAGE = 105_000_000
"""Bytes for drawing the input alone, and for the libraries that draw; measured."""

RESULT_PAGE, RESULT_CHANNEL, RESULT_SAMPLE = 77_000_000, 8_000_000, 15
"""Bytes for drawing a result, for each of its channels, and for each sample of these that is
measured or shown; measured."""

RESULT_BAND, RESULT_BANDS = 9_000_000, 3
"""Bytes that each thread takes for its band of a result; there are so many times as many bands."""

MEASURED = 1_000_000
"""About how many samples of a channel are measured: `report.preview.pictures`."""

SHOWN = (1080, 1440)
"""Height and width of the largest picture on a page: `report.html.views`."""

BENDING = 100
"""Bytes of a bending energy for each pair of control points: ten matrices and more."""

DESCENT = 2_000_000
"""Bytes that a descent needs more than a search does, beside its arrays; measured."""

THREAD = 2_000_000
"""Bytes of a thread beside its bands; measured."""

UNPACKING = 13_000_000
"""Bytes of the libraries that decompress an image, and of their buffers; measured."""

COMPRESSING = 16_000_000
"""Bytes of the pieces of an output that are compressed, and of a library; measured, at most: on a
busy computer, the allocator now and then keeps a few MB more."""

MOSAIC = 12_000_000
"""Bytes of what the allocator keeps of the bands of a mosaic; measured."""

MOSAIC_PAGE = 24_000_000
"""Bytes more for drawing the result of a mosaic; measured."""

REGIONS = 50_000_000
"""Bytes of the libraries that read DS9 regions, which are those of astropy; measured."""

REFERENCE, COORDINATES, COMPARED = 45_000_000, 35_000_000, 140
"""Bytes of the libraries that compare a reference, of those that read its coordinates, and for each
sample of the small copies that are compared; measured."""

HELD = 50_000_000
"""Bytes of a reference that are in memory at a time, at most: `coordinates.aligned`."""

STAR_PIXELS, STAR_COPY, STAR_ROWS = 1600, 32, 160
"""The longer side of the copy in which stars are looked for, bytes for each of its pixels, and rows
around stars that each thread reads at a time, twice over: `coordinates.stars`; measured."""

FEATHERING = 20_000_000
"""Bytes of the libraries that find distances from the edge of a mask; measured."""

TILING = 28_000_000
"""Bytes of the library that writes compressed tiles; measured."""

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
        Bytes of samples in memory, of the image and the masks, and those that decompressing the
        neediest of them takes.
    float32 : bool
        Whether the samples need no conversion.
    settings : Settings
    draws, compress, in_tiles : bool
        Whether a preview or a report is drawn; whether outputs are compressed; whether that is in
        tiles, as in FITS.
    mosaic, fits, corrects, shows_result, regions, coordinates : bool
        Whether the image is a Bayer mosaic, of which K is 3; whether a background is fitted, and
        whether one is taken out; whether what is drawn shows a result; whether a mask is a file of
        regions; whether a reference has coordinates.
    reference : (R, H, W) or None
        The shape of the reference, if there is one, as it is fitted.
    """

    shape: tuple[int, int, int]
    in_memory: int
    packed: int
    float32: bool
    settings: Settings
    draws: bool = False
    compress: bool = False
    in_tiles: bool = False
    mosaic: bool = False
    fits: bool = True
    corrects: bool = True
    shows_result: bool = True
    regions: bool = False
    coordinates: bool = False
    reference: tuple[int, int, int] | None = None

    def bytes_needed(self) -> int:
        """An upper estimate of the largest resident size of a process that does this job."""
        channels, height, width = self.shape
        settings = self.settings
        shape = height, width
        bands = row_bands(shape, 2 * BLOCK_ROWS if self.mosaic else 1, channels=channels)
        band = 4 * channels * width * bands[0].stop
        stored = band // 3 if self.mosaic else band
        fitted_height, fitted_width = self._fitted_shape
        factor = settings.factor(self._fitted_shape)
        tall_band = 4 * channels * width * row_bands(shape, factor, channels=channels)[0].stop
        threads = min(settings.worker_threads, len(bands))
        # Samples as they are stored take 8 bytes at most.
        conversion = 0 if self.float32 else 2 * band
        converted = 0 if self.float32 else 2 * stored
        restoring = 6 * stored if settings.sample_format == "same" else 0
        restoring += 2 * stored if settings.strength != 1 else 0
        window = 4 * BINS * channels
        zeros, missing = zeros_bytes(1 if self.mosaic else channels, shape, threads)

        h, w = -(-fitted_height // factor), -(-fitted_width // factor)
        pixels, cells = h * w, cell_count(h, w)
        small = 4 * channels * pixels
        # Of a mosaic, levels and superpixels of a band, and the pixels of a band of superpixels.
        colours, pairs = (3 * stored, 4 * tall_band) if self.mosaic else (0, 0)
        search = search_bytes(cells) if self.fits and settings.finds_sky else 0
        points = settings.control_points or SIDE**2
        parameters = points * (2 + channels) + 3 * channels
        fitted = 2 * small
        # The allocator keeps what the search, or the look for zeros before it, has freed.
        kept = search + (fitted if self.draws else 0)
        kept_to_draw = max(search, zeros - missing) + fitted
        # This pedestal comes from a pass of its own, with bands for what it compares as well.
        planes = 5 if settings.pedestal == "bgoptimizer" else 3
        correcting = planes * stored + window + converted + restoring + colours
        fit = 8 * pixels + 16 * CHUNKS * parameters + 32 * (points + 3) ** 2
        if settings.control_points and (settings.finds_sky or settings.stiffness):
            fit += BENDING * points**2 + 32 * COMPARED_CELLS * points
        phases = {
            "load": self.packed,
            "zeros": zeros - missing + threads * (stored + converted),
            "measure": threads * (2 * tall_band + 2 * window + conversion + pairs) + fitted + small,
            "protect": search + fitted + 5 * small + 8 * pixels if search else 0,
            "stars": self._finding_stars(threads),
            "compare": fitted + 4 * small + self._comparing(pixels),
            "fit": search + fitted + fit if self.fits else 0,
            "correct": kept + threads * correcting if self.corrects else 0,
            "write": kept + (COMPRESSING if self.compress else 0),
            "draw": kept_to_draw + self._page if self.draws else 0,
        }
        always = self.in_memory + missing + THREAD * threads
        return self._libraries + always + max(phases.values())

    @property
    def _libraries(self) -> int:
        """Bytes of all libraries but those of a single phase."""
        libraries = LIBRARIES + (FITTING if self.fits else 0)
        libraries += UNPACKING if self.in_memory or self.packed else 0
        libraries += TILING if self.in_tiles else 0
        libraries += REGIONS if self.regions else 0
        libraries += REFERENCE if self.reference else 0
        libraries += COORDINATES if self.coordinates else 0
        libraries += MOSAIC if self.mosaic else 0
        libraries += FEATHERING if self.settings.feather else 0
        return libraries + (DESCENT if self.fits and not self.settings.finds_sky else 0)

    @property
    def _fitted_shape(self) -> tuple[int, int]:
        """The shape of the image that is fitted, (H, W)."""
        side = 2 if self.mosaic else 1
        return self.shape[1] // side, self.shape[2] // side

    def _comparing(self, pixels: int) -> int:
        """Bytes for a reference on a grid of some pixels."""
        if self.reference is None:
            return 0
        channels, height, width = self.reference
        # A channel more tells what may be saturated.
        held = min(HELD, 4 * (channels + 1) * height * width)
        return held + COMPARED * max(channels, self.shape[0]) * pixels

    def _finding_stars(self, threads: int) -> int:
        """Bytes for the stars that tell where a reference lies."""
        if self.reference is None:
            return 0
        both = self.shape, self.reference
        copies = [h * w // math.ceil(max(h, w) / STAR_PIXELS) ** 2 for _, h, w in both]
        around = 2 * threads * STAR_ROWS * 4 * max(channels * w for channels, _, w in both)
        return max(STAR_COPY * max(copies), 4 * max(copies) + around)

    @property
    def _page(self) -> int:
        """Bytes for drawing."""
        if not self.shows_result:
            return INPUT_PAGE
        channels = self.shape[0]
        shape = height, width = self._fitted_shape
        steps = (
            thinning_step(shape, MEASURED),
            math.ceil(max(height / SHOWN[0], width / SHOWN[1])),
        )
        samples = sum(math.ceil(height / step) * math.ceil(width / step) for step in steps)
        drawn = channels * (RESULT_CHANNEL + RESULT_SAMPLE * samples)
        bands = len(row_bands((height, RESULT_BANDS * width)))
        working = min(self.settings.worker_threads, bands) * RESULT_BAND
        mosaic = MOSAIC_PAGE if self.mosaic else 0
        return RESULT_PAGE + drawn + working + mosaic

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
        factor = 2 * settings.factor(self._fitted_shape)
        coarser = replace(settings, downscaling_factor=factor)
        cures = {
            "leave compressing out": replace(self, compress=False, in_tiles=False),
            "leave the preview and the report out": replace(self, draws=False),
            "use 1 thread": replace(self, settings=replace(settings, threads=1)),
            f"use a downscaling factor of {factor}": replace(self, settings=coarser),
            "save the input uncompressed": replace(self, in_memory=0, packed=0),
        }
        fitting = (cure for cure, job in cures.items() if job.bytes_needed() <= limit)
        cure = next(fitting, f"allow {format_bytes(needed)}")
        raise SettingsError(
            f"the job needs about {format_bytes(needed)} of memory, and {format_bytes(limit)} are "
            f"allowed: {cure}"
        )


def in_bytes(limit: MaxMemory) -> int | None:
    """The bytes that a job may take; None if the user sets no limit.

    Raises
    ------
    SettingsError
        If it is no number of bytes and no size.
    """
    if isinstance(limit, float) and limit.is_integer():  # 2e9
        limit = int(limit)
    return None if limit is None else memory("max_memory")(limit)


def address_space() -> int | None:
    """Bytes that this process may use; None where nobody limits them."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit == resource.RLIM_INFINITY else limit
