"""Requests through real proxies: the HTTP API, signaling, and the errors of proxies."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import importlib.util
import logging
import pathlib
import sys
import traceback
from urllib.parse import urlsplit

import httpx
import pytest

from certificate_authority import CertificateAuthority
from odyssey_ros.client import (
    ErrorCode,
    Odyssey,
    OdysseyConfigurationError,
    OdysseyConnectionError,
    connection_attempt,
)
from odyssey_ros.client.http_transport import EnvironmentTransport, check_environment
from odyssey_ros.client.peer import Peer
from proxy_servers import SECRET_PARTS, HttpProxy, SocksProxy

KEY = "ody_test_key_123"
needs_socks = pytest.mark.skipif(
    importlib.util.find_spec("socksio") is None, reason="the extra `socks` is not installed"
)
KINDS = [
    pytest.param(HttpProxy, id="http"),
    pytest.param(SocksProxy, id="socks", marks=needs_socks),
]


@pytest.fixture
def authority(tmp_path):
    return CertificateAuthority(tmp_path)


@pytest.fixture
async def tls_service(service, authority):
    """The service over TLS, as `service.invalid`: only a proxy knows this name."""
    async with type(service)().running(tls=authority.server_context("service.invalid")) as secure:
        secure.url = secure.url.replace("127.0.0.1", "service.invalid")
        yield secure


@pytest.fixture
def media_on_loopback(monkeypatch):
    """Let the peer of a service that is not on loopback use loopback, which the test's streamer is on."""

    class LoopbackPeer(Peer):
        def __init__(self, servers, **options):
            super().__init__((), **{**options, "loopback_only": True})

    monkeypatch.setattr(connection_attempt, "Peer", LoopbackPeer)


def client_of(service, **changes):
    config = make_config(max_retries=0, region_timeout_s=None, **changes)
    return Odyssey(KEY, api_url=service.url, advanced=config, allow_insecure=True)


def make_config(**changes):
    from odyssey_ros.client import AdvancedConfig

    return AdvancedConfig(
        connect_timeout_s=90, request_timeout_s=90, frame_timeout_s=None, close_timeout_s=1, **changes
    )


def port_of(service):
    return urlsplit(service.url).port


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("login", [False, True])
async def test_a_session_over_tls_through_a_proxy(
    kind, login, tls_service, authority, environment, media_on_loopback, caplog
):
    caplog.set_level(logging.DEBUG)
    async with kind(requires_login=login) as proxy:
        environment(HTTPS_PROXY=proxy.login_url if login else proxy.url, SSL_CERT_FILE=authority.file)
        client = client_of(tls_service)
        await client.connect()
        assert await client.start_stream("a cat") == "stream-session-1-1"
        await client.disconnect()
    paths = {path.partition("?")[0] for _method, path, _body in tls_service.requests}
    assert {"/auth/token", "/sessions/request", "/sessions/token", "/signal/config"} <= paths
    # The HTTP API is on one connection, the signaling socket on another.
    assert proxy.targets == [("service.invalid", port_of(tls_service))] * 2
    assert proxy.logins == (2 if login else 0)
    assert not any(secret in record.getMessage() for record in caplog.records for secret in SECRET_PARTS)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_session_over_plain_http_through_a_proxy(kind, service, environment, media_on_loopback):
    service.url = service.url.replace("127.0.0.1", "service.invalid")
    async with kind(requires_login=True) as proxy:
        environment(HTTP_PROXY=proxy.login_url, SSL_CERT_FILE="/stale")
        client = client_of(service)
        await client.connect()
        await client.disconnect()
    assert proxy.hosts == {"service.invalid"}
    assert proxy.logins == len(proxy.targets)


@pytest.mark.parametrize("name", ["ALL_PROXY", "all_proxy", "SOCKS_PROXY"])
@needs_socks
async def test_a_desktop_s_socks_form(name, service, environment, media_on_loopback):
    service.url = service.url.replace("127.0.0.1", "service.invalid")
    async with SocksProxy() as proxy:
        environment(**{name: f"socks://127.0.0.1:{proxy.port}/", "NO_PROXY": "localhost,127.0.0.0/8,::1"})
        client = client_of(service)
        await client.connect()
        await client.disconnect()
    assert proxy.hosts == {"service.invalid"}


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio of Python 3.10 has no TLS in TLS")
async def test_a_proxy_that_is_reached_over_tls(tls_service, authority, environment, media_on_loopback):
    proxy = HttpProxy(requires_login=True)
    await proxy.start(authority.server_context("127.0.0.1"))
    environment(HTTPS_PROXY=proxy.login_url.replace("http:", "https:"), SSL_CERT_FILE=authority.file)
    client = client_of(tls_service)
    await client.connect()
    await client.disconnect()
    await proxy.close()
    assert proxy.targets == [("service.invalid", port_of(tls_service))] * 2


async def test_nothing_is_read_for_loopback(service, environment):
    environment(
        HTTP_PROXY="gopher://x", ALL_PROXY="socks4://x", NO_PROXY="10.0.0.0/99", SSL_CERT_FILE="/stale",
        SSL_CERT_DIR="/stale",
    )  # fmt: skip
    client = client_of(service)
    await client.connect()
    await client.disconnect()
    await check_environment(service.url)


async def test_an_exception_is_reached_directly(service, environment):
    environment(HTTP_PROXY="http://127.0.0.1:9", NO_PROXY=".invalid")
    service.url = service.url.replace("127.0.0.1", "service.invalid")
    with pytest.raises(OdysseyConnectionError, match=r"service\.invalid:\d+ cannot be reached \(Connect"):
        await client_of(service).connect()


@pytest.mark.parametrize(
    ("variables", "text"),
    [
        ({"HTTPS_PROXY": "gopher://u:p%40ss@h"}, "HTTPS_PROXY is not the URL of a proxy"),
        ({"ALL_PROXY": "socks4://u:p%40ss@h"}, "ALL_PROXY names a SOCKS 4 proxy"),
        ({"HTTPS_PROXY": "h:1", "NO_PROXY": "[::1"}, "Entry 1 of NO_PROXY"),
        ({"SSL_CERT_FILE": "/stale/file"}, "SSL_CERT_FILE: /stale/file does not exist"),
        ({"SSL_CERT_DIR": "/stale/folder"}, "SSL_CERT_DIR: /stale/folder is not a folder"),
    ],
)
async def test_an_unusable_variable_is_a_fatal_configuration_error(variables, text, environment, recorder):
    environment(**variables)
    client = Odyssey(KEY, api_url="https://service.invalid", advanced=make_config(max_retries=None))
    calls = (
        lambda: client.connect(**recorder.callbacks()),
        client.list_stream_recordings,
        lambda: check_environment("https://service.invalid"),
    )
    for call in calls:
        with pytest.raises(OdysseyConfigurationError, match=text.replace("[", r"\[")) as caught:
            await call()
        assert caught.value.code is ErrorCode.CONFIGURATION
        assert isinstance(caught.value, ValueError)
        shown = "".join(traceback.format_exception(caught.value))
        assert not any(secret in shown for secret in SECRET_PARTS)
    ((error, fatal),) = recorder.named("on_error")
    assert (error.code, fatal) == (ErrorCode.CONFIGURATION, True)


async def failure_of(client):
    with pytest.raises((OdysseyConfigurationError, OdysseyConnectionError)) as caught:
        await client.connect()
    shown = "".join(traceback.format_exception(caught.value))
    assert not any(secret in shown for secret in SECRET_PARTS)
    return caught.value


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    ("url_of", "text"),
    [
        (lambda proxy: proxy.url, "requires a user name and a password"),
        (lambda proxy: proxy.login_url.replace("robot", "other"), "refuses the login"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_login_that_is_missing_or_wrong(kind, url_of, text, scheme, environment, service, authority):
    url = service.url.replace("http://127.0.0.1", f"{scheme}://service.invalid")
    async with kind(requires_login=True) as proxy:
        environment(ALL_PROXY=url_of(proxy), SSL_CERT_FILE=authority.file)
        client = Odyssey(KEY, api_url=url, advanced=make_config(max_retries=None), allow_insecure=True)
        error = await failure_of(client)
    assert error.code is ErrorCode.CONFIGURATION
    assert str(error).startswith(f"The proxy 127.0.0.1:{proxy.port} (ALL_PROXY) {text}")
    assert f"://user:password@127.0.0.1:{proxy.port}" in str(error)


@pytest.mark.parametrize(
    ("kind", "refusal", "code", "text"),
    [
        (HttpProxy, 403, ErrorCode.CONFIGURATION, r"\(HTTPS_PROXY\) refuses connections to service.invalid"),
        (HttpProxy, 502, ErrorCode.UNREACHABLE, r"service.invalid cannot be reached through .*: status 502"),
        pytest.param(
            SocksProxy, 4, ErrorCode.UNREACHABLE, "service.invalid .*: Host unreachable", marks=needs_socks
        ),
        pytest.param(SocksProxy, 2, ErrorCode.UNREACHABLE, "not allowed by ruleset", marks=needs_socks),
    ],
)
async def test_a_proxy_that_refuses(kind, refusal, code, text, environment, tls_service, authority):
    async with kind(refusal=refusal) as proxy:
        environment(HTTPS_PROXY=proxy.login_url, SSL_CERT_FILE=authority.file)
        error = await failure_of(client_of(tls_service))
    assert error.code is code
    with pytest.raises(type(error), match=text):
        raise error
    assert proxy.hosts == {"service.invalid"}


@contextlib.asynccontextmanager
async def answering(answer):
    """Serve connections that get these bytes and are then closed."""

    async def serve(reader, writer):
        await reader.read(100)
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 No\r\n\r\n", b"\x05", b"\x00\x01\x02", b"x" * 500])
@pytest.mark.parametrize("scheme", ["http", pytest.param("socks5", marks=needs_socks)])
async def test_a_server_that_is_not_such_a_proxy(answer, scheme, environment, authority):
    async with answering(answer) as port:
        environment(HTTPS_PROXY=f"{scheme}://robot:p%40ss@127.0.0.1:{port}", SSL_CERT_FILE=authority.file)
        error = await failure_of(
            Odyssey(KEY, api_url="https://service.invalid", advanced=make_config(max_retries=0))
        )
    assert f"127.0.0.1:{port} (HTTPS_PROXY)" in str(error)
    refused = scheme == "http" and b"400" in answer
    assert error.code is (ErrorCode.CONFIGURATION if refused else ErrorCode.UNREACHABLE)


@pytest.mark.parametrize("scheme", ["http", pytest.param("socks5", marks=needs_socks)])
async def test_a_proxy_that_is_not_there(scheme, environment, authority):
    async with answering(b"") as port:
        pass
    environment(HTTPS_PROXY=f"{scheme}://127.0.0.1:{port}", SSL_CERT_FILE=authority.file)
    error = await failure_of(
        Odyssey(KEY, api_url="https://service.invalid", advanced=make_config(max_retries=0))
    )
    assert error.code is ErrorCode.UNREACHABLE
    assert f"service.invalid cannot be reached through the proxy 127.0.0.1:{port} (HTTPS_PROXY)" in str(error)


@pytest.mark.parametrize("through", [True, False])
async def test_an_untrusted_certificate_is_an_error_with_a_hint(
    through, service, authority, environment, tmp_path
):
    (tmp_path / "other").mkdir()
    other = CertificateAuthority(tmp_path / "other")
    async with (
        HttpProxy() as proxy,
        type(service)().running(tls=authority.server_context("service.invalid", "127.0.0.1")) as secure,
    ):
        environment(HTTPS_PROXY=proxy.url, SSL_CERT_FILE=other.file)
        if through:
            secure.url = secure.url.replace("127.0.0.1", "service.invalid")
        error = await failure_of(client_of(secure))
    assert error.code is ErrorCode.UNREACHABLE
    assert "certificate is not trusted" in str(error)
    assert "SSL_CERT_FILE" in str(error)
    assert bool(proxy.targets) is through


async def test_certificates_are_read_for_tls_on_loopback(service, authority, environment):
    async with type(service)().running(tls=authority.server_context("127.0.0.1")) as secure:
        environment(HTTPS_PROXY="gopher://x", SSL_CERT_FILE=authority.file)
        client = client_of(secure)
        await client.connect()
        await client.disconnect()


async def test_connections_are_kept_and_closed(service, environment):
    environment(HTTP_PROXY="http://127.0.0.1:9")
    transport = EnvironmentTransport()
    async with httpx.AsyncClient(transport=transport, trust_env=False) as http:
        for _ in range(2):
            assert (await http.get(f"{service.url}/ping")).text == "pong"
        assert len(transport._transports) == 1
    assert not transport._transports


def test_no_library_reads_the_environment_itself():
    """httpx and websockets read proxies and certificates themselves unless an argument says otherwise."""
    required = {
        "AsyncClient": "trust_env",
        "AsyncHTTPTransport": "trust_env",
        "create_ssl_context": "trust_env",
    }
    sources = pathlib.Path(__file__).parents[2] / "odyssey_ros"
    calls = [
        (path.name, call)
        for layer in ("client", "dataset", "bridge")
        for path in (sources / layer).rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call)
    ]
    found = set()
    for name, call in calls:
        called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if called in required:
            values = {one.arg: one.value for one in call.keywords}
            assert getattr(values.get(required[called]), "value", None) is False, name
            found.add(called)
        if (
            name == "signaling.py"
            and called == "_ConnectWithoutRedirects"
            and isinstance(call.func, ast.Name)
        ):
            assert [one.value.value.func.id for one in call.keywords if one.arg is None] == ["route_options"]
            found.add(called)
    assert found == {*required, "_ConnectWithoutRedirects"}
