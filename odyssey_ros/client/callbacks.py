"""The types of the SDK's callbacks, and the adapter from observer events to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypedDict

from odyssey_ros.client.observer import ClientObserver
from odyssey_ros.client.types import BroadcastInfo, ConnectionStatus, DecodedFrame, EncodedFrame, VideoFrame

if TYPE_CHECKING:
    from odyssey_ros.client.errors import OdysseyError

VideoFrameCallback = Callable[[VideoFrame], None]
ConnectedCallback = Callable[[], None]
DisconnectedCallback = Callable[[], None]
StreamStartedCallback = Callable[[str], None]
StreamEndedCallback = Callable[[], None]
StreamErrorCallback = Callable[[str, str], None]
InteractAcknowledgedCallback = Callable[[str], None]
BroadcastReadyCallback = Callable[[BroadcastInfo], None]
ErrorCallback = Callable[[Exception, bool], None]
StatusChangeCallback = Callable[[ConnectionStatus, "str | None"], None]
DecodedFrameCallback = Callable[[DecodedFrame], None]  # not in the SDK
EncodedFrameCallback = Callable[[EncodedFrame], None]  # not in the SDK


class OdysseyEventHandlers(TypedDict, total=False):
    """The SDK's ten callbacks by name, for `connect(**handlers)`."""

    on_connected: ConnectedCallback | None
    on_disconnected: DisconnectedCallback | None
    on_video_frame: VideoFrameCallback | None
    on_stream_started: StreamStartedCallback | None
    on_stream_ended: StreamEndedCallback | None
    on_interact_acknowledged: InteractAcknowledgedCallback | None
    on_stream_error: StreamErrorCallback | None
    on_error: ErrorCallback | None
    on_status_change: StatusChangeCallback | None
    on_broadcast_ready: BroadcastReadyCallback | None


class CallbackObserver(ClientObserver):
    """Calls the SDK's callbacks with the SDK's arguments.

    Args:
        handlers: The callbacks; missing entries and None are skipped.
        on_decoded_frame: Receives every decoded frame, unconverted.
        on_encoded_frame: Receives every encoded frame.
    """

    def __init__(
        self,
        handlers: OdysseyEventHandlers,
        on_decoded_frame: DecodedFrameCallback | None = None,
        on_encoded_frame: EncodedFrameCallback | None = None,
    ) -> None:
        self._handlers = handlers
        self._on_decoded_frame = on_decoded_frame
        self._on_encoded_frame = on_encoded_frame
        self.wants_decoded_frames = on_decoded_frame is not None
        self.wants_video_frames = handlers.get("on_video_frame") is not None

    def connected(self) -> None:
        """Call `on_connected`."""
        if (callback := self._handlers.get("on_connected")) is not None:
            callback()

    def disconnected(self, error: OdysseyError | None) -> None:  # noqa: ARG002 -- the SDK passes no reason
        """Call `on_disconnected`."""
        if (callback := self._handlers.get("on_disconnected")) is not None:
            callback()

    def status_changed(
        self,
        status: ConnectionStatus,
        message: str | None,
        error: OdysseyError | None,  # noqa: ARG002 -- the SDK passes the text alone
    ) -> None:
        """Call `on_status_change`."""
        if (callback := self._handlers.get("on_status_change")) is not None:
            callback(status, message)

    def video_frame(self, frame: VideoFrame) -> None:
        """Call `on_video_frame`."""
        if (callback := self._handlers.get("on_video_frame")) is not None:
            callback(frame)

    def decoded_frame(self, frame: DecodedFrame) -> None:
        """Call `on_decoded_frame`."""
        if self._on_decoded_frame is not None:
            self._on_decoded_frame(frame)

    def encoded_frame(self, frame: EncodedFrame) -> None:
        """Call `on_encoded_frame`."""
        if self._on_encoded_frame is not None:
            self._on_encoded_frame(frame)

    def stream_started(self, stream_id: str) -> None:
        """Call `on_stream_started`."""
        if (callback := self._handlers.get("on_stream_started")) is not None:
            callback(stream_id)

    def stream_ended(self) -> None:
        """Call `on_stream_ended`."""
        if (callback := self._handlers.get("on_stream_ended")) is not None:
            callback()

    def interact_acknowledged(self, prompt: str) -> None:
        """Call `on_interact_acknowledged`."""
        if (callback := self._handlers.get("on_interact_acknowledged")) is not None:
            callback(prompt)

    def stream_failed(self, error: OdysseyError, message: str) -> None:
        """Call `on_stream_error` with the streamer's reason and text."""
        if (callback := self._handlers.get("on_stream_error")) is not None:
            callback(error.reason, message)

    def broadcast_ready(self, info: BroadcastInfo) -> None:
        """Call `on_broadcast_ready`."""
        if (callback := self._handlers.get("on_broadcast_ready")) is not None:
            callback(info)

    def error(self, error: Exception, *, fatal: bool) -> None:
        """Call `on_error`."""
        if (callback := self._handlers.get("on_error")) is not None:
            callback(error, fatal)
