"""The frames of a stream as the ways to see it show them: topics and bags."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from odyssey_ros.msg import FrameInfo
from PIL import Image as Picture
from rclpy.qos import HistoryPolicy, QoSProfile
from rosbags.highlevel import AnyReader
from sensor_msgs.msg import Image

from exported_frames import ExportedClip, ExportedFrame, marker_of

if TYPE_CHECKING:
    from pathlib import Path

    from rclpy.node import Node

    from agreement_plans import Plan
    from odyssey_ros.emulator.scene.marker import Marker

EVERYTHING: Final = QoSProfile(history=HistoryPolicy.KEEP_ALL)

Stamp: TypeAlias = "tuple[int, int]"
"""A stamp in seconds and nanoseconds."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A frame as one way shows it.

    Attributes:
        stream_id: The stream in the label.
        index: `frame_index` in the label.
        media_ns: `media_time` in the label.
        prompt: The prompt in the label.
        size: Width and height of the picture.
        marker: What the picture itself shows; None when its marker cannot be read.
    """

    stream_id: str
    index: int
    media_ns: int
    prompt: str
    size: tuple[int, int]
    marker: Marker | None


@dataclass(slots=True)
class Views:
    """The frames of all streams of a plan, in each way; those of recordings and of the player by stream.

    `live_encoded` and `played_encoded` are the pictures of the encoded topic, decoded strictly. `exported`
    and `clips` are the exports of the recordings; a stream that they refused is not there. `imported` are
    bags recorded live and imported. The three are empty unless they were asked for.
    """

    plan: Plan
    live: list[Seen] = field(default_factory=list)
    live_encoded: list[Seen] = field(default_factory=list)
    recorded: dict[str, list[Seen]] = field(default_factory=dict)
    played: dict[str, list[Seen]] = field(default_factory=dict)
    played_encoded: dict[str, list[Seen]] = field(default_factory=dict)
    exported: dict[str, list[ExportedFrame]] = field(default_factory=dict)
    clips: dict[str, list[ExportedClip]] = field(default_factory=dict)
    imported: dict[str, list[Seen]] = field(default_factory=dict)


class Frames:
    """Joins the messages of an image topic and of its labels."""

    def __init__(self, node: Node, name: str) -> None:
        self._pictures: dict[Stamp, tuple[tuple[int, int], Marker | None]] = {}
        self._labels: dict[Stamp, FrameInfo] = {}
        node.create_subscription(Image, f"/{name}/image_raw", self._image, EVERYTHING)
        node.create_subscription(FrameInfo, f"/{name}/frame_info", self._label, EVERYTHING)

    def __len__(self) -> int:
        return len(self._pictures.keys() & self._labels.keys())

    def __repr__(self) -> str:
        return f"{len(self._pictures)} pictures, {len(self._labels)} labels, {len(self)} of the same frame"

    @property
    def complete(self) -> bool:
        """Whether each message has its partner."""
        return self._pictures.keys() == self._labels.keys()

    @property
    def labelled(self) -> bool:
        """Whether each picture has its label. Live, frames that are not decoded have labels too."""
        return self._pictures.keys() <= self._labels.keys()

    def has_label(self, stamp: Stamp) -> bool:
        """Return whether there is a label with a stamp."""
        return stamp in self._labels

    def seen(self, stamp: Stamp, size: tuple[int, int], marker: Marker | None) -> Seen:
        """Return a picture of another topic with the label of its stamp."""
        return seen_of(self._labels[stamp], size, marker)

    def take(self) -> list[Seen]:
        """Remove and return the frames for which both messages have arrived, in the order of their stamps."""
        both = sorted(self._pictures.keys() & self._labels.keys())
        seen = []
        for stamp in both:
            size, marker = self._pictures.pop(stamp)
            seen.append(seen_of(self._labels.pop(stamp), size, marker))
        return seen

    def _image(self, message: Image) -> None:
        pixels = np.frombuffer(message.data, np.uint8).reshape(message.height, message.width)
        stamp = (message.header.stamp.sec, message.header.stamp.nanosec)
        self._pictures[stamp] = ((message.width, message.height), marker_of(pixels))

    def _label(self, message: FrameInfo) -> None:
        self._labels[message.header.stamp.sec, message.header.stamp.nanosec] = message


def seen_of(label: Any, size: tuple[int, int], marker: Marker | None) -> Seen:
    """Return a picture with its label, a message `FrameInfo`."""
    media_ns = label.media_time.sec * 1_000_000_000 + label.media_time.nanosec
    return Seen(label.stream_id, label.frame_index, media_ns, label.prompt, size, marker)


def frames_of_bag(bag: Path) -> list[Seen]:
    pictures: dict[Stamp, tuple[tuple[int, int], Marker | None]] = {}
    labels: dict[Stamp, Any] = {}
    with AnyReader([bag]) as reader:
        for connection, _, data in reader.messages():
            if connection.topic.endswith("/compressed"):
                message: Any = reader.deserialize(data, connection.msgtype)
                picture = np.asarray(Picture.open(io.BytesIO(message.data.tobytes())).convert("L"))
                stamp = (message.header.stamp.sec, message.header.stamp.nanosec)
                pictures[stamp] = ((picture.shape[1], picture.shape[0]), marker_of(picture))
            elif connection.topic.endswith("/frame_info"):
                label: Any = reader.deserialize(data, connection.msgtype)
                labels[label.header.stamp.sec, label.header.stamp.nanosec] = label
    assert pictures.keys() == labels.keys(), f"{bag}: pictures and labels differ"
    return [seen_of(labels[stamp], *pictures[stamp]) for stamp in sorted(labels)]
