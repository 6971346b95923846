"""The live page in a browser, with its server on a thread of the test."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SHAPE = (480, 640)
"""Rows and columns of the image that most tests look at; a cell of its fit has 4 x 4 pixels."""

LONGEST = 30.0
"""Seconds that a condition is waited for."""

STORE = "import('./app.js').then(module => module.app.store.get())"
TO_SCREEN = """([x, y]) => import('./app.js').then(({ app }) => {
  const box = app.viewport.stage.getBoundingClientRect();
  const [left, top] = app.viewport.toScreen(x, y);
  return [box.left + left, box.top + top];
})"""


@cache
def sky_with_galaxy(shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """A gradient, noise, stars, and one object in the middle that is found as such."""
    height, width = shape
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    image = 0.1 + 0.03 * x / width + 0.02 * (y / height) ** 2 + rng.normal(0, 1e-3, shape)
    image += 0.05 * np.exp(-(((x - 0.5 * width) / 40) ** 2 + ((y - 0.5 * height) / 25) ** 2))
    for _ in range(60):
        cx, cy, light = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0.02, 0.5)
        image += light * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 3)
    return image.astype(np.float32)


class Looked:
    """An open page, and how a test uses it."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def store(self, name: str) -> Any:
        """A value of the page's store."""
        return self.page.evaluate(f"{STORE}.then(state => state.{name})")

    def wait(self, condition: str) -> None:
        """Wait until an expression about the store, ``state``, is true."""
        # `wait_for_function` takes the promise itself, which is true at once.
        end = time.monotonic() + LONGEST
        while not self.page.evaluate(f"{STORE}.then(state => Boolean({condition}))"):
            assert time.monotonic() < end, f"never: {condition}"
            self.page.wait_for_timeout(30)

    def screen(self, *points: tuple[float, float]) -> list[tuple[float, float]]:
        """Places of the browser's window where pixels of the image are seen."""
        return [tuple(self.page.evaluate(TO_SCREEN, list(point))) for point in points]

    def drag(self, *points: tuple[float, float], button: str = "left") -> None:
        """Drag the mouse along points of the image."""
        first, *rest = self.screen(*points)
        self.page.mouse.move(*first)
        self.page.mouse.down(button=button)
        for place in rest:
            self.page.mouse.move(*place, steps=5)
        self.page.mouse.up(button=button)

    def click(self, *points: tuple[float, float]) -> None:
        """Click points of the image, slowly enough for none to be a double click."""
        for place in self.screen(*points):
            self.page.mouse.click(*place)
            self.page.wait_for_timeout(450)

    def keys(self, *keys: str) -> None:
        """Press keys one after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    def on_image(self, key: str) -> None:
        """Take up a tool by its key, with the focus on the image."""
        self.page.locator("#stage").focus()
        self.page.keyboard.press(key)


class Live(Looked):
    """An open page, and the session behind it."""

    def __init__(self, server: Any, page: Any) -> None:
        super().__init__(page)
        self.server, self.session = server, server.session
        self.wait("state.fitted && state.state")
        self.page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done, 50)))")

    def settled(self) -> None:
        """Wait until the fit of the newest state is there."""
        self.wait("!state.fitting && state.fitted.revision === state.state.revision")

    def undoable(self, count: int) -> None:
        """Wait until so many steps can be taken back, and their fit is there."""
        self.wait(f"state.state.undo === {count}")
        self.settled()

    @property
    def cells(self) -> dict[str, np.ndarray]:
        """What is painted, by layer."""
        painted = self.session.painted
        return {"not_sky": painted.not_sky, "sky": painted.sky}


@cache
def _port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as own:
        return own.getsockname()[1]


@pytest.fixture
def one_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server has the address of the one before, and the browser keeps the files of the page.

    To load and compile them is two fifths of what it takes to open a page.
    """
    from starlette.responses import Response

    from fastbg.live_page import server, web

    def response(content: bytes, *, media_type: str, **_: Any) -> Response:
        kept = "no-store" if media_type == "application/octet-stream" else "max-age=86400"
        return Response(content, media_type=media_type, headers={"cache-control": kept})

    def bound(port: int) -> socket.socket:
        own = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            own.bind(("127.0.0.1", port or _port()))
            own.listen()
        except OSError:  # there is another server now
            own.close()
            return web.bound(port)
        return own

    monkeypatch.setattr(server, "Response", response)
    monkeypatch.setattr(server, "bound", bound)
    monkeypatch.setattr(server, "new_token", lambda: "t" * 22)


@pytest.fixture
def live(
    open_page: Callable[..., Any], one_address: None, tmp_path: Path
) -> Iterator[Callable[..., Live]]:
    """A function that serves an image, or the usual one, and opens its page."""
    from astropy.io import fits
    from live import served

    with ExitStack() as opened:

        def open_live(*, window: Any = None, **options: Any) -> Live:
            path = tmp_path / "sky.fits"
            if not path.exists():
                fits.writeto(path, sky_with_galaxy())
            server = opened.enter_context(served(path, **options))
            return Live(server, open_page(server.address, **(window or {})))

        yield open_live
