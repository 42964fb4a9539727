"""The life of a connection: connect, lose, regain, close."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from typing import TYPE_CHECKING

from odyssey_ros.client.connection_attempt import SESSION_OVER, ConnectionAttempt
from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.client.errors import OdysseyAuthError, OdysseyConnectionError, OdysseyError, as_odyssey_error
from odyssey_ros.client.frames import FramePipeline
from odyssey_ros.client.retry import Verdict, backoff, judge
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
    """Keeps a client connected until it is closed or there is no use in trying.

    One task does it all: it acquires a session, opens a link, waits until the link is lost, and begins again.
    Whatever ends the task, everything that it opened is closed.

    Args:
        lease_api: Lends the HTTP API.
        sessions_of: Makes the source of sessions from the API and from a function that tells people what is
            waited for.
        observer: Receives the events of the connection.
        config: Retries, timeouts and intervals.
        sleep: Waits some seconds.
        clock: Seconds, monotonic.
        uniform: Draws a number between two.
    """

    def __init__(
        self,
        lease_api: Callable[[], AbstractAsyncContextManager[HttpApi]],
        sessions_of: Callable[[HttpApi, Callable[[str], None]], SessionSource],
        observer: ClientObserver,
        config: AdvancedConfig,
        *,
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
        self._link: ConnectionAttempt | None = None
        self._session: SessionAccess | None = None
        self._finished = False
        self.frames = FramePipeline(observer)
        self.stream = StreamControl(observer, self.frames, timeout_s=config.operation_timeout_s)
        self.status = ConnectionStatus.DISCONNECTED
        self.reconnects = 0
        self._message: str | None = ""  # none yet: also a first `DISCONNECTED` is told

    @property
    def link(self) -> ConnectionAttempt | None:
        """The link that is up; None when none is."""
        return self._link if self.status is ConnectionStatus.CONNECTED else None

    @property
    def session_id(self) -> str | None:
        """The session in use; None when there is none."""
        return None if self._session is None else self._session.session_id

    @property
    def capabilities(self) -> StreamerCapabilities | None:
        """What the session's streamer can do; None when there is no session."""
        return None if self._session is None else self._session.capabilities

    @property
    def is_over(self) -> bool:
        """Whether it is closed, or has failed for good."""
        return self._finished

    def belongs_to(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether it lives on this loop."""
        return self._loop is loop

    async def open(self) -> None:
        """Connect, and return when connected.

        Raises:
            OdysseyError: Why it cannot be. Everything is closed then, as it is when the call is cancelled.
        """
        self._task = self._loop.create_task(self._run(), name="odyssey-connection")
        try:
            await asyncio.shield(self._opened)
        except BaseException:
            await uninterrupted(self.close())
            raise

    async def close(self) -> None:
        """Disconnect and leave nothing behind. May be called at any time, any number of times."""
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
        except Exception as error:  # a defect of this client: reported as fatal, never swallowed
            logger.exception("The connection ended on an unexpected error")
            failure = error
        finally:
            self._finish(
                ConnectionStatus.DISCONNECTED if failure is None else ConnectionStatus.FAILED, failure
            )

    async def _stay_connected(self, api: HttpApi) -> None:
        sessions = self._sessions_of(api, self._report)
        converting = TaskOwner(lambda error: logger.error("Converting frames failed", exc_info=error))
        if self.frames.converter is not None:
            converting.spawn(self.frames.converter.run(), "odyssey-convert")
        retries = backoff(self._config, self._uniform)
        try:
            while True:
                link = await self._connect(sessions, api, retries)
                connected_at = self._clock()
                await asyncio.wait({link.lost})
                lasted = self._clock() - connected_at >= self._config.stable_after_s
                if lasted:
                    retries = backoff(self._config, self._uniform)
                await self._lost(link.lost.result(), retries, lasted=lasted)
        finally:
            self.stream.detach(OdysseyConnectionError("Connection closed", code=ErrorCode.CLOSED))
            await uninterrupted(self._drop_link())
            await uninterrupted(converting.close())

    async def _connect(
        self, sessions: SessionSource, api: HttpApi, retries: Iterator[float]
    ) -> ConnectionAttempt:
        regaining = self.status is ConnectionStatus.RECONNECTING
        while True:
            try:
                link = await self._attempt(sessions, api, regaining=regaining)
            except OdysseyError as error:
                await self._wait_before_retry(error, retries)
                continue
            if regaining:
                self.reconnects += 1
            self.stream.attach(link)
            self._set_status(ConnectionStatus.CONNECTED)
            if not self._opened.done():
                self._opened.set_result(None)
            self._observer.connected()
            return link

    async def _attempt(self, sessions: SessionSource, api: HttpApi, *, regaining: bool) -> ConnectionAttempt:
        if not regaining and sessions.authenticates:
            self._set_status(ConnectionStatus.AUTHENTICATING)
        session = await sessions.acquire(self._session)
        self._session = session
        if not regaining:
            self._set_status(ConnectionStatus.CONNECTING)
        link = ConnectionAttempt(session, api, self.frames, self.stream, self._config)
        self._link = link
        try:
            await link.open()
        except OdysseyError as error:
            # A new session is worth a second try; one that was used before is not.
            if not session.is_new or error.code in SESSION_OVER:
                self._session = None
            await uninterrupted(self._drop_link())
            if error.code is ErrorCode.SESSION_NOT_FOUND and not sessions.has_others:
                raise OdysseyAuthError(
                    "The service no longer knows the session that the credentials are for", code=error.code
                ) from None
            # A refusal of a used session, be it 409 while its old socket is still closing, says nothing of a
            # new one.
            refused = error.status_code == 409 or not judge(error, patient=True).transient
            if refused and not session.is_new:
                raise OdysseyConnectionError("The server no longer accepts the session") from None
            raise
        return link

    async def _lost(self, reason: OdysseyError, retries: Iterator[float], *, lasted: bool) -> None:
        logger.info("Connection lost: %s", reason)  # the callbacks tell it, and why
        self._set_status(ConnectionStatus.RECONNECTING, str(reason), reason)
        self.stream.detach(reason)
        self._observer.disconnected(reason)
        await uninterrupted(self._drop_link())
        if reason.code in SESSION_OVER:
            self._session = None
        if lasted and self._config.max_retries != 0:
            self._observer.error(reason, fatal=False)
        else:
            # A connection that goes as soon as it comes is as good as one that fails to come.
            await self._wait_before_retry(reason, retries)

    async def _wait_before_retry(self, error: OdysseyError, retries: Iterator[float]) -> None:
        verdict = judge(error, patient=self._config.max_retries is None)
        delay_s = self._delay(verdict, retries)
        if delay_s is None:
            raise error
        logger.info("Trying again in %.1f s: %s", delay_s, error)
        self._observer.error(error, fatal=False)
        self._report(f"{error}; trying again in {delay_s:.1f} s", error)
        await self._sleep(delay_s)

    def _delay(self, verdict: Verdict, retries: Iterator[float]) -> float | None:
        if not verdict.transient:
            return None
        delay_s = next(retries, None)
        if delay_s is None:
            return None
        return delay_s if verdict.wait_s is None else max(delay_s, verdict.wait_s)

    async def _drop_link(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            await link.close()

    def _report(self, message: str, error: OdysseyError | None = None) -> None:
        """Report what the connection is waiting for, and the failure behind it."""
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
            self._opened.exception()  # seen: `open` may have been cancelled
