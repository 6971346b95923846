"""Builds the one file: fastbg with its Python and packages, in one executable.

``python packaging/build.py`` takes the fastbg that is installed for that Python, with
``'.[onefile]'``, and a C compiler (``CC``; clang on Windows). It writes dist/one-file/fastbg, or
fastbg.exe, and its checksum. Zstandard's own C source, for the starter, comes from PyPI.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
WINDOWS = sys.platform == "win32"
PROGRAM = "fastbg.exe" if WINDOWS else "fastbg"
LEVEL = 19
"""Of the compression: those above need more memory to unpack than the program to run."""

ZSTD = (
    "zstandard==0.25.0 "
    "--hash=sha256:7713e1179d162cf5c7906da876ec2ccb9c3a9dcbdffef0cc7f70c3667a205f0b"
)
"""The package whose source holds that of Zstandard as one file."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=HERE.parent / "dist" / "one-file")
    parser.add_argument("--level", type=int, default=LEVEL, help="of the compression, 1 to 19")
    parser.add_argument("--folder", type=Path, help="take this folder of PyInstaller's")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        folder = chosen.folder or freeze(work)
        if not (folder / PROGRAM).is_file():
            parser.error(f"there is no {PROGRAM} in {folder}")
        write_payload(folder, work, chosen.level)
        built = compile_starter(work, zstd_source(work), chosen.output.resolve())
    checksum = hashlib.sha256(built.read_bytes()).hexdigest()
    built.with_name(f"{built.name}.sha256").write_text(f"{checksum}  {built.name}\n", "utf-8")
    print(f"{built}  {built.stat().st_size / 1e6:.1f} MB")


def freeze(work: Path) -> Path:
    """The folder that PyInstaller makes: the program, and all that it loads."""
    command = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level=ERROR"]
    paths = [f"--distpath={work}", f"--workpath={work / 'work'}", str(HERE / "fastbg.spec")]
    # Not in a clone, whose folder fastbg, without compiled code, would be found first.
    subprocess.run([*command, *paths], cwd=work, check=True)
    # PyInstaller leaves out what it does not find, and says nothing.
    subprocess.run([work / "fastbg" / PROGRAM, "--version"], check=True)
    return work / "fastbg"


def write_payload(folder: Path, work: Path, level: int) -> None:
    """Write payload.tar.zst and manifest.h, which tells the starter what is in it.

    The same files give the same payload, whenever they were made.
    """
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd

    options = {
        zstd.CompressionParameter.compression_level: level,
        zstd.CompressionParameter.window_log: 27,
        zstd.CompressionParameter.enable_long_distance_matching: 1,
        zstd.CompressionParameter.nb_workers: os.cpu_count() or 1,
    }
    payload = work / "payload.tar.zst"
    with zstd.open(payload, "wb", options=options) as packed:
        write_archive(folder, packed)
    write_manifest(folder, payload, work / "manifest.h")


def write_archive(folder: Path, target) -> None:
    """Write the files of a folder as a tar archive that the starter can read."""
    with tarfile.open(fileobj=target, mode="w|", format=tarfile.USTAR_FORMAT) as archive:
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            archive.add(path, name, recursive=False, filter=_plain)


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """An entry without what differs from build to build."""
    entry.mtime = entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mode = 0o755 if entry.mode & 0o100 else 0o644
    return entry


def write_manifest(folder: Path, payload: Path, target: Path) -> None:
    """Write what the starter looks for: the name of the folder, and each file and its size."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_symlink() or path.is_file()]
    target.write_text(
        "struct file {\n    const char *name;\n    long long size;\n};\n"
        f'#define NAME "{hashlib.sha256(payload.read_bytes()).hexdigest()[:16]}"\n'
        f'#define PROGRAM "{PROGRAM}"\n'
        "static const struct file FILES[] = {\n"
        + "".join(
            f'    {{"{path.relative_to(folder).as_posix()}", {path.lstat().st_size}}},\n'
            for path in files
        )
        + "    {0, 0}};\n",
        "utf-8",
    )


def zstd_source(work: Path) -> Path:
    """The folder with Zstandard's zstd.c and zstd.h."""
    pinned = work / "zstd.txt"
    pinned.write_text(ZSTD, "utf-8")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary=:all:"]
    subprocess.run([*command, f"--dest={work}", "--require-hashes", "-r", pinned], check=True)
    with tarfile.open(next(work.glob("zstandard-*.tar.gz"))) as archive:
        archive.extractall(work, filter="data")
    return next(work.glob("zstandard-*/zstd"))


def compile_starter(work: Path, zstd: Path, output: Path) -> Path:
    """The one file, with payload.tar.zst and manifest.h of the folder `work` in it."""
    output.mkdir(parents=True, exist_ok=True)
    built = output / PROGRAM
    system = "windows.c" if WINDOWS else "posix.c"
    own = [HERE / name for name in ("starter.c", system, "payload.c")]
    compiler = os.environ.get("CC", "clang" if WINDOWS else "cc")
    command = [compiler, "-std=gnu11", "-O2", "-DNDEBUG", "-DZSTD_DISABLE_ASM", f"-I{zstd}", "-I."]
    subprocess.run([*command, *own, zstd / "zstd.c", "-o", built], cwd=work, check=True)
    return built


if __name__ == "__main__":
    main()
