"""What a supervisor wants and reports: the stream that is requested, the state, and events."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from odyssey_ros.client import ConnectionStatus, StreamerCapabilities

if TYPE_CHECKING:
    from odyssey_ros.client import DecodedFrame, OdysseyError


class EventKind(enum.Enum):
    """What happened; the names of StreamEvent's constants."""

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
    """One thing that happened."""

    kind: EventKind
    stream_id: str = ""
    prompt: str = ""
    error_code: str = ""
    message: str = ""
    fatal: bool = False
    retried: bool = False  # it is tried again without anybody's doing


@dataclass(frozen=True, slots=True)
class SessionState:
    """Where the session stands."""

    connection: ConnectionStatus = ConnectionStatus.DISCONNECTED
    message: str = ""
    error_code: str = ""
    session_id: str = ""
    capabilities: StreamerCapabilities = field(default_factory=StreamerCapabilities)
    streaming: bool = False
    stream_id: str = ""
    prompt: str = ""
    prompts_acknowledged: int = 0
    reconnects: int = 0


@dataclass(frozen=True, slots=True)
class StreamRequest:
    """The stream that is wanted."""

    prompt: str
    portrait: bool = False
    broadcast: bool = False
    image: Any = None  # what odyssey_ros.client takes as an image, or a function that makes it, on a thread
    bypass_prompt_expansion: bool | None = None


class SessionObserver(Protocol):
    """Who is told. All calls come on the asyncio thread and must return at once."""

    def frame_arrived(self, decoded: DecodedFrame) -> None:
        """A frame was decoded."""

    def state_changed(self, state: SessionState) -> None:
        """The session stands elsewhere than before."""

    def event_happened(self, event: Event) -> None:
        """Something happened, once."""

    def gave_up(self, error: OdysseyError) -> None:
        """The session has ended for good; only a new one helps."""
