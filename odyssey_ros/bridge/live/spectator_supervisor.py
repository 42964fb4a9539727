"""Watching a broadcast and coming back to it. Nothing here knows ROS."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

from odyssey_ros.bridge.live.stream_state import Event, EventKind, SessionState
from odyssey_ros.client import (
    AdvancedConfig,
    ClientStatistics,
    ConnectionStatus,
    ErrorCode,
    OdysseyArgumentError,
    OdysseyAuthError,
    OdysseyConnectionError,
    OdysseyError,
    as_odyssey_error,
    connect_to_stream,
)
from odyssey_ros.client.retry import backoff
from odyssey_ros.client.tasks import uninterrupted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from odyssey_ros.bridge.live.stream_state import SessionObserver
    from odyssey_ros.client import DecodedFrame, SpectatorConnection

FATAL_ERRORS = (OdysseyAuthError, OdysseyArgumentError)


class SpectatorSupervisor:
    """Keeps watching a broadcast. Create it on any thread; its coroutines run on the asyncio thread.

    A broadcast that is not there, or no longer, is waited for: its next stream may have the same address.

    Args:
        webrtc_url: Where the broadcast is.
        spectator_token: What opens it; a secret.
        observer: Is told of frames and of the connection. `streaming` in the state means connected.
        config: Timeouts, retries, and for how long frames may stay away.
        sleep: Waits some seconds.
        clock: Seconds, monotonic; that of `DecodedFrame.arrival_ns`.
        uniform: Draws a number between two.
    """

    def __init__(
        self,
        webrtc_url: str,
        spectator_token: str,
        observer: SessionObserver,
        config: AdvancedConfig,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.state = SessionState()
        self._url = webrtc_url
        self._token = spectator_token
        self._observer = observer
        self._config = config
        self._sleep = sleep
        self._clock = clock
        self._uniform = uniform
        self._task: asyncio.Task[Any] | None = None
        self._closing = False
        self._last_frame = 0.0

    @property
    def stream_wanted(self) -> bool:
        """Whether pictures are wanted. From any thread."""
        return not self._closing

    @property
    def statistics(self) -> ClientStatistics:
        """Nothing is counted on the way. From any thread."""
        return ClientStatistics()

    async def run(self) -> None:
        """Watch until ``close``; tells the observer when that has become impossible."""
        if self._closing:
            return
        self._task = asyncio.current_task()
        try:
            await self._keep_watching()
        except Exception as error:  # noqa: BLE001 -- a defect of this package: told like any error that is fatal
            self._give_up(as_odyssey_error(error))

    async def _keep_watching(self) -> None:
        delays = self._delays()
        while True:
            regaining = self.state.connection is ConnectionStatus.RECONNECTING
            if not regaining:
                self._update(connection=ConnectionStatus.CONNECTING)
            try:
                began = self._clock()
                await self._watch(regaining=regaining)
            except FATAL_ERRORS as error:
                self._give_up(error)
                return
            except OdysseyError as error:
                if self._clock() - began >= self._config.stable_after_s:
                    delays = self._delays()
                delay_s = next(delays, None)
                if delay_s is None:
                    self._give_up(error)
                    return
                self._tell_error(error, f"{error}; trying again in {delay_s:.1f} s")
            await self._sleep(delay_s)

    async def close(self) -> None:
        """Leave. Idempotent."""
        self._closing = True
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _watch(self, *, regaining: bool) -> NoReturn:
        """Connect, and stay; ends by an error only."""
        lost = asyncio.Event()
        connection: SpectatorConnection = await connect_to_stream(
            self._url,
            self._token,
            on_disconnected=lost.set,
            on_decoded_frame=self._frame_arrived,
            advanced=self._config,
        )
        try:
            self._last_frame = self._clock()
            self._update(
                connection=ConnectionStatus.CONNECTED,
                streaming=True,
                message="",
                error_code="",
                reconnects=self.state.reconnects + regaining,
            )
            self._tell(EventKind.CONNECTED)
            await self._frames_stop(lost)
        finally:
            await uninterrupted(connection.close())
            after = ConnectionStatus.DISCONNECTED if self._closing else ConnectionStatus.RECONNECTING
            self._update(connection=after, streaming=False)
            self._tell(EventKind.DISCONNECTED)

    async def _frames_stop(self, lost: asyncio.Event) -> NoReturn:
        """Wait until no frame has come for too long, or the connection says that none will."""
        timeout_s = self._config.frame_timeout_s
        while not lost.is_set():
            remaining_s = None if timeout_s is None else self._last_frame + timeout_s - self._clock()
            if remaining_s is not None and remaining_s <= 0:
                raise OdysseyConnectionError(f"No frame for {timeout_s:g} s", code=ErrorCode.FROZEN)
            try:
                await asyncio.wait_for(lost.wait(), remaining_s)
            except asyncio.TimeoutError:
                continue
        raise OdysseyConnectionError(
            "The broadcast ended, or the connection to it", code=ErrorCode.MEDIA_LOST
        )

    def _frame_arrived(self, decoded: DecodedFrame) -> None:
        self._last_frame = decoded.arrival_ns / 1e9
        self._observer.frame_arrived(decoded)

    def _delays(self) -> Iterator[float]:
        return backoff(self._config, self._uniform)

    def _give_up(self, error: OdysseyError) -> None:
        if self._closing:
            return
        self._closing = True
        self._tell_error(error, str(error), fatal=True, connection=ConnectionStatus.FAILED, streaming=False)
        self._observer.gave_up(error)

    def _tell_error(self, error: OdysseyError, message: str, *, fatal: bool = False, **changes: Any) -> None:
        self._update(error_code=as_odyssey_error(error).code, message=message, **changes)
        self._tell(EventKind.ERROR, error_code=as_odyssey_error(error).code, message=message, fatal=fatal)

    def _update(self, **changes: Any) -> None:
        state = replace(self.state, **changes)
        if state != self.state:
            self.state = state
            self._observer.state_changed(state)

    def _tell(self, kind: EventKind, **fields: Any) -> None:
        self._observer.event_happened(Event(kind, **fields))
