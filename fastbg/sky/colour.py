"""What colour tells of the sky: a sum of the channels in which objects cancel, and differences.

The sum is the one that is smoothest relative to its structure (min/max autocorrelation factors:
P. Switzer and A. A. Green, Technical Report 6, Stanford, 1984). A nebula
has structure in its own colours only. Where town or Moon light the sky in other colours, something
of that light is left in a sum in which the nebula cancels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .mesh import Mesh
from .smoothing_spline import Splines, combined
from .surface import Surface

STIFF, FLEXIBLE = 1e3, 1e-6
"""Stiffnesses: structure is what lies off the first surface, and smooth is the second surface."""

DIFFERENT = 0.05
"""Differences between channels may leave this part more of their squares unexplained than with the
stiffness of the surface."""

ROUNDING = 1e-12
"""The part of the variance of the structure that rounding in float64 may be."""

SMOOTH, SMOOTH_BESIDE = 12.0, 5.0
"""A joint channel has a smooth surface with at least this many times the variance of its structure:
nine tenths of the whole; and so much has a second one beside it. Nebulae have one to three times as
much."""


def joint_channels(mesh: Mesh, splines: Splines) -> Mesh | None:
    """The same cells in sums of all channels, orthogonal ones, in which objects are seen least.

    Parameters
    ----------
    mesh : Mesh
    splines : Splines
        A basis at its cells.

    Returns
    -------
    Mesh, or None
        In as many channels as the sky has colours. None for an image of one channel; where no sum
        is smooth, for objects are seen in all; and where all are: the sky has as many colours.
    """
    noise = np.maximum(mesh.noise, np.finfo(np.float32).tiny)
    values = mesh.values / noise
    if len(noise) == 1:
        return None
    stiff, smooth = (
        combined(splines.matrix, splines.solve(values, mesh.weight, stiffness))[mesh.usable]
        for stiffness in (STIFF, FLEXIBLE)
    )
    white = _whitening(np.cov((values[mesh.usable] - stiff).T))
    smoothness, colours = np.linalg.eigh(white @ np.cov(smooth.T) @ white.T)
    count = np.count_nonzero(smoothness > SMOOTH_BESIDE) if smoothness[-1] > SMOOTH else 0
    if not 0 < count < len(noise):
        return None
    colour = white.T @ colours[:, ::-1][:, :count]
    return replace(mesh, values=values @ colour, noise=np.sqrt((colour**2).sum(axis=0)))


def contrast(light: np.ndarray, objects: np.ndarray, cells: int) -> float:
    """How far a light stands out of objects in the sum of channels in which it does most.

    Parameters
    ----------
    light : ndarray, (P, K)
        In units of the noise of each channel.
    objects : ndarray, (n, K)
        What lies off the light, likewise.
    cells : int
        The number of cells among which the objects are.

    Returns
    -------
    float
        The variance of the light in that sum, in units of that of the objects and of the noise.
        Where it is small, no colour tells the light from objects.
    """
    white = _whitening(objects.T @ objects / cells)
    return float(np.linalg.eigvalsh(white @ np.atleast_2d(np.cov(light.T)) @ white.T)[-1])


def _whitening(structure: np.ndarray) -> np.ndarray:
    """The sums of channels, (K, K), in which structure and noise are uncorrelated and vary by 1."""
    # Structure below the noise cannot be told from it, nor, where there is no noise, from rounding.
    spread = structure + np.eye(len(structure)) * max(1.0, ROUNDING * np.trace(structure))
    whitening: np.ndarray = np.linalg.inv(np.linalg.cholesky(spread))
    return whitening


def stiffer_differences(surface: Surface, mesh: Mesh, stiffnesses: Sequence[float]) -> Surface:
    """A surface whose differences between channels are the stiffest that explain as much.

    What the channels do not share bends less than the light of the sky: where it does bend, it
    follows noise, and the background is left in blotches of colours.

    Parameters
    ----------
    surface : Surface
    mesh : Mesh
    stiffnesses : sequence of float
        Those that are tried where they are stiffer than the surface, from the largest one on.
    """
    splines, weight = surface.splines, surface.weight
    channels = len(mesh.noise)
    if channels == 1 or splines.matrix.shape[1] == splines.free:
        return surface
    # In units of the noise: first what all channels share, and then orthonormal differences.
    noise = np.maximum(mesh.noise, np.finfo(np.float32).tiny)
    turn = np.linalg.qr(np.hstack([np.ones((channels, 1)), np.eye(channels)[:, 1:]]))[0]
    values, coordinates = (mesh.values / noise) @ turn, (surface.coordinates / noise) @ turn

    def left(of_differences: np.ndarray) -> np.ndarray:
        return weight @ (values[:, 1:] - combined(splines.matrix, of_differences)) ** 2

    least = left(coordinates[:, 1:])
    stiffer = {each for each in stiffnesses if each > surface.stiffness}
    for stiffness in sorted(stiffer, reverse=True):
        differences = splines.solve(values[:, 1:], weight, stiffness)
        if (left(differences) <= (1 + DIFFERENT) * least).all():
            coordinates[:, 1:] = differences
            return replace(surface, coordinates=coordinates @ turn.T * noise)
    return surface
