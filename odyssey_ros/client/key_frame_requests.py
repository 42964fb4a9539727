"""When to ask the sender for a key frame: at once, again until one arrives, and not too often."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Final

from odyssey_ros.client.tasks import within

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

MIN_INTERVAL_S: Final = 0.25
"""Shortest time between two requests, in seconds: senders answer each with a picture that is ten times
larger."""

REPEAT_INTERVAL_S: Final = 1.0
"""Time after which a request without an answer is repeated, in seconds: the request or the answer was
lost."""


class KeyFrameRequests:
    """The requests for key frames of one track, shared by all who need one. For the event loop.

    One key frame answers all who asked before it arrived.

    Args:
        monotonic: Returns the time in seconds.

    Attributes:
        sent: Number of requests sent.
    """

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._wanted = False
        self._sent_at: float | None = None
        self._answered = True  # whether a key frame has arrived since the last request
        self._changed = asyncio.Event()
        self.sent = 0

    def want(self) -> None:
        """Ask for a key frame, until `key_frame_arrived`."""
        if not self._wanted:
            self._wanted = True
            self._changed.set()

    def key_frame_arrived(self) -> None:
        """End the wait for a key frame."""
        self._wanted = False
        self._answered = True
        self._changed.set()

    def delay_s(self) -> float | None:
        """Return the seconds until the next request, at least 0; None while no key frame is wanted."""
        if not self._wanted:
            return None
        if self._sent_at is None:
            return 0.0
        interval_s = MIN_INTERVAL_S if self._answered else REPEAT_INTERVAL_S
        return max(0.0, self._sent_at + interval_s - self._monotonic())

    def request_sent(self) -> None:
        """Count a request."""
        self._sent_at, self._answered = self._monotonic(), False
        self.sent += 1

    async def run(self, send: Callable[[], Awaitable[None] | None]) -> None:
        """Send requests when they are due, until cancelled.

        Args:
            send: Sends one request; returns None when none can be sent before `look_again`.
        """
        while True:
            self._changed.clear()
            delay_s = self.delay_s()
            if delay_s == 0.0:
                sending = send()
                if sending is not None:
                    self.request_sent()
                    await sending
                    continue
                delay_s = None
            with contextlib.suppress(asyncio.TimeoutError):
                await within(delay_s, self._changed.wait())

    def look_again(self) -> None:
        """Make `run` try again to send a request."""
        self._changed.set()
