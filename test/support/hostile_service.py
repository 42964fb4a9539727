"""A server whose answers are raw bytes, chosen by a test: malformed, endless, compressed or secret."""

from __future__ import annotations

import contextlib
import json
import socketserver
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

LISTEN = "127.0.0.1"


@dataclass
class Request:
    """A request: the method, the path with its query, the headers in lower case and the body."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def endpoint(self) -> str:
        """Return `METHOD /path` without the query."""
        return f"{self.method} {self.path.partition('?')[0]}"


@dataclass
class HostileService:
    """Answers each request with the parts that `answer` yields, then closes the connection.

    Attributes:
        answer: Returns the parts of the answer to a request.
        url: Address of the server, while it runs.
        requests: The requests so far.
        sent: Bytes sent so far.
    """

    answer: Callable[[Request], Iterable[bytes]]
    url: str = ""
    requests: list[Request] = field(default_factory=list)
    sent: int = 0

    @contextlib.contextmanager
    def running(self) -> Iterator[HostileService]:
        """Serve on a free port of 127.0.0.1, on threads."""
        service = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError):  # the client may close at any time
                    service._serve(self)

        with socketserver.ThreadingTCPServer((LISTEN, 0), Handler) as server:
            server.daemon_threads = True
            server.block_on_close = False
            self.url = f"http://{LISTEN}:{server.server_address[1]}"
            thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
            thread.start()
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()

    def count(self, endpoint: str) -> int:
        """Return the number of requests to `METHOD /path`."""
        return sum(request.endpoint == endpoint for request in self.requests)

    def _serve(self, handler: socketserver.StreamRequestHandler) -> None:
        first = handler.rfile.readline()
        if not first:  # a connection that was closed unused
            return
        method, path, _version = first.decode("latin-1").split()
        headers = {}
        while line := handler.rfile.readline().strip():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        body = handler.rfile.read(int(headers.get("content-length", "0")))
        request = Request(method, path, headers, body)
        self.requests.append(request)
        for part in self.answer(request):
            handler.wfile.write(part)
            self.sent += len(part)


def response(status: int, body: bytes = b"", *headers: str) -> bytes:
    """Return a complete response."""
    lines = [f"HTTP/1.1 {status} Status", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def json_response(status: int, body: Any, *headers: str) -> bytes:
    """Return a response with a JSON body; lone surrogates are escaped."""
    return response(status, json.dumps(body).encode(), "Content-Type: application/json", *headers)
