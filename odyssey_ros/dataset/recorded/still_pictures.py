"""Pictures of recorded bags that do not depend on others, as messages of a dataset's bag: raw, JPEG, PNG."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import av
import numpy as np
import simplejpeg
from av.error import FFmpegError
from av.video.frame import VideoFrame

from odyssey_ros.client.video_decoder import MAX_PICTURE_PIXELS, limit_picture_size
from odyssey_ros.dataset import messages
from odyssey_ros.dataset.bag_layout import BagLayout, ImageEncoding
from odyssey_ros.dataset.bags import PictureMessages
from odyssey_ros.dataset.messages import Header
from odyssey_ros.dataset.recorded.recorded_pictures import PictureKind, RecordedPicture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from typing_extensions import Buffer

    from odyssey_ros.dataset.reading.message_reader import ImageMessage

_CHANNELS: Final = {"rgb8": 3, "bgr8": 3, "mono8": 1}
"""The encodings that the bridge publishes, with the bytes of a pixel."""

_JPEG_END: Final = b"\xff\xd9"


class PictureError(ValueError):
    """A picture is damaged, or its encoding is not supported. The text gives the reason."""


class StillPictures:
    """Makes the messages of pictures that do not depend on others. For one thread.

    Args:
        layout: Settings of the bag: raw or JPEG.
    """

    def __init__(self, layout: BagLayout) -> None:
        self._layout = layout
        self._to_message = PictureMessages(layout)

    def message(self, stamp_ns: int, picture: RecordedPicture) -> tuple[tuple[int, int], Sequence[Buffer]]:
        """Return the size of a picture, and its message with a stamp.

        JPEG becomes JPEG, and rgb8 becomes raw, without a change of their data.

        Raises:
            PictureError: The picture cannot be used.
        """
        image, header = picture.image, Header(stamp_ns, self._layout.frame_id)
        if picture.kind is PictureKind.JPEG and self._layout.images is ImageEncoding.JPEG:
            jpeg = bytes(image.data)
            return _jpeg_size(jpeg), messages.jpeg_image(header, jpeg)
        if picture.kind is PictureKind.RAW:
            rows = _rows(image)
            width, height = image.size or (0, 0)
            if self._layout.images is ImageEncoding.RAW and image.format == "rgb8":
                return (width, height), messages.raw_image(header, width, height, image.step, image.data)
            frame = VideoFrame.from_ndarray(_rgb(rows, image.format), format="rgb24")
        else:
            frame = _decoded(picture)
        return (frame.width, frame.height), self._to_message(stamp_ns, frame)


def _jpeg_size(jpeg: bytes) -> tuple[int, int]:
    if not jpeg.endswith(_JPEG_END):
        raise PictureError("the JPEG data is cut off")
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(jpeg)
    except ValueError as error:
        raise PictureError("the JPEG data is damaged") from error
    if not 0 < width * height <= MAX_PICTURE_PIXELS:
        raise PictureError(f"the picture is {width}x{height}")
    return width, height


def _rows(image: ImageMessage) -> NDArray[np.uint8]:
    """Return the pixels of a raw picture, without padding: height x width x channels."""
    width, height = image.size or (0, 0)
    channels = _CHANNELS.get(image.format)
    pixels = np.frombuffer(memoryview(image.data), np.uint8)
    if channels is None:
        raise PictureError(f"the encoding {image.format!r} is not one that the bridge publishes")
    if not 0 < width * height <= MAX_PICTURE_PIXELS or image.step < channels * width:
        raise PictureError(f"the picture is {width}x{height} with rows of {image.step} bytes")
    if pixels.size != image.step * height:
        raise PictureError(f"the picture has {pixels.size} bytes instead of {image.step * height}")
    rows = pixels.reshape(height, image.step)[:, : channels * width]
    return rows.reshape(height, width, channels)


def _rgb(rows: NDArray[np.uint8], encoding: str) -> NDArray[np.uint8]:
    if encoding == "mono8":
        return np.repeat(rows, 3, axis=2)
    return np.ascontiguousarray(rows[..., ::-1] if encoding == "bgr8" else rows)


def _decoded(picture: RecordedPicture) -> VideoFrame:
    data = bytes(picture.image.data)
    if picture.kind is PictureKind.JPEG:
        _jpeg_size(data)
        try:
            return VideoFrame.from_ndarray(simplejpeg.decode_jpeg(data, "RGB"), format="rgb24")
        except ValueError as error:
            raise PictureError("the JPEG data is damaged") from error
    context = av.CodecContext.create("png", "r")
    limit_picture_size(context)
    try:
        frames = [*context.decode(av.Packet(data)), *context.decode(None)]
    except FFmpegError as error:
        raise PictureError("the PNG data is damaged") from error
    if len(frames) != 1:
        raise PictureError("the PNG data has no picture")
    return frames[0]
