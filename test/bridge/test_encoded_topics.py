"""Encoded topics beside decoded ones, on a real graph: bridge, spectator and emulator as processes."""

from __future__ import annotations

import av
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from ffmpeg_image_transport_msgs.msg import FFMPEGPacket
from foxglove_msgs.msg import CompressedVideo
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from odyssey_ros.msg import FrameInfo
from odyssey_ros.srv import GetBroadcast
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from discovery import wait_until_known
from encoded_topics import LONG_HISTORY

KEY = "ody_test_key"
DEEP = QoSProfile(depth=500)
FPS = 15
ENDS = ("passed through", "not passed through: no subscriber", "withheld: waiting for a key frame")
"""The figures of the frames that are not decoded."""


def stamp(message):
    """Return the stamp of a message in ns."""
    time = message.timestamp if isinstance(message, CompressedVideo) else message.header.stamp
    return time.sec * 1_000_000_000 + time.nanosec


def stamps(messages):
    return [stamp(message) for message in messages]


def decodes(messages, codec):
    """Return whether the messages so far, decoded again, give a picture each."""
    decoder = av.CodecContext.create(codec, "r")
    packets = [av.Packet(bytes(message.data)) for message in messages]
    pictures = [picture for packet in [*packets, None] for picture in decoder.decode(packet)]
    return len(pictures) == len(packets)


def start_on(start_node, service, parameters=None, *options):
    """Start a bridge with a stream on this emulator."""
    return start_node(
        "bridge",
        {"api_url": service.url, "prompt": "a calm sea", **(parameters or {})},
        *options,
        environment={"ODYSSEY_API_KEY": KEY},
    )


class Watch:
    """Subscribers that come and go, the status, and the diagnostics of a node."""

    def __init__(self, probe, wait_until, node="/odyssey"):
        self.probe, self.wait_until, self.node = probe, wait_until, node
        self.statuses = probe.statuses(node)
        self._arrays = probe.listen(DiagnosticArray, "/diagnostics")

    def subscribe(self, kind, topic):
        """Return a subscription and the list of its messages."""
        messages = []
        node = self.probe.node
        return self.probe.do(
            lambda: node.create_subscription(kind, f"{self.node}/{topic}", messages.append, DEEP)
        ), messages

    def unsubscribe(self, subscription):
        self.probe.do(lambda: self.probe.node.destroy_subscription(subscription))

    def status(self, condition, what):
        """Wait for a status; return it."""
        return self.wait_until(
            lambda: self.statuses and condition(self.statuses[-1]) and self.statuses[-1], what
        )

    def frames_pass(self, count=FPS):
        """Wait until so many more frames were received; return the statuses before and after."""
        before = self.statuses[-1]
        return before, self.status(
            lambda status: status.frames_received >= before.frames_received + count, "frames received"
        )

    def decoding_ends(self):
        """Wait until frames are received and none of them is decoded."""

        def ended():
            before, after = self.frames_pass()
            return before.frames_decoded == after.frames_decoded

        self.wait_until(ended, "the end of decoding")

    def figures(self, published):
        """Return the values of the frames in diagnostics that are newer than a number of passed frames.

        In them, no frame is on its way from its reception to its end.
        """

        def newest():
            values = {
                pair.key: pair.value
                for one in self._arrays[-1].status
                if one.name == f"{self.node[1:]}: frames"
                for pair in one.values
            }
            ended = sum(int(values[name]) for name in ENDS)
            return int(values["passed through"]) >= published and int(values["received"]) == ended and values

        return self.wait_until(newest, "diagnostics")


def test_a_decoded_topic_comes_and_goes_beside_an_encoded_one(start_emulator, start_node, probe, wait_until):
    """Nothing is decoded for encoded topics, camera info and labels, and the encoded topic misses nothing."""
    watch = Watch(probe, wait_until)
    packets = probe.listen(FFMPEGPacket, "/odyssey/image_raw/ffmpeg", DEEP)
    labels = probe.listen(FrameInfo, "/odyssey/frame_info", DEEP)
    infos = probe.listen(CameraInfo, "/odyssey/camera_info", DEEP)
    start_on(start_node, start_emulator("--fps", str(FPS)), {"expected_frame_rate": 2.0})
    status = watch.status(lambda status: status.frames_passed_through > 30, "frames passed through")
    assert (status.frames_decoded, status.frames_published, status.frames_dropped) == (0, 0, 0)
    assert (status.width, status.height) == (1280, 704)
    assert status.frame_rate > 0
    figures = watch.figures(status.frames_passed_through)
    assert (figures["decoded"], figures["published"], figures["dropped: not decoded"]) == ("0", "0", "0")

    # A late subscriber of each decoded topic has the headers of the other topics.
    for kind, topic in ((Image, "image_raw"), (CompressedImage, "image_raw/compressed")):
        subscription, images = watch.subscribe(kind, topic)
        wait_until(lambda found=images: len(found) > 5, f"images of {topic}")
        assert {message.header.frame_id for message in images} == {"odyssey_optical_frame"}
        wait_until(lambda found=images: set(stamps(found)) <= set(stamps(packets)), "the packets of images")
        watch.unsubscribe(subscription)
        watch.decoding_ends()

    # Subscribers that come and go quickly leave decoding off, or on for the one that stays.
    for _ in range(4):
        watch.unsubscribe(watch.subscribe(Image, "image_raw")[0])
    watch.decoding_ends()
    _, images = watch.subscribe(Image, "image_raw")
    wait_until(lambda: len(images) > 5, "images again")

    numbers = [packet.pts for packet in packets]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert packets[0].flags == 1
    assert decodes(packets, "h264")
    newest = stamp(packets[-1])
    for messages in (labels, infos):
        wait_until(lambda found=messages: stamps(found)[-1] >= newest, "camera info and labels")
        seen = [one for one in stamps(messages) if stamp(packets[0]) <= one <= newest]
        assert seen == [one for one in stamps(packets) if one <= newest]


def test_every_join_gets_a_key_frame(start_emulator, start_node, probe, wait_until):
    """The emulator sends VP8, and key frames only on request."""
    watch = Watch(probe, wait_until)
    service = start_emulator(
        "--fps", str(FPS), "--codec", "vp8", "--key-frame-interval", "0", "--no-recordings"
    )
    start_on(start_node, service, LONG_HISTORY)
    watch.status(lambda status: status.frames_received > 0, "a stream")
    joined = []
    for count in range(6):
        wait_until(lambda: all(len(messages) > 7 for _, messages in joined), "frames for the others")
        subscription, messages = watch.subscribe(FFMPEGPacket, "image_raw/ffmpeg")
        joined.append((subscription, messages))
        wait_until(lambda found=messages: any(packet.flags for packet in found), "a key frame")
        if count % 3 == 2:  # the next one is alone
            for subscription, _ in joined:
                watch.unsubscribe(subscription)
            joined.clear()
            wait_until_known(probe.node, "/odyssey")
            watch.frames_pass(5)
        elif count % 3 == 0:
            assert messages[0].flags == 1
    assert messages[-1].encoding == "vp8;yuv420p;rgb8;rgb8"
    assert (messages[-1].width, messages[-1].height) == (1280, 704)
    first = next(index for index, packet in enumerate(messages) if packet.flags)
    assert decodes(messages[first:], "vp8")
    _, videos = watch.subscribe(CompressedVideo, "image_raw/foxglove")
    watch.frames_pass()
    assert not videos  # it has no format for VP8
    assert watch.statuses[-1].frames_decoded == 0


def test_key_frames_at_an_interval_on_remapped_topics(start_emulator, start_node, probe, wait_until):
    service = start_emulator(
        "--fps", str(FPS), "--codec", "vp8", "--key-frame-interval", "0", "--no-recordings"
    )
    packets = probe.listen(FFMPEGPacket, "/front/image/ffmpeg", DEEP)
    start_on(start_node, service, {"key_frame_interval": 1.0}, "-r", "~/image_raw:=/front/image")
    key_frames = wait_until(
        lambda: len(found := [packet.pts for packet in packets if packet.flags]) > 3 and found, "key frames"
    )
    # The first ones may come sooner, for the subscription.
    assert key_frames[-1] - key_frames[-2] >= FPS

    value = ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=0.0)
    request = SetParameters.Request(parameters=[Parameter(name="key_frame_interval", value=value)])
    assert probe.call(SetParameters, "/odyssey/set_parameters", request).results[0].successful
    newest = packets[-1].pts
    wait_until(lambda: packets[-1].pts > newest + 5, "the answer of an earlier request")
    packets.clear()
    wait_until(lambda: len(packets) > 3 * FPS, "packets")
    assert not any(packet.flags for packet in packets)


@pytest.fixture
def change(probe):
    """Changes the lifecycle state of the spectator."""

    def to(transition):
        request = ChangeState.Request(transition=Transition(id=transition))
        assert probe.call(ChangeState, "/spectator/change_state", request).success

    return to


def test_a_spectator_passes_through_and_an_inactive_node_decodes_nothing(
    start_emulator, start_node, probe, wait_until, change
):
    start_on(start_node, start_emulator("--fps", str(FPS)), {"broadcast": True})
    addresses = wait_until(
        lambda: (got := probe.call(GetBroadcast, "/odyssey/get_broadcast")).success and got, "the broadcast"
    ).broadcast
    watch = Watch(probe, wait_until, "/spectator")
    videos = probe.listen(CompressedVideo, "/spectator/image_raw/foxglove", DEEP)
    start_node(
        "spectator",
        {"webrtc_url": addresses.webrtc_url},
        environment={"ODYSSEY_SPECTATOR_TOKEN": addresses.spectator_token},
    )
    status = watch.status(lambda status: status.frames_passed_through > 20, "frames passed through")
    assert status.frames_decoded == 0
    wait_until(lambda: len(videos) > 20, "the frames")
    assert decodes(videos, "h264")
    assert (videos[-1].format, videos[-1].frame_id) == ("h264", "odyssey_optical_frame")

    _, images = watch.subscribe(Image, "image_raw")
    wait_until(lambda: len(images) > 3, "images")
    change(Transition.TRANSITION_DEACTIVATE)
    watch.decoding_ends()
    images.clear()
    videos.clear()
    watch.frames_pass()
    assert not images
    assert not videos
    change(Transition.TRANSITION_ACTIVATE)
    wait_until(lambda: len(images) > 3 and len(videos) > 3, "images and packets again")
    assert decodes(videos, "h264")
    watch.wait_until(lambda: set(stamps(images)) <= set(stamps(videos)), "the packets of the images")
