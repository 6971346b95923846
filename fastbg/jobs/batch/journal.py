"""The journal of an output folder: a small JSON file tells of each input that is finished.

``.fastbg-batch/<input>.json`` is the record of a finished file. It is written after the outputs,
complete or not at all.

``.fastbg-batch/begun/<input>.<token>`` marks an attempt. It is written once it is known that the
outputs do not exist or may be replaced, and removed when the attempt has ended. If the process is
killed, the mark remains. It shows that the files with the names of the outputs come from fastbg,
and that one of the two may be missing. The mark holds the hash of the record at the beginning of
the attempt: if the record is another one now, the file has been finished since.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

from ...errors import OutputError
from ...io import atomic, lock
from ...io.names import stem
from ...io.room import cure_of

FOLDER = ".fastbg-batch"

FORMAT = 1
"""The version of the records."""

_TEXT: Any = {"encoding": "utf-8", "errors": "surrogateescape"}
"""Names that are not valid Unicode are written and read with these options of `open`."""

PIECE = 1 << 16
"""The bytes of a file that have a CRC-32 of their own: a change that is short is always seen."""

PATIENCE = 30.0
"""The time to wait for the workers of a batch that was killed, in seconds."""


@dataclass(frozen=True)
class State:
    """An input file at some time: its real ``path``, its ``size`` and its ``mtime_ns``."""

    path: str
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> State | None:
        """The state of a regular file; None if there is none of that name."""
        with suppress(OSError):
            if path.is_file():
                found = path.stat()
                return cls(os.path.realpath(path), found.st_size, found.st_mtime_ns)
        return None


def content_hash(path: Path) -> str | None:
    """A hash of the content of a regular file; None if it cannot be read.

    The BLAKE2b hash of the CRC-32 of its pieces, which takes a third of the time of BLAKE2b alone.
    It tells versions of a file from each other, but not from one that was forged.
    """
    with suppress(OSError):
        if path.is_file():
            digest, piece = hashlib.blake2b(), memoryview(bytearray(PIECE))
            with open(path, "rb") as file:
                while count := file.readinto(piece):
                    digest.update(crc32(piece[:count]).to_bytes(4, "little"))
            return digest.hexdigest()
    return None


class UnrecordedError(OutputError):
    """The outputs of a file are complete, and the journal could not tell so."""


class Journal:
    """The journal of an output folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._home = folder / FOLDER
        self._begun = self._home / "begun"
        self._workers = self._home / "workers"

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Lock other batches out, and clean up after batches that were killed.

        Raises
        ------
        OutputError
            If the folder cannot be written, or another batch works in it.
        """
        with ExitStack() as stack:
            with self._reported():
                self._begun.mkdir(parents=True, exist_ok=True)
                self._workers.mkdir(exist_ok=True)
                held = stack.enter_context(lock.alone(self._home / "lock"))
            if not held:
                raise OutputError(
                    f"another batch writes into {self.folder}: wait for it, or choose another "
                    "folder"
                )
            with self._reported():
                clean = self._clean(PATIENCE)
            if not clean:
                raise OutputError(
                    f"workers of an earlier batch still write into {self.folder}: wait for them, "
                    "or choose another folder"
                )
            try:
                yield
            finally:
                # Somebody may have removed the folder. The next batch cleans up as well.
                with suppress(OSError):
                    self._clean(0)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Tell, as long as the context lasts, that a process writes into the folder.

        Raises
        ------
        OutputError
            If the folder cannot be written.
        """
        with ExitStack() as stack:
            with self._reported(), self._nobody_begins(PATIENCE):
                stack.enter_context(lock.alone(self._workers / secrets.token_hex(8)))
            yield

    def finished(
        self, path: Path, key: Mapping[str, Any], state: State | None, content: str | None = None
    ) -> dict[str, Any] | None:
        """The report of a finished file; None if the file must be processed.

        A file is finished if it was processed with the same ``key`` from the same content, and its
        outputs still have their sizes. Without ``content``, the content counts as the same if the
        state is the same.
        """
        record = self._record(path)
        if not record or not state or record["key"] != key or self._marks(path):
            return None
        if any(size != then for size, then in self._sizes(record)):
            return None
        if content is None and State(**record["state"]) != state:
            return None
        if content not in (None, record["content"]):
            return None
        outputs = {
            name: str(self.folder / file["path"]) for name, file in record["outputs"].items()
        }
        return {**record["report"], "input": str(path), "outputs": outputs}

    def content(self, path: Path, state: State) -> str | None:
        """The hash of a file that was finished in this state; None if it was not."""
        record = self._record(path)
        return record["content"] if record and State(**record["state"]) == state else None

    def owns(self, path: Path) -> bool:
        """Whether the files with the names of the outputs were made from this very file."""
        real = os.path.realpath(path)
        if any(_read_mark(mark)[1] == real for mark in self._marks(path)):
            return True
        record = self._record(path)
        if not record or record["state"]["path"] != real:
            return False
        return all(size in (None, then) for size, then in self._sizes(record))

    @contextmanager
    def attempt(self, path: Path) -> Iterator[Callable[[], object]]:
        """Attempt a file; the caller must call the value before it writes the outputs.

        The mark remains after an `UnrecordedError`, as if the process had been killed.

        Raises
        ------
        OutputError
            By the value, if the folder cannot be written.
        """
        mark = self._begun / f"{path.name}.{secrets.token_hex(4)}"
        before = content_hash(self._record_file(path))

        def begin() -> None:
            with self._reported():
                mark.write_text(f"{before}\n{os.path.realpath(path)}", **_TEXT)

        try:
            yield begin
        except UnrecordedError:
            raise
        except BaseException:
            mark.unlink(missing_ok=True)
            raise
        mark.unlink(missing_ok=True)

    def write(
        self,
        path: Path,
        key: Mapping[str, Any],
        state: State,
        content: str | None,
        report: Mapping[str, Any],
    ) -> None:
        """Record a finished file, whose outputs the report names.

        Raises
        ------
        UnrecordedError
            If the folder cannot be written, or an output was removed meanwhile.
        """
        try:
            with self._reported():
                outputs = {
                    name: {
                        "path": os.path.relpath(file, self.folder),
                        "size": os.path.getsize(file),
                    }
                    for name, file in report["outputs"].items()
                }
                record = {
                    "format": FORMAT,
                    "key": key,
                    "state": vars(state),
                    "content": content,
                    "outputs": outputs,
                    "report": report,
                }
                with atomic.staged([self._record_file(path)], overwrite=True) as (part,):
                    part.write_text(json.dumps(record), encoding="utf-8")
        except OutputError as error:
            raise UnrecordedError(str(error)) from error

    @contextmanager
    def _reported(self) -> Iterator[None]:
        """Say which folder cannot be written, and why: it is full, or somebody removed it."""
        try:
            yield
        except OSError as error:
            raise OutputError(
                f"{self.folder} cannot be written ({error.strerror or error}): {cure_of(error)}"
            ) from error

    def _clean(self, patience: float) -> bool:
        """Remove the leftovers of killed attempts, as soon as no process works in the folder."""
        deadline = time.monotonic() + patience
        while True:
            with self._nobody_begins(patience) as alone:
                if alone and self._nobody_works():
                    self._remove_leftovers()
                    return True
            if time.monotonic() >= deadline:
                return False
            time.sleep(lock.POLL_SECONDS)

    def _nobody_begins(self, patience: float) -> AbstractContextManager[bool]:
        return lock.alone(self._home / "workers.lock", patience)

    def _nobody_works(self) -> bool:
        """Whether every process that wrote into the folder has ended; killed ones left a file."""
        for each in [*self._workers.iterdir()]:
            with lock.alone(each) as ended:
                if not ended:
                    return False
        return True

    def _remove_leftovers(self) -> None:
        for mark in self._begun.iterdir():
            name = mark.stem
            atomic.remove_leftovers(self.folder, stem(Path(name)))
            atomic.remove_leftovers(self._home, name)
            with suppress(OSError):
                # A time would not tell which is older: clocks may go backwards.
                record = content_hash(self._record_file(Path(name)))
                if record not in (None, _read_mark(mark)[0]):
                    mark.unlink()

    def _sizes(self, record: Mapping[str, Any]) -> Iterator[tuple[int | None, int]]:
        """The present size of each output, None if it is gone, and its recorded size."""
        for file in record["outputs"].values():
            state = State.of(self.folder / file["path"])
            yield (state.size if state else None), file["size"]

    def _record(self, path: Path) -> dict[str, Any] | None:
        return _read_record(self._record_file(path))

    def _record_file(self, path: Path) -> Path:
        return self._home / f"{path.name}.json"

    def _marks(self, path: Path) -> list[Path]:
        with self._reported():
            return [mark for mark in self._begun.iterdir() if mark.stem == path.name]


def _read_mark(mark: Path) -> tuple[str, str]:
    """The hash of the record when the attempt began, and the real path of its input."""
    with suppress(OSError):
        record, _, path = mark.read_text(**_TEXT).partition("\n")
        return record, path
    return "", ""


def _read_record(file: Path) -> dict[str, Any] | None:
    # A file that is no record, or one of another version of fastbg, does not count.
    with suppress(OSError, ValueError):
        record = json.loads(file.read_bytes())
        if isinstance(record, dict) and record.get("format") == FORMAT:
            return record
    return None
