"""Which host names and which web pages may use the service.

A page of any origin can make a browser on this machine send requests to the service. Two rules keep it out:

- The `Host` of a request is an address or a known name. A page whose host name is made to resolve to this
  machine (DNS rebinding) sends that name.
- The `Origin` of a request, which browsers send with every request that a page can read or that changes
  something, WebSockets included, is an origin of this machine or an allowed one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aiohttp import web

from odyssey_ros.emulator.http.http_answers import CONTROL_PREFIX, error_response
from odyssey_ros.web.hosts import HostRule, host_of, is_loopback

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp.typedefs import Middleware

__all__ = ["ANY_ORIGIN", "OriginRule", "web_access"]

ANY_ORIGIN = "*"
"""In the allowed origins: pages of every origin."""

_CORS = {
    "Access-Control-Allow-Methods": "GET, POST, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Range",
    "Access-Control-Expose-Headers": "Location, Content-Length, Content-Range, Accept-Ranges",
    "Access-Control-Max-Age": "600",
}


class OriginRule:
    """The origins whose pages may use the service.

    Args:
        allowed: origins such as `https://app.example.org`, or `ANY_ORIGIN`. Pages of this machine
            (`localhost` and loopback addresses, any port) are always allowed.
    """

    def __init__(self, allowed: tuple[str, ...] = ()) -> None:
        self._allowed = frozenset(origin.lower() for origin in allowed)

    def accepts(self, origin: str) -> bool:
        """Return whether pages of an origin, as in the `Origin` header, may use the service."""
        return ANY_ORIGIN in self._allowed or origin.lower() in self._allowed or _is_local(origin)


def web_access(hosts: HostRule, origins: OriginRule) -> Middleware:
    """Return a middleware that refuses foreign hosts and origins before anything else happens.

    The control endpoint is closed to pages of every origin.
    """

    @web.middleware
    async def check(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        refusal = _refused_host(hosts, request)
        if refusal is not None:
            return refusal
        origin = request.headers.get("Origin")
        if origin is None:
            return await handler(request)
        if request.path.startswith(CONTROL_PREFIX):
            return error_response(403, "The control endpoint does not serve web pages")
        if len(request.headers.getall("Origin")) > 1 or not origins.accepts(origin):
            return error_response(
                403, "Web pages of this origin may not use the emulator; allow the origin with --cors-origin"
            )
        headers = {**_CORS, "Access-Control-Allow-Origin": origin, "Vary": "Origin"}
        if request.method == "OPTIONS":
            return web.Response(status=204, headers=headers)
        response = await handler(request)
        if not response.prepared:
            response.headers.update(headers)
        return response

    return check


def _refused_host(hosts: HostRule, request: web.Request) -> web.Response | None:
    headers = request.headers.getall("Host", [])
    host = host_of(headers[0]) if len(headers) == 1 else None
    if host is None:
        return error_response(400, "The request needs one valid Host header")
    # A request line with a whole URL has a host of its own.
    named = request.url.host or host
    if not hosts.accepts(host) or not hosts.accepts(named.lower().removesuffix(".")):
        return error_response(
            421, "The emulator does not answer to this host name; allow the name with --allow-host"
        )
    return None


def _is_local(origin: str) -> bool:
    try:
        parts = urlsplit(origin)
        host, port = parts.hostname, parts.port
    except ValueError:
        return False
    if parts.scheme not in {"http", "https"} or host is None or not is_loopback(host):
        return False
    shown = f"[{host}]" if ":" in host else host
    return origin.lower() == f"{parts.scheme}://{shown}" + ("" if port is None else f":{port}")
