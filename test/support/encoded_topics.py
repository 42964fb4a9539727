"""The encoded topics of a node, and a strict decoder for what they carry."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import av
from av.codec.context import Flags
from ffmpeg_image_transport_msgs.msg import FFMPEGPacket
from foxglove_msgs.msg import CompressedVideo

from agreement_frames import EVERYTHING, Stamp, marker_of
from odyssey_ros.dataset.videos.h264_references import ReferenceOrder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from observer import Observer
    from odyssey_ros.emulator.scene.marker import Marker

IDR, SPS, PPS = 5, 7, 8
ENCODED: Final = {"ffmpeg": FFMPEGPacket, "foxglove": CompressedVideo}
"""The types of the encoded topics by the last part of their names."""
LONG_HISTORY: Final = {f"qos_overrides./odyssey/image_raw/{kind}.publisher.depth": "1000" for kind in ENCODED}
"""Parameters of a bridge with which a reliable subscription misses nothing when it is discovered late."""


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """A message of an encoded topic.

    Attributes:
        stamp: The stamp, in seconds and nanoseconds.
        frame_id: The frame of the header.
        codec: `h264` or `vp8`.
        data: The encoded picture.
        is_key_frame: Whether the data itself is a key frame.
        flags: The flags of a packet; None for `CompressedVideo`.
        number: `pts` of a packet; None for `CompressedVideo`.
        size: Width and height of a packet; None for `CompressedVideo`.
    """

    stamp: Stamp
    frame_id: str
    codec: str
    data: bytes
    is_key_frame: bool
    flags: int | None = None
    number: int | None = None
    size: tuple[int, int] | None = None


def access_unit(message: Any) -> AccessUnit:
    """Return the access unit of an `FFMPEGPacket` or a `CompressedVideo`, from the graph or from a bag."""
    data = bytes(message.data)
    if hasattr(message, "pts"):
        codec, pixel_format, target, encoding = message.encoding.split(";")
        assert (pixel_format, target, encoding) == ("yuv420p", "rgb8", "rgb8"), message.encoding
        assert not message.is_bigendian
        stamp = (message.header.stamp.sec, message.header.stamp.nanosec)
        size = (message.width, message.height)
        header = (stamp, message.header.frame_id)
        key_frame = is_key_frame(codec, data)
        return AccessUnit(*header, codec, data, key_frame, message.flags, message.pts, size)
    stamp = (message.timestamp.sec, message.timestamp.nanosec)
    return AccessUnit(stamp, message.frame_id, message.format, data, is_key_frame(message.format, data))


def nal_units(data: bytes) -> list[int]:
    """Return the types of the NAL units of an access unit in Annex B form."""
    assert data.startswith((b"\0\0\1", b"\0\0\0\1")), data[:8]
    return [part[0] & 0x1F for part in data.split(b"\0\0\1")[1:]]


def is_key_frame(codec: str, data: bytes) -> bool:
    """Return whether an access unit can be decoded alone."""
    if codec == "vp8":
        return not data[0] & 1
    kinds = nal_units(data)
    if IDR in kinds:
        assert SPS in kinds[: kinds.index(IDR)], kinds
        assert PPS in kinds[: kinds.index(IDR)], kinds
    return IDR in kinds


class EncodedTopic:
    """Collects the messages of an encoded topic.

    Args:
        observer: The subscriber.
        base: Name of the image topic.
        kind: `ffmpeg` or `foxglove`.

    Attributes:
        units: What has arrived.
    """

    def __init__(self, observer: Observer, base: str, kind: str) -> None:
        self.units: list[AccessUnit] = []
        self._observer = observer
        self._subscription = observer.node.create_subscription(
            ENCODED[kind], f"{base}/{kind}", self._received, EVERYTHING
        )

    def _received(self, message: Any) -> None:
        self.units.append(access_unit(message))

    def close(self) -> None:
        """Unsubscribe."""
        node, subscription = self._observer.node, self._subscription
        self._observer.run(lambda: node.destroy_subscription(subscription))


class StrictDecoder:
    """Decodes the access units of one topic in their order.

    What a decoder would conceal is an error: damaged data, a missing reference picture, an access unit that
    is not exactly one picture.
    """

    def __init__(self, codec: str) -> None:
        self._codec = codec
        self._context: Any = av.CodecContext.create(codec, "r")
        self._context.thread_count = 1
        self._context.options = {"err_detect": "explode"}
        self._context.flags |= Flags.low_delay
        self._references = ReferenceOrder()
        self._count = 0

    def decode(self, unit: AccessUnit) -> NDArray[np.uint8]:
        """Return the luma of the picture.

        Raises:
            AssertionError: The unit is not one picture of this codec, or the decoder reports damage.
            av.error.FFmpegError: The unit cannot be decoded.
            odyssey_ros.dataset.videos.h264_references.MissingPictureError: A picture before it is missing.
        """
        assert unit.codec == self._codec, (unit.codec, self._codec)
        assert self._count or unit.is_key_frame, "the first access unit is no key frame"
        if self._codec == "h264":
            self._references.check(unit.data)
        packet = av.Packet(unit.data)
        packet.pts = packet.dts = self._count
        packet.time_base = Fraction(1, 1)
        (frame,) = self._context.decode(packet)
        assert frame.pts == self._count
        assert not frame.is_corrupt
        self._count += 1
        picture: NDArray[np.uint8] = frame.to_ndarray(format="gray")
        if unit.size is not None:
            assert unit.size == (frame.width, frame.height)
        return picture


def decoded(units: Sequence[AccessUnit]) -> Iterator[tuple[AccessUnit, NDArray[np.uint8], Marker]]:
    """Decode access units strictly; yield each with its picture and its marker."""
    decoder = StrictDecoder(units[0].codec) if units else None
    for unit in units:
        assert decoder is not None
        picture = decoder.decode(unit)
        marker = marker_of(picture)
        assert marker is not None, f"the marker of the picture at {unit.stamp} cannot be read"
        yield unit, picture, marker


def check_gaps(units: Sequence[AccessUnit]) -> int:
    """Check that the unit after each gap in the numbers is a key frame; return the number of gaps."""
    gaps = 0
    for before, after in pairwise(units):
        assert before.number is not None
        assert after.number is not None
        assert after.number > before.number
        if after.number > before.number + 1:
            gaps += 1
            assert after.is_key_frame, f"{before.number} is followed by {after.number}, which is no key frame"
    return gaps
