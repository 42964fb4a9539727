"""The errors of the client.

The tree::

    OdysseyError
     +-- OdysseyAuthError                    the key or the token was refused
     +-- OdysseyConnectionError              service unreachable, or connection lost (also ConnectionError)
     |    +-- NoStreamerError                no streamer became free in time
     +-- OdysseyStreamError                  the streamer refused a request or ended a stream
     +-- OdysseyUsageError                   a limit of the account
     |    +-- MonthlyLimitReachedError
     |    +-- ConcurrentLimitReachedError
     |    +-- StreamDurationExceededError
     |    +-- AccountSuspendedError
     |    +-- RateLimitError
     +-- OdysseyNotFoundError                no such recording or job (also ValueError)
     +-- OdysseyArgumentError                invalid argument (also ValueError)
          +-- OdysseyImageError
          +-- OdysseyScriptError
          +-- OdysseyConfigurationError      a variable of the environment, or aiortc, cannot be used

An error's text never holds a key, a token, or the query of a URL.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.client.redaction import KNOWN_SECRETS
from odyssey_ros.client.retry_after import capped_wait_s
from odyssey_ros.client.service_text import error_text

if TYPE_CHECKING:
    from collections.abc import Mapping


class OdysseyError(Exception):
    """Base class of every error that this client raises.

    All texts are cleaned: they are single lines without secrets of this process.

    Attributes:
        message: Description for users.
        code: Kind of the failure, for programs. Each class has a default.
        reason: The service's name of the failure; empty when the service gave none.
        action: What the user can do; empty when the service gave no advice.
        action_url: Page on which the user can do it; None when the service gave none.
        details: Further values under the service's names (`limit_hours`, `retry_after_seconds`, ...).
        status_code: HTTP status of the response that reported the error; None for other errors.
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
        message = error_text(message)
        super().__init__(message)
        self.message = message
        self.code = self.default_code if code is None else code
        self.reason = error_text(reason)
        self.action = error_text(action)
        # The query of this page is no secret, but it may repeat one.
        self.action_url = None if action_url is None else KNOWN_SECRETS.redact(action_url)
        self.details: dict[str, object] = {
            error_text(name): error_text(value) if isinstance(value, str) else value
            for name, value in (details or {}).items()
        }
        self.status_code = status_code

    def __str__(self) -> str:
        return self.message

    @property
    def advice(self) -> str:
        """Return the message, followed by what the user can do."""
        return f"{self.message}. {self.action}" if self.action else self.message

    @property
    def retry_after_s(self) -> float | None:
        """Return the wait in seconds that the service asks for before a retry; None when it gave none.

        A wait of more than `odyssey_ros.client.retry_after.MAX_WAIT_S` counts as that.
        """
        value = self.details.get("retry_after_seconds")
        if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < float("inf"):
            return float(capped_wait_s(value))
        return None


class OdysseyAuthError(OdysseyError):
    """The API key, the account or the session token was refused. A retry cannot succeed."""

    default_code = ErrorCode.NOT_AUTHORIZED


class OdysseyConnectionError(OdysseyError, ConnectionError):
    """The service is unreachable, its response is invalid, or the connection was lost."""

    default_code = ErrorCode.CONNECTION_FAILED


class NoStreamerError(OdysseyConnectionError):
    """All streamers were busy until the configured queue timeout."""

    default_code = ErrorCode.NO_STREAMER


class OdysseyStreamError(OdysseyError):
    """The streamer refused a request, or no stream is running. `reason` is the streamer's reason."""

    default_code = ErrorCode.STREAM_FAILED


class OdysseyUsageError(OdysseyError):
    """A limit of the account or its plan was reached."""

    default_code = ErrorCode.LIMIT_REACHED


class MonthlyLimitReachedError(OdysseyUsageError):
    """The hours of the month are used up. Details: `used_hours`, `limit_hours`, `reset_date`."""

    default_code = ErrorCode.MONTHLY_LIMIT_REACHED


class ConcurrentLimitReachedError(OdysseyUsageError):
    """Too many sessions or jobs run at the same time. Details: `active_count`, `limit`."""

    default_code = ErrorCode.CONCURRENT_LIMIT_REACHED


class StreamDurationExceededError(OdysseyUsageError):
    """The stream exceeded the maximum duration. Details: `max_duration_seconds`."""

    default_code = ErrorCode.STREAM_DURATION_EXCEEDED


class AccountSuspendedError(OdysseyUsageError):
    """The account is suspended. Details: `reason`."""

    default_code = ErrorCode.ACCOUNT_SUSPENDED


class RateLimitError(OdysseyUsageError):
    """Too many requests were sent. Details: `retry_after_seconds`."""

    default_code = ErrorCode.RATE_LIMITED


class OdysseyNotFoundError(OdysseyError, ValueError):
    """The recording or simulation job does not exist."""

    default_code = ErrorCode.NOT_FOUND


class OdysseyArgumentError(OdysseyError, ValueError):
    """An argument is invalid; nothing was sent."""

    default_code = ErrorCode.BAD_ARGUMENT


class OdysseyImageError(OdysseyArgumentError):
    """An image cannot start a stream; nothing was sent."""

    default_code = ErrorCode.BAD_IMAGE


class OdysseyScriptError(OdysseyArgumentError):
    """A simulation script is invalid; nothing was sent. The text names the entry.

    Attributes:
        entry: The index of the invalid entry in its script; None when the text names none.
        fields: The keys that lead from the entry to the mistake, such as `("start", "prompt")`.
        is_key: Whether the last of these keys is the mistake, not its value.
    """

    default_code = ErrorCode.BAD_SCRIPT
    entry: int | None = None
    fields: tuple[object, ...] = ()
    is_key = False


class OdysseyConfigurationError(OdysseyArgumentError):
    """A variable of the environment, such as `HTTPS_PROXY`, or the installed aiortc cannot be used.

    A retry cannot succeed.
    """

    default_code = ErrorCode.CONFIGURATION


def as_odyssey_error(error: BaseException) -> OdysseyError:
    """Return an `OdysseyError` unchanged; wrap any other exception with code `TIMEOUT` or `INTERNAL`."""
    if isinstance(error, OdysseyError):
        return error
    if isinstance(error, asyncio.TimeoutError):
        return OdysseyError("no answer in time", code=ErrorCode.TIMEOUT)
    return OdysseyError(f"internal error: {type(error).__name__}: {error}", code=ErrorCode.INTERNAL)
