"""The web server under the page: a socket of this computer alone, and uvicorn on it."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import uvicorn

from ..errors import OutputError
from .messages import LARGEST_MESSAGE
from .pages import Pages, text_of

MOST_CONNECTIONS = 128
"""Connections and requests at a time; more are answered that the server is busy."""

PING_SECONDS = 20.0
"""A page is asked so often whether it is there, and closed if it does not answer as long."""

LAST_WORDS = 0.1
"""Seconds for pages to be told that the server ends."""


def bound(port: int) -> socket.socket:
    """A socket on this computer alone; port 0 takes a free one.

    Raises
    ------
    OutputError
        If the port cannot be taken.
    """
    # Only where the protocol is named, asyncio switches Nagle's algorithm off: it waits up to 40 ms
    # for an acknowledgement before the second part of an answer is sent.
    own = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        own.bind(("127.0.0.1", port))
    except (OSError, OverflowError) as error:
        own.close()
        raise OutputError(
            f"port {port} of this computer cannot be taken ({error}): choose another, or leave it "
            "out for a free one"
        ) from error
    return own


class Web(uvicorn.Server):
    """A web server that tells its pages that it ends.

    Parameters
    ----------
    application : ASGI application
    pages : Pages
    """

    def __init__(self, application: Any, pages: Pages) -> None:
        config = uvicorn.Config(
            application,
            lifespan="off",
            log_config=None,
            log_level="critical",  # whoever speaks nonsense to the port is not worth a line
            access_log=False,
            server_header=False,
            ws="websockets-sansio",
            ws_max_size=LARGEST_MESSAGE,
            ws_per_message_deflate=False,
            ws_ping_interval=PING_SECONDS,
            ws_ping_timeout=PING_SECONDS,
            timeout_graceful_shutdown=2,
            limit_concurrency=MOST_CONNECTIONS,
        )
        super().__init__(config)
        self._pages = pages

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End, after a last word to the pages."""
        ended = {"tell": "ended", "message": "fastbg live has ended: this page can be closed"}
        self._pages.publish("ended", text_of(ended), keep=False)
        await asyncio.sleep(LAST_WORDS)
        await super().shutdown(sockets)
