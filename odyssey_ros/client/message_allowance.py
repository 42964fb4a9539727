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

UNIT_LENGTH: Final = 4096
"""A longer message counts once more for each time that it has this length: cleaning it takes as long."""


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

    def take(self, length: int = 0) -> bool:
        """Count a message of this length, in characters or bytes; return whether it is allowed."""
        count = 1 + length // UNIT_LENGTH
        now = self._clock()
        self._left = min(self._left + (now - self._updated_at) * MAX_PER_S, MAX_AT_ONCE)
        self._updated_at = now
        if self._left < count:
            return False
        self._left -= count
        return True
