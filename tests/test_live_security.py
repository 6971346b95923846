"""Who may speak to the server of a live page, and how much of it."""

from __future__ import annotations

import http.client
import json
import socket
import time
from contextlib import ExitStack

import pytest
from live import PATIENCE, opened, origin_of, served, write_sky
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from fastbg.errors import OutputError
from fastbg.live_page.messages import LARGEST_MESSAGE
from fastbg.live_page.page_files import PAGE
from fastbg.live_page.pages import MOST_PAGES
from fastbg.live_page.server import Server
from fastbg.live_page.web import bound

NO_FILES = [
    "../server.py",
    "..%2fserver.py",
    "%2e%2e/server.py",
    "/etc/passwd",
    "//etc/passwd",
    "..\\server.py",
    "index.html/../../server.py",
    "style.css%00.py",
    "sky.fits",
]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("live")
    with served(write_sky(folder / "sky.fits"), output_dir=folder) as server:
        yield server


def asked(server: Server, path: str, method: str = "GET", **headers: str):
    """The answer to a request, as a program sends it that obeys no rules."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in ({"Host": f"127.0.0.1:{server.port}"} | headers).items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    answer.text = answer.read().decode("latin-1")
    connection.close()
    return answer


def test_the_server_listens_on_this_computer_alone(server):
    assert server._socket.getsockname()[0] == "127.0.0.1"
    assert len(server.token) >= 32
    with served(server.engine.path) as other:
        assert other.token != server.token


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", ""]
)
def test_another_host_is_refused(server, host):
    answer = asked(server, f"/{server.token}/", Host=host.format(port=server.port))
    assert answer.status == 421
    assert "its own address" in answer.text


def test_the_name_localhost_is_known(server):
    assert asked(server, f"/{server.token}/nothing", Host=f"localhost:{server.port}").status == 404


@pytest.mark.parametrize(
    "path",
    ["/", "", "/index.html", "/x/", "/{less}/", "/{token}x/", "//{token}/", "/../{token}/", "*"],
)
def test_a_wrong_token_is_refused(server, path):
    path = path.format(token=server.token, less=server.token[:-1])
    answer = asked(server, path or "/")
    assert answer.status in (400, 404)
    assert server.token not in answer.text


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1:{port}", "http://127.0.0.1:1"]
)
def test_pages_of_other_sites_are_refused(server, origin):
    origin = origin.format(port=server.port)
    assert asked(server, f"/{server.token}/", Origin=origin).status == 403
    with pytest.raises(InvalidStatus) as refusal, opened(server, origin=origin):
        pass
    assert refusal.value.response.status_code == 403


def test_a_socket_without_origin_or_token_is_refused(server):
    for address, origin in (
        (server.address.replace("http", "ws") + "socket", None),
        (f"ws://127.0.0.1:{server.port}/wrong/socket", origin_of(server)),
        (f"ws://127.0.0.1:{server.port}/socket", origin_of(server)),
    ):
        with pytest.raises(InvalidStatus), connect(address, origin=origin):
            pass


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(server, method):
    assert asked(server, f"/{server.token}/", method).status == 405


@pytest.mark.parametrize("name", NO_FILES)
def test_no_other_file_is_served(server, name):
    assert asked(server, f"/{server.token}/{name}").status == 404


def test_every_answer_has_the_headers_of_a_closed_page(server):
    paths = [
        f"/{server.token}/",
        f"/{server.token}/tile/0/0/0",
        f"/{server.token}/tile/9/9/9",
        "/wrong/",
    ]
    for path in paths:
        headers = {name.lower(): value for name, value in asked(server, path).getheaders()}
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert not [name for name in headers if name.startswith("access-control")]
        assert "server" not in headers


def test_a_frame_may_be_allowed(server):
    with served(server.engine.path, ancestors=["http://localhost:8888"]) as other:
        policy = asked(other, f"/{other.token}/").headers["content-security-policy"]
        assert "frame-ancestors http://localhost:8888" in policy


@pytest.mark.parametrize(
    "place", ["-1/0/0", "0/0/99", "0/99/0", "99/0/0", "0/0/1e9", "a/b/c", f"0/0/{10**30}"]
)
def test_a_tile_that_is_none_is_not_there(server, place):
    with opened(server) as page:
        page.get("original")
    assert asked(server, f"/{server.token}/tile/{place}").status == 404


def test_an_oversized_message_closes_its_page_alone(server):
    with opened(server) as page, opened(server) as other:
        other.fitted()
        page.socket.send("x" * (LARGEST_MESSAGE + 1))
        with pytest.raises(ConnectionClosed):
            page.until(lambda name, _: False)
        assert other.ask("undo")["tell"] == "done"


def test_many_pages_are_refused_in_words_and_the_first_go_on(server):
    answered, refused = 0, 0
    with ExitStack() as stack:
        pages = [stack.enter_context(opened(server)) for _ in range(100)]
        for page in pages:
            name, told = page.read()
            if name == "ended":
                refused += 1
                assert "open already: close one" in told["message"]
                with pytest.raises(ConnectionClosed):
                    page.read()
            else:
                answered += page.ask("undo")["tell"] == "done"
    assert answered == MOST_PAGES
    assert refused == 100 - MOST_PAGES


def test_a_page_that_never_reads_keeps_nobody_waiting(server):
    silent = socket.create_connection(("127.0.0.1", server.port))
    silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    # By hand, since a client reads what comes.
    lines = [
        f"GET /{server.token}/socket HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        f"Origin: {origin_of(server)}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Version: 13",
    ]
    silent.sendall("\r\n".join([*lines, "", ""]).encode())
    try:
        with opened(server) as page:
            page.fitted()
            pages = server._pages.open
            assert len(pages) == 2
            began = time.monotonic()
            for number in range(60):
                points = [[number, 10], [number + 5, 60]]
                page.ask("shape", layer="not_sky", shape="rectangle", points=points)
            assert time.monotonic() - began < PATIENCE
            # It is kept the newest of each message alone.
            assert max(len(each._newest) for each in pages) <= 16
            for _ in range(60):
                page.ask("undo")
    finally:
        silent.close()


def test_a_page_that_asks_and_never_reads_is_not_listened_to(server):
    with opened(server) as page:
        page.fitted()
        for number in range(2000):
            page.socket.send(json.dumps({"do": "undo", "id": number}))
        told = page.until(lambda name, own: isinstance(own, dict) and own.get("id") == 1999)
        assert told["tell"] == "done"


def test_a_port_that_is_taken_is_told(server):
    with pytest.raises(OutputError, match=f"port {server.port} of this computer cannot be taken"):
        Server(server.engine.path, port=server.port)
    with pytest.raises(OutputError, match="cannot be taken"):
        Server(server.engine.path, port=70_000)


def test_the_page_is_served_with_the_types_that_browsers_need(server):
    names = [file.relative_to(PAGE).as_posix() for file in PAGE.rglob("*.js")]
    for name in names[:3]:
        answer = asked(server, f"/{server.token}/{name}")
        assert answer.status == 200
        assert answer.headers["content-type"].startswith("text/javascript")


def test_the_page_names_all_of_its_modules(server):
    """A browser would otherwise find them one after another, each in the one before."""
    text = asked(server, f"/{server.token}/").text
    for path in PAGE.rglob("*.js"):
        name = path.relative_to(PAGE).as_posix()
        assert f'<link rel="modulepreload" href="{name}">' in text
        assert asked(server, f"/{server.token}/{name}").status == 200


def test_answers_do_not_wait_for_acknowledgements():
    """asyncio switches Nagle's algorithm off only where the protocol is named."""
    with bound(0) as own:
        assert own.proto == socket.IPPROTO_TCP
