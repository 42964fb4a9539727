"""The topics whose pictures viewers watch: one subscription for each, which exists while it has viewers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Protocol

from odyssey_ros.client.tasks import call_on_loop
from odyssey_ros.console.graph.picture_thread import PictureSubscription
from odyssey_ros.console.server.picture_packets import picture_packet

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from odyssey_ros.console.graph.picture_messages import Codec, Picture
    from odyssey_ros.console.graph.picture_thread import PictureThread
    from odyssey_ros.console.server.picture_packets import PicturePacket

KEY_FRAME_PERIOD_S: Final = 1.0
"""Between two requests for key frames on one topic, for all viewers together."""


class Watcher(Protocol):
    """A viewer of a topic. For the asyncio thread."""

    def picture_came(self, packet: PicturePacket) -> None:
        """Take a picture."""

    def picture_refused(self, reason: str) -> None:
        """Take the reason why a message was not used."""


class PictureFeeds:
    """The subscriptions, shared by all viewers. For the asyncio thread.

    Args:
        thread: Subscribes.
        loop: The loop of the asyncio thread.

    Attributes:
        codecs: The codecs that can be subscribed to.
    """

    def __init__(self, thread: PictureThread, loop: asyncio.AbstractEventLoop) -> None:
        self.codecs = thread.codecs
        self._thread = thread
        self._loop = loop
        self._feeds: dict[tuple[str, Codec], _Feed] = {}

    def watch(self, topic: str, codec: Codec, watcher: Watcher) -> Callable[[], None]:
        """Give a watcher the pictures of a topic; return a function that ends this."""
        key = (topic, codec)
        feed = self._feeds.get(key)
        if feed is None:
            feed = self._feeds[key] = _Feed(topic, codec, self._thread, self._loop)
        feed.watchers.add(watcher)

        def end() -> None:
            feed.watchers.discard(watcher)
            if not feed.watchers and self._feeds.get(key) is feed:
                del self._feeds[key]
                feed.close()

        return end

    def request_key_frame(self, topic: str, codec: Codec) -> bool:
        """Ask for a key frame on a topic that is watched; return False if one was asked for just now."""
        feed = self._feeds.get((topic, codec))
        return feed is not None and feed.request_key_frame()


class _Feed:
    """A topic with viewers."""

    def __init__(
        self, topic: str, codec: Codec, thread: PictureThread, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.watchers: set[Watcher] = set()
        self._thread = thread
        self._loop = loop
        self._subscription = PictureSubscription(topic, codec, self._received, self._refused)
        self._key_frame_at = time.monotonic() + KEY_FRAME_PERIOD_S  # the subscription itself brings one
        thread.subscribe(self._subscription)

    def request_key_frame(self) -> bool:
        now = time.monotonic()
        if now < self._key_frame_at:
            return False
        self._key_frame_at = now + KEY_FRAME_PERIOD_S
        self._thread.request_key_frame(self._subscription)
        return True

    def close(self) -> None:
        self._thread.unsubscribe(self._subscription)

    def _received(self, number: int, picture: Picture) -> None:
        """On the thread of the pictures."""
        packet = picture_packet(number, picture, time.time())
        self._call(lambda: self._pass_on(packet))

    def _refused(self, reason: str) -> None:
        """On the thread of the pictures."""
        self._call(lambda: self._pass_refusal_on(reason))

    def _call(self, call: Callable[[], None]) -> None:
        call_on_loop(self._loop, call)

    def _pass_on(self, packet: PicturePacket) -> None:
        for watcher in tuple(self.watchers):
            watcher.picture_came(packet)

    def _pass_refusal_on(self, reason: str) -> None:
        for watcher in tuple(self.watchers):
            watcher.picture_refused(reason)
