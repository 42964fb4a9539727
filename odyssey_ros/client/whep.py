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
from odyssey_ros.client.http_exchange import HttpExchange
from odyssey_ros.client.ice import PUBLIC_STUN, parse_ice_servers
from odyssey_ros.client.json_object import JsonObject, MalformedError
from odyssey_ros.client.redaction import KNOWN_SECRETS
from odyssey_ros.client.service_address import parse_address, require_encryption, require_reachable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from odyssey_ros.client.config import AdvancedConfig
    from odyssey_ros.client.http_exchange import HttpAnswer
    from odyssey_ros.client.ice import IceServer

logger = logging.getLogger(__name__)

MAX_REDIRECTS: Final = 5
# Only these keep the method and the body of a request (RFC 9110, 15.4; as in WHIP, RFC 9725, 4.5).
_REDIRECTS: Final = frozenset({307, 308})
# A session description has about 10 kB.
_MAX_ANSWER_BYTES: Final = 256 * 1024


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
    def parse(cls, webrtc_url: str, spectator_token: str, *, allow_insecure: bool = False) -> WhepEndpoint:
        """Parse the values of `BroadcastInfo`. The URL may end with a slash; a query is kept.

        Args:
            webrtc_url: The URL.
            spectator_token: The token.
            allow_insecure: Whether the token may be sent over http to another machine.

        Raises:
            OdysseyArgumentError: The URL is not an http or https URL, or insecure and not allowed.
        """
        try:
            address = parse_address(webrtc_url.strip())
        except MalformedError:
            raise OdysseyArgumentError("The WebRTC URL must be an http:// or https:// URL") from None
        require_encryption(
            address, "The broadcast", allow_insecure=allow_insecure, error=OdysseyArgumentError
        )
        path = f"{address.path.rstrip('/')}/whep"
        return cls(
            offer_url=urlunsplit((address.scheme, address.netloc, path, address.query, "")),
            config_url=urlunsplit((address.scheme, address.netloc, "/config", "", "")),
            token=spectator_token,
            is_loopback=address.is_loopback,
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
        self._http = HttpExchange(timeout_s=config.request_timeout_s)
        KNOWN_SECRETS.add(endpoint.token, issued=True)

    async def ice_servers(self) -> Sequence[IceServer]:
        """Fetch the ICE servers; without an answer, return a public STUN server, or none on loopback.

        Raises:
            OdysseyConfigurationError: A variable of the environment cannot be used.
        """
        try:
            answer = await self._http.send("GET", self._endpoint.config_url, max_bytes=_MAX_ANSWER_BYTES)
            if not answer.is_success:
                raise MalformedError(f"status {answer.status}")
            servers = parse_ice_servers(JsonObject.parse(answer.body))
        except OdysseyConfigurationError:
            raise
        except (httpx.HTTPError, OSError, MalformedError, asyncio.TimeoutError) as error:
            if self._endpoint.is_loopback:
                return ()
            logger.warning(
                "Cannot fetch the ICE configuration; using a public STUN server: %s", type(error).__name__
            )
            return PUBLIC_STUN
        for server in servers:
            KNOWN_SECRETS.add(server.credential, issued=True)
        return servers

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
            answer = await self._post(url, sdp)
            location = answer.headers.get("location", "")
            if answer.status not in _REDIRECTS:
                break
            url = _redirect_target(url, location)
        else:
            raise _bad_redirect(f"there are more than {MAX_REDIRECTS} redirects")
        status = answer.status
        if status == 201 and location:
            self._resource_url = _on_same_origin(url, location)
        if answer.is_success:
            return answer.body.decode("utf-8", "replace")
        if 300 <= status < 400:
            raise _bad_redirect(f"status {status} loses the offer; the server must use 307 or 308", status)
        if status in {401, 403}:
            raise OdysseyAuthError("Invalid spectator token", status_code=status)
        if status == 404:
            raise OdysseyNotFoundError("Stream not found", status_code=status)
        raise OdysseyConnectionError(
            f"WHEP connection failed: {status}",
            details=retry_after_details(answer.headers.get("retry-after"), answer.headers.get("date")),
            status_code=status,
        )

    async def delete_session(self) -> None:
        """End the session that the answer created, if there is one. A failure is ignored."""
        if self._resource_url is None:
            return
        try:
            await self._http.send(
                "DELETE",
                self._resource_url,
                max_bytes=_MAX_ANSWER_BYTES,
                timeout_s=self._config.close_timeout_s,
            )
        except (OdysseyError, httpx.HTTPError, OSError, MalformedError, asyncio.TimeoutError) as error:
            logger.debug("Cannot end the WHEP session; the server will expire it: %s", type(error).__name__)

    async def close(self) -> None:
        """Close the HTTP connections."""
        await self._http.close()

    async def _post(self, url: str, sdp: str) -> HttpAnswer:
        target = httpx.URL(url)
        if _origin(url) == _origin(self._endpoint.offer_url) and "token" not in target.params:
            target = target.copy_add_param("token", self._endpoint.token)
        try:
            return await self._http.send(
                "POST",
                target,
                max_bytes=_MAX_ANSWER_BYTES,
                body=sdp.encode(),
                headers={"Content-Type": "application/sdp"},
            )
        except OdysseyError:
            raise
        except MalformedError as error:
            raise OdysseyConnectionError(
                f"Invalid answer of the broadcast: {error}", code=ErrorCode.INVALID_RESPONSE
            ) from None
        except (httpx.HTTPError, OSError, asyncio.TimeoutError) as error:
            raise OdysseyConnectionError(
                f"The broadcast cannot be reached ({type(error).__name__})", code=ErrorCode.UNREACHABLE
            ) from None


def _redirect_target(url: str, location: str) -> str:
    """Return the absolute URL to which a redirect leads.

    Raises:
        OdysseyConnectionError: The redirect must not be followed.
    """
    if not location:
        raise _bad_redirect("it has no usable Location")
    try:
        before, given = parse_address(url), urlsplit(location)
        after = parse_address(urljoin(url, location).partition("#")[0])
    except ValueError:  # also a MalformedError
        raise _bad_redirect("its Location is malformed") from None
    if given.scheme and not given.netloc:
        raise _bad_redirect("it has no usable Location")
    if before.is_encrypted and not after.is_encrypted:
        raise _bad_redirect("it leads from https to http")
    if after.is_loopback != before.is_loopback:
        # The candidates of the offer belong to one side, and a remote server must not choose a service on
        # this machine.
        raise _bad_redirect("it leads from or to this machine")
    try:
        require_reachable(after, "it", named_by_loopback=before.is_loopback)
    except MalformedError as error:
        raise _bad_redirect(str(error)) from None
    return urlunsplit((after.scheme, after.netloc, after.path, after.query, ""))


def _bad_redirect(reason: str, status: int | None = None) -> OdysseyConnectionError:
    return OdysseyConnectionError(
        f"The redirect of the broadcast is not followed: {reason}",
        code=ErrorCode.INVALID_RESPONSE,
        status_code=status,
    )


def _on_same_origin(base: str, location: str) -> str | None:
    """Return the absolute URL of a WHEP session; None when it is not on the same server."""
    try:
        url = urljoin(base, location)
        parse_address(url)
    except ValueError:  # also a MalformedError
        return None
    return url if _origin(url) == _origin(base) else None


def _origin(url: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port (RFC 6454)."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return "", "", None
    return parts.scheme, parts.hostname or "", port
