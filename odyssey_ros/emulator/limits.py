"""The limits of the service, and the error that each limit causes when it is reached."""

from __future__ import annotations

from dataclasses import dataclass, field

ACCOUNT_PAGE = "https://developer.odyssey.ml"

UNLIMITED_LIFETIME = 10 * 365 * 86400.0
"""Lifetime of a token or URL without an expiry, seconds; the wire format needs a number."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Every limit of the service; None disables a limit, `UNLIMITED_LIFETIME` disables an expiry.

    Attributes:
        stream_seconds: longest duration of a stream.
        connection_seconds: longest time from the opening to the closing of a signaling socket.
        idle_seconds: longest time of a connection without a running stream.
        concurrent_sessions: sessions that one account may hold at once, unconnected ones included.
        queued_jobs: unfinished simulation jobs that one account may have.
        session_token_seconds: lifetime of a session token, and of a session without a connection.
        access_token_seconds: lifetime of an access token.
        url_seconds: lifetime of a presigned URL.
        monthly_hours: streaming hours of one account in a calendar month (UTC).
        session_requests_per_minute: session requests of one account within 60 s, queue polls included.
        keepalive_seconds: longest time without a message on the signaling socket; then the service closes it.
        image_bytes: largest decoded input image.
        recording_megabytes: disk space of all recordings, in 1,000,000 bytes; then the oldest are deleted.
    """

    stream_seconds: float | None = 150.0
    connection_seconds: float | None = 3600.0
    idle_seconds: float | None = 900.0
    concurrent_sessions: int | None = 5
    queued_jobs: int | None = 10
    session_token_seconds: float = 600.0
    access_token_seconds: float = 3600.0
    url_seconds: float = 3600.0
    monthly_hours: float | None = None
    session_requests_per_minute: int | None = None
    keepalive_seconds: float | None = 60.0
    image_bytes: int = 25 * 1024 * 1024
    recording_megabytes: float | None = 10_000.0


@dataclass(frozen=True, kw_only=True)
class UsageError:
    """The reason for a refusal: the body of an HTTP 429 answer to a session request.

    Attributes:
        code: the stable code, for example `CONCURRENT_LIMIT_REACHED`.
        message: what happened.
        action: what the user can do.
        details: the figures of the limit, with the keys of the real service.
    """

    code: str
    message: str
    action: str
    details: dict[str, str | int | float] = field(default_factory=dict)

    def body(self) -> dict[str, object]:
        """Return the JSON object, with the keys of the real service."""
        return {
            "error": self.code,
            "message": self.message,
            "action": self.action,
            "action_url": ACCOUNT_PAGE,
            "details": self.details,
        }


def monthly_limit_reached(used_hours: float, limit_hours: float, reset_date: str) -> UsageError:
    """Return the error of an account that has used up its streaming hours of this month."""
    return UsageError(
        code="MONTHLY_LIMIT_REACHED",
        message=f"Monthly limit of {limit_hours:g} hours reached",
        action="Upgrade the plan or wait for the reset date",
        details={"used_hours": round(used_hours, 4), "limit_hours": limit_hours, "reset_date": reset_date},
    )


def concurrent_limit_reached(active: int, limit: int) -> UsageError:
    """Return the error of an account that holds too many sessions."""
    return UsageError(
        code="CONCURRENT_LIMIT_REACHED",
        message=f"{active} of {limit} concurrent sessions are in use",
        action="Disconnect another session, or wait for one to end",
        details={"active_count": active, "limit": limit},
    )


def stream_duration_exceeded(max_seconds: float) -> UsageError:
    """Return the error of a stream that has reached the longest duration."""
    return UsageError(
        code="STREAM_DURATION_EXCEEDED",
        message=f"Streams are limited to {max_seconds:g} seconds",
        action="Start a new stream",
        details={"max_duration_seconds": max_seconds},
    )


def account_suspended(reason: str) -> UsageError:
    """Return the error of a suspended account."""
    return UsageError(
        code="ACCOUNT_SUSPENDED",
        message="This account is suspended",
        action="Contact support",
        details={"reason": reason},
    )


def rate_limited(retry_after_seconds: int) -> UsageError:
    """Return the error of too many session requests within a minute."""
    return UsageError(
        code="RATE_LIMITED",
        message="Too many requests",
        action=f"Retry in {retry_after_seconds} seconds",
        details={"retry_after_seconds": retry_after_seconds},
    )
