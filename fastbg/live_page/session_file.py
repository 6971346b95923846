"""The file of a session: what is done is written as one works, and offered again after a crash.

One line of JSON for each step. A session begins with a line about its image, and goes on with
edits, each a whole document, steps through the history, and snapshots. A file that a process left
behind may hold several sessions: the last one with an edit counts.
"""

from __future__ import annotations

import base64
import errno
import hashlib
import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ..errors import FastbgError
from ..io import lock
from ..settings.settings import Settings
from .document import Document, History, changed_settings
from .layers import Grid, Packed

VERSION = 1

LARGEST = 1 << 28
"""Bytes of a file that is read again; a stroke takes some kB."""


@dataclass(frozen=True)
class Recovered:
    """An earlier session that was not closed.

    Attributes
    ----------
    history : History
    time : float
        When it was last written to.
    """

    history: History
    time: float

    def summary(self) -> dict[str, Any]:
        """What a page is told of it."""
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(self.time))
        return {"edits": len(self.history.documents) - 1, "time": when}


class SessionFile:
    """The file of one session, which exists from the first edit on.

    Parameters
    ----------
    image : Path
    folder : Path
        That of the outputs. Where nothing can be written there, the file lies in the folder in
        which the system keeps the state of programs.
    first : Document
        What the session begins with.
    tell : callable
        Is told once, in a line, if nothing can be kept.

    Attributes
    ----------
    recovered : Recovered or None
        What a session that was not closed has left.
    """

    def __init__(
        self, image: Path, folder: Path, first: Document, tell: Callable[[str], None]
    ) -> None:
        self._tell, self._first = tell, first
        status = image.stat()
        about = {"image": image.name, "bytes": status.st_size, "modified": status.st_mtime_ns}
        self._about: dict[str, Any] = {"fastbg live": VERSION, **about}
        self._path = folder / f".{image.name}.fastbg-live.jsonl"
        # A folder that is not there yet is made when there is something to be kept.
        there = next(each for each in (folder, *folder.parents) if each.exists())
        if not os.access(there, os.W_OK):
            import platformdirs

            key = hashlib.sha256(str(image.absolute()).encode()).hexdigest()[:16]
            state = platformdirs.user_state_path("fastbg", appauthor=False) / "live"
            self._path = state / f"{image.name}.{key}.jsonl"
        self._file: IO[bytes] | None = None
        self._failed = False
        self._left = 0  # bytes of earlier sessions
        self.recovered = self._left_behind()

    def add(self, document: Document) -> None:
        """Write an edit."""
        self._write({"edit": _described(document)})

    def add_step(self, steps: int) -> None:
        """Write a step through the history."""
        self._write({"go": steps})

    def add_snapshot(self, name: str) -> None:
        """Write that the present document is kept under a name."""
        self._write({"snapshot": name})

    def take(self, history: History) -> None:
        """Forget the recovered session, and keep this history, which may be made of it."""
        self.discard()
        self._first = history.documents[0]
        # What a snapshot keeps may be no part of the history any more.
        for name, document in history.snapshots.items():
            self.add(document)
            self.add_snapshot(name)
            self.add_step(-1)
        for document in history.documents[1:]:
            self.add(document)
        if back := history.place - len(history.documents) + 1:
            self.add_step(back)

    def discard(self) -> None:
        """Forget the recovered session."""
        self.recovered, self._left = None, 0
        self.close(keep=False)

    def close(self, *, keep: bool) -> None:
        """Close the file; unless it is to be kept, nothing of this session stays in it."""
        is_own = self._file is not None or not self._failed
        if self._file:
            self._file.close()
            self._file = None
        if not keep and is_own:
            with suppress(OSError):
                if self.recovered:
                    os.truncate(self._path, self._left)
                else:
                    self._path.unlink()

    def _write(self, line: dict[str, Any]) -> None:
        if self._failed:
            return
        try:
            if self._file is None:
                self._file = self._opened()
                # What was being written when a process ended is a line of its own.
                self._put(b"\n" * bool(self._left))
                self._put(_line({**self._about, "first": _described(self._first)}))
            self._put(_line(line))
        except OSError as error:
            self._failed = True
            self._tell(
                f"{self._path}: this session is not kept ({error.strerror or error}), and would be "
                "lost in a crash: save what matters"
            )

    def _put(self, line: bytes) -> None:
        assert self._file is not None
        if self._file.write(line) < len(line):  # as the last bytes of a disk are
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _opened(self) -> IO[bytes]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = open(self._path, "ab", buffering=0)  # noqa: SIM115 - as long as the session lasts
        try:
            if not lock.take(file.fileno()):
                raise BlockingIOError("it is open in another fastbg live")
        except BaseException:
            file.close()
            raise
        return file

    def _left_behind(self) -> Recovered | None:
        """The last session in the file with an edit, of this image as it is."""
        try:
            status = self._path.stat()
            if status.st_size > LARGEST:
                return None
            with open(self._path, "r+b") as file:
                if not lock.take(file.fileno()):
                    self._failed = True
                    return None
                lines = file.read().splitlines()
                self._left = status.st_size
        except OSError:
            return None
        found: History | None = None
        history: History | None = None
        for text in lines:
            try:
                line = json.loads(text)
                if "fastbg live" in line:
                    same = all(line.get(key) == value for key, value in self._about.items())
                    history = History([_document(line["first"])]) if same else None
                elif history and _repeated(history, line):
                    found = history
            # A line that was being written when the process ended, or that was changed.
            except (ValueError, LookupError, TypeError, FastbgError):
                continue
        return Recovered(found, status.st_mtime) if found else None


def _repeated(history: History, line: dict[str, Any]) -> bool:
    """Repeat a line of a session; whether it was an edit."""
    if "edit" in line:
        return history.add(_document(line["edit"]))
    if "go" in line:
        history.go(int(line["go"]))
    elif "snapshot" in line:
        history.snapshots[str(line["snapshot"])] = history.present
    return False


def _line(content: dict[str, Any]) -> bytes:
    return json.dumps(content).encode() + b"\n"


def _described(document: Document) -> dict[str, Any]:
    layers = document.layers.alone()
    return {
        "settings": changed_settings(document.settings),
        "grid": [*layers.grid.shape, layers.grid.side],
        "not_sky": base64.b64encode(layers.not_sky).decode(),
        "sky": base64.b64encode(layers.sky).decode(),
        "samples": document.samples,
        "use_samples": document.use_samples,
    }


def _document(content: dict[str, Any]) -> Document:
    height, width, side = map(int, content["grid"])
    not_sky, sky = (base64.b64decode(content[name], validate=True) for name in ("not_sky", "sky"))
    layers = Packed(Grid((height, width), side), not_sky, sky)
    layers.unpacked()  # raises if it is damaged
    options: dict[str, Any] = content["settings"]
    # Borders are several numbers, which JSON has as a list.
    values: dict[str, Any] = {
        name: tuple(v) if isinstance(v, list) else v for name, v in options.items()
    }
    samples = tuple((float(x), float(y), float(r), float(w)) for x, y, r, w in content["samples"])
    return Document(Settings(**values), layers, samples, bool(content["use_samples"]))
