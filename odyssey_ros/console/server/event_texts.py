"""The newest events of a node, as JSON texts, bounded in number and in length."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_EVENTS: Final = 500

MAX_EVENT_TEXT: Final = 512 * 1024
"""Characters of all events."""


class EventTexts:
    """Events in order, of which the oldest are dropped.

    Args:
        texts: The first events, each a JSON object.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._texts: deque[str] = deque()
        self._length = 0
        for text in texts:
            self.add(text)

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self._texts)

    def __iter__(self) -> Iterator[str]:
        """Return the events, the oldest first."""
        return iter(self._texts)

    def add(self, text: str) -> None:
        """Add an event."""
        self._texts.append(text)
        self._length += len(text)
        while len(self._texts) > MAX_EVENTS or self._length > MAX_EVENT_TEXT:
            self._length -= len(self._texts.popleft())
