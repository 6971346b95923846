#!/usr/bin/env bash
# A web server that is given a socket answers each request 40 ms late, unless the socket was made with
# the protocol named.
#
# Seen with CPython 3.11.7 and uvicorn 0.54.0 on Linux. Since Python 3.6, asyncio switches Nagle's algorithm
# off for its TCP connections. It does so only where `socket.proto` is IPPROTO_TCP. `socket.socket(AF_INET,
# SOCK_STREAM)` is a TCP socket, too, but its `proto` is 0, and connections that it accepts inherit that:
# they keep Nagle's algorithm. An answer whose header and body are written one after the other then waits
# for the acknowledgement of the header, which Linux delays by 40 ms on a connection that is kept alive.
# A page of many modules loads by seconds later. Sockets that `loop.create_server(host, port)` makes are
# not concerned, since `getaddrinfo` names the protocol; those that `uvicorn.Config.bind_socket` makes, which
# uvicorn does itself for `--workers` and `--reload`, are.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check uvicorn==0.54.0
cat > "$folder/seen.py" <<'PYTHON'
import asyncio, http.client, socket, sys, threading, time

import uvicorn


async def answer(scope, receive, send):
    """A header, and then a body."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def milliseconds(listening: socket.socket) -> float:
    """The median time of a request on one connection."""
    config = uvicorn.Config(answer, lifespan="off", log_level="critical", loop="asyncio", http="h11")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    connection = http.client.HTTPConnection(*listening.getsockname())
    times = []
    for _ in range(15):
        begun = time.perf_counter()
        connection.request("GET", "/")
        connection.getresponse().read()
        times.append(1000 * (time.perf_counter() - begun))
    connection.close()
    server.should_exit = True
    thread.join()
    return sorted(times)[len(times) // 2]


def bound(*protocol: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, *protocol)
    made.bind(("127.0.0.1", 0))
    return made


config = uvicorn.Config(answer, host="127.0.0.1", port=0, log_level="critical")
of_uvicorn = config.bind_socket()
unnamed, named = bound(), bound(socket.IPPROTO_TCP)
print("Python", sys.version.split()[0], "uvicorn", uvicorn.__version__)
print("protocol of a socket without a name:", unnamed.proto, "- with one:", named.proto)
print("protocol of the socket that uvicorn binds itself:", of_uvicorn.proto)
slow, fast, own = milliseconds(unnamed), milliseconds(named), milliseconds(of_uvicorn)
print(f"a request takes {slow:.1f} ms, {fast:.1f} ms and {own:.1f} ms")
assert (unnamed.proto, of_uvicorn.proto, named.proto) == (0, 0, socket.IPPROTO_TCP)
assert slow > 30 and own > 30 and fast < 20, "this has changed"
PYTHON
"$folder/venv/bin/python" "$folder/seen.py"
