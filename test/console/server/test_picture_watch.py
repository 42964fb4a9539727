"""What a page watches: the topics of its node as they come and go, and what it is told."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from odyssey_ros.console.graph.graph_nodes import GraphNode, NodeKind
from odyssey_ros.console.graph.picture_messages import Codec
from odyssey_ros.console.server.picture_packets import PicturePacket
from odyssey_ros.console.server.picture_watch import PictureWatch
from waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from odyssey_ros.console.server.console_context import ConsoleContext

BOTH = frozenset((Codec.H264, Codec.JPEG))


class Graph:
    """The nodes of a graph, and the topics that are subscribed to."""

    def __init__(self, codecs: frozenset[Codec] = BOTH) -> None:
        self.codecs = codecs
        self.topics: list[str] = []
        self.key_frames = 0
        self.observers: list[Callable[[Any], None]] = []

    def context(self) -> ConsoleContext:
        directory = SimpleNamespace(follow=self.observers.append, unfollow=self.observers.remove)
        executor = SimpleNamespace(post=lambda call: call())
        return cast("ConsoleContext", SimpleNamespace(directory=directory, executor=executor, pictures=self))

    def has(self, **topics: str) -> None:
        node = GraphNode("/odyssey", NodeKind.BRIDGE, topics, {}, "")
        for observer in self.observers:
            observer((node,) if topics else ())

    def watch(self, topic: str, codec: Codec, _: object) -> Callable[[], None]:
        self.topics.append(topic)
        return lambda: self.topics.remove(topic)

    def request_key_frame(self, topic: str, codec: Codec) -> bool:
        self.key_frames += 1
        return True


def packet(codec: Codec, number: int, *, key: bool = True) -> PicturePacket:
    return PicturePacket(codec, key, number, bytes([number]))


async def notices(watch: PictureWatch) -> list[dict[str, Any]]:
    return [json.loads(one) for one in await watch.take() if isinstance(one, str)]


async def test_the_topics_of_the_node_are_watched_as_it_comes_and_goes():
    graph = Graph()
    watch = PictureWatch(graph.context())
    watch.watch("/odyssey", BOTH)
    graph.has(jpeg="/j")
    await eventually(lambda: graph.topics == ["/j"])
    graph.has(video="/v", jpeg="/j")
    await eventually(lambda: graph.topics == ["/v"])
    graph.has()
    await eventually(lambda: watch_told(watch, "is not on the graph"))
    assert graph.topics == ["/v"]  # it may return
    watch.watch("", BOTH)
    assert graph.topics == []
    watch.close()
    assert graph.observers == []


async def watch_told(watch: PictureWatch, text: str) -> bool:
    return any(text in one.get("reason", "") for one in await notices(watch))


async def test_pictures_are_passed_on_and_their_source_is_told_once():
    graph = Graph()
    watch = PictureWatch(graph.context())
    watch.watch("/odyssey", BOTH)
    graph.has(video="/v", jpeg="/j")
    await eventually(lambda: graph.topics == ["/v"])
    watch.picture_came(packet(Codec.H264, 1, key=False))
    assert graph.key_frames == 1
    watch.picture_came(packet(Codec.H264, 2))
    watch.picture_came(packet(Codec.H264, 3, key=False))
    messages = await watch.take()
    assert [one for one in messages if isinstance(one, bytes)] == [b"\2", b"\3"]
    told = [json.loads(one) for one in messages if isinstance(one, str)]
    assert [one for one in told if one["type"] == "source"] == [
        {"type": "source", "node": "/odyssey", "codec": "h264", "reason": ""}
    ]
    watch.picture_refused("the video is not H.264")
    watch.picture_refused("the video is not H.264")
    assert [one["type"] for one in await notices(watch)] == ["refused"]
    watch.close()


@pytest.mark.parametrize(
    ("readable", "topics", "reason"),
    [
        (BOTH, {"jpeg": "/j"}, "/odyssey does not offer H.264"),
        (frozenset((Codec.JPEG,)), {"video": "/v", "jpeg": "/j"}, "foxglove_msgs is not installed where"),
    ],
)
async def test_the_reason_for_jpeg_is_told(readable: frozenset[Codec], topics: dict[str, str], reason: str):
    graph = Graph(readable)
    watch = PictureWatch(graph.context())
    watch.watch("/odyssey", BOTH)
    graph.has(**topics)
    await eventually(lambda: graph.topics == ["/j"])
    watch.picture_came(packet(Codec.JPEG, 1))
    assert await watch_told(watch, reason)
    watch.close()


async def test_a_node_without_pictures_is_named():
    graph = Graph()
    watch = PictureWatch(graph.context())
    watch.watch("/odyssey", BOTH)
    graph.has(status="/s")
    assert await watch_told(watch, "/odyssey publishes no pictures that this page can show")
    assert graph.topics == []
    watch.close()
