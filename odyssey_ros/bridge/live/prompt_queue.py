"""A bounded queue of prompts, which one worker applies in order."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from odyssey_ros.client import ErrorCode, OdysseyError, OdysseyStreamError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from odyssey_ros.bridge.live.stream_state import StreamRequest

MAX_PROMPTS_WAITING = 10


class PromptQueue:
    """Applies prompts one after the other, in the order in which they arrived.

    When more than `MAX_PROMPTS_WAITING` prompts wait, the oldest is dropped. This is reported once until the
    queue is empty. A prompt stays in the queue until its turn, so that `cancel_all` reaches every prompt that
    has not been applied.

    Create it on any thread; all methods run on the asyncio thread.

    Args:
        apply: Applies a prompt. It is called with `turn` held and handles its own failures; an exception
            ends the worker.
        report: Receives the error of prompts that are dropped.
        turn: Serializes prompts with other operations on the stream.
    """

    def __init__(
        self,
        apply: Callable[[StreamRequest], Awaitable[None]],
        report: Callable[[OdysseyError], None],
        turn: asyncio.Lock,
    ) -> None:
        self._apply = apply
        self._report = report
        self._turn = turn
        self._waiting: deque[StreamRequest] = deque()
        self._not_empty = asyncio.Event()
        self._drop_reported = False

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, request: StreamRequest) -> None:
        """Add a prompt; `request` is the stream to start with it when no stream is running."""
        self._waiting.append(request)
        self._not_empty.set()
        if len(self._waiting) <= MAX_PROMPTS_WAITING:
            return
        self._waiting.popleft()
        if not self._drop_reported:
            self._drop_reported = True
            self._report(
                OdysseyError(
                    f"more than {MAX_PROMPTS_WAITING} prompts are waiting: the oldest are dropped. Send "
                    "prompts more slowly",
                    code=ErrorCode.PROMPTS_DROPPED,
                )
            )

    def cancel_all(self) -> None:
        """Drop all prompts that wait, and report each."""
        while self._take() is not None:
            self._report(
                OdysseyStreamError(
                    "the node was deactivated: a prompt that was waiting is dropped",
                    code=ErrorCode.NOT_ACTIVE,
                )
            )

    async def run(self) -> None:
        """Apply prompts until cancelled."""
        while True:
            await self._not_empty.wait()
            async with self._turn:
                request = self._take()
                if request is not None:  # None: cancelled while waiting for the turn
                    await self._apply(request)

    def _take(self) -> StreamRequest | None:
        """Return the oldest prompt, or None when the queue is empty."""
        if not self._waiting:
            return None
        request = self._waiting.popleft()
        if not self._waiting:
            self._not_empty.clear()
            self._drop_reported = False
        return request
