"""The starter of the one file: it unpacks the program once, whatever happens meanwhile."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

PACKAGING = Path(__file__).resolve().parents[1] / "packaging"

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="its programs are shell scripts"),
    pytest.mark.skipif(not shutil.which("cc"), reason="there is no C compiler"),
    pytest.mark.skipif(not PACKAGING.is_dir(), reason="packaging/ is only in a clone"),
]

SCRIPT = """#!/bin/sh
[ "$1" = wait ] && exec sleep 60
[ "$1" = name ] && exec echo "$FASTBG_CALLED"
cat
echo "$@"
exit 7
"""


@pytest.fixture(scope="module")
def build() -> ModuleType:
    spec = spec_from_file_location("one_file_build", PACKAGING / "build.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class OneFile:
    """A starter that carries a script, a large file and a link, and the home of its user."""

    def __init__(self, build: ModuleType, folder: Path, version: str = "1") -> None:
        source = folder / "source"
        deep = source / "_internal" / ("long" * 20) / ("name" * 20)
        deep.mkdir(parents=True)
        (source / "fastbg").write_text(SCRIPT)
        (source / "fastbg").chmod(0o755)
        (deep / "large").write_bytes(os.urandom(300_001))
        (deep / "empty").touch()
        (deep / "version").write_text(version)
        (source / "link").symlink_to("fastbg")
        self.source, self.payload = source, folder / "payload.tar"
        with self.payload.open("wb") as archive:
            build.write_archive(source, archive)
        build.write_manifest(source, self.payload, folder / "manifest.h")
        self.path = folder / "starter"
        sources = [PACKAGING / "starter.c", PACKAGING / "posix.c"]
        sources.append(Path(__file__).parent / "c" / "stored_payload.c")
        options = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", f'-DPAYLOAD="{self.payload}"']
        places = [f"-I{PACKAGING}", f"-I{folder}", "-o", self.path]
        subprocess.run(["cc", *options, *sources, *places], check=True)

    def environment(self, home: Path) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(home.parent / "tmp")}

    def start(self, home: Path, *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
        environment = self.environment(home) | more.pop("env", {})
        return subprocess.run(
            [self.path, *arguments],
            **{"input": "", "capture_output": True, "text": True, **more},
            env=environment,
        )

    @contextmanager
    def running(self, home: Path) -> Iterator[None]:
        with subprocess.Popen([self.path, "wait"], env=self.environment(home)) as process:
            try:
                while "sleep" not in Path(f"/proc/{process.pid}/comm").read_text("utf-8"):
                    assert process.poll() is None
                yield
            finally:
                process.kill()


def cache(home: Path) -> Path:
    below = "Library/Caches" if sys.platform == "darwin" else ".cache"
    return home / below / "fastbg-program"


@pytest.fixture(scope="module")
def program(build: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> OneFile:
    return OneFile(build, tmp_path_factory.mktemp("first"))


@pytest.fixture(scope="module")
def newer(build: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> OneFile:
    return OneFile(build, tmp_path_factory.mktemp("newer"), version="2")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "tmp").mkdir()
    return tmp_path / "home with spaces"


def unpacked(folder: Path) -> Path:
    (only,) = folder.iterdir()
    return only


def assert_works(answer: subprocess.CompletedProcess[str]) -> None:
    assert (answer.returncode, answer.stdout, answer.stderr) == (7, "a b c\n", "")


def test_the_program_gets_arguments_and_input_and_gives_its_exit_code(
    program: OneFile, home: Path
) -> None:
    answer = program.start(home, "a b", "", "*", input="in\n")
    assert (answer.returncode, answer.stdout, answer.stderr) == (7, "in\na b  *\n", "")


def test_the_program_knows_by_which_name_it_was_called(program: OneFile, home: Path) -> None:
    link = home.parent / "GraXpert"
    link.symlink_to(program.path)
    told = subprocess.check_output([link, "name"], env=program.environment(home), text=True)
    assert told == f"{link}\n"


def test_all_is_unpacked_once_and_for_the_user_alone(program: OneFile, home: Path) -> None:
    assert_works(program.start(home, "a b c"))
    folder = unpacked(cache(home))
    for path in program.source.rglob("*"):
        copy = folder / path.relative_to(program.source)
        assert copy.is_dir() == path.is_dir()
        assert copy.is_symlink() == path.is_symlink()
        if path.is_file():
            assert copy.read_bytes() == path.read_bytes()
        assert copy.is_symlink() or not copy.stat().st_mode & 0o077
    before = folder.stat()
    assert_works(program.start(home, "a b c"))
    assert (folder.stat().st_ino, folder.stat().st_ctime_ns) == (before.st_ino, before.st_ctime_ns)


def test_first_starts_at_once(program: OneFile, home: Path) -> None:
    started = [
        subprocess.Popen(
            [program.path, "a b c"],
            env=program.environment(home),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(12)
    ]
    answers = [(*process.communicate(), process.returncode) for process in started]
    assert answers == [("a b c\n", "", 7)] * 12
    unpacked(cache(home))


@pytest.mark.parametrize("what", ["remove", "shorten", "empty the folder"])
def test_what_is_no_longer_complete_is_unpacked_again(
    program: OneFile, home: Path, what: str
) -> None:
    program.start(home)
    large = next(cache(home).rglob("large"))
    if what == "remove":
        large.unlink()
    elif what == "shorten":
        os.truncate(large, 1000)
    else:
        shutil.rmtree(unpacked(cache(home)) / "_internal")
    assert_works(program.start(home, "a b c"))
    assert next(unpacked(cache(home)).rglob("large")).stat().st_size == 300_001


def test_what_a_killed_first_start_left_is_removed(program: OneFile, home: Path) -> None:
    left = cache(home) / "12345.part" / "_internal"
    left.mkdir(parents=True)
    (left / "large").write_bytes(b"half")
    assert_works(program.start(home, "a b c"))
    unpacked(cache(home))


def test_an_earlier_version_is_removed(program: OneFile, newer: OneFile, home: Path) -> None:
    program.start(home)
    (cache(home) / "notes of the user").touch()
    assert_works(newer.start(home, "a b c"))
    assert next(cache(home).rglob("version")).read_text() == "2"
    assert len(list(cache(home).iterdir())) == 2


@pytest.mark.skipif(not Path("/proc/self/comm").exists(), reason="there is no /proc")
def test_an_earlier_version_that_runs_is_kept(program: OneFile, newer: OneFile, home: Path) -> None:
    with program.running(home):
        assert_works(newer.start(home, "a b c"))
        assert {path.read_text() for path in cache(home).rglob("version")} == {"1", "2"}


def test_without_a_home_it_is_unpacked_into_the_temporary_folder(
    program: OneFile, home: Path
) -> None:
    home.touch()
    assert_works(program.start(home, "a b c"))
    unpacked(home.parent / "tmp" / f"fastbg-program-{os.geteuid()}")


def test_a_folder_where_others_may_write_is_not_used(program: OneFile, home: Path) -> None:
    home.touch()
    theirs = home.parent / "tmp" / f"fastbg-program-{os.geteuid()}"
    theirs.mkdir()
    theirs.chmod(0o777)
    assert_works(program.start(home, "a b c"))  # in /tmp
    assert not list(theirs.iterdir())


def test_the_user_names_the_folder(program: OneFile, home: Path) -> None:
    assert_works(program.start(home, "a b c", env={"FASTBG_UNPACK": str(home.parent / "own")}))
    unpacked(home.parent / "own" / "fastbg-program")
    assert not home.exists()


@pytest.mark.parametrize("named", ["{}/file/own", "relative", ""])
def test_a_folder_that_cannot_be_used_is_told_in_one_line(
    program: OneFile, home: Path, named: str
) -> None:
    (home.parent / "file").touch()
    answer = program.start(home, env={"FASTBG_UNPACK": named.format(home.parent)}, cwd=home.parent)
    assert answer.returncode == 1
    assert answer.stdout == ""
    assert answer.stderr.count("\n") == 1
    assert answer.stderr.startswith("fastbg: cannot be unpacked (")
    assert "FASTBG_UNPACK" in answer.stderr


def test_a_full_disk_leaves_nothing_behind(program: OneFile, home: Path) -> None:
    import resource

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    own = {"FASTBG_UNPACK": str(home)}
    answer = program.start(home, "a b c", preexec_fn=limit, env=own)
    assert answer.returncode == 1
    assert answer.stderr.count("\n") == 1
    assert os.strerror(27) in answer.stderr  # EFBIG
    assert not list((home / "fastbg-program").iterdir())
    assert_works(program.start(home, "a b c", env=own))


def test_a_download_that_was_cut_off_is_told(build: ModuleType, tmp_path: Path, home: Path) -> None:
    program = OneFile(build, tmp_path)
    os.truncate(program.payload, 200_000)
    answer = program.start(home)
    assert answer.returncode == 1
    assert answer.stderr == "fastbg: the file of the program is damaged: download it again\n"
    assert not list(cache(home).iterdir())


def test_the_same_files_give_the_same_archive(
    build: ModuleType, program: OneFile, tmp_path: Path
) -> None:
    shutil.copytree(program.source, tmp_path / "copy", symlinks=True)
    again = tmp_path / "again.tar"
    with again.open("wb") as archive:
        build.write_archive(tmp_path / "copy", archive)
    assert again.read_bytes() == program.payload.read_bytes()
