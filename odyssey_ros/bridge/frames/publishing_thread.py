"""A thread that publishes what is queued."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class PublishingThread(Generic[T]):
    """Calls a function with each queued item, in order, on a thread of its own.

    All methods are for other threads. Only one of them may queue.

    Args:
        name: The name of the thread.
        publish: Called with each item.
        failed: Called on the thread with an item and the exception of `publish`; the next items are
            published.
    """

    def __init__(
        self, name: str, publish: Callable[[T], None], failed: Callable[[T, Exception], None]
    ) -> None:
        self._publish = publish
        self._failed = failed
        self._waiting: deque[T] = deque()
        self._changed = threading.Condition()
        self._busy = False
        self._closed = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        """Return the number of items that wait; the one that is being published does not."""
        return len(self._waiting)

    def put(self, item: T) -> None:
        """Queue an item."""
        with self._changed:
            self._waiting.append(item)
            self._changed.notify_all()

    def replace(self, item: T) -> list[T]:
        """Queue an item in place of all that wait; return those."""
        with self._changed:
            discarded = list(self._waiting)
            self._waiting.clear()
            self._waiting.append(item)
            self._changed.notify_all()
        return discarded

    def clear(self) -> list[T]:
        """Discard and return all items that wait."""
        with self._changed:
            discarded = list(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()
        return discarded

    def wait_until_idle(self) -> None:
        """Return when nothing waits or is being published."""
        with self._changed:
            while self._busy or self._waiting:
                self._changed.wait()

    def end(self, timeout: float) -> None:
        """Discard all items that wait, and end the thread. Idempotent.

        Args:
            timeout: How long to wait for the item that is being published, in seconds.
        """
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()
        self._thread.join(timeout)

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                item = self._waiting.popleft()
                self._busy = True
            try:
                self._publish(item)
            except Exception as error:  # noqa: BLE001 -- the thread must survive any item; the owner reports it
                self._failed(item, error)
            finally:
                with self._changed:
                    self._busy = False
                    self._changed.notify_all()
