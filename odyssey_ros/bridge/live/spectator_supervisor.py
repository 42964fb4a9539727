"""Watches a broadcast and reconnects to it. Independent of ROS."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import fields, replace
from typing import TYPE_CHECKING

from odyssey_ros.bridge.live.session_reporter import SessionReporter
from odyssey_ros.bridge.live.stream_state import EventKind
from odyssey_ros.client import (
    AdvancedConfig,
    ClientObserver,
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
from odyssey_ros.client.retry import backoff, longer_wait_s
from odyssey_ros.client.tasks import uninterrupted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from odyssey_ros.bridge.live.stream_state import SessionObserver, SessionState
    from odyssey_ros.client import DecodedFrame, EncodedFrame, SpectatorConnection

FATAL_ERRORS = (OdysseyAuthError, OdysseyArgumentError)


class SpectatorSupervisor(ClientObserver):
    """Keeps watching a broadcast.

    When the broadcast does not exist or has ended, the supervisor keeps trying: the next stream may have the
    same address. Create it on any thread; its coroutines run on the asyncio thread. The inherited methods
    receive the events of the connection.

    Args:
        webrtc_url: The address of the broadcast.
        spectator_token: The token of its spectators; a secret.
        observer: Receives frames, states and events. `streaming` in the state means connected.
        config: Timeouts and retries. No frame for `frame_timeout_s` counts as a loss.
        allow_insecure: Whether the token may be sent over http to another machine.
        sleep: Waits a number of seconds.
        clock: Returns seconds, monotonic.
        uniform: Draws a number between two.
    """

    wants_decoded_frames = False  # until `set_decoding`

    def __init__(
        self,
        webrtc_url: str,
        spectator_token: str,
        observer: SessionObserver,
        config: AdvancedConfig,
        *,
        allow_insecure: bool = False,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._url = webrtc_url
        self._token = spectator_token
        self._observer = observer
        self._config = config
        self._allow_insecure = allow_insecure
        self._sleep = sleep
        self._clock = clock
        self._uniform = uniform
        self._reporter = SessionReporter(observer)
        self._task: asyncio.Task[None] | None = None
        self._lost: asyncio.Future[OdysseyError] | None = None
        self._connected_at: float | None = None
        self._closing = False
        self._connection: SpectatorConnection | None = None
        self._past = ClientStatistics()  # of earlier connections

    @property
    def state(self) -> SessionState:
        """The current state. From any thread."""
        return self._reporter.state

    @property
    def stream_wanted(self) -> bool:
        """Whether the broadcast is to be watched. From any thread."""
        return not self._closing

    @property
    def statistics(self) -> ClientStatistics:
        """The counters of frames; a spectator connection has no others. From any thread."""
        past, connection = self._past, self._connection
        return past if connection is None else _sum(past, connection.statistics)

    async def run(self) -> None:
        """Watch until `close`; a fatal failure is reported to the observer."""
        if self._closing:
            return
        self._task = asyncio.current_task()
        try:
            await self._keep_watching()
        except Exception as error:  # noqa: BLE001 -- a defect is reported like any fatal failure
            self._give_up(as_odyssey_error(error))

    async def close(self) -> None:
        """Disconnect. Idempotent."""
        self._closing = True
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task})

    def set_decoding(self, enabled: bool) -> None:
        """Decode the frames that arrive from now on, or none; at first none are decoded."""
        self.wants_decoded_frames = enabled  # of the next connection
        if self._connection is not None:
            self._connection.set_decoding(enabled)

    def request_key_frame(self) -> None:
        """Ask for a key frame, until one arrives. A connection begins with one."""
        if self._connection is not None:
            self._connection.request_key_frame()

    def encoded_frame(self, frame: EncodedFrame) -> None:
        """Pass the frame on, with a number that rises across connections."""
        first = self._first_number
        self._observer.frame_arrived(replace(frame, number=first + frame.number) if first else frame)

    def decoded_frame(self, frame: DecodedFrame) -> None:
        """Pass the picture on, with the number of its frame."""
        first = self._first_number
        self._observer.frame_decoded(replace(frame, number=first + frame.number) if first else frame)

    def disconnected(self, error: OdysseyError | None) -> None:
        """End the current connection."""
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(
                error or OdysseyConnectionError("The broadcast ended", code=ErrorCode.MEDIA_LOST)
            )

    async def _keep_watching(self) -> None:
        delays = self._delays()
        while True:
            regaining = self.state.connection is ConnectionStatus.RECONNECTING
            if not regaining:
                self._reporter.set_state(replace(self.state, connection=ConnectionStatus.CONNECTING))
            self._connected_at = None
            try:
                error = await self._watch(regaining=regaining)
            except FATAL_ERRORS:
                raise
            except OdysseyError as failure:
                error = failure
            if self._was_stable():
                delays = self._delays()
            delay_s = next(delays, None)
            if delay_s is None:
                raise error
            delay_s = longer_wait_s(delay_s, error, jitter=self._config.retry_jitter, uniform=self._uniform)
            self._reporter.report_failure(error, message=f"{error}; trying again in {delay_s:.1f} s")
            await self._sleep(delay_s)

    async def _watch(self, *, regaining: bool) -> OdysseyError:
        """Connect, wait until the connection is lost, and return the reason.

        Raises:
            OdysseyError: There is no connection.
        """
        lost: asyncio.Future[OdysseyError] = asyncio.get_running_loop().create_future()
        self._lost = lost
        connection = await connect_to_stream(
            self._url,
            self._token,
            observer=self,
            advanced=self._config,
            allow_insecure=self._allow_insecure,
        )
        self._connected_at = self._clock()
        self._connection = connection
        connection.set_decoding(self.wants_decoded_frames)  # it may have changed in the meantime
        try:
            self._reporter.set_state(
                replace(
                    self.state,
                    connection=ConnectionStatus.CONNECTED,
                    streaming=True,
                    message="",
                    error_code=None,
                    reconnects=self.state.reconnects + regaining,
                )
            )
            self._reporter.report_event(EventKind.CONNECTED)
            return await lost
        finally:
            await uninterrupted(connection.close())
            self._connection = None
            self._past = _sum(self._past, connection.statistics)
            after = ConnectionStatus.DISCONNECTED if self._closing else ConnectionStatus.RECONNECTING
            self._reporter.set_state(replace(self.state, connection=after, streaming=False))
            self._reporter.report_event(EventKind.DISCONNECTED)

    @property
    def _first_number(self) -> int:
        """The number of the first access unit of the present connection."""
        return self._past.frames_received + self._past.frames_lost

    def _was_stable(self) -> bool:
        """Return whether the last connection lasted; an attempt that failed, however slowly, did not."""
        connected_at = self._connected_at
        return connected_at is not None and self._clock() - connected_at >= self._config.stable_after_s

    def _delays(self) -> Iterator[float]:
        return backoff(self._config, self._uniform)

    def _give_up(self, error: OdysseyError) -> None:
        if not self._closing:
            self._closing = True
            self._reporter.give_up(error)


def _sum(past: ClientStatistics, present: ClientStatistics) -> ClientStatistics:
    """Return the counters of two connections, one after the other."""
    return ClientStatistics(**{
        field.name: getattr(past, field.name) + getattr(present, field.name)
        for field in fields(ClientStatistics)
    })  # fmt: skip
