"""The server of the page: a socket of this computer, one session, and the pages that are open."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from ..errors import FastbgError
from ..jobs.arguments import GivenSamples, Masks
from ..jobs.outputs import Outputs
from ..settings.settings import Settings
from .engine import Engine, Outcome
from .guard import Guard, new_token
from .messages import id_of, parsed
from .page_files import page_files
from .pages import MOST_PAGES, Page, Pages, text_of
from .saving import Saving
from .session import Session, unexpected
from .web import Web, bound

TRY_AGAIN_LATER = 1013

GOODBYE = 2.0
"""Seconds for a page to be loaded again before the server ends."""

LOOK_SECONDS = 2.0
"""The time between two looks at the file of the image."""


class Server:
    """A session and its server.

    Parameters
    ----------
    path : Path
        The image.
    settings : Settings, optional
    output_dir : Path, optional
        The folder of what is saved; that of the image by default.
    mask, sky, samples : paths, optional
        What a job would be given; it is painted, or placed, at the beginning.
    result : Path, optional
        Where a program waits for the corrected image; the server ends when it is there.
    port : int, optional
        0 takes a free one.
    stay : float, optional
        Seconds after the last page was closed, after which the server ends.
    helps : mapping of str to str, optional
        A line about each setting, which the page shows.
    ancestors : sequence of str, optional
        Origins that may show the page in a frame.

    Attributes
    ----------
    engine : Engine
    session : Session
    sent_back : bool
        Whether the result is where it was waited for.

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
        output_dir: Path | None = None,
        mask: Masks = None,
        sky: Masks = None,
        samples: GivenSamples = None,
        result: Path | None = None,
        port: int = 0,
        stay: float = 60.0,
        helps: Mapping[str, str] | None = None,
        ancestors: Sequence[str] = (),
    ) -> None:
        settings, folder = settings or Settings(), output_dir or path.parent
        if result:
            Outputs({"corrected": result}, overwrite=True).check([path])
        self._stay, self.sent_back = stay, False
        self._ending: asyncio.TimerHandle | None = None
        self._about = {"host": result is not None, "folder": str(folder)}
        self._helps = helps or {}
        self._files = page_files()
        self._pages = Pages()
        with ExitStack() as opened:
            self._socket = opened.enter_context(bound(port))
            self.token, self.port = new_token(), self._socket.getsockname()[1]
            self.engine = opened.enter_context(closing(Engine(path, settings, mask, sky, samples)))
            self.session = Session(self.engine, settings, self._pages, folder)
            self._opened = opened.pop_all()
        self._saving = Saving(self.session, folder, result, self._is_sent)
        self._actions = {**self.session.actions, **self._saving.actions, "leave": self._leave}
        self._pool = ThreadPoolExecutor(1, "fastbg-session")
        self._tile_pool = ThreadPoolExecutor(1, "fastbg-tiles")
        application = Starlette(
            routes=[
                WebSocketRoute("/socket", self._socket_opened),
                Route("/tile/{level:int}/{row:int}/{column:int}", self._tile),
                Route("/{name:path}", self._file),
            ]
        )
        guard = Guard(application, self.token, self.port, ancestors)
        self._server = Web(guard, self._pages)

    @property
    def address(self) -> str:
        """The address of the page, with its token."""
        return f"http://127.0.0.1:{self.port}/{self.token}/"

    @property
    def settings(self) -> Settings:
        """The present settings."""
        return self.session.settings

    @property
    def command(self) -> str:
        """The command line that repeats the present result."""
        return self._saving.command()

    def outcome(self) -> Outcome:
        """The fit of the present document, on the thread of the caller.

        Raises
        ------
        FastbgError
            If it cannot be fitted.
        """
        return self.engine.fit(self.session.document, self.session.painted)

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
            self._saving.close()
            self.session.close()
            self._pool.shutdown(cancel_futures=True)
            self._tile_pool.shutdown(cancel_futures=True)
            self._opened.close()

    def _is_sent(self) -> None:
        self.sent_back = True
        self._pages.soon(self._end_after, GOODBYE)

    def _leave(self, message: Mapping[str, Any], page: Page) -> None:
        """End soon after the last page, which says that it is closed on purpose."""
        page.leaves = True

    def stop(self) -> None:
        """End the server soon; may be called on any thread."""
        self._server.should_exit = True

    async def _serve(self, ready: Callable[[str], None]) -> None:
        loop = asyncio.get_running_loop()
        self._pages.run_on(loop)
        self._pool.submit(self._begin)
        looking = asyncio.create_task(self._look())
        loop.call_soon(ready, self.address)
        try:
            await self._server.serve(sockets=[self._socket])
        finally:
            looking.cancel()

    def _begin(self) -> None:
        try:
            self.session.begin(self._about, self._helps)
        except FastbgError as error:
            self.session.tell_problem(str(error), self.session.revision)
        except Exception as error:
            self.session.tell_problem(unexpected(error), self.session.revision)

    async def _look(self) -> None:
        """Tell the pages when the file of the image was changed or removed, or was put back."""
        known = ""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            message = ""
            try:
                await asyncio.to_thread(self.engine.check_unchanged)
            except FastbgError as error:
                message = str(error)
            if message != known:
                known, told = message, {"tell": "changed_file", "message": message}
                self._pages.publish("changed_file", text_of(told))

    async def _file(self, request: Request) -> Response:
        file = self._files.get(request.path_params["name"])
        if file is None:
            return PlainTextResponse("the page has no such file\n", 404)
        if self._ending and not self.sent_back:
            # A page that is loaded again has left, and has no socket yet.
            self._end_after(self._stay)
        content, kind = file
        return Response(content, media_type=kind, headers={"cache-control": "no-cache"})

    async def _tile(self, request: Request) -> Response:
        tiles = self.session.tiles
        if tiles is None:
            return PlainTextResponse("the image is still being read\n", 503)
        place = (request.path_params[name] for name in ("level", "row", "column"))
        loop = asyncio.get_running_loop()
        try:
            tile = await loop.run_in_executor(self._tile_pool, tiles.tile, *place)
        except FastbgError as error:
            return PlainTextResponse(f"{error}\n", 409)
        if tile is None:
            return PlainTextResponse("the image has no such tile\n", 404)
        headers = {"cache-control": "private, max-age=31536000, immutable"}
        return Response(tile, media_type="application/octet-stream", headers=headers)

    async def _socket_opened(self, websocket: WebSocket) -> None:
        await websocket.accept()
        if len(self._pages.open) >= MOST_PAGES:
            line = f"{MOST_PAGES} pages of this session are open already: close one of them first"
            await websocket.send_text(text_of({"tell": "ended", "message": line}))
            await websocket.close(TRY_AGAIN_LATER)
            return
        page = Page(websocket)
        self._pages.add(page)
        self._let_stay()
        sending = asyncio.create_task(_sent(page))
        try:
            await self._listen(page)
        except WebSocketDisconnect:
            pass
        finally:
            sending.cancel()
            self._pages.remove(page)
            self._pool.submit(self.session.forget, page)
            if not self._pages.open:
                leaves = page.leaves and not self.session.unsaved and math.isfinite(self._stay)
                self._end_after(GOODBYE if leaves or self.sent_back else self._stay)

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
            message = parsed(text)
            answer = self._actions[message["do"]](message, page)
        except FastbgError as error:
            answer = {"tell": "problem", "message": str(error)}
        except Exception as error:
            answer = {"tell": "problem", "message": unexpected(error)}
        if answer == {}:  # a job, which answers when it ends
            return None
        return {**(answer or {"tell": "done"}), "id": number}

    def _end_after(self, seconds: float) -> None:
        self._let_stay()
        if math.isfinite(seconds):
            self._ending = asyncio.get_running_loop().call_later(seconds, self._end, seconds)

    def _end(self, seconds: float) -> None:
        """End, unless a job is being saved."""
        if self._saving.busy:
            self._end_after(seconds)
        else:
            self.stop()

    def _let_stay(self) -> None:
        if self._ending:
            self._ending.cancel()
            self._ending = None


async def _sent(page: Page) -> None:
    """Tell a page what there is until it is gone; how it went is no concern of the others."""
    with suppress(Exception):
        await page.send()
