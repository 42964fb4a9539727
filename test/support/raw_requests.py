"""Requests to a process as they are on the wire."""

from __future__ import annotations

import contextlib
import socket

LIMIT_S = 60.0


def send_raw(port: int, content: bytes) -> tuple[int, str]:
    """Send bytes to a port of loopback; return the status of the answer (0 without one), and its text."""
    answer = b""
    with contextlib.suppress(ConnectionError), socket.create_connection(("127.0.0.1", port), LIMIT_S) as one:
        with contextlib.suppress(ConnectionError):
            one.sendall(content)
        while part := one.recv(65536):
            answer += part
    text = answer.decode(errors="replace")
    return int(text.split(" ", 2)[1]) if text.startswith("HTTP/") else 0, text


def request(head: str, *headers: str, body: bytes = b"", length: int | None = None) -> bytes:
    """Return a request that ends its connection.

    Args:
        head: The method and the path.
        *headers: Header lines.
        body: The body.
        length: Its length in the header; None sends the real one if there is a body.
    """
    lines = [f"{head} HTTP/1.1", *headers, "Connection: close"]
    if body or length is not None:
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join([*lines, "", ""]).encode() + body
