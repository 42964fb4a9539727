"""Proxies for tests: HTTP (CONNECT and forward) and SOCKS 5, on 127.0.0.1.

Names below `.invalid`, which no resolver knows, lead to 127.0.0.1. A service on loopback therefore has,
behind a proxy, a name that is not a loopback name, and is reachable under this name only through the proxy.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ipaddress
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

USER, PASSWORD = "robot", "p@ss:w/rd%#"
SECRET_PARTS = (PASSWORD, "p%40ss", base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode())


class ProxyServer:
    """The part that all proxies have. Its attributes set how it responds.

    Attributes:
        requires_login: Whether `USER` and `PASSWORD` are required.
        refusal: The HTTP status, or the SOCKS reply code, of every answer; None to serve.
        targets: `(host, port)` of each connection that was requested, also of refused ones.
        logins: How many requests had valid credentials.
    """

    scheme = ""

    def __init__(self, *, requires_login: bool = False, refusal: int | None = None) -> None:
        self.requires_login = requires_login
        self.refusal = refusal
        self.targets: list[tuple[str, int]] = []
        self.logins = 0
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def hosts(self) -> set[str]:
        return {host for host, _port in self.targets}

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def login_url(self) -> str:
        return f"{self.scheme}://{USER}:p%40ss%3Aw%2Frd%25%23@127.0.0.1:{self.port}"

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """Read the request; return the connection to the target, or None when the request is refused."""
        raise NotImplementedError

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def __aenter__(self):
        await self.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()

    async def open_target(self, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        self.targets.append((host, port))
        return await asyncio.open_connection("127.0.0.1" if host.endswith(".invalid") else host, port)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._handle(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError), contextlib.closing(writer):
            target = await self.serve(reader, writer)
            if target is None:
                return
            with contextlib.closing(target[1]):
                await asyncio.gather(_pump(reader, target[1]), _pump(target[0], writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        with contextlib.suppress(OSError, RuntimeError):
            writer.write_eof() if writer.can_write_eof() else writer.close()


class HttpProxy(ProxyServer):
    """An HTTP proxy: `CONNECT`, and requests with absolute URLs, each on a connection of its own."""

    scheme = "http"

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        method, target, _version = first.split(" ")
        headers = [line for line in lines if line]
        expected = f"basic {base64.b64encode(f'{USER}:{PASSWORD}'.encode()).decode()}"
        given = [line.partition(":")[2].strip() for line in headers if _name(line) == "proxy-authorization"]
        valid = [value[:6].lower() + value[6:] for value in given] == [expected]
        self.logins += valid
        authority = target if method == "CONNECT" else target.partition("://")[2].partition("/")[0]
        host, _, port = authority.rpartition(":") if ":" in authority else (authority, "", "80")
        host = host.strip("[]")
        status = self.refusal or (407 if self.requires_login and not valid else None)
        if status is not None:
            self.targets.append((host, int(port)))
            writer.write(
                f"HTTP/1.1 {status} Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
            )
            await writer.drain()
            return None
        streams = await self.open_target(host, int(port))
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            kept = [line for line in headers if not _name(line).startswith(("proxy-", "connection"))]
            path = "/" + target.partition("://")[2].partition("/")[2]
            request = [f"{method} {path} HTTP/1.1", *kept, "Connection: close", "", ""]
            streams[1].write("\r\n".join(request).encode("latin-1"))
        return streams


def _name(line: str) -> str:
    return line.partition(":")[0].lower()


class SocksProxy(ProxyServer):
    """A SOCKS 5 proxy (RFC 1928) with the login of RFC 1929."""

    scheme = "socks5h"

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        version, count = await reader.readexactly(2)
        methods = await reader.readexactly(count)
        wanted = 2 if self.requires_login or 0 not in methods else 0
        if version != 5 or wanted not in methods:
            writer.write(b"\x05\xff")
            return None
        writer.write(bytes([5, wanted]))
        if wanted == 2 and not await self._login(reader, writer):
            return None
        _version, _command, _reserved, kind = await reader.readexactly(4)
        if kind == 3:
            host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        else:
            host = str(ipaddress.ip_address(await reader.readexactly(4 if kind == 1 else 16)))
        port = int.from_bytes(await reader.readexactly(2), "big")
        if self.refusal is not None:
            self.targets.append((host, port))
            writer.write(bytes([5, self.refusal, 0, 1, 0, 0, 0, 0, 0, 0]))
            await writer.drain()
            return None
        streams = await self.open_target(host, port)
        writer.write(bytes([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]))
        return streams

    async def _login(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        _version, length = await reader.readexactly(2)
        user = (await reader.readexactly(length)).decode()
        password = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        valid = (user, password) == (USER, PASSWORD)
        self.logins += valid
        writer.write(bytes([1, 0 if valid else 1]))
        await writer.drain()
        return valid


@contextlib.contextmanager
def running_in_thread(proxy: ProxyServer) -> Iterator[ProxyServer]:
    """Run a proxy on a loop of its own, for tests without a loop."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(proxy.start(), loop).result(60)
    try:
        yield proxy
    finally:
        asyncio.run_coroutine_threadsafe(proxy.close(), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(60)
        loop.close()
