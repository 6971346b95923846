"""fastbg: estimates and removes the sky background gradient of linear astrophotos.

``remove_background`` works on arrays, ``process_file`` on files; `fastbg.pipeline` is the
place to start reading.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .errors import BackendError as BackendError
    from .errors import Cancelled as Cancelled
    from .errors import DoubtError as DoubtError
    from .errors import FastbgError as FastbgError
    from .errors import InputError as InputError
    from .errors import OutputError as OutputError
    from .errors import SettingsError as SettingsError
    from .jobs.apply import apply_model as apply_model
    from .jobs.array import apply as apply
    from .jobs.array import remove_background as remove_background
    from .jobs.batch import process_files as process_files
    from .jobs.catalogue import catalogue_file as catalogue_file
    from .jobs.fit import fit_file as fit_file
    from .jobs.grid import samples_file as samples_file
    from .jobs.mosaic import process_mosaic as process_mosaic
    from .jobs.plot import plot as plot
    from .jobs.preview import preview_file as preview_file
    from .jobs.results import AppliedResult as AppliedResult
    from .jobs.results import ArrayResult as ArrayResult
    from .jobs.results import Result as Result
    from .jobs.run import process_file as process_file
    from .live_page.notebook import live as live
    from .model.model import BackgroundModel as BackgroundModel
    from .progress import Progress as Progress
    from .settings.presets import load_preset as load_preset
    from .settings.settings import Settings as Settings

_HOMES = {
    "jobs.batch": ["process_files"],
    "settings.settings": ["Settings"],
    "errors": [
        "BackendError",
        "Cancelled",
        "DoubtError",
        "FastbgError",
        "InputError",
        "OutputError",
        "SettingsError",
    ],
    "jobs.apply": ["apply_model"],
    "jobs.catalogue": ["catalogue_file"],
    "jobs.fit": ["fit_file"],
    "jobs.mosaic": ["process_mosaic"],
    "jobs.plot": ["plot"],
    "jobs.grid": ["samples_file"],
    "jobs.preview": ["preview_file"],
    "jobs.run": ["process_file"],
    "model.model": ["BackgroundModel"],
    "jobs.array": ["apply", "remove_background"],
    "settings.presets": ["load_preset"],
    "progress": ["Progress"],
    "live_page.notebook": ["live"],
    "jobs.results": ["AppliedResult", "ArrayResult", "Result"],
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)


def _refuse_source_tree() -> None:
    """Raise ImportError, with the cure, for a source tree without its compiled module.

    Python finds such a tree before the installed package when it is started in the folder of a
    clone. Without this, the job would run on the slow reference, or fail far from the cause.
    """
    from importlib.util import find_spec
    from pathlib import Path

    folder = Path(__file__).parent
    if (folder / "csrc").is_dir() and find_spec(f"{__name__}._c") is None:
        raise ImportError(
            f"{folder} is the source of fastbg without its compiled module: run "
            "pip install -e . there, or start Python in another folder"
        )


_refuse_source_tree()


def __getattr__(name: str) -> Any:
    # Loaded at first use, so that ``fastbg --help`` need not wait for numpy.
    if name == "__version__":
        from .version import version

        return version()
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME_OF[name]}", __name__), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
