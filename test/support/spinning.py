"""A thread that spins an executor."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from rclpy.executors import ExternalShutdownException, ShutdownException

if TYPE_CHECKING:
    from rclpy.executors import Executor


class SpinningThread:
    """Spins an executor until `end`.

    Args:
        executor: The executor. `end` shuts it down.
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def _spin(self) -> None:
        with contextlib.suppress(ExternalShutdownException, ShutdownException):
            while not self._ending.is_set():
                self._executor.spin_once()

    def end(self) -> None:
        """End the spinning, then shut down the executor: spinning uses what the shutdown destroys."""
        self._ending.set()
        self._executor.create_task(lambda: None)  # spin_once returns only when it has something to do
        self._thread.join()
        self._executor.shutdown()
