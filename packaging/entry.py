"""The program of the one file: ``fastbg``, or ``fastbg-graxpert`` by the name of GraXpert."""

import os
import sys
from multiprocessing import freeze_support
from pathlib import PureWindowsPath

# The programs that fastbg starts, a browser for one, need the libraries of the system.
for _name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"):
    if sys._MEIPASS in os.environ.get(_name, ""):
        del os.environ[_name]
        if _before := os.environ.pop(f"{_name}_ORIG", ""):
            os.environ[_name] = _before

sys.argv[0] = os.environ.pop("FASTBG_CALLED", sys.argv[0])
freeze_support()  # ends here in the workers of a batch

from fastbg.cli import program, program_graxpert  # noqa: E402

# GraXpert-linux, GraXpert.exe and others are names of its own releases.
(program_graxpert if "graxpert" in PureWindowsPath(sys.argv[0]).name.lower() else program)()
