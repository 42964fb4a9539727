"""Connects a session to the image topics and to the executor's thread of a node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from odyssey_ros.bridge.frames.frame_headers import FrameHeaders
from odyssey_ros.bridge.frames.image_topics import ImageTopics
from odyssey_ros.bridge.live.stream_demand import StreamDemand
from odyssey_ros.client.tasks import call_on_loop

if TYPE_CHECKING:
    from collections.abc import Callable

    from odyssey_ros.bridge.frames.image_settings import ImageSettings
    from odyssey_ros.bridge.live.stream_state import Event, SessionObserver, SessionState
    from odyssey_ros.bridge.runtime.managed_node import ManagedNode
    from odyssey_ros.client import ClientStatistics, DecodedFrame, EncodedFrame, OdysseyError


class LiveSession(Protocol):
    """A source of frames. Its methods run on the asyncio thread."""

    async def run(self) -> None:
        """Connect and stay connected until `close`."""

    async def close(self) -> None:
        """Disconnect and release everything. Idempotent."""

    def set_decoding(self, enabled: bool) -> None:
        """Decode the frames that arrive from now on, or none; at first none are decoded."""

    def request_key_frame(self) -> None:
        """Ask for a key frame, until one arrives."""

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


@dataclass(frozen=True, slots=True)
class FrameSettings:
    """The parameters of the frames; replaced as a whole when one of them changes.

    Attributes:
        images: The settings of the image messages.
        stamp_source: `media` or `arrival`.
        key_frame_interval_s: The longest time between key frames, see `StreamDemand`.
    """

    images: ImageSettings
    stamp_source: str
    key_frame_interval_s: float


class SessionBinding(Generic[S]):
    """A session and its image topics, for as long as the node is configured.

    The binding is the observer of the session: on the asyncio thread it stamps frames, hands them to the
    topics, and passes reports on to the executor's thread. It also tells the session what the subscribers of
    the topics need. All other methods are for the executor's thread.

    Args:
        node: Has the topics.
        make_session: Makes the session from its observer.
        handlers: Receives the reports until `detach`.
        settings: The parameters of the frames.
    """

    def __init__(
        self,
        node: ManagedNode,
        make_session: Callable[[SessionObserver], S],
        handlers: SessionHandlers,
        settings: FrameSettings,
    ) -> None:
        self._calls = node.calls
        self._loop = node.asyncio_thread.loop
        self._handlers = handlers
        self._detached = False
        self._headers = FrameHeaders(node, settings.stamp_source)
        self.images = ImageTopics(
            node,
            settings.images,
            self._image_failed,
            key_frame_needed=lambda: self._on_loop(self._demand.key_frame_needed),
            picture_subscribed=self.check_demand,
        )
        self.session = make_session(self)
        self._demand = StreamDemand(self.images, self.session, settings.key_frame_interval_s)

    def apply(self, settings: FrameSettings) -> None:
        """Apply changed parameters."""
        self.images.settings = settings.images
        self._headers.set_source(settings.stamp_source)
        self._demand.key_frame_interval_s = settings.key_frame_interval_s

    def activate(self) -> None:
        """Start publishing what has subscribers."""
        self.images.activate()
        self.check_demand()
        self._on_loop(self._demand.key_frame_needed)

    def deactivate(self) -> None:
        """Stop publishing and decoding; return when nothing is being published."""
        self.images.deactivate()
        self._on_loop(self._demand.stop)

    def check_demand(self) -> None:
        """Turn decoding on or off as the subscribers need it; call it now and then."""
        self._on_loop(self._demand.check)

    def detach(self) -> None:
        """Stop calling the handlers, also for reports that are already on their way."""
        self._detached = True

    # -- the observer of the session, on the asyncio thread ----------------------------------------

    def frame_arrived(self, frame: EncodedFrame) -> None:
        """Stamp an access unit and offer it to the topics."""
        self._demand.unit_arrived(frame)
        self.images.offer_unit(frame, self._headers.arrived(frame, decoding=self._demand.decoding))

    def frame_decoded(self, decoded: DecodedFrame) -> None:
        """Offer the picture of an access unit to the topics."""
        self.images.offer_picture(decoded.frame, self._headers.decoded(decoded))

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

    def _on_loop(self, call: Callable[[], None]) -> None:
        call_on_loop(self._loop, call)

    def _post(self, call: Callable[[], None]) -> None:
        self._calls.post(lambda: None if self._detached else call())
