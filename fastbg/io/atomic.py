"""Outputs that appear complete and all together, or not at all.

Promised, whatever happens to the process: each target is what it was before, or complete. Of
several targets, either all are new or all are as before; only where the process is killed while
they are being renamed, which takes milliseconds, some may be new already.

Promised, where the power fails or the system crashes: what `staged` has returned from is on the
disk, as far as the disk tells the truth. Each file is flushed before it gets its name, and then the
folders that hold the names, where the system can flush a folder (Windows cannot). Until then each
target is as before, or complete.
"""

from __future__ import annotations

import errno
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from ..errors import OutputError
from . import lock
from .room import cure_of

PathLike = str | os.PathLike[str]

KEPT = 60
"""Characters of a target in its temporary name: of 4 bytes each, a file system takes no more."""

_LEFTOVER = re.compile(r"\.(.*)\.[0-9a-f]{8}\.(part|old)", re.DOTALL)
"""The names of temporary files and backups: of their targets, as far as they are `KEPT`."""

PATIENCE = 10.0
"""Seconds to wait for others to move their files into place, which takes them much less."""


def check_targets(
    paths: Iterable[PathLike], *, overwrite: bool = False, inputs: Iterable[PathLike] = ()
) -> None:
    """Refuse outputs that could not be put in place, before any work is done for them.

    Nothing is left on disk, and what killed processes left of the same targets is removed.

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
            _refuse_directory(target)
            if str(target) in taken or _same_file(target, taken):
                raise OutputError(f"{path} is also an input: give another name")
            if str(target) in seen or _same_file(target, seen):
                raise OutputError(f"{path} is asked for twice: give each output its own name")
            _clear(target.parent, re.escape(_kept(target)))
            _refuse_existing(target, overwrite)
            _refuse_other_kinds(target)
            _probe(existing(target.parent))
            seen.add(str(target))


@contextmanager
def staged(paths: Sequence[PathLike], *, overwrite: bool = False) -> Iterator[list[Path]]:
    """Give a temporary path beside each target, and move all into place at the end.

    Missing folders are created. When the body raises anything, KeyboardInterrupt included, the
    temporary files and the created folders are removed, and the targets are as they were. The
    temporary names end in ``.part``: a writer cannot tell the format from them. Where a process is
    killed they stay, unlocked, until the same targets are checked again.

    If two processes have the same targets, all that stay are those of one of the two, where the
    system has locks.

    Yields
    ------
    list of Path
        In the order of `paths`, empty files; the body must write every one of them in place.

    Raises
    ------
    OutputError
        If a target is a directory or another thing that is no regular file, a folder cannot be
        created, a file cannot be moved into place, or a target has appeared meanwhile (unless
        `overwrite`).
    """
    # A symbolic link stays one: what it points to is replaced.
    targets = [Path(os.path.realpath(path)) for path in paths]
    for target in targets:
        with _reported(target):
            _refuse_other_kinds(target)
    parts = [_hidden(target, "part") for target in targets]
    backups = [_hidden(target, "old") for target in targets]
    folders = {target.parent for target in targets}
    changed = set(folders)
    # New folders are removed last: as long as they are locked, they hold the file of the lock.
    with ExitStack() as made, ExitStack() as moving, ExitStack() as undo:
        with ExitStack() as writing:
            for part in parts:
                with _reported(part.parent):
                    changed |= _make_folder(part.parent, made)
                    undo.callback(_remove, part)
                    writing.enter_context(lock.created(part))
            try:
                yield parts
            except OSError as error:
                raise OutputError(
                    f"{targets[0].parent}: cannot write there ({error.strerror or error}): "
                    f"{cure_of(error)}"
                ) from error
            for part, target in zip(parts, targets, strict=True):
                with _reported(target):
                    _flush(part)
            for folder in sorted(folders):
                with _reported(folder):
                    moving.enter_context(lock.folder(folder, PATIENCE))
        for target in targets:
            with _reported(target):
                _refuse_existing(target, overwrite)
                _refuse_other_kinds(target)
        for part, target, backup in zip(parts, targets, backups, strict=True):
            with _reported(target):
                _replace(part, target, backup, undo)
        for folder in changed:
            with _reported(folder):
                _flush_folder(folder)
        undo.pop_all()
        made.pop_all()
        for backup in backups:
            _remove(backup)


def remove_leftovers(folder: Path, stem: str) -> None:
    """Remove what killed processes left of targets that are called ``<stem>.*`` or ``<stem>_*``."""
    begin = "|".join(re.escape(f"{stem}{end}"[:KEPT]) for end in "._")
    _clear(folder, f"(?:{begin}).*")


def _clear(folder: Path, kept: str) -> None:
    """Remove what nobody writes any more, of the targets whose names are a pattern."""
    with suppress(OSError), lock.folder(folder) as alone:
        for name in os.listdir(folder) if alone else ():
            found = _LEFTOVER.fullmatch(name)
            if not found or not re.fullmatch(kept, found[1], re.DOTALL):
                continue
            path = folder / name
            if found[2] == "part":
                lock.remove_unless_held(path)
            else:
                _clear_backup(path, path.with_name(found[1]))


def _clear_backup(backup: Path, target: Path) -> None:
    # Without hard links it may be all that there is of its target, whose name may be cut off.
    if target.exists() or backup.stat().st_nlink > 1:
        _remove(backup)
    elif len(target.name) < KEPT:
        os.replace(backup, target)


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


def _refuse_directory(target: Path) -> None:
    if target.is_dir():
        raise OutputError(f"{target} is a directory: give a file name")


def _refuse_other_kinds(target: Path) -> None:
    """Raise OutputError for a directory, a device or a pipe, which a rename would replace."""
    _refuse_directory(target)
    if target.exists() and not target.is_file():
        raise OutputError(f"{target} is not a regular file: give another name")


def _same_file(target: Path, others: Iterable[str]) -> bool:
    # Hard links, and two spellings of one name where upper and lower case are the same.
    return target.exists() and any(
        os.path.exists(other) and os.path.samefile(target, other) for other in others
    )


def existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    folder = Path(os.path.realpath(folder))
    while not os.path.lexists(folder):
        folder = folder.parent
    return folder


def _probe(folder: Path) -> None:
    """Create and remove a file in the folder."""
    with tempfile.TemporaryFile(dir=folder):
        pass


def _kept(target: Path) -> str:
    return target.name[:KEPT]


def _hidden(target: Path, suffix: str) -> Path:
    return target.with_name(f".{_kept(target)}.{os.urandom(4).hex()}.{suffix}")


def _make_folder(folder: Path, made: ExitStack) -> set[Path]:
    """Create a folder with those above it; the folders that got new ones."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for new in reversed(missing):
        made.callback(_remove_folder, new)
        new.mkdir(exist_ok=True)
    return {new.parent for new in missing}


def _remove_folder(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


def _flush(path: Path) -> None:
    # Opened for writing, because Windows flushes no other handle.
    with open(path, "rb+") as file:
        if not os.fstat(file.fileno()).st_size:
            raise ValueError("nothing was written")
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:  # Windows opens no folders, and some may be written but not read
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):  # not supported
            raise
    finally:
        os.close(descriptor)


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
