"""Calibration files in the formats of camera_calibration_parsers: YAML, and INI for reading."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from odyssey_ros.bridge.frames.calibration_ini import parse_ini
from odyssey_ros.bridge.frames.camera_calibration import Calibration, CalibrationError, Region
from odyssey_ros.client.regular_file import FileFault, RegularFileError, read_regular_file
from odyssey_ros.dataset.durable import replace_file
from odyssey_ros.number_text import decimal_number

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_FILE_BYTES: Final = 100 * 1024  # a calibration has less than 2,000
_MAX_BRACKETS: Final = 100  # a calibration has about ten; PyYAML takes seconds for thousands in each other
_IDENTITY: Final = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
# OpenCV's FileStorage writes the version with a colon, which is no YAML directive.
_OPENCV_HEADER: Final = re.compile(r"\A%YAML:[^\r\n]*")


class _Matrices(yaml.Dumper):
    """Writes the numbers of a matrix on one line."""

    def represent_numbers(self, numbers: list[Any]) -> yaml.Node:
        """Return a list in the flow style."""
        return self.represent_sequence("tag:yaml.org,2002:seq", numbers, flow_style=True)


class _Texts(yaml.BaseLoader):
    """Reads every scalar as a text, ignores tags, and refuses a key that occurs twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return a mapping. Of a key that occurs twice, ROS reads the first value, and PyYAML the last."""
        lines: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in lines:
                raise CalibrationError(
                    f"{key.value} occurs in line {lines[key.value]} and in line {line}: remove one of the two"
                )
            lines[key.value] = line
        return super().construct_mapping(node, deep)


_Matrices.add_representer(list, _Matrices.represent_numbers)


def read_calibration(path: Path) -> tuple[Calibration, list[str]]:
    """Return the calibration in a file, and what had to be assumed, as sentences for a warning.

    A file that ends in `.ini` has the format of Videre, any other one is YAML. Blocks on the disk.

    Raises:
        CalibrationError: The file cannot be read, or does not contain a valid calibration.
    """
    return parse_file(path, lambda: read_regular_file(path, MAX_FILE_BYTES))


def parse_file(path: Path, read: Callable[[], bytes]) -> tuple[Calibration, list[str]]:
    """Return the calibration in a file as `read_calibration` does, with another function that reads the file.

    Args:
        path: The file.
        read: Returns its contents; raises RegularFileError.

    Raises:
        CalibrationError: The file cannot be read, or does not contain a valid calibration.
    """
    try:
        data = read()
    except RegularFileError as error:
        if error.fault is FileFault.TOO_LARGE:
            raise CalibrationError(f"{path} is not a calibration: {error.reason}") from None
        if error.missing:
            raise CalibrationError(f"there is no file {path}") from None
        raise CalibrationError(f"cannot read {path}: {error.reason}") from None
    try:
        text = data.decode("utf-8-sig")
        return (parse_ini(text), []) if path.suffix == ".ini" else parse_yaml(text)
    except UnicodeDecodeError:
        raise CalibrationError(f"{path} is not a calibration: it is not text") from None
    except CalibrationError as error:
        raise CalibrationError(
            f"{path} is not a calibration: {error}. Fix the file, or write it again with camera_calibration"
        ) from None


def parse_yaml(text: str) -> tuple[Calibration, list[str]]:
    """Return the calibration in a YAML text, and what had to be assumed.

    Like camera_calibration_parsers, this ignores tags such as `!!opencv-matrix`, assumes `plumb_bob` without
    a `distortion_model`, and reads the first document only. It also accepts files without rectification or
    projection, which OpenCV writes: the rectification is then the identity, and the projection is that of the
    camera matrix.

    Raises:
        CalibrationError: The text does not contain a valid calibration.
    """
    document = _document(text)
    assumed = []
    if "distortion_model" not in document:
        assumed.append("it has no distortion_model: plumb_bob is assumed")
    k = _matrix(document, "camera_matrix", 9)
    if "rectification_matrix" not in document:
        assumed.append("it has no rectification_matrix: the identity is assumed")
    if "projection_matrix" not in document:
        assumed.append("it has no projection_matrix: that of the camera_matrix is assumed")
    projection = (*k[0:3], 0.0, *k[3:6], 0.0, *k[6:9], 0.0)
    roi = _mapping(document, "roi")
    calibration = Calibration(
        width=_whole(document, "image_width"),
        height=_whole(document, "image_height"),
        distortion_model=_text(document, "distortion_model", "plumb_bob"),
        d=_coefficients(document),
        k=k,
        r=_matrix(document, "rectification_matrix", 9, _IDENTITY),
        p=_matrix(document, "projection_matrix", 12, projection),
        binning_x=_whole(document, "binning_x", 0),
        binning_y=_whole(document, "binning_y", 0),
        roi=Region(
            x_offset=_whole(roi, "x_offset", 0),
            y_offset=_whole(roi, "y_offset", 0),
            height=_whole(roi, "height", 0),
            width=_whole(roi, "width", 0),
            do_rectify=_text(roi, "do_rectify", "false").lower() in ("true", "yes", "on", "y", "1"),
        ),
    )
    return calibration, assumed


def write_calibration(path: Path, calibration: Calibration, camera_name: str) -> None:
    """Write a calibration as camera_calibration_parsers does, and replace the file atomically.

    The numbers are exact. Missing folders are created, a symbolic link stays, and a file keeps its
    permissions. Blocks on the disk.

    Raises:
        CalibrationError: The file cannot be written.
    """
    require_writable_format(path)
    try:
        target = Path(os.path.realpath(path))  # Path.resolve raises for a loop only before Python 3.13
        if target.is_symlink():
            raise CalibrationError(f"cannot save to {path}: it is a loop of symbolic links")
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_calibration(target, calibration, camera_name)
    except RegularFileError as error:
        raise CalibrationError(f"cannot save to {path}: {error.reason}") from None
    except OSError as error:
        raise CalibrationError(f"cannot save to {path}: {error.strerror}") from None


def require_writable_format(path: Path) -> None:
    """Check that a file has the format that can be written.

    Raises:
        CalibrationError: It has not.
    """
    if path.suffix == ".ini":
        raise CalibrationError(f"cannot save to {path}: let camera_info_url name a .yaml file")


def replace_calibration(target: Path, calibration: Calibration, camera_name: str) -> None:
    """Replace a file atomically by a calibration; the new file has the permissions of the former one.

    Raises:
        RegularFileError: There is something else than a regular file.
        OSError: The file cannot be written.
    """
    mode = target.lstat().st_mode if os.path.lexists(target) else None
    if mode is not None and not stat.S_ISREG(mode):
        raise RegularFileError(FileFault.NOT_REGULAR, "it is not a regular file")
    replace_file(target, format_yaml(calibration, camera_name).encode("ascii"))
    if mode is not None:
        target.chmod(stat.S_IMODE(mode))


def format_yaml(calibration: Calibration, camera_name: str) -> str:
    """Return the text of a calibration file."""
    roi = calibration.roi
    document = {
        "image_width": calibration.width,
        "image_height": calibration.height,
        "camera_name": camera_name,
        "camera_matrix": {"rows": 3, "cols": 3, "data": list(calibration.k)},
        "distortion_model": calibration.distortion_model,
        "distortion_coefficients": {"rows": 1, "cols": len(calibration.d), "data": list(calibration.d)},
        "rectification_matrix": {"rows": 3, "cols": 3, "data": list(calibration.r)},
        "projection_matrix": {"rows": 3, "cols": 4, "data": list(calibration.p)},
        "binning_x": calibration.binning_x,
        "binning_y": calibration.binning_y,
        "roi": {
            "x_offset": roi.x_offset,
            "y_offset": roi.y_offset,
            "height": roi.height,
            "width": roi.width,
            "do_rectify": roi.do_rectify,
        },
    }
    return str(yaml.dump(document, Dumper=_Matrices, sort_keys=False, default_flow_style=False, width=10_000))


def _document(text: str) -> dict[str, Any]:
    if text.count("[") + text.count("{") > _MAX_BRACKETS:
        raise CalibrationError("it is nested too deeply")
    # PyYAML accepts tabs only in quotes and comments; YAML allows them wherever spaces separate two tokens.
    text = _OPENCV_HEADER.sub("", text).expandtabs()
    try:
        # BaseLoader ignores tags and keeps every scalar as a text, so that 1e3 is a number here as for ROS.
        document = next(yaml.load_all(text, Loader=_Texts), None)
    except yaml.MarkedYAMLError as error:
        line = "" if error.problem_mark is None else f" in line {error.problem_mark.line + 1}"
        raise CalibrationError(f"it is not YAML{line}: {error.problem}") from None
    except yaml.YAMLError:
        raise CalibrationError("it is not YAML: it contains a character that is not allowed") from None
    except RecursionError:
        raise CalibrationError("it is nested too deeply") from None
    if not isinstance(document, dict):
        raise CalibrationError("it has no image_width")
    return document


def _mapping(document: dict[str, Any], name: str) -> dict[str, Any]:
    value = document.get(name, {})
    if not isinstance(value, dict):
        raise CalibrationError(f"{name} has no fields")
    return value


def _text(document: dict[str, Any], name: str, default: str) -> str:
    value = document.get(name, default)
    if not isinstance(value, str):
        raise CalibrationError(f"{name} is not a text")
    return value


def _whole(document: dict[str, Any], name: str, default: int | None = None) -> int:
    if name not in document:
        if default is None:
            raise CalibrationError(f"it has no {name}")
        return default
    number = _number(name, document[name])
    if not number.is_integer():
        raise CalibrationError(f"{name} is {document[name]!r:.40}, which is not a whole number")
    return int(number)


def _number(name: str, text: Any) -> float:
    shown = text if isinstance(text, str) else "a list or mapping"
    try:
        return decimal_number(shown)
    except ValueError:
        raise CalibrationError(f"{name} contains {shown!r:.40}, which is not a number") from None


def _numbers(document: dict[str, Any], name: str) -> tuple[float, ...]:
    if name not in document:
        raise CalibrationError(f"it has no {name}")
    value = document[name]
    data = value.get("data") if isinstance(value, dict) else value
    if not isinstance(data, list):
        raise CalibrationError(f"{name} has no data")
    return tuple(_number(name, number) for number in data)


def _matrix(
    document: dict[str, Any], name: str, count: int, default: tuple[float, ...] | None = None
) -> tuple[float, ...]:
    if default is not None and name not in document:
        return default
    numbers = _numbers(document, name)
    if len(numbers) != count:
        raise CalibrationError(f"{name} has {len(numbers)} numbers instead of {count}")
    return numbers


def _coefficients(document: dict[str, Any]) -> tuple[float, ...]:
    """Return the distortion coefficients; `rows` and `cols`, if present, limit their number."""
    numbers = _numbers(document, "distortion_coefficients")
    value = document["distortion_coefficients"]
    if not (isinstance(value, dict) and "rows" in value and "cols" in value):
        return numbers
    count = _whole(value, "rows") * _whole(value, "cols")
    if not 0 <= count <= len(numbers):
        raise CalibrationError(f"distortion_coefficients has {len(numbers)} numbers instead of {count}")
    return numbers[:count]
