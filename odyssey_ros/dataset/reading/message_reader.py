"""Parses the messages of a bag into typed values, without ROS.

rosbags parses the bytes. `messages`, which makes the bytes, is used only for the definitions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rosbags.serde import SerdeError
from rosbags.typesys import TypesysError, get_types_from_msg

from odyssey_ros.dataset.messages import NANOSECONDS, typestore

if TYPE_CHECKING:
    from typing_extensions import Buffer

IMAGE_TYPES: Final = {
    "raw": ("image_raw", "sensor_msgs/msg/Image"),
    "jpeg": ("image_raw/compressed", "sensor_msgs/msg/CompressedImage"),
    "h264": ("image_raw/foxglove", "foxglove_msgs/msg/CompressedVideo"),
}
"""Topic, relative to the namespace, and type of the pictures of each encoding."""

CAMERA_INFO: Final = "sensor_msgs/msg/CameraInfo"
FRAME_INFO: Final = "odyssey_ros/msg/FrameInfo"
STREAM_EVENT: Final = "odyssey_ros/msg/StreamEvent"
FFMPEG_PACKET: Final = "ffmpeg_image_transport_msgs/msg/FFMPEGPacket"

_SERDE_ERRORS: Final = (SerdeError, AssertionError, IndexError, ValueError, OverflowError, MemoryError)


class MessageError(Exception):
    """The bytes are no message of the type. The text gives the reason."""


class CalibrationError(MessageError):
    """A `camera_info` has a calibration, which no recording of the service has."""


@dataclass(frozen=True, slots=True)
class StampedMessage:
    """What all messages have.

    Attributes:
        stamp_ns: The stamp in nanoseconds since the epoch.
        frame_id: Frame of reference.
    """

    stamp_ns: int
    frame_id: str


@dataclass(frozen=True, slots=True)
class ImageMessage(StampedMessage):
    """A picture.

    Attributes:
        format: Encoding of the pixels, or format of the compressed data, as the message says.
        data: The pixels or the compressed picture.
        size: Width and height in pixels; None if the message does not contain them.
        step: Length of a row in bytes; 0 for compressed pictures.
        is_bigendian: As the message says; False for compressed pictures.
    """

    format: str
    data: Buffer
    size: tuple[int, int] | None = None
    step: int = 0
    is_bigendian: bool = False


@dataclass(frozen=True, slots=True)
class CameraInfoMessage(StampedMessage):
    """The size of a picture: width and height in pixels."""

    size: tuple[int, int]


@dataclass(frozen=True, slots=True)
class FrameInfoMessage(StampedMessage):
    """The labels of a picture; see `msg/FrameInfo.msg`. `media_time_ns` is in nanoseconds."""

    stream_id: str
    frame_index: int
    media_time_ns: int
    prompt: str


@dataclass(frozen=True, slots=True)
class EventMessage(StampedMessage):
    """An event of the stream; see `msg/StreamEvent.msg`.

    Attributes:
        kind: The number in the field `type`.
        stream_id: The stream.
        prompt: The prompt as applied.
        has_error: Whether a field that only events of a live bridge have is not empty.
    """

    kind: int
    stream_id: str
    prompt: str
    has_error: bool


def definition_differs(type_name: str, encoding: str, text: bytes) -> bool:
    """Return whether a definition in a bag is not the definition with which this module parses messages.

    Comments and constants are not compared. An unknown type differs.
    """
    if encoding != "ros2msg":
        return True
    try:
        found = get_types_from_msg(text.decode("utf-8"), type_name)
    except (TypesysError, ValueError, RecursionError):
        return True
    known = typestore().fielddefs
    return type_name not in found or any(
        name not in known or known[name][1] != fields for name, (_, fields) in found.items()
    )


def type_hash(type_name: str) -> str:
    """Return the RIHS01 hash of a type that this module parses."""
    return typestore().hash_rihs01(type_name)


def image_message(type_name: str, data: Buffer) -> ImageMessage:
    """Parse a message of one of `IMAGE_TYPES`.

    Raises:
        MessageError: It is no such message.
    """
    message = _parsed(type_name, data)
    if type_name == "sensor_msgs/msg/Image":
        return ImageMessage(
            *_header(message.header),
            message.encoding,
            message.data,
            (message.width, message.height),
            message.step,
            bool(message.is_bigendian),
        )
    if type_name == "sensor_msgs/msg/CompressedImage":
        return ImageMessage(*_header(message.header), message.format, message.data)
    return ImageMessage(_stamp_ns(message.timestamp), message.frame_id, message.format, message.data)


def camera_info_message(data: Buffer, *, whole: bool = True) -> CameraInfoMessage:
    """Parse a `sensor_msgs/CameraInfo`.

    Args:
        data: The message.
        whole: Refuse bytes that belong to no field. A middleware may add padding at the end.

    Raises:
        CalibrationError: It has a calibration.
        MessageError: It is no such message, or has another size than the picture.
    """
    message = _parsed(CAMERA_INFO, data, whole=whole)
    roi = message.roi
    numbers = (message.binning_x, message.binning_y, roi.x_offset, roi.y_offset, roi.height, roi.width)
    if message.distortion_model or any(array.any() for array in (message.d, message.k, message.r, message.p)):
        raise CalibrationError("it has a calibration, but a recording is not calibrated")
    if any(numbers) or roi.do_rectify:
        raise MessageError("it has a binning or a region of interest")
    return CameraInfoMessage(*_header(message.header), (message.width, message.height))


@dataclass(frozen=True, slots=True)
class PacketMessage(ImageMessage):
    """A picture of an `FFMPEGPacket`, whose `format` is the codec. `number` rises by one a picture."""

    number: int = 0


def packet_message(data: Buffer) -> PacketMessage:
    """Parse an `ffmpeg_image_transport_msgs/FFMPEGPacket`.

    Raises:
        MessageError: It is no such message.
    """
    message = _parsed(FFMPEG_PACKET, data)
    return PacketMessage(
        *_header(message.header),
        message.encoding.partition(";")[0],
        message.data,
        (message.width, message.height),
        number=message.pts,
    )


def frame_info_message(data: Buffer, *, whole: bool = True) -> FrameInfoMessage:
    """Parse an `odyssey_ros/FrameInfo`.

    Args:
        data: The message.
        whole: Refuse bytes that belong to no field. A middleware may add padding at the end.

    Raises:
        MessageError: It is no such message.
    """
    message = _parsed(FRAME_INFO, data, whole=whole)
    return FrameInfoMessage(
        *_header(message.header),
        message.stream_id,
        message.frame_index,
        _stamp_ns(message.media_time),
        message.prompt,
    )


def event_message(data: Buffer, *, whole: bool = True) -> EventMessage:
    """Parse an `odyssey_ros/StreamEvent`.

    Args:
        data: The message.
        whole: Refuse bytes that belong to no field. A middleware may add padding at the end.

    Raises:
        MessageError: It is no such message.
    """
    message = _parsed(STREAM_EVENT, data, whole=whole)
    has_error = bool(message.error_code or message.message or message.fatal)
    return EventMessage(*_header(message.header), message.type, message.stream_id, message.prompt, has_error)


def _parsed(type_name: str, data: Buffer, *, whole: bool = False) -> Any:
    """Parse a message with rosbags.

    Args:
        type_name: The type.
        data: The bytes.
        whole: Compare the bytes with those that rosbags writes for the message: no other byte is allowed.
    """
    view = memoryview(data)
    try:
        message = typestore().deserialize_cdr(view, type_name)
        same = not whole or memoryview(typestore().serialize_cdr(message, type_name)) == view
    except _SERDE_ERRORS as error:
        raise MessageError("the message is damaged") from error
    if not same:
        raise MessageError("the message has bytes that belong to none of its fields")
    return message


def _header(header: Any) -> tuple[int, str]:
    return _stamp_ns(header.stamp), header.frame_id


def _stamp_ns(time: Any) -> int:
    if not 0 <= time.nanosec < NANOSECONDS:
        raise MessageError(f"a time has {time.nanosec} nanoseconds")
    return int(time.sec) * NANOSECONDS + int(time.nanosec)
