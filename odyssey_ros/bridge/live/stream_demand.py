"""What the subscribers need of a stream: decoding, and key frames. Independent of ROS."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from odyssey_ros.client import EncodedFrame

NS_PER_S: Final = 1_000_000_000
KEEP_DECODING_NS: Final = NS_PER_S
"""How long decoding stays on without a subscriber, in ns, so that one that returns has pictures at once."""


class Subscribers(Protocol):
    """What the topics have subscribers for. From the asyncio thread."""

    @property
    def wants_pictures(self) -> bool:
        """Whether the node is active and a topic with decoded pictures has a subscriber."""

    @property
    def wants_units(self) -> bool:
        """Whether the node is active and an encoded topic has a subscriber."""


class Source(Protocol):
    """The session whose stream it is. On the asyncio thread."""

    def set_decoding(self, enabled: bool) -> None:
        """Turn decoding on or off."""

    def request_key_frame(self) -> None:
        """Ask for a key frame."""


class StreamDemand:
    """Decodes only while pictures are wanted, and asks for the key frames that encoded topics need.

    The number of subscribers decides, not their coming and going: a subscriber that leaves at once, or one of
    which no event tells, leaves nothing wrong for longer than until the next `check`.

    For the asyncio thread.

    Args:
        subscribers: The topics.
        source: The session.
        key_frame_interval_s: Longest time between key frames while an encoded topic has a subscriber, in
            seconds; 0 asks for none. Can be changed from any thread.
        monotonic_ns: The clock of `EncodedFrame.arrival_ns`.

    Attributes:
        decoding: Whether decoding is on.
    """

    def __init__(
        self,
        subscribers: Subscribers,
        source: Source,
        key_frame_interval_s: float,
        *,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.key_frame_interval_s = key_frame_interval_s
        self.decoding = False
        self._subscribers = subscribers
        self._source = source
        self._monotonic_ns = monotonic_ns
        self._last_wanted_ns = 0
        self._last_key_frame_ns: int | None = None

    def check(self) -> None:
        """Turn decoding on as soon as pictures are wanted, and off when they have not been for a while."""
        self._check(self._monotonic_ns())

    def stop(self) -> None:
        """Turn decoding off at once; the node is no longer active."""
        self._switch(enabled=False)

    def unit_arrived(self, frame: EncodedFrame) -> None:
        """Check the demand again, and ask for a key frame when the last one is too old."""
        self._check(frame.arrival_ns)
        if frame.is_key_frame:
            self._last_key_frame_ns = frame.arrival_ns
        elif self.key_frame_interval_s > 0 and self._is_due(frame.arrival_ns):
            self.key_frame_needed()

    def key_frame_needed(self) -> None:
        """Ask for a key frame if an encoded topic has a subscriber."""
        if self._subscribers.wants_units:
            self._source.request_key_frame()

    def _check(self, now_ns: int) -> None:
        if self._subscribers.wants_pictures:
            self._last_wanted_ns = now_ns
            self._switch(enabled=True)
        elif self.decoding and now_ns - self._last_wanted_ns > KEEP_DECODING_NS:
            self._switch(enabled=False)

    def _switch(self, *, enabled: bool) -> None:
        if enabled != self.decoding:
            self.decoding = enabled
            self._source.set_decoding(enabled)

    def _is_due(self, now_ns: int) -> bool:
        last = self._last_key_frame_ns
        return last is None or now_ns - last >= self.key_frame_interval_s * NS_PER_S
