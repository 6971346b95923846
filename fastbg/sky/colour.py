"""A sum of the channels in which objects cancel and the sky is left.

The sum is the one that is smoothest relative to its structure (min/max autocorrelation factors:
P. Switzer and A. A. Green, Technical Report 6, Stanford, 1984). A nebula
has structure in its own colours only. Where town or Moon light the sky in other colours, something
of that light is left in a sum in which the nebula cancels.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .mesh import Mesh
from .smoothing_spline import Splines

STIFF, FLEXIBLE = 1e3, 1e-6
"""Stiffnesses: structure is what lies off the first surface, and smooth is the second surface."""

SMOOTH = 12.0
"""A joint channel has a smooth surface with at least this many times the variance of its structure:
nine tenths of the whole. Nebulae have one to three times as much."""


def joint_channel(mesh: Mesh, splines: Splines) -> Mesh | None:
    """The same cells in one channel, a sum of all channels, in which objects are seen least.

    Parameters
    ----------
    mesh : Mesh
    splines : Splines
        A basis at its cells.

    Returns
    -------
    Mesh, or None
        None for an image of one channel, and where not exactly one sum is smooth: where there are
        several, the sky has more than one colour; where there is none, objects are seen in all.
    """
    noise = np.maximum(mesh.noise, np.finfo(np.float32).tiny)
    values = mesh.values / noise
    if len(noise) == 1:
        return None
    stiff, smooth = (
        (splines.matrix @ splines.solve(values, mesh.weight, stiffness))[mesh.usable]
        for stiffness in (STIFF, FLEXIBLE)
    )
    structure = np.cov((values[mesh.usable] - stiff).T)
    # Structure below the noise cannot be told from it.
    structure += np.eye(len(noise))
    # In the colours in which structure has the variance 1 and is uncorrelated.
    white = np.linalg.inv(np.linalg.cholesky(structure))
    smoothness, colours = np.linalg.eigh(white @ np.cov(smooth.T) @ white.T)
    if np.count_nonzero(smoothness > SMOOTH) != 1:
        return None
    colour = white.T @ colours[:, -1:]
    return replace(mesh, values=values @ colour, noise=np.sqrt((colour**2).sum(axis=0)))
