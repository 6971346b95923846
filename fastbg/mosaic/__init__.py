"""Panels of one sky: their backgrounds, solved together from what they have in common."""
