"""The requests of a WHEP client (draft-ietf-wish-whep, without trickle ICE): offer, redirects, end."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit, urlunsplit

import httpx

from odyssey_ros.client.api_errors import retry_after_details
from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.client.errors import (
    OdysseyArgumentError,
    OdysseyAuthError,
    OdysseyConfigurationError,
    OdysseyConnectionError,
    OdysseyError,
    OdysseyNotFoundError,
)
from odyssey_ros.client.http_transport import EnvironmentTransport
from odyssey_ros.client.ice import PUBLIC_STUN, parse_ice_servers
from odyssey_ros.client.json_object import JsonObject, MalformedError
from odyssey_ros.client.loopback import is_loopback_host
from odyssey_ros.client.tasks import within

if TYPE_CHECKING:
    from collections.abc import Sequence

    from odyssey_ros.client.config import AdvancedConfig
    from odyssey_ros.client.ice import IceServer

logger = logging.getLogger(__name__)

MAX_REDIRECTS: Final = 5
# Only these keep the method and the body of a request (RFC 9110, 15.4; as in WHIP, RFC 9725, 4.5).
_REDIRECTS: Final = frozenset({307, 308})
_LOCATION: Final = "odyssey_location"


@dataclass(frozen=True, slots=True)
class WhepEndpoint:
    """The addresses of a broadcast.

    Attributes:
        offer_url: URL to which the offer is posted, without the token.
        config_url: URL of the ICE configuration.
        token: Bearer token of the spectator; a secret.
        is_loopback: Whether the host name or address literal means this machine.
    """

    offer_url: str
    config_url: str
    token: str = field(repr=False)
    is_loopback: bool

    @classmethod
    def parse(cls, webrtc_url: str, spectator_token: str) -> WhepEndpoint:
        """Parse the values of `BroadcastInfo`. The URL may end with a slash; a query is kept.

        Raises:
            OdysseyArgumentError: The URL is not an http or https URL.
        """
        try:
            parts = urlsplit(webrtc_url.strip())
            host, _port = parts.hostname, parts.port
        except ValueError:
            host = None
        if not host or parts.scheme not in {"http", "https"}:
            raise OdysseyArgumentError("The WebRTC URL must be an http:// or https:// URL")
        path = f"{parts.path.rstrip('/')}/whep"
        return cls(
            offer_url=urlunsplit((parts.scheme, parts.netloc, path, parts.query, "")),
            config_url=urlunsplit((parts.scheme, parts.netloc, "/config", "", "")),
            token=spectator_token,
            is_loopback=is_loopback_host(host),
        )


class WhepClient:
    """Makes the requests of one spectator. Belongs to one event loop.

    Args:
        endpoint: The addresses of the broadcast.
        config: Timeouts.
    """

    def __init__(self, endpoint: WhepEndpoint, config: AdvancedConfig) -> None:
        self._endpoint = endpoint
        self._config = config
        self._resource_url: str | None = None
        self._transport = _SecretQueries(EnvironmentTransport())
        self._http = httpx.AsyncClient(
            transport=self._transport, timeout=config.request_timeout_s, trust_env=False
        )

    async def ice_servers(self) -> Sequence[IceServer]:
        """Fetch the ICE servers; without an answer, return a public STUN server, or none on loopback.

        Raises:
            OdysseyConfigurationError: A variable of the environment cannot be used.
        """
        try:
            response = await within(self._config.request_timeout_s, self._http.get(self._endpoint.config_url))
            response.raise_for_status()
            return parse_ice_servers(JsonObject.parse(response.content))
        except OdysseyConfigurationError:
            raise
        except (httpx.HTTPError, OSError, MalformedError, asyncio.TimeoutError) as error:
            if self._endpoint.is_loopback:
                return ()
            logger.warning(
                "Cannot fetch the ICE configuration; using a public STUN server: %s", type(error).__name__
            )
            return PUBLIC_STUN

    async def post_offer(self, sdp: str) -> str:
        """Post the offer and return the answer. Redirects with status 307 and 308 are followed.

        The token is sent only to the origin of the endpoint. The address of a redirect to another origin must
        contain whatever that server requires.

        Raises:
            OdysseyAuthError: The token was refused.
            OdysseyNotFoundError: The broadcast does not exist.
            OdysseyConnectionError: The server is unreachable, or its response is unusable.
            OdysseyConfigurationError: A variable of the environment cannot be used.
        """
        url = self._endpoint.offer_url
        for _ in range(MAX_REDIRECTS + 1):
            response = await self._post(url, sdp)
            if response.status_code not in _REDIRECTS:
                break
            url = _redirect_target(url, _location_of(response))
        else:
            raise _bad_redirect(f"there are more than {MAX_REDIRECTS} redirects")
        status = response.status_code
        if status == 201 and (location := _location_of(response)):
            self._resource_url = _on_same_origin(url, location)
        if response.is_success:
            return response.text
        if 300 <= status < 400:
            raise _bad_redirect(f"status {status} loses the offer; the server must use 307 or 308", status)
        if status in {401, 403}:
            raise OdysseyAuthError("Invalid spectator token", status_code=status)
        if status == 404:
            raise OdysseyNotFoundError("Stream not found", status_code=status)
        raise OdysseyConnectionError(
            f"WHEP connection failed: {status}",
            details=retry_after_details(response.headers.get("retry-after")),
            status_code=status,
        )

    async def delete_session(self) -> None:
        """End the session that the answer created, if there is one. A failure is ignored."""
        if self._resource_url is None:
            return
        try:
            await within(self._config.close_timeout_s, self._http.delete(self._resource_url))
        except (OdysseyError, httpx.HTTPError, OSError, asyncio.TimeoutError) as error:
            logger.debug("Cannot end the WHEP session; the server will expire it: %s", type(error).__name__)

    async def close(self) -> None:
        """Close the HTTP connections."""
        await self._http.aclose()

    async def _post(self, url: str, sdp: str) -> httpx.Response:
        token = self._endpoint.token if _origin(url) == _origin(self._endpoint.offer_url) else ""
        # The query of a redirect may be a secret of the server.
        visible = url if url == self._endpoint.offer_url else self._transport.hide_query(url)
        self._transport.hide_token(visible, token)
        request = self._http.post(visible, content=sdp.encode(), headers={"Content-Type": "application/sdp"})
        try:
            return await within(self._config.request_timeout_s, request)
        except OdysseyError:
            raise
        except (httpx.HTTPError, OSError, asyncio.TimeoutError) as error:
            raise OdysseyConnectionError(
                f"The broadcast cannot be reached ({type(error).__name__})", code=ErrorCode.UNREACHABLE
            ) from None


class _SecretQueries(httpx.AsyncBaseTransport):
    """Adds secret queries to POST requests, below the layer at which httpx logs URLs.

    The Location of a response becomes one of its extensions.
    """

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport
        self._queries: dict[str, str] = {}
        self._tokens: dict[str, str] = {}

    def hide_query(self, url: str) -> str:
        """Return the URL without its query, which is added to the requests."""
        parts = urlsplit(url)
        visible = str(httpx.URL(urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))))
        self._queries[visible] = parts.query
        return visible

    def hide_token(self, url: str, token: str) -> None:
        """Add `token` to the query of requests to a URL, unless the query has one; empty adds nothing."""
        self._tokens[str(httpx.URL(url))] = token

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        key = str(request.url)
        if request.method == "POST":
            url = request.url
            if query := self._queries.get(key):
                url = url.copy_with(query=query.encode())
            if (token := self._tokens.get(key)) and "token" not in url.params:
                url = url.copy_add_param("token", token)
            request = httpx.Request(
                request.method,
                url,
                headers=request.headers,
                stream=request.stream,
                extensions=request.extensions,
            )
        response = await self._transport.handle_async_request(request)
        # httpx parses the Location of a redirect even when it does not follow it, with exceptions of its own.
        response.extensions[_LOCATION] = response.headers.pop("location", "")
        return response

    async def aclose(self) -> None:
        await self._transport.aclose()


def _location_of(response: httpx.Response) -> str:
    location: str = response.extensions[_LOCATION]
    return location


def _redirect_target(url: str, location: str) -> str:
    """Return the absolute URL to which a redirect leads.

    Raises:
        OdysseyConnectionError: The redirect must not be followed.
    """
    try:
        target = urljoin(url, location)
        before, after, given = urlsplit(url), urlsplit(target), urlsplit(location)
        host, _port = after.hostname or "", after.port
        httpx.URL(target)
    except (ValueError, httpx.InvalidURL):
        raise _bad_redirect("its Location is malformed") from None
    incomplete = not location or not host or (given.scheme and not given.netloc)
    if incomplete or after.scheme not in {"http", "https"} or after.username is not None:
        raise _bad_redirect("it has no usable Location")
    if before.scheme == "https" and after.scheme != "https":
        raise _bad_redirect("it leads from https to http")
    if is_loopback_host(host) != is_loopback_host(before.hostname or ""):
        # The candidates of the offer belong to one side, and a remote server must not choose a service on
        # this machine.
        raise _bad_redirect("it leads from or to this machine")
    return urlunsplit((after.scheme, after.netloc, after.path, after.query, ""))


def _bad_redirect(reason: str, status: int | None = None) -> OdysseyConnectionError:
    return OdysseyConnectionError(
        f"The redirect of the broadcast is not followed: {reason}",
        code=ErrorCode.INVALID_RESPONSE,
        status_code=status,
    )


def _on_same_origin(base: str, location: str) -> str | None:
    """Return the absolute URL of a WHEP session; None when it is not on the same server."""
    url = urljoin(base, location)
    return url if _origin(url) == _origin(base) else None


def _origin(url: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port (RFC 6454)."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return "", "", None
    return parts.scheme, parts.hostname or "", port
