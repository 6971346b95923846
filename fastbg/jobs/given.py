"""What a job on an array was given, and the frame that it works on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from ..image.frame import Frame
from ..image.image import Image, samples_of_array
from ..image.kernels import FASTEST, NUMPY, Kernels
from ..image.weights import range_of_mask
from ..io.white import faint
from ..settings.settings import Settings
from .containers import Container

if TYPE_CHECKING:
    from ..reference.copies import Reference
    from ..samples.points import SamplePoints


@dataclass(frozen=True, eq=False)
class Given:
    """What a job on an array was given. The arrays are those of the user, and no copies.

    Attributes
    ----------
    image : array_like
    weight : array_like or None
    channel_axis : int or None
    settings : Settings
    sky : array_like or None
    samples : SamplePoints or None
    reference : array_like or None
    """

    image: np.ndarray | Any
    weight: np.ndarray | Any | None
    channel_axis: int | None
    settings: Settings
    sky: np.ndarray | Any | None = None
    samples: SamplePoints | None = None
    reference: np.ndarray | Any | None = None


def opened(given: Given) -> tuple[Container, Frame]:
    """What was given, as an array and as the frame that a job works on."""
    array = Container.of(given.image, given.channel_axis)
    try:
        kernels = _kernels_of(given)
        image = image_of(array, kernels)
        frame = Frame(image, given.settings.pattern(None), kernels=kernels)
        return array, frame.without_border().with_zeros_of_sky(given.settings.worker_threads)
    except InputError as error:
        told = str(error).startswith("an image")
        raise InputError(str(error) if told else f"the image {error}") from error


def image_of(array: Container, kernels: Kernels = FASTEST) -> Image:
    """An array as an image, linear, NaN where its mask hides it."""
    image = Image.from_samples(array.layout.channels_last(array.samples), kernels=kernels)
    if array.mask is None:
        return image
    mask = array.layout.channels_last(array.mask.view(np.uint8))
    return image.without(Image.from_samples(mask))


def reference_of(given: Given, frame: Frame) -> Reference | None:
    """The reference that was given, an image of the same sky."""
    if given.reference is None:
        return None
    from ..coordinates.mapping import Field, mapping
    from ..reference.copies import Reference

    if given.reference is given.image:
        raise InputError(
            "the image cannot be its own reference: give another image of the same sky"
        )
    try:
        image = image_of(Container.of(given.reference, given.channel_axis), _kernels_of(given))
        own = Frame(image, frame.pattern if image.channels == 1 else None, kernels=frame.kernels)
        threads = given.settings.worker_threads
        own = own.without_border().with_zeros_of_sky(threads)
        ours, theirs = (
            Field(each.image.shape, image=each.image, threads=threads) for each in (frame, own)
        )
        return Reference(own.image, mapping(ours, theirs))
    except InputError as error:
        raise InputError(f"the reference {error}") from error


def weights_of(
    given: Given, frame: Frame, warnings: list[str]
) -> tuple[Image | None, Image | None]:
    """The weight and the sky that were given, for the fitted image."""
    mask = _weight_of(given.weight, "mask", given, frame, warnings)
    return mask, _weight_of(given.sky, "sky", given, frame, warnings)


def _weight_of(
    weight: np.ndarray | Any | None,
    name: str,
    given: Given,
    frame: Frame,
    warnings: list[str],
) -> Image | None:
    if weight is None:
        return None
    try:
        array = Container.of(weight, given.channel_axis)
        samples = array.layout.channels_last(array.filled)
        if samples.dtype.kind not in "iuf":
            samples = samples.astype(np.uint8 if samples.dtype == bool else np.float32)
        source = samples_of_array(samples)
        high = np.iinfo(samples.dtype).max if samples.dtype.kind in "iu" else 1
        found = range_of_mask(source, 0, high)
        if found.guessed:
            warnings.append(f"the {name} {faint(found.high)}")
        return frame.weight(Image.of(source, found.bounds, _kernels_of(given)))
    except InputError as error:
        raise InputError(f"the {name}: {error}") from error
    except (TypeError, ValueError) as error:
        raise InputError(f"the {name} is no array of numbers ({error}): give one") from error


def _kernels_of(given: Given) -> Kernels:
    """The kernels of the backend, before there is a job."""
    return NUMPY if given.settings.backend == "numpy" else FASTEST
