"""The requests of a WHEP client: redirects, the session's address, and proxies, with real servers."""

from __future__ import annotations

import contextlib
import logging
import traceback
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from certificate_authority import CertificateAuthority
from odyssey_ros.client import (
    AdvancedConfig,
    ErrorCode,
    OdysseyAuthError,
    OdysseyConfigurationError,
    OdysseyConnectionError,
)
from odyssey_ros.client.whep import MAX_REDIRECTS, WhepClient, WhepEndpoint
from proxy_servers import HttpProxy

TOKEN = "spectator_abc/def=="
OFFER = "v=0\r\nthe offer\r\n"
CONFIG = AdvancedConfig(request_timeout_s=90, close_timeout_s=90)


class Server:
    """A WHEP server that answers each POST with the next of `answers`, then with 201."""

    def __init__(self) -> None:
        self.url = ""
        self.answers: list[tuple[int, str | None]] = []
        self.location: str | None = "/session/1"
        self.requests: list[tuple[str, str]] = []
        self.tokens: list[str | None] = []
        self.bodies: list[str] = []

    async def handle(self, request: web.Request) -> web.Response:
        self.requests.append((request.method, request.path))
        if request.method == "GET":
            return web.json_response({"iceServers": [{"urls": "stun:stun.example.org"}]})
        if request.method == "DELETE":
            return web.Response(status=200)
        self.tokens.append(request.query.get("token"))
        self.bodies.append(await request.text())
        assert request.content_type == "application/sdp"
        assert "Authorization" not in request.headers
        status, location = self.answers.pop(0) if self.answers else (201, self.location)
        headers = {} if location is None else {"Location": location}
        return web.Response(status=status, text="the answer", headers=headers)

    @contextlib.asynccontextmanager
    async def running(self, tls=None):
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.handle)
        runner = web.AppRunner(app, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()


@pytest.fixture
async def server():
    async with Server().running() as running:
        yield running


@pytest.fixture
async def other():
    async with Server().running() as running:
        yield running


@pytest.fixture
def authority(tmp_path):
    return CertificateAuthority(tmp_path)


@contextlib.asynccontextmanager
async def client_of(url, **options):
    client = WhepClient(WhepEndpoint.parse(url, TOKEN, **options), CONFIG)
    try:
        yield client
    finally:
        await client.close()


async def post(url):
    async with client_of(url) as client:
        return await client.post_offer(OFFER)


@pytest.mark.parametrize(
    ("url", "offer_url"),
    [
        ("http://h:8889/live/x", "http://h:8889/live/x/whep"),
        ("http://h:8889/live/x/", "http://h:8889/live/x/whep"),
        ("https://h/live/x?a=b", "https://h/live/x/whep?a=b"),
        ("https://h", "https://h/whep"),
    ],
)
def test_queries_and_slashes_do_not_break_the_url(url, offer_url):
    endpoint = WhepEndpoint.parse(url, TOKEN, allow_insecure=True)
    assert endpoint.offer_url == offer_url
    assert endpoint.config_url.endswith("/config")
    assert TOKEN not in repr(endpoint)


@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize("location", ["/other/whep", "../else/whep", "?zone=b", ""])
async def test_a_redirect_to_the_same_server_is_followed(server, status, location):
    server.answers = [(status, location or f"{server.url}/absolute")]
    async with client_of(f"{server.url}/live/x") as client:
        assert await client.post_offer(OFFER) == "the answer"
        await client.delete_session()
    assert [method for method, _path in server.requests] == ["POST", "POST", "DELETE"]
    assert server.bodies == [OFFER] * 2
    assert server.tokens == [TOKEN] * 2
    assert server.requests[-1] == ("DELETE", "/session/1")


async def test_a_redirect_to_another_server_does_not_carry_the_token(server, other, caplog):
    caplog.set_level(logging.DEBUG)
    server.answers = [(307, f"{other.url}/edge/whep?token=of-the-edge")]
    other.answers = [(308, "/edge2/whep")]
    async with client_of(f"{server.url}/live/x") as client:
        assert await client.post_offer(OFFER) == "the answer"
        await client.delete_session()
    assert server.tokens == [TOKEN]
    assert other.tokens == ["of-the-edge", None]
    assert other.bodies == [OFFER] * 2
    # The session is on the server that created it.
    assert other.requests[-1] == ("DELETE", "/session/1")
    assert ("DELETE", "/session/1") not in server.requests
    # httpcore logs the headers of each response at DEBUG.
    logged = "\n".join(one.getMessage() for one in caplog.records if not one.name.startswith("aiohttp"))
    assert "/edge/whep?…" in logged
    assert "of-the-edge" not in logged
    assert "spectator_abc" not in logged


async def test_a_redirect_back_carries_the_token_again(server, other):
    server.answers = [(307, f"{other.url}/x")]
    other.answers = [(307, f"{server.url}/back")]
    assert await post(f"{server.url}/live/x") == "the answer"
    assert (server.tokens, other.tokens) == ([TOKEN] * 2, [None])


async def test_a_refusal_after_a_redirect_is_typed(server):
    server.answers = [(307, "/other/whep"), (401, None)]
    with pytest.raises(OdysseyAuthError, match="Invalid spectator token"):
        await post(f"{server.url}/live/x")


async def test_the_number_of_redirects_is_limited(server):
    server.answers = [(307, "/live/x/whep")] * (MAX_REDIRECTS + 1)
    with pytest.raises(OdysseyConnectionError, match=f"more than {MAX_REDIRECTS} redirects") as caught:
        await post(f"{server.url}/live/x")
    assert caught.value.code is ErrorCode.INVALID_RESPONSE
    assert len(server.requests) == MAX_REDIRECTS + 1
    server.answers = [(307, "/live/x/whep")] * MAX_REDIRECTS
    assert await post(f"{server.url}/live/x") == "the answer"


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304])
async def test_other_redirects_are_errors(server, status):
    server.answers = [(status, "/other/whep")]
    with pytest.raises(OdysseyConnectionError, match=str(status)) as caught:
        await post(f"{server.url}/live/x")
    assert caught.value.status_code == status
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "location",
    [
        None,
        "",
        "ftp://127.0.0.1/x",
        "javascript:alert(1)",
        "http://",
        "http://127.0.0.1:port/",
        "http://[::1",
        "http://user:secret@127.0.0.1/",
        "http://example.org/live/whep",
        "//192.0.2.1/live/whep",
    ],
)
async def test_an_unusable_redirect_is_an_error(server, location):
    server.answers = [(307, location)]
    with pytest.raises(OdysseyConnectionError, match="redirect of the broadcast is not followed") as caught:
        await post(f"{server.url}/live/x")
    assert caught.value.code is ErrorCode.INVALID_RESPONSE
    assert "secret" not in str(caught.value)
    assert len(server.requests) == 1


async def test_a_redirect_from_https_to_http_is_an_error(server, authority, environment):
    environment(SSL_CERT_FILE=authority.file)
    async with Server().running(authority.server_context("127.0.0.1")) as secure:
        secure.answers = [(307, f"{server.url}/live/x/whep")]
        with pytest.raises(OdysseyConnectionError, match="from https to http"):
            await post(f"{secure.url}/live/x")
        secure.answers = [(307, f"{secure.url}/other")]
        assert await post(f"{secure.url}/live/x") == "the answer"
        # Another scheme is another origin.
        server.answers = [(307, f"{secure.url}/live/x/whep")]
        assert await post(f"{server.url}/live/x") == "the answer"
    assert secure.tokens == [TOKEN, TOKEN, TOKEN, None]


@pytest.mark.parametrize("status", [200, 400, 404, 500])
async def test_a_location_counts_only_with_status_201(server, status):
    server.answers = [(status, "/session/of/somebody")]
    async with client_of(f"{server.url}/live/x") as client:
        with contextlib.suppress(OdysseyConnectionError, ValueError):
            await client.post_offer(OFFER)
        await client.delete_session()
    assert [method for method, _path in server.requests] == ["POST"]


@pytest.mark.parametrize(
    "location", ["http://127.0.0.1:9/elsewhere", "//example.org/x", "https://127.0.0.1/x"]
)
async def test_a_session_on_another_server_is_not_deleted(server, location):
    server.location = location
    async with client_of(f"{server.url}/live/x") as client:
        await client.post_offer(OFFER)
        await client.delete_session()
    assert [method for method, _path in server.requests] == ["POST"]


async def test_all_requests_use_the_proxy(authority, environment, server):
    async with (
        HttpProxy(requires_login=True) as proxy,
        Server().running(authority.server_context("service.invalid")) as secure,
    ):
        environment(HTTPS_PROXY=proxy.login_url, HTTP_PROXY=proxy.login_url, SSL_CERT_FILE=authority.file)
        for one in (secure, server):
            url = f"{one.url.replace('127.0.0.1', 'service.invalid')}/live/x"
            async with client_of(url, allow_insecure=True) as client:
                (ice_server,) = await client.ice_servers()
                assert ice_server.urls == ("stun:stun.example.org",)
                assert await client.post_offer(OFFER) == "the answer"
                await client.delete_session()
            assert [method for method, _path in one.requests] == ["GET", "POST", "DELETE"]
    assert set(proxy.targets) == {("service.invalid", urlsplit(one.url).port) for one in (secure, server)}


async def test_an_unusable_variable_is_a_configuration_error(environment):
    environment(HTTPS_PROXY="gopher://user:secret@x")
    async with client_of("https://service.invalid/live/x") as client:
        for call in (client.ice_servers, lambda: client.post_offer(OFFER)):
            with pytest.raises(OdysseyConfigurationError, match="HTTPS_PROXY") as caught:
                await call()
            assert "secret" not in "".join(traceback.format_exception(caught.value))
        await client.delete_session()


async def test_a_proxy_that_is_not_there_does_not_stop_the_ice_configuration(environment, server, caplog):
    environment(HTTP_PROXY="http://127.0.0.1:9")
    async with client_of("http://service.invalid/live/x", allow_insecure=True) as client:
        assert [one.urls for one in await client.ice_servers()] == [("stun:stun.l.google.com:19302",)]
        with pytest.raises(OdysseyConnectionError, match=r"through the proxy 127.0.0.1:9 \(HTTP_PROXY\)"):
            await client.post_offer(OFFER)
