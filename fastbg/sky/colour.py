"""The colour in which objects are not seen: a sum of the channels that is smooth, as the sky is.

Of all sums of the channels it is the one that is smooth for its structure (min/max autocorrelation
factors: P. Switzer and A. A. Green, Technical Report 6, Stanford, 1984). A nebula has structure in
its own colours only, and where light of other colours comes from town or Moon, something is left of
it in a sum in which the nebula cancels.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .mesh import Cells
from .smoothing_spline import Splines

STIFF, BENDING = 1e3, 1e-6
"""Off the first is what has structure; the second follows everything that is smooth."""


SMOOTH = 9.0
"""Times the variance off a stiff surface that light without objects must have along a smooth one:
nine tenths of it. Nebulae have one to three times as much as there."""


def without_objects(cells: Cells, splines: Splines) -> Cells | None:
    """The same cells in one channel, a sum of theirs, in which objects are seen least.

    None where there is not just one light of the sky that is seen without objects: a sum of one
    colour does not tell of two, nor one in which objects are seen.

    Parameters
    ----------
    cells : Cells
    splines : Splines
        At these cells.
    """
    from scipy.linalg import eigh

    noise = np.maximum(cells.noise, np.finfo(np.float32).tiny)
    values = cells.values / noise
    if len(noise) == 1:
        return None
    stiff, smooth = (
        (splines.matrix @ splines.solve(values, cells.weight, stiffness))[cells.usable]
        for stiffness in (STIFF, BENDING)
    )
    structure = np.cov((values[cells.usable] - stiff).T)
    # Less than the noise cannot be told from it.
    structure += np.eye(len(noise))
    smoothness, colours = eigh(np.cov(smooth.T), structure)
    if np.count_nonzero(smoothness > SMOOTH) != 1:
        return None
    colour = colours[:, -1:]
    return replace(cells, values=values @ colour, noise=np.sqrt((colour**2).sum(axis=0)))
