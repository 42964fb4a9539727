"""A node that looks like a bridge, and names any address as that of its recordings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from odyssey_ros.msg import Recording, StreamStatus
from odyssey_ros.srv import GetRecording, ListRecordings, StartStream
from rclpy.node import Node

if TYPE_CHECKING:
    from probe import Probe


class HostileRecordings:
    """The node `/liar`.

    Attributes:
        node: The node.
        address: What it names as the address of each file.
    """

    def __init__(self, node: Node) -> None:
        self.address = ""
        self.node = node
        node.create_publisher(StreamStatus, "~/status", 1)
        node.create_service(StartStream, "~/start_stream", lambda _, response: response)
        node.create_service(ListRecordings, "~/list_recordings", lambda _, response: response)
        node.create_service(GetRecording, "~/get_recording", self._get)

    @classmethod
    def of(cls, probe: Probe) -> HostileRecordings:
        """Return the node; it spins beside that of a probe, until the probe is closed."""
        node = Node("liar", context=probe.context)
        made = cls(node)
        probe.do(lambda: probe.executor.add_node(node))
        return made

    def _get(self, _: Any, response: Any) -> Any:
        response.success = True
        response.recording = Recording(
            stream_id="any",
            video_url=self.address,
            events_url=self.address,
            thumbnail_url=self.address,
            preview_url=self.address,
            frame_count=-1,
        )
        return response
