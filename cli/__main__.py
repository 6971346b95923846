"""``python -m fastbg.cli``."""

from . import program

program()
