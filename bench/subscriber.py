"""A subscriber that counts images and measures their latency since their arrival at the bridge.

Prints "ready" when there is a publisher, and its figures as JSON when its standard input ends.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import threading
import time

import rclpy
from rclpy.executors import ExternalShutdownException, ShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CompressedImage, Image


class Subscriber(Node):
    """Counts images and records their latencies."""

    def __init__(self, topic: str, pause_s: float) -> None:
        super().__init__("subscriber")
        self._pause_s = pause_s
        kind = CompressedImage if topic.endswith("/compressed") else Image
        self.latencies_ms: list[float] = []
        self.times: list[float] = []
        self.first = self.last = 0.0
        self.subscription = self.create_subscription(kind, topic, self.on_message, QoSProfile(depth=5))

    def on_message(self, message: Image | CompressedImage) -> None:
        """Record the latency of an image."""
        now_ns = time.time_ns()
        header = message.header
        arrival_ns = int(header.frame_id) if header.frame_id.isdigit() else to_ns(header.stamp)
        self.latencies_ms.append((now_ns - arrival_ns) / 1e6)
        self.last = time.monotonic()
        self.times.append(self.last)
        self.first = self.first or self.last
        time.sleep(self._pause_s)


def to_ns(stamp: object) -> int:
    """Return a stamp in nanoseconds."""
    return stamp.sec * 1_000_000_000 + stamp.nanosec  # type: ignore[attr-defined]


def main() -> None:
    """Subscribe until standard input ends, then print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("topic")
    parser.add_argument(
        "--pause", type=float, default=0.0, help="seconds that the callback takes for each image"
    )
    arguments = parser.parse_args()
    rclpy.init(signal_handler_options=rclpy.signals.SignalHandlerOptions.NO)
    node = Subscriber(arguments.topic, arguments.pause)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    spinning = threading.Thread(target=spin, args=(executor,))
    spinning.start()
    while node.count_publishers(arguments.topic) == 0:
        time.sleep(0.05)
    print("ready", flush=True)
    sys.stdin.read()
    result = {
        "latencies_ms": node.latencies_ms,
        "times": node.times,  # of arrival, on the monotonic clock, which all processes share
        "seconds": node.last - node.first,
    }
    print(json.dumps(result), flush=True)
    executor.shutdown()
    spinning.join()
    rclpy.shutdown()


def spin(executor: SingleThreadedExecutor) -> None:
    """Spin until the executor is shut down."""
    with contextlib.suppress(ExternalShutdownException, ShutdownException):
        executor.spin()


if __name__ == "__main__":
    main()
