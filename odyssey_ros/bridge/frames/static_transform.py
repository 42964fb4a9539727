"""The transform on `/tf_static` from a frame of the robot to the frame of the images."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, Protocol

from geometry_msgs.msg import Quaternion, TransformStamped, Vector3
from rclpy.qos import DurabilityPolicy, QoSProfile

from odyssey_ros.number_text import decimal_number

if TYPE_CHECKING:
    from rclpy.publisher import Publisher

    from odyssey_ros.bridge.runtime.managed_node import ManagedNode

# As in tf2_ros: the last message of every publisher reaches listeners that come later.
_QOS: Final = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
# From a body frame (x forward, y left, z up) to an optical frame (z forward, x right, y down), REP-103.
OPTICAL_RPY: Final = "-1.5707963267948966 0.0 -1.5707963267948966"


class TransformError(Exception):
    """The transform cannot be published; the text gives the reason and the remedy."""


class TransformParameters(Protocol):
    """The parameters of the transform."""

    @property
    def frame_id(self) -> str:
        """The frame of the images."""

    @property
    def parent_frame(self) -> str:
        """The parent of that frame; empty for no transform."""

    @property
    def parent_xyz(self) -> str:
        """The origin of the image frame in the parent frame: three numbers in m."""

    @property
    def parent_rpy(self) -> str:
        """The rotation of the image frame in the parent frame: roll, pitch and yaw in rad."""


class StaticTransform:
    """Publishes the transform of a node from its activation to its clean-up. For the executor's thread."""

    def __init__(self, node: ManagedNode) -> None:
        self._node = node
        self._message_type: Any = None
        self._publisher: Publisher | None = None
        self._active = False

    def configure(self, parameters: TransformParameters) -> None:
        """Create the publisher if `parent_frame` is set.

        Raises:
            TransformError: The frames are invalid, or the package of the message is not installed.
        """
        if not parameters.parent_frame:
            return
        transform_of(parameters)
        try:
            from tf2_msgs.msg import TFMessage  # noqa: PLC0415 -- optional
        except ImportError:
            raise TransformError(
                "parent_frame needs the ROS package tf2_msgs: install it, or set parent_frame to ''"
            ) from None
        self._message_type = TFMessage
        self._publisher = self._node.create_publisher(TFMessage, "/tf_static", _QOS)

    def activate(self, parameters: TransformParameters) -> None:
        """Publish the transform."""
        self._active = True
        self.apply(parameters)

    def deactivate(self) -> None:
        """Publish no changes until the next activation; listeners keep the transform."""
        self._active = False

    def apply(self, parameters: TransformParameters) -> None:
        """Publish the transform again, because `frame_id` has changed."""
        if self._publisher is None or not self._active:
            return
        try:
            transform = transform_of(parameters)
        except TransformError as error:
            self._node.get_logger().error(f"Not published on /tf_static: {error}")
            return
        transform.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(self._message_type(transforms=[transform]))

    def release(self) -> None:
        """Destroy the publisher. Idempotent."""
        self._active = False
        if self._publisher is not None:
            self._node.destroy_publisher(self._publisher)
            self._publisher = None


def transform_of(parameters: TransformParameters) -> TransformStamped:
    """Return the transform, without a stamp.

    Raises:
        TransformError: The frames are invalid.
    """
    parent, child = parameters.parent_frame, parameters.frame_id
    for name, frame in (("parent_frame", parent), ("frame_id", child)):
        if not frame or frame.startswith("/"):
            raise TransformError(f"{name} is {frame!r}: set it to a name without a slash at the start")
    if parent == child:
        raise TransformError(f"parent_frame and frame_id are both {child!r}: set them to different frames")
    x, y, z = parse_triple(parameters.parent_xyz)
    transform = TransformStamped(child_frame_id=child)
    transform.header.frame_id = parent
    transform.transform.translation = Vector3(x=x, y=y, z=z)
    transform.transform.rotation = _quaternion(*parse_triple(parameters.parent_rpy))
    return transform


def parse_triple(text: str) -> tuple[float, float, float]:
    """Return the three finite numbers of a text, which are separated by spaces, as in URDF.

    Raises:
        ValueError: The text has another form.
    """
    x, y, z = (decimal_number(word) for word in text.split())
    if not all(map(math.isfinite, (x, y, z))):
        raise ValueError("a number is not finite")
    return x, y, z


def triple_fault(value: Any) -> str | None:
    """Return the reason why a parameter is not a text of three numbers, or None."""
    try:
        parse_triple(str(value))
    except ValueError:
        return "set it to three finite numbers, separated by spaces, such as '0.1 0.0 0.25'"
    return None


def _quaternion(roll: float, pitch: float, yaw: float) -> Quaternion:
    """Return a rotation about the fixed axes x, y and z, in this order (REP-103)."""
    (cr, sr), (cp, sp), (cy, sy) = (
        (math.cos(angle / 2), math.sin(angle / 2)) for angle in (roll, pitch, yaw)
    )
    return Quaternion(
        x=sr * cp * cy - cr * sp * sy,
        y=cr * sp * cy + sr * cp * sy,
        z=cr * cp * sy - sr * sp * cy,
        w=cr * cp * cy + sr * sp * sy,
    )
