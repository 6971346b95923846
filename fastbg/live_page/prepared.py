"""The preparation of a fit: what does not depend on the last edit is kept from one to the next."""

from __future__ import annotations

from dataclasses import replace
from threading import Lock

import numpy as np

from ..checks import check_settings
from ..errors import SettingsError
from ..image.frame import Frame
from ..image.image import Image
from ..pipeline import Job
from ..result import Prepared, Reduced
from ..samples.grid import Ground
from ..samples.points import SamplePoints
from ..samples.sky import MeasuredSamples
from ..settings.settings import Settings
from .document import SampleRows
from .layers import Painted


class Preparation:
    """What fits of one frame have in common; from any thread."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._lock = Lock()
        self._reduced: dict[tuple[object, ...], Reduced] = {}
        self._searched: tuple[tuple[Settings, Painted], Prepared] | None = None
        self._measured: tuple[np.ndarray, SampleRows, MeasuredSamples] | None = None
        self._ground: tuple[Prepared, Ground] | None = None

    def reduce(self, job: Job) -> Reduced:
        """`Job.reduce`, once for all settings that make no difference to it."""
        own, shape = job.settings, self._frame.image.shape
        key = own.factor(shape), own.downscaling_func, own.quantile, own.finds_sky
        with self._lock:
            if key not in self._reduced:
                self._reduced = {key: job.reduce(self._frame)}
            reduced = self._reduced[key]
        job.settings = replace(own, downscaling_factor=reduced.factor)
        return reduced

    def prepare(self, job: Job, painted: Painted, samples: SampleRows = ()) -> Prepared:
        """`Job.prepare` with the layers, and the samples, as the files that they are exported as.

        Parameters
        ----------
        job : Job
        painted : Painted
        samples : rows of x, y, radius and weight, optional
            The fit goes through them.
        """
        masked = bool(painted.not_sky.any())
        check_settings(job.settings, masked=masked, sampled=bool(samples))
        reduced = self.reduce(job)
        # These make no difference to the search.
        plain = replace(job.settings, strength=1.0, mode="subtract", pedestal="model-median")
        if not samples and self._searched and self._searched[0] == (plain, painted):
            return self._searched[1]
        seen = ~np.isnan(reduced.stretched)
        known = weight = None
        if painted.sky.any():
            known = np.where(seen & painted.sky[..., None], np.float32(1), 0).mean(axis=2)
        if masked:
            weight = np.where(painted.not_sky, np.float32(0), np.float32(1))
        used = job.weigh(reduced, weight, known)
        measured = self._measure(job, painted, samples) if samples else None
        prepared = job.search(reduced, used, masked=masked, known=known, samples=measured)
        if not samples:
            self._searched = (plain, painted), prepared
        return prepared

    def ground(self, job: Job, painted: Painted) -> Ground:
        """Where the sky is dark, by a search without samples.

        Raises
        ------
        SettingsError
            If the settings ask for no search.
        """
        prepared = self.prepare(job, painted)
        if prepared.sky is None:
            raise SettingsError("samples need a search for the sky: set the control points to auto")
        if self._ground is None or self._ground[0] is not prepared:
            small = self.reduce(job).small
            ground = Ground.of(small, prepared.sky, self._frame.samples.shape)
            self._ground = prepared, ground
        return self._ground[1]

    def _measure(self, job: Job, painted: Painted, samples: SampleRows) -> MeasuredSamples:
        """`Job.measure_samples`, of those that were not measured before."""
        points, kept = SamplePoints.of(samples), self._measured
        if kept is None or kept[0] is not painted.not_sky:
            measured = job.measure_samples(self._frame, points, self._weight(painted))
        else:
            place = {row: number for number, row in enumerate(kept[1])}
            new = [number for number, row in enumerate(samples) if row not in place]
            measured = kept[2]
            if new:
                some = points.chosen(new)
                own = job.measure_samples(self._frame, some, self._weight(painted))
                measured = measured.joined(own)
            place |= {samples[number]: len(kept[1]) + n for n, number in enumerate(new)}
            measured = measured.chosen(np.array([place[row] for row in samples]))
        self._measured = painted.not_sky, samples, measured
        return measured

    def _weight(self, painted: Painted) -> Image | None:
        """What is not painted as "not sky", at full resolution, as a mask is given."""
        if not painted.not_sky.any():
            return None
        shape, grid = self._frame.samples.shape, painted.grid

        def read(rows: slice, out: np.ndarray) -> np.ndarray:
            hidden = grid.enlarged(painted.not_sky, rows, shape[1])
            out = out[:, : rows.stop - rows.start]
            out[0] = ~hidden
            return out

        return self._frame.weight(Image(1, shape, read))
