"""What hosts/siril/fastbg.py needs of Siril's module sirilpy, with its conventions, for tests.

Written from the documentation and the observed behaviour of sirilpy 1.0.8 (Siril 1.4.0) to 1.1.14.
The state of Siril is a folder, which MY_SOCKET names as it names the socket in Siril: what is open
lies there as ``siril.json`` and arrays, and what a script does is appended to ``calls.jsonl``.

Conventions: arrays are (H, W) or (3, H, W), float32 or uint16, with rows from the bottom, and are
copies; polygons are in the display, with rows from the top; pixels are set only in a lock, and
commands run only outside of one; there is no undo without a window; a sequence is one FITS file a
frame, counted from 0, and its new files become a sequence when that is asked for.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from . import utility as utility


class SirilError(Exception):
    pass


class SirilConnectionError(SirilError):
    pass


class NoImageError(SirilError):
    pass


class ProcessingThreadBusyError(SirilError):
    pass


class CommandError(SirilError):
    pass


class LogColor(IntEnum):
    DEFAULT = 0
    RED = 1
    SALMON = 2
    GREEN = 3
    BLUE = 4


class SequenceType(IntEnum):
    SEQ_REGULAR = 0
    SEQ_SER = 1
    SEQ_FITSEQ = 2


@dataclass
class FKeywords:
    row_order: str = ""
    bayer_pattern: str = ""
    bayer_xoffset: int | None = None
    bayer_yoffset: int | None = None


@dataclass
class FPoint:
    x: float
    y: float


@dataclass
class Polygon:
    points: list[FPoint] = field(default_factory=list)


@dataclass
class BGSample:
    position: tuple[float, float]
    size: int = 25
    valid: bool = True
    mean: float = 0.0


def _folder() -> Path:
    told = os.environ.get("MY_SOCKET")
    if not told:
        raise SirilConnectionError("Environment variable MY_SOCKET not set")
    return Path(told)


def _state() -> dict[str, Any]:
    return json.loads((_folder() / "siril.json").read_text())


def check_module_version(requires: str) -> bool:
    assert requires.startswith(">=")
    version, least = (
        tuple(map(int, text.split("."))) for text in (_state()["module"], requires[2:])
    )
    return version >= least


def ensure_installed(*packages: str) -> bool:
    """pip fails: there is no such package on the index."""
    raise SirilError(f"Failed to install or verify package {packages[0]}")


class SirilInterface:
    def __init__(self) -> None:
        self._folder = _folder()
        self._locked = False
        self._connected = False
        if tuple(map(int, _state()["module"].split("."))) < (1, 1):
            self.get_image_mask_state = self.get_image_mask = None

    def __getattribute__(self, name: str) -> Any:
        """Without what later versions of the module brought."""
        found = super().__getattribute__(name)
        if found is None:
            raise AttributeError(name)
        return found

    def _call(self, name: str, **what: Any) -> None:
        assert self._connected, f"{name} before connect()"
        with (self._folder / "calls.jsonl").open("a") as file:
            file.write(json.dumps({"call": name, "locked": self._locked, **what}) + "\n")

    def connect(self) -> bool:
        self._connected = True
        return True

    def disconnect(self) -> None:
        self._call("disconnect")
        self._connected = False

    def is_cli(self) -> bool:
        return "SIRIL_PYTHON_CLI" in os.environ

    def log(self, my_string: str, color: LogColor = LogColor.DEFAULT) -> None:
        if not my_string:
            raise SirilError("Empty log message")
        self._call("log", text=my_string.encode()[:1021].decode(), color=LogColor(color).name)

    def error_messagebox(self, my_string: str, modal: bool = False) -> bool:
        assert not self.is_cli()
        self._call("error_messagebox", text=my_string)
        return True

    def update_progress(self, message: str, progress: float) -> None:
        if not (0 <= progress <= 1 or progress in (-1, -2)):
            raise ValueError("Progress value must be between 0.0 and 1.0")
        self._call("update_progress", text=message, progress=progress)

    def reset_progress(self) -> None:
        self._call("reset_progress")

    def get_siril_wd(self) -> str:
        return str(self._folder / "wd")

    def get_siril_configdir(self) -> str:
        return str(self._folder / "config")

    def is_image_loaded(self) -> bool:
        return _state()["image"] is not None

    def is_sequence_loaded(self) -> bool:
        return _state()["frames"] is not None

    def get_image_pixeldata(self) -> np.ndarray:
        self._call("get_image_pixeldata")
        image = _state()["image"]
        if image is None:
            raise NoImageError("no image is currently loaded in Siril")
        return np.load(self._folder / image)

    def get_image_keywords(self) -> FKeywords:
        return FKeywords(**_state()["keywords"])

    def set_image_pixeldata(self, image_data: np.ndarray) -> None:
        if not self._locked:
            raise SirilError("Processing thread is not claimed: unable to update the current image")
        if image_data.ndim not in (2, 3):
            raise ValueError("Image must be 2D or 3D array")
        if image_data.dtype not in (np.float32, np.uint16):
            raise ValueError("Image data must be float32 or uint16")
        self._call("set_image_pixeldata")
        np.save(self._folder / _state()["image"], image_data)

    def undo_save_state(self, my_string: str) -> bool | None:
        assert len(my_string.encode()) <= 70
        self._call("undo_save_state", text=my_string)
        if not _state()["headless"]:
            return True
        if _state()["module"] == "1.0.8":
            raise SirilError("Undo not supported in headless mode")
        return None

    def image_lock(self) -> Any:
        outer = self

        class Lock:
            def __enter__(self) -> SirilInterface:
                if _state()["busy"]:
                    raise ProcessingThreadBusyError("Siril processing thread is busy")
                outer._locked = True
                return outer

            def __exit__(self, *error: object) -> bool:
                outer._locked = False
                return False

        return Lock()

    def cmd(self, *args: str) -> None:
        """Words are joined with blanks, as Siril does: who has blanks in a word quotes it."""
        if self._locked:
            raise CommandError(f"Command '{args[0]}' failed: the processing thread is busy")
        if args[0] == "load_seq" and _state()["headless"]:
            raise CommandError("Command 'load_seq' failed: Command not scriptable")
        self._call("cmd", text=" ".join(args))

    def overlay_draw_polygon(self, color: int = 0x00FF0040, fill: bool = False) -> None:
        assert 0 <= color < 1 << 32
        self._call("overlay_draw_polygon")

    def overlay_get_polygons_list(self) -> list[Polygon] | None:
        drawn = [Polygon([FPoint(*p) for p in points]) for points in _state()["polygons"]]
        return drawn or None

    def load_image_from_file(self, filepath: str) -> SimpleNamespace:
        """FITS as it is stored, and others with their last row first."""
        from astropy.io import fits
        from PIL import Image

        if Path(filepath).suffix.startswith(".fit"):
            data = fits.getdata(filepath)
            return SimpleNamespace(data=data.astype(data.dtype.newbyteorder("=")))
        with Image.open(filepath) as image:
            return SimpleNamespace(data=np.asarray(image, np.uint16)[::-1])

    def get_image_bgsamples(self) -> list[BGSample] | None:
        samples = [BGSample(position=tuple(place)) for place in _state().get("samples", [])]
        return samples or None

    def get_image_mask_state(self) -> bool | None:
        return _state()["mask_active"]

    def get_image_mask(self) -> np.ndarray | None:
        path = self._folder / "mask.npy"
        return np.load(path) if path.exists() else None

    def get_seq(self) -> SimpleNamespace:
        """The name ends in the underscore before the numbers."""
        frames = _state()["frames"]
        return SimpleNamespace(
            seqname=_state()["seqname"],
            number=len(frames),
            type=SequenceType[_state()["type"]],
            imgparam=[
                SimpleNamespace(filenum=number, incl=incl)
                for number, (_, incl) in enumerate(frames, 1)
            ],
        )

    def _frame(self, index: int) -> str:
        return f"{_state()['seqname']}{index + 1:05d}.fit"

    def get_seq_frame_filename(self, frame: int) -> str:
        return str(self._folder / "wd" / self._frame(frame))

    def get_seq_frame(self, frame: int, with_pixels: bool = True) -> SimpleNamespace:
        data = np.load(self._folder / _state()["frames"][frame][0])
        return SimpleNamespace(data=data, keywords=self.get_image_keywords())

    def set_seq_frame_pixeldata(self, index: int, image_data: np.ndarray, prefix: str) -> bool:
        """The frame is written with its own keywords, beside the others, under another name."""
        if image_data.dtype not in (np.float32, np.uint16):
            raise ValueError("Image data must be float32 or uint16")
        self._call("set_seq_frame_pixeldata", index=index)
        with (self._folder / "wd" / f"{prefix}{self._frame(index)}").open("wb") as file:
            np.save(file, image_data)
        return True

    def create_new_seq(self, seq_root: str) -> bool:
        pattern = re.compile(rf"{re.escape(seq_root)}\d{{5}}\.fit")
        found = [path for path in (self._folder / "wd").iterdir() if pattern.fullmatch(path.name)]
        self._call("create_new_seq", root=seq_root, frames=len(found))
        return bool(found)
