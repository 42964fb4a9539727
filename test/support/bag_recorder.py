"""A process that records topics into an MCAP file, as `ros2 bag record` does.

It subscribes to serialised messages with the reliability that the publishers offer and a depth of 10, in
the order of its arguments, as soon as a topic has a publisher. The schemas come from the installed
interfaces. The file is complete when the process has ended after SIGTERM.

    python3 bag_recorder.py FILE TOPIC=TYPE...
"""

from __future__ import annotations

import importlib
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import rclpy
from ament_index_python.packages import get_package_share_directory
from mcap.writer import CompressionType, Writer
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

SUBSCRIBED: Final = "recording all topics"
"""The line that the process prints when it has subscribed to all topics."""

_POLL_PERIOD_S: Final = 0.1  # of rosbag2
_DEPTH: Final = 10  # of rosbag2
_SIGNAL_PERIOD_S: Final = 0.1  # a signal does not wake the executor
_CHUNK_BYTES: Final = 1 << 16  # so that the size of the file shows the progress


def message_type(name: str) -> Any:
    """Return the class of a message type such as `std_msgs/msg/String`."""
    package, _, kind = name.split("/")
    return getattr(importlib.import_module(f"{package}.msg"), kind)


def schema(name: str) -> str:
    """Return the definition of a message and of all messages in it, as in MCAP files of rosbag2."""
    definitions = dict(_definitions(name))
    own = definitions.pop(name)
    separator = "\n" + "=" * 80 + "\nMSG: "
    others = [f"{part.replace('/msg/', '/')}\n{text}" for part, text in definitions.items()]
    return separator.join([own, *others])


def _definitions(name: str) -> Iterator[tuple[str, str]]:
    package, _, kind = name.split("/")
    text = (Path(get_package_share_directory(package)) / "msg" / f"{kind}.msg").read_text()
    yield name, text
    for slot in message_type(name).get_fields_and_field_types().values():
        part = slot.removeprefix("sequence<").split("[")[0].split(",")[0].rstrip(">")
        if "/" in part:
            inner_package, inner_kind = part.split("/")
            yield from _definitions(f"{inner_package}/msg/{inner_kind}")


class _Recorder(Node):
    def __init__(self, writer: Writer, topics: dict[str, str]) -> None:
        super().__init__("recorder")
        self._writer = writer
        self._missing = dict(topics)
        self.create_timer(_POLL_PERIOD_S, self._subscribe)

    def _subscribe(self) -> None:
        for topic, name in list(self._missing.items()):
            publishers = self.get_publishers_info_by_topic(topic)
            if not publishers:
                continue
            del self._missing[topic]
            reliable = all(
                publisher.qos_profile.reliability == ReliabilityPolicy.RELIABLE for publisher in publishers
            )
            reliability = ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT
            schema_id = self._writer.register_schema(name, "ros2msg", schema(name).encode())
            channel = self._writer.register_channel(topic, "cdr", schema_id)
            self.create_subscription(
                message_type(name),
                topic,
                lambda data, channel=channel: self._write(channel, data),
                QoSProfile(depth=_DEPTH, reliability=reliability),
                raw=True,
            )
            if not self._missing:
                sys.stdout.write(SUBSCRIBED + "\n")
                sys.stdout.flush()

    def _write(self, channel: int, data: Any) -> None:
        now = time.time_ns()
        self._writer.add_message(channel, log_time=now, data=data, publish_time=now)


def _main() -> None:
    path, *arguments = sys.argv[1:]
    topics = dict(argument.split("=") for argument in arguments)
    # SIGINT and SIGTERM end the spinning between two messages: an exception could cut one off in the file.
    # The handlers of rclpy end its context at any time, which is an error where it prepares to wait.
    signals: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: signals.append(number))
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    with Path(path).open("wb") as file:
        writer = Writer(file, chunk_size=_CHUNK_BYTES, compression=CompressionType.NONE)
        writer.start("ros2", "bag_recorder")
        node = _Recorder(writer, topics)
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        try:
            while not signals:
                executor.spin_once(timeout_sec=_SIGNAL_PERIOD_S)
        finally:
            writer.finish()
            executor.shutdown()
            node.destroy_node()
            rclpy.shutdown()


if __name__ == "__main__":
    _main()
