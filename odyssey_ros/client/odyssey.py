"""The client: one object for a connection and for all that the HTTP API offers."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import random
import time
from typing import TYPE_CHECKING

from odyssey_ros.client.callbacks import CallbackObserver, OdysseyEventHandlers
from odyssey_ros.client.config import AdvancedConfig, ClientConfig
from odyssey_ros.client.connection_supervisor import ConnectionSupervisor
from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.client.errors import OdysseyArgumentError, OdysseyConnectionError, OdysseyStreamError
from odyssey_ros.client.http_api import HttpApi, TokenCache, shared_tls_context
from odyssey_ros.client.images import prepare_image
from odyssey_ros.client.json_object import is_encodable
from odyssey_ros.client.observer import GuardedObservers
from odyssey_ros.client.regions import RegionLatencies
from odyssey_ros.client.session_access import MintedSession, RequestedSessions
from odyssey_ros.client.simulations import encode_simulation
from odyssey_ros.client.stream import StartRequest
from odyssey_ros.client.tasks import uninterrupted
from odyssey_ros.client.types import ClientStatistics, ConnectionStatus, SimulationJobStatus

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterator, Callable, Sequence
    from types import TracebackType

    from odyssey_ros.client.callbacks import (
        BroadcastReadyCallback,
        ConnectedCallback,
        DecodedFrameCallback,
        DisconnectedCallback,
        ErrorCallback,
        InteractAcknowledgedCallback,
        StatusChangeCallback,
        StreamEndedCallback,
        StreamErrorCallback,
        StreamStartedCallback,
        VideoFrameCallback,
    )
    from odyssey_ros.client.images import ImageInput
    from odyssey_ros.client.observer import ClientObserver
    from odyssey_ros.client.scripts import ScriptEntry
    from odyssey_ros.client.session_access import SessionSource
    from odyssey_ros.client.types import (
        ClientCredentials,
        Recording,
        SimulationJobDetail,
        SimulationJobInfo,
        SimulationJobsList,
        StreamerCapabilities,
        StreamRecordingsList,
    )

logger = logging.getLogger(__name__)

_IGNORED_SDK_OPTIONS = frozenset({"enable_telemetry"})
_MAX_PAGE = 100


@dataclasses.dataclass(slots=True)
class _Lease:
    """The HTTP API on one event loop, for as long as somebody uses it."""

    api: HttpApi
    loop: asyncio.AbstractEventLoop
    users: int = 0


class Odyssey:
    """A client of the Odyssey service, for asyncio.

    Making one does nothing but remember its arguments. Everything else happens on the event loop that its
    methods are awaited on; a connection belongs to the loop that opened it. As an async context manager it
    disconnects at the end, and keeps its HTTP connections open over the calls within.

    Args:
        api_key: The key (`ody_...`). Empty: the environment's `ODYSSEY_API_KEY`; none is needed to connect
            with credentials.
        api_url: Base URL of the service. None: the environment's `ODYSSEY_API_URL`, else
            https://api.odyssey.ml.
        advanced: Retries, timeouts and intervals.
        debug: Whether this package's loggers emit DEBUG records.
        **sdk_options: Options of the SDK that have no meaning here, such as `enable_telemetry`: there is no
            telemetry.

    Raises:
        OdysseyArgumentError: The URL is no http or https URL.
    """

    def __init__(
        self,
        api_key: str = "",
        *,
        api_url: str | None = None,
        advanced: AdvancedConfig | None = None,
        debug: bool = False,
        **sdk_options: object,
    ) -> None:
        self._config = ClientConfig.resolve(api_key, api_url, advanced, debug=debug)
        if debug:
            logging.getLogger("odyssey_ros.client").setLevel(logging.DEBUG)
        for option in sorted(sdk_options.keys() - _IGNORED_SDK_OPTIONS):
            logger.warning("Ignoring the unknown option %s", option)
        self._tokens = TokenCache()
        self._regions = RegionLatencies()
        self._lease: _Lease | None = None
        self._held_open: contextlib.AsyncExitStack | None = None
        self._connection: ConnectionSupervisor | None = None
        self._counted = ClientStatistics()

    async def __aenter__(self) -> Odyssey:
        self._held_open = contextlib.AsyncExitStack()
        await self._held_open.enter_async_context(self._lease_api())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        held_open, self._held_open = self._held_open, None
        try:
            await self.disconnect()
        finally:
            if held_open is not None:
                await held_open.aclose()

    # The connection

    async def connect(
        self,
        on_connected: ConnectedCallback | None = None,
        on_disconnected: DisconnectedCallback | None = None,
        on_video_frame: VideoFrameCallback | None = None,
        on_stream_started: StreamStartedCallback | None = None,
        on_stream_ended: StreamEndedCallback | None = None,
        on_interact_acknowledged: InteractAcknowledgedCallback | None = None,
        on_stream_error: StreamErrorCallback | None = None,
        on_error: ErrorCallback | None = None,
        on_status_change: StatusChangeCallback | None = None,
        on_broadcast_ready: BroadcastReadyCallback | None = None,
        *,
        on_decoded_frame: DecodedFrameCallback | None = None,
        observer: ClientObserver | None = None,
    ) -> None:
        """Connect to a streamer of the service's choice, and return when connected.

        A connection that is lost later is regained by itself, within the bounds of the configuration; a
        stream that was running is over then. Callbacks are called on the loop's thread and must not block it.

        Args:
            on_connected: The connection is up, the first time or again.
            on_disconnected: A connection that was up has ended: once for each `on_connected`.
            on_video_frame: The newest frame, converted to RGB. Frames that come while one is converted are
                dropped.
            on_stream_started: A stream has begun; its id.
            on_stream_ended: The stream is over, for whatever reason.
            on_interact_acknowledged: A prompt is in force; what the service made of it.
            on_stream_error: The streamer reports an error: reason and message.
            on_error: Something failed, and whether that is fatal, which means that the client has given up.
            on_status_change: The status, and a text for people or None.
            on_broadcast_ready: Spectators can watch.
            on_decoded_frame: Every frame, as soon as it is decoded and not converted.
            observer: Receives the same events, and with each failure its error.

        Raises:
            OdysseyAuthError: The key is refused.
            OdysseyUsageError: A limit of the account that does not pass by waiting as long as configured.
            OdysseyConnectionError: No connection within the configured retries, or there is one already.
        """
        await self._open(
            self._requested_sessions,
            OdysseyEventHandlers(
                on_connected=on_connected,
                on_disconnected=on_disconnected,
                on_video_frame=on_video_frame,
                on_stream_started=on_stream_started,
                on_stream_ended=on_stream_ended,
                on_interact_acknowledged=on_interact_acknowledged,
                on_stream_error=on_stream_error,
                on_error=on_error,
                on_status_change=on_status_change,
                on_broadcast_ready=on_broadcast_ready,
            ),
            on_decoded_frame,
            observer,
        )

    async def connect_with_credentials(
        self,
        credentials: ClientCredentials,
        on_connected: ConnectedCallback | None = None,
        on_disconnected: DisconnectedCallback | None = None,
        on_video_frame: VideoFrameCallback | None = None,
        on_stream_started: StreamStartedCallback | None = None,
        on_stream_ended: StreamEndedCallback | None = None,
        on_interact_acknowledged: InteractAcknowledgedCallback | None = None,
        on_stream_error: StreamErrorCallback | None = None,
        on_error: ErrorCallback | None = None,
        on_status_change: StatusChangeCallback | None = None,
        on_broadcast_ready: BroadcastReadyCallback | None = None,
        *,
        on_decoded_frame: DecodedFrameCallback | None = None,
        observer: ClientObserver | None = None,
    ) -> None:
        """Connect to the session that credentials were minted for; needs no API key.

        A lost connection is regained for as long as the server accepts the credentials. Arguments and errors
        are those of `connect`.

        Raises:
            OdysseyArgumentError: The credentials name no usable signaling URL.
        """
        minted = MintedSession(credentials)
        await self._open(
            lambda _api, _report: minted,
            OdysseyEventHandlers(
                on_connected=on_connected,
                on_disconnected=on_disconnected,
                on_video_frame=on_video_frame,
                on_stream_started=on_stream_started,
                on_stream_ended=on_stream_ended,
                on_interact_acknowledged=on_interact_acknowledged,
                on_stream_error=on_stream_error,
                on_error=on_error,
                on_status_change=on_status_change,
                on_broadcast_ready=on_broadcast_ready,
            ),
            on_decoded_frame,
            observer,
        )

    async def disconnect(self) -> None:
        """Disconnect, from any state, any number of times. Leaves no task, socket or thread behind."""
        if self._connection is not None:
            await self._own(self._connection).close()

    async def create_client_credentials(self) -> ClientCredentials:
        """Provision a session and give what a client without an API key needs to connect to it, once.

        Raises:
            OdysseyAuthError, OdysseyUsageError, OdysseyConnectionError: As for `connect`, without retries.
        """
        async with self._lease_api() as api:
            return await self._requested_sessions(api, lambda _message: None).mint()

    # The stream

    async def start_stream(
        self,
        prompt: str = "",
        portrait: bool = True,
        image: ImageInput | None = None,
        image_path: str | os.PathLike[str] | None = None,
        bypass_prompt_expansion: bool | None = None,
        broadcast: bool = False,
    ) -> str:
        """Start a stream and wait until its first frame is ready.

        Args:
            prompt: What to dream.
            portrait: 704x1280 rather than 1280x704 (width x height).
            image: The picture to start from: path, file contents, data URL, PIL image, or RGB array of uint8.
            image_path: The same as a path; deprecated in the SDK.
            bypass_prompt_expansion: Use the prompt as it is; needs a privilege of the account.
            broadcast: Let spectators watch; `on_broadcast_ready` tells how.

        Returns:
            The stream's id, by which its recording is known.

        Raises:
            OdysseyStreamError: There is no connection, the streamer refuses, cannot start from an image, or
                does not answer in time.
            OdysseyUsageError: A limit of the account.
            OdysseyImageError: The image cannot be used.
            OdysseyConnectionError: The connection went while waiting.
        """
        connection = self._connected("Cannot start stream: client is disconnected")
        if image is not None and image_path is not None:
            raise OdysseyArgumentError("Give image or image_path, not both")
        picture: ImageInput | None = image if image is not None else image_path
        data_url: str | None = None
        if picture is not None:
            capabilities = connection.capabilities
            if capabilities is None or not capabilities.image_to_video:
                raise OdysseyStreamError(
                    "Cannot start stream: the streamer cannot start from an image",
                    code=ErrorCode.NO_IMAGE_TO_VIDEO,
                )
            data_url = await asyncio.to_thread(prepare_image, picture, portrait=portrait)
        return await connection.stream.start(
            StartRequest(prompt, portrait, data_url, bypass_prompt_expansion, broadcast)
        )

    async def interact(self, prompt: str) -> str:
        """Send a prompt to the running stream.

        Returns:
            The prompt that is in force now: what the service made of it.

        Raises:
            OdysseyStreamError: No stream runs, the streamer refuses, or does not answer in time.
            OdysseyUsageError: A limit of the account.
            OdysseyArgumentError: The prompt is empty.
            OdysseyConnectionError: The connection went while waiting.
        """
        return await self._connected("Cannot interact with stream: client is disconnected").stream.interact(
            prompt
        )

    async def end_stream(self) -> None:
        """End the running stream, if one runs, and wait until it is over.

        Raises:
            OdysseyStreamError: There is no connection, the streamer refuses, or does not answer in time.
            OdysseyConnectionError: The connection went while waiting.
        """
        await self._connected("Cannot end stream: client is disconnected").stream.end()

    # Recordings

    async def get_recording(self, stream_id: str) -> Recording:
        """Where the artifacts of a stream can be fetched. Needs no connection.

        Raises:
            OdysseyNotFoundError: The service knows no such recording (also a ValueError).
            OdysseyAuthError, OdysseyUsageError, OdysseyConnectionError: As for `connect`, without retries.
        """
        async with self._lease_api() as api:
            return await api.recording(_identifier("stream_id", stream_id))

    async def list_stream_recordings(
        self, limit: int | None = None, offset: int | None = None
    ) -> StreamRecordingsList:
        """A page of the account's recordings, newest first. Errors as for `get_recording`."""
        _check_page(limit, offset)
        async with self._lease_api() as api:
            return await api.recordings(limit=limit, offset=offset)

    # Simulations

    async def simulate(
        self,
        script: Sequence[ScriptEntry] | None = None,
        scripts: Sequence[Sequence[ScriptEntry]] | None = None,
        script_url: str | None = None,
        portrait: bool = True,
        bypass_prompt_expansion: bool | None = None,
    ) -> SimulationJobDetail:
        """Submit a simulation job. Needs no connection.

        Args:
            script: One script.
            scripts: Several, run in parallel.
            script_url: Where the service finds one.
            portrait: 704x1280 rather than 1280x704 (width x height).
            bypass_prompt_expansion: Use the prompts as they are; needs a privilege of the account.

        Raises:
            OdysseyScriptError: Not exactly one source, or a malformed script; nothing was sent.
            OdysseyImageError: An image cannot be used; nothing was sent.
            OdysseyAuthError, OdysseyUsageError, OdysseyConnectionError: As for `connect`, without retries.
        """
        body = await asyncio.to_thread(
            encode_simulation,
            script=script,
            scripts=scripts,
            script_url=script_url,
            portrait=portrait,
            bypass_prompt_expansion=bypass_prompt_expansion,
        )
        async with self._lease_api() as api:
            return await api.submit_job(body)

    async def get_simulate_status(self, job_id: str) -> SimulationJobDetail:
        """All about a simulation job, its streams included. Errors as for `get_recording`."""
        async with self._lease_api() as api:
            return await api.job(_identifier("job_id", job_id))

    async def list_simulations(
        self,
        status: SimulationJobStatus | str | None = None,
        active: bool | None = None,
        limit: int = 20,
        offset: int = 0,
    ) -> SimulationJobsList:
        """A page of the account's simulation jobs. Errors as for `get_recording`.

        Args:
            status: Only those in this state.
            active: Only those that are, or are not, still to end.
            limit: 1 to 100.
            offset: 0 or more.
        """
        _check_page(limit, offset)
        async with self._lease_api() as api:
            return await api.jobs(
                status=None if status is None else str(status), active=active, limit=limit, offset=offset
            )

    async def cancel_simulation(self, job_id: str) -> SimulationJobInfo:
        """Cancel a simulation job that is pending or dispatched. Errors as for `get_recording`.

        Raises:
            OdysseyArgumentError: The job cannot be cancelled any more.
        """
        async with self._lease_api() as api:
            return await api.cancel_job(_identifier("job_id", job_id))

    # What is known

    @property
    def is_connected(self) -> bool:
        """Whether the connection is up."""
        return self.current_status is ConnectionStatus.CONNECTED

    @property
    def current_status(self) -> ConnectionStatus:
        """Where the connection stands."""
        return ConnectionStatus.DISCONNECTED if self._connection is None else self._connection.status

    @property
    def current_session_id(self) -> str | None:
        """The session in use; None without one."""
        return None if self._connection is None else self._connection.session_id

    @property
    def last_applied_prompt(self) -> str | None:
        """The last prompt that the service applied on this connection, as the service rewrote it."""
        return None if self._connection is None else self._connection.stream.last_applied_prompt

    @property
    def capabilities(self) -> StreamerCapabilities | None:
        """What the assigned streamer can do; None without a session."""
        return None if self._connection is None else self._connection.capabilities

    @property
    def statistics(self) -> ClientStatistics:
        """What has been counted since the client was made."""
        if self._connection is None:
            return self._counted
        return self._sum(self._connection)

    # Inside

    async def _open(
        self,
        sessions_of: Callable[[HttpApi, Callable[[str], None]], SessionSource],
        handlers: OdysseyEventHandlers,
        on_decoded_frame: DecodedFrameCallback | None,
        observer: ClientObserver | None,
    ) -> None:
        if self._connection is not None:
            if not self._connection.is_over:
                state = "connected" if self.is_connected else "connecting"
                raise OdysseyConnectionError(f"Already {state}", code=ErrorCode.ALREADY_CONNECTED)
            self._counted = self._sum(self._connection)
        callbacks = CallbackObserver(handlers, on_decoded_frame)
        observers = GuardedObservers(callbacks) if observer is None else GuardedObservers(callbacks, observer)
        self._connection = ConnectionSupervisor(
            self._lease_api, sessions_of, observers, self._config.advanced
        )
        await self._connection.open()

    def _requested_sessions(self, api: HttpApi, report: Callable[[str], None]) -> RequestedSessions:
        return RequestedSessions(
            api,
            self._regions,
            self._config.advanced,
            on_waiting=report,
            sleep=asyncio.sleep,
            clock=time.monotonic,
            uniform=random.uniform,
        )

    def _connected(self, otherwise: str) -> ConnectionSupervisor:
        if self._connection is None or not self.is_connected:
            raise OdysseyStreamError(otherwise, code=ErrorCode.NOT_CONNECTED)
        return self._own(self._connection)

    def _own(self, connection: ConnectionSupervisor) -> ConnectionSupervisor:
        if not connection.is_over and not connection.belongs_to(asyncio.get_running_loop()):
            raise OdysseyArgumentError(
                "The connection belongs to another event loop; reach it with asyncio.run_coroutine_threadsafe"
            )
        return connection

    @contextlib.asynccontextmanager
    async def _lease_api(self) -> AsyncIterator[HttpApi]:
        tls = await shared_tls_context()
        loop = asyncio.get_running_loop()
        lease = self._lease
        if lease is None or lease.loop is not loop:
            api = HttpApi(
                self._config.api_url,
                self._config.api_key,
                self._tokens,
                timeout_s=self._config.advanced.request_timeout_s,
                tls=tls,
            )
            self._lease = lease = _Lease(api, loop)
        lease.users += 1
        try:
            yield lease.api
        finally:
            lease.users -= 1
            if lease.users == 0:
                # Another loop may have taken its place.
                if self._lease is lease:
                    self._lease = None
                await uninterrupted(lease.api.close())

    def _sum(self, connection: ConnectionSupervisor) -> ClientStatistics:
        counted, frames, link = self._counted, connection.frames, connection.link
        converter = frames.converter
        return dataclasses.replace(
            counted,
            frames_decoded=counted.frames_decoded + frames.decoded,
            frames_converted=counted.frames_converted + (0 if converter is None else converter.converted),
            frames_dropped=counted.frames_dropped + (0 if converter is None else converter.dropped),
            streams_started=counted.streams_started + connection.stream.streams_started,
            reconnects=counted.reconnects + connection.reconnects,
            packets_received=0 if link is None else link.packets_received,
            packets_lost=0 if link is None else link.packets_lost,
            jitter_s=0.0 if link is None else link.jitter_s,
        )


def _identifier(name: str, value: str) -> str:
    if not value:
        raise OdysseyArgumentError(f"{name} is empty")
    if not is_encodable(value):
        raise OdysseyArgumentError(f"{name} is no text that can be sent")
    return value


def _check_page(limit: int | None, offset: int | None) -> None:
    if limit is not None and not 1 <= limit <= _MAX_PAGE:
        raise OdysseyArgumentError(f"limit must be 1 to {_MAX_PAGE}, not {limit}")
    if offset is not None and offset < 0:
        raise OdysseyArgumentError(f"offset must be 0 or more, not {offset}")
