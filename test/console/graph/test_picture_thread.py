"""The thread of the pictures, with real publishers on a domain of its own."""

from __future__ import annotations

import array
from typing import TYPE_CHECKING, Any

from foxglove_msgs.msg import CompressedVideo
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage

from odyssey_ros.console.graph.picture_messages import Codec, Picture
from odyssey_ros.console.graph.picture_thread import PictureSubscription, PictureThread
from waiting import wait_until

if TYPE_CHECKING:
    import pytest
    from rclpy.node import Node
    from rclpy.publisher import Publisher

UNIT = bytes.fromhex("0000000167640028000000016801000000016588")
JPEG = b"\xff\xd8\xff\xe0"
RELIABLE = QoSProfile(depth=100)
BEST_EFFORT = QoSProfile(depth=100, reliability=ReliabilityPolicy.BEST_EFFORT)


class Taken:
    """A subscription, and what it has taken."""

    def __init__(self, topic: str, codec: Codec) -> None:
        self.numbers: list[int] = []
        self.pictures: list[bytes] = []
        self.refusals: list[str] = []
        self.subscription = PictureSubscription(topic, codec, self._received, self.refusals.append)

    def _received(self, number: int, picture: Picture) -> None:
        self.numbers.append(number)
        self.pictures.append(bytes(picture.data))


def video(number: int) -> CompressedVideo:
    return CompressedVideo(format="h264", data=array.array("B", UNIT + bytes([number])))


def publisher_with(node: Node, kind: Any, topic: str, qos: QoSProfile, count: int = 1) -> Publisher:
    """Return a publisher that has a number of subscriptions."""
    publisher = node.create_publisher(kind, topic, qos)
    wait_until(lambda: publisher.get_subscription_count() == count)
    return publisher


def test_takes_every_picture_in_order_and_goes_on_after_a_refused_one(
    picture_node: Node, picture_thread: PictureThread
):
    taken, image = Taken("/v", Codec.H264), Taken("/j", Codec.JPEG)
    picture_thread.subscribe(taken.subscription)
    picture_thread.subscribe(image.subscription)
    videos = publisher_with(picture_node, CompressedVideo, "/v", RELIABLE)
    images = publisher_with(picture_node, CompressedImage, "/j", RELIABLE)
    for number in range(20):
        videos.publish(video(number))
    videos.publish(CompressedVideo(format="vp9"))
    videos.publish(video(20))
    images.publish(CompressedImage(format="jpeg", data=array.array("B", JPEG)))
    wait_until(lambda: len(taken.pictures) == 21 and image.pictures)
    assert taken.pictures == [UNIT + bytes([number]) for number in range(21)]
    assert taken.numbers == sorted(taken.numbers)
    assert not set(taken.numbers) & set(image.numbers)
    assert taken.refusals == ["the video is not H.264"]
    assert image.pictures == [JPEG]


def test_nothing_remains_after_the_last_subscription(picture_node: Node, picture_thread: PictureThread):
    taken = Taken("/v", Codec.H264)
    picture_thread.subscribe(taken.subscription)
    picture_thread.request_key_frame(taken.subscription)
    publisher = publisher_with(picture_node, CompressedVideo, "/v", RELIABLE, 2)
    picture_thread.unsubscribe(taken.subscription)
    wait_until(lambda: publisher.get_subscription_count() == 0)
    picture_thread.unsubscribe(taken.subscription)  # again
    picture_thread.request_key_frame(taken.subscription)  # too late
    again = Taken("/v", Codec.H264)
    picture_thread.subscribe(again.subscription)
    wait_until(lambda: publisher.get_subscription_count() == 1)
    publisher.publish(video(1))
    wait_until(lambda: again.pictures)
    assert not taken.pictures


def test_a_request_for_a_key_frame_is_a_second_subscription_for_a_while(
    picture_node: Node, picture_thread: PictureThread
):
    taken = Taken("/v", Codec.H264)
    picture_thread.subscribe(taken.subscription)
    publisher = publisher_with(picture_node, CompressedVideo, "/v", RELIABLE)
    picture_thread.request_key_frame(taken.subscription)
    wait_until(lambda: publisher.get_subscription_count() == 2)
    publisher.publish(video(1))
    wait_until(lambda: publisher.get_subscription_count() == 1)
    publisher.publish(video(2))
    wait_until(lambda: len(taken.pictures) == 2)  # each once, and without a gap
    assert taken.pictures == [UNIT + b"\1", UNIT + b"\2"]


def test_a_best_effort_publisher_is_received_too(picture_node: Node, picture_thread: PictureThread):
    publisher = picture_node.create_publisher(CompressedVideo, "/v", BEST_EFFORT)
    wait_until(lambda: picture_node.get_publishers_info_by_topic("/v"))
    taken = Taken("/v", Codec.H264)
    picture_thread.subscribe(taken.subscription)
    wait_until(lambda: publisher.get_subscription_count() == 1)

    def received() -> bool:
        publisher.publish(video(1))
        return bool(taken.pictures)

    wait_until(received)


def test_a_topic_that_cannot_be_subscribed_to_does_not_end_the_thread(
    picture_node: Node, picture_thread: PictureThread
):
    picture_thread.subscribe(Taken("not a name", Codec.H264).subscription)
    taken = Taken("/v", Codec.H264)
    picture_thread.subscribe(taken.subscription)
    publisher = publisher_with(picture_node, CompressedVideo, "/v", RELIABLE)
    publisher.publish(video(1))
    wait_until(lambda: taken.pictures)


def test_an_error_of_a_receiver_does_not_end_the_thread(
    picture_node: Node, picture_thread: PictureThread, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("odyssey_ros.console.graph.picture_thread.RETRY_S", 0.0)
    failures: list[int] = []

    def fail(number: int, _: Picture) -> None:
        failures.append(number)
        raise ZeroDivisionError

    failing = PictureSubscription("/v", Codec.H264, fail)
    picture_thread.subscribe(failing)
    publisher = publisher_with(picture_node, CompressedVideo, "/v", RELIABLE)
    for number in range(2):
        publisher.publish(video(number))
        wait_until(lambda number=number: len(failures) == number + 1)
    picture_thread.unsubscribe(failing)
