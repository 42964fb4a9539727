"""The topic `/diagnostics`: assessments as messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from odyssey_ros.bridge.conversions import text_field
from odyssey_ros.bridge.live.diagnostics import Level

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rclpy.node import Node

    from odyssey_ros.bridge.live.diagnostics import Assessment

LEVELS = {
    Level.OK: DiagnosticStatus.OK,
    Level.WARN: DiagnosticStatus.WARN,
    Level.ERROR: DiagnosticStatus.ERROR,
}


class DiagnosticsTopic:
    """Publishes statuses on `/diagnostics`, named after the node. For the executor's thread."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._name = node.get_fully_qualified_name().lstrip("/")
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)

    def publish(self, hardware_id: str, parts: Mapping[str, Assessment]) -> None:
        """Publish one status for each part of the node."""
        array = DiagnosticArray(
            status=[
                diagnostic_status(f"{self._name}: {part}", hardware_id, assessment)
                for part, assessment in parts.items()
            ]
        )
        array.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(array)


def diagnostic_status(name: str, hardware_id: str, assessment: Assessment) -> DiagnosticStatus:
    """Return an assessment as a message; floating-point numbers have four significant digits."""
    return DiagnosticStatus(
        level=LEVELS[assessment.level],
        name=name,
        message=text_field(assessment.message),
        hardware_id=text_field(hardware_id),
        values=[
            KeyValue(key=key, value=f"{value:.4g}" if isinstance(value, float) else text_field(str(value)))
            for key, value in assessment.values.items()
        ],
    )
