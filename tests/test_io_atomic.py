from __future__ import annotations

import errno
import os
import stat
import threading
from pathlib import Path

import pytest

from fastbg.errors import OutputError
from fastbg.io import atomic, lock


def everything(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def no_link(*_):
    raise OSError("no hard links here")


def write_all(targets, text, *, then=lambda: None, overwrite=False):
    with atomic.staged(targets, overwrite=overwrite) as parts:
        for part in parts:
            part.write_text(text)
        then()


def test_outputs_appear_together_and_only_at_the_end(tmp_path):
    targets = [tmp_path / "a.xisf", tmp_path / "new" / "deep" / "b.png"]
    with atomic.staged(targets) as parts:
        for part, target in zip(parts, targets, strict=True):
            assert part.parent == target.parent
            assert part.name.startswith(".")
            assert part.name.endswith(".part")
            part.write_text(target.name)
        assert not any(target.exists() for target in targets)
    assert everything(tmp_path) == {
        "a.xisf": b"a.xisf",
        "new": None,
        "new/deep": None,
        "new/deep/b.png": b"b.png",
    }


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("written", [0, 1, 2])
def test_nothing_is_left_when_the_body_raises(tmp_path, error, written):
    old = tmp_path / "old"
    old.write_text("precious")
    before = everything(tmp_path)
    targets = [old, tmp_path / "new" / "deep" / "b"]

    def fail():
        with atomic.staged(targets, overwrite=True) as parts:
            for part in parts[:written]:
                part.write_text("half")
            raise error

    with pytest.raises(error):
        fail()
    assert everything(tmp_path) == before


@pytest.mark.parametrize("hard_links", [True, False])
@pytest.mark.parametrize("error", [PermissionError("in use"), KeyboardInterrupt()])
def test_all_targets_are_restored_when_the_last_cannot_be_moved(
    tmp_path, monkeypatch, hard_links, error
):
    targets = [tmp_path / name for name in ("first", "second", "third")]
    targets[0].write_text("old first")
    targets[2].write_text("old third")
    before = everything(tmp_path)
    replace = os.replace

    def refuse_third(source, target):
        if str(source).endswith(".part") and Path(target).name == "third":
            raise error
        replace(source, target)

    monkeypatch.setattr(os, "replace", refuse_third)
    if not hard_links:
        monkeypatch.setattr(os, "link", no_link)
    expected = OutputError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(expected):
        write_all(targets, "new", overwrite=True)
    assert everything(tmp_path) == before


@pytest.mark.parametrize("hard_links", [True, False])
def test_overwriting_leaves_only_the_new_file(tmp_path, monkeypatch, hard_links):
    if not hard_links:
        monkeypatch.setattr(os, "link", no_link)
    target = tmp_path / "a"
    target.write_text("old")
    with atomic.staged([target], overwrite=True) as [part]:
        part.write_text("new")
        assert target.read_text() == "old"
    assert everything(tmp_path) == {"a": b"new"}


def test_a_target_that_appears_meanwhile_is_kept(tmp_path):
    targets = [tmp_path / "a", tmp_path / "b"]
    with pytest.raises(OutputError, match="already exists"):
        write_all(targets, "ours", then=lambda: targets[1].write_text("theirs"))
    assert everything(tmp_path) == {"b": b"theirs"}


def test_an_output_that_was_not_written_is_an_error(tmp_path):
    with pytest.raises(OutputError), atomic.staged([tmp_path / "a", tmp_path / "b"]) as parts:
        parts[0].write_text("only one")
    assert everything(tmp_path) == {}


def test_the_file_behind_a_symbolic_link_is_replaced(tmp_path):
    (tmp_path / "real").mkdir()
    real = tmp_path / "real" / "file"
    real.write_text("old")
    link = tmp_path / "link"
    link.symlink_to(real)
    with atomic.staged([link], overwrite=True) as [part]:
        part.write_text("new")
    assert link.is_symlink()
    assert real.read_text() == "new"
    assert sorted(everything(tmp_path)) == ["link", "real", "real/file"]


def test_new_files_have_the_usual_permissions(tmp_path):
    (tmp_path / "plain").write_text("x")
    with atomic.staged([tmp_path / "a"]) as [part]:
        part.write_text("x")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_the_longest_name_can_be_staged(tmp_path):
    target = tmp_path / ("é" * 127)
    with atomic.staged([target]) as [part]:
        part.write_text("x")
    assert target.read_text() == "x"


def test_two_threads_write_beside_each_other(tmp_path):
    barrier = threading.Barrier(2)

    def write(text):
        targets = [tmp_path / "new" / f"{text}{i}" for i in range(20)] + [tmp_path / "shared"]
        with atomic.staged(targets, overwrite=True) as parts:
            barrier.wait()
            for part in parts:
                part.write_text(text)

    threads = [threading.Thread(target=write, args=(text,)) for text in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    files = everything(tmp_path)
    assert files.pop("shared") in (b"a", b"b")
    assert len(files) == 41
    assert files["new/a3"] == b"a"
    assert files["new/b3"] == b"b"


def leave_behind(target, monkeypatch, *, links=True):
    """What a process leaves that is killed when its file is about to be moved."""
    with monkeypatch.context() as patch:
        patch.setattr(atomic, "_remove", lambda path: None)
        patch.setattr(atomic, "_restore", lambda backup, target: None)
        if not links:
            patch.setattr(os, "link", no_link)
        replace = os.replace
        patch.setattr(
            os, "replace", lambda a, b: replace(a, b) if Path(a).suffix != ".part" else 1 / 0
        )
        with pytest.raises(ZeroDivisionError):
            write_all([target], "half", overwrite=True)


@pytest.mark.parametrize("name", ["a.xisf", "x" * 80])
@pytest.mark.parametrize("links", [True, False])
def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path, monkeypatch, name, links):
    (tmp_path / name).write_text("old")
    (tmp_path / ".b.xisf.0123abcd.part").write_text("of another target")
    before = everything(tmp_path)
    leave_behind(tmp_path / name, monkeypatch, links=links)
    assert len(everything(tmp_path)) == len(before) + (2 if links else 1)
    atomic.check_targets([tmp_path / name], overwrite=True)
    if links or len(name) < atomic.KEPT:
        assert everything(tmp_path) == before
    else:  # its name is in no file any more, so it is only kept
        assert sorted(everything(tmp_path).values()) == sorted(before.values())


def test_what_a_living_process_writes_is_not_removed(tmp_path):
    with atomic.staged([tmp_path / "a"]) as [part]:
        atomic.check_targets([tmp_path / "a"])
        assert part.exists()
        with lock.folder(tmp_path):
            atomic.check_targets([tmp_path / "a"])
        part.write_text("a")
    assert everything(tmp_path) == {"a": b"a"}


def test_files_are_moved_one_process_after_the_other(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic, "PATIENCE", 30)
    targets = [tmp_path / name for name in "ab"]
    with lock.folder(tmp_path) as held:
        assert held
        thread = threading.Thread(target=write_all, args=(targets, "x"))
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
        assert not any(target.exists() for target in targets)
    thread.join()
    assert everything(tmp_path) == {"a": b"x", "b": b"x"}


def test_files_are_flushed_before_they_are_moved_and_their_folders_after(tmp_path, monkeypatch):
    told = []
    fsync, replace = os.fsync, os.replace

    def flushed(descriptor):
        told.append(("flush", os.path.realpath(f"/proc/self/fd/{descriptor}")))
        fsync(descriptor)

    def moved(source, target):
        told.append(("move", str(target)))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(os, "replace", moved)
    home = Path(os.path.realpath(tmp_path))
    targets = [home / "new" / "deep" / "a", home / "b"]
    write_all(targets, "x")
    kinds = [kind for kind, _ in told]
    assert kinds == ["flush"] * 2 + ["move"] * 2 + ["flush"] * 3
    assert {Path(path).suffix for kind, path in told[:2]} == {".part"}
    # The new folders, too, are names in the folders above them.
    assert {path for _, path in told[4:]} == {str(home), str(home / "new"), str(home / "new/deep")}


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP])
def test_folders_that_cannot_be_flushed_are_none_the_worse(tmp_path, monkeypatch, number):
    refuse_folders(monkeypatch, number)
    write_all([tmp_path / "a"], "x")
    assert everything(tmp_path) == {"a": b"x"}


def test_all_is_as_before_where_a_folder_cannot_be_flushed_by_an_error(tmp_path, monkeypatch):
    (tmp_path / "a").write_text("old")
    before = everything(tmp_path)
    refuse_folders(monkeypatch, errno.EIO)
    with pytest.raises(OutputError, match="cannot be written"):
        write_all([tmp_path / "a", tmp_path / "new" / "b"], "x", overwrite=True)
    assert everything(tmp_path) == before


def refuse_folders(monkeypatch, number):
    fsync = os.fsync

    def refuse(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", refuse)


def test_possible_targets_are_accepted_and_nothing_is_left(tmp_path):
    source = tmp_path / "in.xisf"
    source.write_text("in")
    (tmp_path / "old").write_text("old")
    before = everything(tmp_path)
    paths = [tmp_path / "a", str(tmp_path / "new" / "b"), tmp_path / "old"]
    atomic.check_targets(paths, overwrite=True, inputs=[source])
    atomic.check_targets(paths[:2], inputs=[source])
    assert everything(tmp_path) == before


@pytest.mark.parametrize(
    ("names", "overwrite", "cause"),
    [
        (["old"], False, "already exists"),
        (["in.xisf"], True, "also an input"),
        (["in.xisf"], False, "also an input"),
        (["folder/../in.xisf"], True, "also an input"),
        (["hard_link_to_in"], True, "also an input"),
        (["symlink_to_in"], True, "also an input"),
        (["a", "a"], True, "twice"),
        (["a", "folder/../a"], True, "twice"),
        (["folder"], True, "is a directory"),
        (["."], True, "is a directory"),
        (["old/b"], True, "cannot be written"),
        (["old/deeper/b"], True, "cannot be written"),
        (["x" * 300], True, "cannot be written"),
        (["nul\0"], True, "cannot be written"),
        (["pipe"], True, "not a regular file"),
        (["a", "old"], False, "already exists"),
    ],
)
def test_impossible_targets_are_refused_in_one_line(tmp_path, names, overwrite, cause):
    source = tmp_path / "in.xisf"
    source.write_text("in")
    (tmp_path / "old").write_text("old")
    (tmp_path / "folder").mkdir()
    os.link(source, tmp_path / "hard_link_to_in")
    (tmp_path / "symlink_to_in").symlink_to(source)
    os.mkfifo(tmp_path / "pipe")
    before = sorted(tmp_path.rglob("*"))
    paths = [os.path.join(tmp_path, name) for name in names]
    with pytest.raises(OutputError, match=cause) as caught:
        atomic.check_targets(paths, overwrite=overwrite, inputs=[source])
    assert "\n" not in str(caught.value)
    assert "--" not in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("appears", [False, True])
@pytest.mark.parametrize(
    ("make", "cause"), [(os.mkdir, "is a directory"), (os.mkfifo, "not a regular file")]
)
def test_nothing_but_a_file_is_replaced(tmp_path, make, cause, appears):
    target = tmp_path / "a"
    if not appears:
        make(target)

    def write() -> None:
        with atomic.staged([tmp_path / "b", target], overwrite=True) as parts:
            assert appears
            make(target)
            for part in parts:
                part.write_text("new")

    with pytest.raises(OutputError, match=cause):
        write()
    assert [*tmp_path.iterdir()] == [target]
    assert not target.is_file()


@pytest.mark.parametrize("name", ["a", "new/a"])
def test_a_folder_that_cannot_be_written_is_refused(tmp_path, monkeypatch, name):
    # Permissions do not bind the superuser, so the refusal of the system is imitated.
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(atomic.tempfile, "TemporaryFile", refuse)
    with pytest.raises(OutputError, match="Permission denied"):
        atomic.check_targets([tmp_path / name])
    monkeypatch.setattr(Path, "mkdir", refuse)
    with (
        pytest.raises(OutputError, match="Permission denied"),
        atomic.staged([tmp_path / "x" / "y"]),
    ):
        pass
    assert everything(tmp_path) == {}
