"""Files of sample points: of fastbg, GraXpert and Siril."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from fastbg.errors import InputError
from fastbg.io import sample_points
from fastbg.io.sample_points import read_samples

HEIGHT = 100
ROWS = [[10.5, 20.25, 7, 1], [30, 40, 5, 0.5]]


def read(path: Path, content: Any, *, bottom_up: bool = True) -> np.ndarray:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return read_samples(path, HEIGHT, bottom_up=bottom_up)


@pytest.mark.parametrize(
    "content",
    [
        "10.5,20.25,7,1\n30,40,5,0.5\n",
        "10.5 20.25 7 1\r\n30 40 5 0.5",
        "# of my night\n\nx, y, radius, weight  # pixels\n10.5,20.25,7,1\n30,40,5,.5\n",
        "weight;name;Y;X;Radius\n1;a;20.25;10.5;7\n0.5;b;40;30;5\n",
        "\ufeffx\ty\tr\tweight\n10.5\t20.25\t7\t1\n30\t40\t5\t0.5\n",
        '"x","y","radius","weight"\n"10.5","20.25","7","1"\n"30","40","5","0.5"\n',
        ROWS,
        {"samples": ROWS},
        {"samples": [dict(zip(("x", "y", "radius", "weight"), row, strict=True)) for row in ROWS]},
    ],
)
def test_the_same_samples_in_many_spellings(content: Any, tmp_path: Path) -> None:
    np.testing.assert_array_equal(read(tmp_path / "s", content), ROWS)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    rows = np.column_stack([12345 * rng.random((5, 2)), 1 + rng.random(5), rng.random(5)])
    for text in (sample_points.csv(rows), sample_points.json(rows.tolist())):
        np.testing.assert_array_equal(read(tmp_path / "s", text), rows)
    for text in (sample_points.csv(ROWS, ["of m94.fits"]), sample_points.json(ROWS)):
        np.testing.assert_array_equal(read(tmp_path / "s", text), ROWS)


def test_a_weight_may_be_left_out(tmp_path: Path) -> None:
    assert read(tmp_path / "s", "1,2,3")[0].tolist() == [1, 2, 3, 1]
    assert read(tmp_path / "s", [[1, 2, 3]])[0].tolist() == [1, 2, 3, 1]


# GraXpert: x and y are cut to whole numbers, the corner in the middle of the square.

POINTS = [[12, 34, 1], [56.9, 78, 1]]
FROM_GRAXPERT = [[12, 34, 20, 1], [56, 78, 20, 1]]


def test_preferences_of_graxpert(tmp_path: Path) -> None:
    found = read(tmp_path / "p.json", {"background_points": POINTS, "sample_size": 20})
    np.testing.assert_array_equal(found, FROM_GRAXPERT)
    assert read(tmp_path / "p.json", {"background_points": POINTS})[0, 2] == 25


def test_a_header_of_graxpert(tmp_path: Path) -> None:
    """As GraXpert 3 writes it, with astropy: many points are a string of several cards."""
    header = fits.Header()
    many = [[3 * n, n, 1] for n in range(80)]
    header["INTP-OPT"] = "RBF"
    with pytest.warns(fits.verify.VerifyWarning):
        header["SAMPLE-SIZE"] = 20
    header["BG-PTS"] = str(many)
    fits.writeto(tmp_path / "in.fits", np.zeros((4, 5), np.float32), header)
    found = read_samples(tmp_path / "in.fits", HEIGHT, bottom_up=True)
    np.testing.assert_array_equal(found[:, :2], np.array(many)[:, :2])
    assert (found[:, 2] == 20).all()


def test_an_xisf_file_of_graxpert(tmp_path: Path) -> None:
    """As GraXpert 3 writes it, with the package xisf: there each point has a keyword of its own."""
    package = pytest.importorskip("xisf")
    points = [[n, 2 * n, 1] for n in range(12)]
    keywords = {f"BG-PTS{n}": [{"value": point, "comment": ""}] for n, point in enumerate(points)}
    keywords["SAMPLE-SIZE"] = [{"value": "20", "comment": ""}]
    package.XISF.write(
        tmp_path / "in.xisf",
        np.full((4, 5, 1), 0.5, np.float32),
        creator_app="GraXpert",
        image_metadata={"FITSKeywords": keywords, "XISFProperties": {}},
    )
    found = read_samples(tmp_path / "in.xisf", HEIGHT, bottom_up=False)
    np.testing.assert_array_equal(found[:, :2], np.array(points)[:, :2])
    assert (found[:, 2] == 20).all()


# Siril: from the upper left of its display, which has the first row of a FITS file at the bottom.


@pytest.mark.parametrize("bottom_up", [True, False])
def test_samples_of_siril(bottom_up: bool, tmp_path: Path) -> None:
    sample = {
        **{"median": [0.1, 0, 0], "mean": 0.1, "min": 0.0, "max": 0.2, "size": 25},
        **{"valid": True, "position": [12.0, 34.0]},
    }
    y = HEIGHT - 34.5 if bottom_up else 34.5
    for content in ([sample, sample | {"valid": False}], "x,y,size\n12,34,25\n12,34,25\n"):
        found = read(tmp_path / "s", content, bottom_up=bottom_up)
        assert found[0].tolist() == [12.5, y, 12.5, 1]
        assert found[1].tolist() == [12.5, y, 12.5, 1.0 if isinstance(content, str) else 0.0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "holds no samples"),
        ("# nothing\n", "holds no samples"),
        ("x,y,radius\n", "holds no samples"),
        ("Dear diary", "'Dear diary' in line 1, which is no sample"),
        ("1,2\n", "which is no sample"),
        ("a,b,c\n", "'a', which is no number"),
        ("1,2,3\n4,5\n", "2 fields instead of 3 in line 2"),
        ("1,2,3\n4,five,6\n", "'five', which is no number: give x, y and radius in pixels"),
        ("1,2,nan\n", "which is no finite number"),
        ("1,2,inf\n", "which is no finite number"),
        ("x,y\n1,2\n", "no radius"),
        ("x,radius\n1,2\n", "no y"),
        ("{", "is no JSON"),
        ("[]", "holds no samples"),
        ("[1, 2, 3]", "'1', which is no sample"),
        ("[[1, 2]]", "which is no sample"),
        ('[[1, 2, "a"]]', "'a', which is no number"),
        ("[[1, 2, null]]", "which is no number"),
        ('[{"x": 1, "y": 2}]', "no radius"),
        ('{"points": []}', "neither samples nor background_points"),
        ('{"background_points": []}', "no background points"),
        ('{"background_points": [[1]]}', "no numbers"),
        ('{"background_points": 5}', "no numbers"),
        ('{"background_points": [["a", 1]]}', "no numbers"),
        ('{"background_points": [[1, 2]], "sample_size": "big"}', "no numbers"),
        ("[" * 100_000, "is no JSON"),
        ("\x89PNG\r\n", "is an image"),
    ],
)
def test_what_is_no_list_of_samples(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(InputError, match=message) as error:
        read_samples(path, HEIGHT, bottom_up=True)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a file"):
        read_samples(tmp_path / "none.csv", HEIGHT, bottom_up=True)
    with pytest.raises(InputError, match="is not a file"):
        read_samples(tmp_path, HEIGHT, bottom_up=True)
    fits.writeto(tmp_path / "plain.fits", np.zeros((4, 5), np.float32))
    with pytest.raises(InputError, match="without background points of GraXpert"):
        read_samples(tmp_path / "plain.fits", HEIGHT, bottom_up=True)
    header = fits.Header({"BG-PTS": "[[1, 2"})
    fits.writeto(tmp_path / "damaged.fits", np.zeros((4, 5), np.float32), header)
    with pytest.raises(InputError, match="are damaged"):
        read_samples(tmp_path / "damaged.fits", HEIGHT, bottom_up=True)
