"""ROS messages as bytes, and their definitions as text, without ROS.

rosbags provides the definitions and their hashes, and is the reference for the bytes in tests. The few
messages of a bag are serialized here for two reasons: there are three for each frame, and a message with a
picture must be a list of buffers, so that the picture is not copied.
"""

from __future__ import annotations

import functools
import struct
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Final

from rosbags.typesys import Stores, get_types_from_msg, get_typestore

if TYPE_CHECKING:
    from rosbags.typesys.store import Typestore
    from typing_extensions import Buffer

_DEFINITIONS: Final = {
    "odyssey_ros/msg/FrameInfo": "FrameInfo.msg",
    "odyssey_ros/msg/StreamEvent": "StreamEvent.msg",
    "foxglove_msgs/msg/CompressedVideo": "CompressedVideo.msg",
    "ffmpeg_image_transport_msgs/msg/FFMPEGPacket": "FFMPEGPacket.msg",
}

# Little-endian CDR: the encapsulation header of every message (DDS-XTypes 7.6.3.1.2).
_CDR_HEADER: Final = b"\x00\x01\x00\x00"

NANOSECONDS: Final = 1_000_000_000

STREAM_STARTED: Final = 1
STREAM_ENDED: Final = 2
STREAM_ACKNOWLEDGED: Final = 3


@functools.cache
def typestore() -> Typestore:
    """Return all types in the bags, and of live topics; the first call takes a tenth of a second.

    The standard types are the same in all releases since Humble.
    """
    store = get_typestore(Stores.ROS2_HUMBLE)
    folder = resources.files("odyssey_ros.dataset") / "definitions"
    for name, file in _DEFINITIONS.items():
        store.register(get_types_from_msg((folder / file).read_text(encoding="utf-8"), name))
    return store


@dataclass(frozen=True, slots=True)
class MessageType:
    """A message type in a bag.

    Attributes:
        name: Name, as in `sensor_msgs/msg/Image`.
        definition: Text of the definition, followed by the definitions of all types that it uses.
        type_hash: RIHS01 hash (REP-2016), which `ros2 bag` compares.
    """

    name: str
    definition: str
    type_hash: str


@functools.cache
def message_type(name: str) -> MessageType:
    """Return the description of a message type."""
    definition, _ = typestore().generate_msgdef(name, ros_version=2)
    return MessageType(name, definition, typestore().hash_rihs01(name))


@dataclass(frozen=True, slots=True)
class Header:
    """A header: the stamp, in nanoseconds since the epoch of the clock in use, and the frame of reference."""

    stamp_ns: int
    frame_id: str

    def cdr(self) -> bytes:
        """Return the encapsulation header and a `std_msgs/Header`. Foxglove's messages start the same way."""
        sec, nanosec = divmod(self.stamp_ns, NANOSECONDS)
        return _CDR_HEADER + struct.pack("<iI", sec, nanosec) + _string(self.frame_id)


def raw_image(header: Header, width: int, height: int, step: int, pixels: Buffer) -> list[Buffer]:
    """Return a `sensor_msgs/Image`, rgb8: `height` rows of `step` bytes."""
    shape = _aligned(header.cdr()) + struct.pack("<II", height, width) + _string("rgb8")
    not_bigendian = b"\x00"
    size = memoryview(pixels).nbytes
    return [_aligned(shape + not_bigendian) + struct.pack("<II", step, size), pixels]


def jpeg_image(header: Header, jpeg: bytes) -> list[Buffer]:
    """Return a `sensor_msgs/CompressedImage`."""
    start = _aligned(header.cdr()) + _string("jpeg")
    return [_aligned(start) + struct.pack("<I", len(jpeg)), jpeg]


def h264_frame(header: Header, annex_b: bytes) -> list[Buffer]:
    """Return a `foxglove_msgs/CompressedVideo`."""
    start = _aligned(header.cdr()) + struct.pack("<I", len(annex_b))
    padding = bytes(-(len(start) + len(annex_b)) % 4)
    return [start, annex_b, padding + _string("h264")]


def frame_info(header: Header, stream_id: str, frame_index: int, media_time_ns: int, prompt: str) -> bytes:
    """Return an `odyssey_ros/FrameInfo`."""
    sec, nanosec = divmod(media_time_ns, NANOSECONDS)
    start = _aligned(_aligned(header.cdr()) + _string(stream_id), to=8)
    return start + struct.pack("<QiI", frame_index, sec, nanosec) + _string(prompt)


def camera_info(header: Header, width: int, height: int) -> bytes:
    """Return a `sensor_msgs/CameraInfo` that has only the size, which means uncalibrated."""
    start = _aligned(header.cdr()) + struct.pack("<II", height, width)
    distortion_model_and_d = _aligned(start + _string("")) + struct.pack("<I", 0)
    k_r_p = bytes(8 * (9 + 9 + 12))
    binning_and_roi = struct.pack("<II", 0, 0) + struct.pack("<IIII?", 0, 0, 0, 0, False)
    return _aligned(distortion_model_and_d, to=8) + k_r_p + binning_and_roi


def stream_event(header: Header, kind: int, stream_id: str, prompt: str) -> bytes:
    """Return an `odyssey_ros/StreamEvent` of a recorded stream, whose error fields are empty."""
    start = _aligned(header.cdr() + struct.pack("<B", kind))
    for text in (stream_id, prompt, "", ""):
        start = _aligned(start) + _string(text)
    return start + struct.pack("<?", False)


def _string(text: str) -> bytes:
    data = text.encode("utf-8", "replace") + b"\x00"
    return struct.pack("<I", len(data)) + data


def _aligned(cdr: bytes, to: int = 4) -> bytes:
    """Pad so that the next field of `to` bytes is aligned. The encapsulation header does not count."""
    return cdr + bytes(-(len(cdr) - len(_CDR_HEADER)) % to)
