"""Bags as `ros2 bag record` makes them of a live bridge, written from a small video."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from mcap.writer import CompressionType
from mcap.writer import Writer as McapWriter
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

from odyssey_ros.dataset import messages
from odyssey_ros.dataset.episodes import Episode
from odyssey_ros.dataset.messages import Header, message_type, typestore
from odyssey_ros.dataset.videos.pixels import JpegEncoder, Rgb8Converter

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

START_NS: Final = 1_790_000_000_000_000_000
FRAME_INFO: Final = "odyssey_ros/msg/FrameInfo"
STREAM_EVENT: Final = "odyssey_ros/msg/StreamEvent"
CAMERA_INFO: Final = "sensor_msgs/msg/CameraInfo"
PICTURES: Final = {
    "raw": ("image_raw", "sensor_msgs/msg/Image"),
    "jpeg": ("image_raw/compressed", "sensor_msgs/msg/CompressedImage"),
    "foxglove": ("image_raw/foxglove", "foxglove_msgs/msg/CompressedVideo"),
    "ffmpeg": ("image_raw/ffmpeg", "ffmpeg_image_transport_msgs/msg/FFMPEGPacket"),
}


@dataclass
class LiveMessage:
    """A message: topic, type, time at which the recorder received it, and CDR data."""

    topic: str
    type_name: str
    time_ns: int
    data: bytes

    @property
    def name(self) -> str:
        """The last part of the topic."""
        return self.topic.rpartition("/")[2]


@dataclass
class LiveStream:
    """A live stream of a video.

    Attributes:
        video: The video; H.264 or VP8.
        stream_id: The stream.
        prompts: The prompts with the numbers of their first frames.
        start_ns: Stamp of the first frame.
        namespace: Namespace of the bridge.
        pictures: The picture topics that are recorded: keys of `PICTURES`.
        encoding: Encoding of raw pictures.
        events: Whether events are recorded.
        first: Number of the first recorded frame.
        codec: Codec of the video.
    """

    video: Path
    stream_id: str = "stream-1"
    prompts: Sequence[tuple[int, str]] = ((0, "a fox"), (6, "it rains"))
    start_ns: int = START_NS
    namespace: str = "/odyssey"
    pictures: Sequence[str] = ("ffmpeg",)
    encoding: str = "rgb8"
    events: bool = True
    first: int = 0
    codec: str = "h264"
    jitter_ns: Sequence[int] = field(default=(0, 300_000, 100_000))

    def stamp_ns(self, index: int, media_ns: int) -> int:
        """Return the stamp of a frame: it follows the media time, with some jitter."""
        return self.start_ns + media_ns + self.jitter_ns[index % len(self.jitter_ns)]

    def messages(self) -> list[LiveMessage]:
        """Return the messages in the order in which a recorder receives them."""
        found: list[LiveMessage] = []
        times: dict[int, int] = {}
        self._pictures(found, times)
        for index, media_ns in times.items():
            stamp_ns = self.stamp_ns(index, media_ns)
            prompt = [text for first, text in self.prompts if first <= index][-1]
            header = Header(stamp_ns, "camera")
            data = messages.frame_info(header, self.stream_id, index, media_ns, prompt)
            self._add(found, "frame_info", FRAME_INFO, stamp_ns, [data])
            self._add(found, "camera_info", CAMERA_INFO, stamp_ns, [messages.camera_info(header, 320, 192)])
        if self.events:
            for first, prompt in self.prompts:
                if first in times or not first:
                    kind = messages.STREAM_ACKNOWLEDGED if first else messages.STREAM_STARTED
                    self._event(found, kind, self.stamp_ns(first, times.get(first, 0)) - 20_000_000, prompt)
            last = max(times)
            self._event(found, messages.STREAM_ENDED, self.stamp_ns(last, times[last]) + 90_000_000, "")
        return sorted(found, key=lambda message: message.time_ns)

    def _pictures(self, found: list[LiveMessage], times: dict[int, int]) -> None:
        episode = Episode(self.stream_id, self.video)
        for packet in episode.packets():
            picture = packet.picture
            if picture.index < self.first:
                continue
            times[picture.index] = picture.media_time_ns
            stamp_ns = self.stamp_ns(picture.index, picture.media_time_ns)
            header = Header(stamp_ns, "camera")
            if "foxglove" in self.pictures:
                self._picture(found, "foxglove", stamp_ns, messages.h264_frame(header, picture.data))
            if "ffmpeg" in self.pictures:
                self._picture(found, "ffmpeg", stamp_ns, [self._packet(header, picture)])
        to_rgb, to_jpeg = Rgb8Converter(), JpegEncoder(90)
        for frame in episode.frames() if {"raw", "jpeg"} & set(self.pictures) else ():
            picture = frame.picture
            if picture.index < self.first:
                continue
            stamp_ns = self.stamp_ns(picture.index, picture.media_time_ns)
            header = Header(stamp_ns, "camera")
            if "jpeg" in self.pictures:
                jpeg = messages.jpeg_image(header, to_jpeg.encode(picture.frame))
                self._picture(found, "jpeg", stamp_ns, jpeg)
            if "raw" in self.pictures:
                del to_rgb  # the pixels of a new converter are never reused
                to_rgb = Rgb8Converter()
                self._picture(found, "raw", stamp_ns, [self._raw(header, picture.frame)])

    def _packet(self, header: Header, picture: Any) -> bytes:
        return _serialized(
            PICTURES["ffmpeg"][1],
            _header(header),
            picture.width,
            picture.height,
            f"{self.codec};yuv420p;rgb8;rgb8",
            picture.index,
            int(picture.is_key_frame),
            False,
            np.frombuffer(picture.data, np.uint8),
        )

    def _raw(self, header: Header, frame: Any) -> bytes:
        pixel_format = {"rgb8": "rgb24", "bgr8": "bgr24", "mono8": "gray"}[self.encoding]
        pixels = np.ascontiguousarray(frame.to_ndarray(format=pixel_format))
        height, step = pixels.shape[0], pixels.strides[0]
        return _serialized(
            PICTURES["raw"][1],
            _header(header),
            height,
            frame.width,
            self.encoding,
            0,
            step,
            pixels.reshape(-1),
        )

    def _picture(self, found: list[LiveMessage], kind: str, stamp_ns: int, data: Sequence[Any]) -> None:
        topic, type_name = PICTURES[kind]
        # Decoded pictures come after the labels, and encoded ones before.
        self._add(found, topic, type_name, stamp_ns + (9_000_000 if kind in ("raw", "jpeg") else -1000), data)

    def _event(self, found: list[LiveMessage], kind: int, stamp_ns: int, prompt: str) -> None:
        data = messages.stream_event(Header(stamp_ns, "camera"), kind, self.stream_id, prompt)
        self._add(found, "events", STREAM_EVENT, stamp_ns, [data])

    def _add(
        self, found: list[LiveMessage], topic: str, type_name: str, stamp_ns: int, data: Sequence[Any]
    ) -> None:
        joined = b"".join(bytes(part) for part in data)
        found.append(LiveMessage(f"{self.namespace}/{topic}", type_name, stamp_ns + 2_000_000, joined))


def write_rosbag(
    folder: Path,
    found: Iterable[LiveMessage],
    storage: str = "mcap",
    compression: str = "none",
    version: int = 8,
) -> Path:
    """Write messages with rosbags; return the folder.

    Args:
        folder: The folder, which must not exist.
        found: The messages.
        storage: `mcap` or `sqlite3`.
        compression: `none`, `file`, `message`, or `storage` (chunks of MCAP).
        version: Version of the metadata.
    """
    writer = Writer(folder, version=version, storage_plugin=StoragePlugin[storage.upper()])  # type: ignore[arg-type]
    writer.set_compression(CompressionMode[compression.upper()], CompressionFormat.ZSTD)
    with writer:
        connections: dict[str, Any] = {}
        for message in found:
            if message.topic not in connections:
                connections[message.topic] = writer.add_connection(
                    message.topic, message.type_name, typestore=typestore()
                )
            writer.write(connections[message.topic], message.time_ns, message.data)
    return folder


def write_mcap(
    path: Path,
    found: Iterable[LiveMessage],
    compression: CompressionType = CompressionType.NONE,
    chunk_size: int = 1 << 16,
    *,
    finish: bool = True,
) -> Path:
    """Write messages into one MCAP file; without `finish`, it ends as that of a killed recorder."""
    with path.open("wb") as file:
        writer = McapWriter(file, chunk_size=chunk_size, compression=compression)
        writer.start("ros2", "test")
        channels: dict[str, int] = {}
        for message in found:
            if message.topic not in channels:
                definition = message_type(message.type_name).definition.encode()
                schema = writer.register_schema(message.type_name, "ros2msg", definition)
                channels[message.topic] = writer.register_channel(message.topic, "cdr", schema)
            writer.add_message(channels[message.topic], message.time_ns, message.data, message.time_ns)
        if finish:
            writer.finish()
    return path


def _header(header: Header) -> Any:
    sec, nanosec = divmod(header.stamp_ns, 10**9)
    time = typestore().types["builtin_interfaces/msg/Time"](sec, nanosec)
    return typestore().types["std_msgs/msg/Header"](time, header.frame_id)


def _serialized(type_name: str, *fields: Any) -> bytes:
    return bytes(typestore().serialize_cdr(typestore().types[type_name](*fields), type_name))
