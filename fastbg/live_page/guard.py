"""Who may speak to the server: pages of its own address that know its token, and nobody else."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

LEAST_TOKEN = 24
"""Random bytes of a token: more than can be guessed."""

POLICY_VIOLATION = 1008
"""The code with which a socket is refused; before it is open, an answer 403."""


def new_token() -> str:
    """A token that nobody can guess, as a part of an address."""
    return secrets.token_urlsafe(LEAST_TOKEN)


class Guard:
    """An application in front of another one, which it is asked for only by its own pages.

    The Host of every request and the Origin of every socket must be the address of the server:
    pages of other sites, and names that are made to lead to this computer, are refused. The first
    part of the path must be the token, which is compared in constant time and taken away.

    Parameters
    ----------
    application : ASGI application
    token : str
    port : int
    ancestors : sequence of str, optional
        The origins whose pages may show this one in a frame; none by default.
    """

    def __init__(
        self, application: Application, token: str, port: int, ancestors: Sequence[str] = ()
    ) -> None:
        self._application, self._token = application, token
        self._hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost")}
        self._origins = {f"http://{host}" for host in self._hosts}
        framed = " ".join(ancestors) or "'none'"
        policy = (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
            "connect-src 'self'; base-uri 'none'; form-action 'none'; "
            f"frame-ancestors {framed}"
        )
        self._headers = [
            (b"content-security-policy", policy.encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
            (b"cross-origin-resource-policy", b"same-origin"),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._application(scope, receive, send)
            return
        status, why = self._refusal(scope)
        if status and scope["type"] == "websocket":
            await receive()  # the request to open it
            await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": why})
        elif status:
            await self._refuse(status, why, send)
        else:
            path = scope["path"][1 + len(self._token) :]
            inner = {**scope, "path": path, "raw_path": path.encode()}
            await self._application(inner, receive, self._with_headers(send))

    def _refusal(self, scope: Scope) -> tuple[int, str]:
        """The status and the reason of a refusal, or 0."""
        given = [(name.lower(), value.decode("latin-1")) for name, value in scope["headers"]]
        hosts = [value for name, value in given if name == b"host"]
        origins = [value for name, value in given if name == b"origin"]
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return 421, "this server answers only to its own address: open the one it printed"
        # Browsers leave the origin out of plain requests for the page itself, never of a socket.
        lacks_origin = scope["type"] == "websocket" and not origins
        if lacks_origin or not set(origins) <= self._origins:
            return 403, "pages of other sites may not use this server"
        first = scope["path"].split("/", 2)[1:2]
        if not first or not secrets.compare_digest(first[0].encode(), self._token.encode()):
            return 404, "nothing is here: open the address that fastbg live printed"
        if scope["type"] == "http" and scope["method"] not in ("GET", "HEAD"):
            return 405, "this server answers GET only"
        return 0, ""

    async def _refuse(self, status: int, why: str, send: Send) -> None:
        body = f"{why}\n".encode()
        headers = [(b"content-type", b"text/plain; charset=utf-8"), *self._headers]
        headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _with_headers(self, send: Send) -> Send:
        async def sent(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *self._headers]}
            await send(message)

        return sent
