"""Access to files on threads of its own, so that a disk that does not answer blocks nothing else."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from typing import TYPE_CHECKING, Any, Final, TypeVar

from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.client.tasks import call_on_loop

if TYPE_CHECKING:
    from collections.abc import Callable

    from odyssey_ros.bridge.runtime.asyncio_thread import AsyncioThread

T = TypeVar("T")

MAX_THREADS: Final = 4
"""Maximum number of files that are accessed at the same time."""

TIMEOUT_S: Final = 3.0
"""Time that an access may take. A disk answers in milliseconds; a network file system may never answer."""

_LOOP_DELAY_S: Final = 2.0  # for the loop to notice the end of an access


class FileAccess:
    """Runs functions that access files, each on a thread, and bounds the time that the caller waits.

    A function that does not return keeps its thread. The threads end with the process, and their number is
    bounded: while none is free, every access fails at once.

    Args:
        thread: The asyncio thread of the node.
        timeout_s: Bound of each access, in seconds, including the wait for a thread.
    """

    def __init__(self, thread: AsyncioThread, *, timeout_s: float = TIMEOUT_S) -> None:
        self._thread = thread
        self._timeout_s = timeout_s
        self._free = asyncio.Semaphore(MAX_THREADS)
        self._stuck: set[concurrent.futures.Future[Any]] = set()

    async def run(self, function: Callable[[], T]) -> T:
        """Run a function on a thread and return its result. On the asyncio thread.

        Raises:
            OdysseyError: It did not return in time (`TIMEOUT`). Any error of the function is raised as well.
        """
        if len(self._stuck) >= MAX_THREADS:
            raise _timeout(self._timeout_s)
        try:
            return await asyncio.wait_for(self._run(function), self._timeout_s)
        except asyncio.TimeoutError:
            raise _timeout(self._timeout_s) from None

    def wait_for(self, function: Callable[[], T]) -> T:
        """Run a function as `run` does, and wait for its result. On any thread but the asyncio thread.

        Raises:
            OdysseyError: It did not return in time (`TIMEOUT`). Any error of the function is raised as well.
        """
        try:
            return self._thread.submit(self.run(function)).result(self._timeout_s + _LOOP_DELAY_S)
        except concurrent.futures.TimeoutError:
            raise _timeout(self._timeout_s) from None

    async def _run(self, function: Callable[[], T]) -> T:
        await self._free.acquire()
        loop = asyncio.get_running_loop()
        result: concurrent.futures.Future[T] = concurrent.futures.Future()
        result.set_running_or_notify_cancel()  # from now on it cannot be cancelled

        def work() -> None:
            _call(function, result)
            call_on_loop(loop, self._returned, result)

        threading.Thread(target=work, name="odyssey_file", daemon=True).start()
        try:
            return await asyncio.wrap_future(result)
        finally:
            if not result.done():
                self._stuck.add(result)

    def _returned(self, result: concurrent.futures.Future[Any]) -> None:
        self._stuck.discard(result)
        self._free.release()


def _call(function: Callable[[], Any], ended: concurrent.futures.Future[Any]) -> None:
    try:
        ended.set_result(function())
    except BaseException as error:  # noqa: BLE001 -- raised where the result is awaited
        ended.set_exception(error)


def _timeout(timeout_s: float) -> OdysseyError:
    return OdysseyError(
        f"a file could not be accessed within {timeout_s:g} s: check the disk or the network file system",
        code=ErrorCode.TIMEOUT,
    )
