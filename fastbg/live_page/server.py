"""The server of the page: a socket of this computer, one session, and the pages that are open."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from ..errors import FastbgError, OutputError
from ..settings.settings import Settings
from .engine import Engine
from .guard import Guard, new_token
from .messages import LARGEST_MESSAGE, id_of, parsed
from .pages import MOST_PAGES, Page, Pages
from .session import Session

PAGE = Path(__file__).parent / "page"
"""The files of the page."""

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""The files of the page that are served, by their suffixes."""

TRY_AGAIN_LATER = 1013


class Server:
    """A session and its server.

    Parameters
    ----------
    path : Path
        The image.
    settings : Settings, optional
    port : int, optional
        0 takes a free one.
    stay : float, optional
        Seconds after the last page was closed, after which the server ends.
    helps : mapping of str to str, optional
        A line about each setting, for the page.
    ancestors : sequence of str, optional
        Origins that may show the page in a frame.

    Raises
    ------
    InputError, SettingsError, OutputError
        If the image cannot be used, or the port not be taken.
    """

    def __init__(
        self,
        path: Path,
        settings: Settings | None = None,
        *,
        port: int = 0,
        stay: float = 60.0,
        helps: Mapping[str, str] | None = None,
        ancestors: Sequence[str] = (),
    ) -> None:
        settings = settings or Settings()
        self._socket = _bound(port)
        self.token, self.port = new_token(), self._socket.getsockname()[1]
        self._stay = stay
        self._ending: asyncio.TimerHandle | None = None
        self._engine = Engine(path, settings)
        self._pages = Pages()
        self._session = Session(self._engine, settings, self._pages, helps or {})
        self._files = {
            file.relative_to(PAGE).as_posix(): file
            for file in PAGE.rglob("*")
            if file.suffix in TYPES
        }
        self._pool = ThreadPoolExecutor(1, "fastbg-session")
        self._tile_pool = ThreadPoolExecutor(1, "fastbg-tiles")
        application = Starlette(
            routes=[
                WebSocketRoute("/socket", self._socket_opened),
                Route("/tile/{level:int}/{row:int}/{column:int}", self._tile),
                Route("/{name:path}", self._file),
            ]
        )
        config = uvicorn.Config(
            Guard(application, self.token, self.port, ancestors),
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            ws="websockets-sansio",
            ws_max_size=LARGEST_MESSAGE,
            ws_per_message_deflate=False,
            ws_ping_interval=20.0,
            ws_ping_timeout=20.0,
            timeout_graceful_shutdown=2,
            limit_concurrency=128,
        )
        self._server = uvicorn.Server(config)

    @property
    def address(self) -> str:
        """The address of the page, with its token."""
        return f"http://127.0.0.1:{self.port}/{self.token}/"

    def run(self, ready: Callable[[str], None] = lambda address: None) -> None:
        """Serve until the page has been closed for a while, or a signal comes.

        Parameters
        ----------
        ready : callable, optional
            Called with the address once it is answered.
        """
        try:
            asyncio.run(self._serve(ready))
        finally:
            self._session.close()
            self._pool.shutdown(cancel_futures=True)
            self._tile_pool.shutdown(cancel_futures=True)
            self._engine.close()
            self._socket.close()

    def stop(self) -> None:
        """End the server soon; may be called on any thread."""
        self._server.should_exit = True

    async def _serve(self, ready: Callable[[str], None]) -> None:
        loop = asyncio.get_running_loop()
        self._pages.run_on(loop)
        loop.run_in_executor(self._pool, self._session.begin)
        loop.call_soon(ready, self.address)
        await self._server.serve(sockets=[self._socket])

    async def _file(self, request: Request) -> Response:
        file = self._files.get(request.path_params["name"] or "index.html")
        if file is None:
            return PlainTextResponse("the page has no such file\n", 404)
        headers = {"cache-control": "no-cache"}
        return FileResponse(file, media_type=TYPES[file.suffix], headers=headers)

    async def _tile(self, request: Request) -> Response:
        tiles = self._session.tiles
        if tiles is None:
            return PlainTextResponse("the image is still being read\n", 503)
        place = (request.path_params[name] for name in ("level", "row", "column"))
        loop = asyncio.get_running_loop()
        tile = await loop.run_in_executor(self._tile_pool, tiles.tile, *place)
        if tile is None:
            return PlainTextResponse("the image has no such tile\n", 404)
        headers = {"cache-control": "private, max-age=31536000, immutable"}
        return Response(tile, media_type="application/octet-stream", headers=headers)

    async def _socket_opened(self, websocket: WebSocket) -> None:
        if len(self._pages.open) >= MOST_PAGES:
            await websocket.close(TRY_AGAIN_LATER, f"{MOST_PAGES} pages are open already")
            return
        await websocket.accept()
        page = Page(websocket)
        self._pages.add(page)
        self._let_stay()
        sending = asyncio.create_task(page.send())
        try:
            await self._listen(page)
        except WebSocketDisconnect:
            pass
        finally:
            sending.cancel()
            self._pages.remove(page)
            self._pool.submit(self._session.forget, page)
            if not self._pages.open:
                self._end_after(self._stay)

    async def _listen(self, page: Page) -> None:
        loop = asyncio.get_running_loop()
        while True:
            event = await page.socket.receive()
            if event["type"] != "websocket.receive":
                raise WebSocketDisconnect
            text = event.get("text") or ""
            await page.has_room()
            answer = await loop.run_in_executor(self._pool, self._answered, text, page)
            if answer:
                self._pages.answer(page, answer)

    def _answered(self, text: str, page: Page) -> dict[str, Any] | None:
        """The answer to a message, on the thread of the session."""
        number = id_of(text)
        try:
            answer = self._session.handle(parsed(text), page)
        except FastbgError as error:
            answer = {"tell": "problem", "message": str(error)}
        except Exception as error:
            line = f"unexpected {type(error).__name__} ({error}): please report it"
            answer = {"tell": "problem", "message": line}
        return {**answer, "id": number} if answer else None

    def _end_after(self, seconds: float) -> None:
        self._let_stay()
        self._ending = asyncio.get_running_loop().call_later(seconds, self.stop)

    def _let_stay(self) -> None:
        if self._ending:
            self._ending.cancel()
            self._ending = None


def _bound(port: int) -> socket.socket:
    """A socket on this computer alone."""
    own = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        own.bind(("127.0.0.1", port))
    except (OSError, OverflowError) as error:
        own.close()
        raise OutputError(
            f"port {port} of this computer cannot be taken ({error}): choose another, or leave it "
            "out for a free one"
        ) from error
    return own
