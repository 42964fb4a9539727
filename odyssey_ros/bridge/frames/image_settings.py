"""Settings of the image topics, and how a node reads them from its parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from odyssey_ros.bridge.frames.camera_calibration import Calibration


@dataclass(frozen=True, slots=True)
class ImageSettings:
    """Settings of the image messages; replaced as a whole when a parameter changes.

    Attributes:
        frame_id: The frame id of every header.
        encoding: The encoding of `~/image_raw`, as in `sensor_msgs/image_encodings.hpp`.
        jpeg_quality: The quality of `~/image_raw/compressed`, 1 to 100.
        calibration: The calibration in `~/camera_info`; None for an uncalibrated camera.
    """

    frame_id: str
    encoding: str
    jpeg_quality: int
    calibration: Calibration | None


class ImageParameters(Protocol):
    """The parameters from which the settings are read."""

    @property
    def frame_id(self) -> str:
        """The frame id of every header."""

    @property
    def encoding(self) -> str:
        """The encoding of `~/image_raw`."""

    @property
    def jpeg_quality(self) -> int:
        """The quality of `~/image_raw/compressed`, 1 to 100."""


def image_settings(parameters: ImageParameters, calibration: Calibration | None) -> ImageSettings:
    """Return the image settings of a node's parameters, with a calibration."""
    return ImageSettings(
        frame_id=parameters.frame_id,
        encoding=parameters.encoding,
        jpeg_quality=parameters.jpeg_quality,
        calibration=calibration,
    )
