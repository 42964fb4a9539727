"""The asyncio thread of a node, which owns the client and must not be blocked."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Coroutine

T = TypeVar("T")


class AsyncioThread:
    """An asyncio event loop on a thread of its own.

    All methods are for threads other than the thread of the loop.

    Args:
        name: The name of the thread.
    """

    def __init__(self, name: str) -> None:
        self.loop = asyncio.new_event_loop()
        self._stop_requested = False
        # A loop has only weak references to its tasks: without these, one that waits could be collected.
        self._submitted: set[concurrent.futures.Future[Any]] = set()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Run a coroutine on the loop; return a future for its result, which any thread can use."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        self._submitted.add(future)
        future.add_done_callback(self._submitted.discard)
        return future

    def stop(self, timeout: float) -> bool:
        """Cancel all tasks, and end the loop and the thread. Idempotent.

        Returns:
            False when the thread has not ended within `timeout` seconds.
        """
        if not self._stop_requested:
            # Once only: the loop runs again to end the tasks, and is then closed.
            self._stop_requested = True
            self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
            remaining = asyncio.all_tasks(self.loop)
            for task in remaining:
                task.cancel()
            self.loop.run_until_complete(asyncio.gather(*remaining, return_exceptions=True))
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
        finally:
            self.loop.close()
