"""The results of a job's stages, in the order in which they are made."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from .diagnostics import Diagnostics
from .diagnostics.whole_frame import WholeFrame
from .fit import Fit
from .image.frame import Frame
from .image.stretch import Stretch
from .model.correction import Correction
from .model.model import BackgroundModel
from .reference.sky import Compared, ReferencedSky
from .samples.sky import SampledSky, SampleRow
from .sky.detection import Sky
from .sky.surface import Choice
from .spline.loss import Problem
from .spline.panels import Panels, Seam
from .spline.spline import Spline
from .words import brief


@dataclass(frozen=True, eq=False)
class Measured:
    """Order statistics of an image over its valid samples.

    Attributes
    ----------
    minimum, median, maximum : ndarray, (K,), linear
        NaN where a channel has no valid sample.
    missing : int
        The number of samples that are not valid.
    """

    minimum: np.ndarray
    median: np.ndarray
    maximum: np.ndarray
    missing: int = 0

    __repr__ = brief


@dataclass(frozen=True, eq=False)
class Reduced:
    """An image that was measured and down-scaled, before anything is left out of it.

    Attributes
    ----------
    frame : Frame
    factor : int
        The side of the blocks.
    measured : Measured
        Statistics of the fitted image, ``frame.image``.
    own : Stretch
        The stretch of `small`: for a search a linear one.
    small : ndarray, (h, w, K), float32; NaN = missing, `fastbg.image.downscale.BELOW` = clipped
    stretch : Stretch
        That of the settings.
    stretched : ndarray, (h, w, K), float32
        The same as `small` in the space of `stretch`.
    """

    frame: Frame
    factor: int
    measured: Measured
    own: Stretch
    small: np.ndarray
    stretch: Stretch
    stretched: np.ndarray


@dataclass(frozen=True, eq=False)
class Prepared:
    """The problem that a spline is fitted to, and the image that it comes from.

    Attributes
    ----------
    frame : Frame
    measured : Measured
        Statistics of the fitted image, ``frame.image``.
    stretch : Stretch
    problem : Problem
        The down-scaled, stretched image with its weights and coordinates.
    sky : Sky or None
        The sky that was found, if it was searched for.
    masked : bool
        Whether a weight image took the place of the thresholds.
    softened : bool
        Whether feathering lowered a weight.
    """

    frame: Frame
    measured: Measured
    stretch: Stretch
    problem: Problem
    sky: Sky | None = None
    masked: bool = False
    softened: bool = False

    @property
    def found(self) -> Problem | None:
        """The sky that was found, in the place of the image: its values at the cells."""
        if self.sky is None:
            return None
        mesh = self.sky.mesh
        linear, _ = self.sky.stretch.invert(self.sky.surface.values.T)
        data = self.stretch.apply(linear).T.reshape(*mesh.shape, -1)
        y, x = np.moveaxis(mesh.points.reshape(*mesh.shape, 2), 2, 0)
        return replace(self.problem, data=data, weight=np.ones(data.shape), y=y[:, 0], x=x[0])

    def preparation(self) -> Preparation:
        """The same without the pixels, whose memory may be wanted."""
        height, width = self.problem.data.shape[:2]
        sky = None
        if self.sky:
            surface = self.sky.surface
            sky = SkySummary(
                surface.explained,
                surface.below,
                surface.stiffness,
                surface.joint is not None,
                surface.doubts,
                self.sky.seams,
                surface.glow,
                surface.choice,
                self.sky.rows if isinstance(self.sky, SampledSky) else (),
                self.sky.fit.freedom if isinstance(self.sky, SampledSky) else math.nan,
                self.sky.compared if isinstance(self.sky, ReferencedSky) else None,
                surface.halo is not None,
                surface.guessed,
            )
        return Preparation(
            self.measured,
            self.stretch,
            (height, width),
            int(np.count_nonzero(self.problem.kept)),
            sky,
            self.masked,
            self.softened,
        )


@dataclass(frozen=True, eq=False)
class Preparation:
    """A prepared problem without its pixels.

    Attributes
    ----------
    measured : Measured
    stretch : Stretch
    shape : (h, w)
        The shape of the down-scaled image.
    usable_pixels : int
        The number of its pixels that have weight in some channel.
    sky : SkySummary or None
    masked : bool
        Whether a weight image took the place of the thresholds.
    softened : bool
        Whether feathering lowered a weight.
    """

    measured: Measured
    stretch: Stretch
    shape: tuple[int, int]
    usable_pixels: int
    sky: SkySummary | None
    masked: bool
    softened: bool


@dataclass(frozen=True)
class SkySummary:
    """The sky that was found, in numbers, and whether its channels are multiples of one shape.

    See `fastbg.sky.surface.Surface` and `Choice`, and `fastbg.spline.panels.Seam`. Through samples,
    also these, and the effective number of degrees of freedom of the surface; with a reference, how
    it compares. Then whether it is the mean with a sky behind a halo, and whether it is a guess of
    what objects hide.
    """

    explained: float
    below: float
    stiffness: float
    joint: bool = False
    doubts: tuple[str, ...] = ()
    seams: tuple[Seam, ...] = ()
    glow: tuple[str, ...] = ()
    choice: Choice | None = None
    samples: tuple[SampleRow, ...] = ()
    freedom: float = math.nan
    compared: Compared | None = None
    halo: bool = False
    guessed: bool = False


@dataclass(frozen=True)
class Opinion:
    """Where descents differ most from the sky that was found, in units of the uncertainty.

    Attributes
    ----------
    y, x : float, in [0, 1]
        The place, from the upper left corner, in parts of the height and of the width.
    difference : float, linear
        By how much their mean lies above the sky that was found there, apart from the level.
    uncertainty : float, linear
        Of that sky, of the median of a cell, and of the descents, in quadrature.
    """

    y: float
    x: float
    difference: float
    uncertainty: float

    @property
    def agrees(self) -> bool:
        """Whether the difference is within the uncertainty everywhere."""
        return abs(self.difference) <= self.uncertainty


@dataclass(frozen=True, eq=False)
class Fitted:
    """A fitted background.

    Attributes
    ----------
    model : BackgroundModel
        It renders at any size, evaluates at points, and saves to JSON.
    fit : Fit
        The descent behind the model.
    diagnostics : Diagnostics
        How good the model is, as far as the image tells.
    opinion : Opinion or None
        Where a descent differs from the sky that was found, if that was asked for.
    """

    model: BackgroundModel
    fit: Fit
    diagnostics: Diagnostics
    opinion: Opinion | None = field(default=None, kw_only=True)

    __repr__ = brief

    @property
    def spline(self) -> Spline | Panels:
        """The fitted spline, or those of panels, in the space of the model's stretch."""
        return self.model.spline

    @property
    def losses(self) -> np.ndarray:
        """(iterations,): the loss history of the best start; empty without a descent."""
        return self.fit.descent.losses


@dataclass(frozen=True, eq=False)
class Applied:
    """A model that was fitted before, as it is applied to an image.

    Attributes
    ----------
    model : BackgroundModel
    file : str or None
        Where it was read from.
    scale : ndarray, (K,)
        The factors by which its channels were scaled.
    measured : Measured
        Statistics of the image.
    whole_frame : WholeFrame
        What the model does to the image.
    """

    model: BackgroundModel
    file: str | None
    scale: np.ndarray
    measured: Measured
    whole_frame: WholeFrame


@dataclass(frozen=True, eq=False)
class Plan:
    """How a background is taken out of a frame.

    Attributes
    ----------
    frame : Frame
    correction : Correction
        The correction of the fitted image, ``frame.image``, of which pictures are drawn.
    stored : Correction
        The correction of the samples as they are stored: of a Bayer mosaic, pixel by pixel.
    background : Measured
        Statistics of the model over the valid samples of the fitted image.
    clamped_below, clamped_above : int
        The numbers of samples of the model that lay outside the range of the stretch.
    """

    frame: Frame
    correction: Correction
    stored: Correction
    background: Measured
    clamped_below: int
    clamped_above: int


@dataclass(frozen=True, eq=False)
class Corrected:
    """A frame whose background has been taken out, in numbers.

    Attributes
    ----------
    plan : Plan
    measured : Measured
        Statistics of the corrected image, by colour.
    below_0, above_1 : int
        The numbers of stored samples outside [0, 1].
    thumbnail : ndarray, (K, h, w), float32, linear
        A small copy of the fitted image: see `fastbg.image.thumbnail`.
    clipped : bool
        Whether the format of the output clips those.
    """

    plan: Plan
    measured: Measured
    below_0: int
    above_1: int
    thumbnail: np.ndarray
    clipped: bool = False
