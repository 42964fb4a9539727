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

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class OdysseyError(Exception):
    """Root of every error that this client raises.

    Attributes:
        message: What happened, for a person.
        code: Stable, machine-readable name of the case; empty when there is none.
        action: What the user can do about it; empty when the service says nothing.
        action_url: Where the user can do it, if anywhere.
        details: Further facts as the service names them (`limit_hours`, `retry_after_seconds`, ...).
        status_code: HTTP status that carried the error, if one did.
    """

    def __init__(
        self,
        message: str = "",
        *,
        code: str = "",
        action: str = "",
        action_url: str | None = None,
        details: Mapping[str, object] | None = None,
        status_code: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.action = action
        self.action_url = action_url
        self.details: dict[str, object] = dict(details or {})
        self.status_code = status_code

    def __str__(self) -> str:
        return self.message

    @property
    def retry_after_s(self) -> float | None:
        """Seconds after which the service says that trying again makes sense; None when it does not say."""
        value = self.details.get("retry_after_seconds")
        if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < float("inf"):
            return float(value)
        return None


class OdysseyAuthError(OdysseyError):
    """The API key, the account or the session token is refused. Trying again cannot help."""


class OdysseyConnectionError(OdysseyError, ConnectionError):
    """The service cannot be reached, answers what nobody can use, or the connection is lost."""


class NoStreamerError(OdysseyConnectionError):
    """All streamers were busy for as long as the configuration lets the client wait."""


class OdysseyStreamError(OdysseyError):
    """The streamer refused a request, or there is no stream for it. `code` is the streamer's reason."""


class OdysseyUsageError(OdysseyError):
    """A limit of the account or the plan."""


class MonthlyLimitReachedError(OdysseyUsageError):
    """The month's hours are used up. Details: `used_hours`, `limit_hours`, `reset_date`."""


class ConcurrentLimitReachedError(OdysseyUsageError):
    """Too many sessions or jobs at once. Details: `active_count`, `limit`."""


class StreamDurationExceededError(OdysseyUsageError):
    """The stream lasted longer than one may. Details: `max_duration_seconds`."""


class AccountSuspendedError(OdysseyUsageError):
    """The account is suspended. Details: `reason`."""


class RateLimitError(OdysseyUsageError):
    """Too many requests. Details: `retry_after_seconds`."""


class OdysseyNotFoundError(OdysseyError, ValueError):
    """The service knows no such recording or simulation job."""


class OdysseyArgumentError(OdysseyError, ValueError):
    """An argument cannot be used; nothing was sent."""


class OdysseyImageError(OdysseyArgumentError):
    """An image cannot be used to start a stream; nothing was sent."""


class OdysseyScriptError(OdysseyArgumentError):
    """A simulation script cannot be used; nothing was sent. The text names the entry."""
