"""How one image of the sky lies in another: by their coordinate systems, or by their stars."""
