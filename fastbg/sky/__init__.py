"""The search for the sky: a smooth surface through an image, robust against all that is no sky."""
