"""Decodes the pictures of a bag strictly: what a decoder would repair or conceal is an error here."""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import av
import simplejpeg
from av.codec.context import Flags
from av.error import FFmpegError

from odyssey_ros.client.h264_headers import lacks_parameters
from odyssey_ros.client.video_decoder import MAX_PICTURE_PIXELS
from odyssey_ros.dataset.videos.h264_references import MissingPictureError, ReferenceOrder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.packet import Packet

    from odyssey_ros.dataset.reading.message_reader import ImageMessage

_JPEG_START: Final = b"\xff\xd8"
_JPEG_END: Final = b"\xff\xd9"


class PictureError(Exception):
    """A picture is damaged, or is no picture of its kind. The text gives the reason."""


class Decoded(NamedTuple):
    """The outcome for one picture.

    Attributes:
        frame: Number of the picture, as it was given.
        size: Width and height in pixels; None for a picture that could not be decoded.
        fault: The reason, or another fault of the picture; empty for none.
    """

    frame: int
    size: tuple[int, int] | None
    fault: str = ""


class PictureDecoder(Protocol):
    """Decodes the pictures of one bag, in their order. For one thread."""

    def decode(self, frame: int, image: ImageMessage) -> Iterator[Decoded]:
        """Decode a picture; yield the outcomes that are known, which may be those of earlier pictures."""

    def finish(self) -> Iterator[Decoded]:
        """Yield the remaining outcomes."""


def picture_decoder(images: str, lost_references: int = 0) -> PictureDecoder:
    """Return a decoder for the pictures of an encoding: `raw`, `jpeg` or `h264`.

    Args:
        images: The encoding.
        lost_references: How many missing pictures are known, on which later ones are based.
    """
    if images == "h264":
        return _H264Decoder(lost_references)
    return _SinglePictures(_decode_jpeg if images == "jpeg" else _check_raw)


class _Decode(Protocol):
    def __call__(self, image: ImageMessage) -> tuple[int, int]: ...


class _SinglePictures:
    """Pictures that do not depend on each other."""

    def __init__(self, decode: _Decode) -> None:
        self._decode = decode

    def decode(self, frame: int, image: ImageMessage) -> Iterator[Decoded]:
        try:
            yield Decoded(frame, self._decode(image))
        except PictureError as error:
            yield Decoded(frame, None, str(error))

    def finish(self) -> Iterator[Decoded]:
        yield from ()


def _check_raw(image: ImageMessage) -> tuple[int, int]:
    width, height = image.size or (0, 0)
    length = memoryview(image.data).nbytes
    if image.format != "rgb8":
        raise PictureError(f"the encoding is {image.format!r} instead of 'rgb8'")
    if image.is_bigendian:
        raise PictureError("is_bigendian is set")
    if not width or not height:
        raise PictureError(f"the size is {width}x{height}")
    if image.step < 3 * width:
        raise PictureError(f"a row has {image.step} bytes, but {width} pixels need {3 * width}")
    if length != image.step * height:
        raise PictureError(
            f"the picture has {length} bytes, but {height} rows of {image.step} bytes have "
            f"{image.step * height}"
        )
    return width, height


def _decode_jpeg(image: ImageMessage) -> tuple[int, int]:
    if image.format != "jpeg":
        raise PictureError(f"the format is {image.format!r} instead of 'jpeg'")
    data = bytes(image.data)
    if data[:2] != _JPEG_START:
        raise PictureError("the picture does not begin with the marker of JPEG")
    if data[-2:] != _JPEG_END:
        raise PictureError("the JPEG data is cut off: it has no end marker, or other bytes follow it")
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(data)
        if width * height > MAX_PICTURE_PIXELS:
            raise PictureError(f"the picture is {width}x{height}, larger than the limit of 4096x2160 pixels")
        # Strict: what libjpeg only warns of is an error.
        pixels = simplejpeg.decode_jpeg(data, strict=True)
    except ValueError as error:
        raise PictureError(f"the JPEG data is damaged: {error}") from error
    return pixels.shape[1], pixels.shape[0]


class _H264Decoder:
    def __init__(self, lost_references: int) -> None:
        self._context = av.CodecContext.create("h264", "r")
        self._context.thread_count = 1
        # Without `explode` the decoder conceals damage without an error. The pictures are in decoding order.
        self._context.options = {"err_detect": "explode", "max_pixels": str(MAX_PICTURE_PIXELS)}
        self._context.flags |= Flags.low_delay | Flags.unaligned
        self._known_losses = lost_references
        self._order = ReferenceOrder()
        self._pending: deque[int] = deque()
        self._first = True

    def decode(self, frame: int, image: ImageMessage) -> Iterator[Decoded]:
        if image.format != "h264":
            yield Decoded(frame, None, f"the format is {image.format!r} instead of 'h264'")
            return
        data = bytes(image.data)
        fault = self._stream_fault(data)
        if fault:
            yield Decoded(frame, None, fault)
        if not data:
            yield Decoded(frame, None, "the picture is empty")
            return
        packet = av.Packet(data)
        packet.pts = packet.dts = frame
        packet.time_base = Fraction(1, 1)
        self._pending.append(frame)
        yield from self._outcomes(packet)

    def finish(self) -> Iterator[Decoded]:
        yield from self._outcomes(None)
        while self._pending:
            yield Decoded(self._pending.popleft(), None, "the decoder returns no picture")

    def _stream_fault(self, data: bytes) -> str:
        first, self._first = self._first, False
        if lacks_parameters(data, is_first=first):
            return f"the {'first picture' if first else 'key frame'} has no SPS and PPS"
        try:
            self._order.check(data)
        except MissingPictureError as error:
            self._known_losses -= 1
            if self._known_losses >= 0:
                return ""
            return f"a picture before this one is missing, or this one is there twice: {error}"
        return ""

    def _outcomes(self, packet: Packet[Any] | None) -> Iterator[Decoded]:
        try:
            frames = self._context.decode(packet)
        except FFmpegError as error:
            reason = error.strerror or type(error).__name__
            if self._pending:
                yield Decoded(self._pending.pop(), None, f"the H.264 data is damaged: {reason}")
            return
        for decoded in frames:
            number = decoded.pts
            if number is None or number not in self._pending:
                yield Decoded(self._pending[0] if self._pending else 0, None, "the data has a second picture")
                continue
            # Pictures come in their order: the decoder has dropped earlier ones.
            while self._pending[0] != number:
                yield Decoded(self._pending.popleft(), None, "the decoder returns no picture")
            self._pending.popleft()
            corrupt = "the decoder reports that the picture is damaged" if decoded.is_corrupt else ""
            yield Decoded(number, (decoded.width, decoded.height), corrupt)
