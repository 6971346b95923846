"""The sky before the unresolved stars of the Milky Way, which leave no bare sky anywhere.

Their light has one colour, and dust makes it redder where it hides a part of it. So in differences
of channels in which that colour cancels, light of any strength that dust has left alone is gone,
and what has another colour is left of the sky. This is seen wherever there is no dust, in the
brightest parts of the Milky Way as well. Only how strong the sky is remains open, one number for
each difference instead of a surface: the stars thin out with the distance from the plane of
the Milky Way, as no sky does.
"""

from __future__ import annotations

import numpy as np

from .mesh import Mesh
from .neighbourhood import gaussian_mean
from .outskirts import beside_fading_light, fading_light, guess, hides_the_sky
from .robust_fit import LEAST_WEIGHT, SOFTNESS, TOLERANCE_FACTORS, falling
from .smoothing_spline import Splines
from .surface import Surface

REPEATED = 3
"""The fits with one tolerance: the colour of the stars and the cells without dust need each
other."""

OFF, NEARBY, REACH = 3.0, 0.7, 1.0
"""Tolerances at which a cell that is off the sky to either side, and one around which the mean, by
a Gaussian of so many cells, is too red, lose half of their weight: dust makes light redder in
whole clouds, and never bluer. A channel is redder than those behind it."""

CLEAN = 0.3
"""At least this share of the frame has light of the sky and of one more colour, and nothing else:
elsewhere it is no light of stars."""

VARIES = 3.0
"""The sky has another colour than the stars if some difference varies by at least so many standard
deviations of the noise of a cell."""

DUSTY, DARKER = 0.1, -0.12
"""At least this share of the frame is redder by `OFF` deviations of the noise, and the redder a
cell, the darker it is: that is the correlation. Reflecting dust and comets have none."""

CLOUDS = 2.0
"""What is redder or darker is so against a Gaussian mean of so many cells around."""

BRIGHTEST = 0.2
"""The stars fade around this part of the frame, the one where they are brightest."""

STRENGTH = 30.0
"""The penalty on the squares of the strengths, in units of a cell with noise alone: a sky hardly
has the stars' own colour, of which the differences would show next to nothing."""


def before_stars(
    instead: Surface, mesh: Mesh, quadratic: Splines | None, flexible: Splines
) -> Surface | None:
    """The sky before stars that leave no bare sky, from the differences in which they cancel.

    Parameters
    ----------
    instead, mesh, quadratic, flexible
        As for `fastbg.sky.outskirts.behind_outskirts`.

    Returns
    -------
    Surface or None
        None where enough of the frame is sky, as `hides_the_sky` tells; for an image of one
        channel; where too little of the frame has light of one colour beside the sky's; where the
        sky has that colour, too; where no dust makes the light redder and darker; and as `guess`
        tells.
    """
    if quadratic is None or len(mesh.noise) == 1 or not hides_the_sky(instead, mesh):
        return None
    unit = np.maximum(mesh.noise, np.finfo(np.float32).tiny)
    data, usable = mesh.values / unit, mesh.usable
    colour, skies, weight, redder = _differences(data, mesh, quadratic.matrix[:, : quadratic.free])
    if weight.sum() < CLEAN * mesh.weight.sum() or skies[usable].std(axis=0).max() < VARIES:
        return None
    if not _has_dust(redder, data[:, -1], mesh):
        return None
    above = np.where(usable, data[:, -1] - instead.values[:, -1] / unit[-1], 0)
    around = gaussian_mean(above.reshape(mesh.shape), REACH)
    brightest = around > np.quantile(around.ravel()[usable], 1 - BRIGHTEST)
    shape = np.column_stack([skies - skies[usable].mean(axis=0), np.ones(len(data))])
    penalty = np.append(np.full(len(colour), STRENGTH), 0)
    shares = beside_fading_light(
        *(shape, fading_light(brightest, mesh), data[:, -1], above),
        *(np.where(brightest.ravel(), 0, weight), mesh.known, lambda shares: penalty),
    )
    last = shape @ shares
    values = np.column_stack([last[:, np.newaxis] * colour + skies, last]) * unit
    return guess(instead, values, mesh, flexible)


def _differences(
    data: np.ndarray, mesh: Mesh, plain: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The stars' colour, and the sky in the differences from the last channel in which it cancels.

    Parameters
    ----------
    data : ndarray, (P, K)
        In units of the noise.
    plain : ndarray, (P, Q)
        The functions of which a sky is a sum.

    Returns
    -------
    colour : ndarray, (K - 1,)
        Of the stars in the other channels, relative to the last one.
    skies : ndarray, (P, K - 1)
        The sky in each other channel less the colour times the sky in the last.
    weight : ndarray, (P,)
        How much each cell has but sky and light of that colour.
    redder : ndarray, (P,)
        By how much it is redder, in standard deviations of the noise.
    """
    functions, others = np.column_stack([plain, data[:, -1]]), data[:, :-1]
    weight, usable = mesh.weight, mesh.usable
    # Each difference has the noise of two channels, one of which they share.
    noise = np.sqrt((others.shape[1] + 1) / (2 * others.shape[1]))
    for tolerance in np.repeat(TOLERANCE_FACTORS, REPEATED) * noise:
        weighted = functions * weight[:, np.newaxis]
        normal = weighted.T @ functions
        normal.flat[:: len(normal) + 1] *= 1 + 1e-12
        shares = np.linalg.solve(normal, weighted.T @ others)
        off = (others - functions @ shares) / np.hypot(1, shares[-1])
        redder = np.where(usable, off.mean(axis=1) / tolerance, 0)
        plane = (np.clip(redder, -6, 6) * (1 - mesh.known)).reshape(mesh.shape)
        nearby = gaussian_mean(plane, REACH).ravel()
        clean = falling(np.abs(redder) - OFF, SOFTNESS)
        clean *= falling(nearby - NEARBY, 0.5 * SOFTNESS)
        weight = mesh.weight * np.maximum(clean, np.maximum(mesh.known, LEAST_WEIGHT))
    return shares[-1], plain @ shares[:-1], weight, redder


def _has_dust(redder: np.ndarray, light: np.ndarray, mesh: Mesh) -> bool:
    """Whether light, (P,), is redder in a part of the frame, and darker where it is redder."""
    usable = mesh.usable
    if np.mean(redder[usable] > OFF) < DUSTY:
        return False
    cells = np.maximum(gaussian_mean(usable.reshape(mesh.shape), CLOUDS), 1e-3)
    small = []
    for each in (np.clip(redder, -6, 6), light):
        plane = np.where(usable, each, 0).reshape(mesh.shape)
        small.append((plane - gaussian_mean(plane, CLOUDS) / cells).ravel()[usable])
    # Single stars and the bright edges of clouds are no measure of the rest.
    small[1] = np.clip(small[1], *np.quantile(small[1], (0.1, 0.9)))
    return bool(np.corrcoef(*small)[0, 1] < DARKER)
