"""The program of the one file: ``fastbg``, or ``fastbg-graxpert`` where it is called by such a name."""

import os
import sys
from multiprocessing import freeze_support
from pathlib import PureWindowsPath

# The programs that fastbg starts, a browser for one, need the libraries of the system.
for _name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"):
    _own = os.environ.pop(_name, None)
    if (_before := os.environ.pop(f"{_name}_ORIG", None)) is not None:
        os.environ[_name] = _before

freeze_support()  # ends here in the workers of a batch

from fastbg.cli import main, main_graxpert  # noqa: E402

# GraXpert-linux, GraXpert.exe and others are names of its own releases.
(main_graxpert if "graxpert" in PureWindowsPath(sys.argv[0]).name.lower() else main)()
