"""A thread that runs calls one after the other, and exists only while there are calls."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Entry:
    """A call that waits for its turn; None when it was cancelled."""

    future: Future[Any]
    call: Callable[[], Any] | None


class CallThread:
    """Runs calls in the order in which they were submitted, one at a time.

    Unlike an executor of `concurrent.futures`, it leaves no idle thread behind, lets go of a call as soon as
    its future is cancelled, and does not keep the process from ending. All methods are for any thread.

    Args:
        name: The name of the thread.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._waiting: deque[_Entry] = deque()
        self._is_running = False

    def submit(self, call: Callable[[], T]) -> Future[T]:
        """Return a future for the result of a call, which can be cancelled until its turn.

        Raises:
            RuntimeError: The thread cannot be started.
        """
        future: Future[T] = Future()
        entry = _Entry(future, call)
        with self._lock:
            if not self._is_running:
                threading.Thread(target=self._run, name=self._name, daemon=True).start()
                self._is_running = True
            self._waiting.append(entry)
        future.add_done_callback(lambda _: self._discard(entry))
        return future

    def _discard(self, entry: _Entry) -> None:
        entry.call = None  # the future keeps its callbacks, and with them the entry
        with self._lock, contextlib.suppress(ValueError):  # it is not waiting: its turn has come
            self._waiting.remove(entry)

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._is_running = False
                    return
                entry = self._waiting.popleft()
            future, call = entry.future, entry.call
            if call is not None and future.set_running_or_notify_cancel():
                try:
                    result = call()
                except BaseException as error:  # noqa: BLE001 -- the future reports it
                    future.set_exception(error)
                else:
                    future.set_result(result)
                    del result
            del entry, future, call
