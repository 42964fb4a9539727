"""An emulator, a bridge and an observer on one domain, for tests of what the bridge publishes live."""

from __future__ import annotations

import zlib
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
from odyssey_ros.msg import FrameInfo, StreamStatus
from odyssey_ros.srv import EndStream, Interact, StartStream
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import CameraInfo, Image

from agreement_frames import EVERYTHING, Stamp
from agreement_processes import Processes
from observer import Observer
from odyssey_ros.emulator.scene.marker import prompt_digest
from waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

    from odyssey_ros.emulator.scene.marker import Marker

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class LiveGraph:
    """Runs the processes. Use as a context manager.

    Args:
        domain: The ROS domain.
        folder: An empty folder for files.
        emulator: Further options of the emulator.
        launcher: Command in front of the executable of the bridge.
        parameters: Parameters of the bridge, whose name is `odyssey`.

    Attributes:
        processes: The processes.
        observer: Subscribes and calls services.
        node: The node of the observer.
        status: The last `~/status` of the bridge.
    """

    def __init__(
        self,
        domain: int,
        folder: Path,
        *emulator: str,
        launcher: Sequence[str] = (),
        **parameters: str,
    ) -> None:
        self._stack = ExitStack()
        self.processes = self._stack.enter_context(Processes(domain, folder))
        self.status = StreamStatus()
        with ExitStack() as stack:
            stack.push(self._stack)
            self.processes.start_emulator(*emulator)
            parameters = {"encoding": "mono8", "resume_stream": "false", **parameters}
            self.processes.start_node("bridge", "odyssey", *launcher, **parameters)
            self.observer = self._stack.enter_context(Observer(domain))
            self.node = self.observer.node
            self.node.create_subscription(StreamStatus, "/odyssey/status", self._status_received, LATCHED)
            stack.pop_all()

    def __enter__(self) -> LiveGraph:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def _status_received(self, status: StreamStatus) -> None:
        self.status = status

    def start_stream(self, prompt: str, **fields: Any) -> str:
        """Start a stream whose label is its prompt; return its id."""
        wait_until(lambda: self.status.connection == StreamStatus.CONNECTED, lambda: str(self.status))
        answer = self.observer.call(
            StartStream, "/odyssey/start_stream", prompt=prompt, bypass_prompt_expansion=1, **fields
        )
        assert answer.success, answer.message
        return str(answer.stream_id)

    def interact(self, prompt: str) -> None:
        """Prompt the running stream."""
        answer = self.observer.call(Interact, "/odyssey/interact", prompt=prompt)
        assert answer.success, answer.message

    def end_stream(self) -> None:
        """End the running stream."""
        answer = self.observer.call(EndStream, "/odyssey/end_stream")
        assert answer.success, answer.message

    def inject(self, fault: str, **fields: object) -> None:
        """Inject a fault of the emulator."""
        url = f"{self.processes.url}/control/faults"
        answer = httpx.post(url, json={"fault": fault, **fields}, timeout=60)
        assert answer.is_success, answer.text

    def clear_faults(self) -> None:
        """Remove all faults."""
        httpx.delete(f"{self.processes.url}/control/faults", timeout=60).raise_for_status()

    def wait_for_publishers(self, *topics: str) -> None:
        """Wait until the observer knows publishers of topics."""
        for topic in topics:
            wait_until(lambda topic=topic: self.node.count_publishers(topic) > 0, f"a publisher of {topic}")


@dataclass(frozen=True, slots=True)
class RawPicture:
    """A decoded picture of the bridge: frame of its header, size, and CRC-32 of its luma."""

    frame_id: str
    size: tuple[int, int]
    crc: int


def luma_crc(luma: Any) -> int:
    """Return the CRC-32 of the luma of a picture."""
    return zlib.crc32(luma)


class RawTopic:
    """Collects the pictures of a `mono8` image topic by their stamps."""

    def __init__(self, observer: Observer, topic: str) -> None:
        self.pictures: dict[Stamp, RawPicture] = {}
        self._observer = observer
        self._subscription = observer.node.create_subscription(Image, topic, self._received, EVERYTHING)

    def _received(self, message: Image) -> None:
        stamp = (message.header.stamp.sec, message.header.stamp.nanosec)
        size = (message.width, message.height)
        self.pictures[stamp] = RawPicture(message.header.frame_id, size, luma_crc(message.data))

    def close(self) -> None:
        """Unsubscribe."""
        node, subscription = self._observer.node, self._subscription
        self._observer.run(lambda: node.destroy_subscription(subscription))


class FrameLabels:
    """Collects the labels and the `camera_info` of a node by their stamps, in order."""

    def __init__(self, observer: Observer, base: str) -> None:
        self.labels: dict[Stamp, FrameInfo] = {}
        self.cameras: dict[Stamp, CameraInfo] = {}
        observer.node.create_subscription(FrameInfo, f"{base}/frame_info", self._label, EVERYTHING)
        observer.node.create_subscription(CameraInfo, f"{base}/camera_info", self._camera, EVERYTHING)

    def _label(self, message: FrameInfo) -> None:
        self.labels[message.header.stamp.sec, message.header.stamp.nanosec] = message

    def _camera(self, message: CameraInfo) -> None:
        self.cameras[message.header.stamp.sec, message.header.stamp.nanosec] = message


def check_label(label: Any, marker: Marker) -> None:
    """Check that a label says what the picture shows, of a stream whose labels are its prompts.

    Args:
        label: A `FrameInfo`, from the graph or from a bag.
        marker: What the picture shows.
    """
    media_ns = label.media_time.sec * 1_000_000_000 + label.media_time.nanosec
    assert prompt_digest(label.prompt) == marker.prompt_id, (label, marker)
    assert media_ns // 1_000_000 == marker.stream_time_ms, (label, marker)
