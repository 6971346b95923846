"""Small files that ask for much: refused before memory is taken, and no other file is opened."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest

import fastbg
from fastbg import BackgroundModel, InputError, SettingsError
from fastbg.errors import LONGEST_LINE
from fastbg.image.stretch import Stretch
from fastbg.io import fits, formats, png, regions, tiff, xisf
from fastbg.spline.spline import Spline

HUGE = 100_000_000_000

MOST_MEMORY = 60_000_000
"""Bytes that may be taken before a file of some kilobytes is refused."""


def as_xisf(path, header, rest=b""):
    text = b'<?xml version="1.0"?>' + header
    start = xisf.SIGNATURE + len(text).to_bytes(4, "little") + bytes(4) + text
    path.write_bytes(start.ljust(4096, b"\0") + rest)


def image(attributes, inside="", beside=""):
    return f'<xisf version="1.0"><Image {attributes}>{inside}</Image>{beside}</xisf>'.encode()


def packed(codec, content):
    side = round((HUGE / 4) ** 0.5)
    size = 4 * side * side
    return (
        f'geometry="{side}:{side}:1" sampleFormat="Float32" location="attachment:4096:'
        f'{len(content)}" compression="{codec}:{size}"'
    )


def cards(*lines):
    text = b"".join(f"{line:<80}".encode() for line in (*lines, "END"))
    return text.ljust(-(-len(text) // 2880) * 2880)


def tiff_of(compression, size):
    """A TIFF of one strip of 8 bytes, which claims a square of grey bytes."""
    side = round(size**0.5)
    tags = [
        *((256, 4, side), (257, 4, side), (258, 3, 8), (259, 3, compression), (262, 3, 1)),
        *((273, 4, 8), (277, 3, 1), (278, 4, side), (279, 4, 8)),
    ]
    directory = len(tags).to_bytes(2, "little")
    for code, kind, value in tags:
        directory += code.to_bytes(2, "little") + kind.to_bytes(2, "little")
        directory += (1).to_bytes(4, "little") + value.to_bytes(4, "little")
    return b"II*\0" + (16).to_bytes(4, "little") + bytes(8) + directory + bytes(4)


def png_of(width, height):
    def chunk(name, data):
        length, crc = len(data).to_bytes(4, "big"), zlib.crc32(name + data).to_bytes(4, "big")
        return length + name + data + crc

    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 0, 0, 0, 0])
    data = zlib.compress(bytes(1000))
    return png.SIGNATURE + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


ZEROS = zlib.compress(bytes(1 << 20), 9)

BOMBS = {
    **{
        f"xisf {codec}": ("a.xisf", lambda p, c=codec: as_xisf(p, image(packed(c, ZEROS)), ZEROS))
        for codec in ("zlib", "lz4", "lz4hc", "zstd")
    },
    "xisf uncompressed": (
        "a.xisf",
        lambda p: as_xisf(
            p, image('geometry="158113:158113:1" sampleFormat="Float32" location="attachment:0:9"')
        ),
    ),
    "xisf geometry": (
        "a.xisf",
        lambda p: as_xisf(
            p,
            image(f'geometry="{10**30}:{10**30}:3" sampleFormat="UInt8" location="inline:hex"'),
        ),
    ),
    "xisf header": (
        "a.xisf",
        lambda p: p.write_bytes(xisf.SIGNATURE + b"\xff\xff\xff\xff" + bytes(999)),
    ),
    "fits": (
        "a.fits",
        lambda p: p.write_bytes(
            cards(
                "SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 2", "NAXIS1  = 99999999", "NAXIS2  = 999"
            )
        ),
    ),
    "fits.gz": (
        "a.fits.gz",
        lambda p: p.write_bytes(
            gzip.compress(
                cards(
                    "SIMPLE  = T",
                    "BITPIX  = 8",
                    "NAXIS   = 2",
                    "NAXIS1  = 999999",
                    "NAXIS2  = 99999",
                )
                + bytes(1 << 20)
            )
        ),
    ),
    "fits.fz": (
        "a.fits.fz",
        lambda p: p.write_bytes(
            cards("SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 0")
            + cards(
                *("XTENSION= 'BINTABLE'", "BITPIX  = 8", "NAXIS   = 2", "NAXIS1  = 8"),
                *("NAXIS2  = 1", "PCOUNT  = 8", "GCOUNT  = 1", "TFIELDS = 1"),
                *("TTYPE1  = 'COMPRESSED_DATA'", "TFORM1  = '1PB(8)'", "ZIMAGE  = T"),
                *("ZBITPIX = 8", "ZNAXIS  = 2", "ZNAXIS1 = 99999", "ZNAXIS2 = 999999"),
                *("ZTILE1  = 99999", "ZTILE2  = 999999", "ZCMPTYPE= 'GZIP_1'"),
            )
            + bytes(2880)
        ),
    ),
    **{
        f"tiff {compression}": (
            "a.tif",
            lambda p, c=compression: p.write_bytes(tiff_of(c, HUGE // 25)),
        )
        for compression in (1, 5, 8, 32773, 50000)
    },
    "png": ("a.png", lambda p: p.write_bytes(png_of(300_000, 300_000))),
}


def opened(path):
    with png.open_image(path) if png.is_png(path) else formats.open_image(path) as file:
        file.load()
        file.read_rows(slice(0, 1))


@pytest.mark.parametrize("name", BOMBS)
def test_what_a_file_claims_is_refused_before_memory_is_taken(tmp_path, name):
    file, write = BOMBS[name]
    path = tmp_path / file
    write(path)
    assert path.stat().st_size < 20_000
    with pytest.raises(InputError) as first:  # imports
        opened(path)
    tracemalloc.start()
    try:
        with pytest.raises(InputError) as caught:
            opened(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert str(first.value) == str(caught.value)
    assert str(path) in str(caught.value)
    assert peak < MOST_MEMORY
    assert list(tmp_path.iterdir()) == [path]


def test_a_run_within_an_address_space_refuses_in_one_line(tmp_path):
    resource = pytest.importorskip("resource")
    for name, (file, write) in BOMBS.items():
        if file != "a.png":
            write(tmp_path / f"{name.replace(' ', '_')}_{file}")
    files = sorted(map(str, tmp_path.iterdir()))
    program = (
        "import sys, fastbg\n"
        "for path in sys.argv[1:]:\n"
        "    try: fastbg.process_file(path, output_dir='out', threads=1)\n"
        "    except fastbg.InputError as error: print(error)\n"
    )

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))

    done = subprocess.run(
        [sys.executable, "-c", program, *files],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        preexec_fn=limit,
        env={"PATH": "", "OPENBLAS_NUM_THREADS": "1"},
    )
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert len(lines) == len(files)
    for line, file in zip(lines, files, strict=True):
        assert line.startswith(file)
    assert sorted(str(path) for path in tmp_path.iterdir()) == files


LAUGHS = b'<!DOCTYPE xisf [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
OUTSIDE = b'<!DOCTYPE xisf [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
PIXEL = 'geometry="2:1:1" sampleFormat="UInt8" location="inline:hex"'


@pytest.mark.parametrize(
    ("header", "cause"),
    [
        (LAUGHS + image(PIXEL, "0102", "&b;"), "document type"),
        (b"<!-- <xisf> -->" + LAUGHS + image(PIXEL, "0102", "&b;"), "document type"),
        (OUTSIDE + image(PIXEL, "0102", "&a;"), "document type"),
        (image(PIXEL, "0102", "<a>" * 200 + "</a>" * 200), "more than 100 levels"),
        (image(PIXEL, "0102", "<a>" * 99_999 + "</a>" * 99_999), "more than 100 levels"),
    ],
)
def test_entities_and_depth_of_a_header_are_bounded(tmp_path, header, cause):
    as_xisf(tmp_path / "a.xisf", header)
    with pytest.raises(InputError, match=cause):
        xisf.open_image(tmp_path / "a.xisf")


def test_a_header_beyond_all_measure_is_refused(tmp_path):
    path = tmp_path / "a.xisf"
    as_xisf(path, image(PIXEL, "0102", f"<!--{'x' * (1 << 24)}-->"))
    with pytest.raises(InputError, match="header of 16 MB"):
        xisf.open_image(path)
    first = cards("SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 0")
    more = cards("XTENSION= 'IMAGE'", "BITPIX  = 8", "NAXIS   = 0")
    (tmp_path / "a.fits").write_bytes(first + more * 1000)
    with pytest.raises(InputError, match="more than 1000 units"):
        fits.open_image(tmp_path / "a.fits")


TWO = 'geometry="8:1:1" sampleFormat="UInt8" location="attachment:4096:8"'


@pytest.mark.parametrize("place", ["attachment:4096:8", "attachment:4100:2", "attachment:0:20"])
def test_blocks_that_overlap_are_not_copied(tmp_path, place):
    # Each would be a copy of its own in every output.
    beside = f'<Property id="p" location="{place}"/>' * 3
    path = tmp_path / "a.xisf"
    as_xisf(path, image(TWO, "", beside), bytes(range(1, 9)))
    with xisf.open_image(path) as file:
        assert len(file.warnings) == 3
        assert "overlap" in file.warnings[0]
        assert not file.header.attached


def test_an_image_inside_the_header_is_refused(tmp_path):
    as_xisf(tmp_path / "a.xisf", image(TWO.replace("4096", "20")), bytes(8))
    with pytest.raises(InputError, match="overlap"):
        xisf.open_image(tmp_path / "a.xisf")


def test_zeros_behind_a_packed_fits_file_are_not_unpacked(tmp_path):
    whole = cards("SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 2", "NAXIS1  = 4", "NAXIS2  = 4")
    whole += bytes(range(1, 17)).ljust(2880, b"\0")
    path = tmp_path / "a.fits.gz"
    path.write_bytes(gzip.compress(whole + bytes(1 << 26), 1))
    with fits.open_image(path) as file:
        assert file.to_array().ravel().tolist() == list(range(1, 17))
        assert file._file.size() < 1 << 22


def test_tags_that_claim_the_same_bytes_again_and_again_are_refused(tmp_path):
    file = bytearray(tiff_of(1, 4))
    count = int.from_bytes(file[16:18], "little")
    more = b"".join(
        code.to_bytes(2, "little") + b"\7\0" + (300).to_bytes(4, "little") + b"\x08\0\0\0"
        for code in range(50_000, 50_030)
    )
    end = 18 + 12 * count
    file[16:18] = (count + 30).to_bytes(2, "little")
    (tmp_path / "a.tif").write_bytes(file[:end] + more + file[end:])
    with pytest.raises(InputError, match="tags larger than the file"):
        tiff.open_image(tmp_path / "a.tif")


def test_files_that_a_file_names_are_not_opened(tmp_path):
    other = tmp_path / "other.xisf"
    as_xisf(other, image(PIXEL, "0102"))
    for location in (f"path({other})", f"url(file://{other})", f"path({other}):1:2"):
        as_xisf(tmp_path / "a.xisf", image(PIXEL.replace("inline:hex", location), "0102"))
        with pytest.raises(InputError, match="save everything in one file"):
            xisf.open_image(tmp_path / "a.xisf")
    (tmp_path / "a.reg").write_text(f"image\n# include {other}\ninclude({other})\n")
    with pytest.raises(InputError, match="'include"):
        regions.open_regions(tmp_path / "a.reg", (4, 4))
    (tmp_path / "a.toml").write_text(f'mask = "{other}"\n')
    with pytest.raises(SettingsError, match="mask is no setting"):
        fastbg.load_preset(tmp_path / "a.toml")


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("a.json", "[" * 99_999, "is not JSON"),
        ("a.json", '{"format": ' * 99_999, "is not JSON"),
        ("a.json", " " * (1 << 23), "larger than 4096 KB"),
    ],
)
def test_models_nest_and_grow_within_bounds(tmp_path, name, content, error):
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=error):
        BackgroundModel.load(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("a.toml", "a = " + "[" * 9999, "not TOML"),
        ("a.toml", "seed" + ".a" * 3000 + " = 1", "seed must be"),
        ("a.toml", "seed = " + "9" * 5000, "not TOML"),
        ("a.toml", "#" * (1 << 23), "larger than 32 KB"),
        ("a.json", '{"settings":' * 99_999, "not the report"),
    ],
)
def test_presets_nest_and_grow_within_bounds(tmp_path, name, content, error):
    (tmp_path / name).write_text(content)
    with pytest.raises(SettingsError, match=error) as caught:
        fastbg.load_preset(tmp_path / name)
    assert len(str(caught.value)) <= LONGEST_LINE


@pytest.mark.parametrize("value", ["[" * 9999, "1" + "\u2003" * 99_999])
def test_a_history_nests_and_grows_within_bounds(tmp_path, value):
    word = f"fastbg settings: seed={value}"
    keyword = f'<FITSKeyword name="HISTORY" value="" comment="{word}"/>'
    as_xisf(tmp_path / "a.xisf", image(PIXEL, f"0102{keyword}"))
    with pytest.raises(SettingsError, match="HISTORY was changed"):
        fastbg.load_preset(tmp_path / "a.xisf")


def test_a_message_is_one_line_that_a_terminal_can_show(tmp_path):
    odd = "a&#10;b&#13;&#9;\u202e" + "c" * 99_999
    header = image(f'geometry="{odd}" sampleFormat="UInt8" location="inline:hex"', "0102")
    as_xisf(tmp_path / "a.xisf", header)
    with pytest.raises(InputError) as caught:
        xisf.open_image(tmp_path / "a.xisf")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) <= LONGEST_LINE
    beside = f'<Property id="{odd}" location="path({odd})"/>'
    as_xisf(tmp_path / "a.xisf", image(PIXEL, "0102", beside))
    with xisf.open_image(tmp_path / "a.xisf") as file:
        assert [warning.isprintable() for warning in file.warnings] == [True]


def test_keywords_that_no_fits_card_holds_become_comments(tmp_path):
    words = {"A=B": "1", " END": "", " naxis1": "7", "TOOLONGAKEYWORD=": "'x'", "LONG": "'y'"}
    keywords = "".join(
        f'<FITSKeyword name="{name}" value="{value}" comment=""/>' for name, value in words.items()
    )
    as_xisf(tmp_path / "a.xisf", image(PIXEL, f"0102{keywords}"))
    output = tmp_path / "a.fits"
    with (
        xisf.open_image(tmp_path / "a.xisf") as source,
        formats.Output(output, source).create(output, []) as target,
    ):
        target.write_rows(slice(None), np.ones((1, 1, 2), np.float32))
    with fits.open_image(output) as file:
        assert file.shape == (1, 1, 2)
        names = [word.name for word in file.header.keywords]
        assert "LONG" in names
        assert names.count("COMMENT") == 2
        assert names.count("NAXIS1") == 1


def test_models_beyond_the_range_of_float32_are_refused(tmp_path):
    one = np.ones(1)
    spline = Spline(np.array([[0.2, 0.3], [0.7, 0.6]]), np.ones((2, 1)), np.ones((3, 1)), 2)
    content = BackgroundModel(spline, Stretch(one, one, one / 4), (4, 4)).to_dict()
    assert BackgroundModel.from_dict(content)
    for change in (
        {"weights": [[1e300]] * len(content["weights"])},
        {"centres": [[1e10, 0]] * len(content["centres"])},
        {"stretch": {**content["stretch"], "midtones": [1e-320]}},
        {"stretch": {**content["stretch"], "scale": [1e200]}},
        {"stretch": {**content["stretch"], "target": 1e-300}},
    ):
        path = Path(tmp_path, "a.json")
        path.write_text(json.dumps({**content, **change}))
        with pytest.raises(InputError, match="do not fit together"):
            BackgroundModel.load(path)
