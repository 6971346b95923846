"""Numbers in words, the same wherever a job tells them."""

from __future__ import annotations


def told_gradient(before: float, after: float, uncertainty: float) -> str:
    """What became of the gradient.

    Parameters
    ----------
    before, after : float, linear
        Its standard deviation, in the mean over the channels.
    uncertainty : float, linear
        The median uncertainty of the model, likewise.
    """
    share = max(0.0, 1 - after / before) if before > 0 else 0.0
    return (
        f"{share:.1%} taken out: its standard deviation fell from {before:.2g} to about "
        f"{after:.2g}, and the model is uncertain by {uncertainty:.2g}"
    )
