"""Decodes the pictures of a bag: raw, JPEG or H.264."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final

import av
import numpy as np
import simplejpeg
from av.error import FFmpegError
from av.video.frame import VideoFrame

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.client.video_decoder import MAX_PICTURE_PIXELS, limit_picture_size
from odyssey_ros.dataset.errors import EpisodeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odyssey_ros.dataset.reading.message_reader import ImageMessage

_POSITIONS: Final = Fraction(1, 1000)
"""Time base of packets, whose stamps are positions. Any will do."""


def decoded_pictures(
    images: str, messages: Iterator[tuple[int, ImageMessage]]
) -> Iterator[tuple[int, VideoFrame]]:
    """Decode pictures. Blocks; use one thread for the whole iteration.

    Args:
        images: The encoding: raw, jpeg or h264.
        messages: The pictures with their positions.

    Yields:
        The position and the pixels. A picture of H.264 for which the decoder returns nothing is left out.

    Raises:
        EpisodeError: A picture is broken.
    """
    if images == "h264":
        yield from _decoded_h264(messages)
        return
    decode = _decoded_jpeg if images == "jpeg" else _raw
    for position, image in messages:
        try:
            yield position, decode(image)
        except ValueError as error:  # noqa: PERF203 -- the error ends the loop
            raise _broken(position, str(error)) from error


def _raw(image: ImageMessage) -> VideoFrame:
    width, height = image.size or (0, 0)
    pixels = np.frombuffer(memoryview(image.data), np.uint8)
    if image.format != "rgb8" or not width or not height or image.step < 3 * width:
        raise ValueError(f"{width}x{height} pixels of {image.format!r} with rows of {image.step} bytes")
    if pixels.size != image.step * height:
        raise ValueError(f"{pixels.size} bytes instead of {image.step * height}")
    rows = pixels.reshape(height, image.step)[:, : 3 * width].reshape(height, width, 3)
    return VideoFrame.from_ndarray(np.ascontiguousarray(rows), format="rgb24")


def _decoded_jpeg(image: ImageMessage) -> VideoFrame:
    height, width, _, _ = simplejpeg.decode_jpeg_header(image.data)
    if width * height > MAX_PICTURE_PIXELS:
        raise ValueError(f"{width}x{height} pixels, which is more than the limit")
    return VideoFrame.from_ndarray(simplejpeg.decode_jpeg(image.data, "RGB"), format="rgb24")


def _decoded_h264(messages: Iterator[tuple[int, ImageMessage]]) -> Iterator[tuple[int, VideoFrame]]:
    context = av.CodecContext.create("h264", "r")
    limit_picture_size(context)
    context.thread_count = 1
    position = 0
    try:
        for position, image in messages:
            packet = av.Packet(bytes(image.data))
            packet.pts = packet.dts = position
            packet.time_base = _POSITIONS
            yield from _with_positions(context.decode(packet))
        yield from _with_positions(context.decode(None))
    except FFmpegError as error:
        raise _broken(position, error.strerror or "the decoder failed") from error


def _with_positions(frames: list[VideoFrame]) -> Iterator[tuple[int, VideoFrame]]:
    for frame in frames:
        assert frame.pts is not None  # noqa: S101 -- each packet has one
        yield frame.pts, frame


def _broken(position: int, reason: str) -> EpisodeError:
    return EpisodeError(ErrorCode.VIDEO_BROKEN, f"picture {position} of the bag cannot be decoded: {reason}")
