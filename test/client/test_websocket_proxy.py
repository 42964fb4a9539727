"""The arguments and failures of WebSockets through proxies; test_http_transport.py opens real ones."""

from __future__ import annotations

import ssl
import sys

import pytest
from websockets.asyncio import client as websockets_client
from websockets.exceptions import InvalidProxyStatus, ProxyError
from websockets.http11 import Response

from odyssey_ros.client import ErrorCode, OdysseyConfigurationError
from odyssey_ros.client.proxies import Proxy
from odyssey_ros.client.websocket_proxy import route_options, socket_failure

HTTP = Proxy("http", "proxy", 3128, "HTTP_PROXY", "user", "p@ss:w/rd%#")


async def test_a_direct_connection_reads_nothing(environment):
    environment(SSL_CERT_FILE="/stale", ALL_PROXY="gopher://x")
    assert await route_options("ws://h/x", None) == {"proxy": None}


async def test_the_contexts_of_the_server_and_of_the_proxy(environment):
    environment()
    secure = Proxy("https", "proxy", 443, "HTTPS_PROXY")
    options = await route_options("ws://h/x", secure)
    assert options["proxy"] == "https://proxy:443"
    assert isinstance(options["proxy_ssl"], ssl.SSLContext)
    assert isinstance((await route_options("wss://h/x", HTTP))["ssl"], ssl.SSLContext)
    if sys.version_info < (3, 11):
        with pytest.raises(OdysseyConfigurationError, match=r"HTTPS_PROXY .* needs Python 3\.11"):
            await route_options("wss://h/x", secure)
    else:
        assert {"ssl", "proxy_ssl"} < set(await route_options("wss://h/x", secure))
    assert set(await route_options("ws://h/x", HTTP)) == {"proxy"}
    options = await route_options("ws://h/x", Proxy("socks5", "::1", 1080, "ALL_PROXY"))
    assert options == {"proxy": "socks5h://[::1]:1080"}


async def test_the_credentials_are_decoded_by_every_version_of_the_library(environment):
    environment()
    parsed = websockets_client.parse_proxy((await route_options("ws://h/x", HTTP))["proxy"])
    assert (parsed.username, parsed.password) == (HTTP.username, HTTP.password)
    assert websockets_client.parse_proxy("http://proxy:1").username is None


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (InvalidProxyStatus(Response(407, "", None)), ErrorCode.CONFIGURATION, "refuses the login"),
        (InvalidProxyStatus(Response(403, "", None)), ErrorCode.CONFIGURATION, "refuses connections to h"),
        (InvalidProxyStatus(Response(503, "", None)), ErrorCode.UNREACHABLE, "status 503"),
        (ConnectionRefusedError(111, "Connection refused"), ErrorCode.UNREACHABLE, ": Connection refused"),
        (EOFError(), ErrorCode.UNREACHABLE, ": EOFError"),
        (ProxyError("failed"), ErrorCode.UNREACHABLE, ": ProxyError"),
    ],
)
def test_each_failure_is_typed(error, code, text):
    failure = socket_failure(error, "h", HTTP)
    assert failure.code is code
    assert text in str(failure)
    assert HTTP.password not in str(failure)
