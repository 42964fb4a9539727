"""Observers, which receive the events of a connection."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from odyssey_ros.client.errors import OdysseyError
    from odyssey_ros.client.types import (
        BroadcastInfo,
        ConnectionStatus,
        DecodedFrame,
        EncodedFrame,
        VideoFrame,
    )

logger = logging.getLogger(__name__)


class ClientObserver:
    """Receives the events of a connection. Subclasses override the methods they need; the others do nothing.

    All methods are called on the event loop's thread and must not block it. A method that raises is logged
    and reported through `error(error, fatal=False)`. Unlike the SDK's callbacks, status, disconnection and
    stream errors carry the error itself. One failure is the same object wherever it is reported.

    Attributes:
        wants_video_frames: Whether frames are decoded and converted to RGB for `video_frame`. Read when
            connecting.
        wants_decoded_frames: Whether frames are decoded at first, until `set_decoding` is called. A subclass
            that overrides `decoded_frame` wants them unless it says otherwise. Read when connecting.
    """

    wants_video_frames = False
    wants_decoded_frames = False

    def __init_subclass__(cls, **arguments: object) -> None:
        super().__init_subclass__(**arguments)
        if "decoded_frame" in cls.__dict__ and "wants_decoded_frames" not in cls.__dict__:
            cls.wants_decoded_frames = True

    def connected(self) -> None:
        """Handle an established or re-established connection."""

    def disconnected(self, error: OdysseyError | None) -> None:
        """Handle the end of an established connection; `error` is None when the program disconnected."""

    def status_changed(
        self, status: ConnectionStatus, message: str | None, error: OdysseyError | None
    ) -> None:
        """Handle a change of the status or its message; `error` is the cause, or None."""

    def video_frame(self, frame: VideoFrame) -> None:
        """Handle a frame that was converted to RGB. Called only with `wants_video_frames`."""

    def decoded_frame(self, frame: DecodedFrame) -> None:
        """Handle a decoded frame. Called only while decoding is on."""

    def encoded_frame(self, frame: EncodedFrame) -> None:
        """Handle an encoded frame, as soon as it is complete."""

    def stream_started(self, stream_id: str) -> None:
        """Handle the start of a stream: its first frame is ready."""

    def stream_ended(self) -> None:
        """Handle the end of a stream, requested or not."""

    def interact_acknowledged(self, prompt: str) -> None:
        """Handle an applied prompt; `prompt` is the form rewritten by the service."""

    def stream_failed(self, error: OdysseyError, message: str) -> None:
        """Handle an error that the streamer reported. A pending request fails with the same object.

        Args:
            error: The failure; its `reason` is the streamer's.
            message: The streamer's text, without the reason.
        """

    def broadcast_ready(self, info: BroadcastInfo) -> None:
        """Handle a broadcast that spectators can now watch."""

    def error(self, error: Exception, *, fatal: bool) -> None:
        """Handle a failure; with `fatal` the client makes no further attempt."""


class GuardedObservers(ClientObserver):
    """Passes each event to several observers; one that raises affects neither the client nor the others.

    Args:
        *observers: Observers, called in this order.
    """

    def __init__(self, *observers: ClientObserver) -> None:
        self._observers = observers
        self.wants_video_frames = any(observer.wants_video_frames for observer in observers)
        self.wants_decoded_frames = any(observer.wants_decoded_frames for observer in observers)

    def connected(self) -> None:
        """Pass the event on."""
        self._each(lambda observer: observer.connected())

    def disconnected(self, error: OdysseyError | None) -> None:
        """Pass the event on."""
        self._each(lambda observer: observer.disconnected(error))

    def status_changed(
        self, status: ConnectionStatus, message: str | None, error: OdysseyError | None
    ) -> None:
        """Pass the event on."""
        self._each(lambda observer: observer.status_changed(status, message, error))

    def video_frame(self, frame: VideoFrame) -> None:
        """Pass the event on."""
        self._each(lambda observer: observer.video_frame(frame))

    def decoded_frame(self, frame: DecodedFrame) -> None:
        """Pass the event on."""
        self._each(lambda observer: observer.decoded_frame(frame))

    def encoded_frame(self, frame: EncodedFrame) -> None:
        """Pass the event on."""
        self._each(lambda observer: observer.encoded_frame(frame))

    def stream_started(self, stream_id: str) -> None:
        """Pass the event on."""
        self._each(lambda observer: observer.stream_started(stream_id))

    def stream_ended(self) -> None:
        """Pass the event on."""
        self._each(lambda observer: observer.stream_ended())

    def interact_acknowledged(self, prompt: str) -> None:
        """Pass the event on."""
        self._each(lambda observer: observer.interact_acknowledged(prompt))

    def stream_failed(self, error: OdysseyError, message: str) -> None:
        """Pass the event on."""
        self._each(lambda observer: observer.stream_failed(error, message))

    def broadcast_ready(self, info: BroadcastInfo) -> None:
        """Pass the event on."""
        self._each(lambda observer: observer.broadcast_ready(info))

    def error(self, error: Exception, *, fatal: bool) -> None:
        """Pass the event on."""
        for observer in self._observers:
            _call_guarded(lambda: observer.error(error, fatal=fatal))  # noqa: B023 -- called at once

    def _each(self, call: Callable[[ClientObserver], None]) -> None:
        for observer in self._observers:
            error = _call_guarded(lambda: call(observer))  # noqa: B023 -- called at once
            if error is not None:
                self.error(error, fatal=False)


def _call_guarded(call: Callable[[], None]) -> Exception | None:
    try:
        call()
    except Exception as error:  # a program's code may raise anything
        logger.exception("An observer or callback raised an exception; the client continues")
        return error
    return None
