"""The client's values as messages, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odyssey_ros.bridge.session import EventKind
from odyssey_ros.client import ConnectionStatus
from odyssey_ros.msg import StreamerCapabilities as StreamerCapabilitiesMessage
from odyssey_ros.msg import StreamEvent, StreamStatus

if TYPE_CHECKING:
    from odyssey_ros.bridge.session import Event, SessionState
    from odyssey_ros.client import StreamerCapabilities

CONNECTIONS = {
    ConnectionStatus.DISCONNECTED: StreamStatus.DISCONNECTED,
    ConnectionStatus.AUTHENTICATING: StreamStatus.AUTHENTICATING,
    ConnectionStatus.CONNECTING: StreamStatus.CONNECTING,
    ConnectionStatus.CONNECTED: StreamStatus.CONNECTED,
    ConnectionStatus.RECONNECTING: StreamStatus.RECONNECTING,
    ConnectionStatus.FAILED: StreamStatus.FAILED,
}
EVENTS = {kind: getattr(StreamEvent, kind.name) for kind in EventKind}


def capabilities_message(capabilities: StreamerCapabilities | None) -> StreamerCapabilitiesMessage:
    """Return what a streamer can do; None is unknown, hence nothing."""
    return StreamerCapabilitiesMessage(
        image_to_video=capabilities is not None and capabilities.image_to_video
    )


def status_message(state: SessionState) -> StreamStatus:
    """Return the session's part of the status."""
    return StreamStatus(
        connection=CONNECTIONS[state.connection],
        connection_text=state.connection.value,
        message=state.message,
        error_code=state.error_code,
        session_id=state.session_id,
        capabilities=capabilities_message(state.capabilities),
        streaming=state.streaming,
        stream_id=state.stream_id,
        prompt=state.prompt,
        prompts_acknowledged=state.prompts_acknowledged,
        reconnects=state.reconnects,
    )


def event_message(event: Event) -> StreamEvent:
    """Return an event without its header."""
    return StreamEvent(
        type=EVENTS[event.kind],
        stream_id=event.stream_id,
        prompt=event.prompt,
        error_code=event.error_code,
        message=event.message,
        fatal=event.fatal,
    )
