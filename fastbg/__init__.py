"""fastbg: estimates and removes the sky background gradient of linear astrophotos.

``remove_background`` works on arrays, ``process_file`` on files; `fastbg.pipeline` is the
place to start reading.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .batch import process_files as process_files
    from .config import Settings as Settings
    from .errors import BackendError as BackendError
    from .errors import Cancelled as Cancelled
    from .errors import FastbgError as FastbgError
    from .errors import InputError as InputError
    from .errors import OutputError as OutputError
    from .errors import SettingsError as SettingsError
    from .files import apply_model as apply_model
    from .files import fit_file as fit_file
    from .files import preview_file as preview_file
    from .files import process_file as process_file
    from .model import BackgroundModel as BackgroundModel
    from .pipeline import remove_background as remove_background
    from .presets import load_preset as load_preset
    from .progress import Progress as Progress
    from .result import ArrayResult as ArrayResult
    from .result import Result as Result

_HOMES = {
    "batch": ["process_files"],
    "config": ["Settings"],
    "errors": [
        "BackendError",
        "Cancelled",
        "FastbgError",
        "InputError",
        "OutputError",
        "SettingsError",
    ],
    "files": ["apply_model", "fit_file", "preview_file", "process_file"],
    "model": ["BackgroundModel"],
    "pipeline": ["remove_background"],
    "presets": ["load_preset"],
    "progress": ["Progress"],
    "result": ["ArrayResult", "Result"],
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    # Loaded at first use, so that ``fastbg --help`` need not wait for numpy.
    if name == "__version__":
        from importlib.metadata import version

        return version("fastbg")
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME_OF[name]}", __name__), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
