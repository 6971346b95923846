"""Exact quantiles of images that are read in bands.

A pass over the bands counts the samples in windows of up to 65536 bins (see
`fastbg.image.kernels`); the fewer samples lie in them, the faster it is.
The first windows lie around a guess, mostly with a bin for each float: if the wanted order
statistics are in them, one pass is enough. A bin of several floats takes another pass, over that
bin; a wrong guess takes two, the first with a window over all floats. Guesses come from a sample
of the image.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np

from ..errors import InputError
from .bands import ENOUGH_PIXELS, for_each_band, row_bands, sampled_bands, unwatched
from .image import Image
from .kernels import BINS, FASTEST, HIGH, LOW, VALID, Kernels, key_of, value_of

STANDARD_ERRORS = 3
"""The guess at a quantile reaches so many standard errors of the sample to both sides."""

MOST_PASSES = 5
"""An image that is the same whenever it is read takes fewer passes than this."""

EVERYTHING = (0, 16, BINS)
"""The window over all floats: its first key, log2 of the number of keys in a bin, and the bins."""

LEAST_MARGIN = BINS // 16
"""A window reaches so many bins beyond a guess, or as many as the guess has, to both sides."""

GROUP = 256
"""Bins whose counts are added up before a running sum goes over the sums; it divides `BINS`."""

NO_KEY = 0xFFFFFFFF
"""The smallest key of nothing."""


@dataclass(frozen=True, eq=False)
class Counts:
    """The counts of one thread in one channel during one pass."""

    windows: np.ndarray
    """(n, 3) uint32: first key, shift and number of bins of each window."""
    tally: np.ndarray
    """(5,) uint64."""
    below: np.ndarray
    """(n,) uint64: values below each window."""
    counts: np.ndarray
    """(n, BINS) uint32."""

    @classmethod
    def of(cls, windows: np.ndarray) -> Counts:
        """Counts that are all zero."""
        n = len(windows)
        tally = np.array([0, 0, 0, NO_KEY, 0], np.uint64)
        return cls(windows, tally, np.zeros(n, np.uint64), np.zeros((n, BINS), np.uint32))

    def add(self, kernels: Kernels, values: np.ndarray, samples: np.ndarray) -> None:
        """Add the values, float32, whose sample is not missing."""
        kernels.count(values, samples, self.windows, self.tally, self.below, self.counts)


def _windows(low: int, high: int) -> set[tuple[int, int, int]]:
    """Windows around the keys from one to another.

    If there are too many for one of single keys, each end has one, too: if they are neighbouring
    integers, the number that is sought is one of them.
    """
    window = _window(low, high)
    return {window, _window(low, low), _window(high, high)} if high - low >= BINS else {window}


def _window(low: int, high: int) -> tuple[int, int, int]:
    """A window around the keys from one to another, mostly of bins with one key each.

    Bins of several take another pass in any case: half of the guess alone is the better bet.
    """
    shift = ((high - low) // BINS).bit_length() if high - low >= 2 * BINS else 0
    own = ((high - low) >> shift) + 1
    bins = min(BINS, own + 2 * max(own, LEAST_MARGIN))
    return max(0, (low + high) // 2 - (bins << shift) // 2), shift, bins


def _bin_of(place: int, upto: np.ndarray, counts: np.ndarray) -> int:
    """The bin that holds the value of a rank: of counts, (groups, `GROUP`), and their sums."""
    group = int(np.searchsorted(upto, place, side="right"))
    rest = place - upto[group] + counts[group].sum(dtype=np.int64)
    within = counts[group].cumsum(dtype=np.int64)
    return group * GROUP + int(np.searchsorted(within, rest, side="right"))


class _Channel:
    """The search for the order statistics of one channel."""

    def __init__(self, probabilities: np.ndarray, guess: np.ndarray | None) -> None:
        self.probabilities = probabilities
        self.tally: np.ndarray | None = None
        self.ranks = np.empty((0, 2), np.int64)
        self.keys: dict[int, int] = {}
        # The first and the last are known from the tally.
        inside = (probabilities > 0) & (probabilities < 1)
        windows = {EVERYTHING} if inside.any() else set()
        if guess is not None and np.isfinite(guess[inside]).all():
            windows = set().union(*(_windows(*keys) for keys in key_of(guess[inside]).tolist()))
        self._set_windows(windows)

    def _set_windows(self, windows: set[tuple[int, int, int]]) -> None:
        self.windows = np.array(sorted(windows), np.uint32).reshape(-1, 3)

    @property
    def known(self) -> bool:
        return self.tally is not None and not len(self.windows)

    def finish_pass(self, parts: list[Counts]) -> None:
        below = np.sum([part.below for part in parts], axis=0)
        groups = -(-int(self.windows[:, 2].max(initial=1)) // GROUP)
        used = groups * GROUP
        counts, *more = (part.counts[:, :used] for part in parts)
        for each in more:
            counts = np.add(counts, each, dtype=np.int64)
        if self.tally is None:
            self._take_tally(np.array([part.tally for part in parts]))
        # In groups first: a sum takes a tenth of the time of a running one.
        grouped = counts.reshape(len(counts), groups, GROUP)
        upto = grouped.sum(axis=2, dtype=np.int64).cumsum(axis=1)
        windows = set()
        for rank in {int(r) for r in np.ravel(self.ranks)} - self.keys.keys():
            places = rank - below.astype(np.int64)
            within = np.flatnonzero((places >= 0) & (places < upto[:, -1]))
            if not within.size:
                windows.add(EVERYTHING)
                continue
            w = within[np.argmin(self.windows[within, 1])]
            first, shift, _ = self.windows[w].tolist()
            key = first + (_bin_of(places[w], upto[w], grouped[w]) << shift)
            if shift == 0:
                self.keys[rank] = key
            else:
                windows.add((key, 0, 1 << shift))
        self._set_windows(windows)

    def _take_tally(self, tallies: np.ndarray) -> None:
        self.tally = tallies.sum(axis=0)
        self.tally[LOW], self.tally[HIGH] = tallies[:, LOW].min(), tallies[:, HIGH].max()
        last = int(self.tally[VALID]) - 1
        if last < 0:
            return
        position = self.probabilities * last
        self.ranks = np.stack([np.floor(position), np.ceil(position)], axis=1).astype(np.int64)
        self.keys = {0: int(self.tally[LOW]), last: int(self.tally[HIGH])}

    def total(self, field: int) -> int:
        return 0 if self.tally is None else int(self.tally[field])

    def neighbours(self) -> np.ndarray:
        """The order statistics below and above each quantile, (P, 2) float64; NaN if none."""
        if not len(self.ranks):
            return np.full((self.probabilities.size, 2), np.nan)
        return value_of(np.array([[self.keys[int(r)] for r in pair] for pair in self.ranks]))


class Quantiles:
    """Exact quantiles of each channel, in as many passes over the bands as it takes.

    In every pass, each thread gets `start_counting` and counts its bands; `finish_pass` takes the
    counts of all threads. The passes go on until the quantiles are `known`.

    Parameters
    ----------
    channels : int
    probabilities : sequence of float in [0, 1]
    guess : ndarray, (channels, P, 2), optional
        The values between which the quantiles are likely to be; without it, two passes are needed.
    kernels : Kernels, optional
        The kernels that count.
    """

    def __init__(
        self,
        channels: int,
        probabilities: Sequence[float],
        guess: np.ndarray | None = None,
        kernels: Kernels = FASTEST,
    ) -> None:
        self.probabilities = np.array(probabilities, np.float64)
        self.kernels = kernels
        self._channels = [
            _Channel(self.probabilities, None if guess is None else guess[k])
            for k in range(channels)
        ]

    @property
    def known(self) -> bool:
        """Whether no further pass is needed."""
        return all(channel.known for channel in self._channels)

    def start_counting(self) -> list[Counts]:
        """Counts of zero in every channel, for this pass."""
        return [Counts.of(channel.windows) for channel in self._channels]

    def finish_pass(self, counted: list[list[Counts]]) -> None:
        """Take the counts of all threads, one list for each."""
        for channel, *parts in zip(self._channels, *counted, strict=True):
            channel.finish_pass(parts)

    def total(self, field: int) -> int:
        """The number of values that are VALID, NEGATIVE or ABOVE_1; known after one pass."""
        return sum(channel.total(field) for channel in self._channels)

    def values(
        self, convert: Callable[[np.ndarray], np.ndarray] = lambda neighbours: neighbours
    ) -> np.ndarray:
        """The quantiles with linear interpolation (`numpy.quantile`'s default), (K, P) float64.

        NaN where no value counts. The two order statistics around each quantile are exact, and
        ``convert``, a monotone map of (K, P, 2), is applied to them instead of to every sample.
        """
        neighbours = convert(self.neighbours())
        low, high = neighbours[..., 0], neighbours[..., 1]
        last = [max(0, channel.total(VALID) - 1) for channel in self._channels]
        position = self.probabilities * np.array(last)[:, np.newaxis]
        return low + (position - np.floor(position)) * (high - low)

    def neighbours(self) -> np.ndarray:
        """The order statistics below and above each quantile, (K, P, 2) float64; NaN if none."""
        return np.stack([channel.neighbours() for channel in self._channels])


Read = Callable[[slice, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Reads rows into buffers: the values, and the samples that decide which of them are missing."""


def quantiles(
    image: Image,
    probabilities: Sequence[float],
    threads: int,
    samples: Image | None = None,
    guess: np.ndarray | None = None,
    advance: Callable[[int], None] = unwatched,
    kernels: Kernels = FASTEST,
) -> Quantiles:
    """Exact quantiles of an image over the valid samples of itself or of another one.

    Parameters
    ----------
    image : Image
    probabilities : sequence of float in [0, 1]
    threads : int
    samples : Image, optional
        A value counts if its sample in this image is not missing.
    guess : ndarray, (K, P, 2), optional
        The values between which they are likely to be; by default, from a sample of the image.
    advance : callable, optional
        Called with the rows done in the first pass over the whole image.
    kernels : Kernels, optional
    """
    if guess is None:
        guess = guess_quantiles(image, probabilities, threads, samples, kernels)
    found = Quantiles(image.channels, probabilities, guess, kernels)
    search(found, image, row_bands(image.shape), threads, samples, advance)
    return found


def guess_quantiles(
    image: Image,
    probabilities: Sequence[float],
    threads: int,
    samples: Image | None = None,
    kernels: Kernels = FASTEST,
    rows: int = 1,
    pixels: int = ENOUGH_PIXELS,
) -> np.ndarray | None:
    """A guess at quantiles of a large image from a sample: the values around each, (K, P, 2).

    The sample has about so many `pixels`, in so many `rows` in each of some places: in more places
    it is closer to the whole, but each takes a call to read, and one row of a model takes as long
    to render as `BLOCK_ROWS`. The result is None for a small image, and where a first pass finds
    them without a guess.
    """
    wanted = np.array(probabilities)
    bands = sampled_bands(image.shape, rows, pixels)
    if not bands or not ((wanted > 0) & (wanted < 1)).any():
        return None
    # What an image shows hardly changes from row to row: together they tell hardly more than one.
    told = image.shape[1] * len(bands)
    margin = STANDARD_ERRORS * np.sqrt(wanted * (1 - wanted) / told)
    around = np.stack([wanted - margin, wanted + margin], axis=1).clip(0, 1)
    # It takes two passes at least, and rows may be expensive to read.
    kept = _in_memory(image, bands, threads)
    counting = _in_memory(samples, bands, threads) if samples else None
    found = Quantiles(image.channels, around.ravel().tolist(), kernels=kernels)
    search(found, kept, row_bands(kept.shape), threads, counting)
    # Of integers, a number between two of them would be near neither.
    neighbours = found.neighbours()
    return np.stack([neighbours[:, ::2, 0], neighbours[:, 1::2, 1]], axis=2)


def _in_memory(image: Image, bands: Sequence[slice], threads: int) -> Image:
    """Some bands of an image as an image of their own, in memory."""
    width, heights = image.shape[1], [band.stop - band.start for band in bands]
    tops = dict(zip((band.start for band in bands), accumulate(heights, initial=0), strict=False))
    planes = np.empty((image.channels, sum(heights), width), np.float32)
    room = (image.channels, max(heights), width)

    def work(rows: slice, buffer: np.ndarray) -> None:
        band, top = image.read(rows, buffer), tops[rows.start]
        planes[:, top : top + band.shape[1]] = band

    for_each_band(bands, threads, lambda: np.empty(room, np.float32), work)
    return replace(image, shape=planes.shape[1:], read=lambda rows, out: planes[:, rows])


def search(
    found: Quantiles,
    image: Image,
    bands: Sequence[slice],
    threads: int,
    samples: Image | None = None,
    advance: Callable[[int], None] = unwatched,
) -> None:
    """Pass over the bands until the quantiles are known."""

    def read(rows: slice, buffers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        values = image.read(rows, buffers[0])
        return values, samples.read(rows, buffers[1]) if samples else values

    for _ in range(MOST_PASSES):
        if found.known:
            return
        count_pass(found, image, bands, threads, read, 2, advance)
        advance = unwatched
    raise InputError("the image has changed while it was read: leave it alone, and try again")


def count_pass(
    found: Quantiles,
    image: Image,
    bands: Sequence[slice],
    threads: int,
    read: Read,
    planes: int,
    advance: Callable[[int], None] = unwatched,
) -> None:
    """One pass over the bands.

    Parameters
    ----------
    image : Image
        An image of the size of what is counted.
    read : callable
        Gets rows and buffers, (planes, K, at least n, W) float32.
    """
    tallest = max(band.stop - band.start for band in bands)
    room = (planes, image.channels, tallest, image.shape[1])

    def start() -> tuple[np.ndarray, list[Counts]]:
        return np.empty(room, np.float32), found.start_counting()

    def work(rows: slice, state: tuple[np.ndarray, list[Counts]]) -> None:
        buffers, counts = state
        for channel, values, samples in zip(counts, *read(rows, buffers), strict=True):
            channel.add(found.kernels, values, samples)

    states = for_each_band(bands, threads, start, work, advance)
    found.finish_pass([counts for _, counts in states])
