"""Sample points: discs of sky that somebody has chosen, measured, and a surface through them."""
