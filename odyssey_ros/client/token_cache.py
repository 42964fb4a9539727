"""The bearer token of the HTTP API, kept between connections."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from odyssey_ros.client.responses import AccessToken

_STALE_BEFORE_EXPIRY_S: Final = 60.0


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
