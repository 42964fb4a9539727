"""The values that a supervisor exchanges with its node: the requested stream, the state, and events."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from odyssey_ros.client import ConnectionStatus, StreamerCapabilities

if TYPE_CHECKING:
    from collections.abc import Callable

    from odyssey_ros.client import DecodedFrame, EncodedFrame, ErrorCode, OdysseyError
    from odyssey_ros.client.images import ImageInput

    ImageSource = ImageInput | Callable[[], ImageInput] | None


class EventKind(enum.Enum):
    """The kinds of events; the names of StreamEvent's constants."""

    STARTED = enum.auto()
    ENDED = enum.auto()
    ACKNOWLEDGED = enum.auto()
    BROADCAST_READY = enum.auto()
    STREAM_ERROR = enum.auto()
    ERROR = enum.auto()
    CONNECTED = enum.auto()
    DISCONNECTED = enum.auto()


@dataclass(frozen=True, slots=True)
class Event:
    """An event of the connection or the stream.

    Attributes:
        kind: What happened.
        stream_id: The stream concerned; empty before the first stream.
        prompt: The prompt as the service applied it.
        error_code: The code of a failure; None for other events.
        message: The text of a failure or of a status.
        fatal: Whether the supervisor has given up.
        retried: Whether the failed operation is retried automatically.
        error: The failure itself. It identifies a failure that is also reported elsewhere.
    """

    kind: EventKind
    stream_id: str = ""
    prompt: str = ""
    error_code: ErrorCode | None = None
    message: str = ""
    fatal: bool = False
    retried: bool = False
    error: OdysseyError | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of_error(
        cls,
        error: OdysseyError,
        *,
        kind: EventKind = EventKind.ERROR,
        message: str | None = None,
        stream_id: str = "",
        fatal: bool = False,
        retried: bool = False,
    ) -> Event:
        """Return the event that reports a failure; `message` replaces the text of the error."""
        return cls(
            kind,
            stream_id=stream_id,
            error_code=error.code,
            message=str(error) if message is None else message,
            fatal=fatal,
            retried=retried,
            error=error,
        )


@dataclass(frozen=True, slots=True)
class SessionState:
    """The state of a session: its connection, and its current or last stream.

    Attributes:
        connection: The state of the connection.
        message: The reason for the state, or the last failure; else empty.
        error_code: The code of the failure that `message` describes; None when it describes no failure.
        session_id: The service's id of the session; empty without a session.
        capabilities: What the streamer supports.
        streaming: Whether a stream is running.
        stream_id: The running stream, else the last one, else empty.
        prompt: The prompt in force, as the service applied it; empty without a stream.
        prompts_acknowledged: Starts and interactions that the service has acknowledged.
        reconnects: Connections regained after a loss.
    """

    connection: ConnectionStatus = ConnectionStatus.DISCONNECTED
    message: str = ""
    error_code: ErrorCode | None = None
    session_id: str = ""
    capabilities: StreamerCapabilities = field(default_factory=StreamerCapabilities)
    streaming: bool = False
    stream_id: str = ""
    prompt: str = ""
    prompts_acknowledged: int = 0
    reconnects: int = 0


@dataclass(frozen=True, slots=True)
class StreamRequest:
    """A stream to start.

    Attributes:
        prompt: The prompt.
        portrait: 704x1280 instead of 1280x704.
        broadcast: Whether spectators can watch.
        image: The image to start from, or a function that loads it; the function is called on a thread.
        bypass_prompt_expansion: Whether the prompt is applied as it is; None leaves it to the service.
    """

    prompt: str
    portrait: bool = False
    broadcast: bool = False
    image: ImageSource = None
    bypass_prompt_expansion: bool | None = None


class SessionObserver(Protocol):
    """Receives the frames and reports of a session.

    All methods are called on the asyncio thread and must not block.
    """

    def frame_arrived(self, frame: EncodedFrame) -> None:
        """A frame arrived that can be decoded: it is a key frame, or none is missing since the last one."""

    def frame_decoded(self, decoded: DecodedFrame) -> None:
        """A frame that arrived earlier was decoded."""

    def state_changed(self, state: SessionState) -> None:
        """The state changed."""

    def event_happened(self, event: Event) -> None:
        """An event happened; each event is reported once."""

    def gave_up(self, error: OdysseyError) -> None:
        """The session has failed permanently; only a new session can help."""
