"""The open pages of a session, and what each of them is still to be told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from starlette.websockets import WebSocket

Message = str | bytes

MOST_PAGES = 8
"""Pages that may be open at the same time; they share one session."""

MOST_UNREAD = 64
"""Answers that wait for a page before its next message is looked at."""


def text_of(message: Mapping[str, Any]) -> str:
    """A message as JSON; numbers that are not finite are null."""
    try:
        return json.dumps(message, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(message), allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    if isinstance(value, Mapping):
        return {name: _finite(each) for name, each in value.items()}
    return [_finite(each) for each in value] if isinstance(value, list | tuple) else value


class Page:
    """One open page. It gets only the newest message of each name, however slowly it reads.

    Attributes
    ----------
    socket : WebSocket
    leaves : bool
        Whether it said that it is closed on purpose.
    """

    def __init__(self, socket: WebSocket) -> None:
        self.socket = socket
        self.leaves = False
        self._newest: dict[str, Message] = {}
        self._changed = asyncio.Event()

    def put(self, name: str, message: Message) -> None:
        """Let the page be told, instead of what it has not yet been told under this name."""
        self._newest.pop(name, None)
        self._newest[name] = message
        self._changed.set()

    async def send(self) -> None:
        """Tell the page whatever there is, until it is closed."""
        while True:
            while not self._newest:
                self._changed.clear()
                await self._changed.wait()
            message = self._newest.pop(next(iter(self._newest)))
            if isinstance(message, bytes):
                await self.socket.send_bytes(message)
            else:
                await self.socket.send_text(message)

    async def has_room(self) -> None:
        """Wait until the page has read most of what it was told."""
        while len(self._newest) > MOST_UNREAD:
            await asyncio.sleep(0.05)


class Pages:
    """All open pages, and what a new one is told first. `publish` may be called on any thread."""

    def __init__(self) -> None:
        self.open: list[Page] = []
        self._kept: dict[str, Message] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def run_on(self, loop: asyncio.AbstractEventLoop) -> None:
        """The event loop of the server, on which pages are told."""
        self._loop = loop

    def add(self, page: Page) -> None:
        """Tell a new page what there is. Only on the event loop, as `remove`."""
        for name, message in self._kept.items():
            page.put(name, message)
        self.open.append(page)

    def remove(self, page: Page) -> None:
        """Forget a page that was closed."""
        self.open.remove(page)

    def publish(self, name: str, message: Message | None, *, keep: bool = True) -> None:
        """Tell all pages.

        Parameters
        ----------
        name : str
            What the message is; a page that reads slowly gets only the newest of each name.
        message : str, bytes or None
            None forgets what was kept.
        keep : bool, optional
            Whether pages that are opened later are told, too.
        """
        self.soon(self._publish, name, message, keep)

    def answer(self, page: Page, message: Mapping[str, Any]) -> None:
        """Answer one page, on any thread."""
        self.tell(page, f"{message['tell']} {message.get('id')}", message)

    def tell(self, page: Page, name: str, message: Mapping[str, Any]) -> None:
        """Tell one page something that replaces what it has not yet been told under that name."""
        self.soon(page.put, name, text_of(message))

    def soon(self, function: Any, *arguments: Any) -> None:
        """Call a function on the event loop; before it runs, at once."""
        if self._loop is None:
            function(*arguments)
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *arguments)

    def _publish(self, name: str, message: Message | None, keep: bool) -> None:
        if message is None:
            self._kept.pop(name, None)
            return
        if keep:
            self._kept[name] = message
        for page in self.open:
            page.put(name, message)
