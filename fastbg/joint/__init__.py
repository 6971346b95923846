"""Many frames of one field: what their backgrounds differ by, and their flux scales.

Frame i is ``a_i S + G_i`` and noise: S is the field, a_i a flux scale, G_i a smooth background. In the
differences of frames no object is left, so that G_i is known but for one gradient that all share.
`detail` compares what is fine in the frames, `solve` finds scales and gradients, `surfaces` are the
smooth functions that they consist of, and `judge` names the frames that do not belong.

Everything is on the small copies of frames, on one grid. No file is known here.
"""
