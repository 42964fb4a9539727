"""How many messages the other side may send."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_PER_S: Final = 100.0
"""Messages a second that are accepted on average; the service sends a few in a minute."""

MAX_AT_ONCE: Final = 500
"""Messages that are accepted at once; a server may send 256 candidates at the start."""


class MessageAllowance:
    """Counts the messages of the other side, so that they never arrive faster than they can be handled.

    Each message can cause a line in a log and a message on the graph.

    Args:
        clock: Returns the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left = float(MAX_AT_ONCE)
        self._updated_at = clock()

    def expect_reply(self) -> None:
        """Allow one message more: the reply to a request."""
        self._left = min(self._left + 1, MAX_AT_ONCE)

    def take(self) -> bool:
        """Count a message; return whether it is allowed."""
        now = self._clock()
        self._left = min(self._left + (now - self._updated_at) * MAX_PER_S, MAX_AT_ONCE)
        self._updated_at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
