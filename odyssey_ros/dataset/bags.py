"""Episodes written as rosbag2 bags: a folder with an MCAP file and its metadata.yaml.

The bag holds the topics that the live bridge publishes for the same stream. Each message is logged at its
stamp. The bag contains the definitions of all its types, so a reader needs no other files.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

import yaml

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.dataset import messages
from odyssey_ros.dataset.durable import synced_file
from odyssey_ros.dataset.errors import EpisodeError, disk_error
from odyssey_ros.dataset.logs.events import EventKind
from odyssey_ros.dataset.mcap_file import McapFile
from odyssey_ros.dataset.messages import Header, message_type
from odyssey_ros.dataset.videos.pixels import JpegEncoder, Rgb8Converter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from typing_extensions import Buffer

    from odyssey_ros.dataset.episodes import Episode
    from odyssey_ros.dataset.logs.events import Event
    from odyssey_ros.dataset.losses import Loss

_MAX_STAMP_NS: Final = 2**31 * 10**9 - 1
_LIBRARY: Final = "odyssey_ros"

# The newest of the formats that Humble can play; every later ROS 2 plays it too. Humble cannot play 9.
_ROSBAG2_VERSION: Final = 8

_EVENT_KINDS: Final = {
    EventKind.STARTED: messages.STREAM_STARTED,
    EventKind.PROMPTED: messages.STREAM_ACKNOWLEDGED,
    EventKind.ENDED: messages.STREAM_ENDED,
}

# The QoS of the live bridge, in the numbers of rmw: keep last 5, reliable, volatile, no time limits.
_FOREVER: Final = {"sec": 9223372036, "nsec": 854775807}
_QOS: Final = {
    "history": 1,
    "depth": 5,
    "reliability": 1,
    "durability": 2,
    "deadline": _FOREVER,
    "lifespan": _FOREVER,
    "liveliness": 1,
    "liveliness_lease_duration": _FOREVER,
    "avoid_ros_namespace_conventions": False,
}


class ImageEncoding(str, Enum):
    """The encoding of the pictures in a bag."""

    RAW = "raw"
    """`sensor_msgs/Image`, rgb8, on `image_raw`."""

    JPEG = "jpeg"
    """`sensor_msgs/CompressedImage` on `image_raw/compressed`."""

    H264 = "h264"
    """`foxglove_msgs/CompressedVideo` on `image_raw/foxglove`, as the service encoded it."""

    def __str__(self) -> str:
        return self.value


_IMAGE_TOPICS: Final = {
    ImageEncoding.RAW: ("image_raw", "sensor_msgs/msg/Image"),
    ImageEncoding.JPEG: ("image_raw/compressed", "sensor_msgs/msg/CompressedImage"),
    ImageEncoding.H264: ("image_raw/foxglove", "foxglove_msgs/msg/CompressedVideo"),
}


@dataclass(frozen=True, slots=True)
class BagLayout:
    """The settings of a bag.

    Attributes:
        images: Encoding of the pictures.
        namespace: Namespace of the topics; by default that of the live bridge.
        frame_id: Frame of reference of all headers, an optical frame (REP-103).
        jpeg_quality: 1 to 100.
    """

    images: ImageEncoding = ImageEncoding.JPEG
    namespace: str = "/odyssey"
    frame_id: str = "odyssey_optical_frame"
    jpeg_quality: int = 90


@dataclass(frozen=True, slots=True)
class BagSummary:
    """The properties of a written bag.

    Attributes:
        file: Name of the MCAP file in the bag's folder.
        size: Size of the MCAP file, in bytes.
        crc32: CRC-32 of the MCAP file, as eight hexadecimal digits.
        frames: Number of pictures.
        sizes: Width and height of the pictures, in pixels, with the number of such pictures; in the order of
            the first picture of each size.
        start_time_ns: Stamp of the first message.
        duration_ns: Time from the first message to the last.
        losses: What of the video was ignored, repaired or guessed.
    """

    file: str
    size: int
    crc32: str
    frames: int
    sizes: Mapping[tuple[int, int], int]
    start_time_ns: int
    duration_ns: int
    losses: Mapping[Loss, int] = field(default_factory=dict)


def write_bag(
    folder: Path,
    name: str,
    episode: Episode,
    layout: BagLayout,
    *,
    on_frame: Callable[[int], None] | None = None,
) -> BagSummary:
    """Write an episode into a new folder and sync it to the disk. Blocks for as long as the video takes.

    Args:
        folder: The folder. Its parent must exist; the folder must not.
        name: Name of the bag. The MCAP file is `<name>_0.mcap`, as rosbag2 names the first file of a bag.
        episode: The episode.
        layout: Settings of the bag.
        on_frame: Called with the number of frames written so far. An exception that it raises ends the
            writing.

    Raises:
        EpisodeError: The video is broken, or the disk is full.
    """
    storage = f"{name}_0.mcap"  # `ros2 bag reindex` takes only files whose names end with a number
    try:
        folder.mkdir()
        with synced_file(folder / storage) as file:
            writer = _BagWriter(McapFile(file, library=_LIBRARY), episode, layout)
            writer.write_all(on_frame or (lambda _: None))
            metadata = writer.finish(storage)
        with synced_file(folder / "metadata.yaml") as file:
            file.write(_yaml({"rosbag2_bagfile_information": metadata}).encode())
    except OSError as error:
        raise disk_error(error, "the bag") from error
    return writer.summary(storage)


@dataclass(frozen=True, slots=True)
class _Frame:
    """The labels of a frame, and the message with its image."""

    index: int
    media_time_ns: int
    stamp_ns: int
    prompt: str
    size: tuple[int, int]
    image: Sequence[Buffer]


class _BagWriter:
    def __init__(self, mcap: McapFile, episode: Episode, layout: BagLayout) -> None:
        self._mcap = mcap
        self._episode = episode
        self._layout = layout
        self._topics: list[tuple[str, str, int]] = []
        self._counts: dict[int, int] = {}
        self._frames = 0
        self._sizes: Counter[tuple[int, int]] = Counter()
        self._losses: Counter[Loss] = Counter()
        self._first_ns: int | None = None
        self._last_ns = 0
        self._images = self._add_topic(*_IMAGE_TOPICS[layout.images])
        self._camera_infos = self._add_topic("camera_info", "sensor_msgs/msg/CameraInfo")
        self._frame_infos = self._add_topic("frame_info", "odyssey_ros/msg/FrameInfo")
        self._events = self._add_topic("events", "odyssey_ros/msg/StreamEvent")

    def write_all(self, on_frame: Callable[[int], None]) -> None:
        pending = list(self._episode.events.events)
        for event in pending:
            _check_stamp(self._event_stamp_ns(event))
        for frame in self._pictures():
            stamp_ns = frame.stamp_ns
            while pending and self._event_stamp_ns(pending[0]) <= stamp_ns:
                self._write_event(pending.pop(0))
            header = Header(stamp_ns, self._layout.frame_id)
            info = messages.frame_info(
                header, self._episode.stream_id, frame.index, frame.media_time_ns, frame.prompt
            )
            self._write(self._camera_infos, stamp_ns, [messages.camera_info(header, *frame.size)])
            self._write(self._frame_infos, stamp_ns, [info])
            self._write(self._images, stamp_ns, frame.image)
            self._frames += 1
            self._sizes[frame.size] += 1
            on_frame(self._frames)
        for event in pending:
            self._write_event(event)

    def finish(self, file: str) -> dict[str, Any]:
        """Complete the MCAP file; return the contents of the metadata file."""
        metadata = self._metadata(file)
        self._mcap.finish({"rosbag2": {"serialized_metadata": _yaml(metadata)}})
        return metadata

    def summary(self, file: str) -> BagSummary:
        return BagSummary(
            file=file,
            size=self._mcap.size,
            crc32=f"{self._mcap.crc32:08x}",
            frames=self._frames,
            sizes=self._sizes,
            start_time_ns=self._first_ns or 0,
            duration_ns=self._last_ns - (self._first_ns or 0),
            losses=self._losses,
        )

    def _pictures(self) -> Iterator[_Frame]:
        layout = self._layout
        if layout.images is ImageEncoding.H264:
            for encoded in self._episode.encoded_frames(losses=self._losses):
                _check_stamp(encoded.stamp_ns)
                unit = encoded.picture
                message = messages.h264_frame(Header(encoded.stamp_ns, layout.frame_id), unit.data)
                size = unit.width, unit.height
                yield _Frame(unit.index, unit.media_time_ns, encoded.stamp_ns, encoded.prompt, size, message)
            return
        to_rgb, to_jpeg = Rgb8Converter(), JpegEncoder(layout.jpeg_quality)
        for frame in self._episode.frames(losses=self._losses):
            picture = frame.picture
            _check_stamp(frame.stamp_ns)
            header = Header(frame.stamp_ns, layout.frame_id)
            size = picture.frame.width, picture.frame.height
            if layout.images is ImageEncoding.JPEG:
                message = messages.jpeg_image(header, to_jpeg.encode(picture.frame))
            else:
                pixels, step = to_rgb.convert(picture.frame)
                message = messages.raw_image(header, *size, step, pixels)
            yield _Frame(picture.index, picture.media_time_ns, frame.stamp_ns, frame.prompt, size, message)

    def _add_topic(self, name: str, type_name: str) -> int:
        message = message_type(type_name)
        topic = f"{self._layout.namespace.rstrip('/')}/{name}"
        schema = self._mcap.add_schema(type_name, "ros2msg", message.definition.encode())
        channel = self._mcap.add_channel(
            topic,
            schema,
            {"offered_qos_profiles": _QOS_TEXT, "topic_type_hash": message.type_hash},
        )
        self._topics.append((topic, type_name, channel))
        self._counts[channel] = 0
        return channel

    def _write_event(self, event: Event) -> None:
        stamp_ns = self._event_stamp_ns(event)
        message = messages.stream_event(
            Header(stamp_ns, self._layout.frame_id),
            _EVENT_KINDS[event.kind],
            self._episode.stream_id,
            event.prompt,
        )
        self._write(self._events, stamp_ns, [message])

    def _event_stamp_ns(self, event: Event) -> int:
        return self._episode.start_time_ns + event.stream_time_ns

    def _write(self, channel: int, stamp_ns: int, message: Sequence[Buffer]) -> None:
        self._first_ns = stamp_ns if self._first_ns is None else min(self._first_ns, stamp_ns)
        self._last_ns = max(self._last_ns, stamp_ns)
        self._counts[channel] += 1
        self._mcap.write(channel, stamp_ns, message)

    def _metadata(self, file: str) -> dict[str, Any]:
        """Return the metadata of rosbag2."""
        duration = {"nanoseconds": self._last_ns - (self._first_ns or 0)}
        start = {"nanoseconds_since_epoch": self._first_ns or 0}
        count = sum(self._counts.values())
        return {
            "version": _ROSBAG2_VERSION,
            "storage_identifier": "mcap",
            "relative_file_paths": [file],
            "duration": duration,
            "starting_time": start,
            "message_count": count,
            "topics_with_message_count": [
                {
                    "topic_metadata": {
                        "name": topic,
                        "type": type_name,
                        "serialization_format": "cdr",
                        "offered_qos_profiles": _QOS_TEXT,
                        "type_description_hash": message_type(type_name).type_hash,
                    },
                    "message_count": self._counts[channel],
                }
                for topic, type_name, channel in self._topics
            ],
            "compression_format": "",
            "compression_mode": "",
            "files": [{"path": file, "starting_time": start, "duration": duration, "message_count": count}],
            "custom_data": {"stream_id": self._episode.stream_id},
            "ros_distro": "",  # as rosbag2 writes it where no ROS is sourced; `ros2 bag info` shows "unknown"
        }


def _check_stamp(stamp_ns: int) -> None:
    if not 0 <= stamp_ns <= _MAX_STAMP_NS:
        raise EpisodeError(
            ErrorCode.VIDEO_UNSUPPORTED,
            f"a frame or an event has the stamp {stamp_ns / 1e9:.3f} s, which is before 1970 or after 2038: "
            "ROS cannot express it",
        )


class _PlainDumper(yaml.SafeDumper):
    """Repeats an object that occurs several times, because rosbag2 cannot read YAML aliases."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - signature of the base class
        return True


def _yaml(data: object) -> str:
    return yaml.dump(data, Dumper=_PlainDumper, sort_keys=False, allow_unicode=True)


_QOS_TEXT: Final = _yaml([_QOS])
