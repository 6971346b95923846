"""fastbg: estimates and removes the sky background gradient of linear astrophotos.

``remove_background`` works on arrays, ``process_file`` on XISF files; `fastbg.pipeline` is the
place to start reading.
"""

from .config import Settings
from .errors import (
    BackendError,
    Cancelled,
    FastbgError,
    InputError,
    OutputError,
    SettingsError,
)
from .model import BackgroundModel
from .pipeline import preview_file, process_file, remove_background
from .progress import Progress
from .result import Result

__all__ = [
    "BackendError",
    "BackgroundModel",
    "Cancelled",
    "FastbgError",
    "InputError",
    "OutputError",
    "Progress",
    "Result",
    "Settings",
    "SettingsError",
    "preview_file",
    "process_file",
    "remove_background",
]
