"""The supervisor of a connection: connects, reconnects after a loss, and closes."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from typing import TYPE_CHECKING

from odyssey_ros.client.connection_attempt import SESSION_ENDED_CODES, ConnectionAttempt
from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.client.errors import OdysseyAuthError, OdysseyConnectionError, OdysseyError, as_odyssey_error
from odyssey_ros.client.frames import FramePipeline
from odyssey_ros.client.retry import backoff, retry_decision, retry_delay_s
from odyssey_ros.client.stream import StreamControl
from odyssey_ros.client.tasks import TaskOwner, end_tasks, uninterrupted
from odyssey_ros.client.types import ConnectionStatus

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from contextlib import AbstractAsyncContextManager

    from odyssey_ros.client.config import AdvancedConfig
    from odyssey_ros.client.http_api import HttpApi
    from odyssey_ros.client.observer import ClientObserver
    from odyssey_ros.client.session_access import SessionAccess, SessionSource
    from odyssey_ros.client.types import StreamerCapabilities

logger = logging.getLogger(__name__)


class ConnectionSupervisor:
    """Keeps a client connected until it is closed or a retry cannot succeed.

    One task does all the work: it acquires a session, opens a connection attempt, waits until the connection
    is lost, and repeats. However the task ends, everything that it opened is closed.

    Args:
        lease_api: Returns a context manager that lends the HTTP API.
        sessions_of: Returns the source of sessions. Its arguments are the API and a function that reports a
            text for users while the source waits.
        observer: Receives the events of the connection.
        config: Retries, timeouts and intervals.
        decoding: Whether frames are decoded at first; None for what the observer wants.
        first_number: Number of the first access unit.
        sleep: Waits for a number of seconds.
        clock: Returns monotonic seconds.
        uniform: Returns a random number between its two arguments.

    Attributes:
        frames: Reads the video, across reconnections.
        stream: Starts, prompts and ends streams, across reconnections.
        status: The state of the connection.
        reconnects: The number of successful reconnections.
    """

    def __init__(
        self,
        lease_api: Callable[[], AbstractAsyncContextManager[HttpApi]],
        sessions_of: Callable[[HttpApi, Callable[[str], None]], SessionSource],
        observer: ClientObserver,
        config: AdvancedConfig,
        *,
        decoding: bool | None = None,
        first_number: int = 0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._lease_api = lease_api
        self._sessions_of = sessions_of
        self._observer = observer
        self._config = config
        self._sleep = sleep
        self._clock = clock
        self._uniform = uniform
        self._loop = asyncio.get_running_loop()
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._task: asyncio.Task[None] | None = None
        self._attempt: ConnectionAttempt | None = None
        self._session: SessionAccess | None = None
        self._finished = False
        self.frames = FramePipeline(observer, decoding=decoding, first_number=first_number)
        self.stream = StreamControl(observer, self.frames, timeout_s=config.operation_timeout_s)
        self.status = ConnectionStatus.DISCONNECTED
        self.reconnects = 0
        self._message: str | None = ""  # never reported, so that a first `DISCONNECTED` is reported too

    @property
    def attempt(self) -> ConnectionAttempt | None:
        """Return the established connection; None while there is none."""
        return self._attempt if self.status is ConnectionStatus.CONNECTED else None

    @property
    def session_id(self) -> str | None:
        """Return the id of the session in use; None when there is none."""
        return None if self._session is None else self._session.session_id

    @property
    def capabilities(self) -> StreamerCapabilities | None:
        """Return the capabilities of the session's streamer; None when there is no session."""
        return None if self._session is None else self._session.capabilities

    @property
    def is_closed(self) -> bool:
        """Return whether the connection is closed or has failed permanently."""
        return self._finished

    def belongs_to(self, loop: asyncio.AbstractEventLoop | None) -> bool:
        """Return whether the connection belongs to this event loop."""
        return self._loop is loop

    async def open(self) -> None:
        """Connect, and return when connected.

        Raises:
            OdysseyError: The reason of the failure. Everything is closed then, also when the call is
                cancelled.
        """
        self._task = self._loop.create_task(self._run(), name="odyssey-connection")
        try:
            await asyncio.shield(self._opened)
        except BaseException:
            await uninterrupted(self.close())
            raise

    async def close(self) -> None:
        """Disconnect and release everything. May be called at any time, any number of times."""
        if self._task is not None:
            await end_tasks({self._task})
        self._finish(ConnectionStatus.DISCONNECTED, None)

    async def _run(self) -> None:
        failure: Exception | None = None
        try:
            async with self._lease_api() as api:
                await self._stay_connected(api)
        except OdysseyError as error:
            failure = error
        except Exception as error:  # a defect outside of the attempts: reported as fatal
            logger.exception("The connection ended with an unexpected error; please report it")
            failure = error
        finally:
            self._finish(
                ConnectionStatus.DISCONNECTED if failure is None else ConnectionStatus.FAILED, failure
            )

    async def _stay_connected(self, api: HttpApi) -> None:
        sessions = self._sessions_of(api, self._report)
        converting = TaskOwner(
            lambda error: logger.error(
                "The conversion of frames failed; no more video frames are delivered", exc_info=error
            )
        )
        if self.frames.converter is not None:
            converting.spawn(self.frames.converter.run(), "odyssey-convert")
        retries = backoff(self._config, self._uniform)
        try:
            while True:
                attempt = await self._connect(sessions, api, retries)
                connected_at = self._clock()
                await asyncio.wait({attempt.lost})
                lasted = self._clock() - connected_at >= self._config.stable_after_s
                if lasted:
                    retries = backoff(self._config, self._uniform)
                await self._handle_loss(attempt.lost.result(), retries, lasted=lasted)
        finally:
            self.stream.detach(OdysseyConnectionError("Connection closed", code=ErrorCode.CLOSED))
            await uninterrupted(self._close_attempt())
            await uninterrupted(converting.close())

    async def _connect(
        self, sessions: SessionSource, api: HttpApi, retries: Iterator[float]
    ) -> ConnectionAttempt:
        reconnecting = self.status is ConnectionStatus.RECONNECTING
        while True:
            try:
                attempt = await self._open_attempt(sessions, api, reconnecting=reconnecting)
            except OdysseyError as error:
                await self._wait_before_retry(error, retries)
                continue
            except Exception as error:  # a defect of this client, which an answer of the service may trigger
                logger.exception("An attempt to connect failed with an unexpected error; please report it")
                self._session = None
                await uninterrupted(self._close_attempt())
                failure = OdysseyConnectionError(str(as_odyssey_error(error)), code=ErrorCode.INTERNAL)
                await self._wait_before_retry(failure, retries)
                continue
            if reconnecting:
                self.reconnects += 1
            self.stream.attach(attempt)
            self._set_status(ConnectionStatus.CONNECTED)
            if not self._opened.done():
                self._opened.set_result(None)
            self._observer.connected()
            return attempt

    async def _open_attempt(
        self, sessions: SessionSource, api: HttpApi, *, reconnecting: bool
    ) -> ConnectionAttempt:
        if not reconnecting and sessions.authenticates:
            self._set_status(ConnectionStatus.AUTHENTICATING)
        session = await sessions.acquire(self._session)
        self._session = session
        if not reconnecting:
            self._set_status(ConnectionStatus.CONNECTING)
        attempt = ConnectionAttempt(session, api, self.frames, self.stream, self._config)
        self._attempt = attempt
        try:
            await attempt.open()
        except OdysseyError as error:
            # A new session is tried once more; a session that was used before is not.
            if not session.is_new or error.code in SESSION_ENDED_CODES:
                self._session = None
            await uninterrupted(self._close_attempt())
            if error.code is ErrorCode.SESSION_NOT_FOUND and not sessions.has_others:
                raise OdysseyAuthError(
                    "The session of the client credentials has ended; create new ones", code=error.code
                ) from None
            # A server that refuses a used session (with 409 while its old socket is closing, for example) may
            # still accept a new one.
            refused = error.status_code == 409 or not retry_decision(error, retry_forever=True).transient
            if refused and not session.is_new:
                raise OdysseyConnectionError("The server no longer accepts the session") from None
            raise
        return attempt

    async def _handle_loss(self, reason: OdysseyError, retries: Iterator[float], *, lasted: bool) -> None:
        logger.info("Connection lost: %s", reason)  # at INFO, since the observer reports the loss
        self._set_status(ConnectionStatus.RECONNECTING, str(reason), reason)
        self.stream.detach(reason)
        self._observer.disconnected(reason)
        await uninterrupted(self._close_attempt())
        if reason.code in SESSION_ENDED_CODES:
            self._session = None
        if lasted and self._config.max_retries != 0:
            self._observer.error(reason, fatal=False)
        else:
            # A connection that is lost at once counts as a failed attempt.
            await self._wait_before_retry(reason, retries)

    async def _wait_before_retry(self, error: OdysseyError, retries: Iterator[float]) -> None:
        delay_s = retry_delay_s(
            error,
            retries,
            retry_forever=self._config.max_retries is None,
            jitter=self._config.retry_jitter,
            uniform=self._uniform,
        )
        if delay_s is None:
            raise error
        logger.info("Trying again in %.1f s: %s", delay_s, error)
        self._observer.error(error, fatal=False)
        self._report(f"{error}; trying again in {delay_s:.1f} s", error)
        await self._sleep(delay_s)

    async def _close_attempt(self) -> None:
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            await attempt.close()

    def _report(self, message: str, error: OdysseyError | None = None) -> None:
        """Report a text for users, and the failure behind it, with the current status."""
        self._set_status(self.status, message, error)

    def _set_status(
        self, status: ConnectionStatus, message: str | None = None, error: OdysseyError | None = None
    ) -> None:
        if (status, message) != (self.status, self._message):
            self.status, self._message = status, message
            self._observer.status_changed(status, message, error)

    def _finish(self, status: ConnectionStatus, error: Exception | None) -> None:
        if self._finished:
            return
        self._finished = True
        was_connected = self.status is ConnectionStatus.CONNECTED
        self._session = None
        failure = None if error is None else as_odyssey_error(error)
        self._set_status(status, None if error is None else str(error), failure)
        if was_connected:
            self._observer.disconnected(failure)
        if error is not None:
            self._observer.error(error, fatal=True)
        if not self._opened.done():
            self._opened.set_exception(
                error or OdysseyConnectionError("Disconnected while connecting", code=ErrorCode.CLOSED)
            )
            self._opened.exception()  # marked as retrieved: `open` may have been cancelled
