"""Addresses that a node must not name, and answers that are not forwarded, with real servers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from forwarding_console import SECRET
from hostile_service import Request, response

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:{victim}/secret",
        "http://localhost:{victim}/secret",
        "http://[::1]:{victim}/secret",
        "http://[::ffff:127.0.0.1]:{victim}/secret",
        "https://127.0.0.1:{victim}/secret",
        "http://127.0.0.1.nip.io:{victim}/secret",
        "http://0.0.0.0:{victim}/secret",
        "http://2130706433:{victim}/secret",
        "http://listed@127.0.0.1:{victim}/secret",
        "http://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/",
        "https://192.168.1.1/",
        "https://[fe80::1]/",
        "https://[64:ff9b::7f00:1]/",
        "file:///etc/passwd",
        "ftp://127.0.0.1:{victim}/",
        "javascript:alert(1)",
        "//127.0.0.1:{victim}/",
        "http://127.0.0.1:{victim}\r\nHost: a/",
    ],
)
async def test_a_node_cannot_name_private_addresses(start_console: Any, hostile: Any, address: str) -> None:
    """Any node can answer with any address; nothing connects to those of this machine or its network."""
    victim = hostile(lambda _: [response(200, b"private")])
    listed = hostile(lambda _: [response(200, b"file")])
    named = address.replace("{victim}", victim.url.rpartition(":")[2]) + f"?{SECRET}"
    console = await start_console([named], [listed.url])
    for kind in ("video", "thumbnail", "events"):
        status, message = await console.refused(kind)
        assert status in {403, 502}, message
        assert "private" not in message or "private address" in message
    assert victim.requests == []


@pytest.mark.parametrize("target", ["{victim}/secret", "http://169.254.169.254/", "file:///etc/passwd"])
async def test_a_server_cannot_redirect_to_private_addresses(
    start_console: Any, hostile: Any, target: str
) -> None:
    """The rule holds for each redirect."""
    victim = hostile(lambda _: [response(200, b"private")])
    location = target.replace("{victim}", victim.url)
    server = hostile(lambda _: [response(302, b"", f"Location: {location}?{SECRET}")])
    console = await start_console([f"{server.url}/?{SECRET}"], [server.url])
    status, _ = await console.refused()
    assert status in {403, 502}
    assert victim.requests == []


@pytest.mark.parametrize(
    ("headers", "kind", "reason"),
    [
        ("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n", "video", "a text instead"),
        ("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n", "video", "compressed"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999\r\n", "video", "longer than"),
        ("HTTP/1.1 206 Partial\r\nContent-Range: bytes 0-4/5\r\n", "video", "another part"),
        ("HTTP/1.1 500 Oh\r\n", "video", "status 500"),
        (f"HTTP/1.1 302 Found\r\nLocation: /?{SECRET}\r\n", "video", "redirects more than"),
        ("no HTTP\r\n", "video", "cannot be fetched"),
        ("HTTP/1.1 200 OK\r\n", "thumbnail", "longer than"),
        ("HTTP/1.1 200 OK\r\n", "events", "longer than"),
    ],
)
async def test_wrong_answers(start_console: Any, hostile: Any, headers: str, kind: str, reason: str) -> None:
    """The operator is told in words; an endless body ends at its limit."""

    def answer(_: Request) -> Iterator[bytes]:
        yield f"{headers}X-Secret: {SECRET}\r\n\r\n".encode()
        for _ in range(0 if kind == "video" else 1000):
            yield bytes(1 << 16)

    server = hostile(answer)
    console = await start_console([f"{server.url}/?{SECRET}"], [server.url])
    status, message = await console.refused(kind)
    assert status == 502, message
    assert reason in message


async def test_a_body_that_is_too_short_breaks_the_connection(start_console: Any, hostile: Any) -> None:
    """The browser notices that bytes are missing, and asks for them again."""
    server = hostile(lambda _: [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", bytes(10)])
    console = await start_console([server.url], [server.url])
    with pytest.raises(aiohttp.ClientPayloadError):
        await console.get()
