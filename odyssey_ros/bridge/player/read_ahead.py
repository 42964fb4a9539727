"""Prefetches the items of an iterator on a thread."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")


class ReadAhead(Generic[T]):
    """Prefetches up to `depth` items of an iterator on a thread.

    Args:
        open_items: Makes the iterator. It is called on the thread, and so is the iterator.
        depth: How many items wait at most, beside the one that is being made.
        on_change: Called on the thread when `poll` or `ended` has a new result.
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
        """Whether the iterator has ended without an error, and `poll` has returned all items."""
        with self._changed:
            return self._exhausted and not self._items and self._error is None

    def poll(self) -> T | None:
        """Return the next item, or None when it is not ready yet or `ended` is true.

        Raises:
            Exception: The exception of the iterator, after the items before it.
        """
        with self._changed:
            if self._items:
                self._changed.notify()
                return self._items.popleft()
            if self._error is not None:
                raise self._error
            return None

    def close(self, timeout: float = 0.0) -> None:
        """Stop prefetching. The thread ends after the item in progress.

        Args:
            timeout: How long to wait for the end of the thread, in seconds.
        """
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
        except Exception as error:  # noqa: BLE001 -- `poll` raises it
            self._error = error
        finally:
            with self._changed:
                self._exhausted = True
        self._on_change()
