"""URLs of calibration files, as camera_info_manager understands them."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

from odyssey_ros.bridge.frames.camera_calibration import CalibrationError
from odyssey_ros.dataset.paths import HomeFolderError, expand_home, user_path

if TYPE_CHECKING:
    from pathlib import Path


class UnknownPlaceError(CalibrationError):
    """A URL names a package or a user of which this machine has none."""


_VARIABLE: Final = re.compile(r"\$\{(.*?)\}")


def calibration_path(url: str, camera_name: str) -> Path:
    """Return the file that a `file://` or `package://` URL names; the file need not exist.

    `file://~/` is the home folder. As in camera_info_manager, `${NAME}` is the name of the camera, and
    `${ROS_HOME}` is the folder of that variable, else `~/.ros`. Escapes such as `%20` are decoded.

    Args:
        url: The URL.
        camera_name: The name of the camera.

    Raises:
        CalibrationError: The URL does not name a file.
        UnknownPlaceError: Its package is not installed, or its user has no home folder.
    """
    resolved = _VARIABLE.sub(lambda found: _value(found, url, camera_name), url)
    if resolved.lower().startswith("file://~"):
        return _file(unquote(resolved[len("file://") :]), url)
    try:
        parts = urlsplit(resolved)
    except ValueError as error:
        raise CalibrationError(f"{url!r} is not a URL: {error}") from None
    path = unquote(parts.path)
    if parts.scheme == "file":
        if parts.netloc not in ("", "localhost"):
            raise CalibrationError(
                f"{url!r} names the host {parts.netloc!r}: write three slashes before an "
                "absolute path, as in file:///home/robot/camera.yaml"
            )
        return _file(path, url)
    if parts.scheme == "package":
        if not path.strip("/"):
            raise CalibrationError(f"{url!r} does not name a file of the package")
        try:
            share = get_package_share_directory(parts.netloc)
        except (PackageNotFoundError, ValueError):
            raise UnknownPlaceError(f"there is no package {parts.netloc!r}") from None
        return _file(os.path.join(share, path.lstrip("/")), url)  # noqa: PTH118 -- checked as a text
    raise CalibrationError(f"{url!r} must start with file:// or package://")


def _value(found: re.Match[str], url: str, camera_name: str) -> str:
    """Return the value of a variable of the URL."""
    if found[1] == "NAME":
        return camera_name
    if found[1] == "ROS_HOME":
        return os.environ.get("ROS_HOME") or expand_home("~/.ros")
    raise CalibrationError(
        f"{url!r} contains the unknown variable {found[0]}: use ${{NAME}} or ${{ROS_HOME}}"
    )


def _file(path: str, url: str) -> Path:
    if "\0" in path or not path.strip("/"):
        raise CalibrationError(f"{url!r} does not name a file")
    try:
        return user_path(path)
    except HomeFolderError as error:
        raise UnknownPlaceError(f"{url!r}: {error}") from None
