"""Connects a session to the image topics and to the executor's thread of a node."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from odyssey_ros.bridge.frames.image_topics import ImageTopics
from odyssey_ros.bridge.frames.node_time import node_time_ns
from odyssey_ros.bridge.frames.stamping import ArrivalStamps, MediaStamps

if TYPE_CHECKING:
    from collections.abc import Callable

    from odyssey_ros.bridge.frames.image_settings import ImageSettings
    from odyssey_ros.bridge.live.stream_state import Event, SessionObserver, SessionState
    from odyssey_ros.bridge.runtime.managed_node import ManagedNode
    from odyssey_ros.client import ClientStatistics, DecodedFrame, OdysseyError


class LiveSession(Protocol):
    """A source of frames. Its coroutines run on the asyncio thread."""

    async def run(self) -> None:
        """Connect and stay connected until `close`."""

    async def close(self) -> None:
        """Disconnect and release everything. Idempotent."""

    @property
    def stream_wanted(self) -> bool:
        """Whether a stream is running or has been requested. From any thread."""

    @property
    def statistics(self) -> ClientStatistics:
        """The counters of the connection. From any thread."""


S = TypeVar("S", bound=LiveSession)


@dataclass(frozen=True, slots=True)
class SessionHandlers:
    """Receives the reports of a session on the executor's thread.

    Attributes:
        state_changed: Called with each new state.
        event_happened: Called with each event.
        gave_up: Called with the fatal error; nothing is reported after it.
        image_failed: Called with the reason why a frame could not be published.
    """

    state_changed: Callable[[SessionState], None]
    event_happened: Callable[[Event], None]
    gave_up: Callable[[OdysseyError], None]
    image_failed: Callable[[str], None]


class SessionBinding(Generic[S]):
    """A session and its image topics, for as long as the node is configured.

    The binding is the observer of the session: on the asyncio thread it stamps frames and passes reports on
    to the executor's thread. All other methods are for the executor's thread.

    Args:
        node: Has the topics.
        make_session: Makes the session from its observer.
        handlers: Receives the reports until `detach`.
        settings: The settings of the image topics.
        stamp_source: `media` or `arrival`.
    """

    def __init__(
        self,
        node: ManagedNode,
        make_session: Callable[[SessionObserver], S],
        handlers: SessionHandlers,
        settings: ImageSettings,
        stamp_source: str,
    ) -> None:
        self._calls = node.calls
        self._node = node
        self._handlers = handlers
        self._detached = False
        self._stamps: MediaStamps | ArrivalStamps = ArrivalStamps()
        self._stamp_source = ""
        self.images = ImageTopics(node, settings, self._image_failed)
        self.session = make_session(self)
        self.apply(settings, stamp_source)

    def apply(self, settings: ImageSettings, stamp_source: str) -> None:
        """Apply changed parameters."""
        self.images.settings = settings
        if stamp_source != self._stamp_source:
            self._stamp_source = stamp_source
            self._stamps = MediaStamps() if stamp_source == "media" else ArrivalStamps()

    def detach(self) -> None:
        """Stop calling the handlers, also for reports that are already on their way."""
        self._detached = True

    def frame_arrived(self, decoded: DecodedFrame) -> None:
        """Stamp a frame and offer it to the topics."""
        arrival_ns = node_time_ns(self._node, time.monotonic_ns() - decoded.arrival_ns)
        stamp_ns = self._stamps.stamp(arrival_ns, decoded.media_time_ns)
        self.images.offer(replace(decoded, media_time_ns=decoded.stream_time_ns), stamp_ns)

    def state_changed(self, state: SessionState) -> None:
        """Pass the state on."""
        self._post(lambda: self._handlers.state_changed(state))

    def event_happened(self, event: Event) -> None:
        """Pass the event on."""
        self._post(lambda: self._handlers.event_happened(event))

    def gave_up(self, error: OdysseyError) -> None:
        """Pass the fatal error on."""
        self._post(lambda: self._handlers.gave_up(error))

    def _image_failed(self, reason: str) -> None:
        self._post(lambda: self._handlers.image_failed(reason))

    def _post(self, call: Callable[[], None]) -> None:
        self._calls.post(lambda: None if self._detached else call())
