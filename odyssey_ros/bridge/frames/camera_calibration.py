"""The calibration of a camera, and the camera info for an image."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sensor_msgs.msg import CameraInfo, RegionOfInterest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sized

MAX_SIZE: Final = (1 << 32) - 1
MAX_COEFFICIENTS: Final = 100  # OpenCV knows no model with more than 14
MAX_MODEL_LENGTH: Final = 100


class CalibrationError(Exception):
    """A calibration is invalid; the text gives the reason and the remedy."""


@dataclass(frozen=True, slots=True)
class Region:
    """The region of interest of a calibration; zeros mean the whole image."""

    x_offset: int = 0
    y_offset: int = 0
    height: int = 0
    width: int = 0
    do_rectify: bool = False


@dataclass(frozen=True, slots=True)
class Calibration:
    """A calibration, with the fields of sensor_msgs/CameraInfo.

    Raises:
        CalibrationError: A value is invalid.
    """

    width: int
    height: int
    distortion_model: str
    d: tuple[float, ...]
    k: tuple[float, ...]
    r: tuple[float, ...]
    p: tuple[float, ...]
    binning_x: int = 0
    binning_y: int = 0
    roi: Region = Region()

    def __post_init__(self) -> None:
        """Check the values."""
        if not (0 < self.width <= MAX_SIZE and 0 < self.height <= MAX_SIZE):
            raise CalibrationError(f"the size {self.width}x{self.height} is not the size of an image")
        if len(self.distortion_model) > MAX_MODEL_LENGTH or not self.distortion_model.isprintable():
            raise CalibrationError("distortion_model is not the name of a model")
        _require_few(self.d)
        for name, values, count in (
            ("camera_matrix", self.k, 9),
            ("rectification_matrix", self.r, 9),
            ("projection_matrix", self.p, 12),
            ("distortion_coefficients", self.d, len(self.d)),
        ):
            if len(values) != count:
                raise CalibrationError(f"{name} has {len(values)} numbers instead of {count}")
            if not all(math.isfinite(value) for value in values):
                raise CalibrationError(f"{name} contains a number that is not finite")
        roi = self.roi
        for value in (
            *(self.binning_x, self.binning_y),
            *(roi.x_offset, roi.y_offset, roi.height, roi.width),
        ):
            if not 0 <= value <= MAX_SIZE:
                raise CalibrationError(f"{value} is not valid for the binning or the region of interest")


def calibration_of(message: CameraInfo) -> Calibration:
    """Return the calibration in a message.

    Raises:
        CalibrationError: A value is invalid.
    """
    _require_few(message.d)  # before they are converted
    roi = message.roi
    return Calibration(
        width=message.width,
        height=message.height,
        distortion_model=message.distortion_model,
        d=_floats(message.d),
        k=_floats(message.k),
        r=_floats(message.r),
        p=_floats(message.p),
        binning_x=message.binning_x,
        binning_y=message.binning_y,
        roi=Region(roi.x_offset, roi.y_offset, roi.height, roi.width, roi.do_rectify),
    )


def camera_info(width: int, height: int, calibration: Calibration | None) -> CameraInfo:
    """Return the camera info for an image of this size.

    A calibration for another size does not apply to the image: the message then contains only the size, which
    means uncalibrated (sensor_msgs/CameraInfo).
    """
    message = CameraInfo(width=width, height=height)
    if calibration is not None and (calibration.width, calibration.height) == (width, height):
        message.distortion_model = calibration.distortion_model
        message.d, message.k = list(calibration.d), list(calibration.k)
        message.r, message.p = list(calibration.r), list(calibration.p)
        message.binning_x, message.binning_y = calibration.binning_x, calibration.binning_y
        roi = calibration.roi
        message.roi = RegionOfInterest(
            x_offset=roi.x_offset,
            y_offset=roi.y_offset,
            height=roi.height,
            width=roi.width,
            do_rectify=roi.do_rectify,
        )
    return message


def _require_few(coefficients: Sized) -> None:
    if len(coefficients) > MAX_COEFFICIENTS:
        raise CalibrationError(f"there are {len(coefficients)} distortion coefficients: too many")


def _floats(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
