"""What can go wrong between a program and the Odyssey service.

The tree::

    OdysseyError
     +-- OdysseyAuthError                    the key or the token is refused
     +-- OdysseyConnectionError              unreachable, or the connection is lost (also ConnectionError)
     |    +-- NoStreamerError                no streamer became free in time
     +-- OdysseyStreamError                  the streamer refused or ended something
     +-- OdysseyUsageError                   a limit of the account
     |    +-- MonthlyLimitReachedError
     |    +-- ConcurrentLimitReachedError
     |    +-- StreamDurationExceededError
     |    +-- AccountSuspendedError
     |    +-- RateLimitError
     +-- OdysseyNotFoundError                no such recording or job (also ValueError)
     +-- OdysseyArgumentError                an argument cannot be used (also ValueError)
          +-- OdysseyImageError
          +-- OdysseyScriptError

An error's text never holds a key, a token, or the query of a URL.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

from odyssey_ros.client.error_codes import ErrorCode

if TYPE_CHECKING:
    from collections.abc import Mapping


class OdysseyError(Exception):
    """Root of every error that this client raises.

    Attributes:
        message: What happened, as a text.
        code: What happened, for programs. Each class has a default.
        reason: The name that the service gives the failure on the wire; empty when it gives none.
        action: What the user can do; empty when the service does not say.
        action_url: Where the user can do it, if anywhere.
        details: Further facts under the service's names (`limit_hours`, `retry_after_seconds`, ...).
        status_code: HTTP status of the answer that carried the error, if one did.
    """

    default_code: ClassVar[ErrorCode] = ErrorCode.ODYSSEY_ERROR

    def __init__(
        self,
        message: str = "",
        *,
        code: ErrorCode | None = None,
        reason: str = "",
        action: str = "",
        action_url: str | None = None,
        details: Mapping[str, object] | None = None,
        status_code: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = self.default_code if code is None else code
        self.reason = reason
        self.action = action
        self.action_url = action_url
        self.details: dict[str, object] = dict(details or {})
        self.status_code = status_code

    def __str__(self) -> str:
        return self.message

    @property
    def advice(self) -> str:
        """The message, followed by what the user can do."""
        return f"{self.message}. {self.action}" if self.action else self.message

    @property
    def retry_after_s(self) -> float | None:
        """Seconds after which the service says that trying again makes sense; None when it does not say."""
        value = self.details.get("retry_after_seconds")
        if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < float("inf"):
            return float(value)
        return None


class OdysseyAuthError(OdysseyError):
    """The API key, the account or the session token is refused. Trying again cannot help."""

    default_code = ErrorCode.NOT_AUTHORIZED


class OdysseyConnectionError(OdysseyError, ConnectionError):
    """The service cannot be reached, answers what nobody can use, or the connection is lost."""

    default_code = ErrorCode.CONNECTION_FAILED


class NoStreamerError(OdysseyConnectionError):
    """All streamers were busy for as long as the configuration lets the client wait."""

    default_code = ErrorCode.NO_STREAMER


class OdysseyStreamError(OdysseyError):
    """The streamer refused a request, or no stream is running. `reason` is the streamer's reason."""

    default_code = ErrorCode.STREAM_FAILED


class OdysseyUsageError(OdysseyError):
    """A limit of the account or the plan."""

    default_code = ErrorCode.LIMIT_REACHED


class MonthlyLimitReachedError(OdysseyUsageError):
    """The month's hours are used up. Details: `used_hours`, `limit_hours`, `reset_date`."""

    default_code = ErrorCode.MONTHLY_LIMIT_REACHED


class ConcurrentLimitReachedError(OdysseyUsageError):
    """Too many sessions or jobs at once. Details: `active_count`, `limit`."""

    default_code = ErrorCode.CONCURRENT_LIMIT_REACHED


class StreamDurationExceededError(OdysseyUsageError):
    """The stream lasted longer than one may. Details: `max_duration_seconds`."""

    default_code = ErrorCode.STREAM_DURATION_EXCEEDED


class AccountSuspendedError(OdysseyUsageError):
    """The account is suspended. Details: `reason`."""

    default_code = ErrorCode.ACCOUNT_SUSPENDED


class RateLimitError(OdysseyUsageError):
    """Too many requests. Details: `retry_after_seconds`."""

    default_code = ErrorCode.RATE_LIMITED


class OdysseyNotFoundError(OdysseyError, ValueError):
    """The service knows no such recording or simulation job."""

    default_code = ErrorCode.NOT_FOUND


class OdysseyArgumentError(OdysseyError, ValueError):
    """An argument cannot be used; nothing was sent."""

    default_code = ErrorCode.BAD_ARGUMENT


class OdysseyImageError(OdysseyArgumentError):
    """An image cannot be used to start a stream; nothing was sent."""

    default_code = ErrorCode.BAD_IMAGE


class OdysseyScriptError(OdysseyArgumentError):
    """A simulation script cannot be used; nothing was sent. The text names the entry."""

    default_code = ErrorCode.BAD_SCRIPT


def as_odyssey_error(error: BaseException) -> OdysseyError:
    """Return the error itself, or any other exception as an OdysseyError with a code of its own."""
    if isinstance(error, OdysseyError):
        return error
    if isinstance(error, asyncio.TimeoutError):
        return OdysseyError("no answer in time", code=ErrorCode.TIMEOUT)
    return OdysseyError(f"internal error: {type(error).__name__}: {error}", code=ErrorCode.INTERNAL)
