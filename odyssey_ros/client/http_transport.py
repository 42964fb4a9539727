"""The HTTP transport of this package, which applies its proxies and certificates to each request."""

from __future__ import annotations

import logging
import re
import ssl
from typing import TYPE_CHECKING, Any, Final

import httpx

from odyssey_ros.client.certificates import shared_tls_context, untrusted_certificate
from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.client.errors import OdysseyConnectionError
from odyssey_ros.client.proxies import ProxySettings

if TYPE_CHECKING:
    import httpcore

    from odyssey_ros.client.errors import OdysseyError
    from odyssey_ros.client.proxies import Proxy

try:
    from socksio import SOCKSError
except ImportError:  # without the extra `socks`

    class SOCKSError(Exception):  # type: ignore[no-redef]
        """Never raised."""


_STATUS: Final = re.compile(r"(\d{3}) ")


async def check_environment(url: str) -> None:
    """Check the variables that a connection to a URL needs, without connecting.

    Raises:
        OdysseyConfigurationError: A variable cannot be used.
    """
    proxy = ProxySettings().proxy_for(url)
    if url.startswith("https:") or (proxy is not None and proxy.kind == "https"):
        await shared_tls_context()


class EnvironmentTransport(httpx.AsyncBaseTransport):
    """Sends each request directly or through a proxy, as `ProxySettings` says. Belongs to one event loop.

    Requests raise the exceptions of httpx, and these errors:

    Raises:
        OdysseyConfigurationError: A variable of the environment cannot be used, or the proxy refuses it.
        OdysseyConnectionError: The proxy cannot be reached, or the server's certificate is not trusted.
    """

    def __init__(self) -> None:
        self._proxies = ProxySettings()
        self._transports: dict[tuple[bool, Proxy | None], httpx.AsyncHTTPTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request."""
        proxy = self._proxies.proxy_for(str(request.url))
        transport = await self._transport(proxy, secure=request.url.scheme == "https")
        opened = _OpenedStreams()
        if proxy is not None and proxy.is_socks:
            request.extensions = {**request.extensions, "trace": opened.trace}
        try:
            response = await transport.handle_async_request(request)
        except httpx.TimeoutException:
            await opened.close()
            raise
        except (httpx.TransportError, SOCKSError, AssertionError) as error:
            await opened.close()
            failure = _failure(error, request.url.host, proxy)
            if failure is None:
                raise
            # From None: the exceptions of the libraries may contain the URL of the proxy.
            raise failure from None
        if response.status_code == 407 and proxy is not None:
            await response.aclose()
            raise proxy.login_refused()
        return response

    async def aclose(self) -> None:
        """Close all connections."""
        transports = list(self._transports.values())
        self._transports.clear()
        for transport in transports:
            await transport.aclose()

    async def _transport(self, proxy: Proxy | None, *, secure: bool) -> httpx.AsyncHTTPTransport:
        key = (secure, proxy)
        if key not in self._transports:
            needs_tls = secure or (proxy is not None and proxy.kind == "https")
            # A context without certificates: plain HTTP needs none, and reading them could fail.
            tls = await shared_tls_context() if needs_tls else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            self._transports.setdefault(key, _make_transport(proxy, tls))
        return self._transports[key]


class _OpenedStreams:
    """Connections to a SOCKS proxy. When the proxy refuses a request, httpcore does not close them."""

    def __init__(self) -> None:
        self._streams: list[httpcore.AsyncNetworkStream] = []

    async def trace(self, event: str, info: dict[str, Any]) -> None:
        """Receive an event of httpcore."""
        if event == "socks.connect_tcp.complete":
            self._streams.append(info["return_value"])

    async def close(self) -> None:
        """Close what was opened, after the request has failed."""
        for stream in self._streams:
            await stream.aclose()


def _make_transport(proxy: Proxy | None, tls: ssl.SSLContext) -> httpx.AsyncHTTPTransport:
    if proxy is None:
        return httpx.AsyncHTTPTransport(verify=tls, trust_env=False)
    if proxy.is_socks:
        # At DEBUG this logger writes the credentials.
        logging.getLogger("httpcore.socks").setLevel(logging.INFO)
    ssl_context = tls if proxy.kind == "https" else None
    return httpx.AsyncHTTPTransport(
        verify=tls, trust_env=False, proxy=httpx.Proxy(proxy.url(), ssl_context=ssl_context)
    )


def _failure(error: Exception, host: str, proxy: Proxy | None) -> OdysseyError | None:
    """Return the error of this package for a failed request; None when httpx's own error says enough."""
    if isinstance(error, (SOCKSError, AssertionError)):
        if proxy is None or not proxy.is_socks:
            return None
        return proxy.failed(host, "its answer is not that of a SOCKS 5 proxy")
    reason = untrusted_certificate(error)
    if proxy is None:
        return (
            None
            if reason is None
            else OdysseyConnectionError(f"{host} cannot be reached: {reason}", code=ErrorCode.UNREACHABLE)
        )
    if isinstance(error, httpx.ProxyError):
        text = str(error)
        if found := _STATUS.match(text):
            return proxy.refused(int(found[1]), host)
        if text.startswith(("Invalid username", "Requested ")):
            return proxy.login_refused()
        return proxy.failed(host, text.removeprefix("Proxy Server could not connect: ").rstrip("."))
    return proxy.failed(host, reason or type(error).__name__)
