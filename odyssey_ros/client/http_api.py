"""The HTTP API: its endpoints, the bearer token, and the errors of responses."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote, urlsplit

import httpx

from odyssey_ros.client import responses
from odyssey_ros.client.api_errors import detail_text, error_of
from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.client.errors import (
    NoStreamerError,
    OdysseyArgumentError,
    OdysseyAuthError,
    OdysseyConnectionError,
    OdysseyError,
    OdysseyNotFoundError,
)
from odyssey_ros.client.http_exchange import MAX_ERROR_BYTES, HttpExchange
from odyssey_ros.client.ice import parse_ice_servers
from odyssey_ros.client.json_object import JsonObject, MalformedError
from odyssey_ros.client.redaction import KNOWN_SECRETS
from odyssey_ros.client.service_address import parse_address, require_encryption, require_reachable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from odyssey_ros.client.http_exchange import HttpAnswer
    from odyssey_ros.client.ice import IceServer
    from odyssey_ros.client.responses import AccessToken, Region, SessionGrant, SessionToken
    from odyssey_ros.client.service_address import ServiceAddress
    from odyssey_ros.client.token_cache import TokenCache
    from odyssey_ros.client.types import (
        Recording,
        SimulationJobDetail,
        SimulationJobInfo,
        SimulationJobsList,
        StreamRecordingsList,
    )

logger = logging.getLogger(__name__)

_MAX_ANSWER_BYTES = 1 << 20
# Each of the streams of a job, and each row of a page, has URLs and texts of some kilobytes.
_MAX_LIST_BYTES = 8 << 20

_T = TypeVar("_T")


class HttpApi:
    """The service's HTTP endpoints, on one event loop. All methods but `ping` raise only `OdysseyError`.

    Args:
        api_url: Base URL without a trailing slash.
        api_key: The API key; empty when none is needed.
        tokens: Keeps the bearer token.
        timeout_s: Maximum seconds of one request in total.
        allow_insecure: Whether secrets may be sent over http and ws to other machines.

    Raises:
        OdysseyArgumentError: The URL is malformed, or insecure and not allowed.
    """

    def __init__(
        self,
        api_url: str,
        api_key: str,
        tokens: TokenCache,
        *,
        timeout_s: float,
        allow_insecure: bool = False,
    ) -> None:
        self._api_url = api_url
        self._api_key = api_key
        self._tokens = tokens
        self._timeout_s = timeout_s
        self._allow_insecure = allow_insecure
        try:
            self._address = parse_address(api_url)
        except MalformedError:
            raise OdysseyArgumentError("The API URL must be an http:// or https:// URL") from None
        require_encryption(
            self._address, "The API", allow_insecure=allow_insecure, error=OdysseyArgumentError
        )
        KNOWN_SECRETS.add(api_key)
        self._exchange_lock = asyncio.Lock()
        self._http = HttpExchange(timeout_s=timeout_s)

    async def close(self) -> None:
        """Close the HTTP connections."""
        await self._http.close()

    async def authenticate(self) -> None:
        """Obtain a bearer token, unless a valid one is stored."""
        await self._access_token()

    async def regions(self) -> list[Region]:
        """List the regions whose latency may be measured.

        A region is left out when its ping URL is not encrypted, unless that is allowed, or when a remote
        service names this machine.
        """
        answer = await self._call("GET", "/regions", what="Region list")
        return [
            region for region in _parsed(responses.parse_regions, answer) if self._may_ping(region.address)
        ]

    async def ping(self, url: str) -> bool:
        """Fetch a region's ping URL without authentication; return whether the response is a success."""
        response = await self._http.send("GET", url, max_bytes=MAX_ERROR_BYTES)
        return response.is_success

    async def request_session(self, region_latencies_ms: Mapping[str, int]) -> SessionGrant:
        """Request a session.

        Raises:
            NoStreamerError: All streamers are busy (503).
        """
        body = {"region_latencies": dict(region_latencies_ms)} if region_latencies_ms else {}
        try:
            answer = await self._call(
                "POST", "/sessions/request", what="Session request", body=_encoded(body)
            )
        except OdysseyConnectionError as error:
            if error.status_code == 503:
                raise NoStreamerError(
                    "No streamers available",
                    code=ErrorCode.NO_STREAMER,
                    details=error.details,
                    status_code=503,
                ) from None
            raise
        grant = _parsed(responses.parse_session, answer)
        self._check_named(grant.endpoint.address, "The signaling server")
        return grant

    async def session_token(self, session_id: str) -> SessionToken:
        """Request a token that opens the session's socket.

        Raises:
            OdysseyNotFoundError: The session does not exist or belongs to another account.
        """
        answer = await self._call(
            "POST",
            "/sessions/token",
            what="Session token request",
            not_found="Session not found or not authorized",
            body=_encoded({"session_id": session_id}),
        )
        token = _parsed(responses.parse_session_token, answer)
        KNOWN_SECRETS.add(token.token, issued=True)
        return token

    async def ice_servers(self, signaling_http_base: str) -> tuple[IceServer, ...]:
        """Fetch the ICE servers from a signaling server."""
        response = await self._send("GET", f"{signaling_http_base}/config", what="ICE configuration request")
        if not response.is_success:
            raise error_of(response.status, response.body, what="ICE configuration request")
        servers = _parsed(parse_ice_servers, _json_of(response))
        for server in servers:
            KNOWN_SECRETS.add(server.credential, issued=True)
        return servers

    async def recording(self, stream_id: str) -> Recording:
        """Return the URLs of a stream's artifacts."""
        path = f"/recordings/{quote(stream_id, safe='')}"
        answer = await self._call("GET", path, what="Recording request", not_found="Recording not found")
        return _parsed(responses.parse_recording, answer)

    async def recordings(self, *, limit: int | None, offset: int | None) -> StreamRecordingsList:
        """Return a page of recordings."""
        query = _query(limit=limit, offset=offset)
        answer = await self._call(
            "GET", "/stream-recordings", what="Recording list", query=query, max_bytes=_MAX_LIST_BYTES
        )
        page = _parsed(responses.parse_recordings, answer)
        _report_ignored(page.ignored, "recordings")
        return page

    async def submit_job(self, body: bytes) -> SimulationJobDetail:
        """Submit a simulation job; `body` is the encoded JSON."""
        answer = await self._call(
            "POST", "/simulation-jobs", what="Simulation submission", body=body, max_bytes=_MAX_LIST_BYTES
        )
        return _parsed(responses.parse_job, answer)

    async def job(self, job_id: str) -> SimulationJobDetail:
        """Return a simulation job with its streams."""
        path = f"/simulation-jobs/{quote(job_id, safe='')}"
        answer = await self._call(
            "GET",
            path,
            what="Simulation request",
            not_found="Simulation not found",
            max_bytes=_MAX_LIST_BYTES,
        )
        return _parsed(responses.parse_job, answer)

    async def jobs(
        self, *, status: str | None, active: bool | None, limit: int, offset: int
    ) -> SimulationJobsList:
        """Return a page of simulation jobs."""
        query = _query(status=status, active=active, limit=limit, offset=offset)
        answer = await self._call(
            "GET", "/simulation-jobs", what="Simulation list", query=query, max_bytes=_MAX_LIST_BYTES
        )
        page = _parsed(responses.parse_jobs, answer)
        _report_ignored(page.ignored, "simulation jobs")
        return page

    async def cancel_job(self, job_id: str) -> SimulationJobInfo:
        """Cancel a simulation job."""
        path = f"/simulation-jobs/{quote(job_id, safe='')}"
        try:
            answer = await self._call(
                "DELETE", path, what="Simulation cancel", not_found="Simulation not found"
            )
        except OdysseyArgumentError as error:
            if error.status_code != 400:
                raise
            # This endpoint uses 400 for this failure only.
            raise OdysseyArgumentError(
                error.message, code=ErrorCode.NOT_CANCELLABLE, status_code=400
            ) from None
        return _parsed(responses.parse_job_row, answer)

    async def _call(
        self,
        method: str,
        path: str,
        *,
        what: str,
        not_found: str = "Not found",
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        max_bytes: int = _MAX_ANSWER_BYTES,
    ) -> JsonObject:
        url = self._api_url + path
        token = await self._access_token()
        response = await self._send(
            method, url, what=what, token=token, query=query, body=body, max_bytes=max_bytes
        )
        if response.status == 401:
            # The token may have been revoked before it expired. A second refusal is final.
            self._tokens.discard(token)
            token = await self._access_token()
            response = await self._send(
                method, url, what=what, token=token, query=query, body=body, max_bytes=max_bytes
            )
        if not response.is_success:
            raise error_of(
                response.status,
                response.body,
                what=what,
                not_found=not_found,
                retry_after=response.headers.get("retry-after"),
                date=response.headers.get("date"),
            )
        return _json_of(response)

    async def _access_token(self) -> str:
        async with self._exchange_lock:
            token = self._tokens.get()
            if token is None:
                access = await self._exchange_key()
                self._tokens.put(access)
                token = access.token
            KNOWN_SECRETS.add(token, issued=True)
            return token

    async def _exchange_key(self) -> AccessToken:
        if not self._api_key:
            raise OdysseyAuthError(
                "No API key: pass api_key, set ODYSSEY_API_KEY, or connect with credentials",
                code=ErrorCode.NO_API_KEY,
            )
        response = await self._send(
            "POST",
            f"{self._api_url}/auth/token",
            what="Authentication",
            body=_encoded({"api_key": self._api_key}),
        )
        status = response.status
        if response.is_success:
            return _parsed(responses.parse_access_token, _json_of(response), "Invalid auth response")
        if status == 401:
            raise OdysseyAuthError("Invalid API key", code=ErrorCode.INVALID_API_KEY, status_code=status)
        if status == 422:
            raise OdysseyAuthError(
                "Invalid API key format", code=ErrorCode.INVALID_API_KEY, status_code=status
            )
        error = error_of(
            status,
            response.body,
            what="Authentication",
            retry_after=response.headers.get("retry-after"),
            date=response.headers.get("date"),
        )
        if isinstance(error, OdysseyAuthError):
            text = detail_text(response.body)
            raise OdysseyAuthError(text or "API key access denied", status_code=status)
        if isinstance(error, OdysseyNotFoundError):
            raise OdysseyConnectionError(
                f"No Odyssey API at {urlsplit(self._api_url).netloc}",
                code=ErrorCode.NO_API,
                status_code=status,
            )
        raise error

    async def _send(
        self,
        method: str,
        url: str,
        *,
        what: str,
        token: str | None = None,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        max_bytes: int = _MAX_ANSWER_BYTES,
    ) -> HttpAnswer:
        headers = {}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            return await self._http.send(
                method, url, max_bytes=max_bytes, headers=headers, query=query, body=body
            )
        except asyncio.TimeoutError:
            raise OdysseyConnectionError(
                f"{what}: no answer within {self._timeout_s:g} s", code=ErrorCode.TIMEOUT
            ) from None
        except MalformedError as error:
            raise _invalid(error) from None
        except OdysseyError:
            raise
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            where = urlsplit(url).netloc
            raise OdysseyConnectionError(
                f"{what}: {where} cannot be reached ({type(error).__name__})", code=ErrorCode.UNREACHABLE
            ) from None

    def _check_named(self, address: ServiceAddress, what: str) -> None:
        """Refuse an address that an answer names: insecure ones, and this machine if the API is remote."""
        try:
            require_reachable(address, what, named_by_loopback=self._address.is_loopback)
        except MalformedError as error:
            raise _invalid(error) from None
        require_encryption(address, what, allow_insecure=self._allow_insecure)

    def _may_ping(self, address: ServiceAddress) -> bool:
        try:
            require_reachable(address, "ping_url", named_by_loopback=self._address.is_loopback)
        except MalformedError:
            return False
        return address.is_encrypted or address.is_loopback or self._allow_insecure


def _encoded(body: Mapping[str, object]) -> bytes:
    return json.dumps(body).encode()


def _query(**values: str | float | bool | None) -> dict[str, str]:
    # Numbers and booleans are spelled as in JSON.
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in values.items()
        if value is not None
    }


def _json_of(response: HttpAnswer) -> JsonObject:
    try:
        return JsonObject.parse(response.body)
    except MalformedError as error:
        raise _invalid(error) from None


def _parsed(
    parse: Callable[[JsonObject], _T], answer: JsonObject, message: str = "Invalid API response"
) -> _T:
    try:
        return parse(answer)
    except MalformedError as error:
        raise _invalid(error, message) from None


def _report_ignored(count: int, what: str) -> None:
    if count:
        logger.warning("%d %s of the service's list cannot be read; they are left out", count, what)


def _invalid(error: MalformedError, message: str = "Invalid API response") -> OdysseyError:
    return OdysseyConnectionError(f"{message}: {error}", code=ErrorCode.INVALID_RESPONSE)
