"""How sirilpy starts programs: in a flatpak by flatpak-spawn, and otherwise as subprocess does."""

from __future__ import annotations

import os
import subprocess
from typing import Any


def _command(command: list[str]) -> list[str]:
    inside = os.environ.get("container") == "flatpak"  # noqa: SIM112
    return ["flatpak-spawn", "--host", *command] if inside else command


def safe_subprocess_run(command: list[str], **options: Any) -> subprocess.CompletedProcess:
    return subprocess.run(_command(command), check=False, **options)


def safe_subprocess_Popen(command: list[str], **options: Any) -> subprocess.Popen:
    return subprocess.Popen(_command(command), **options)
