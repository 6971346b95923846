"""A live page under test: its server on a thread, and a client that speaks as a page does."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from fastbg.simulate import simulate_sky

pytest.importorskip("starlette", reason="pip install 'fastbg[live]'")
pytest.importorskip("uvicorn", reason="pip install 'fastbg[live]'")
pytest.importorskip("websockets", reason="pip install 'fastbg[live]'")

from websockets.sync.client import ClientConnection, connect

from fastbg.live_page.server import Server

PATIENCE = 30.0
"""Seconds to wait for an answer on a busy machine."""

TYPES = {"half": "<f2", "byte": "u1", "label": "<u2"}


def write_sky(path: Path, shape: tuple[int, int] = (240, 320), channels: int = 3) -> Path:
    """Write a simulated image as FITS."""
    fits.writeto(path, _planes(shape, channels))
    return path


@cache
def _planes(shape: tuple[int, int], channels: int) -> np.ndarray:
    scene = simulate_sky(shape, np.random.default_rng(1), channels)
    return np.moveaxis(scene.image, 2, 0).astype(np.float32)


@contextmanager
def served(path: Path, **options: Any) -> Iterator[Server]:
    """A server of a live page on a thread."""
    server = Server(path, **options)
    ready, ended = threading.Event(), []

    def run() -> None:
        try:
            server.run(lambda address: ready.set())
        except BaseException as error:
            ended.append(error)
            ready.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(PATIENCE)
        yield server
    finally:
        server.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive()
        assert not ended


class Picture:
    """A picture as the page gets it."""

    def __init__(self, message: bytes) -> None:
        begin = 4 + int.from_bytes(message[:4], "little")
        self.header = json.loads(message[4:begin])
        assert begin % 4 == 0
        shape = [self.header[name] for name in ("channels", "height", "width")]
        planes = np.frombuffer(message, TYPES[self.header["type"]], offset=begin)
        self.planes = planes.reshape(shape)

    def linear(self) -> np.ndarray:
        """(K, h, w), float64."""
        offset, scale = (np.array(self.header[n])[:, None, None] for n in ("offset", "scale"))
        return offset + scale * self.planes.astype(np.float64)


class Client:
    """One page: what it was told last, by name; pictures have their own names."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket, self.told = socket, {}
        self._number = 0

    def until(self, done: Callable[[str, Any], bool]) -> Any:
        """Read until a message is what is waited for, and return it."""
        while True:
            name, content = self.read()
            if done(name, content):
                return content

    def read(self) -> tuple[str, Any]:
        """The next message and its name."""
        message = self.socket.recv(PATIENCE)
        if isinstance(message, bytes):
            picture = Picture(message)
            name, content = picture.header["picture"], picture
        else:
            content = json.loads(message)
            name = content["tell"]
        self.told[name] = content
        return name, content

    def get(self, name: str) -> Any:
        """What was told under a name, waited for if need be."""
        return self.told.get(name) or self.until(lambda own, _: own == name)

    def ask(self, do: str, **fields: Any) -> dict[str, Any]:
        """Ask for something, and return the answer to it."""
        self._number += 1
        number = self._number
        self.socket.send(json.dumps({"do": do, "id": number, **fields}))
        return self.until(lambda name, own: isinstance(own, dict) and own.get("id") == number)

    def fitted(self) -> dict[str, Any]:
        """The fit of the present state."""
        revision = self.get("state")["revision"]
        if self.told.get("fitted", {}).get("revision") == revision:
            return self.told["fitted"]

        def done(name: str, content: Any) -> bool:
            assert name != "problem" or content["id"] is not None, content
            return name == "fitted" and content["revision"] == self.told["state"]["revision"]

        return self.until(done)

    def edit(self, do: str, **fields: Any) -> dict[str, Any]:
        """Ask for an edit, and return the state after it."""
        before = self.get("state")["revision"]
        answer = self.ask(do, **fields)
        assert answer["tell"] == "done", answer
        if self.told["state"]["revision"] == before:
            self.until(lambda name, own: name == "state" and own["revision"] > before)
        return self.told["state"]


def origin_of(server: Server) -> str:
    return f"http://127.0.0.1:{server.port}"


@contextmanager
def opened(server: Server, **options: Any) -> Iterator[Client]:
    """A page of a server."""
    address = server.address.replace("http:", "ws:") + "socket"
    settings = {"origin": origin_of(server), "max_size": None, "compression": None, **options}
    with connect(address, **settings) as socket:
        yield Client(socket)
