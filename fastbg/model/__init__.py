"""The fitted background: rendered at any size, taken out of an image, rescaled to another."""
