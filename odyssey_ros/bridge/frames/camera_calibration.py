"""Calibrations in the YAML format of camera_calibration, loaded by URL."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml
from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
from sensor_msgs.msg import CameraInfo


class CalibrationError(Exception):
    """A calibration is invalid; the text gives the reason."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """The contents of a calibration file, named as in sensor_msgs/CameraInfo."""

    width: int
    height: int
    distortion_model: str
    d: tuple[float, ...]
    k: tuple[float, ...]
    r: tuple[float, ...]
    p: tuple[float, ...]


def load_calibration(url: str) -> Calibration | None:
    """Return the calibration at a `file://` or `package://` URL; None for an empty URL.

    Raises:
        CalibrationError: The URL does not name a readable calibration.
    """
    if not url:
        return None
    path = _path(url)
    try:
        if not path.is_file():  # reading a pipe, for example, could block forever
            raise CalibrationError(f"camera_info_url: there is no file {path}")
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CalibrationError(f"camera_info_url: cannot read {path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise CalibrationError(f"camera_info_url: {path} is not YAML") from None
    try:
        return Calibration(
            width=int(document["image_width"]),
            height=int(document["image_height"]),
            distortion_model=str(document["distortion_model"]),
            d=_numbers(document["distortion_coefficients"], None),
            k=_numbers(document["camera_matrix"], 9),
            r=_numbers(document["rectification_matrix"], 9),
            p=_numbers(document["projection_matrix"], 12),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise CalibrationError(
            f"camera_info_url: {path} is not a calibration of camera_calibration "
            f"({type(error).__name__}: {error})"
        ) from None


def check_calibration(changes: dict[str, Any]) -> str | None:
    """Return the reason why a new `camera_info_url` is invalid, or None."""
    try:
        load_calibration(changes.get("camera_info_url", ""))
    except CalibrationError as error:
        return str(error)
    return None


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
    return message


def _path(url: str) -> Path:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise CalibrationError(f"camera_info_url: {url!r} is not a URL: {error}") from None
    path = unquote(parts.path)
    if "\0" in path:
        raise CalibrationError(f"camera_info_url: {url!r} does not name a file")
    if parts.scheme == "file":
        return Path(path)
    if parts.scheme == "package":
        try:
            return Path(get_package_share_directory(parts.netloc)) / path.lstrip("/")
        except (PackageNotFoundError, ValueError):
            raise CalibrationError(f"camera_info_url: there is no package {parts.netloc!r}") from None
    raise CalibrationError(f"camera_info_url: {url!r} must start with file:// or package://")


def _numbers(matrix: Any, count: int | None) -> tuple[float, ...]:
    values = tuple(float(value) for value in matrix["data"])
    if count is not None and len(values) != count:
        raise ValueError(f"a matrix has {len(values)} numbers instead of {count}")
    if not all(math.isfinite(value) for value in values):
        raise ValueError("a matrix contains a number that is not finite")
    return values
