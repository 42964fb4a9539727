"""The HTTP API: its endpoints, the bearer token, and the errors of responses."""

from __future__ import annotations

import asyncio
import json
import logging
import time
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
from odyssey_ros.client.http_transport import EnvironmentTransport
from odyssey_ros.client.ice import parse_ice_servers
from odyssey_ros.client.json_object import JsonObject, MalformedError
from odyssey_ros.client.tasks import within

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from odyssey_ros.client.ice import IceServer
    from odyssey_ros.client.responses import AccessToken, Region, SessionGrant, SessionToken
    from odyssey_ros.client.types import (
        Recording,
        SimulationJobDetail,
        SimulationJobInfo,
        SimulationJobsList,
        StreamRecordingsList,
    )

logger = logging.getLogger(__name__)

_STALE_BEFORE_EXPIRY_S = 60.0

_T = TypeVar("_T")


class TokenCache:
    """Keeps the bearer token between connections. A token is stale a minute before it expires."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._token: str | None = None
        self._stale_at = 0.0

    def get(self) -> str | None:
        """Return the token; None when there is none or it is stale."""
        return self._token if self._clock() < self._stale_at else None

    def put(self, access: AccessToken) -> None:
        """Store a new token."""
        margin = min(_STALE_BEFORE_EXPIRY_S, access.expires_in_s / 2)
        self._token = access.token
        self._stale_at = self._clock() + access.expires_in_s - margin

    def discard(self, token: str) -> None:
        """Discard a token that the service refused, unless a newer one replaced it."""
        if self._token == token:
            self._token = None
            self._stale_at = 0.0


class HttpApi:
    """The service's HTTP endpoints, on one event loop. All methods but `ping` raise only `OdysseyError`.

    Args:
        api_url: Base URL without a trailing slash.
        api_key: The API key; empty when none is needed.
        tokens: Keeps the bearer token.
        timeout_s: Maximum seconds of one request in total.
    """

    def __init__(self, api_url: str, api_key: str, tokens: TokenCache, *, timeout_s: float) -> None:
        self._api_url = api_url
        self._api_key = api_key
        self._tokens = tokens
        self._timeout_s = timeout_s
        self._exchange_lock = asyncio.Lock()
        self._http = httpx.AsyncClient(transport=EnvironmentTransport(), timeout=timeout_s, trust_env=False)

    async def close(self) -> None:
        """Close the HTTP connections."""
        await self._http.aclose()

    async def authenticate(self) -> None:
        """Obtain a bearer token, unless a valid one is stored."""
        await self._access_token()

    async def regions(self) -> list[Region]:
        """List the regions."""
        return _parsed(responses.parse_regions, await self._call("GET", "/regions", what="Region list"))

    async def ping(self, url: str) -> bool:
        """Fetch a region's ping URL without authentication; return whether the response is a success."""
        response = await self._http.get(url)
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
        return _parsed(responses.parse_session, answer)

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
        return _parsed(responses.parse_session_token, answer)

    async def ice_servers(self, signaling_http_base: str) -> tuple[IceServer, ...]:
        """Fetch the ICE servers from a signaling server."""
        response = await self._send("GET", f"{signaling_http_base}/config", what="ICE configuration request")
        if not response.is_success:
            raise error_of(response.status_code, response.content, what="ICE configuration request")
        return _parsed(parse_ice_servers, _json_of(response))

    async def recording(self, stream_id: str) -> Recording:
        """Return the URLs of a stream's artifacts."""
        path = f"/recordings/{quote(stream_id, safe='')}"
        answer = await self._call("GET", path, what="Recording request", not_found="Recording not found")
        return _parsed(responses.parse_recording, answer)

    async def recordings(self, *, limit: int | None, offset: int | None) -> StreamRecordingsList:
        """Return a page of recordings."""
        query = _query(limit=limit, offset=offset)
        return _parsed(
            responses.parse_recordings,
            await self._call("GET", "/stream-recordings", what="Recording list", query=query),
        )

    async def submit_job(self, body: bytes) -> SimulationJobDetail:
        """Submit a simulation job; `body` is the encoded JSON."""
        answer = await self._call("POST", "/simulation-jobs", what="Simulation submission", body=body)
        return _parsed(responses.parse_job, answer)

    async def job(self, job_id: str) -> SimulationJobDetail:
        """Return a simulation job with its streams."""
        path = f"/simulation-jobs/{quote(job_id, safe='')}"
        answer = await self._call("GET", path, what="Simulation request", not_found="Simulation not found")
        return _parsed(responses.parse_job, answer)

    async def jobs(
        self, *, status: str | None, active: bool | None, limit: int, offset: int
    ) -> SimulationJobsList:
        """Return a page of simulation jobs."""
        query = _query(status=status, active=active, limit=limit, offset=offset)
        answer = await self._call("GET", "/simulation-jobs", what="Simulation list", query=query)
        return _parsed(responses.parse_jobs, answer)

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
    ) -> JsonObject:
        token = await self._access_token()
        response = await self._send(
            method, self._api_url + path, what=what, token=token, query=query, body=body
        )
        if response.status_code == 401:
            # The token may have been revoked before it expired. A second refusal is final.
            self._tokens.discard(token)
            token = await self._access_token()
            response = await self._send(
                method, self._api_url + path, what=what, token=token, query=query, body=body
            )
        if not response.is_success:
            raise error_of(
                response.status_code,
                response.content,
                what=what,
                not_found=not_found,
                retry_after=response.headers.get("retry-after"),
            )
        return _json_of(response)

    async def _access_token(self) -> str:
        async with self._exchange_lock:
            token = self._tokens.get()
            if token is None:
                access = await self._exchange_key()
                self._tokens.put(access)
                token = access.token
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
        status = response.status_code
        if response.is_success:
            return _parsed(responses.parse_access_token, _json_of(response), "Invalid auth response")
        if status == 401:
            raise OdysseyAuthError("Invalid API key", code=ErrorCode.INVALID_API_KEY, status_code=status)
        if status == 422:
            raise OdysseyAuthError(
                "Invalid API key format", code=ErrorCode.INVALID_API_KEY, status_code=status
            )
        error = error_of(
            status, response.content, what="Authentication", retry_after=response.headers.get("retry-after")
        )
        if isinstance(error, OdysseyAuthError):
            text = detail_text(response.content).replace(self._api_key, "…")
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
    ) -> httpx.Response:
        headers = {}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        request = self._http.request(method, url, headers=headers, params=query, content=body)
        try:
            # The timeout of httpx bounds each phase of a request, not the whole.
            return await within(self._timeout_s, request)
        except (asyncio.TimeoutError, httpx.TimeoutException):
            raise OdysseyConnectionError(
                f"{what}: no answer within {self._timeout_s:g} s", code=ErrorCode.TIMEOUT
            ) from None
        except OdysseyError:
            raise
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            where = urlsplit(url).netloc.rpartition("@")[2]
            raise OdysseyConnectionError(
                f"{what}: {where} cannot be reached ({type(error).__name__})", code=ErrorCode.UNREACHABLE
            ) from None


def _encoded(body: Mapping[str, object]) -> bytes:
    return json.dumps(body).encode()


def _query(**values: str | float | bool | None) -> dict[str, str]:
    # Numbers and booleans are spelled as in JSON.
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in values.items()
        if value is not None
    }


def _json_of(response: httpx.Response) -> JsonObject:
    try:
        return JsonObject.parse(response.content)
    except MalformedError as error:
        raise _invalid(error) from None


def _parsed(
    parse: Callable[[JsonObject], _T], answer: JsonObject, message: str = "Invalid API response"
) -> _T:
    try:
        return parse(answer)
    except MalformedError as error:
        raise _invalid(error, message) from None


def _invalid(error: MalformedError, message: str = "Invalid API response") -> OdysseyError:
    return OdysseyConnectionError(f"{message}: {error}", code=ErrorCode.INVALID_RESPONSE)
