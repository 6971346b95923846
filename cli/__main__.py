"""``python -m fastbg.cli``."""

from . import main

main()
