"""Targets of the client's HTTP side: bodies, headers, addresses and whole responses."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from fuzz_loop import run_on_loop
from fuzz_target import FuzzTarget
from malformed import HOSTILE_TEXTS, as_text, damaged_bytes, damaged_json, damaged_text, texts
from odyssey_ros.client import responses
from odyssey_ros.client.api_errors import detail_text, error_of, retry_after_details
from odyssey_ros.client.errors import OdysseyArgumentError, OdysseyConnectionError, OdysseyError
from odyssey_ros.client.http_api import HttpApi
from odyssey_ros.client.ice import parse_ice_servers
from odyssey_ros.client.json_object import JsonObject, MalformedError
from odyssey_ros.client.session_access import MintedSession
from odyssey_ros.client.signaling import SignalingEndpoint
from odyssey_ros.client.token_cache import TokenCache
from odyssey_ros.client.types import ClientCredentials
from odyssey_ros.client.whep import WhepEndpoint, _on_same_origin, _origin, _redirect_target
from oracle import SECRET, check, check_error, check_number, check_text, check_value

if TYPE_CHECKING:
    from collections.abc import Callable

    from odyssey_ros.client.responses import AccessToken

BEARER = "planted_bearer_token_0123456789"
STREAM = {
    "stream_id": "stream-1",
    "video_url": "https://files.example/v.mp4?signature=1",
    "events_url": None,
    "thumbnail_url": "https://files.example/t.jpg",
    "preview_url": None,
    "frame_count": 100,
    "duration_seconds": 5.0,
    "script_index": 0,
}
JOB = {
    "job_id": "job-1",
    "status": "completed",
    "priority": "normal",
    "created_at": "2026-01-01T00:00:00Z",
    "dispatched_at": None,
    "started_at": "2026-01-01T00:00:01Z",
    "completed_at": None,
    "error_message": "out of memory",
    "assigned_region": "eu",
    "retry_count": 1,
    "streams": [STREAM, STREAM],
    "estimated_wait_minutes": 1.5,
}
USAGE = {
    "error": "MONTHLY_LIMIT_REACHED",
    "message": "Monthly limit reached",
    "action": "Upgrade",
    "action_url": "https://example.com/",
    "details": {"limit_hours": 10, "reset_date": "2030-01-01", "retry_after_seconds": 30},
}
ERRORS: tuple[object, ...] = (
    {"detail": "Not found"},
    {"detail": {"message": "Not found"}},
    {"detail": [{"loc": ["body", "api_key"], "msg": "field required", "type": "value_error"}]},
    {"detail": USAGE},
    {**USAGE, "code": "RATE_LIMITED"},
)
STATUSES = (400, 401, 402, 403, 404, 408, 409, 422, 429, 451, 499, 500, 502, 503, 599)
# The JWT of a session, whose signature the client does not check.
SESSION_TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzZXNzaW9uX2lkIjoicyJ9.c2lnbmF0dXJl"  # noqa: S105 - no secret


def _json_target(
    name: str, parse: Callable[[JsonObject], object], *valid: object, check_result: Callable[[Any], None]
) -> FuzzTarget:
    def parse_body(data: bytes) -> object:
        result = parse(JsonObject.parse(data))
        check_value(result)
        check_result(result)
        return result

    return FuzzTarget(name, damaged_json(*valid), parse_body, (MalformedError,))


def _nothing_more(_result: object) -> None:
    """Check nothing beyond the texts and numbers."""


def _check_access(access: AccessToken) -> None:
    check(access.token.isascii() and access.token.isprintable(), "the token does not fit into a header")


def _check_regions(regions: list[responses.Region]) -> None:
    for region in regions:
        check(region.ping_url.lower().startswith(("http://", "https://")), "a ping URL is no http URL")


def _check_page(page: Any) -> None:
    check_number(page.total, "total", least=0)


def _check_session(grant: responses.SessionGrant) -> None:
    _check_endpoint(grant.endpoint)


def _check_endpoint(endpoint: SignalingEndpoint) -> None:
    check_value(endpoint)
    check(endpoint.ws_base.startswith(("ws://", "wss://")), "ws_base is no WebSocket URL")
    check(endpoint.http_base.startswith(("http://", "https://")), "http_base is no http URL")
    check_text(endpoint.client_url("session/..?&#", SECRET), "the URL of the socket")


def _error_body(data: bytes) -> None:
    for status in (STATUSES[len(data) % len(STATUSES)], 429):
        error = error_of(status, data, what="Request", retry_after="30")
        check(error.status_code == status, "the error has another status")
        check_error(error)
    check_text(detail_text(data), "the detail")


def _retry_after(data: bytes) -> None:
    details = retry_after_details(data.decode("latin-1"))
    wait_s = OdysseyConnectionError("busy", details=details).retry_after_s
    if wait_s is not None:
        check_number(wait_s, "the wait", least=0.0)


def _endpoint(data: bytes) -> None:
    _check_endpoint(SignalingEndpoint.parse(as_text(data)))


def _ice_servers(servers: Any) -> None:
    for server in servers:
        check(server.urls, "an ICE server has no URL")


def _credentials(data: bytes) -> None:
    credentials = ClientCredentials.from_dict(JsonObject.parse(data).to_dict())
    check_number(credentials.expires_in, "expires_in", least=0)
    check_text(credentials.session_id, "session_id")
    # The token may also be a part of another field.
    shown = (
        repr(credentials)
        .replace(repr(credentials.signaling_url), "")
        .replace(repr(credentials.session_id), "")
    )
    check(credentials.session_token not in shown, "the repr shows the token")
    json.dumps(credentials.to_dict()).encode()
    MintedSession(credentials)


def _whep_endpoint(data: bytes) -> None:
    endpoint = WhepEndpoint.parse(as_text(data), BEARER)
    check_value(endpoint)
    check(endpoint.offer_url.startswith(("http://", "https://")), "the offer URL is no http URL")
    check(BEARER not in repr(endpoint), "the repr shows the token")


def _location(data: bytes) -> None:
    # httpx decodes the header; the space around its value does not arrive.
    location = data.decode("latin-1").strip()
    base = "https://media.example/live/1/whep"
    resource = _on_same_origin(base, location)
    check(resource is None or _origin(resource) == _origin(base), "the session is on another origin")
    target = _redirect_target(base, location)
    check(target.startswith("https://"), "a redirect leads from https to http")
    check("@" not in target.split("/")[2], "a redirect holds a user name")


class _RawServer:
    """A TCP server that answers requests with the bytes of the input, and closes the connection."""

    def __init__(self) -> None:
        self._answer = b""
        self._authenticates = False
        self._api: HttpApi | None = None
        self._tokens = TokenCache()

    async def call(self, answer: bytes) -> None:
        """Request a token or, with a valid one, a job, and receive the input as the response."""
        self._answer, self._authenticates = answer, len(answer) % 2 == 1
        if self._api is None:
            server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]
            self._api = HttpApi(f"http://127.0.0.1:{port}", SECRET, self._tokens, timeout_s=20.0)
        try:
            if self._authenticates:
                await self._api.authenticate()
            else:
                check_value(await self._api.job("job-1"))
        except OdysseyError as error:
            check_error(error, SECRET, BEARER)
            raise
        finally:
            self._tokens.discard(self._tokens.get() or "")  # the next input starts without one

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            for line in head.lower().split(b"\r\n"):
                if line.startswith(b"content-length:"):
                    await reader.readexactly(int(line.split(b":")[1]))
            is_token = head.startswith(b"POST /auth/token ") and not self._authenticates
            writer.write(_TOKEN_RESPONSE if is_token else self._answer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


_server = _RawServer()


def _response(data: bytes) -> None:
    run_on_loop(_server.call(data))


def _http(status: str, body: bytes, *headers: str) -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Content-Type: application/json", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


_TOKEN_RESPONSE = _http("200 OK", json.dumps({"access_token": BEARER, "expires_in": 3600}).encode())
_JOB_BODY = json.dumps(JOB).encode()
_RESPONSES = (
    _http("200 OK", json.dumps({"access_token": "token", "expires_in": 60}).encode()),
    _http("200 OK", _JOB_BODY),
    _http("200 OK", _JOB_BODY, "Content-Encoding: gzip"),
    _http("200 OK", _JOB_BODY, "Content-Encoding: zstd"),
    b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\n3\r\n1}\n\r\n0\r\n\r\n',
    b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://[oops/\r\nContent-Length: 0\r\n\r\n",
    _http("429 Too Many", json.dumps({"detail": USAGE}).encode(), "Retry-After: 999999999"),
    _http("503 Busy", b'{"detail": "busy"}', "Retry-After: Fri, 31 Dec 2099 23:59:59 GMT"),
)


def _error_responses() -> st.SearchStrategy[bytes]:
    """Return responses that are valid as HTTP, with statuses and texts of every kind."""
    return st.builds(
        lambda status, text, wait: _http(
            f"{status} Reason", json.dumps({"detail": text}).encode(), f"Retry-After: {wait}"
        ),
        st.sampled_from(STATUSES),
        texts() | st.sampled_from((SECRET, BEARER, f"Bearer {BEARER}", SECRET * 100, "x" * 490 + SECRET)),
        st.integers(-1, 2**70),
    )


TARGETS = [
    FuzzTarget("error_body", damaged_json(*ERRORS), _error_body),
    FuzzTarget(
        "retry_after",
        damaged_text(
            "30", "0", "999999999", "1.5", "Fri, 31 Dec 2099 23:59:59 GMT", "Wed, 21 Oct 2015 07:28:00 GMT"
        ),
        _retry_after,
    ),
    FuzzTarget(
        "http_response",
        damaged_bytes(*_RESPONSES) | _error_responses(),
        _response,
        (OdysseyError,),
        share=0.3,
    ),
    _json_target(
        "access_token",
        responses.parse_access_token,
        {"access_token": "token", "expires_in": 3600, "token_type": "bearer"},
        check_result=_check_access,
    ),
    _json_target(
        "regions",
        responses.parse_regions,
        {
            "regions": [
                {"id": "eu", "ping_url": "https://eu.example/ping"},
                {"id": "us", "ping_url": "http://u"},
            ]
        },
        check_result=_check_regions,
    ),
    _json_target(
        "session",
        responses.parse_session,
        {
            "session_id": "session-1",
            "signalling_url": "wss://streamer.example/path",
            "capabilities": {"image_to_video": True},
        },
        check_result=_check_session,
    ),
    _json_target(
        "session_token",
        responses.parse_session_token,
        {"session_token": SESSION_TOKEN, "expires_in": 600},
        check_result=_nothing_more,
    ),
    _json_target("recording", responses.parse_recording, STREAM, check_result=_nothing_more),
    _json_target(
        "recordings",
        responses.parse_recordings,
        {
            "recordings": [
                {"stream_id": "s", "width": 1280, "height": 704, "started_at": "2026-01-01T00:00:00Z"}
            ],
            "total": 1,
            "limit": 50,
            "offset": 0,
        },
        check_result=_check_page,
    ),
    _json_target("job", responses.parse_job, JOB, check_result=_nothing_more),
    _json_target("job_row", responses.parse_job_row, JOB, check_result=_nothing_more),
    _json_target(
        "jobs",
        responses.parse_jobs,
        {"jobs": [JOB, JOB], "total": 2, "limit": 20, "offset": 0},
        check_result=_check_page,
    ),
    _json_target(
        "ice_servers",
        parse_ice_servers,
        {
            "iceServers": [
                {"urls": "stun:stun.example:3478"},
                {"urls": ["turn:turn.example:3478?transport=udp"], "username": "u", "credential": "c"},
            ]
        },
        check_result=_ice_servers,
    ),
    FuzzTarget(
        "credentials",
        damaged_json(
            {
                "session_id": "s",
                "signaling_url": "wss://streamer.example/",
                "session_token": SESSION_TOKEN,
                "expires_in": 600,
                "capabilities": {"image_to_video": True},
            }
        ),
        _credentials,
        (OdysseyArgumentError, MalformedError),
    ),
    FuzzTarget(
        "signaling_url",
        damaged_text(
            "wss://streamer.example:443/a/b", "127.0.0.1:8765", "ws://[::1]:1/", tokens=HOSTILE_TEXTS
        ),
        _endpoint,
        (MalformedError,),
    ),
    FuzzTarget(
        "whep_url",
        damaged_text("https://media.example/live/1", "http://127.0.0.1:8080/live/1/?a=b", "http://[::1]/"),
        _whep_endpoint,
        (OdysseyArgumentError,),
    ),
    FuzzTarget(
        "whep_location",
        damaged_text(
            "https://media.example/resource/1",
            "/resource/1?token=x",
            "//other.example/",
            "http://media.example/",
            "https://user:pass@media.example:444/",
        ),
        _location,
        (OdysseyConnectionError,),
    ),
]
