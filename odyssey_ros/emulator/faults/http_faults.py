"""Faults of the HTTP endpoints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from odyssey_ros.emulator.faults.fault import Fault

__all__ = [
    "ENDPOINTS",
    "ExpiredUrls",
    "HttpDelay",
    "HttpDrop",
    "HttpEcho",
    "HttpFault",
    "HttpFlood",
    "HttpHang",
    "HttpMalformed",
    "HttpRedirect",
    "HttpStatus",
    "HttpUsageError",
]

ENDPOINTS = (
    "auth_token", "regions", "ping", "sessions_request", "sessions_token", "config", "signaling", "telemetry",
    "recordings_get", "recordings_list", "files", "jobs_submit", "jobs_list", "jobs_get", "jobs_cancel",
    "whep_offer", "whep_delete",
)  # fmt: skip
"""Names of the endpoints; `signaling` is the signaling handshake, `files` the presigned URLs."""


@dataclass(frozen=True, kw_only=True)
class HttpFault(Fault):
    """A fault of an HTTP answer.

    Attributes:
        endpoint: one of `ENDPOINTS`, or `*` for all of them.
    """

    mode = "answer"
    in_session = False
    after_connected = False
    endpoint: str = "*"


@dataclass(frozen=True, kw_only=True)
class HttpStatus(HttpFault):
    """The service answers with an error status and does not process the request.

    Attributes:
        retry_after: the Retry-After header, in seconds or as an HTTP date; empty for none.
    """

    name = "http_status"
    status: int
    detail: str = "Injected fault"
    retry_after: str = ""


@dataclass(frozen=True, kw_only=True)
class HttpEcho(HttpFault):
    """The service answers with an error that repeats the body and the Authorization header of the request."""

    name = "http_echo"
    status: int = 500


@dataclass(frozen=True, kw_only=True)
class HttpFlood(HttpFault):
    """The service answers 200 with a body of white space.

    Attributes:
        mebibytes: size of the body after decompression, in MiB; 0 for a body without end.
        encoding: content encoding; `gzip` makes the body a thousandth of its size on the wire.
    """

    name = "http_flood"
    mebibytes: int = 0
    encoding: Literal["identity", "gzip"] = "identity"


@dataclass(frozen=True, kw_only=True)
class HttpUsageError(HttpFault):
    """The service answers 429 with the body of a usage error.

    Attributes:
        code: for example `MONTHLY_LIMIT_REACHED`.
        legacy: use the older shape of the body: `code` instead of `error`, not wrapped in `detail`.
    """

    name = "http_usage_error"
    endpoint: str = "sessions_request"
    code: str = "RATE_LIMITED"
    legacy: bool = False


@dataclass(frozen=True, kw_only=True)
class HttpDelay(HttpFault):
    """The service waits before it processes and answers the request."""

    name = "http_delay"
    delay_seconds: float


@dataclass(frozen=True, kw_only=True)
class HttpHang(HttpFault):
    """The service accepts the request and never answers."""

    name = "http_hang"


@dataclass(frozen=True, kw_only=True)
class HttpMalformed(HttpFault):
    """The service answers with `status` and a body of type JSON that need not be JSON."""

    name = "http_malformed"
    status: int = 200
    body: str = '{"access_token": '


@dataclass(frozen=True, kw_only=True)
class HttpRedirect(HttpFault):
    """The service answers with a redirect and does not process the request.

    Attributes:
        status: for example 307, which keeps the method and the body.
        location: the Location of the answer, absolute or relative; empty for the URL of the request.
    """

    name = "http_redirect"
    endpoint: str = "whep_offer"
    status: int = 307
    location: str = ""


@dataclass(frozen=True, kw_only=True)
class HttpDrop(HttpFault):
    """The service closes the TCP connection instead of answering."""

    name = "http_drop"


@dataclass(frozen=True, kw_only=True)
class ExpiredUrls(Fault):
    """The service issues presigned URLs that have already expired."""

    name = "expired_urls"
    mode = "state"
    in_session = False
    after_connected = False
