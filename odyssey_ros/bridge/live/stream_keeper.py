"""Keeps the requested stream running: starts it, retries refused starts, and forgets impossible requests."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from odyssey_ros.client import (
    AccountSuspendedError,
    ErrorCode,
    MonthlyLimitReachedError,
    OdysseyArgumentError,
    OdysseyAuthError,
    OdysseyConnectionError,
    OdysseyError,
    OdysseyImageError,
    OdysseyStreamError,
    OdysseyUsageError,
    as_odyssey_error,
)
from odyssey_ros.client.retry import longer_wait_s

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from odyssey_ros.bridge.live.session_reporter import SessionReporter
    from odyssey_ros.bridge.live.stream_state import ImageSource, StreamRequest

logger = logging.getLogger(__name__)

FATAL_ERRORS = (OdysseyAuthError, MonthlyLimitReachedError, AccountSuspendedError)
ALWAYS_RETRIED = ErrorCode.LEASE_DENIED  # the service asks for another attempt
# The same request cannot succeed later.
_IMPOSSIBLE = frozenset({ErrorCode.NO_IMAGE_TO_VIDEO, ErrorCode.MESSAGE_TOO_LONG})
MAX_REFUSALS = 5
FIRST_RETRY_DELAY_S, MAX_RETRY_DELAY_S = 0.5, 30.0


class StreamKeeper:
    """Starts the requested stream whenever it can run and does not.

    An unexpected error of a start fails that start only. A connection that is lost during the start counts as
    a refusal of the request: a request that makes the service close the connection is not sent forever.

    Create it on any thread; all methods run on the asyncio thread.

    Args:
        start_stream: Starts a stream and returns its id.
        can_start: Returns whether a requested stream can be started now.
        reporter: Receives refusals and failures.
        operation: Serializes the operations on the stream; held during a start.
        sleep: Waits a number of seconds.

    Attributes:
        request: The stream that has been requested; None when no stream has.
        is_starting: Whether `run` is starting a stream. A failure of this start is handled by `run`.
    """

    def __init__(
        self,
        start_stream: Callable[[StreamRequest], Awaitable[str]],
        can_start: Callable[[], bool],
        reporter: SessionReporter,
        operation: asyncio.Lock,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self.request: StreamRequest | None = None
        self.is_starting = False
        self._start_stream = start_stream
        self._can_start = can_start
        self._reporter = reporter
        self._operation = operation
        self._sleep = sleep
        self._next_image: ImageSource = None
        self._losses = 0
        self._changed = asyncio.Event()

    def set_request(self, request: StreamRequest | None) -> None:
        """Replace the requested stream."""
        self.request = request
        self._losses = 0
        self._changed.set()

    def set_next_image(self, image: ImageSource) -> None:
        """Start the next stream whose request has no image from this one."""
        self._next_image = image

    def wake(self) -> None:
        """Check again whether the requested stream can be started."""
        self._changed.set()

    async def start(self, request: StreamRequest) -> tuple[str, StreamRequest]:
        """Start a stream now. The caller holds `operation`.

        Returns:
            The id of the stream, and the request with the image that the stream started from.

        Raises:
            OdysseyError: The service refuses the start, the connection is lost, or (INTERNAL) an unexpected
                error occurred.
        """
        if request.image is None:
            request = replace(request, image=self._next_image)
        try:
            stream_id = await self._start_stream(request)
        except OdysseyError as error:
            unusable = isinstance(error, OdysseyImageError) or error.code is ErrorCode.NO_IMAGE_TO_VIDEO
            if unusable:
                self._drop_image(request.image)
            raise
        except Exception as error:
            logger.exception("A start failed unexpectedly; please report it")
            self._drop_image(request.image)
            raise as_odyssey_error(error) from error
        if self._next_image is request.image:
            self._next_image = None
        return stream_id, request

    def _drop_image(self, image: ImageSource) -> None:
        if self._next_image is image:
            self._next_image = None

    async def run(self) -> None:
        """Keep the requested stream running until cancelled.

        Raises:
            OdysseyError: One of `FATAL_ERRORS`.
        """
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._start_requested()

    async def _start_requested(self) -> None:
        """Try to start the requested stream until it runs or there is nothing to start."""
        delay_s, refusals = FIRST_RETRY_DELAY_S, 0
        while (request := self._startable()) is not None:
            image = self._next_image if request.image is None else None
            refusal = await self._start_once(request)
            if refusal is None:
                return
            self._reporter.report_failure(refusal)
            # An image of ~/image_prompt that cannot be used is dropped, and does not cost the prompt.
            dropped = image is not None and self._next_image is not image
            if not dropped and (isinstance(refusal, OdysseyArgumentError) or refusal.code in _IMPOSSIBLE):
                self._forget(request)
                continue
            refusals += refusal.code is not ALWAYS_RETRIED
            if refusals == MAX_REFUSALS:
                self._give_up(request, f"{refusals} starts were refused: send another prompt")
                return
            if isinstance(refusal, OdysseyUsageError) and refusal.retry_after_s is not None:
                await self._sleep(longer_wait_s(delay_s, refusal))
            elif await self._request_changes_within(delay_s, request):
                return
            delay_s = min(delay_s * 2, MAX_RETRY_DELAY_S)

    async def _start_once(self, request: StreamRequest) -> OdysseyError | None:
        """Start the stream if it is still requested; return the refusal of the service, if any.

        Raises:
            OdysseyError: One of `FATAL_ERRORS`.
        """
        async with self._operation:
            if self._startable() is not request:
                return None
            self.is_starting = True
            try:
                _, started = await self.start(request)
            except FATAL_ERRORS:
                raise
            except OdysseyConnectionError:
                # The client reports the loss and reconnects; its new status wakes `run`.
                self._lost_during_start(request)
                return None
            except OdysseyError as error:
                return error
            finally:
                self.is_starting = False
            self._losses = 0
            if self.request is not None and self.request.prompt == request.prompt:
                # The shape may have been changed during the start; the image is kept for the next start.
                self.request = replace(self.request, image=started.image)
            return None

    def _lost_during_start(self, request: StreamRequest) -> None:
        if self.request is request:
            self._losses += 1
            if self._losses == MAX_REFUSALS:
                self._give_up(
                    request,
                    f"the connection was lost during {self._losses} starts in a row: send another prompt",
                )

    def _give_up(self, request: StreamRequest, reason: str) -> None:
        self._forget(request)
        self._reporter.report_refusal(OdysseyStreamError(reason, code=ErrorCode.STREAM_REFUSED))

    def _startable(self) -> StreamRequest | None:
        return self.request if self._can_start() else None

    def _forget(self, request: StreamRequest) -> None:
        if self.request is request:
            self.request = None

    async def _request_changes_within(self, seconds: float, refused: StreamRequest) -> bool:
        """Wait before a retry; return True as soon as another stream is requested."""
        sleeping = asyncio.ensure_future(self._sleep(seconds))
        try:
            while self.request is refused and not sleeping.done():
                self._changed.clear()
                changing = asyncio.ensure_future(self._changed.wait())
                await asyncio.wait({sleeping, changing}, return_when=asyncio.FIRST_COMPLETED)
                changing.cancel()
        finally:
            sleeping.cancel()
        return self.request is not refused
