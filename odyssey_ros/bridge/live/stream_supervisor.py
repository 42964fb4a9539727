"""What the operator wants, against what the network gives: the node's connection and its stream.

Everything here runs on the asyncio thread. Nothing here knows ROS.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from odyssey_ros.bridge.live.stream_state import (
    Event,
    EventKind,
    SessionObserver,
    SessionState,
    StreamRequest,
)
from odyssey_ros.client import (
    AccountSuspendedError,
    BroadcastInfo,
    ConnectionStatus,
    ErrorCode,
    MonthlyLimitReachedError,
    Odyssey,
    OdysseyArgumentError,
    OdysseyAuthError,
    OdysseyConnectionError,
    OdysseyError,
    OdysseyImageError,
    OdysseyStreamError,
    OdysseyUsageError,
    StreamerCapabilities,
    as_odyssey_error,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from odyssey_ros.client import ClientCredentials, ClientStatistics

FATAL_ERRORS = (OdysseyAuthError, MonthlyLimitReachedError, AccountSuspendedError)
ALWAYS_RETRIED = ErrorCode.LEASE_DENIED  # the service asks to try again; other refusals: five tries
MAX_REFUSALS = 5
MAX_PROMPTS_WAITING = 10
FIRST_RESUME_DELAY_S, LAST_RESUME_DELAY_S = 0.5, 30.0


class StreamSupervisor:
    """Keeps a connection, and on it the stream that is wanted.

    Create it on any thread; all methods run on the asyncio thread.
    """

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
        self._sleep = sleep
        self.broadcast: BroadcastInfo | None = None
        self.state = SessionState()
        self._observer = observer
        self._credentials = credentials
        self._active = False
        self._closing = False
        self._given_up = False
        self._ending = False
        self._wish: StreamRequest | None = None
        self._prompts: deque[tuple[str, StreamRequest]] = deque()
        self._prompts_dropped = False
        self._next_image: Any = None
        self._failure = ("", "")  # text and code of the last error that was told
        self._operation = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()

    # -- what the operator wants -------------------------------------------------------------------

    async def run(self) -> None:
        """Connect and stay connected until ``close``; tells the observer when that has become impossible."""
        self._start(self._keep_stream())
        callbacks: dict[str, Any] = {
            "on_decoded_frame": self._observer.frame_arrived,
            "on_status_change": self._status_changed,
            "on_stream_started": self._stream_started,
            "on_stream_ended": self._stream_ended,
            "on_interact_acknowledged": self._acknowledged,
            "on_stream_error": self._stream_failed,
            "on_error": self._failed,
            "on_broadcast_ready": self._broadcast_ready,
        }
        try:
            if self._credentials is not None:
                await self.client.connect_with_credentials(self._credentials, **callbacks)
            else:
                await self.client.connect(**callbacks)
        except Exception as error:  # noqa: BLE001 -- a defect ends the session as any fatal error does: told
            self._give_up(error)

    async def activate(self, wish: StreamRequest | None) -> None:
        """Have a stream whenever there is a connection; None waits for a prompt."""
        self._active = True
        self._wish = wish
        self._changed.set()

    async def reshape(self, *, portrait: bool | None = None, broadcast: bool | None = None) -> None:
        """Let the next stream, should the one that is wanted start again, be of another shape."""
        if self._wish is not None:
            if portrait is not None:
                self._wish = replace(self._wish, portrait=portrait)
            if broadcast is not None:
                self._wish = replace(self._wish, broadcast=broadcast)
            self._changed.set()

    async def deactivate(self) -> None:
        """End the stream and stay connected."""
        self._active = False
        self._wish = None
        self._changed.set()
        with contextlib.suppress(OdysseyError):  # it ends with the connection at the latest
            await self._end()

    async def close(self) -> None:
        """Disconnect and release everything. Idempotent."""
        self._closing = True
        self._active = False
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.client.disconnect()

    async def prompt(self, text: str, wish: StreamRequest) -> None:
        """Take a prompt from the topic: interact with the running stream, or start ``wish`` when none runs.

        Without a connection the newest prompt is kept until there is one. Prompts take effect in turn; when
        more than ten wait, the oldest is dropped.
        """
        if not text.strip():
            self._refuse("EMPTY_PROMPT", "the prompt is empty: nothing was sent")
            return
        if not self._active:
            self._refuse("NOT_ACTIVE", "the node is not active, so the prompt is dropped: activate it first")
            return
        self._prompts.append((text, wish))
        if len(self._prompts) > MAX_PROMPTS_WAITING:
            self._drop_prompt()
            return  # one of the calls that wait will take this prompt in the place of its own
        try:
            async with self._operation:  # behind a start that is under way, so that no prompt is lost to it
                text, wish = self._next_prompt()
                if not self._active:  # deactivated while it waited
                    self._refuse("NOT_ACTIVE", "the node was deactivated: a prompt that waited is dropped")
                    return
                if self.state.streaming:
                    await self._interact(text)
                    return
        except OdysseyError as error:
            self._tell_error(error)
            return
        if self._active:
            self._wish = wish
            self._changed.set()

    async def set_next_image(self, image: Any) -> None:
        """Let the next stream that brings no picture of its own start from this one."""
        self._next_image = image

    async def interact(self, text: str) -> str:
        """Change the running stream; returns the prompt as applied.

        Raises:
            OdysseyError: There is no stream, or it refuses.
        """
        self._require_connection()
        async with self._operation:
            return await self._interact(text)

    async def start(self, wish: StreamRequest) -> tuple[str, str]:
        """Start a stream; returns its id, and the prompt as applied.

        Raises:
            OdysseyError: The node is not active, there is no connection, a stream runs already, or the
                service refuses.
        """
        self._require_connection()
        async with self._operation:
            if not self._active:
                raise OdysseyStreamError(
                    "the node is not active: activate it first", code=ErrorCode.NOT_ACTIVE
                )
            if self.state.streaming:
                raise OdysseyStreamError("a stream runs already: end it first", code=ErrorCode.STREAM_RUNNING)
            stream_id, wish = await self._start_wish(wish)
            if self._active:
                self._wish = wish
            return stream_id, self.state.prompt

    async def end(self) -> str:
        """End the running stream and want no other; returns its id.

        Raises:
            OdysseyError: No stream runs, or the connection is gone.
        """
        self._require_connection()
        stream_id = self.state.stream_id
        if not self.state.streaming:
            raise OdysseyStreamError("no stream runs", code=ErrorCode.NO_STREAM)
        self._wish = None
        await self._end()
        return stream_id

    @property
    def stream_wanted(self) -> bool:
        """Whether a stream runs, or is to run as soon as it can. From any thread."""
        return self._active and self._wish is not None

    @property
    def statistics(self) -> ClientStatistics:
        """What the client has counted. From any thread."""
        return self.client.statistics

    # -- keeping the stream ------------------------------------------------------------------------

    async def _keep_stream(self) -> None:
        """Start the wanted stream whenever it can run and does not."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            delay, refusals = FIRST_RESUME_DELAY_S, 0
            while (wish := self._wanted()) is not None:
                try:
                    async with self._operation:
                        if self._wanted() is wish:
                            _, started = await self._start_wish(wish)
                            if self._wish is not None and self._wish.prompt == wish.prompt:
                                # It may have another shape by now, and keeps the picture all the same.
                                self._wish = replace(self._wish, image=started.image)
                    break
                except FATAL_ERRORS as error:
                    self._give_up(error)
                    return
                except OdysseyConnectionError:
                    break  # the client regains the connection, and its status wakes this loop
                except OdysseyError as error:
                    self._tell_error(error)
                    if isinstance(error, OdysseyArgumentError) or error.code is ErrorCode.NO_IMAGE_TO_VIDEO:
                        self._forget(wish)
                        continue
                    refusals += 1
                    if refusals == MAX_REFUSALS and error.code != ALWAYS_RETRIED:
                        self._forget(wish)
                        self._refuse(
                            "STREAM_REFUSED", f"{refusals} starts were refused: waiting for another prompt"
                        )
                        break
                    if isinstance(error, OdysseyUsageError) and error.retry_after_s is not None:
                        await self._sleep(max(error.retry_after_s, delay))
                    elif await self._another_wish_within(delay, wish):
                        break
                    delay = min(delay * 2, LAST_RESUME_DELAY_S)

    async def _another_wish_within(self, seconds: float, refused: StreamRequest) -> bool:
        """Wait before a retry, but no longer than until something else is wanted; tells whether it is."""
        sleeping = asyncio.ensure_future(self._sleep(seconds))
        try:
            while self._wish is refused and not sleeping.done():
                self._changed.clear()
                changing = asyncio.ensure_future(self._changed.wait())
                await asyncio.wait({sleeping, changing}, return_when=asyncio.FIRST_COMPLETED)
                changing.cancel()
        finally:
            sleeping.cancel()
        return self._wish is not refused

    def _wanted(self) -> StreamRequest | None:
        connected = self.state.connection is ConnectionStatus.CONNECTED
        return self._wish if self._active and connected and not self.state.streaming else None

    def _forget(self, wish: StreamRequest) -> None:
        if self._wish is wish:
            self._wish = None

    async def _start_wish(self, wish: StreamRequest) -> tuple[str, StreamRequest]:
        """Start a stream; returns its id, and the wish with the picture that it started from."""
        self.broadcast = None
        if wish.image is None:
            wish = replace(wish, image=self._next_image)
        try:
            image = await asyncio.to_thread(wish.image) if callable(wish.image) else wish.image
            stream_id = await self.client.start_stream(
                wish.prompt,
                wish.portrait,
                image,
                bypass_prompt_expansion=wish.bypass_prompt_expansion,
                broadcast=wish.broadcast,
            )
        except OdysseyError as error:
            unusable = isinstance(error, OdysseyImageError) or error.code is ErrorCode.NO_IMAGE_TO_VIDEO
            if unusable and self._next_image is wish.image:
                self._next_image = None
            raise
        if self._next_image is wish.image:
            self._next_image = None
        return stream_id, wish

    def _require_connection(self) -> None:
        state = self.state
        if state.connection is not ConnectionStatus.CONNECTED:
            reason = f": {state.message}" if state.message else ""
            raise OdysseyStreamError(
                f"there is no connection ({state.connection.value}{reason})", code=ErrorCode.NOT_CONNECTED
            )

    async def _interact(self, text: str) -> str:
        applied = await self.client.interact(text)
        if self._wish is not None:
            self._wish = replace(self._wish, prompt=text, image=None)
        return applied

    def _drop_prompt(self) -> None:
        self._prompts.popleft()
        if not self._prompts_dropped:
            self._prompts_dropped = True
            self._refuse(
                "PROMPTS_DROPPED", "prompts come faster than they take effect: the oldest are dropped"
            )

    def _next_prompt(self) -> tuple[str, StreamRequest]:
        prompt = self._prompts.popleft()
        self._prompts_dropped = self._prompts_dropped and bool(self._prompts)
        return prompt

    async def _end(self) -> None:
        async with self._operation:
            if self.state.streaming:
                self._ending = True
                try:
                    await self.client.end_stream()
                finally:
                    self._ending = False

    # -- what the client tells ---------------------------------------------------------------------

    def _status_changed(self, status: ConnectionStatus, message: str | None) -> None:
        before = self.state.connection
        if status is not ConnectionStatus.CONNECTED and self.state.streaming:
            self._stream_is_over()
        regained = before is ConnectionStatus.RECONNECTING and status is ConnectionStatus.CONNECTED
        self._update(
            connection=status,
            session_id=self.client.current_session_id or "",
            capabilities=self.client.capabilities or StreamerCapabilities(),
            reconnects=self.state.reconnects + regained,
            **self._reason(status, message),
        )
        if status is ConnectionStatus.CONNECTED:
            self._tell(EventKind.CONNECTED, message=message or "")
            self._changed.set()
        elif before is ConnectionStatus.CONNECTED:
            self._tell(EventKind.DISCONNECTED, message=message or "")

    def _reason(self, status: ConnectionStatus, message: str | None) -> dict[str, str]:
        """Return the message and the code of a status: both of one thing, or the code empty."""
        if status in (ConnectionStatus.CONNECTED, ConnectionStatus.DISCONNECTED):
            return {"message": message or "", "error_code": ""}
        if message is None:  # another attempt: why the last one failed is still all that there is to say
            return {}
        text, code = self._failure
        return {"message": message, "error_code": code if text and message.startswith(text) else ""}

    def _stream_started(self, stream_id: str) -> None:
        applied = self.client.last_applied_prompt or ""
        self._took_effect(applied, streaming=True, stream_id=stream_id)
        self._tell(EventKind.STARTED, prompt=applied)

    def _stream_ended(self) -> None:
        if self.state.streaming:
            self._stream_is_over()

    def _acknowledged(self, prompt: str) -> None:
        self._took_effect(prompt)
        self._tell(EventKind.ACKNOWLEDGED, prompt=prompt)

    def _stream_failed(self, reason: str, message: str) -> None:
        self._update(error_code=reason.upper(), message=message)
        self._tell(EventKind.STREAM_ERROR, error_code=reason.upper(), message=message)

    def _failed(self, error: Exception, fatal: bool) -> None:
        if fatal:
            self._give_up(error)
        else:
            self._tell_error(error, retried=isinstance(error, OdysseyError))

    def _broadcast_ready(self, info: BroadcastInfo) -> None:
        self.broadcast = info
        self._tell(EventKind.BROADCAST_READY)

    # -- telling -----------------------------------------------------------------------------------

    def _stream_is_over(self) -> None:
        self.broadcast = None
        self._update(streaming=False, prompt="")
        self._tell(EventKind.ENDED)
        if not self.resume_stream and not self._ending:  # what is wanted while one is ended is another stream
            self._wish = None
        self._changed.set()

    def _took_effect(self, prompt: str, **changes: Any) -> None:
        """Change all that a prompt changes at once, so that no status shows the half of it."""
        acknowledged = self.state.prompts_acknowledged + 1
        self._update(prompt=prompt, prompts_acknowledged=acknowledged, error_code="", message="", **changes)

    def _refuse(self, code: str, message: str) -> None:
        self._tell(EventKind.ERROR, error_code=code, message=message)

    def _tell_error(self, error: Exception, *, retried: bool = False) -> None:
        code, text = as_odyssey_error(error).code, str(error)
        self._failure = (text, code)
        self._update(error_code=code, message=text)
        self._tell(EventKind.ERROR, error_code=code, message=text, retried=retried)

    def _give_up(self, cause: BaseException) -> None:
        if self._closing:
            return
        self._closing = True
        error = as_odyssey_error(cause)
        code = as_odyssey_error(error).code
        self._update(connection=ConnectionStatus.FAILED, error_code=code, message=str(error), streaming=False)
        self._tell(EventKind.ERROR, error_code=code, message=str(error), fatal=True)
        self._given_up = True
        self._observer.gave_up(error)

    def _update(self, **changes: Any) -> None:
        if self._given_up:
            return  # what becomes of the connection until it is closed must not hide the reason
        state = replace(self.state, **changes)
        if state != self.state:
            self.state = state
            self._observer.state_changed(state)

    def _tell(self, kind: EventKind, **fields: Any) -> None:
        if self._given_up:
            return
        self._observer.event_happened(Event(kind, stream_id=self.state.stream_id, **fields))

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._task_ended)
        return task

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._give_up(error)
