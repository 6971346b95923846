"""The live page in a notebook: shown in a frame, and its result is that of the library."""

from __future__ import annotations

import json
import shlex
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import numpy as np
import pytest
from astropy.io import fits
from cases import some

import fastbg
from fastbg.simulate import simulate_sky

pytest.importorskip("uvicorn", reason="pip install 'fastbg[live]'")
connections = pytest.importorskip("websockets.sync.client")

SHAPE = (120, 180)


@pytest.fixture(scope="module")
def sky() -> np.ndarray:
    return simulate_sky(SHAPE, np.random.default_rng(1)).image


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Sessions of arrays save in the current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def asked(live: Any, **message: Any) -> dict[str, Any]:
    """The answer to a message of a page."""
    origin = live.address.rsplit("/", 2)[0]
    address = live.address.replace("http", "ws") + "socket"
    with connections.connect(address, origin=origin, max_size=None) as socket:
        socket.send(json.dumps({**message, "id": 1}))
        while True:
            answer = socket.recv()
            if isinstance(answer, str) and json.loads(answer).get("id") == 1:
                return json.loads(answer)


def assert_same(one: fastbg.ArrayResult, other: fastbg.ArrayResult) -> None:
    assert one.model == other.model
    np.testing.assert_array_equal(one.corrected, other.corrected)
    np.testing.assert_array_equal(one.background, other.background)


def own_threads() -> list[str]:
    names = [thread.name for thread in threading.enumerate()]
    return [name for name in names if name.startswith("fastbg")]


def paint(live: Any) -> None:
    points = [[60, 30], [120, 90]]
    answer = asked(live, do="shape", layer="not_sky", shape="rectangle", points=points)
    assert answer["tell"] == "done"


def test_the_result_of_an_array_is_that_of_remove_background(sky: np.ndarray) -> None:
    with fastbg.live(sky) as live:
        result = live.result()
        assert live.settings == fastbg.Settings()
    assert_same(result, fastbg.remove_background(sky))
    assert result.given.image is sky
    assert "was taken out" in result._repr_html_()


@pytest.mark.parametrize(
    "kind",
    some(
        ["planar", "mosaic", "masked"],
        ["planar", "u16", "mono", "mosaic", "holed", "masked", "double"],
    ),
)
def test_every_kind_of_array_can_be_opened(sky: np.ndarray, kind: str) -> None:
    image: Any = sky.copy()
    options: dict[str, Any] = {}
    if kind == "planar":
        image, options = np.moveaxis(image, 2, 0), {"channel_axis": 0}
    elif kind == "u16":
        image = np.rint(image * 65535).astype(np.uint16)
    elif kind == "mono":
        image = image[..., 0]
    elif kind == "mosaic":
        image, options = image[..., 1], {"cfa": "RGGB"}
    elif kind == "holed":
        image[:20, :30], image[90:] = 0, np.nan
    elif kind == "masked":
        image = np.ma.MaskedArray(image, np.zeros(image.shape, bool))
        image[:20, :30] = np.ma.masked
    elif kind == "double":
        image = image.astype(np.float64) * 3000
    with fastbg.live(image, **options) as live:
        result = live.result()
    expected = fastbg.remove_background(image, **options)
    assert type(result.corrected) is type(expected.corrected)
    assert_same(result, expected)


def test_a_file_gives_arrays(sky: np.ndarray, folder: Path) -> None:
    fits.writeto(folder / "a.fits", np.moveaxis(sky, 2, 0))
    with fastbg.live(folder / "a.fits") as live:
        result = live.result()
        assert live.command.startswith(f"fastbg run {folder}")
    assert_same(result, fastbg.remove_background(sky))


def test_what_is_painted_and_set_counts(sky: np.ndarray) -> None:
    with fastbg.live(sky, mode="divide") as live:
        paint(live)
        asked(live, do="set", settings={"pedestal": 0.25})
        assert live.settings == fastbg.Settings(mode="divide", pedestal=0.25)
        result = live.result()
        painted = result.given.weight
        assert painted.shape == SHAPE
        assert not painted[35:85, 65:115].any()
        assert painted[:, :50].all()
        asked(live, do="undo")
        asked(live, do="undo")
        assert_same(live.result(), fastbg.remove_background(sky, mode="divide"))
    again = fastbg.remove_background(sky, weight=painted, settings=result.given.settings)
    assert_same(result, again)


def test_the_command_of_an_array_leaves_no_files(sky: np.ndarray, folder: Path) -> None:
    samples = [[60, 60, 12], [150, 30, 12], [120, 100, 12]]
    with fastbg.live(sky, samples=samples) as live:
        paint(live)
        named = [Path(word) for word in shlex.split(live.command) if Path(word).suffix]
        assert [each.suffix for each in named] == [".xisf", ".png", ".csv"]
        assert all(each.is_file() for each in named)
        asked(live, do="undo")
    assert not any(each.exists() for each in named)
    assert not list(folder.glob("*.*"))


def test_a_weight_and_a_sky_are_painted_at_the_beginning(sky: np.ndarray) -> None:
    weight, known = np.ones(SHAPE), np.zeros(SHAPE, bool)
    weight[32:88, 64:112] = 0
    known[:30, :40] = True
    with fastbg.live(sky, weight=weight, sky=known) as live:
        result = live.result()
    given = result.given
    assert not given.weight[40:80, 70:105].any()
    assert given.sky[4:26, 4:36].all()
    assert not given.sky[40:].any()
    again = fastbg.remove_background(
        sky, weight=given.weight, sky=given.sky, settings=given.settings
    )
    assert_same(result, again)
    assert fastbg.plot(result).tobytes() == fastbg.plot(again).tobytes()


def test_the_result_goes_through_samples(sky: np.ndarray) -> None:
    y, x = np.mgrid[10:120:25, 10:180:25]
    samples = np.stack([x.ravel(), y.ravel(), np.full(x.size, 5)], axis=1)
    with fastbg.live(sky, samples=samples) as live:
        given = live.result().given
        assert_same(live.result(), fastbg.remove_background(sky, samples=samples))
        assert len(given.samples) == x.size
        asked(live, do="samples", action="delete", sample=0)
        moved = live.result()
        assert len(moved.given.samples) == x.size - 1
        assert_same(moved, fastbg.remove_background(sky, samples=moved.given.samples))
        asked(live, do="set_samples", use=False)
        assert_same(live.result(), fastbg.remove_background(sky))


def test_it_ends_and_leaves_nothing(
    sky: np.ndarray, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    live = fastbg.live(sky)
    assert urlopen(live.address).status == 200
    assert repr(live) == f"Live({live.address!r})"
    paint(live)
    live.close()
    live.close()
    assert repr(live) == f"Live({live.address!r}, closed)"
    assert "closed" in live._repr_html_()
    assert own_threads() == []
    with pytest.raises(URLError):
        urlopen(live.address)
    with pytest.raises(fastbg.InputError, match="was closed"):
        live.result()
    assert [*folder.iterdir()] == []
    assert capfd.readouterr() == ("", "")


def test_only_this_computer_may_show_it_in_a_frame(sky: np.ndarray) -> None:
    with fastbg.live(sky) as live:
        policy = urlopen(live.address).headers["content-security-policy"]
    ancestors = policy.split("frame-ancestors")[1].split()
    assert ancestors == [
        "http://localhost:*",
        "http://127.0.0.1:*",
        "https://localhost:*",
        "https://127.0.0.1:*",
    ]


@pytest.mark.parametrize(
    ("image", "options", "words"),
    [
        ("lost.fits", {}, "lost.fits"),
        ("a.fits", {"sky": np.ones(SHAPE)}, "the sky must be a path"),
        ("a.fits", {"weight": np.ones(SHAPE)}, "give a mask"),
        (np.ones(SHAPE), {"mask": "a.png"}, "give a weight"),
        (np.ones((3, 4, 5, 6)), {}, "shape"),
        (np.ones(SHAPE), {"mod": "divide"}, "did you mean 'mode'"),
    ],
)
def test_errors_are_one_line(image: Any, options: Any, words: str) -> None:
    with pytest.raises(fastbg.FastbgError, match=words) as caught:
        fastbg.live(image, **options)
    assert "\n" not in str(caught.value)
    assert own_threads() == []


def test_without_the_extra_one_line_tells_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("server", "web"):
        monkeypatch.delitem(sys.modules, f"fastbg.live_page.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(fastbg.SettingsError, match=r"pip install 'fastbg\[live\]'"):
        fastbg.live(np.ones(SHAPE))


@pytest.fixture
def notebook() -> Iterator[Any]:
    """A function that serves a page, as a notebook's server does, and gives its address."""
    pages: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            html = f"<!doctype html><title>notebook</title><body>{pages[-1]}</body>"
            self.send_response(200 if self.path == "/" else 204)
            self.send_header("content-type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(html.encode() if self.path == "/" else b"")

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def serve(html: str) -> str:
        pages.append(html)
        return f"http://localhost:{server.server_port}/"

    yield serve
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_notebook_shows_the_page(sky: np.ndarray, browser: Any, notebook: Any) -> None:
    with fastbg.live(sky) as live:
        page = browser.new_page()
        for _ in range(2):  # a notebook that is loaded again finds it again
            page.goto(notebook(live._repr_html_()))
            frame = page.frame_locator("iframe")
            frame.locator("canvas").first.wait_for(state="visible")
            assert page.locator("iframe").bounding_box()["height"] == 800
        page.close()
        assert_same(live.result(), fastbg.remove_background(sky))


def test_a_page_of_another_site_may_not_show_it(sky: np.ndarray, browser: Any) -> None:
    with fastbg.live(sky) as live:
        page = browser.new_page()
        html = live._repr_html_()
        page.route("http://site.example/", lambda route: route.fulfill(body=html))
        page.goto("http://site.example/")
        page.wait_for_timeout(500)
        assert page.frame_locator("iframe").locator("canvas").count() == 0
        page.close()
