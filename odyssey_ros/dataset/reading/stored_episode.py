"""An episode in a dataset folder: the entry of the manifest, and the frames in the bag."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import yaml

from odyssey_ros.client.regular_file import RegularFileError, read_regular_file
from odyssey_ros.dataset.reading.bag_messages import bag_messages, broken_bag
from odyssey_ros.dataset.reading.message_reader import (
    FRAME_INFO,
    IMAGE_TYPES,
    STREAM_EVENT,
    EventMessage,
    FrameInfoMessage,
    ImageMessage,
    MessageError,
    event_message,
    frame_info_message,
    image_message,
)
from odyssey_ros.dataset.reading.read_ahead import read_ahead
from odyssey_ros.dataset.reading.stored_pictures import decoded_pictures

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from av.video.frame import VideoFrame

    from odyssey_ros.dataset.manifest import ManifestEntry

_MAX_METADATA_BYTES: Final = 1024 * 1024  # of a bag of this package: 3 kB. PyYAML reads 100 kB in a second


@dataclass(frozen=True, slots=True)
class FrameLabels:
    """The labels of a frame.

    Attributes:
        position: Number of the frame in the bag, from 0.
        index: Number of the frame in the stream. The numbers of frames that are missing are left out.
        media_time_ns: Presentation time since the first frame of the stream, in nanoseconds.
        stamp_ns: Time at which the frame was generated, in nanoseconds since the epoch.
        prompt: The prompt in force, as the service applied it.
    """

    position: int
    index: int
    media_time_ns: int
    stamp_ns: int
    prompt: str


@dataclass(frozen=True, slots=True)
class StoredFrame:
    """A frame as the bag has it: the labels, and the picture as it is encoded there."""

    labels: FrameLabels
    image: ImageMessage


@dataclass(frozen=True, slots=True)
class LabelledPicture:
    """A decoded frame: the labels, and the pixels in the decoder's format, upright."""

    labels: FrameLabels
    frame: VideoFrame


@dataclass(frozen=True, slots=True)
class StoredEpisode:
    """An episode in a dataset folder. It can be sent to other processes. All methods block.

    Attributes:
        folder: The dataset's folder.
        entry: The entry of the manifest.
    """

    folder: Path
    entry: ManifestEntry

    @property
    def name(self) -> str:
        """The name of the episode."""
        return self.entry.episode

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """Width and height of the pictures, in pixels; each size once, in the order of the first pictures."""
        found = tuple((size["width"], size["height"]) for size in self.entry.sizes)
        return found or ((self.entry.width, self.entry.height),)

    def labels(self) -> Iterator[FrameLabels]:
        """Yield the labels of all frames, in order.

        Raises:
            EpisodeError: The bag is broken.
        """
        path, topics = self._bag()
        for position, message in enumerate(bag_messages(path, [topics[FRAME_INFO]])):
            yield _labels(position, _parsed_info(path, message.data))

    def frames(self) -> Iterator[StoredFrame]:
        """Yield all frames as the bag has them, in order. Nothing is decoded.

        Raises:
            EpisodeError: The bag is broken.
        """
        path, topics = self._bag()
        image_type = IMAGE_TYPES[self.entry.images][1]
        image_topic, info_topic = topics[image_type], topics[FRAME_INFO]
        info: FrameInfoMessage | None = None
        position = 0
        for message in bag_messages(path, [info_topic, image_topic]):
            if message.topic == info_topic:
                info = _parsed_info(path, message.data)
                continue
            if info is None or info.stamp_ns != message.time_ns:
                raise broken_bag(path, f"picture {position} has no labels")
            try:
                image = image_message(image_type, message.data)
            except MessageError as error:
                raise broken_bag(path, f"picture {position}: {error}") from error
            yield StoredFrame(_labels(position, info), image)
            position, info = position + 1, None

    def pictures(self) -> Iterator[LabelledPicture]:
        """Decode all frames, in order. A picture that cannot be decoded ends the iteration with an error.

        Raises:
            EpisodeError: The bag or a picture is broken.
        """
        waiting: dict[int, FrameLabels] = {}

        def images() -> Iterator[tuple[int, ImageMessage]]:
            for stored in read_ahead(self.frames(), _bytes_of):
                waiting[stored.labels.position] = stored.labels
                yield stored.labels.position, stored.image

        for position, frame in decoded_pictures(self.entry.images, images()):
            yield LabelledPicture(waiting.pop(position), frame)

    def events(self) -> Iterator[EventMessage]:
        """Yield the events of the stream, in order.

        Raises:
            EpisodeError: The bag is broken.
        """
        path, topics = self._bag()
        for message in bag_messages(path, [topics[STREAM_EVENT]]):
            try:
                yield event_message(message.data)
            except MessageError as error:  # noqa: PERF203 -- the error ends the loop
                raise broken_bag(path, f"an event: {error}") from error

    def _bag(self) -> tuple[Path, Mapping[str, str]]:
        """Return the MCAP file, and the name of the topic of each type."""
        files = [file.path for file in self.entry.files if file.path.endswith(".mcap")]
        folder = self.folder / self.entry.bag
        if len(files) != 1:
            raise broken_bag(folder, "the manifest does not name its one MCAP file")
        if self.entry.images not in IMAGE_TYPES:
            raise broken_bag(folder, f"the manifest says {self.entry.images!r} pictures, which are unknown")
        metadata = folder / "metadata.yaml"
        try:
            text = read_regular_file(metadata, _MAX_METADATA_BYTES)
            found = yaml.safe_load(text)["rosbag2_bagfile_information"]["topics_with_message_count"]
            topics = {each["topic_metadata"]["type"]: each["topic_metadata"]["name"] for each in found}
        except RegularFileError as error:
            raise broken_bag(metadata, error.reason) from error
        except (yaml.YAMLError, LookupError, TypeError, ValueError, RecursionError) as error:
            raise broken_bag(metadata, "it is no metadata file of rosbag2") from error
        needed = (IMAGE_TYPES[self.entry.images][1], FRAME_INFO, STREAM_EVENT)
        missing = [name for name in needed if not isinstance(topics.get(name), str)]
        if missing:
            raise broken_bag(metadata, f"it names no topic of the type {missing[0]}")
        return self.folder / files[0], topics


def _parsed_info(path: Path, data: bytes) -> FrameInfoMessage:
    try:
        return frame_info_message(data)
    except MessageError as error:
        raise broken_bag(path, f"the labels of a frame: {error}") from error


def _bytes_of(frame: StoredFrame) -> int:
    return memoryview(frame.image.data).nbytes


def _labels(position: int, info: FrameInfoMessage) -> FrameLabels:
    return FrameLabels(position, info.frame_index, info.media_time_ns, info.stamp_ns, info.prompt)
