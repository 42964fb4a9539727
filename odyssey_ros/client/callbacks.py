"""The program's callbacks, called so that one that raises harms nothing but itself."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from odyssey_ros.client.frames import DecodedFrame
    from odyssey_ros.client.types import BroadcastInfo, ConnectionStatus, VideoFrame

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Callbacks:
    """What a program wants to hear. All are called on the event loop's thread and must not block it.

    A callback that raises is logged and reported through `on_error(error, False)`.
    """

    on_connected: Callable[[], None] | None = None
    on_disconnected: Callable[[], None] | None = None
    on_video_frame: Callable[[VideoFrame], None] | None = None
    on_stream_started: Callable[[str], None] | None = None
    on_stream_ended: Callable[[], None] | None = None
    on_interact_acknowledged: Callable[[str], None] | None = None
    on_stream_error: Callable[[str, str], None] | None = None
    on_error: Callable[[Exception, bool], None] | None = None
    on_status_change: Callable[[ConnectionStatus, str | None], None] | None = None
    on_broadcast_ready: Callable[[BroadcastInfo], None] | None = None
    on_decoded_frame: Callable[[DecodedFrame], None] | None = None

    def connected(self) -> None:
        """The connection is up."""
        self._call(self.on_connected)

    def disconnected(self) -> None:
        """A connection that was up has ended."""
        self._call(self.on_disconnected)

    def video_frame(self, frame: VideoFrame) -> None:
        """A frame has been converted."""
        self._call(self.on_video_frame, frame)

    def decoded_frame(self, frame: DecodedFrame) -> None:
        """A frame has left the decoder."""
        self._call(self.on_decoded_frame, frame)

    def stream_started(self, stream_id: str) -> None:
        """The streamer has begun a stream."""
        self._call(self.on_stream_started, stream_id)

    def stream_ended(self) -> None:
        """The stream is over."""
        self._call(self.on_stream_ended)

    def interact_acknowledged(self, prompt: str) -> None:
        """The streamer has applied a prompt."""
        self._call(self.on_interact_acknowledged, prompt)

    def stream_error(self, reason: str, message: str) -> None:
        """The streamer reports an error."""
        self._call(self.on_stream_error, reason, message)

    def status_change(self, status: ConnectionStatus, message: str | None) -> None:
        """The connection's status, or what is to be said about it, has changed."""
        self._call(self.on_status_change, status, message)

    def broadcast_ready(self, info: BroadcastInfo) -> None:
        """Spectators can watch."""
        self._call(self.on_broadcast_ready, info)

    def error(self, error: Exception, *, fatal: bool) -> None:
        """Something failed; `fatal` when the client has given up."""
        if self.on_error is None:
            return
        try:
            self.on_error(error, fatal)
        except Exception:  # the program's code may raise anything
            logger.exception("on_error raised")

    def _call(self, callback: Callable[..., None] | None, *arguments: Any) -> None:
        if callback is None:
            return
        try:
            callback(*arguments)
        except Exception as error:  # the program's code may raise anything
            logger.exception("A callback raised")
            self.error(error, fatal=False)
