"""Simulated sets with truth: see command.py, which `python bench sets` runs."""

from .command import main as main
