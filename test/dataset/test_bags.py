"""Bags, read by rosbags and by the mcap libraries, and compared with the video."""

from __future__ import annotations

import io
import re
import resource
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import yaml
from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory
from PIL import Image
from rosbags.highlevel import AnyReader

from odyssey_ros.client import ErrorCode
from odyssey_ros.dataset.bag_layout import BagLayout, ImageEncoding
from odyssey_ros.dataset.bags import BagSummary, write_bag
from odyssey_ros.dataset.episodes import Episode
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.logs.events import Event, EventKind, EventLog
from odyssey_ros.dataset.losses import Loss
from small_video import write_video
from video_kinds import KINDS, remux, set_display_matrix, without_first_group, write_kind, write_sizes

START_NS = 1_700_000_000_123_456_789
EVENTS = EventLog(
    (
        Event(EventKind.STARTED, 0, "a cat"),
        Event(EventKind.PROMPTED, 200_000_000, "a dog, “barking”"),
        Event(EventKind.ENDED, 600_000_000),
    )
)
MakeVideo = Callable[..., Path]


def _written(
    tmp_path: Path, video: Path, images: ImageEncoding, **layout: Any
) -> tuple[Path, BagSummary, Episode]:
    episode = Episode("stream-1", video, EVENTS, START_NS)
    folder = tmp_path / "bag"
    return folder, write_bag(folder, "episode", episode, BagLayout(images, **layout)), episode


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def _messages(folder: Path) -> dict[str, list[tuple[int, Any]]]:
    """Return the messages, read by rosbags with the types that the bag defines."""
    found: dict[str, list[tuple[int, Any]]] = {}
    with AnyReader([folder]) as reader:
        for connection, time_ns, data in reader.messages():
            message = reader.deserialize(data, connection.msgtype)
            found.setdefault(connection.topic, []).append((time_ns, message))
    return found


def _stamp_ns(message: Any) -> int:
    stamp = message.header.stamp if hasattr(message, "header") else message.timestamp
    return int(stamp.sec) * 10**9 + int(stamp.nanosec)


def _rgb(video: Path) -> list[Any]:
    with av.open(str(video)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


TOPICS = {
    ImageEncoding.RAW: "/odyssey/image_raw",
    ImageEncoding.JPEG: "/odyssey/image_raw/compressed",
    ImageEncoding.H264: "/odyssey/image_raw/foxglove",
}


@pytest.mark.parametrize("images", list(ImageEncoding))
def test_each_frame_has_its_picture_its_labels_and_one_stamp(
    images: ImageEncoding, tmp_path: Path, make_video: MakeVideo
) -> None:
    video = make_video()
    folder, summary, _ = _written(tmp_path, video, images)
    found = _messages(folder)
    assert set(found) == {
        TOPICS[images],
        "/odyssey/camera_info",
        "/odyssey/frame_info",
        "/odyssey/events",
    }
    assert summary.frames == 12
    for index in range(12):
        stamp = START_NS + index * 50_000_000
        for topic in (TOPICS[images], "/odyssey/camera_info", "/odyssey/frame_info"):
            logged, message = found[topic][index]
            assert logged == stamp
            assert _stamp_ns(message) == stamp
        info = found["/odyssey/frame_info"][index][1]
        assert info.stream_id == "stream-1"
        assert info.frame_index == index
        assert info.media_time.sec * 10**9 + info.media_time.nanosec == index * 50_000_000
        assert info.prompt == ("a cat" if index < 4 else "a dog, “barking”")
        assert info.header.frame_id == "odyssey_optical_frame"
        camera_info = found["/odyssey/camera_info"][index][1]
        assert (camera_info.width, camera_info.height) == (320, 192)
        assert not camera_info.k.any()
    events = [(time_ns - START_NS, event.type, event.prompt) for time_ns, event in found["/odyssey/events"]]
    assert events == [
        (0, 1, "a cat"),
        (200_000_000, 3, "a dog, “barking”"),
        (600_000_000, 2, ""),
    ]
    assert summary.duration_ns == 600_000_000


@pytest.mark.parametrize("images", list(ImageEncoding))
def test_each_picture_has_its_own_size(images: ImageEncoding, tmp_path: Path) -> None:
    video = write_sizes(tmp_path / "video.mp4", [(192, 48), (96, 64)], 30)
    folder, summary, _ = _written(tmp_path, video, images)
    found = _messages(folder)
    sizes = [(192, 48)] * 30 + [(96, 64)] * 30
    assert [(info.width, info.height) for _, info in found["/odyssey/camera_info"]] == sizes
    assert list(summary.sizes.items()) == [((192, 48), 30), ((96, 64), 30)]
    if images is ImageEncoding.RAW:
        assert [(image.width, image.height) for _, image in found[TOPICS[images]]] == sizes
    elif images is ImageEncoding.JPEG:
        files = [io.BytesIO(image.data.tobytes()) for _, image in found[TOPICS[images]]]
        assert [Image.open(file).size for file in files] == sizes


@pytest.mark.parametrize("images", [ImageEncoding.RAW, ImageEncoding.JPEG])
def test_a_turned_video_is_upright_in_the_bag(images: ImageEncoding, tmp_path: Path) -> None:
    video = set_display_matrix(write_video(tmp_path / "video.mp4"), 0, 1, -1, 0)
    folder, summary, _ = _written(tmp_path, video, images)
    found = _messages(folder)
    assert summary.sizes == {(48, 64): 6}
    assert {(info.width, info.height) for _, info in found["/odyssey/camera_info"]} == {(48, 64)}


def test_losses_of_the_video_are_in_the_summary(tmp_path: Path) -> None:
    whole = write_kind(tmp_path / "whole", KINDS["mkv, open groups"])
    video = remux(whole, tmp_path / "video", "matroska", without_first_group)
    _, summary, _ = _written(tmp_path, video, ImageEncoding.JPEG)
    assert {loss: count for loss, count in summary.losses.items() if count} == {Loss.UNDECODABLE_START: 3}
    assert summary.frames == 20


@pytest.mark.parametrize("images", list(ImageEncoding))
@pytest.mark.parametrize("container", ["mp4", "matroska"])
def test_a_missing_reference_is_a_loss(images: ImageEncoding, container: str, tmp_path: Path) -> None:
    """FFmpeg conceals it: the pictures up to the next key frame may be those of other times."""
    whole = write_video(tmp_path / "whole.mp4", frames=12)
    _, summary, _ = _written(_folder(tmp_path / "complete"), whole, images)
    assert +Counter(summary.losses) == {}
    video = remux(whole, tmp_path / "video", container, lambda packets: packets[:4] + packets[5:])
    _, summary, _ = _written(_folder(tmp_path / "lossy"), video, images)
    assert +Counter(summary.losses) == {Loss.LOST_REFERENCES: 1}


def test_raw_pictures_equal_the_decoder_s_output(tmp_path: Path, make_video: MakeVideo) -> None:
    video = make_video()
    folder, _, _ = _written(tmp_path, video, ImageEncoding.RAW)
    for (_, message), expected in zip(_messages(folder)["/odyssey/image_raw"], _rgb(video), strict=True):
        assert (message.encoding, message.is_bigendian) == ("rgb8", 0)
        rows = message.data.reshape(message.height, message.step)[:, : message.width * 3]
        assert (rows.reshape(expected.shape) == expected).all()


@pytest.mark.parametrize("matrix", ["", "colormatrix=bt709"])
def test_jpeg_pictures_have_the_colours_of_raw_pictures(
    matrix: str, tmp_path: Path, make_video: MakeVideo
) -> None:
    video = make_video(size=(640, 352), **({"x264-params": matrix} if matrix else {}))
    folder, _, _ = _written(tmp_path, video, ImageEncoding.JPEG, jpeg_quality=95)
    frames = _messages(folder)["/odyssey/image_raw/compressed"]
    for (_, message), expected in zip(frames, _rgb(video), strict=True):
        assert message.format == "jpeg"
        picture = np.asarray(Image.open(io.BytesIO(message.data.tobytes())))
        difference = np.abs(picture.astype(int) - expected.astype(int))
        assert difference.mean() < 4
        # The conversion of FFmpeg to RGB differs by up to two levels.
        assert abs((picture.astype(int) - expected.astype(int)).mean(axis=(0, 1))).max() < 2.5


def test_h264_messages_decode_from_every_key_frame(tmp_path: Path, make_video: MakeVideo) -> None:
    video = make_video()
    folder, _, _ = _written(tmp_path, video, ImageEncoding.H264)
    packets = [message for _, message in _messages(folder)["/odyssey/image_raw/foxglove"]]
    expected = _rgb(video)
    keys = [at for at, message in enumerate(packets) if b"\x00\x00\x01\x67" in message.data.tobytes()]
    assert keys == [0, 5, 10]
    for first in keys:
        decoder = av.CodecContext.create("h264", "r")
        decoder.thread_count = 1
        decoded = [
            frame
            for message in packets[first:]
            for frame in decoder.decode(av.Packet(message.data.tobytes()))
        ]
        decoded += decoder.decode(None)
        assert packets[first].format == "h264"
        assert len(decoded) == len(packets) - first
        for frame, picture in zip(decoded, expected[first:], strict=True):
            assert (frame.to_ndarray(format="rgb24") == picture).all()


@pytest.mark.parametrize("images", list(ImageEncoding))
def test_the_mcap_library_reads_the_bag(images: ImageEncoding, tmp_path: Path, make_video: MakeVideo) -> None:
    folder, summary, _ = _written(tmp_path, make_video(), images, namespace="/robot/dream/")
    path = folder / summary.file
    data = path.read_bytes()
    assert (summary.size, summary.crc32) == (len(data), f"{zlib.crc32(data):08x}")
    with path.open("rb") as file:
        reader = make_reader(file, decoder_factories=[DecoderFactory()], validate_crcs=True)
        infos = [message for *_, message in reader.iter_decoded_messages(topics="/robot/dream/frame_info")]
        assert [info.frame_index for info in infos] == list(range(12))
        images_read = sum(
            1 for _ in reader.iter_decoded_messages(topics=TOPICS[images].replace("/odyssey", "/robot/dream"))
        )
        assert images_read == 12
        metadata = next(iter(reader.iter_metadata()))
        inner = yaml.safe_load(metadata.metadata["serialized_metadata"])
    outer = yaml.safe_load((folder / "metadata.yaml").read_text())
    assert outer == {"rosbag2_bagfile_information": inner}
    assert inner["version"] == 8
    assert inner["ros_distro"] == ""  # no ROS: `ros2 bag info` shows "unknown"
    assert inner["relative_file_paths"] == [inner["files"][0]["path"]] == [summary.file]
    assert re.fullmatch(r".+_(\d+)\.([a-zA-Z0-9])+", summary.file)  # what `ros2 bag reindex` looks for
    assert inner["message_count"] == 12 * 3 + 3
    assert "&id" not in (folder / "metadata.yaml").read_text()


def test_the_bag_has_the_qos_of_the_live_bridge(tmp_path: Path, make_video: MakeVideo) -> None:
    folder, _, _ = _written(tmp_path, make_video(), ImageEncoding.H264)
    with AnyReader([folder]) as reader:
        for connection in reader.connections:
            (qos,) = connection.ext.offered_qos_profiles
            names = (
                qos.history.name,
                qos.depth,
                qos.reliability.name,
                qos.durability.name,
                qos.liveliness.name,
            )
            assert names == ("KEEP_LAST", 5, "RELIABLE", "VOLATILE", "AUTOMATIC")


def test_the_same_episode_gives_the_same_bytes(tmp_path: Path, make_video: MakeVideo) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first = _written(tmp_path / "a", make_video(), ImageEncoding.JPEG)[1]
    assert first == _written(tmp_path / "b", make_video(), ImageEncoding.JPEG)[1]


def test_the_step_includes_the_padding_of_rows(tmp_path: Path, make_video: MakeVideo) -> None:
    video = make_video(size=(322, 190))
    folder, _, _ = _written(tmp_path, video, ImageEncoding.RAW)
    _, message = _messages(folder)["/odyssey/image_raw"][3]
    rows = message.data.reshape(message.height, message.step)
    assert (rows[:, : 322 * 3].reshape(190, 322, 3) == _rgb(video)[3]).all()


@pytest.mark.parametrize(
    ("options", "code", "text"),
    [
        ({"bf": "2"}, ErrorCode.VIDEO_UNSUPPORTED, "B frames"),
        ({"codec": "mpeg4"}, ErrorCode.VIDEO_UNSUPPORTED, "the video is mpeg4"),
    ],
)
def test_videos_that_cannot_be_passed_through(
    options: dict[str, str], code: ErrorCode, text: str, tmp_path: Path, make_video: MakeVideo
) -> None:
    video = make_video(30, **options)
    with pytest.raises(EpisodeError, match=text) as caught:
        _written(tmp_path, video, ImageEncoding.H264)
    assert caught.value.code is code


def test_writing_can_be_stopped_at_a_frame(tmp_path: Path, make_video: MakeVideo) -> None:
    def stop(frames: int) -> None:
        if frames == 3:
            raise KeyboardInterrupt

    episode = Episode("stream-1", make_video())
    with pytest.raises(KeyboardInterrupt):
        write_bag(tmp_path / "bag", "episode", episode, BagLayout(), on_frame=stop)
    assert not (tmp_path / "bag" / "metadata.yaml").exists()


def test_a_full_disk_has_its_own_code(tmp_path: Path, make_video: MakeVideo) -> None:
    program = """
import resource, sys
from pathlib import Path
from odyssey_ros.dataset.bag_layout import BagLayout, ImageEncoding
from odyssey_ros.dataset.bags import write_bag
from odyssey_ros.dataset.episodes import Episode
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    write_bag(Path(sys.argv[1]), "x", Episode("s", Path(sys.argv[2])), BagLayout(ImageEncoding.RAW))
except Exception as error:
    print(type(error).__name__, error)
"""
    assert resource.RLIMIT_FSIZE
    command = [sys.executable, "-c", program, str(tmp_path / "bag"), str(make_video())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "EpisodeError DISK_FULL: no room to write the bag: File too large"


def test_an_existing_folder_is_not_changed(tmp_path: Path, make_video: MakeVideo) -> None:
    (tmp_path / "bag").mkdir()
    with pytest.raises(EpisodeError, match="cannot write the bag: File exists"):
        _written(tmp_path, make_video(), ImageEncoding.RAW)
