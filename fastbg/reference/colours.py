"""A plane that a reference has beside its objects, told by the colours in which these are faint.

Objects have few colours. In the sum of channels in which they are faintest, a gradient of the sky's
own colour is seen although objects fill the frame. The colour is that of the gradient which the
image has and the reference has not.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..sky.blas import one_thread
from ..sky.mesh import Mesh

STRUCTURE = 2.0, 12.0
"""The half waves along the frame, between which structure is that of objects alone."""

BINS, FEWEST = 6, 4
"""So many parts of that range, of at least so many waves each, tell how structure grows with its
size."""

NOISE = 20.0
"""From so many half waves on, there is noise alone."""

LARGEST = 4.0
"""Up to so many half waves, a plane is seen beside larger structure."""

ROUNDS = 4
"""Structure is as strong as what the plane leaves of it, which is found in some rounds."""

LEAST_USABLE = 0.8
"""The least share of the cells that can be used: where they are missing, there are edges."""

KNOWN = 0.1
"""The standard error of a plane that is known, in parts of the gradient of the image."""


@dataclass(frozen=True, eq=False)
class Plane:
    """A plane that is no object.

    Attributes
    ----------
    slopes : ndarray, (2, K), linear
        How much it rises along the height and the width of the frame.
    errors : ndarray, (2, K), linear
        Their standard errors.
    """

    slopes: np.ndarray
    errors: np.ndarray


@one_thread
def plane_by_colours(reference: Mesh, difference: Mesh) -> Plane | None:
    """The plane in a reference that has the colour of the gradient of an image.

    Waves along the frame have independent amplitudes, whose variance in objects is a power of the
    number of waves, another one in each of the sums of channels that are uncorrelated both in
    objects and in noise. Generalised least squares then find the plane.

    Parameters
    ----------
    reference : Mesh
        Of the scaled reference.
    difference : Mesh
        Of the image without the light of the reference.

    Returns
    -------
    Plane or None
        None where objects hide it.
    """
    usable = reference.usable & difference.usable
    rows, columns = reference.shape
    along = np.hypot(np.arange(rows)[:, np.newaxis] / rows, np.arange(columns) / columns)
    waves = (along * (rows * columns) ** 0.5).ravel()
    structure, noise, low = (
        (waves >= STRUCTURE[0]) & (waves < STRUCTURE[1]),
        waves >= NOISE,
        (waves > 0) & (waves < LARGEST),
    )
    channels = reference.values.shape[1]
    if usable.mean() < LEAST_USABLE or min(rows, columns) < NOISE or channels < 2:
        return None
    light, gradient, plane = (
        _amplitudes(values, usable, reference.shape)
        for values in (reference.values, difference.values, reference.points)
    )
    strong = structure, waves[structure]
    sums = _uncorrelated(light[structure] * waves[structure][:, np.newaxis], light[noise])
    if sums is None:
        return None
    colour = np.linalg.svd(gradient[low], full_matrices=False)[2][0]
    expected = _expected(light[strong[0]] @ sums, strong[1], waves[low])
    templates = plane[low].T[:, :, np.newaxis] * (colour @ sums)
    found, covariance = _fitted(light[low] @ sums, templates, expected)
    size = np.linalg.norm(gradient[low] @ colour) / len(waves) ** 0.5
    deviation = np.linalg.norm(plane[low], axis=0) / len(waves) ** 0.5
    errors = np.sqrt(np.diag(covariance))
    if np.linalg.norm(errors * deviation) > KNOWN * size:
        return None
    return Plane(np.outer(found, colour), np.outer(errors, np.abs(colour)))


def _amplitudes(values: np.ndarray, usable: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """(P, K): the amplitudes of waves along the rows and columns of cells, a cosine transform."""
    known = values[usable]
    level = np.median(known, axis=0)
    planes = np.where(usable[:, np.newaxis], values - level, 0).reshape(*shape, -1)
    down, across = map(_cosines, shape)
    found: np.ndarray = np.einsum("ij,jkc,lk->ilc", down, planes, across, optimize=True)
    return found.reshape(len(values), -1)


def _cosines(count: int) -> np.ndarray:
    """(count, count): orthonormal waves, one in each row."""
    number, at = np.arange(count)[:, np.newaxis], np.arange(count) + 0.5
    waves = np.sqrt(2 / count) * np.cos(np.pi * number * at / count)
    waves[0] /= 2**0.5
    return waves


def _uncorrelated(structure: np.ndarray, noise: np.ndarray) -> np.ndarray | None:
    """(K, K): sums of channels in which both have no correlation, and noise is 1; None without."""
    values, vectors = np.linalg.eigh(noise.T @ noise / len(noise))
    if values[0] <= np.finfo(np.float32).eps * values[-1]:
        return None  # one channel tells what another does
    white = vectors / np.sqrt(values)
    _, turned = np.linalg.eigh(white.T @ structure.T @ structure @ white)
    sums: np.ndarray = white @ turned
    return sums


def _expected(structure: np.ndarray, waves: np.ndarray, low: np.ndarray) -> np.ndarray:
    """(low waves, K): the variance of amplitudes, by a power law through those of structure."""
    edges = np.geomspace(*STRUCTURE, BINS + 1)
    numbers, powers = [], []
    for first, last in pairwise(edges):
        inside = (waves >= first) & (waves < last)
        if inside.sum() >= FEWEST:
            numbers.append(np.log(waves[inside].mean()))
            powers.append(np.log((structure[inside] ** 2).mean(axis=0)))
    slope, level = np.polynomial.polynomial.polyfit(numbers, powers, 1)[::-1]
    expected: np.ndarray = np.exp(level + np.minimum(slope, 0) * np.log(low)[:, np.newaxis])
    return expected


def _fitted(
    light: np.ndarray, templates: np.ndarray, expected: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """How much of each template is in the light of low waves, and the covariance of that.

    What is left is compared with what was expected: its mean, and that of the waves that tell most.
    """
    variance = expected
    telling = (templates**2).sum(axis=0) / expected
    for _ in range(ROUNDS):
        covariance = np.linalg.inv(np.einsum("iwk,jwk,wk->ij", templates, templates, 1 / variance))
        found = covariance @ np.einsum("iwk,wk,wk->i", templates, light, 1 / variance)
        left = (light - np.einsum("i,iwk->wk", found, templates)) ** 2 / expected
        tells = (left * telling).sum(axis=0) / telling.sum(axis=0)
        variance = expected * np.maximum(np.maximum(left.mean(axis=0), tells), 1)
    return found, covariance
