"""What one page watches: a node, the topics of its pictures, and what waits for the page."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Final

from odyssey_ros.client.tasks import call_on_loop
from odyssey_ros.console.graph.picture_messages import Codec
from odyssey_ros.console.server.answers import json_text
from odyssey_ros.console.server.picture_choice import PictureChoice
from odyssey_ros.console.server.picture_viewer import PictureViewer

if TYPE_CHECKING:
    from collections.abc import Callable, Set

    from odyssey_ros.console.graph.graph_nodes import GraphNode
    from odyssey_ros.console.server.console_context import ConsoleContext
    from odyssey_ros.console.server.picture_packets import PicturePacket

CHECK_S: Final = 0.5
MAX_NOTICES: Final = 16

_ROLES: Final = {Codec.H264: "video", Codec.JPEG: "jpeg"}
_NAMES: Final = {Codec.H264: "h264", Codec.JPEG: "jpeg"}


class PictureWatch:
    """The pictures for one page. For the asyncio thread.

    Args:
        context: The graph.
    """

    def __init__(self, context: ConsoleContext) -> None:
        self._context = context
        self._loop = asyncio.get_running_loop()
        self._viewer = PictureViewer(time.monotonic)
        self._name = ""
        self._codecs: Set[Codec] = frozenset()
        self._topics: dict[Codec, str] = {}
        self._choice = PictureChoice(frozenset(), time.monotonic)
        self._subscribed: dict[Codec, Callable[[], None]] = {}
        self._notices: deque[str] = deque(maxlen=MAX_NOTICES)
        self._told: dict[str, str] = {}
        self._wake = asyncio.Event()
        self._nodes: tuple[GraphNode, ...] | None = None  # None before the graph was read
        self._closed = False
        context.executor.post(lambda: context.directory.follow(self._nodes_changed))

    def watch(self, node: str, codecs: Set[Codec]) -> None:
        """Watch a node, and begin with a key frame: also when the same node is watched already.

        Args:
            node: The name of the node; empty watches none.
            codecs: What the page can decode.
        """
        self._codecs = codecs
        if node == self._name:
            self._viewer.restart()
        else:
            self._name = node
            self._viewer = PictureViewer(time.monotonic)
        self._topics = {}
        self._told.clear()
        self._end_subscriptions()
        self._update()

    def acknowledge(self, number: int) -> None:
        """Note that the page has shown or dropped all pictures up to this one."""
        if self._viewer.acknowledge(number):
            self._wake.set()

    def tell_time(self, sent: float) -> None:
        """Send the time of this machine, with which a page estimates the difference of the clocks."""
        self._notify(json_text({"type": "clock", "sent": sent, "time": time.time()}))

    async def take(self) -> list[str | bytes]:
        """Wait until there is something; return the messages to send."""
        await self._wake.wait()
        self._wake.clear()
        messages: list[str | bytes] = list(self._notices)
        self._notices.clear()
        while (packet := self._viewer.take()) is not None:
            messages.append(packet.message)
        return messages

    async def check_repeatedly(self) -> None:
        """Do what has to be done without a picture, until it is cancelled."""
        while True:
            await asyncio.sleep(CHECK_S)
            self._subscribe()
            self._ask_for_key_frame()
            if self._viewer.dropped:
                self._tell("dropped", {"count": self._viewer.dropped})

    def close(self) -> None:
        """End all subscriptions."""
        self._closed = True
        self._end_subscriptions()
        context, observer = self._context, self._nodes_changed
        context.executor.post(lambda: context.directory.unfollow(observer))

    def picture_came(self, packet: PicturePacket) -> None:
        """Take a picture of a topic that is watched."""
        if packet.codec is Codec.H264:
            self._choice.video_came()
        elif not self._choice.takes_jpeg():
            return
        if self._viewer.offer(packet):
            self._show(packet.codec)
            self._wake.set()
        elif packet.codec is Codec.H264:
            self._ask_for_key_frame()

    def picture_refused(self, reason: str) -> None:
        """Take the reason why a message of a topic was not used."""
        self._tell("refused", {"reason": reason})

    def _nodes_changed(self, nodes: tuple[GraphNode, ...]) -> None:
        """On the executor's thread."""
        call_on_loop(self._loop, self._graph_read, nodes)

    def _graph_read(self, nodes: tuple[GraphNode, ...]) -> None:
        if nodes != self._nodes:
            self._nodes = nodes
            self._update()

    def _update(self) -> None:
        """Watch the topics that the node has now; those of a node that has gone stay, for it may return."""
        if self._closed or self._nodes is None or not self._name:
            return
        found = next((one for one in self._nodes if one.name == self._name), None)
        if found is None:
            self._tell("waiting", {"reason": f"{self._name} is not on the graph"})
            return
        offered = {codec: found.topics[role] for codec, role in _ROLES.items() if role in found.topics}
        usable = self._codecs & self._context.pictures.codecs
        topics = {codec: topic for codec, topic in offered.items() if codec in usable}
        if topics != self._topics:
            self._end_subscriptions()
            self._topics = topics
            self._choice = PictureChoice(topics.keys(), time.monotonic)
            self._viewer.restart()
        self._subscribe()
        reason = "" if topics else f"{self._name} publishes no pictures that this page can show"
        self._tell("waiting", {"reason": reason})

    def _subscribe(self) -> None:
        wanted = self._choice.wanted()
        for codec in wanted - self._subscribed.keys():
            topic = self._topics[codec]
            self._subscribed[codec] = self._context.pictures.watch(topic, codec, self)
        for codec in self._subscribed.keys() - wanted:
            self._subscribed.pop(codec)()

    def _end_subscriptions(self) -> None:
        for end in self._subscribed.values():
            end()
        self._subscribed.clear()
        self._choice = PictureChoice(frozenset(), time.monotonic)

    def _ask_for_key_frame(self) -> None:
        topic = self._topics.get(Codec.H264)
        if topic is not None and self._choice.video_comes() and self._viewer.needs_key_frame():
            self._context.pictures.request_key_frame(topic, Codec.H264)

    def _show(self, codec: Codec) -> None:
        if codec is self._choice.shown:
            return
        self._choice.shown = codec
        self._tell("source", {"codec": _NAMES[codec], "reason": self._reason(codec)})

    def _reason(self, codec: Codec) -> str:
        """Return why a page that can decode H.264 is shown JPEG."""
        if codec is Codec.H264 or Codec.H264 not in self._codecs:
            return ""
        if Codec.H264 in self._topics:
            return "no H.264 arrives: the service may send VP8"
        if Codec.H264 not in self._context.pictures.codecs:
            return "foxglove_msgs is not installed where the console runs"
        return f"{self._name} does not offer H.264: install foxglove_msgs where it runs"

    def _tell(self, kind: str, fields: dict[str, object]) -> None:
        """Send a notice about the node, unless the last one of its kind was the same."""
        text = json_text({"type": kind, "node": self._name, **fields})
        if self._told.get(kind) != text:
            self._told[kind] = text
            self._notify(text)

    def _notify(self, text: str) -> None:
        self._notices.append(text)
        self._wake.set()
