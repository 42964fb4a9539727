"""The settings of the bags of a dataset folder, without the modules that write bags."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class ImageEncoding(str, Enum):
    """The encoding of the pictures in a bag."""

    RAW = "raw"
    """`sensor_msgs/Image`, rgb8, on `image_raw`."""

    JPEG = "jpeg"
    """`sensor_msgs/CompressedImage` on `image_raw/compressed`."""

    H264 = "h264"
    """`foxglove_msgs/CompressedVideo` on `image_raw/foxglove`, as the service encoded it."""

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class BagLayout:
    """The settings of a bag.

    Attributes:
        images: Encoding of the pictures.
        namespace: Namespace of the topics; by default that of the live bridge.
        frame_id: Frame of reference of all headers, an optical frame (REP-103).
        jpeg_quality: 1 to 100.
    """

    images: ImageEncoding = ImageEncoding.JPEG
    namespace: str = "/odyssey"
    frame_id: str = "odyssey_optical_frame"
    jpeg_quality: int = 90
