"""The sessions of the people who use the page: who has logged in, and the token of each one's page."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_SESSIONS: Final = 32
"""Sessions at once; the oldest ends when there is a further one."""

LIFETIME_S: Final = 12 * 3600.0
"""Time from the login to the end of a session."""

_TOKEN_BYTES: Final = 32


def same_secret(one: str, other: str) -> bool:
    """Return whether two texts are equal, in a time that does not depend on where they differ."""
    return hmac.compare_digest(_digest(one), _digest(other))


@dataclass(eq=False, slots=True)
class Session:
    """What the page of one person may do.

    Attributes:
        page_token: Proves that a request comes from the page. Only the page can read it.
    """

    page_token: str = field(default_factory=lambda: secrets.token_urlsafe(_TOKEN_BYTES))
    _open: set[asyncio.Task[Any]] = field(default_factory=set, init=False)

    def is_page_token(self, value: object) -> bool:
        """Return whether a value that a page sent is its token."""
        return isinstance(value, str) and same_secret(value, self.page_token)

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Let the end of the session cancel the task that runs in this context."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("no task is running")
        self._open.add(task)
        try:
            yield
        finally:
            self._open.discard(task)

    def end(self) -> None:
        """Cancel the tasks of the session, except the one that calls this: its sockets close."""
        for task in self._open - {asyncio.current_task()}:
            task.cancel()


class Sessions:
    """The sessions of those who have logged in. For the asyncio thread."""

    def __init__(self, *, max_sessions: int = MAX_SESSIONS, lifetime_s: float = LIFETIME_S) -> None:
        self._max_sessions = max_sessions
        self._lifetime_s = lifetime_s
        self._sessions: dict[bytes, Session] = {}

    def create(self) -> str:
        """Create a session; return its identifier, which is a secret."""
        while len(self._sessions) >= self._max_sessions:
            self._end(next(iter(self._sessions)))
        identifier = secrets.token_urlsafe(_TOKEN_BYTES)
        key = _digest(identifier)
        self._sessions[key] = Session()
        asyncio.get_running_loop().call_later(self._lifetime_s, self._end, key)
        return identifier

    def find(self, identifier: str) -> Session | None:
        """Return the session with an identifier; None if there is none."""
        return self._sessions.get(_digest(identifier))

    def end(self, identifier: str) -> None:
        """End a session, if there is one."""
        self._end(_digest(identifier))

    def _end(self, key: bytes) -> None:
        session = self._sessions.pop(key, None)
        if session is not None:
            session.end()


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()
