"""Pixels: images that are read in bands of rows, their statistics, the stretch, the small copy."""
