"""A reference: another image of the same sky, by which gradients are told from objects.

`copies` brings it to the small grid of the image, `scale` finds how much of it is in the image, by
a `combination` of what its channels have in a `band` between stars and gradients, `own_gradient`
says which of its light is no object, and `difference` is what is left of the image, where the `sky`
is searched for.
"""
