"""One configured session and its picture topics, tied to a node for as long as it is configured."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast

from odyssey_ros.bridge.frames.image_topics import ImageTopics
from odyssey_ros.bridge.frames.stamping import ArrivalStamps, MediaStamps

if TYPE_CHECKING:
    from collections.abc import Callable

    from rclpy.clock import ROSClock

    from odyssey_ros.bridge.frames.image_settings import ImageSettings
    from odyssey_ros.bridge.live.stream_state import Event, SessionObserver, SessionState
    from odyssey_ros.bridge.runtime.managed_node import ManagedNode
    from odyssey_ros.client import ClientStatistics, DecodedFrame, OdysseyError


class LiveSession(Protocol):
    """Where pictures come from. Its coroutines run on the asyncio thread."""

    async def run(self) -> None:
        """Connect and stay connected until ``close``."""

    async def close(self) -> None:
        """Disconnect and release everything. Idempotent."""

    @property
    def stream_wanted(self) -> bool:
        """Whether a stream runs, or is to run as soon as it can. From any thread."""

    @property
    def statistics(self) -> ClientStatistics:
        """What has been counted. From any thread."""


S = TypeVar("S", bound=LiveSession)


class SessionHost(Protocol):
    """The node that a session tells of itself, on the executor's thread."""

    def session_state_changed(self, state: SessionState) -> None:
        """The session stands elsewhere than before."""

    def session_event_happened(self, event: Event) -> None:
        """Something happened, once."""

    def session_gave_up(self, error: OdysseyError) -> None:
        """The session has ended for good."""

    def image_failed(self, reason: str) -> None:
        """A frame could not be published."""


class SessionBinding(Generic[S]):
    """A session and its topics, until ``forget``.

    It is the session's observer: called on the asyncio thread, it stamps frames and hands the rest to the
    executor's. All other methods are for the executor's thread.

    Args:
        node: Has the topics.
        host: Is told of the session; the node itself.
        make_session: Makes the session from its observer.
        settings: What shapes the messages.
        stamp_source: media or arrival.
    """

    def __init__(
        self,
        node: ManagedNode,
        host: SessionHost,
        make_session: Callable[[SessionObserver], S],
        settings: ImageSettings,
        stamp_source: str,
    ) -> None:
        self._node = node
        self._host = host
        self._clock = cast("ROSClock", node.get_clock())  # which every node has
        self._forgotten = False
        self._stream_began_ns = 0
        self._stamps: MediaStamps | ArrivalStamps = ArrivalStamps()
        self._stamp_source = ""
        self.images = ImageTopics(node, settings, self._image_failed)
        self.session = make_session(self)
        self.apply(settings, stamp_source)

    def apply(self, settings: ImageSettings, stamp_source: str) -> None:
        """Take over parameters that have changed."""
        self.images.settings = settings
        if stamp_source != self._stamp_source:
            self._stamp_source = stamp_source
            self._stamps = MediaStamps() if stamp_source == "media" else ArrivalStamps()

    def forget(self) -> None:
        """Tell the node nothing more."""
        self._forgotten = True

    def frame_arrived(self, decoded: DecodedFrame) -> None:
        """Stamp a frame and offer it to the topics."""
        arrival_ns = self._clock.now().nanoseconds
        if not self._clock.ros_time_is_active:
            arrival_ns -= time.monotonic_ns() - decoded.arrival_ns
        stamp_ns = self._stamps.stamp(arrival_ns, decoded.media_time_ns)
        if decoded.index == 0:
            self._stream_began_ns = decoded.media_time_ns
        since_beginning_ns = decoded.media_time_ns - self._stream_began_ns
        self.images.offer(replace(decoded, media_time_ns=since_beginning_ns), stamp_ns)

    def state_changed(self, state: SessionState) -> None:
        """Pass it on."""
        self._post(lambda: self._host.session_state_changed(state))

    def event_happened(self, event: Event) -> None:
        """Pass it on."""
        self._post(lambda: self._host.session_event_happened(event))

    def gave_up(self, error: OdysseyError) -> None:
        """Pass it on."""
        self._post(lambda: self._host.session_gave_up(error))

    def _image_failed(self, reason: str) -> None:
        self._post(lambda: self._host.image_failed(reason))

    def _post(self, call: Callable[[], Any]) -> None:
        self._node.calls.post(lambda: None if self._forgotten else call())
