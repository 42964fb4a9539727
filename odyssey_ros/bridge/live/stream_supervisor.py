"""Keeps the connection and the stream that the operator wants.

Everything here runs on the asyncio thread and is independent of ROS.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from odyssey_ros.bridge.live.prompt_queue import PromptQueue
from odyssey_ros.bridge.live.session_reporter import SessionReporter
from odyssey_ros.bridge.live.stream_keeper import FATAL_ERRORS, StreamKeeper
from odyssey_ros.bridge.live.stream_state import EventKind
from odyssey_ros.client import (
    ClientObserver,
    ConnectionStatus,
    ErrorCode,
    OdysseyArgumentError,
    OdysseyConnectionError,
    OdysseyError,
    OdysseyStreamError,
    StreamerCapabilities,
    as_odyssey_error,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from odyssey_ros.bridge.live.stream_state import (
        ImageSource,
        SessionObserver,
        SessionState,
        StreamRequest,
    )
    from odyssey_ros.client import (
        BroadcastInfo,
        ClientCredentials,
        ClientStatistics,
        DecodedFrame,
        EncodedFrame,
        Odyssey,
    )

logger = logging.getLogger(__name__)


class StreamSupervisor(ClientObserver):
    """Keeps a connection, and on it the requested stream.

    Create it on any thread; all methods run on the asyncio thread. The inherited methods receive the events
    of the client.

    Args:
        client: The client to connect.
        observer: Receives frames, states and events.
        credentials: Client credentials to connect with; None connects with the client's key.
        resume_stream: Whether a stream that ended without a request is started again.
        sleep: Waits a number of seconds.

    Attributes:
        broadcast: How to watch the running stream; None when it is not broadcast (yet).
    """

    wants_decoded_frames = False  # until `set_decoding`

    def __init__(
        self,
        client: Odyssey,
        observer: SessionObserver,
        *,
        credentials: ClientCredentials | None = None,
        resume_stream: bool = True,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.client = client
        self.resume_stream = resume_stream
        self.broadcast: BroadcastInfo | None = None
        self._observer = observer
        self._credentials = credentials
        self._reporter = SessionReporter(observer)
        self._operation = asyncio.Lock()
        self._keeper = StreamKeeper(
            self._start_stream, self._can_start, self._reporter, self._operation, sleep
        )
        self._prompts = PromptQueue(self._apply_prompt, self._reporter.report_refusal, self._operation)
        self._active = False
        self._closing = False
        self._ending = False
        self._tasks: set[asyncio.Task[None]] = set()

    # -- operator requests -------------------------------------------------------------------------

    async def run(self) -> None:
        """Connect and stay connected until `close`; a fatal failure is reported to the observer."""
        if self._closing:
            return
        self._spawn(self._keeper.run())
        self._spawn(self._prompts.run())
        try:
            if self._credentials is not None:
                await self.client.connect_with_credentials(self._credentials, observer=self)
            else:
                await self.client.connect(observer=self)
        except Exception as error:  # noqa: BLE001 -- a defect is reported like any fatal failure
            self._give_up(error)

    async def activate(self, request: StreamRequest | None) -> None:
        """Keep a stream running whenever there is a connection; None waits for a prompt."""
        self._active = True
        self._keeper.set_request(request)

    async def reshape(self, *, portrait: bool | None = None, broadcast: bool | None = None) -> None:
        """Change the requested stream when it is started again; None leaves a property as it is."""
        request = self._keeper.request
        if request is None:
            return
        if portrait is not None:
            request = replace(request, portrait=portrait)
        if broadcast is not None:
            request = replace(request, broadcast=broadcast)
        self._keeper.set_request(request)

    async def deactivate(self) -> None:
        """End the stream and stay connected; prompts that wait are dropped and reported."""
        self._active = False
        self._keeper.set_request(None)
        self._prompts.cancel_all()
        with contextlib.suppress(OdysseyError):  # the stream ends with the connection at the latest
            await self._end()

    async def close(self) -> None:
        """Disconnect and release everything. Idempotent."""
        self._closing = True
        self._active = False
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.client.disconnect()

    async def prompt(self, request: StreamRequest) -> None:
        """Queue a prompt: it changes the running stream, or starts `request` when no stream is running.

        Without a connection the newest prompt is kept until there is a connection. See `PromptQueue`.
        """
        if not request.prompt.strip():
            self._reporter.report_refusal(
                OdysseyArgumentError(
                    "the prompt is empty and was not sent: send a text", code=ErrorCode.EMPTY_PROMPT
                )
            )
        elif not self._active:
            self._reporter.report_refusal(
                OdysseyStreamError(
                    "the node is not active and dropped the prompt: activate it first",
                    code=ErrorCode.NOT_ACTIVE,
                )
            )
        else:
            self._prompts.put(request)

    async def set_next_image(self, image: ImageSource) -> None:
        """Start the next stream whose request has no image from this one."""
        self._keeper.set_next_image(image)

    async def interact(self, text: str) -> str:
        """Change the running stream; return the prompt as applied.

        Raises:
            OdysseyError: No stream is running, or the service refuses.
        """
        self._require_connection()
        async with self._operation:
            return await self._interact(text)

    async def start(self, request: StreamRequest) -> tuple[str, str]:
        """Start a stream; return its id and the prompt as applied.

        Raises:
            OdysseyError: The node is not active, there is no connection, a stream is running already, or the
                service refuses.
        """
        self._require_connection()
        async with self._operation:
            if not self._active:
                raise OdysseyStreamError(
                    "the node is not active: activate it first", code=ErrorCode.NOT_ACTIVE
                )
            if self.state.streaming:
                raise OdysseyStreamError(
                    "a stream is already running: end it first", code=ErrorCode.STREAM_RUNNING
                )
            stream_id, started = await self._keeper.start(request)
            if self._active:
                self._keeper.set_request(started)
            return stream_id, self.state.prompt

    async def end(self) -> str:
        """End the running stream without starting another; return its id.

        Raises:
            OdysseyError: No stream is running, or the connection is lost.
        """
        self._require_connection()
        stream_id = self.state.stream_id
        if not self.state.streaming:
            raise OdysseyStreamError("no stream is running", code=ErrorCode.NO_STREAM)
        self._keeper.set_request(None)
        await self._end()
        return stream_id

    def set_decoding(self, enabled: bool) -> None:
        """Decode the frames that arrive from now on, or none; at first none are decoded."""
        self.client.set_decoding(enabled)

    def request_key_frame(self) -> None:
        """Ask for a key frame, until one arrives."""
        self.client.request_key_frame()

    @property
    def state(self) -> SessionState:
        """The current state. From any thread."""
        return self._reporter.state

    @property
    def stream_wanted(self) -> bool:
        """Whether a stream is running or has been requested. From any thread."""
        return self._active and self._keeper.request is not None

    @property
    def statistics(self) -> ClientStatistics:
        """The counters of the client. From any thread."""
        return self.client.statistics

    # -- operations on the stream ------------------------------------------------------------------

    def _can_start(self) -> bool:
        connected = self.state.connection is ConnectionStatus.CONNECTED
        return self._active and connected and not self.state.streaming

    async def _start_stream(self, request: StreamRequest) -> str:
        self.broadcast = None
        image = await asyncio.to_thread(request.image) if callable(request.image) else request.image
        return await self.client.start_stream(
            request.prompt,
            request.portrait,
            image,
            bypass_prompt_expansion=request.bypass_prompt_expansion,
            broadcast=request.broadcast,
        )

    async def _apply_prompt(self, request: StreamRequest) -> None:
        if not self.state.streaming:
            self._keeper.set_request(request)
            return
        try:
            await self._interact(request.prompt)
        except OdysseyConnectionError:
            return  # the client reports the loss
        except OdysseyError as error:
            self._reporter.report_failure(error)
        except Exception as error:  # an unexpected error fails this prompt, not the session
            logger.exception("A prompt failed unexpectedly; please report it")
            self._reporter.report_failure(as_odyssey_error(error))

    async def _interact(self, text: str) -> str:
        applied = await self.client.interact(text)
        if self._keeper.request is not None:
            self._keeper.set_request(replace(self._keeper.request, prompt=text, image=None))
        return applied

    async def _end(self) -> None:
        async with self._operation:
            if self.state.streaming:
                self._ending = True
                try:
                    await self.client.end_stream()
                finally:
                    self._ending = False

    def _require_connection(self) -> None:
        state = self.state
        if state.connection is not ConnectionStatus.CONNECTED:
            reason = f": {state.message}" if state.message else ""
            raise OdysseyStreamError(
                f"there is no connection ({state.connection.value}{reason})", code=ErrorCode.NOT_CONNECTED
            )

    # -- events of the client ----------------------------------------------------------------------

    def encoded_frame(self, frame: EncodedFrame) -> None:
        """Pass the frame on."""
        self._observer.frame_arrived(frame)

    def decoded_frame(self, frame: DecodedFrame) -> None:
        """Pass the picture on."""
        self._observer.frame_decoded(frame)

    def status_changed(
        self, status: ConnectionStatus, message: str | None, error: OdysseyError | None
    ) -> None:
        """Report the status with its reason, and whether the connection was made or lost."""
        before = self.state.connection
        if status is not ConnectionStatus.CONNECTED and self.state.streaming:
            self._stream_over()
        regained = before is ConnectionStatus.RECONNECTING and status is ConnectionStatus.CONNECTED
        state = replace(
            self.state,
            connection=status,
            session_id=self.client.current_session_id or "",
            capabilities=self.client.capabilities or StreamerCapabilities(),
            reconnects=self.state.reconnects + regained,
        )
        # Another attempt has no message of its own: the failure of the last attempt remains the reason.
        if message is not None or status in (ConnectionStatus.CONNECTED, ConnectionStatus.DISCONNECTED):
            state = replace(state, message=message or "", error_code=None if error is None else error.code)
        self._reporter.set_state(state)
        if status is ConnectionStatus.CONNECTED:
            self._reporter.report_event(EventKind.CONNECTED, message=message or "")
            self._keeper.wake()
        elif before is ConnectionStatus.CONNECTED:
            self._reporter.report_event(EventKind.DISCONNECTED, message=message or "")

    def stream_started(self, stream_id: str) -> None:
        """Report the stream and the prompt that it started with."""
        applied = self.client.last_applied_prompt or ""
        self._reporter.set_state(replace(self._acknowledged(applied), streaming=True, stream_id=stream_id))
        self._reporter.report_event(EventKind.STARTED, prompt=applied)

    def stream_ended(self) -> None:
        """Report the end of the stream, unless the loss of the connection has reported it."""
        if self.state.streaming:
            self._stream_over()

    def interact_acknowledged(self, prompt: str) -> None:
        """Report the prompt in force."""
        self._reporter.set_state(self._acknowledged(prompt))
        self._reporter.report_event(EventKind.ACKNOWLEDGED, prompt=prompt)

    def stream_failed(self, error: OdysseyError, message: str) -> None:
        """Report a failure of the stream or of the pending request."""
        if self._keeper.is_starting and isinstance(error, FATAL_ERRORS):
            return  # the start fails with this error, which ends the session and is reported as fatal
        self._reporter.report_failure(error, kind=EventKind.STREAM_ERROR)

    def broadcast_ready(self, info: BroadcastInfo) -> None:
        """Store how to watch the stream, and report that spectators can."""
        self.broadcast = info
        self._reporter.report_event(EventKind.BROADCAST_READY)

    def error(self, error: Exception, *, fatal: bool) -> None:
        """Report a failure of the connection."""
        if fatal:
            self._give_up(error)
        else:
            self._reporter.report_failure(as_odyssey_error(error), retried=isinstance(error, OdysseyError))

    # -- reports -----------------------------------------------------------------------------------

    def _stream_over(self) -> None:
        self.broadcast = None
        self._reporter.set_state(replace(self.state, streaming=False, prompt=""))
        self._reporter.report_event(EventKind.ENDED)
        # A request that arrives while a stream is being ended is for the next stream.
        if not self.resume_stream and not self._ending:
            self._keeper.set_request(None)
        self._keeper.wake()

    def _acknowledged(self, prompt: str) -> SessionState:
        """Return the state with everything that an acknowledged prompt changes."""
        count = self.state.prompts_acknowledged + 1
        return replace(self.state, prompt=prompt, prompts_acknowledged=count, error_code=None, message="")

    def _give_up(self, cause: BaseException) -> None:
        if not self._closing:
            self._closing = True
            self._reporter.give_up(as_odyssey_error(cause))

    def _spawn(self, coroutine: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._task_ended)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._give_up(error)
