"""How results show themselves in a notebook: one small piece of HTML that asks for nothing."""

from __future__ import annotations

import base64
import os
import pickle
import re
from html.parser import HTMLParser
from io import BytesIO
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData
from PIL import Image as pil

import fastbg
from fastbg.image.thumbnail import BOX, Thumbnail
from fastbg.simulate import simulate_sky

SHAPE = (120, 180)
HOSTILE = '<b>&"x.fits'
VOID = {"img"}


class Fragment(HTMLParser):
    """A parsed piece of HTML: its elements and its text; fails where tags are not balanced."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, Any]]] = []
        self.text = self.style = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["style"]:
            self.style += data
        else:
            self.text += data

    @property
    def pictures(self) -> dict[str, np.ndarray]:
        """The decoded pictures by their alternative texts."""
        found = {}
        for tag, attributes in self.elements:
            if tag == "img":
                kind, data = attributes["src"].split(",")
                assert kind == "data:image/jpeg;base64"
                picture = pil.open(BytesIO(base64.b64decode(data, validate=True)))
                assert picture.size == (int(attributes["width"]), int(attributes["height"]))
                found[attributes["alt"]] = np.asarray(picture.convert("RGB")).astype(float)
        return found


@pytest.fixture(scope="module")
def sky() -> np.ndarray:
    return simulate_sky(SHAPE, np.random.default_rng(1)).image


@pytest.fixture(scope="module")
def result(sky: np.ndarray) -> fastbg.ArrayResult:
    return fastbg.remove_background(sky)


def shown(result: Any) -> Fragment:
    html = result._repr_html_()
    assert type(html) is str  # Markup would escape what is added to it
    assert len(html) < 300_000
    fragment = Fragment(html)
    names = {tag for tag, _ in fragment.elements}
    assert not names & {"script", "link", "iframe", "html", "body", "h1", "h2"}
    assert not re.search("http|//|url|@import", fragment.style + fragment.text)
    for _, attributes in fragment.elements:
        assert not any(name.startswith("on") for name in attributes)
        assert attributes.get("src", "data:").startswith("data:")
    # Nothing outside of the output changes its look.
    for rule in re.findall(r"([^{}]+)\{", re.sub(r"/\*.*?\*/", "", fragment.style)):
        assert all(each.strip().startswith(".fastbg-result") for each in rule.split(","))
    # The colours are those of the notebook, light or dark.
    assert not re.search(r"\b(?<!-)(color|background): (?!none)", fragment.style)
    return fragment


def level(picture: np.ndarray, part: slice) -> float:
    return float(np.median(picture[:, part]))


def test_a_result_shows_before_model_and_after(result: fastbg.ArrayResult) -> None:
    fragment = shown(result)
    before, model, after = fragment.pictures.values()
    assert [*fragment.pictures] == [
        "The image before the correction",
        "The fitted background",
        "The image after the correction",
    ]
    left, right = slice(0, 20), slice(-20, None)
    slope = [level(each, left) - level(each, right) for each in (before, model, after)]
    assert abs(slope[0]) > 10
    assert abs(slope[1] - slope[0]) < 0.2 * abs(slope[0])
    assert abs(slope[2]) < 0.2 * abs(slope[0])


def test_it_tells_the_diagnostics_in_words_and_numbers(result: fastbg.ArrayResult) -> None:
    text = shown(result).text
    report = result.report
    assert f"{100 * report['gradient']['taken_out']:.3g} % was taken out" in text
    assert f"{100 * report['sky']['explained']:.3g} % of the usable frame lies on" in text
    assert "180 \N{MULTIPLICATION SIGN} 120 pixels, RGB" in text
    for name in ("gradient before", "gradient after", "uncertainty", "median before"):
        assert name in text
    assert f"{report['statistics']['corrected']['median'][1]:.3g}" in text


def test_it_tells_every_warning(sky: np.ndarray) -> None:
    result = fastbg.remove_background(np.where(sky > 0.2, np.float32(1.2), sky))
    assert result.report["warnings"]
    text = shown(result).text
    for line in result.report["warnings"]:
        assert line in text


@pytest.mark.parametrize("mode", ["subtract", "divide"])
@pytest.mark.parametrize(
    ("pedestal", "strength"), [("model-median", 1), (0.3, 1), ("neutral", 1), ("neutral", 0.4)]
)
def test_the_pictures_are_those_of_the_pixels(
    sky: np.ndarray, mode: str, pedestal: Any, strength: float
) -> None:
    """What lies as far above the sky has the same grey before, in the model and after."""
    result = fastbg.remove_background(sky, mode=mode, pedestal=pedestal, strength=strength)
    before, model, after = (each[..., 1] for each in shown(result).pictures.values())
    level = np.median(result.background[..., 1])
    put_back = (1 - strength) * level + strength * result.report["pedestal"][1]
    contrast = put_back / level if mode == "divide" else 1
    above_sky, greys = np.sort((sky[..., 1] - level).ravel()), np.sort(before.ravel())

    def expected(linear: np.ndarray) -> np.ndarray:
        return np.interp(linear.ravel(), above_sky, greys)

    drawn = {
        "model": (expected(result.background[..., 1] - level), model),
        "after": (expected((result.corrected[..., 1] - put_back) / contrast), after),
    }
    for name, pair in drawn.items():
        # Medians of blocks, which JPEG hardly changes.
        ours, theirs = (np.median(each.reshape(10, 12, 15, 12), axis=(1, 3)) for each in pair)
        np.testing.assert_allclose(ours, theirs, atol=3, err_msg=name)


def test_missing_samples_have_one_colour(sky: np.ndarray) -> None:
    holed = sky.copy()
    holed[:40, :60], holed[80:, 120:] = 0, np.nan
    before, model, after = shown(fastbg.remove_background(holed)).pictures.values()
    for picture in (before, after):
        corners = picture[3:36, 3:56], picture[84:, 124:]
        assert all(corner.std(axis=(0, 1)).max() < 2 for corner in corners)
    assert model[3:36, 3:56].max() > before[3:36, 3:56].max()


def test_every_kind_of_array_is_shown(sky: np.ndarray, result: fastbg.ArrayResult) -> None:
    def pictures(image: Any, **options: Any) -> list[np.ndarray]:
        return [*shown(fastbg.remove_background(image, **options)).pictures.values()]

    planar = pictures(np.moveaxis(sky, 2, 0), channel_axis=0)
    np.testing.assert_array_equal(planar, [*shown(result).pictures.values()])
    assert all((each == each[..., :1]).all() for each in pictures(sky[..., 0]))
    assert len(pictures(CCDData(sky[..., 1], unit="adu"))) == 3
    masked = np.ma.MaskedArray(sky, np.zeros(sky.shape, bool))
    masked[:40, :60] = np.ma.masked
    assert pictures(masked)[0][3:36, 3:56].std(axis=(0, 1)).max() < 2


def test_a_mosaic_is_shown_in_colour(sky: np.ndarray) -> None:
    mosaic = np.empty(SHAPE, np.float32)
    for y, x, colour in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
        mosaic[y::2, x::2] = sky[y::2, x::2, colour]
    result = fastbg.remove_background(mosaic, cfa="RGGB")
    fragment = shown(result)
    assert "90 \N{MULTIPLICATION SIGN} 60 superpixels of a Bayer mosaic, RGGB" in fragment.text
    assert result.thumbnail.shape == (3, 60, 90)
    np.testing.assert_allclose(
        result.thumbnail,
        np.stack(
            [
                mosaic[::2, ::2],
                (mosaic[::2, 1::2] + mosaic[1::2, ::2]) / 2,
                mosaic[1::2, 1::2],
            ]
        ),
        rtol=1e-6,
    )


def test_an_applied_model_is_shown(sky: np.ndarray, result: fastbg.ArrayResult) -> None:
    applied = fastbg.apply(result.model, sky * 2, rescale=True)
    fragment = shown(applied)
    assert len(fragment.pictures) == 3
    assert f"{applied.scale[0]:.3g}" in fragment.text


@pytest.mark.skipif(os.name == "nt", reason="no such names there")
def test_a_file_is_shown_and_its_names_are_escaped(sky: np.ndarray, tmp_path: Any) -> None:
    path = tmp_path / HOSTILE
    fits.writeto(path, np.moveaxis(sky, 2, 0))
    result = fastbg.process_file(path, output_dir=tmp_path)
    fragment = shown(result)
    assert not any(tag == "b" for tag, _ in fragment.elements)
    assert f"{HOSTILE} before the correction" in fragment.pictures
    assert HOSTILE in fragment.text
    assert str(tmp_path / '<b>&"x_bgSubtracted.fits') in fragment.text
    # The pictures come along, whatever becomes of the file.
    path.unlink()
    again = pickle.loads(pickle.dumps(result))
    assert again._repr_html_() == result._repr_html_()
    assert len(pickle.dumps(result)) < 2_000_000


def test_of_a_fit_alone_the_model_is_shown(sky: np.ndarray, tmp_path: Any) -> None:
    path = tmp_path / "a.fits"
    fits.writeto(path, np.moveaxis(sky, 2, 0))
    fragment = shown(fastbg.fit_file(path, tmp_path / "sky.json"))
    assert [*fragment.pictures] == ["The fitted background"]
    assert "was taken out" in fragment.text


def test_a_wide_strip_can_be_seen() -> None:
    strip = simulate_sky((40, 2000), np.random.default_rng(2)).image
    fragment = shown(fastbg.remove_background(strip))
    styles = [attributes["style"] for tag, attributes in fragment.elements if tag == "img"]
    assert all(style.startswith("aspect-ratio:320/16") for style in styles)


@pytest.mark.parametrize("shape", [(1, 1), (1, 999), (7, 5), (240, 320), (241, 321), (997, 13)])
def test_a_thumbnail_is_made_of_middle_rows(rng: np.random.Generator, shape: Any) -> None:
    planes = rng.random((3, *shape), np.float32) + 1
    thumbnail = Thumbnail(3, shape)
    for top in reversed(range(0, shape[0], 3)):
        rows = slice(top, min(top + 3, shape[0]))
        thumbnail.add(rows, planes[:, rows])
    h, w = thumbnail.planes.shape[1:]
    assert h <= min(BOX[0], shape[0])
    assert w <= min(BOX[1], shape[1])
    lefts = [*(np.arange(w) * shape[1] // w), shape[1]]
    for i in range(h):
        row = planes[:, (2 * i + 1) * shape[0] // (2 * h)]
        expected = [row[:, a:b].mean(axis=1) for a, b in pairwise(lefts)]
        np.testing.assert_allclose(thumbnail.planes[:, i].T, expected, rtol=1e-5)


def test_a_thumbnail_leaves_missing_samples_out() -> None:
    planes = np.full((1, 480, 640), 0.5, np.float32)
    planes[:, :, ::2] = np.nan
    planes[:, :240, :320] = 0
    thumbnail = Thumbnail(1, (480, 640))
    thumbnail.add(slice(0, 480), planes)
    assert np.isnan(thumbnail.planes[0, :120, :160]).all()
    np.testing.assert_array_equal(thumbnail.planes[0, 120:], 0.5)


def test_a_mosaic_of_panels_is_told(sky: np.ndarray) -> None:
    stepped = sky + np.where(np.arange(SHAPE[1]) < 90, 0, 0.02)[:, None].astype(np.float32)
    result = fastbg.remove_background(stepped, seams="x=90")
    assert "Mosaic: 2 panels, with seams at x = 90." in shown(result).text


def test_samples_are_told_and_drawn(sky: np.ndarray) -> None:
    y, x = np.mgrid[10:120:25, 10:180:25]
    samples = np.stack([x.ravel(), y.ravel(), np.full(x.size, 5)], axis=1)
    result = fastbg.remove_background(sky, samples=samples)
    assert f" {x.size} samples, with " in shown(result).text
    searched = fastbg.remove_background(sky)
    assert fastbg.plot(result).tobytes() != fastbg.plot(searched).tobytes()
    assert len(result.given.samples) == x.size
