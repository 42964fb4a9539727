"""Calibrations in the INI format of Videre, which camera_calibration_parsers reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odyssey_ros.bridge.frames.camera_calibration import Calibration, CalibrationError
from odyssey_ros.number_text import decimal_number, whole_number

if TYPE_CHECKING:
    from collections.abc import Iterator


def parse_ini(text: str) -> Calibration:
    """Return the calibration in an INI text. The section `[externals]` is ignored, as by ROS.

    Raises:
        CalibrationError: The text does not contain a valid calibration.
    """
    image: list[str] = []
    camera: list[str] = []
    for section in _sections(text):
        if section[0] == "[image]":
            image = section
        elif section[0] != "[externals]":
            camera = section
    distortion = _rows(camera, "distortion", 1)
    # The format has no name for the model; ROS tells it by the number of coefficients.
    rational = len(distortion) >= 8
    return Calibration(
        width=_whole(image, "width"),
        height=_whole(image, "height"),
        distortion_model="rational_polynomial" if rational else "plumb_bob",
        d=distortion[: 8 if rational else 5],
        k=_rows(camera, "camera matrix", 3),
        r=_rows(camera, "rectification", 3),
        p=_rows(camera, "projection", 3),
    )


def _sections(text: str) -> Iterator[list[str]]:
    """Yield the lines of each section, the first of which is its header, without comments."""
    section: list[str] = []
    for line in (line.strip() for line in text.splitlines()):
        if not line or line[0] in "#;":
            continue
        if line.startswith("[") and section:
            yield section
            section = []
        section.append(line)
    if section:
        yield section


def _after(section: list[str], key: str, count: int) -> list[str]:
    """Return the lines after the one that consists of the key."""
    if key not in section:
        raise CalibrationError(f"it has no {key!r}")
    start = section.index(key) + 1
    return section[start : start + count]


def _whole(section: list[str], key: str) -> int:
    text = " ".join(_after(section, key, 1))
    try:
        return whole_number(text)
    except ValueError:
        raise CalibrationError(f"{key} is {text!r:.40}, which is not a whole number") from None


def _rows(section: list[str], key: str, rows: int) -> tuple[float, ...]:
    text = " ".join(_after(section, key, rows))
    try:
        return tuple(decimal_number(word) for word in text.split())
    except ValueError:
        raise CalibrationError(f"{key!r} contains a text that is not a number: {text!r:.40}") from None
