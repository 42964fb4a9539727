"""Proxies and certificates of WebSockets: the arguments of `websockets.connect`, and its failures."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from websockets.asyncio import client as websockets_client
from websockets.exceptions import InvalidProxyStatus, ProxyError

from odyssey_ros.client.certificates import shared_tls_context, untrusted_certificate
from odyssey_ros.client.errors import OdysseyConfigurationError
from odyssey_ros.client.service_text import clean_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from odyssey_ros.client.errors import OdysseyError
    from odyssey_ros.client.proxies import Proxy


_PARSER: Final = "parse_proxy"  # as a text, because its type and its module depend on the version


async def route_options(url: str, proxy: Proxy | None) -> dict[str, Any]:
    """Return the arguments of `websockets.connect` for a ws or wss URL. They hold the proxy's password.

    Raises:
        OdysseyConfigurationError: The certificates of the environment, or the proxy, cannot be used.
    """
    options: dict[str, Any] = {"proxy": None}
    if url.startswith("wss:"):
        options["ssl"] = await shared_tls_context()
    if proxy is not None:
        options["proxy"] = proxy.url(scheme="socks5h" if proxy.is_socks else None)
        if proxy.kind == "https":
            if url.startswith("wss:") and sys.version_info < (3, 11):
                raise OdysseyConfigurationError(
                    f"{proxy.variable} names an https:// proxy, which needs Python 3.11 or later: name an "
                    "http:// proxy"
                )
            options["proxy_ssl"] = await shared_tls_context()
    return options


def socket_failure(error: Exception, host: str, proxy: Proxy) -> OdysseyError:
    """Return the error for a socket to a host that could not be opened through a proxy."""
    if isinstance(error, InvalidProxyStatus):
        return proxy.refused(error.response.status_code, host)
    reason = str(error.__cause__ or "") if isinstance(error, ProxyError) else ""
    if "authentication" in reason:  # the words of python-socks
        return proxy.login_refused()
    system = error.strerror if isinstance(error, OSError) else None
    return proxy.failed(
        host, untrusted_certificate(error) or clean_text(reason) or system or type(error).__name__
    )


def _decode_credentials() -> None:
    """Patch websockets before 17, the newest for Python 3.10: it does not decode the proxy's credentials."""
    parse: Callable[[str], Any] = getattr(websockets_client, _PARSER)
    if parse("http://%2F:@proxy").username == "/":
        return

    def parse_and_decode(url: str) -> Any:
        parsed = parse(url)
        if parsed.username is None:
            return parsed
        return dataclasses.replace(
            parsed, username=unquote(parsed.username), password=unquote(parsed.password)
        )

    setattr(websockets_client, _PARSER, parse_and_decode)


_decode_credentials()
