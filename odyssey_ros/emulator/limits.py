"""The limits of the service, and the answer that each gives when it is reached."""

from __future__ import annotations

from dataclasses import dataclass, field

ACCOUNT_PAGE = "https://developer.odyssey.ml"

FOR_EVER = 10 * 365 * 86400.0
"""The life of what is not to expire: clients are told lives in seconds, so there has to be a number."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Every limit of the service; None switches a limit off, `FOR_EVER` the end of a life.

    Attributes:
        stream_seconds: longest stream, start to end.
        connection_seconds: longest connection, socket open to socket closed.
        idle_seconds: longest time of a connection without a running stream.
        concurrent_sessions: sessions that one account may hold at once, dangling ones included.
        queued_jobs: unfinished simulation jobs that one account may have.
        session_token_seconds: life of a session token, and of a session that nobody connects to.
        access_token_seconds: life of an access token.
        url_seconds: life of a presigned URL.
        monthly_hours: streaming hours of one account per calendar month.
        session_requests_per_minute: session requests of one account within 60 s, queue polls included.
        keepalive_seconds: longest silence on the signaling socket; then the client is taken for gone.
        image_bytes: largest decoded input image.
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


@dataclass(frozen=True, kw_only=True)
class UsageError:
    """A refusal that the service words for people: the body of an HTTP 429 on a session request.

    Attributes:
        code: the stable code, for example `CONCURRENT_LIMIT_REACHED`.
        message: what happened.
        action: what the user can do.
        details: the figures behind it; keys as the service names them.
    """

    code: str
    message: str
    action: str
    details: dict[str, str | int | float] = field(default_factory=dict)

    def body(self) -> dict[str, object]:
        """The JSON object as the service's broker sends it."""
        return {
            "error": self.code,
            "message": self.message,
            "action": self.action,
            "action_url": ACCOUNT_PAGE,
            "details": self.details,
        }


def monthly_limit_reached(used_hours: float, limit_hours: float, reset_date: str) -> UsageError:
    """The account's streaming hours of this month are used up."""
    return UsageError(
        code="MONTHLY_LIMIT_REACHED",
        message=f"Monthly limit of {limit_hours:g} hours reached",
        action="Upgrade the plan or wait for the reset date",
        details={"used_hours": round(used_hours, 4), "limit_hours": limit_hours, "reset_date": reset_date},
    )


def concurrent_limit_reached(active: int, limit: int) -> UsageError:
    """The account holds as many sessions as it may."""
    return UsageError(
        code="CONCURRENT_LIMIT_REACHED",
        message=f"{active} of {limit} concurrent sessions are in use",
        action="Disconnect another session, or wait for one to end",
        details={"active_count": active, "limit": limit},
    )


def stream_duration_exceeded(max_seconds: float) -> UsageError:
    """The longest stream duration was used up."""
    return UsageError(
        code="STREAM_DURATION_EXCEEDED",
        message=f"Streams are limited to {max_seconds:g} seconds",
        action="Start a new stream",
        details={"max_duration_seconds": max_seconds},
    )


def account_suspended(reason: str) -> UsageError:
    """The account may not stream at all."""
    return UsageError(
        code="ACCOUNT_SUSPENDED",
        message="This account is suspended",
        action="Contact support",
        details={"reason": reason},
    )


def rate_limited(retry_after_seconds: int) -> UsageError:
    """Too many session requests in a short time."""
    return UsageError(
        code="RATE_LIMITED",
        message="Too many requests",
        action=f"Retry in {retry_after_seconds} seconds",
        details={"retry_after_seconds": retry_after_seconds},
    )
