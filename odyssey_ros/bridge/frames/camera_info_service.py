"""The calibration of a node, from `camera_info_url` and from the service `~/set_camera_info`."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, TypeAlias

from rclpy.callback_groups import ReentrantCallbackGroup
from sensor_msgs.srv import SetCameraInfo

from odyssey_ros.bridge.conversions import text_field
from odyssey_ros.bridge.frames.calibration_file import (
    MAX_FILE_BYTES,
    parse_file,
    read_calibration,
    replace_calibration,
    require_writable_format,
    write_calibration,
)
from odyssey_ros.bridge.frames.calibration_url import UnknownPlaceError, calibration_path
from odyssey_ros.bridge.frames.camera_calibration import CalibrationError, calibration_of
from odyssey_ros.bridge.runtime.allowed_folders import AllowedFolders
from odyssey_ros.client import OdysseyArgumentError, OdysseyError
from odyssey_ros.client.regular_file import RegularFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from odyssey_ros.bridge.frames.camera_calibration import Calibration
    from odyssey_ros.bridge.runtime.managed_node import ManagedNode


Loaded: TypeAlias = "tuple[Calibration, list[str]]"
"""A calibration, and what had to be assumed, as sentences for a warning."""


class CameraInfoService:
    """Loads the calibration, and serves `~/set_camera_info`. For the executor's thread.

    Every node on the graph can set `camera_info_url`. At run time it can therefore be only empty, the value
    that it has now, at the start of the node, or a file in one of the allowed folders.

    The service applies a valid calibration at once and saves it to the file of `camera_info_url`. Like
    camera_info_manager it applies the calibration even if it cannot be saved, and accepts one for any size of
    image; only images of that size are published with it. Without a URL, the calibration lasts as long as the
    process.

    Args:
        node: The node, whose name is the name of the camera.
        url: Returns the value of `camera_info_url`.
        on_change: Called when the service has set `calibration`.
        folders: The allowed folders.

    Attributes:
        calibration: The calibration; None while the camera is uncalibrated.
    """

    def __init__(
        self,
        node: ManagedNode,
        url: Callable[[], str],
        on_change: Callable[[], None],
        folders: Sequence[str] = (),
    ) -> None:
        self.calibration: Calibration | None = None
        self._node = node
        self._on_change = on_change
        self._url = url
        self._start_url = url()
        self._folders = AllowedFolders(
            folders, "calibration_folders", "set it to '' or to the value with which the node started"
        )
        self._checked: tuple[str, Loaded] | None = None
        self._saving = threading.Lock()
        handler: Any = self._set  # a coroutine, for which rclpy has no type
        # The handler waits for a thread, which must not keep other callbacks of the node waiting.
        group = ReentrantCallbackGroup()
        node.create_service(SetCameraInfo, "~/set_camera_info", handler, callback_group=group)

    def url_changed(self) -> None:
        """Apply the calibration that `refusal` has read from the new URL; an empty URL means uncalibrated."""
        self.calibration = None
        checked, self._checked = self._checked, None
        if checked is not None and checked[0] == self._url():
            self._apply(*checked)
        else:
            self.load()

    def load(self) -> None:
        """Read the file of the URL; without a URL, keep a calibration that the service has set.

        A file that cannot be used leaves the camera uncalibrated, with a warning.
        """
        url = self._url()
        if not url:
            return
        self.calibration = None
        try:
            self._apply(url, self._node.files.wait_for(lambda: self._read(url)))
        except (CalibrationError, OdysseyError) as error:
            self._node.get_logger().warning(
                f"~/camera_info is uncalibrated: camera_info_url: {error}. Then set camera_info_url "
                f"again, or call {self._node.get_fully_qualified_name()}/set_camera_info"
            )

    def refusal(self, changes: dict[str, Any]) -> str | None:
        """Return the reason why a new `camera_info_url` is refused, or None. Reads the file."""
        url = changes.get("camera_info_url", "")
        self._checked = None
        if url:
            try:
                self._checked = url, self._node.files.wait_for(lambda: self._read(url))
            except OdysseyArgumentError as error:
                return f"camera_info_url: {error.code}: {error}"
            except (CalibrationError, OdysseyError) as error:
                return f"camera_info_url: {error}"
        return None

    def _apply(self, url: str, loaded: Loaded) -> None:
        self.calibration, assumed = loaded
        if assumed:
            self._node.get_logger().warning(f"camera_info_url: {url!r}: {'; '.join(assumed)}")

    def _read(self, url: str) -> Loaded:
        """Read the file of a URL. On any thread."""
        if url == self._start_url:
            return read_calibration(calibration_path(url, self._node.get_name()))
        path = self._allowed_path(url)
        return parse_file(path, lambda: self._folders.read(str(path), MAX_FILE_BYTES))

    def _allowed_path(self, url: str) -> Path:
        """Return the path of a URL that the graph may name.

        Raises:
            CalibrationError: The URL does not name a file.
            OdysseyArgumentError: It names a file outside of the allowed folders.
        """
        try:
            path = calibration_path(url, self._node.get_name())
        except UnknownPlaceError:  # the text would tell what is installed
            raise self._folders.refusal() from None
        if not self._folders.covers(str(path)):
            raise self._folders.refusal()
        return path

    async def _set(
        self, request: SetCameraInfo.Request, response: SetCameraInfo.Response
    ) -> SetCameraInfo.Response:
        """Apply and save a calibration."""
        try:
            calibration = calibration_of(request.camera_info)
        except CalibrationError as error:
            response.status_message = text_field(f"Refused: {error}")
            return response
        self.calibration, url = calibration, self._url()
        self._on_change()
        if not url:
            response.success = True
            response.status_message = (
                "Applied until the process of the node ends. To keep the calibration, set camera_info_url to "
                "the file:// URL of a file when the node starts"
            )
            return response
        save = self._node.files.run(lambda: self._save(url, calibration))
        try:
            path = await self._node.calls.awaitable(self._node.asyncio_thread.submit(save))
        except Exception as error:  # noqa: BLE001 -- an exception of a callback would end the process
            response.status_message = text_field(f"Applied, but not saved: {error}")
            self._node.get_logger().error(f"~/set_camera_info: {response.status_message}")
            return response
        response.success = True
        response.status_message = text_field(f"Saved to {path}")
        self._node.get_logger().info(f"~/set_camera_info: {response.status_message}")
        return response

    def _save(self, url: str, calibration: Calibration) -> str:
        """Write the file, and return its path. On any thread."""
        name = self._node.get_name()
        with self._saving:  # two calls would write the same temporary file
            if url == self._start_url:
                path = calibration_path(url, name)
                write_calibration(path, calibration, name)
                return str(path)
            path = self._allowed_path(url)
            require_writable_format(path)
            try:
                with self._folders.place_for(str(path)) as place:
                    replace_calibration(place, calibration, name)
            except RegularFileError as error:
                raise CalibrationError(f"cannot save to {path}: {error.reason}") from None
            except OSError as error:
                raise CalibrationError(f"cannot save to {path}: {error.strerror}") from None
            return str(path)
