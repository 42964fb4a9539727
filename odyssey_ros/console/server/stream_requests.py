"""Sends the prompts of all pages to the nodes: in order, and recorded whatever becomes of the page."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, TypeVar

from odyssey_ros.client import ErrorCode, OdysseyError, as_odyssey_error
from odyssey_ros.client.tasks import end_tasks

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from odyssey_ros.console.graph.graph_nodes import GraphNode
    from odyssey_ros.console.graph.stream_calls import StartedStream, StreamCalls, StreamStart
    from odyssey_ros.console.server.prompt_log import LoggedPrompt, PromptLog

logger = logging.getLogger(__name__)

MAX_WAITING: Final = 10
"""Prompts of one node that may wait for its responses."""

T = TypeVar("T")


class StreamRequests:
    """Starts, prompts and ends streams. For the asyncio thread.

    The prompts of a node are sent one after another, in the order in which they arrived. A request that was
    accepted is finished and recorded even if the page that made it is closed.

    Args:
        calls: Calls the nodes.
        log: Records the prompts.
    """

    def __init__(self, calls: StreamCalls, log: PromptLog) -> None:
        self._calls = calls
        self._log = log
        self._turns: dict[str, asyncio.Lock] = {}  # of the nodes for which prompts wait
        self._waiting: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def start(
        self, target: GraphNode, start: StreamStart, *, end_running: bool = False
    ) -> StartedStream:
        """Start a stream.

        Args:
            target: The node.
            start: What to start.
            end_running: Whether to end the running stream first, if there is one.

        Raises:
            OdysseyError: The node refuses, ends or does not respond; or too many prompts wait for it.
        """
        self._count_in(target)
        chosen = (
            ("portrait", start.portrait),
            ("broadcast", start.broadcast),
            ("picture", start.picture is not None),
        )
        options = tuple(name for name, is_set in chosen if is_set)
        prompt = self._log.add(target.name, start.prompt, "start", options)

        async def send() -> StartedStream:
            if end_running:
                await self._end_if_running(target)
            started = await self._calls.start(target, start)
            self._log.acknowledge(target.name, prompt, started.applied_prompt, started.stream_id)
            return started

        return await self._finished(self._in_turn(target, prompt, send))

    async def interact(self, target: GraphNode, text: str) -> str:
        """Change the running stream; return the prompt as applied.

        Raises:
            OdysseyError: As for `start`.
        """
        self._count_in(target)
        prompt = self._log.add(target.name, text, "interact")

        async def send() -> str:
            applied = await self._calls.interact(target, text)
            self._log.acknowledge(target.name, prompt, applied)
            return applied

        return await self._finished(self._in_turn(target, prompt, send))

    async def end(self, target: GraphNode) -> str:
        """End the running stream at once, before the prompts that wait; return its id.

        Raises:
            OdysseyError: As for `start`.
        """
        return await self._finished(self._calls.end(target))

    async def close(self) -> None:
        """Cancel the requests that are not finished."""
        await end_tasks(self._tasks)

    def _count_in(self, target: GraphNode) -> None:
        if self._waiting[target.name] >= MAX_WAITING:
            raise OdysseyError(
                f"{MAX_WAITING} prompts wait for the node already: wait until it has responded",
                code=ErrorCode.TOO_MANY_CALLS,
            )
        self._waiting[target.name] += 1

    async def _end_if_running(self, target: GraphNode) -> None:
        try:
            await self._calls.end(target)
        except OdysseyError as error:
            if error.code is not ErrorCode.NO_STREAM:
                raise

    async def _in_turn(self, target: GraphNode, prompt: LoggedPrompt, send: Callable[[], Awaitable[T]]) -> T:
        """Send a prompt when those before it have been responded to; record its failure."""
        try:
            async with self._turns.setdefault(target.name, asyncio.Lock()):
                return await send()
        except OdysseyError as error:
            self._log.fail(target.name, prompt, error)
            raise
        except asyncio.CancelledError:
            self._log.fail(target.name, prompt, OdysseyError("The console is ending", code=ErrorCode.CLOSED))
            raise
        except Exception as error:
            logger.exception("A prompt failed unexpectedly; please report it")
            failure = as_odyssey_error(error)
            self._log.fail(target.name, prompt, failure)
            raise failure from error
        finally:
            self._waiting[target.name] -= 1
            if not self._waiting[target.name]:
                del self._waiting[target.name], self._turns[target.name]

    async def _finished(self, request: Coroutine[Any, Any, T]) -> T:
        """Wait for a request, which is finished even if the one who waits is cancelled."""
        task = asyncio.ensure_future(request)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)
