"""Ownership of background tasks: failures are reported, and no task outlives its owner."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

logger = logging.getLogger(__name__)

_T = TypeVar("_T")

_CANCEL_AGAIN_AFTER_S = 1.0


class TaskOwner:
    """Owns background tasks, reports their failures, and ends them on `close`.

    Args:
        on_failure: Called on the loop with the exception that ended a task.
    """

    def __init__(self, on_failure: Callable[[Exception], None]) -> None:
        self._on_failure = on_failure
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, coroutine: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run a coroutine until it ends or `close` ends it."""
        task = asyncio.get_running_loop().create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    async def close(self) -> None:
        """Cancel the tasks and wait until all have ended. Must not be called from one of the tasks."""
        await end_tasks(self._tasks)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, Exception):
            self._on_failure(error)


async def end_tasks(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait until all have ended.

    Cancellation is repeated, because a library may lose one. A task inside `uninterrupted` tolerates repeats.
    """
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _done, pending = await asyncio.wait(pending, timeout=_CANCEL_AGAIN_AFTER_S)


async def within(timeout_s: float | None, coroutine: Coroutine[Any, Any, _T]) -> _T:
    """Await a coroutine with a timeout.

    Before Python 3.12, `asyncio.wait_for` loses a cancellation that arrives in the same iteration of the loop
    as the result, and the canceller waits forever. This function does not.

    Args:
        timeout_s: Seconds; None for no timeout.
        coroutine: The coroutine. On a timeout, or when the caller is cancelled, it is cancelled and awaited.

    Raises:
        asyncio.TimeoutError: The timeout expired.
    """
    task = asyncio.get_running_loop().create_task(coroutine)
    try:
        await asyncio.wait({task}, timeout=timeout_s)
    except asyncio.CancelledError:
        await uninterrupted(_cancel_and_wait(task))
        raise
    if not task.done():
        await uninterrupted(_cancel_and_wait(task))
        raise asyncio.TimeoutError
    return task.result()


def call_on_loop(loop: asyncio.AbstractEventLoop, call: Callable[..., object], *arguments: object) -> None:
    """Call a function on the thread of a loop, which calls nothing once it is closed. From any thread."""
    try:
        loop.call_soon_threadsafe(call, *arguments)
    except RuntimeError:  # asking before would be too early: the loop may be closed meanwhile
        if not loop.is_closed():
            raise


async def _cancel_and_wait(task: asyncio.Task[Any]) -> None:
    await end_tasks({task})
    if not task.cancelled() and task.exception() is not None:
        logger.debug("A cancelled task raised: %s", type(task.exception()).__name__)


async def uninterrupted(coroutine: Coroutine[Any, Any, _T]) -> _T:
    """Await a cleanup to its end; a cancellation of the caller takes effect only afterwards."""
    task = asyncio.get_running_loop().create_task(coroutine)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:  # noqa: PERF203 - each wait can be cancelled
            cancelled = error
    if cancelled is not None:
        if not task.cancelled() and task.exception() is not None:
            logger.error("The cleanup failed", exc_info=task.exception())
        raise cancelled
    return task.result()
