"""The cards of FITS headers, judged by astropy; and that nobody's warning filters are touched."""

from __future__ import annotations

import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits as astropy_fits
from hypothesis import example, given
from hypothesis import strategies as st

from fastbg.io import fits, formats
from fastbg.io.fits import cards
from fastbg.io.keywords import Keyword

# Blanks at the ends are not kept, and astropy cuts off an & where a string goes on.
TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="&")).map(
    str.strip
)
NAMES = st.one_of(
    st.text("ABXYZ019_-", min_size=1, max_size=8),
    st.lists(st.text("ABxyz019", min_size=1, max_size=9), min_size=2, max_size=4).map(" ".join),
)
NUMBERS = st.one_of(
    st.integers(-(10**15), 10**15), st.floats(allow_nan=False, allow_infinity=False, width=32)
)


def by_astropy(records: list[str]) -> tuple[object, str]:
    card = astropy_fits.Card.fromstring("".join(records))
    return card.value, card.comment


@given(NAMES, TEXTS)
@example("A", "it's " * 20 + "!")
@example("ESO DET READ", "y" * 200)
@example("A", "'" * 100)
@example("A", "x" * 66 + "''")
def test_strings_of_any_length_are_written_and_read(name, text):
    value = "'" + text.replace("'", "''") + "'"
    records = cards.records_of(Keyword(name, value, ""))
    assert {len(record) for record in records} == {80}
    assert list(cards.keywords_of(records)) == [Keyword(name, value, "")]
    if "' " not in text and "'/" not in text:  # where astropy takes the string to end
        assert by_astropy(records)[0] == text


@given(NAMES, NUMBERS, st.text("abc /=", max_size=90).map(str.strip))
def test_numbers_are_written_and_read(name, number, comment):
    records = cards.records_of(Keyword(name, str(number), comment))  # like 1e-05
    (found,) = cards.keywords_of(records)
    assert found.name == name
    assert cards.meaning(found.value) == number
    assert comment.startswith(found.comment)
    assert by_astropy(records)[0] == number


@example([("A", "", "'")])
@given(st.lists(st.tuples(NAMES, NUMBERS | st.booleans() | TEXTS, TEXTS), max_size=8))
@example([("A", "'/", "")])
def test_what_astropy_writes_is_read(entries):
    header = astropy_fits.Header()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of comments that are too long
        for name, value, comment in entries:
            header.append((name if " " not in name else f"HIERARCH {name}", value, comment))
        header.add_history("all " * 30)
        text = header.tostring(padding=False, endcard=False)
    records = [text[at : at + 80] for at in range(0, len(text), 80)]
    found = list(cards.keywords_of(records))
    assert [each.name for each in found[: len(entries)]] == [name.strip() for name, *_ in entries]
    again = astropy_fits.Header.fromstring(text).cards
    for (_, value, _), keyword, card in zip(entries, found, again, strict=False):
        # It reads texts such as '' and "'/" as others if the card ends in a quote.
        misread = isinstance(value, str) and card.value != value.rstrip()
        assert cards.meaning(keyword.value) == (value.rstrip() if misread else card.value)
        assert misread or keyword.comment == card.comment
    assert [each.name for each in found[len(entries) :]] == ["HISTORY", "HISTORY"]


@pytest.mark.parametrize(
    ("card", "keyword"),
    [
        ("SIMPLE  =                    T / yes", Keyword("SIMPLE", "T", "yes")),
        ("A       = 1.50D+03", Keyword("A", "1.50D+03", "")),
        ("A       =                      / nothing", Keyword("A", "", "nothing")),
        ("A       = (1.0, -2)", Keyword("A", "(1.0, -2)", "")),
        ("A       = 'it''s  ' / a / b", Keyword("A", "'it''s'", "a / b")),
        ("a       = 1", Keyword("A", "1", "")),
        ("AB= 5", Keyword("AB", "5", "")),
        ("HIERARCH ESO tel alt = 4.5 / deg", Keyword("ESO tel alt", "4.5", "deg")),
        ("HISTORY  done = 5 ", Keyword("HISTORY", "", " done = 5")),
        ("          blank", Keyword("", "", "  blank")),
        # What breaks the rules passes through.
        ("A       = 'open", Keyword("A", "'open", "")),
        ("A       = 1 2", Keyword("A", "1 2", "")),
        ("A       =1", Keyword("A", "", "")),
        ("no card at all", Keyword("no card", "all", "")),
        ("DP1     = 'EXTVER: 1.0'", Keyword("DP1", "'EXTVER: 1.0'", "")),
    ],
)
def test_cards_and_what_they_say(card, keyword):
    assert list(cards.keywords_of([card.ljust(80)])) == [keyword]


def test_real_headers_say_what_astropy_reads(shared_data):
    files = [path for path in shared_data.glob("*.fit*") if path.suffix != ".json"]
    compared = 0
    for path in files:
        with formats.open_image(path) as file, astropy_fits.open(path) as units:
            image = next(unit for unit in units if unit.is_image and np.prod(unit.shape) > 1)
            values: dict[str, object] = {}
            for card in image.header.cards:
                if card.keyword not in ("COMMENT", "HISTORY", "") and not card.field_specifier:
                    values.setdefault(card.keyword, card.value)
            for keyword in file.header.keywords:
                value = values.get(keyword.name)
                if value is not None and not isinstance(value, astropy_fits.card.Undefined):
                    assert cards.meaning(keyword.value) == value, keyword
                    compared += 1
    assert compared > 100 * len(files) / 4


ODD = [
    "no card at all",
    "A       = 'open",
    "B       =1",
    "lower   = 5",
    "DP1     = 'EXTVER: 1.0'",
    "C       = " + "'" + "x" * 50 + "' / " + "y" * 6,
    "HIERARCH ESO tel alt = 4.5 / deg",
    "D       = 'caf\xe9'",
]


def odd_file(path: Path, tiles: bool) -> Path:
    """A file with cards that astropy warns of."""
    data = np.arange(2000, dtype=np.int16).reshape(40, 50)
    unit = astropy_fits.CompImageHDU(data) if tiles else astropy_fits.PrimaryHDU(data)
    for at in range(len(ODD)):
        unit.header[f"KEY{at}"] = at
    units = [astropy_fits.PrimaryHDU(), unit] if tiles else [unit]
    astropy_fits.HDUList(units).writeto(path)
    raw = path.read_bytes()
    for at, card in enumerate(ODD):
        place = raw.index(f"KEY{at}    = ".encode())
        raw = raw[:place] + card.ljust(80).encode("latin-1") + raw[place + 80 :]
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize("tiles", [False, True])
@pytest.mark.parametrize("output", ["o.fits", "o.fits.fz", "o.xisf"])
def test_odd_cards_are_carried_over_and_no_filters_of_warnings_touched(
    tmp_path, monkeypatch, tiles, output
):
    path, output = odd_file(tmp_path / "a.fits", tiles), tmp_path / output
    users: list[str] = []

    class Watched(warnings.catch_warnings):
        def __enter__(self):
            users.append(sys._getframe(1).f_globals["__name__"])
            return super().__enter__()

    monkeypatch.setattr(warnings, "catch_warnings", Watched)
    filters, seen = warnings.filters, list(warnings.filters)
    with formats.open_image(path) as file:
        rows = file.read_rows(slice(None))
        assert rows[0, 3, 4] == 154
        with formats.Output(output, file, same=output.suffix != ".xisf").create(
            output, ["done"]
        ) as image:
            image.write_rows(slice(None), rows)
    assert not [name for name in users if name.startswith("fastbg")]
    assert warnings.filters is filters
    assert list(filters) == seen
    if output.suffix != ".xisf":
        raw = output.read_bytes()
        for card in ODD:
            assert card.ljust(80).encode("latin-1") in raw
        with formats.open_image(output) as file:
            assert np.array_equal(file.read_rows(slice(None)), rows)


@pytest.mark.parametrize("codec", ["RICE_1", "GZIP_1", "GZIP_2", "PLIO_1", "HCOMPRESS_1"])
@pytest.mark.parametrize("dtype", ["u1", "i2", "i4", "f4", "f8"])
def test_all_codecs_are_read(tmp_path, rng, codec, dtype):
    if dtype in ("f4", "f8") and codec == "PLIO_1":
        pytest.skip("no floats")
    data = (100 + 20 * rng.standard_normal((33, 47))).clip(0, 250).astype(dtype)
    more = {"tile_shape": (11, 47)} if codec == "HCOMPRESS_1" else {}
    unit = astropy_fits.CompImageHDU(data, compression_type=codec, **more)
    unit.writeto(tmp_path / "a.fits.fz")
    with astropy_fits.open(tmp_path / "a.fits.fz") as units:
        expected = units[1].data
    with fits.open_image(tmp_path / "a.fits.fz") as file:
        assert np.array_equal(file.read_rows(slice(None))[0], expected)


def test_blank_pixels_of_tiles_are_missing(tmp_path):
    data = np.arange(200, dtype=np.int16).reshape(10, 20)
    unit = astropy_fits.CompImageHDU(data)
    unit.header["BLANK"] = 7
    unit.writeto(tmp_path / "a.fits.fz")
    with fits.open_image(tmp_path / "a.fits.fz") as file:
        rows = file.read_rows(slice(None))[0]
    assert np.isnan(rows[0, 7])
    assert np.count_nonzero(np.isnan(rows)) == 1


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "i4", "f4"])
def test_tiles_that_are_written_tell_their_checksums(tmp_path, rng, dtype):
    data = (100 + 20 * rng.standard_normal((33, 47))).clip(0, 250).astype(dtype)
    astropy_fits.PrimaryHDU(data).writeto(tmp_path / "a.fits", checksum=True)
    output = tmp_path / "b.fits.fz"
    with fits.open_image(tmp_path / "a.fits") as file:
        rows = file.read_rows(slice(None))
        with formats.Output(output, file, same=True).create(output, []) as image:
            image.write_rows(slice(None), rows)
    # Warnings are errors, and a wrong sum is one.
    with astropy_fits.open(output, checksum=True) as units:
        assert "ZHECKSUM" not in units[1]._bintable.header
        assert np.array_equal(units[1].data, data)


def test_threads_take_turns_where_astropy_swaps_the_filters_of_warnings(
    tmp_path, monkeypatch
) -> None:
    samples = np.random.default_rng(1).normal(size=(1, 32, 32)).astype(np.float32)

    def pack(number: int) -> None:
        path = tmp_path / f"{number}.fits.fz"
        with fits.create(path, samples.shape, packing="tiles") as target:
            target.write_rows(slice(None), samples)

    pack(8)  # imports come first: they add filters, too
    inside, most = [], []

    class Watched(warnings.catch_warnings):
        def __enter__(self):
            inside.append(self)
            most.append(len(inside))
            time.sleep(0.02)
            return super().__enter__()

        def __exit__(self, *error):
            inside.remove(self)
            return super().__exit__(*error)

    filters = list(warnings.filters)
    monkeypatch.setattr(warnings, "catch_warnings", Watched)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(pack, range(8)))
    assert set(most) <= {1}
    assert list(warnings.filters) == filters
