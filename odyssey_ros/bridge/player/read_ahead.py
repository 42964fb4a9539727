"""An iterator that runs on a thread of its own, a bounded number of items ahead of who takes them."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")


class ReadAhead(Generic[T]):
    """Takes items from an iterator before they are needed, at most `depth` of them.

    Args:
        open_items: Makes the iterator; called, like everything of the iterator, on the thread.
        depth: How many items wait at most, beside the one in the making.
        on_change: Called on the thread when `poll` has something new to tell.
    """

    def __init__(
        self, open_items: Callable[[], Iterator[T]], depth: int, on_change: Callable[[], None]
    ) -> None:
        self._open_items = open_items
        self._depth = depth
        self._on_change = on_change
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._exhausted = False
        self._closed = False
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="odyssey_read_ahead", daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        """Whether the iterator has ended, and all its items have been taken."""
        with self._changed:
            return self._exhausted and not self._items and self._error is None

    def poll(self) -> T | None:
        """Take the next item; None when there is none yet, or none any more (`ended`).

        Raises:
            Exception: What the iterator raised, behind the items before.
        """
        with self._changed:
            if self._items:
                self._changed.notify()
                return self._items.popleft()
            if self._error is not None:
                raise self._error
            return None

    def close(self, timeout: float = 0.0) -> None:
        """Take no more. The thread ends after the item in hand; wait for it at most so many seconds."""
        with self._changed:
            self._closed = True
            self._items.clear()
            self._changed.notify()
        self._thread.join(timeout)

    def _run(self) -> None:
        try:
            for item in self._open_items():
                with self._changed:
                    while len(self._items) >= self._depth and not self._closed:
                        self._changed.wait()
                    if self._closed:
                        return
                    self._items.append(item)
                self._on_change()
        except Exception as error:  # noqa: BLE001 -- it is raised where the items are taken
            self._error = error
        finally:
            with self._changed:
                self._exhausted = True
        self._on_change()
