"""From the small copies of a set to the model of each frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...coordinates.mapping import Field
from ...errors import InputError
from ...image.downscale import block_centres, restretched
from ...image.frame import Frame
from ...image.image import Image
from ...image.stretch import Stretch
from ...joint.compare import Comparison
from ...joint.composite import composite
from ...joint.transfer import added, carried
from ...model.correction import Correction, with_pedestal
from ...model.model import BackgroundModel
from ...pipeline import Job
from ...reference.copies import Copies as ReferenceCopies
from ...reference.copies import Reference, beside
from ...report.doubts import doubts_of
from ...result import Fitted, Measured, Reduced
from ...spline.spline import Spline
from ..arguments import Masks
from ..outlines import outlines_of
from ..reference import ReferenceFile
from ..source import open_source
from ..strictness import refuse_doubts
from .correcting import FrameModel
from .placing import Canvas, Placed, moved
from .small import Copies

MEAN = "the mean of the frames"

SHARED = (
    "what is doubtful is the gradient that all frames share: give a reference, an image of the "
    "same sky, which tells it; or correct what frames differ by alone (relative), which is certain"
)
"""What else can be done about the doubts of a mean."""

ROOM = 0.5
"""The stretch of a model reaches so many times its range beyond it, for nothing clamps it there."""


@dataclass(frozen=True, eq=False)
class Common:
    """The background that all frames share.

    Attributes
    ----------
    spline : Spline, linear
        On the grid of the set.
    level : ndarray, (K,), linear
        The level of the sky of the corrected frames.
    median : ndarray, (K,), linear
        That of the background.
    fitted : Fitted or None
        None where it is left in the frames.
    """

    spline: Spline
    level: np.ndarray
    median: np.ndarray
    fitted: Fitted | None


def mean_of(comparison: Comparison, copies: Copies) -> np.ndarray:
    """The robust mean of the medians of all frames that are used: (h, w, K), linear."""
    used, surfaces = comparison.used, comparison.surfaces
    planes = []
    for number, solved in enumerate(comparison.channels):
        own = surfaces.values(solved.coordinates[used])
        scale, noise = solved.scale[used], comparison.noise[number][used]
        planes.append(composite(copies.medians(number, used), own, scale, noise))
    return np.stack(planes, axis=1).reshape(*surfaces.shape, -1)


def reduced_of(job: Job, mean: np.ndarray, canvas: Canvas) -> Reduced:
    """The mean of a set as the small copy of an image.

    Raises
    ------
    InputError
        If it cannot be stretched.
    """
    values = [plane[np.isfinite(plane)] for plane in np.moveaxis(mean, 2, 0)]
    wanted = [0, 0.5, job.settings.quantile, 1]
    statistics = np.array([np.quantile(each, wanted) for each in values], np.float64)
    with _errors_of_mean():
        own, stretch = Stretch.linear(statistics), Stretch.of(statistics, job.settings.quantile)
    small = np.moveaxis(own.apply(np.moveaxis(mean, 2, 0)).astype(np.float32), 0, 2)
    image = Image(mean.shape[2], canvas.shape, _no_pixels)
    measured = Measured(*statistics[:, [0, 1, 3]].T)
    stretched = restretched(small, own, stretch, job.backend.kernels)
    return Reduced(Frame(image), canvas.factor, measured, own, small, stretch, stretched)


def with_objects(job: Job, reduced: Reduced, canvas: Canvas) -> Reduced:
    """The mean of a set with the known objects that the target of its grid shows.

    Raises
    ------
    InputError
        If the target has no coordinates and they are needed, or the catalogue is not installed.
    """
    with ExitStack() as files:
        source = open_source(canvas.target, None, None, job.settings, files)
        outlines, warnings = outlines_of(source.file, source.frame, job.settings)
    job.warnings += warnings
    down, right = canvas.origin
    placed = tuple(replace(each, y=each.y - down, x=each.x - right) for each in outlines)
    return replace(reduced, frame=replace(reduced.frame, outlines=placed))


def _no_pixels(rows: slice, out: np.ndarray) -> np.ndarray:
    raise AssertionError("the mean of a set has no pixels but those of its small copy")


@contextmanager
def _errors_of_mean() -> Iterator[None]:
    """Say in errors what they are about."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{MEAN}: {error}") from error


def fit_mean(
    job: Job,
    reduced: Reduced,
    comparison: Comparison,
    canvas: Canvas,
    mask: Masks,
    sky: Masks,
    reference: str | Path | None,
) -> tuple[Fitted, list[str]]:
    """Search for the sky in the mean of a set, as in any image; also returns the doubts.

    Raises
    ------
    InputError
        If a mask or the reference does not fit, or too little of the mean can be used.
    DoubtError
        If there are doubts, and the settings are strict.
    """
    with ExitStack() as files:
        source = open_source(canvas.target, mask, sky, job.settings, files).loaded(
            job.settings.white
        )
        weight, known_sky = source.drawn
        known = job.known(reduced, known_sky)
        used = job.weigh(reduced, weight, known)
        own: dict[str, Any] = {"masked": weight is not None, "known": known}
        shown = None
        if reference is not None:
            file = ReferenceFile.open(Path(reference), files).loaded()
            shown = file.of(source.frame, source.file, job.backend.kernels, job.threads)
        with _errors_of_mean():
            if shown is not None:
                own["reference"] = _beside(job, reduced, comparison, canvas, shown)
            prepared = job.search(reduced, used, **own)
        fitted, begun = job.fit(prepared, corrects=False), prepared.preparation()
        refuse_doubts(job, MEAN, begun, fitted)
        doubts = doubts_of(job.settings, begun, fitted)
        return fitted, [*doubts, SHARED] if doubts and reference is None else doubts


def _beside(
    job: Job, reduced: Reduced, comparison: Comparison, canvas: Canvas, reference: Reference
) -> ReferenceCopies:
    """The reference on the grid of the set, beside the mean of the frames with their stars."""
    means = np.stack([each.composite for each in comparison.channels], axis=1)
    means = means.reshape(reduced.small.shape)
    linear, _ = reduced.own.invert(np.moveaxis(reduced.small, 2, 0))
    fitted = np.moveaxis(linear, 0, 2)
    # Blocks with saturated stars have no mean.
    bright = np.isnan(means).any(axis=2) & np.isfinite(fitted).all(axis=2)
    if not canvas.alike:
        where = moved(reference.mapping, canvas.origin, before=True)
        reference = replace(reference, mapping=where, kept={})
    how = canvas.shape, canvas.factor, job.settings.block_function
    work: dict[str, Any] = {"threads": job.threads, "kernels": job.backend.kernels}
    return beside(
        np.where(bright[..., np.newaxis], fitted, means), bright, fitted, reference, *how, **work
    )


def common_of(job: Job, reduced: Reduced, fitted: Fitted | None) -> Common:
    """The background that was fitted to the mean of a set, or a level that leaves it."""
    if fitted is None:
        median = reduced.measured.median
        spline = _constant(median)
    else:
        model = fitted.model
        spline = linear_spline(model)
        size = [min(64, side) for side in reduced.small.shape[:2]]
        points = _grid_points(*size)
        median = np.median(spline.values(points), axis=0)
    return Common(spline, _level(job, reduced, median), median, fitted)


def _level(job: Job, reduced: Reduced, median: np.ndarray) -> np.ndarray:
    image = reduced.frame.image
    plain = Correction(image, image, "subtract", median)
    levels = with_pedestal(plain, job.settings.pedestal, reduced.measured.median, median).levels
    return np.asarray(levels, np.float64)


def models_of(
    comparison: Comparison,
    common: Common,
    frames: Sequence[Placed],
    canvas: Canvas,
    target: Field,
    copies: Copies,
    *,
    match_scale: bool,
) -> list[FrameModel | None]:
    """What is taken out of each frame; None of one that does not show the field."""
    found: list[FrameModel | None] = []
    for number, (frame, verdict) in enumerate(zip(frames, comparison.verdicts, strict=True)):
        if verdict in ("another field", "nothing"):
            found.append(None)
            continue
        scale = comparison.scale[number]
        coordinates = np.stack([each.coordinates[number] for each in comparison.channels])
        own = comparison.surfaces.spline(coordinates)
        spline = added(own, common.spline, scale)
        if not canvas.alike:
            place = canvas.place(target, frame.field)
            spline = carried(spline, place, frame.field.shape, canvas.shape)
        divisor = scale if match_scale else np.ones(len(scale))
        found.append(
            FrameModel(
                *model_of(spline, frame.field.shape),
                common.level,
                divisor,
                scale,
                *copies.measured(number),
                f"of {len(frames)} frames together",
            )
        )
    return found


def model_of(spline: Spline, shape: tuple[int, int]) -> tuple[BackgroundModel, np.ndarray]:
    """The model of a spline in linear units: a linear stretch that clamps nothing.

    Also returns about its minimum, median and maximum, (K, 3), stretched.
    """
    values = spline.values(_grid_points(64, 64))
    levels = np.quantile(values, [0, 0.5, 1], axis=0)
    low, high = levels[0], levels[2]
    room = ROOM * (high - low) + 1e-3 * np.abs(high) + np.finfo(np.float32).tiny
    low, scale = low - room, high - low + 2 * room
    half = np.full(len(low), 0.5)
    polynomial = spline.polynomial.copy()
    polynomial[2] -= low
    scaled = replace(spline, weights=spline.weights / scale, polynomial=polynomial / scale)
    model = BackgroundModel(scaled, Stretch(low, scale, half, 0.5), shape)
    return model, ((levels - low) / scale).T


def linear_spline(model: BackgroundModel) -> Spline:
    """The spline of a model whose stretch is linear, in linear units."""
    spline, stretch = model.spline, model.stretch
    if not isinstance(spline, Spline) or (stretch.midtones != stretch.target).any():
        raise InputError(
            "the background of the set is no single surface on a linear scale: leave out control "
            "points and seams"
        )
    polynomial = spline.polynomial * stretch.scale
    polynomial[2] += stretch.pedestal
    return replace(spline, weights=spline.weights * stretch.scale, polynomial=polynomial)


def _constant(level: np.ndarray) -> Spline:
    corners = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    polynomial = np.zeros((3, len(level)))
    polynomial[2] = level
    return Spline(corners, np.zeros((4, len(level))), polynomial, 2)


def _grid_points(rows: int, columns: int) -> np.ndarray:
    y, x = block_centres(rows, 1), block_centres(columns, 1)
    return np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1).reshape(-1, 2)
