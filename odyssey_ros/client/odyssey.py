"""The client: one object for a connection and for the HTTP API."""

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
from odyssey_ros.client.http_api import HttpApi
from odyssey_ros.client.images import convert_image
from odyssey_ros.client.json_object import is_encodable
from odyssey_ros.client.observer import GuardedObservers
from odyssey_ros.client.receiver_tap import PacketStatistics
from odyssey_ros.client.regions import RegionLatencies
from odyssey_ros.client.session_access import MintedSession, RequestedSessions
from odyssey_ros.client.simulations import encode_simulation
from odyssey_ros.client.stream import StartRequest
from odyssey_ros.client.tasks import uninterrupted
from odyssey_ros.client.token_cache import TokenCache
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
        EncodedFrameCallback,
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
_MAX_IDENTIFIER_LENGTH = 256


@dataclasses.dataclass(slots=True)
class _Lease:
    """The HTTP API on one event loop, shared by concurrent calls and closed after the last one."""

    api: HttpApi
    loop: asyncio.AbstractEventLoop
    users: int = 0


class Odyssey:
    """A client of the Odyssey service, for asyncio.

    The constructor only stores its arguments. All methods run on the event loop that awaits them; a
    connection belongs to the loop that opened it. Used as an async context manager, a client disconnects at
    the end and keeps its HTTP connections open between calls.

    Args:
        api_key: The key (`ody_...`). Empty uses the environment variable `ODYSSEY_API_KEY`. A client that
            only connects with credentials needs no key.
        api_url: Base URL of the service. None uses the environment variable `ODYSSEY_API_URL`, or
            https://api.odyssey.ml.
        advanced: Retries, timeouts and intervals.
        debug: Whether this package's loggers emit DEBUG records.
        allow_insecure: Whether keys and tokens may be sent over http and ws to other machines, to the API and
            to the signaling servers that it or client credentials name. A warning is logged then.
        **sdk_options: Options of the SDK that are ignored here, such as `enable_telemetry`: there is no
            telemetry.

    Raises:
        OdysseyArgumentError: The URL is not an http or https URL, or insecure and not allowed.
    """

    def __init__(
        self,
        api_key: str = "",
        *,
        api_url: str | None = None,
        advanced: AdvancedConfig | None = None,
        debug: bool = False,
        allow_insecure: bool = False,
        **sdk_options: object,
    ) -> None:
        self._config = ClientConfig.resolve(
            api_key, api_url, advanced, debug=debug, allow_insecure=allow_insecure
        )
        if debug:
            logging.getLogger("odyssey_ros.client").setLevel(logging.DEBUG)
        for option in sorted(sdk_options.keys() - _IGNORED_SDK_OPTIONS):
            logger.warning("Ignoring the unknown option %s; remove it", option)
        self._tokens = TokenCache()
        self._regions = RegionLatencies()
        self._lease: _Lease | None = None
        self._held_open: contextlib.AsyncExitStack | None = None
        self._connection: ConnectionSupervisor | None = None
        self._decoding: bool | None = None  # the choice of the program, if it has made one
        self._past_statistics = ClientStatistics()

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
        on_encoded_frame: EncodedFrameCallback | None = None,
        observer: ClientObserver | None = None,
    ) -> None:
        """Connect to a streamer that the service chooses, and return when connected.

        After a loss the client reconnects by itself, within the bounds of the configuration; a running stream
        ends with the loss. Callbacks are called on the loop's thread and must not block it.

        Args:
            on_connected: Called when the connection is established or re-established.
            on_disconnected: Called when an established connection ends, once for each `on_connected`.
            on_video_frame: Called with the newest frame, converted to RGB. Frames that arrive during a
                conversion are dropped.
            on_stream_started: Called with the id of a started stream.
            on_stream_ended: Called when a stream ends, for any reason.
            on_interact_acknowledged: Called with an applied prompt, as rewritten by the service.
            on_stream_error: Called with the reason and message of an error that the streamer reports.
            on_error: Called with an error and whether it is fatal. After a fatal error the client makes no
                further attempt.
            on_status_change: Called with the status, and a text for users or None.
            on_broadcast_ready: Called when spectators can watch.
            on_decoded_frame: Called with every frame as soon as it is decoded, without conversion.
            on_encoded_frame: Called with every frame as soon as it has arrived, as the service encoded it.
                Frames are decoded only for the other two callbacks, or after `set_decoding`.
            observer: Receives the same events, and with each failure its error.

        Raises:
            OdysseyAuthError: The key was refused.
            OdysseyUsageError: A limit of the account was reached and did not clear within the retries.
            OdysseyConnectionError: All configured retries failed, or the client is already connected.
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
            on_encoded_frame,
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
        on_encoded_frame: EncodedFrameCallback | None = None,
        observer: ClientObserver | None = None,
    ) -> None:
        """Connect to the session of client credentials; needs no API key.

        After a loss the client reconnects while the server accepts the credentials. Arguments and errors are
        those of `connect`.

        Raises:
            OdysseyArgumentError: The signaling URL of the credentials is invalid, or insecure and not allowed
                by the client's `allow_insecure`.
        """
        minted = MintedSession(credentials, allow_insecure=self._config.allow_insecure)
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
            on_encoded_frame,
            observer,
        )

    async def disconnect(self) -> None:
        """Disconnect and release every task, socket and thread. May be called in any state, repeatedly."""
        if self._connection is not None:
            await self._check_loop(self._connection).close()

    async def create_client_credentials(self) -> ClientCredentials:
        """Provision a session and return credentials with which a client without an API key can connect.

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
            prompt: The text to generate video from.
            portrait: 704x1280 instead of 1280x704 (width x height).
            image: The first image: path, file contents, data URL, PIL image, or RGB array of uint8.
            image_path: The image as a path; deprecated in the SDK.
            bypass_prompt_expansion: Use the prompt without rewriting; needs a privilege of the account.
            broadcast: Let spectators watch; `on_broadcast_ready` reports the addresses.

        Returns:
            The stream's id, which is also the id of its recording.

        Raises:
            OdysseyStreamError: There is no connection, the streamer refused, cannot start from an image, or
                did not reply in time.
            OdysseyUsageError: A limit of the account was reached.
            OdysseyImageError: The image is invalid.
            OdysseyConnectionError: The connection was lost while waiting.
        """
        connection = self._connected("Cannot start stream: client is disconnected")
        if image is not None and image_path is not None:
            raise OdysseyArgumentError("Give image or image_path, not both")
        source: ImageInput | None = image if image is not None else image_path
        data_url: str | None = None
        if source is not None:
            capabilities = connection.capabilities
            if capabilities is None or not capabilities.image_to_video:
                raise OdysseyStreamError(
                    "Cannot start stream: the streamer cannot start from an image",
                    code=ErrorCode.NO_IMAGE_TO_VIDEO,
                )
            data_url = await convert_image(source, portrait=portrait)
        return await connection.stream.start(
            StartRequest(prompt, portrait, data_url, bypass_prompt_expansion, broadcast)
        )

    async def interact(self, prompt: str) -> str:
        """Send a prompt to the running stream.

        Returns:
            The applied prompt, as rewritten by the service.

        Raises:
            OdysseyStreamError: No stream is running, or the streamer refused or did not reply in time.
            OdysseyUsageError: A limit of the account was reached.
            OdysseyArgumentError: The prompt is empty.
            OdysseyConnectionError: The connection was lost while waiting.
        """
        return await self._connected("Cannot interact with stream: client is disconnected").stream.interact(
            prompt
        )

    async def end_stream(self) -> None:
        """End the running stream, if there is one, and wait until it has ended.

        Raises:
            OdysseyStreamError: There is no connection, or the streamer refused or did not reply in time.
            OdysseyConnectionError: The connection was lost while waiting.
        """
        await self._connected("Cannot end stream: client is disconnected").stream.end()

    # The video

    def set_decoding(self, enabled: bool) -> None:
        """Turn the decoding of frames on or off. Call it on the loop of the connection, in any state.

        At first, frames are decoded if a callback or an observer takes decoded or RGB frames. The choice made
        here replaces that one, for this connection, after reconnections, and for later connections. Turning
        decoding on requests a key frame, with which it begins. While it is off, `on_decoded_frame` and
        `on_video_frame` are not called, and decoding costs nothing.

        Args:
            enabled: Whether frames are decoded.

        Raises:
            OdysseyArgumentError: The connection belongs to another event loop.
        """
        connection = self._open_connection()
        self._decoding = enabled
        if connection is not None:
            connection.frames.set_decoding(enabled=enabled)

    def request_key_frame(self) -> None:
        """Ask the sender for a key frame, until one arrives. Call it on the loop of the connection.

        All requests of a client, also its own after a loss, share one limit: at least 0.25 s between two, and
        1 s before one without an answer is repeated. Without a connection nothing is requested, because a
        connection begins with a key frame.

        Raises:
            OdysseyArgumentError: The connection belongs to another event loop.
        """
        connection = self._open_connection()
        if connection is not None:
            connection.frames.request_key_frame()

    # Recordings

    async def get_recording(self, stream_id: str) -> Recording:
        """Return the URLs of a stream's artifacts. Needs no connection.

        Raises:
            OdysseyNotFoundError: The recording does not exist (also a ValueError).
            OdysseyAuthError, OdysseyUsageError, OdysseyConnectionError: As for `connect`, without retries.
        """
        async with self._lease_api() as api:
            return await api.recording(_identifier("stream_id", stream_id))

    async def list_stream_recordings(
        self, limit: int | None = None, offset: int | None = None
    ) -> StreamRecordingsList:
        """Return a page of the account's recordings, newest first. Errors as for `get_recording`."""
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
            scripts: Several scripts, run in parallel.
            script_url: URL from which the service fetches one script.
            portrait: 704x1280 instead of 1280x704 (width x height).
            bypass_prompt_expansion: Use the prompts without rewriting; needs a privilege of the account.

        Raises:
            OdysseyScriptError: Not exactly one source is given, or a script is malformed; nothing was sent.
            OdysseyImageError: An image is invalid; nothing was sent.
            OdysseyAuthError, OdysseyUsageError, OdysseyConnectionError: As for `connect`, without retries.
        """
        body = await encode_simulation(
            script=script,
            scripts=scripts,
            script_url=script_url,
            portrait=portrait,
            bypass_prompt_expansion=bypass_prompt_expansion,
        )
        async with self._lease_api() as api:
            return await api.submit_job(body)

    async def get_simulate_status(self, job_id: str) -> SimulationJobDetail:
        """Return a simulation job with its streams. Errors as for `get_recording`."""
        async with self._lease_api() as api:
            return await api.job(_identifier("job_id", job_id))

    async def list_simulations(
        self,
        status: SimulationJobStatus | str | None = None,
        active: bool | None = None,
        limit: int = 20,
        offset: int = 0,
    ) -> SimulationJobsList:
        """Return a page of the account's simulation jobs. Errors as for `get_recording`.

        Args:
            status: List only jobs in this state.
            active: List only jobs that have not ended (True) or have ended (False).
            limit: Maximum number of jobs, 1 to 100.
            offset: Number of jobs to skip, 0 or more.
        """
        _check_page(limit, offset)
        async with self._lease_api() as api:
            return await api.jobs(
                status=None if status is None else _identifier("status", str(status)),
                active=active,
                limit=limit,
                offset=offset,
            )

    async def cancel_simulation(self, job_id: str) -> SimulationJobInfo:
        """Cancel a simulation job that is pending or dispatched. Errors as for `get_recording`.

        Raises:
            OdysseyArgumentError: The job can no longer be cancelled.
        """
        async with self._lease_api() as api:
            return await api.cancel_job(_identifier("job_id", job_id))

    # State

    @property
    def api_url(self) -> str:
        """Return the base URL of the service."""
        return self._config.api_url

    @property
    def is_connected(self) -> bool:
        """Return whether the client is connected."""
        return self.current_status is ConnectionStatus.CONNECTED

    @property
    def current_status(self) -> ConnectionStatus:
        """Return the state of the connection."""
        return ConnectionStatus.DISCONNECTED if self._connection is None else self._connection.status

    @property
    def current_session_id(self) -> str | None:
        """Return the id of the session in use; None when there is none."""
        return None if self._connection is None else self._connection.session_id

    @property
    def last_applied_prompt(self) -> str | None:
        """Return the last applied prompt of this connection, as rewritten by the service."""
        return None if self._connection is None else self._connection.stream.last_applied_prompt

    @property
    def capabilities(self) -> StreamerCapabilities | None:
        """Return the capabilities of the assigned streamer; None without a session."""
        return None if self._connection is None else self._connection.capabilities

    @property
    def statistics(self) -> ClientStatistics:
        """Return the counters since the creation of the client."""
        if self._connection is None:
            return self._past_statistics
        return self._total_statistics(self._connection)

    # Internals

    async def _open(
        self,
        sessions_of: Callable[[HttpApi, Callable[[str], None]], SessionSource],
        handlers: OdysseyEventHandlers,
        on_decoded_frame: DecodedFrameCallback | None,
        on_encoded_frame: EncodedFrameCallback | None,
        observer: ClientObserver | None,
    ) -> None:
        if self._connection is not None:
            if not self._connection.is_closed:
                state = "connected" if self.is_connected else "connecting"
                raise OdysseyConnectionError(f"Already {state}", code=ErrorCode.ALREADY_CONNECTED)
            self._past_statistics = self._total_statistics(self._connection)
        callbacks = CallbackObserver(handlers, on_decoded_frame, on_encoded_frame)
        observers = GuardedObservers(callbacks) if observer is None else GuardedObservers(callbacks, observer)
        self._connection = ConnectionSupervisor(
            self._lease_api,
            sessions_of,
            observers,
            self._config.advanced,
            decoding=self._decoding,
            first_number=self._past_statistics.frames_received + self._past_statistics.frames_lost,
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

    def _connected(self, message: str) -> ConnectionSupervisor:
        if self._connection is None or not self.is_connected:
            raise OdysseyStreamError(message, code=ErrorCode.NOT_CONNECTED)
        return self._check_loop(self._connection)

    def _open_connection(self) -> ConnectionSupervisor | None:
        if self._connection is None or self._connection.is_closed:
            return None
        return self._check_loop(self._connection)

    def _check_loop(self, connection: ConnectionSupervisor) -> ConnectionSupervisor:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # a thread without one
            loop = None
        if not connection.is_closed and not connection.belongs_to(loop):
            raise OdysseyArgumentError(
                "The connection belongs to another event loop; call the method with "
                "asyncio.run_coroutine_threadsafe, or with call_soon_threadsafe of that loop"
            )
        return connection

    @contextlib.asynccontextmanager
    async def _lease_api(self) -> AsyncIterator[HttpApi]:
        loop = asyncio.get_running_loop()
        lease = self._lease
        if lease is None or lease.loop is not loop:
            api = HttpApi(
                self._config.api_url,
                self._config.api_key,
                self._tokens,
                timeout_s=self._config.advanced.request_timeout_s,
                allow_insecure=self._config.allow_insecure,
            )
            self._lease = lease = _Lease(api, loop)
        lease.users += 1
        try:
            yield lease.api
        finally:
            lease.users -= 1
            if lease.users == 0:
                # A call on another loop may have replaced the lease.
                if self._lease is lease:
                    self._lease = None
                await uninterrupted(lease.api.close())

    def _total_statistics(self, connection: ConnectionSupervisor) -> ClientStatistics:
        past, attempt = connection.frames.add_counts(self._past_statistics), connection.attempt
        packets = PacketStatistics() if attempt is None else attempt.packets
        return dataclasses.replace(
            past,
            streams_started=past.streams_started + connection.stream.streams_started,
            reconnects=past.reconnects + connection.reconnects,
            packets_received=packets.received,
            packets_lost=packets.lost,
            jitter_s=packets.jitter_s,
        )


def _identifier(name: str, value: str) -> str:
    if not value:
        raise OdysseyArgumentError(f"{name} is empty")
    if len(value) > _MAX_IDENTIFIER_LENGTH:
        raise OdysseyArgumentError(f"{name} has more than {_MAX_IDENTIFIER_LENGTH} characters")
    if not is_encodable(value):
        raise OdysseyArgumentError(f"{name} holds characters that cannot be sent")
    if value in {".", ".."}:  # as a part of a path they would lead to another endpoint (RFC 3986, 5.2.4)
        raise OdysseyArgumentError(f"{name} is not an identifier: {value}")
    return value


def _check_page(limit: int | None, offset: int | None) -> None:
    if limit is not None and not 1 <= limit <= _MAX_PAGE:
        raise OdysseyArgumentError(f"limit must be 1 to {_MAX_PAGE}, not {limit}")
    if offset is not None and offset < 0:
        raise OdysseyArgumentError(f"offset must be 0 or more, not {offset}")
