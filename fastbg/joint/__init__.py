"""Many frames of one field: what their backgrounds differ by, and their flux scales.

Frame i is ``a_i S + G_i`` and noise: S is the field, a_i a flux scale, G_i a smooth background. In
the differences of frames no object is left, so that G_i is known but for what all share.
`compare` finds them for all channels, and names the frames that do not belong: `detail` is what is
fine in frames, `solve` finds `scales` and smooth `surfaces` by turns, and `shared` is what these
have in common. `composite` is the mean of the frames, and `transfer` carries surfaces to the grid
of a frame.

Everything is on the small copies of frames, on one grid. No file is known here.
"""
