"""The encoded topics of the player, as a process on a graph; the packets are decoded again."""

from __future__ import annotations

from dataclasses import replace

import av
import numpy as np
import pytest
from ffmpeg_image_transport_msgs.msg import FFMPEGPacket
from foxglove_msgs.msg import CompressedVideo
from odyssey_ros.msg import FrameInfo, PlaybackStatus
from odyssey_ros.srv import Seek
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile
from sensor_msgs.msg import CameraInfo, Image
from std_srvs.srv import Trigger

from odyssey_ros.dataset.videos.pixels import Rgb8Converter
from odyssey_ros.dataset.videos.video import Video
from video_kinds import HEIGHT, KINDS, PASSED_THROUGH, WIDTH, index_in, remux, write_kind

EVERYTHING = QoSProfile(history=HistoryPolicy.KEEP_ALL)
STATUS = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
LONG_GROUP = replace(PASSED_THROUGH["mp4, H.264 with one key frame"], frames=63)


def stamp_ns(header):
    return header.stamp.sec * 1_000_000_000 + header.stamp.nanosec


def decoded(messages, codec="h264"):
    """Return the RGB pixels of each message; every one has to give a picture."""
    context, converter = av.CodecContext.create(codec, "r"), Rgb8Converter()
    frames = [frame for message in messages for frame in context.decode(av.Packet(bytes(message.data)))]
    frames += context.decode(None)
    assert len(frames) == len(messages)
    shown = []
    for frame in frames:
        data, step = converter.convert(frame)
        shown.append(
            np.frombuffer(data, np.uint8).reshape(HEIGHT, step)[:, : WIDTH * 3].reshape(HEIGHT, WIDTH, 3)
        )
    return [pixels.copy() for pixels in shown]


def ended(statuses):
    return lambda: any(status.state == PlaybackStatus.FINISHED for status in statuses)


@pytest.mark.parametrize("name", ["mp4, H.264", "mkv, H.264", "fragmented mp4, H.264", "webm, VP8"])
def test_packets_show_the_decoded_topic(name, start_node, probe, wait_until, tmp_path):
    path = write_kind(tmp_path / "video", PASSED_THROUGH[name])
    images = probe.listen(Image, "/player/image_raw", EVERYTHING)
    packets = probe.listen(FFMPEGPacket, "/player/image_raw/ffmpeg", EVERYTHING)
    videos = probe.listen(CompressedVideo, "/player/image_raw/foxglove", EVERYTHING)
    infos = probe.listen(CameraInfo, "/player/camera_info", EVERYTHING)
    labels = probe.listen(FrameInfo, "/player/frame_info", EVERYTHING)
    statuses = probe.listen(PlaybackStatus, "/player/playback", STATUS)
    is_vp8 = "VP8" in name
    wait_for = "image_raw,image_raw/ffmpeg,image_raw/foxglove,camera_info,frame_info"
    process = start_node("player", {"video_file": path, "rate": 0.0, "wait_for": wait_for})
    wait_until(ended(statuses), "the end")
    wait_until(lambda: len(labels) == len(images) == len(packets) == len(infos), "the last messages")
    assert [label.frame_index for label in labels] == list(range(28))
    headers = [label.header for label in labels]
    assert (
        [one.header for one in images]
        == [one.header for one in packets]
        == [one.header for one in infos]
        == headers
    )
    codec = "vp8" if is_vp8 else "h264"
    for image, pixels in zip(images, decoded(packets, codec), strict=True):
        np.testing.assert_array_equal(np.frombuffer(image.data, np.uint8), pixels.reshape(-1))
    assert {(one.width, one.height, one.encoding) for one in packets} == {
        (WIDTH, HEIGHT, f"{codec};yuv420p;rgb8;rgb8")
    }
    with Video(path) as video:
        expected = list(video.packets())
    assert [(bytes(one.data), one.flags) for one in packets] == [
        (one.data, int(one.is_key_frame)) for one in expected
    ]
    assert [one.pts for one in packets] == sorted({one.pts for one in packets})
    if is_vp8:
        assert not videos
        process.stop()  # the whole output: it arrives after the messages
        assert process.text.count("CompressedVideo has no format for vp8") == 1
    else:
        wait_until(lambda: len(videos) == len(packets), "the last messages")
        assert [(one.timestamp, one.frame_id, bytes(one.data)) for one in videos] == [
            (one.header.stamp, one.header.frame_id, bytes(one.data)) for one in packets
        ]


def _damaged(packets):
    """Return packets of which only the first can be decoded."""
    broken = []
    for packet in packets[1:]:
        data = bytearray(bytes(packet))
        data[8:] = bytes(len(data) - 8)
        copy = av.Packet(bytes(data))
        copy.pts, copy.dts, copy.time_base, copy.is_keyframe = (
            packet.pts,
            packet.dts,
            packet.time_base,
            packet.is_keyframe,
        )
        broken.append(copy)
    return [packets[0], *broken]


def test_at_rate_0_a_subscriber_of_packets_gets_each_once_and_nothing_is_decoded(
    start_node, probe, wait_until, tmp_path
):
    """The packets cannot be decoded: decoding them would end the episode."""
    whole = write_kind(tmp_path / "whole", LONG_GROUP)
    path = remux(whole, tmp_path / "video", "matroska", _damaged)
    packets = probe.listen(FFMPEGPacket, "/player/image_raw/ffmpeg", QoSProfile(depth=1))
    infos = probe.listen(CameraInfo, "/player/camera_info", EVERYTHING)
    statuses = probe.listen(PlaybackStatus, "/player/playback", STATUS)
    start_node("player", {"video_file": path, "rate": 0.0, "wait_for": "~/image_raw/ffmpeg,camera_info"})
    wait_until(ended(statuses), "the end")
    assert [status.whole for status in statuses if status.state == PlaybackStatus.EPISODE_COMPLETE] == [True]
    wait_until(lambda: len(infos) == 63, "the last message")
    with Video(path) as video:
        assert [bytes(one.data) for one in packets] == [one.data for one in video.packets()]
    assert {(info.width, info.height) for info in infos} == {(WIDTH, HEIGHT)}
    assert [one.header for one in infos] == [one.header for one in packets]


def start_in_the_group(start_node, probe, wait_until, path):
    """Start a player at rate 0, with subscribers, and stop after ten frames."""
    packets = probe.listen(FFMPEGPacket, "/player/image_raw/ffmpeg", EVERYTHING)
    labels = probe.listen(FrameInfo, "/player/frame_info", EVERYTHING)
    start_node(
        "player",
        {"video_file": path, "rate": 0.0, "start_paused": True, "wait_for": "image_raw/ffmpeg,frame_info"},
    )
    probe.wait_for_publisher("/player/frame_info")  # a step publishes its frame for those who are there
    wait_until(lambda: step(probe), "the first frame")
    for _ in range(9):
        assert step(probe)
    return packets, labels


def step(probe):
    return probe.call(Trigger, "/player/step").success


def play_to_the_end(probe, wait_until, late):
    """Play on when a late subscriber has its first message."""
    statuses = probe.listen(PlaybackStatus, "/player/playback", STATUS)
    wait_until(lambda: late or (step(probe) and late), "a message for the late subscriber")
    assert probe.call(Trigger, "/player/resume").success
    wait_until(ended(statuses), "the end")


def test_a_late_subscriber_begins_with_a_key_frame_wherever_that_of_the_file_is(
    start_node, probe, wait_until, tmp_path
):
    path = write_kind(tmp_path / "video", LONG_GROUP)
    first, labels = start_in_the_group(start_node, probe, wait_until, path)
    late = probe.listen(CompressedVideo, "/player/image_raw/foxglove", EVERYTHING)
    probe.wait_for_publisher("/player/image_raw/foxglove")
    play_to_the_end(probe, wait_until, late)
    wait_until(
        lambda: len(labels) == len(first) == 63,
        lambda: f"63 packets, not {len(first)}, and labels: {[label.frame_index for label in labels]}",
    )
    index_of = {stamp_ns(label.header): label.frame_index for label in labels}
    indexes = [index_of[one.timestamp.sec * 1_000_000_000 + one.timestamp.nanosec] for one in late]
    assert indexes == list(range(indexes[0], 63))
    assert indexes[0] >= 10
    assert [index_in(pixels) for pixels in decoded(late)] == indexes
    assert [index_in(pixels) for pixels in decoded(first)] == list(range(63))
    assert [number for number, one in enumerate(first) if one.flags] == [0, indexes[0]]


def test_packets_after_a_seek_begin_with_a_key_frame(start_node, probe, wait_until, tmp_path):
    path = write_kind(tmp_path / "video", PASSED_THROUGH["mp4, H.264"])
    packets = probe.listen(FFMPEGPacket, "/player/image_raw/ffmpeg", EVERYTHING)
    labels = probe.listen(FrameInfo, "/player/frame_info", EVERYTHING)
    start_node(
        "player",
        {"video_file": path, "rate": 0.0, "start_paused": True, "wait_for": "image_raw/ffmpeg,frame_info"},
    )
    probe.wait_for_publisher("/player/frame_info")
    for target, steps in ((0, 2), (11, 8), (26, 2), (16, 1)):
        request = Seek.Request(frame_index=target)
        wait_until(lambda request=request: probe.call(Seek, "/player/seek", request).success, "the seek")
        for _ in range(steps):
            assert step(probe)
    wait_until(lambda: len(packets) == len(labels) == 13, "the last message")
    indexes = [label.frame_index for label in labels]
    assert indexes == [0, 1, *range(11, 19), 26, 27, 16]
    assert [one.header for one in packets] == [one.header for one in labels]
    assert [index_in(pixels) for pixels in decoded(packets)] == indexes
    assert [index for index, one in zip(indexes, packets, strict=True) if one.flags] == [0, 11, 16, 26, 16]
    with Video(path) as video:
        own = {one.index: one.data for one in video.packets()}
    assert [index for index, one in zip(indexes, packets, strict=True) if bytes(one.data) == own[index]] == [
        0,
        1,
        16,
        17,
        18,
        16,
    ]


@pytest.mark.parametrize(
    ("name", "reason"), [("mp4", "a video with B frames"), ("mkv, HEVC", "the codec hevc")]
)
def test_what_cannot_be_passed_through_is_said_once_and_played(
    name, reason, start_node, probe, wait_until, tmp_path
):
    path = write_kind(tmp_path / "video", KINDS[name])
    images = probe.listen(Image, "/player/image_raw", EVERYTHING)
    packets = probe.listen(FFMPEGPacket, "/player/image_raw/ffmpeg", EVERYTHING)
    statuses = probe.listen(PlaybackStatus, "/player/playback", STATUS)
    process = start_node(
        "player", {"video_file": path, "rate": 0.0, "loop": True, "wait_for": "image_raw,image_raw/ffmpeg"}
    )
    wait_until(lambda: any(status.rounds == 2 for status in statuses), "two rounds")
    wait_until(lambda: len(images) >= 56, "the pictures")
    shown = [np.frombuffer(one.data, np.uint8).reshape(HEIGHT, WIDTH, 3) for one in images[:56]]
    assert [index_in(pixels) for pixels in shown] == [*range(28), *range(28)]
    process.stop()  # the whole output: it arrives after the messages
    assert process.text.count("cannot be passed through") == 1
    assert f"{reason} cannot be passed through, so nothing is published on image_raw/ffmpeg" in process.text
    assert not packets


def test_a_subscriber_of_pictures_joins_one_of_packets(start_node, probe, wait_until, tmp_path):
    path = write_kind(tmp_path / "video", LONG_GROUP)
    packets, labels = start_in_the_group(start_node, probe, wait_until, path)
    images = probe.listen(Image, "/player/image_raw", EVERYTHING)
    probe.wait_for_publisher("/player/image_raw")
    play_to_the_end(probe, wait_until, images)
    wait_until(lambda: len(labels) == len(packets) == 63, "the last messages")
    index_of = {stamp_ns(label.header): label.frame_index for label in labels}
    indexes = [index_of[stamp_ns(image.header)] for image in images]
    assert indexes == list(range(indexes[0], 63))
    shown = decoded(packets)
    for image, index in zip(images, indexes, strict=True):
        np.testing.assert_array_equal(np.frombuffer(image.data, np.uint8), shown[index].reshape(-1))
    assert [number for number, one in enumerate(packets) if one.flags] == [0]
