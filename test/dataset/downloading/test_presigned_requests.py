"""Redirects of presigned URLs, from real servers that choose where a download goes."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from certificate_authority import CertificateAuthority
from odyssey_ros.client import ErrorCode
from odyssey_ros.dataset.downloading import presigned_requests
from odyssey_ros.dataset.downloading.presigned_requests import (
    PrivateAddressError,
    download_client,
    request_file,
)
from odyssey_ros.dataset.errors import EpisodeError

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator
    from pathlib import Path

    from odyssey_ros.client.service_address import ServiceAddress

SECRET = "signature=verysecret"


@dataclass
class Server:
    """Answers each request with `answer`, and keeps the requests."""

    answer: str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nvideo"
    requests: list[str] = field(default_factory=list)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(self.answer.encode())
        writer.close()

    def redirect(self, location: str, status: int = 302, more: str = "") -> None:
        self.answer = f"HTTP/1.1 {status} Found\r\nLocation: {location}\r\n{more}Content-Length: 0\r\n\r\n"


@asynccontextmanager
async def _serving(host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server()
    async with await asyncio.start_server(server.serve, host, 0, ssl=tls) as listening:
        server.port = listening.sockets[0].getsockname()[1]
        yield server


async def _get(url: str, **options: Any) -> bytes:
    async with (
        download_client() as client,
        request_file(client, url, {"Range": "bytes=1-"}, **options) as got,
    ):
        return b"".join([block async for block in got.aiter_raw()])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_followed_without_cookies(status: int) -> None:
    async with _serving() as first, _serving() as second:
        first.redirect(f"http://127.0.0.1:{second.port}/b?{SECRET}#x", status, "Set-Cookie: a=b\r\n")
        assert await _get(f"http://127.0.0.1:{first.port}/a?{SECRET}") == b"video"
    [request] = second.requests
    assert request.startswith(f"GET /b?{SECRET} HTTP/1.1\r\n")
    assert "range: bytes=1-" in request.lower()
    assert not {"cookie", "authorization", "referer"} & {
        line.partition(":")[0].lower() for line in request.splitlines()
    }


async def test_endless_redirects_end() -> None:
    async with _serving() as server:
        server.redirect("/again")
        with pytest.raises(EpisodeError, match="redirects more than 5 times") as error:
            await _get(f"http://127.0.0.1:{server.port}/?{SECRET}")
    assert (error.value.code, len(server.requests)) == (ErrorCode.INVALID_RESPONSE, 6)


@pytest.mark.parametrize(
    "location",
    [
        "http://[oops/",
        "file:///etc/passwd",
        "http://user:password@127.0.0.1/",
        f"http://{'x' * 64}.example/",
        "http://127.1/",
    ],
)
async def test_malformed_redirects_are_transient_errors(location: str) -> None:
    async with _serving() as server:
        server.redirect(location)
        with pytest.raises(EpisodeError) as error:
            await _get(f"http://127.0.0.1:{server.port}/?{SECRET}")
    assert (error.value.code, error.value.retryable) == (ErrorCode.DOWNLOAD_FAILED, True)
    assert "verysecret" not in repr(error.value)


async def test_a_redirect_from_https_to_http_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = CertificateAuthority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    async with AsyncExitStack() as stack:
        secure = await stack.enter_async_context(
            _serving(tls=authority.server_context("localhost", "127.0.0.1"))
        )
        plain = await stack.enter_async_context(_serving())
        secure.redirect(f"http://127.0.0.1:{plain.port}/?{SECRET}")
        with pytest.raises(EpisodeError, match="from https to http") as error:
            await _get(f"https://127.0.0.1:{secure.port}/?{SECRET}", allow_insecure=True)
        assert (error.value.code, error.value.retryable) == (ErrorCode.INSECURE_ADDRESS, False)
        assert plain.requests == []
        plain.redirect(f"https://127.0.0.1:{secure.port}/")
        secure.answer = Server.answer
        assert await _get(f"http://127.0.0.1:{plain.port}/") == b"video"


async def test_a_redirect_without_a_target() -> None:
    async with _serving() as server:
        server.answer = "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"
        with pytest.raises(EpisodeError, match="redirects to nowhere"):
            await _get(f"http://127.0.0.1:{server.port}/")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "[::1]", "169.254.1.1", "[fe80::1]"])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_remote_service_names_no_address_of_this_machine(scheme: str, host: str) -> None:
    with pytest.raises(EpisodeError, match="must not be on this machine or its link") as caught:
        await _get(f"{scheme}://{host}:9/a?{SECRET}", service_is_local=False, allow_insecure=True)
    assert caught.value.code is ErrorCode.INVALID_RESPONSE
    assert not caught.value.retryable


async def test_plain_http_needs_a_permission() -> None:
    with pytest.raises(EpisodeError, match="not encrypted") as error:
        await _get(f"http://192.0.2.1/?{SECRET}")
    assert error.value.code is ErrorCode.INSECURE_ADDRESS
    assert "verysecret" not in str(error.value)


@pytest.fixture
def one_public_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes 127.0.0.2 a public address."""
    monkeypatch.setattr(presigned_requests, "is_public", lambda address: address == "127.0.0.2")


@pytest.mark.usefixtures("one_public_address")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "printer.localhost"])
async def test_a_public_server_does_not_lead_into_the_private_network(host: str) -> None:
    async with _serving("127.0.0.2") as public, _serving() as private:
        public.redirect(f"http://{host}:{private.port}/admin")
        with pytest.raises(EpisodeError, match=f"redirects to the private address of {host}") as error:
            await _get(f"http://127.0.0.2:{public.port}/?{SECRET}")
        assert error.value.code is ErrorCode.INVALID_RESPONSE
        assert private.requests == []
        # Between two private servers, as with a service in the own network, the redirect is followed.
        async with _serving() as other:
            other.redirect(f"http://127.0.0.1:{private.port}/")
            assert await _get(f"http://127.0.0.1:{other.port}/") == b"video"


@pytest.mark.usefixtures("one_public_address")
async def test_a_name_that_changes_its_address_brings_no_private_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def deceived(_: object) -> bool:
        return True  # the resolver's first answer was public

    monkeypatch.setattr(presigned_requests, "_is_public_target", deceived)
    async with _serving("127.0.0.2") as public, _serving() as private:
        public.redirect(f"http://localhost:{private.port}/admin")
        with pytest.raises(EpisodeError, match="private address"):
            await _get(f"http://127.0.0.2:{public.port}/")
        assert len(private.requests) <= 1


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "http://localhost:{port}/",
        "https://127.0.0.1:{port}/",
        "http://169.254.169.254/",
        "https://10.0.0.1/",
        "https://[fe80::1]/",
    ],
)
async def test_only_listed_origins_may_be_private(url: str) -> None:
    async with _serving() as private, _serving() as listed:
        origins = {f"http://127.0.0.1:{listed.port}"}
        with pytest.raises(PrivateAddressError, match="the file is at the private address") as error:
            await _get(url.replace("{port}", str(private.port)) + f"?{SECRET}", private_origins=origins)
        assert "verysecret" not in str(error.value) + error.value.origin
        listed.redirect(f"http://127.0.0.1:{private.port}/?{SECRET}")
        with pytest.raises(PrivateAddressError):
            await _get(f"http://127.0.0.1:{listed.port}/", private_origins=origins)
        assert private.requests == []
        origins.add(f"http://127.0.0.1:{private.port}")
        assert await _get(f"http://127.0.0.1:{listed.port}/", private_origins=origins) == b"video"


@pytest.mark.usefixtures("one_public_address")
async def test_public_origins_need_not_be_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def is_public_target(address: ServiceAddress) -> bool:
        return address.host == "127.0.0.2"

    monkeypatch.setattr(presigned_requests, "_is_public_target", is_public_target)
    async with _serving("127.0.0.2") as public, _serving() as private:
        assert await _get(f"http://127.0.0.2:{public.port}/", private_origins=()) == b"video"
        public.redirect(f"http://127.0.0.1:{private.port}/")
        with pytest.raises(PrivateAddressError, match="redirects to the private address"):
            await _get(f"http://127.0.0.2:{public.port}/", private_origins=())
        assert private.requests == []
