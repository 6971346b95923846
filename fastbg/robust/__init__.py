"""A smooth surface through the sky of an image, robust against all that is no sky."""
