"""Images that come as streams of bytes: from memory, or from a file that is open."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tifffile
from astropy.io import fits

import fastbg
from fastbg import InputError
from fastbg.io import xisf
from fastbg.io.formats import open_image
from fastbg.simulate import simulate_sky

WRITERS = {
    ".xisf": xisf.write,
    ".fits": lambda path, image: fits.writeto(path, np.moveaxis(image, 2, 0)),
    ".tif": lambda path, image: tifffile.imwrite(path, image, photometric="rgb"),
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder for outputs, and one for temporary files, which must be empty in the end."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    yield tmp_path
    assert not [*temporary.iterdir()]


@pytest.fixture
def image():
    return simulate_sky((96, 120), np.random.default_rng(1)).image


def content(image, suffix, folder):
    path = folder / f"source{suffix}"
    WRITERS[suffix](path, image)
    return path.read_bytes()


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_stream_gives_what_its_file_gives(image, suffix, folder):
    stream = io.BytesIO(content(image, suffix, folder))
    result = fastbg.process_file(stream, output_dir=folder)
    assert result.report["input"] == f"image{suffix}"  # the temporary file is gone
    fastbg.process_file(folder / f"source{suffix}", output_dir=folder)
    assert result.model == fastbg.remove_background(image).model
    for what in ("bgSubtracted", "bgModel"):
        pixels = []
        for stem in ("image", "source"):
            with open_image(folder / f"{stem}_{what}{suffix}") as opened:
                pixels.append(opened.to_array())
        np.testing.assert_array_equal(*pixels)


def test_an_open_file_gives_its_name_to_the_outputs(image, folder):
    content(image, ".xisf", folder)
    with open(folder / "source.xisf", "rb") as stream:
        fastbg.process_file(stream, output_dir=folder)
    assert (folder / "source_bgSubtracted.xisf").exists()


def test_every_job_on_a_file_takes_streams(image, folder):
    data = content(image, ".fits", folder)
    mask = io.BytesIO(content(np.ones((96, 120, 1), "f4"), ".xisf", folder))
    model = folder / "sky.json"
    fastbg.fit_file(io.BytesIO(data), model, mask=[mask])
    report = fastbg.apply_model(model, io.BytesIO(data), output=folder / "out.xisf")
    assert report["model"]["file"] == str(model)
    fastbg.preview_file(io.BytesIO(data), folder / "a.png")
    assert (folder / "out.xisf").exists()


@pytest.mark.parametrize(
    ("stream", "cause"),
    [
        (io.BytesIO(), r"nothing is left to read of the file: call its seek\(0\) first"),
        (io.StringIO("text"), "opened as text: open it with the mode 'rb'"),
        (io.BytesIO(b"no image at all"), "^image.tif is not an XISF, FITS or TIFF file"),
        (io.BytesIO(b"XISF0100" + bytes(99)), "^image.xisf"),
    ],
)
def test_streams_of_something_else_are_refused(stream, cause, folder):
    stream.seek(0)
    with pytest.raises(InputError, match=cause) as caught:
        fastbg.process_file(stream, output_dir=folder)
    assert "\n" not in str(caught.value)
    assert [path.name for path in folder.iterdir()] == ["temporary"]


def test_a_file_that_was_opened_as_text_is_told_whatever_its_bytes(folder):
    (path := folder / "a.fits").write_bytes(b"SIMPLE  =" + bytes(range(256)))
    with (
        open(path, encoding="utf-8") as stream,
        pytest.raises(InputError, match="opened as text: open it with the mode 'rb'"),
    ):
        fastbg.process_file(stream, output_dir=folder)


def test_a_closed_stream_is_refused(folder):
    stream = io.BytesIO(b"1")
    stream.close()
    with pytest.raises(InputError, match=r"cannot be read .*: open it again"):
        fastbg.process_file(stream, output_dir=folder)


def test_outputs_are_paths(image, folder):
    data = content(image, ".xisf", folder)
    with pytest.raises(InputError, match="the output must be a path"):
        fastbg.process_file(io.BytesIO(data), output=io.BytesIO())
