"""The command line of fastbg, installed as ``fastbg.cli``: it parses, calls and prints."""

from __future__ import annotations

from collections.abc import Callable

if __name__ != "fastbg.cli":
    raise ImportError("import this package as fastbg.cli")


def main() -> None:
    """Run the command line of this process and raise SystemExit."""

    def load() -> Callable[[], None]:
        from .app import main

        return main

    _run(load)


def main_graxpert() -> None:
    """Run the command line of this process as GraXpert would, and raise SystemExit."""

    def load() -> Callable[[], None]:
        from .graxpert import main

        return main

    _run(load)


def program() -> None:
    """The program ``fastbg``: a process of its own, which ends with its command line."""
    from .process import run_and_end

    run_and_end(main)


def program_graxpert() -> None:
    """The program ``fastbg-graxpert``, likewise."""
    from .process import run_and_end

    run_and_end(main_graxpert)


def _run(load: Callable[[], Callable[[], None]]) -> None:
    import gc
    import os

    from .streams import open_missing

    gc.disable()  # until a command begins: what is loaded before stays
    open_missing()
    for library in ("OPENBLAS", "MKL"):
        # BLAS reads this when numpy is imported; the workers of a batch inherit it. The matrices
        # are small: threads gain nothing, and on busy cores they cost several times the work.
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    try:
        # Signals are handled only once this is imported, which takes long enough for a Ctrl-C.
        load()()
    except KeyboardInterrupt:
        import sys

        sys.stderr.write("fastbg: stopped; no unfinished file was left behind\n")
        sys.exit(130)
