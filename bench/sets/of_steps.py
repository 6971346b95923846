"""What the pixels beside a seam allow: the least error of its step, by linear estimates.

A step s(t) along a seam of L lines is in the pixels of the panels that meet there, as s(t) / 2 on
the one side and as -s(t) / 2 on the other, beside the light of the sky and noise of the deviation
d. Let s be a polynomial of the degree D: a sum of Legendre polynomials, each with the unit square
sum over the lines. The sum of all lines, weighted by such a term, has in each pixel across the seam
the noise d, a part of the light, and a step whose height is the coefficient of the term. Where the
light and the noise have the power spectrum S(k) across the seam, least squares tell the coefficient
with the variance

    1 / mean over all k of |h(k)|^2 / S(k),    |h(k)|^2 = 1 / (4 sin(k / 2)^2)

(the difference of neighbours in a step is a pulse, whose spectrum is 1, and differences have 4
sin(k / 2)^2 times the spectrum of what they are made of). No linear estimate from one channel is
better that knows no more of the light than its spectrum. One from all channels may be: where their
light has one colour, it is the same light in all of them. Over the lines, the mean square of the
error is (D + 1) / L times that, and the mean square of what of the true step is no such polynomial.
The bound is the least root of the sum of both over the degrees up to `HIGHEST`; who chooses it
knows the truth.

The light is that without stars, as if each were known, and its spectrum the mean of the
periodograms of some pieces across the seam, weighted by the terms up to `SLOW`. What panels tell
elsewhere of their own backgrounds, and that steps add up to nothing around a corner, is left out;
so is what is not normal in the light, by which estimates that are not linear may be better.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from .frames import Frame

HIGHEST, SLOW = 5, 3
LONGEST = 256
"""The most pixels of a piece across a seam."""

PIECES = 5
"""Pieces at places around the seam, a quarter of their length apart."""


def step_bounds(found: Frame, labels: np.ndarray, light: np.ndarray) -> list[np.ndarray]:
    """(K,) for each pair of panels, linear, in the order of `seams_of`.

    Parameters
    ----------
    found : Frame
        A merged mosaic, whose panels meet along rows and columns.
    labels : ndarray, (H, W), int
    light : ndarray, (K, H, W), linear
        That of its sky without stars and noise.
    """
    least = []
    for axis, lines, at in seams_of(labels):
        first = np.moveaxis(found.background, axis, 0)[at - 1][lines]
        second = np.moveaxis(found.background, axis, 0)[at][lines]
        across = np.moveaxis(light, axis + 1, 1)[:, :, lines]
        least.append(_bound(first - second, across, at, found.noise))
    return least


def seams_of(labels: np.ndarray) -> list[tuple[int, slice, int]]:
    """The axis across each seam, its lines, and the first pixel beyond it."""
    found = []
    for axis in (0, 1):
        lines = labels if axis == 1 else labels.T
        changes = np.diff(lines.astype(int), axis=1) != 0
        for panel in np.unique(lines[:, :-1][changes]):
            row, column = np.nonzero((lines[:, :-1] == panel) & changes)
            found.append((axis, slice(row.min(), row.max() + 1), int(column[0]) + 1))
    return found


def _bound(step: np.ndarray, light: np.ndarray, at: int, noise: np.ndarray) -> np.ndarray:
    """(K,): of a step, (L, K), in a light, (K, n, L), before the pixel `at` of n."""
    count = light.shape[2]
    terms = np.polynomial.legendre.legvander(np.linspace(-1, 1, count), HIGHEST)
    terms /= np.sqrt((terms**2).sum(axis=0))
    variance = 1 / information(light @ terms[:, : SLOW + 1], at, noise)
    errors = []
    for degree in range(HIGHEST + 1):
        own = terms[:, : degree + 1]
        left = step - own @ np.linalg.lstsq(own, step, rcond=None)[0]
        errors.append((left**2).mean(axis=0) + (degree + 1) / count * variance)
    least: np.ndarray = np.sqrt(np.min(errors, axis=0))
    return least


def information(light: np.ndarray, at: int, noise: np.ndarray) -> np.ndarray:
    """(K,): that of a coefficient, by what light, (K, n, M), has across a seam before `at` of n."""
    size = min(LONGEST, 2 * min(at, light.shape[1] - at))
    window = np.hanning(size)
    line = np.polynomial.legendre.legvander(np.linspace(-1, 1, size), 1)
    no_line = np.eye(size) - line @ np.linalg.pinv(line)
    found = []
    for piece, order in product(range(PIECES), range(light.shape[2])):
        first = at - size // 2 + (piece - PIECES // 2) * size // 4
        first = int(np.clip(first, 0, light.shape[1] - size))
        part = light[:, first : first + size, order] @ no_line * window
        found.append(np.abs(np.fft.rfft(part, axis=1)) ** 2 / (window**2).sum())
    spectrum = np.mean(found, axis=0)[:, 1:] + noise[:, np.newaxis] ** 2
    k = 2 * np.pi * np.arange(1, spectrum.shape[1] + 1) / size
    # The sum over all waves, positive and negative, of which one is (2 pi / size) apart.
    information: np.ndarray = (1 / (4 * np.sin(k / 2) ** 2 * spectrum)).sum(axis=1) * 2 / size
    return information
