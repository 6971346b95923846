"""``python -m fastbg`` is the command line."""

from importlib import import_module

import_module("fastbg.cli").program()
