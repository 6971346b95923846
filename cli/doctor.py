"""``fastbg doctor``: what this computer offers to fastbg."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from .options import RUNNING, flag


def doctor(
    *,
    as_json: Annotated[
        bool, flag(RUNNING, "--json", help="Print the findings as JSON, and nothing else.")
    ] = False,
) -> None:
    """Show what fastbg can use on this computer, and why it cannot use the rest."""
    from .summary import print_json, print_rows

    findings = _examine()
    if as_json:
        print_json(findings)
    else:
        print_rows(_rows(findings))


def _examine() -> dict[str, Any]:
    import platform
    from importlib.metadata import version

    from .. import __version__
    from ..settings.settings import Settings
    from ..version import ONE_FILE

    return {
        "fastbg": __version__,
        "python": platform.python_version(),
        "one_file": ONE_FILE,
        "platform": platform.platform(),
        "packages": {name: version(name) for name in ("numpy", "scipy", "lz4", "astropy")},
        "backends": _backends(),
        "instruction_sets": _instruction_sets(),
        "threads": Settings().worker_threads,
        "memory": _memory(),
        "gpus": _gpus(),
    }


def _backends() -> dict[str, dict[str, Any]]:
    from ..backends.registry import detail, unavailable
    from ..settings.checked import BACKENDS

    found = {}
    for name in BACKENDS:
        reason = unavailable(name)
        found[name] = {"available": reason is None, "detail": reason or detail(name)}
    return found


def _instruction_sets() -> list[str]:
    """The instruction sets that the backend c can use here, best first."""
    from ..backends import c

    return [] if c.unavailable() else c.instruction_sets()


def _memory() -> dict[str, int | None]:
    """The total and the free memory in bytes; None if the system does not tell."""
    import psutil

    try:
        memory = psutil.virtual_memory()
    except (OSError, RuntimeError):  # Linux without /proc
        return {"total_bytes": None, "free_bytes": None}
    return {"total_bytes": memory.total, "free_bytes": memory.available}


def _gpus() -> list[dict[str, str]]:
    import subprocess

    keys = ("name", "driver_version", "memory.total")
    try:
        answer = subprocess.run(
            ["nvidia-smi", f"--query-gpu={','.join(keys)}", "--format=csv,noheader"],
            capture_output=True,
            check=True,
            text=True,
            timeout=20,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    names = ("name", "driver", "memory")
    rows = (line.split(", ") for line in answer.splitlines())
    return [dict(zip(names, row, strict=True)) for row in rows if len(row) == len(names)]


def _rows(findings: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    from ..words import format_bytes

    alone = ", as one file that has its own Python" if findings["one_file"] else ""
    yield "fastbg", findings["fastbg"] + alone
    yield "python", f"{findings['python']} on {findings['platform']}"
    yield "packages", ", ".join(f"{name} {v}" for name, v in findings["packages"].items())
    for name, backend in findings["backends"].items():
        state = "available" if backend["available"] else "not available"
        yield f"backend {name}", f"{state}: {backend['detail']}"
    sets = findings["instruction_sets"]
    yield "instructions", f"{', '.join(sets)} (best first)" if sets else "unknown"
    yield "threads", str(findings["threads"])
    total, free = findings["memory"].values()
    yield "memory", f"{format_bytes(total)}, {format_bytes(free)} free"
    for gpu in findings["gpus"]:
        yield "gpu", f"{gpu['name']}, driver {gpu['driver']}, {gpu['memory']}"
    if not findings["gpus"]:
        yield "gpu", "none found"
