"""Episodes written as rosbag2 bags: a folder with an MCAP file and its metadata.yaml.

The bag holds the topics that the live bridge publishes for the same stream. Each message is logged at its
stamp. The bag contains the definitions of all its types, so a reader needs no other files.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.dataset import messages
from odyssey_ros.dataset.bag_layout import ImageEncoding
from odyssey_ros.dataset.bag_metadata_file import QOS_TEXT, BagTopic, rosbag2_metadata, yaml_text
from odyssey_ros.dataset.durable import synced_file
from odyssey_ros.dataset.episodes import Episode
from odyssey_ros.dataset.errors import EpisodeError, disk_error
from odyssey_ros.dataset.logs.events import EventKind
from odyssey_ros.dataset.mcap_file import McapFile
from odyssey_ros.dataset.messages import Header, message_type
from odyssey_ros.dataset.videos.pixels import JpegEncoder, Rgb8Converter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from av.video.frame import VideoFrame
    from typing_extensions import Buffer

    from odyssey_ros.dataset.bag_layout import BagLayout
    from odyssey_ros.dataset.losses import Loss

_MAX_STAMP_NS: Final = 2**31 * 10**9 - 1
_LIBRARY: Final = "odyssey_ros"

_EVENT_KINDS: Final = {
    EventKind.STARTED: messages.STREAM_STARTED,
    EventKind.PROMPTED: messages.STREAM_ACKNOWLEDGED,
    EventKind.ENDED: messages.STREAM_ENDED,
}


_IMAGE_TOPICS: Final = {
    ImageEncoding.RAW: ("image_raw", "sensor_msgs/msg/Image"),
    ImageEncoding.JPEG: ("image_raw/compressed", "sensor_msgs/msg/CompressedImage"),
    ImageEncoding.H264: ("image_raw/foxglove", "foxglove_msgs/msg/CompressedVideo"),
}


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
    episode: Episode | FrameSource,
    layout: BagLayout,
    *,
    on_frame: Callable[[int], None] | None = None,
) -> BagSummary:
    """Write an episode into a new folder and sync it to the disk. Blocks for as long as the video takes.

    Args:
        folder: The folder. Its parent must exist; the folder must not.
        name: Name of the bag. The MCAP file is `<name>_0.mcap`, as rosbag2 names the first file of a bag.
        episode: The episode: a video with its events, or another source of frames.
        layout: Settings of the bag.
        on_frame: Called with the number of frames written so far. An exception that it raises ends the
            writing.

    Raises:
        EpisodeError: The source is broken, or the disk is full.
    """
    source = _VideoFrames(episode) if isinstance(episode, Episode) else episode
    storage = f"{name}_0.mcap"  # `ros2 bag reindex` takes only files whose names end with a number
    try:
        folder.mkdir()
        with synced_file(folder / storage) as file:
            writer = _BagWriter(McapFile(file, library=_LIBRARY), source, layout)
            writer.write_all(on_frame or (lambda _: None))
            metadata = writer.finish(storage)
        with synced_file(folder / "metadata.yaml") as file:
            file.write(yaml_text({"rosbag2_bagfile_information": metadata}).encode())
    except OSError as error:
        raise disk_error(error, "the bag") from error
    return writer.summary(storage)


@dataclass(frozen=True, slots=True)
class BagFrame:
    """A frame of a bag: its labels, and the message with its image.

    Attributes:
        index: Number of the frame in its stream.
        media_time_ns: Presentation time since the first frame of the stream.
        stamp_ns: Time at which the frame was generated, in nanoseconds since the epoch.
        prompt: The prompt in force, as the service applied it.
        size: Width and height in pixels.
        image: The message in CDR, as buffers that do not change.
    """

    index: int
    media_time_ns: int
    stamp_ns: int
    prompt: str
    size: tuple[int, int]
    image: Sequence[Buffer]


@dataclass(frozen=True, slots=True)
class BagEvent:
    """An event of a bag: its stamp in nanoseconds since the epoch, its kind, and the prompt as applied."""

    stamp_ns: int
    kind: EventKind
    prompt: str


class FrameSource(Protocol):
    """What a bag is written from."""

    @property
    def stream_id(self) -> str:
        """The stream."""

    def bag_events(self) -> Sequence[BagEvent]:
        """Return the events of the stream, in order of their stamps."""

    def bag_frames(self, layout: BagLayout, losses: Counter[Loss]) -> Iterator[BagFrame]:
        """Yield the frames, in order of their stamps. Blocks.

        Args:
            layout: Settings of the bag.
            losses: Where losses are added, up to the end of the iteration.

        Raises:
            EpisodeError: The frames cannot be read, or not converted to the encoding of the bag.
        """


class _VideoFrames:
    """The frames of a video file; see `FrameSource`."""

    def __init__(self, episode: Episode) -> None:
        self._episode = episode
        self.stream_id = episode.stream_id

    def bag_events(self) -> Sequence[BagEvent]:
        start_ns = self._episode.start_time_ns
        return [
            BagEvent(start_ns + event.stream_time_ns, event.kind, event.prompt)
            for event in self._episode.events.events
        ]

    def bag_frames(self, layout: BagLayout, losses: Counter[Loss]) -> Iterator[BagFrame]:
        if layout.images is ImageEncoding.H264:
            for encoded in self._episode.encoded_frames(losses=losses):
                check_stamp(encoded.stamp_ns)
                unit = encoded.picture
                unit_message = messages.h264_frame(Header(encoded.stamp_ns, layout.frame_id), unit.data)
                size = unit.width, unit.height
                yield BagFrame(
                    unit.index, unit.media_time_ns, encoded.stamp_ns, encoded.prompt, size, unit_message
                )
            return
        to_message = PictureMessages(layout)
        for frame in self._episode.frames(losses=losses):
            picture = frame.picture
            check_stamp(frame.stamp_ns)
            size = picture.frame.width, picture.frame.height
            message = to_message(frame.stamp_ns, picture.frame)
            yield BagFrame(picture.index, picture.media_time_ns, frame.stamp_ns, frame.prompt, size, message)


class PictureMessages:
    """Makes raw or JPEG image messages of decoded pictures. For one thread.

    Args:
        layout: Settings of the bag.
    """

    def __init__(self, layout: BagLayout) -> None:
        self._layout = layout
        self._to_rgb, self._to_jpeg = Rgb8Converter(), JpegEncoder(layout.jpeg_quality)

    def __call__(self, stamp_ns: int, picture: VideoFrame) -> Sequence[Buffer]:
        """Return the message of a picture with a stamp."""
        header = Header(stamp_ns, self._layout.frame_id)
        if self._layout.images is ImageEncoding.JPEG:
            return messages.jpeg_image(header, self._to_jpeg.encode(picture))
        pixels, step = self._to_rgb.convert(picture)
        return messages.raw_image(header, picture.width, picture.height, step, pixels)


class _BagWriter:
    def __init__(self, mcap: McapFile, source: FrameSource, layout: BagLayout) -> None:
        self._mcap = mcap
        self._source = source
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
        pending = list(self._source.bag_events())
        for event in pending:
            check_stamp(event.stamp_ns)
        for frame in self._source.bag_frames(self._layout, self._losses):
            stamp_ns = frame.stamp_ns
            while pending and pending[0].stamp_ns <= stamp_ns:
                self._write_event(pending.pop(0))
            header = Header(stamp_ns, self._layout.frame_id)
            info = messages.frame_info(
                header, self._source.stream_id, frame.index, frame.media_time_ns, frame.prompt
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
        metadata = rosbag2_metadata(
            file,
            [BagTopic(topic, name, self._counts[channel]) for topic, name, channel in self._topics],
            start_ns=self._first_ns or 0,
            duration_ns=self._last_ns - (self._first_ns or 0),
            stream_id=self._source.stream_id,
        )
        self._mcap.finish({"rosbag2": {"serialized_metadata": yaml_text(metadata)}})
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

    def _add_topic(self, name: str, type_name: str) -> int:
        message = message_type(type_name)
        topic = f"{self._layout.namespace.rstrip('/')}/{name}"
        schema = self._mcap.add_schema(type_name, "ros2msg", message.definition.encode())
        channel = self._mcap.add_channel(
            topic,
            schema,
            {"offered_qos_profiles": QOS_TEXT, "topic_type_hash": message.type_hash},
        )
        self._topics.append((topic, type_name, channel))
        self._counts[channel] = 0
        return channel

    def _write_event(self, event: BagEvent) -> None:
        message = messages.stream_event(
            Header(event.stamp_ns, self._layout.frame_id),
            _EVENT_KINDS[event.kind],
            self._source.stream_id,
            event.prompt,
        )
        self._write(self._events, event.stamp_ns, [message])

    def _write(self, channel: int, stamp_ns: int, message: Sequence[Buffer]) -> None:
        self._first_ns = stamp_ns if self._first_ns is None else min(self._first_ns, stamp_ns)
        self._last_ns = max(self._last_ns, stamp_ns)
        self._counts[channel] += 1
        self._mcap.write(channel, stamp_ns, message)


def check_stamp(stamp_ns: int) -> None:
    """Check that ROS can express a stamp, in nanoseconds since the epoch.

    Raises:
        EpisodeError: It cannot.
    """
    if not 0 <= stamp_ns <= _MAX_STAMP_NS:
        raise EpisodeError(
            ErrorCode.VIDEO_UNSUPPORTED,
            f"a frame or an event has the stamp {stamp_ns / 1e9:.3f} s, which is before 1970 or after 2038: "
            "ROS cannot express it",
        )
