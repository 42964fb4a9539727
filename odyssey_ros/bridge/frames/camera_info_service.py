"""The calibration of a node, from `camera_info_url` and from the service `~/set_camera_info`."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

from rclpy.callback_groups import ReentrantCallbackGroup
from sensor_msgs.srv import SetCameraInfo

from odyssey_ros.bridge.conversions import text_field
from odyssey_ros.bridge.frames.calibration_file import read_calibration, write_calibration
from odyssey_ros.bridge.frames.calibration_url import calibration_path
from odyssey_ros.bridge.frames.camera_calibration import CalibrationError, calibration_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from odyssey_ros.bridge.frames.camera_calibration import Calibration
    from odyssey_ros.bridge.runtime.managed_node import ManagedNode


class CameraInfoService:
    """Loads the calibration, and serves `~/set_camera_info`. For the executor's thread.

    The service applies a valid calibration at once and saves it to the file of `camera_info_url`. Like
    camera_info_manager it applies the calibration even if it cannot be saved, and accepts one for any size of
    image; only images of that size are published with it. Without a URL, the calibration lasts as long as the
    process.

    Args:
        node: The node, whose name is the name of the camera.
        url: Returns the value of `camera_info_url`.
        on_change: Called when the service has set `calibration`.

    Attributes:
        calibration: The calibration; None while the camera is uncalibrated.
    """

    def __init__(self, node: ManagedNode, url: Callable[[], str], on_change: Callable[[], None]) -> None:
        self.calibration: Calibration | None = None
        self._node = node
        self._on_change = on_change
        self._url = url
        self._saving = threading.Lock()
        handler: Any = self._set  # a coroutine, for which rclpy has no type
        # The handler waits for a thread, which must not keep other callbacks of the node waiting.
        group = ReentrantCallbackGroup()
        node.create_service(SetCameraInfo, "~/set_camera_info", handler, callback_group=group)

    def url_changed(self) -> None:
        """Replace the calibration by the one at the new URL; an empty URL means uncalibrated."""
        self.calibration = None
        self.load()

    def load(self) -> None:
        """Read the file of the URL; without a URL, keep a calibration that the service has set.

        A file that cannot be used leaves the camera uncalibrated, with a warning.
        """
        url = self._url()
        if not url:
            return
        self.calibration = None
        logger = self._node.get_logger()
        try:
            self.calibration, assumed = read_calibration(calibration_path(url, self._node.get_name()))
        except CalibrationError as error:
            logger.warning(
                f"~/camera_info is uncalibrated: camera_info_url: {error}. Then set camera_info_url "
                f"again, or call {self._node.get_fully_qualified_name()}/set_camera_info"
            )
            return
        if assumed:
            logger.warning(f"camera_info_url: {url!r}: {'; '.join(assumed)}")

    def refusal(self, changes: dict[str, Any]) -> str | None:
        """Return the reason why a new `camera_info_url` is refused, or None. Reads the file."""
        url = changes.get("camera_info_url", "")
        if url:
            try:
                read_calibration(calibration_path(url, self._node.get_name()))
            except CalibrationError as error:
                return f"camera_info_url: {error}"
        return None

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
        save = asyncio.to_thread(self._save, url, calibration)
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
        """Write the file, and return its path."""
        name = self._node.get_name()
        path = calibration_path(url, name)
        with self._saving:  # two calls would write the same temporary file
            write_calibration(path, calibration, name)
        return str(path)
