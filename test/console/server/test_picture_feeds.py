"""Viewers of one topic share a subscription; requests for key frames are limited for all together."""

from __future__ import annotations

import array
import asyncio
from typing import TYPE_CHECKING

from foxglove_msgs.msg import CompressedVideo

from odyssey_ros.console.graph.picture_messages import Codec
from odyssey_ros.console.server.picture_feeds import PictureFeeds
from waiting import eventually

if TYPE_CHECKING:
    from rclpy.node import Node

    from odyssey_ros.console.graph.picture_thread import PictureThread
    from odyssey_ros.console.server.picture_packets import PicturePacket

UNIT = bytes.fromhex("0000000167640028000000016801000000016588")


class Viewer:
    """Keeps what it gets."""

    def __init__(self) -> None:
        self.packets: list[PicturePacket] = []
        self.refusals: list[str] = []

    def picture_came(self, packet: PicturePacket) -> None:
        self.packets.append(packet)

    def picture_refused(self, reason: str) -> None:
        self.refusals.append(reason)


async def test_viewers_share_a_subscription_and_its_packets(
    picture_node: Node, picture_thread: PictureThread
):
    feeds = PictureFeeds(picture_thread, asyncio.get_running_loop())
    assert feeds.codecs == {Codec.H264, Codec.JPEG}
    publisher = picture_node.create_publisher(CompressedVideo, "/v", 10)
    first, second = Viewer(), Viewer()
    ends = [feeds.watch("/v", Codec.H264, one) for one in (first, second)]
    await eventually(lambda: publisher.get_subscription_count() == 1)
    publisher.publish(CompressedVideo(format="h264", data=array.array("B", UNIT)))
    publisher.publish(CompressedVideo(format="av1"))
    await eventually(lambda: first.packets and second.packets and second.refusals)
    assert first.packets[0] is second.packets[0]  # built once
    assert first.packets[0].message.endswith(UNIT)
    ends[0]()
    publisher.publish(CompressedVideo(format="h264", data=array.array("B", UNIT)))
    await eventually(lambda: len(second.packets) == 2)
    assert len(first.packets) == 1
    ends[1]()
    ends[1]()  # again
    await eventually(lambda: publisher.get_subscription_count() == 0)


async def test_requests_for_key_frames_are_limited(picture_node: Node, picture_thread: PictureThread):
    feeds = PictureFeeds(picture_thread, asyncio.get_running_loop())
    publisher = picture_node.create_publisher(CompressedVideo, "/v", 10)
    assert not feeds.request_key_frame("/v", Codec.H264)  # nobody watches
    end = feeds.watch("/v", Codec.H264, Viewer())
    assert not feeds.request_key_frame("/v", Codec.H264)  # the new subscription brings one
    await eventually(lambda: feeds.request_key_frame("/v", Codec.H264))
    assert not feeds.request_key_frame("/v", Codec.H264)
    await eventually(lambda: publisher.get_subscription_count() == 2)
    end()
    await eventually(lambda: publisher.get_subscription_count() == 0)
