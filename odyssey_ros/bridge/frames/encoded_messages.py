"""The message types of encoded video, whose packages are optional."""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass
from typing import Any, Final

from rclpy.type_support import check_for_type_support


class MessageTypeError(Exception):
    """A message type cannot be used; the text gives the reason and what to install."""


@dataclass(frozen=True, slots=True)
class OptionalMessageType:
    """A message type whose package may be missing.

    Attributes:
        package: The name of its package.
        name: The name of the message.
    """

    package: str
    name: str

    @property
    def debian_package(self) -> str:
        """The Debian package that brings it, such as `ros-jazzy-foxglove-msgs`."""
        distro = os.environ.get("ROS_DISTRO") or "$ROS_DISTRO"
        return f"ros-{distro}-{self.package.replace('_', '-')}"

    def load(self) -> Any:
        """Return the class of the messages.

        Raises:
            MessageTypeError: The package is not installed, or is of another Python or of an old release.
        """
        try:
            message_type = getattr(importlib.import_module(f"{self.package}.msg"), self.name)
            check_for_type_support(message_type)
        except ModuleNotFoundError as error:
            if error.name != self.package:
                raise MessageTypeError(f"{self.package} cannot be imported: {error}") from None
            raise MessageTypeError(f"install {self.debian_package}") from None
        except Exception as error:  # noqa: BLE001 -- importing a broken package raises many kinds; reported
            reason = str(error) or type(error).__name__
            raise MessageTypeError(f"{self.package} cannot be imported: {reason}") from None
        return message_type


FFMPEG_PACKET: Final = OptionalMessageType("ffmpeg_image_transport_msgs", "FFMPEGPacket")
COMPRESSED_VIDEO: Final = OptionalMessageType("foxglove_msgs", "CompressedVideo")
