"""A server in the place of the live page's: it says what a test wants, and notes what it hears."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import fastbg

PAGE = Path(fastbg.__file__).parent / "live_page" / "page"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'"
)
KINDS = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}

SETTINGS = {
    "quantile": {"value": 0.95, "automatic": True, "minimum": 0, "maximum": 1},
    "threshold_min": {"value": 0.001, "automatic": True, "minimum": 0, "maximum": 1},
    "threshold_max": {"value": 1.0, "automatic": True, "minimum": 0, "maximum": 1},
}


def encoded(name: str, planes: np.ndarray, kind: str = "half", **header: Any) -> bytes:
    """A picture of the protocol from planes, (K, h, w), of halves, bytes or labels."""
    channels, height, width = planes.shape
    header = {
        **{"picture": name, "revision": 1, "width": width, "height": height, "channels": channels},
        **{"type": kind, "offset": [0.0] * channels, "scale": [1.0] * channels},
        **header,
    }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 4)
    return len(text).to_bytes(4, "little") + text + planes.tobytes()


def halves(linear: np.ndarray, offset: float, scale: float) -> tuple[np.ndarray, dict[str, Any]]:
    """Linear planes as half floats, and what the header says of them."""
    each = [1.0] * len(linear)
    header = {"offset": [offset * one for one in each], "scale": [scale * one for one in each]}
    return ((linear - offset) / scale).astype("<f2"), header


def statistics(linear: np.ndarray) -> dict[str, list[float]]:
    """Of planes, (K, h, w): what the server tells of the original."""
    flat = linear.reshape(len(linear), -1).astype(float)
    median = np.nanmedian(flat, axis=1)
    return {
        "median": median.tolist(),
        "mad": np.nanmedian(np.abs(flat - median[:, None]), axis=1).tolist(),
        "minimum": np.nanmin(flat, axis=1).tolist(),
        "maximum": np.nanmax(flat, axis=1).tolist(),
    }


def hello(shape: tuple[int, int, int], **image: Any) -> dict[str, Any]:
    """The greeting for an image of shape (K, H, W)."""
    channels, height, width = shape
    colours = ["R", "G", "B"] if channels == 3 else ["L"]
    facts = {"name": "sky.xisf", "width": width, "height": height, "channels": channels}
    return {
        "tell": "hello",
        "protocol": 1,
        "image": {**facts, "colours": colours, "white": 65535.0, "pattern": None, **image},
        "grid": {"width": width, "height": height, "binning": 1},
        "tiles": {"size": 256, "levels": 0, "pixel": 1},
        "settings": SETTINGS,
        "host": False,
        "folder": "sky",
        "recovered": None,
        "version": "0",
        "warnings": [],
    }


def fitted(level: list[float], **more: Any) -> dict[str, Any]:
    """What a fit tells."""
    return {
        **{"tell": "fitted", "revision": 1, "seconds": 0.1, "words": "98 % was taken out"},
        **{"numbers": {}, "level": level, "strength": 1.0, "mode": "subtract", "warnings": []},
        "flexibility": {"chosen": 0, "automatic": 0, "candidates": []},
        **more,
    }


class StandIn:
    """What is told to every page, in order, and what pages have asked for."""

    def __init__(self, *messages: Mapping[str, Any] | bytes) -> None:
        self.messages = list(messages)
        self.heard: list[dict[str, Any]] = []
        self.tiles_asked: list[str] = []
        self.tile: Callable[[int, int, int], bytes | None] = lambda *_: None
        self.answer: Callable[[dict[str, Any]], dict[str, Any]] = lambda _: {"tell": "done"}
        self.sockets: list[Any] = []
        self.address = ""
        self._loop: Any = None

    def drop(self) -> None:
        """Close all sockets, as a server does that goes away."""
        import asyncio

        for socket in list(self.sockets):
            asyncio.run_coroutine_threadsafe(socket.close(1012), self._loop).result(5)

    def tell(self, message: Mapping[str, Any] | bytes) -> None:
        """Tell the pages that are open now."""
        import asyncio

        for socket in self.sockets:
            asyncio.run_coroutine_threadsafe(_send(socket, message), self._loop).result(5)

    def wait_for(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first message heard that is wanted."""
        end = time.monotonic() + 10
        while time.monotonic() < end:
            if found := next(filter(wanted, list(self.heard)), None):
                return found
            time.sleep(0.02)
        raise AssertionError(f"not heard among {self.heard}")

    def app(self) -> Any:
        from starlette.applications import Starlette
        from starlette.responses import Response
        from starlette.routing import Route, WebSocketRoute

        def file(request: Any) -> Response:
            path = PAGE / (request.path_params["name"] or "index.html")
            headers = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff"}
            headers["Cache-Control"] = "max-age=86400"
            return Response(path.read_bytes(), 200, headers, KINDS[path.suffix])

        def tile(request: Any) -> Response:
            self.tiles_asked.append(request.url.path.partition("/tile/")[2])
            found = self.tile(*(request.path_params[name] for name in ("level", "row", "column")))
            return Response(found, 200 if found else 404, {"Cache-Control": "no-store"})

        async def socket(websocket: Any) -> None:
            import asyncio

            from starlette.websockets import WebSocketDisconnect

            self._loop = asyncio.get_running_loop()
            await websocket.accept()
            self.sockets.append(websocket)
            try:
                for message in self.messages:
                    await _send(websocket, message)
                while True:
                    message = await websocket.receive_json()
                    self.heard.append(message)
                    await _send(websocket, {"id": message.get("id"), **self.answer(message)})
            except (WebSocketDisconnect, RuntimeError):
                pass
            finally:
                self.sockets.remove(websocket)

        return Starlette(
            routes=[
                WebSocketRoute("/t/socket", socket),
                Route("/t/tile/{level:int}/{row:int}/{column:int}", tile),
                Route("/t/{name:path}", file),
            ]
        )


async def _send(socket: Any, message: Mapping[str, Any] | bytes) -> None:
    if isinstance(message, bytes):
        await socket.send_bytes(message)
    else:
        await socket.send_json(message)


_now: list[Any] = []
"""The application of the stand-in that serves at present."""


@cache
def _address() -> str:
    """Of a server of this process, whose pages need not be loaded and compiled each time."""
    import uvicorn

    async def now(scope: Any, receive: Any, send: Any) -> None:
        await _now[-1](scope, receive, send)

    config = uvicorn.Config(now, port=0, log_level="error", ws="websockets-sansio", lifespan="off")
    server = uvicorn.Server(config)
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.01)
    return f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/t/"


@contextmanager
def serving(stand_in: StandIn) -> Iterator[StandIn]:
    """Serve on this computer for as long as the context lasts."""
    stand_in.address = _address()
    _now.append(stand_in.app())
    yield stand_in
    _now.pop()
