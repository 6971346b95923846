"""Outputs that appear complete and all together, or not at all."""

from __future__ import annotations

import os
import re
import secrets
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from ..errors import OutputError

PathLike = str | os.PathLike[str]

KEPT = 40
"""Characters of a target in its temporary name, which must not be too long for a file system."""


def check_targets(
    paths: Iterable[PathLike], *, overwrite: bool = False, inputs: Iterable[PathLike] = ()
) -> None:
    """Refuse outputs that could not be put in place, before any work is done for them.

    Nothing is left on disk.

    Raises
    ------
    OutputError
        For a target that exists (unless `overwrite`), that is one of the `inputs`, that is given
        twice, that is not a regular file, or whose folder cannot be created or written.
    """
    taken = {os.path.realpath(path) for path in inputs}
    seen: set[str] = set()
    for path in paths:
        with _reported(path):
            target = Path(os.path.realpath(path))
            if target.is_dir():
                raise OutputError(f"{path} is a directory: give a file name")
            if str(target) in taken or _same_file(target, taken):
                raise OutputError(f"{path} is also an input: give another name")
            if str(target) in seen or _same_file(target, seen):
                raise OutputError(f"{path} is asked for twice: give each output its own name")
            _refuse_existing(target, overwrite)
            if target.exists() and not target.is_file():
                raise OutputError(f"{path} is not a regular file: give another name")
            _probe(target.parent)
            seen.add(str(target))


@contextmanager
def staged(paths: Sequence[PathLike], *, overwrite: bool = False) -> Iterator[list[Path]]:
    """Give a temporary path beside each target, and move all into place at the end.

    Missing folders are created. When the body raises anything, KeyboardInterrupt included, the
    temporary files and the created folders are removed, and the targets are as they were. The
    temporary names end in ``.part``: a writer cannot tell the format from them.

    Yields
    ------
    list of Path
        In the order of `paths`; the body must write every one of them.

    Raises
    ------
    OutputError
        If a folder cannot be created, a file cannot be moved into place, or a target has appeared
        meanwhile (unless `overwrite`).
    """
    # A symbolic link stays one: what it points to is replaced.
    targets = [Path(os.path.realpath(path)) for path in paths]
    parts = [_hidden(target, "part") for target in targets]
    backups = [_hidden(target, "old") for target in targets]
    with ExitStack() as undo:
        for part in parts:
            with _reported(part.parent):
                _make_folder(part.parent, undo)
            undo.callback(_remove, part)
        try:
            yield parts
        except OSError as error:
            raise OutputError(
                f"{targets[0].parent}: cannot write there ({error.strerror or error}): "
                "free some space or choose another folder"
            ) from error
        for part, target in zip(parts, targets, strict=True):
            with _reported(target):
                _flush(part)
                _refuse_existing(target, overwrite)
        for part, target, backup in zip(parts, targets, backups, strict=True):
            with _reported(target):
                _replace(part, target, backup, undo)
        undo.pop_all()
    for backup in backups:
        _remove(backup)


def remove_leftovers(folder: Path, stem: str) -> None:
    """Remove what a killed process left of targets that are called ``<stem>.*`` or ``<stem>_*``.

    Only the caller can know that no process still writes them.
    """
    begin = "|".join(re.escape(f".{stem}{end}"[: KEPT + 1]) for end in "._")
    leftover = re.compile(rf"(?:{begin}).*\.[0-9a-f]{{8}}\.(?:part|old)")
    with suppress(OSError):
        for path in folder.iterdir():
            if leftover.fullmatch(path.name):
                _remove(path)


@contextmanager
def _reported(path: PathLike) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or error
        raise OutputError(
            f"{os.fspath(path)} cannot be written ({cause}): choose another name or folder"
        ) from error


def _refuse_existing(target: Path, overwrite: bool) -> None:
    if not overwrite and os.path.lexists(target):
        raise OutputError(f"{target} already exists: allow overwriting or give another name")


def _same_file(target: Path, others: Iterable[str]) -> bool:
    # Hard links, and two spellings of one name where upper and lower case are the same.
    return target.exists() and any(
        os.path.exists(other) and os.path.samefile(target, other) for other in others
    )


def _probe(folder: Path) -> None:
    """Create and remove a file in the folder, or in the nearest one above it that exists."""
    while not os.path.lexists(folder):
        folder = folder.parent
    with tempfile.TemporaryFile(dir=folder):
        pass


def _hidden(target: Path, suffix: str) -> Path:
    return target.with_name(f".{target.name[:KEPT]}.{secrets.token_hex(4)}.{suffix}")


def _make_folder(folder: Path, undo: ExitStack) -> None:
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for new in reversed(missing):
        undo.callback(_remove_folder, new)
        new.mkdir(exist_ok=True)


def _remove_folder(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


def _flush(path: Path) -> None:
    # Opened for writing, because Windows flushes no other handle.
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def _replace(part: Path, target: Path, backup: Path, undo: ExitStack) -> None:
    if target.exists():
        undo.callback(_restore, backup, target)
        try:
            os.link(target, backup)
        except OSError:  # a file system without hard links
            os.replace(target, backup)
    else:
        undo.callback(_remove, target)
    os.replace(part, target)


def _restore(backup: Path, target: Path) -> None:
    with suppress(FileNotFoundError):
        os.replace(backup, target)
    # Renaming onto a hard link of the same file does nothing at all.
    _remove(backup)
