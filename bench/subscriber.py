"""A subscriber that counts images and measures their latency since their arrival at the bridge.

Prints "ready" when there is a publisher, and its figures as JSON when its standard input ends.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import sys
import threading
import time
from typing import Any

import numpy as np
import rclpy
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.executors import ExternalShutdownException, ShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile

from odyssey_ros.emulator.scene.marker import read_marker

KINDS = {  # by the end of the topic's name: the message type, and the depth of the queue
    "compressed": ("sensor_msgs.msg.CompressedImage", 5),
    "ffmpeg": ("ffmpeg_image_transport_msgs.msg.FFMPEGPacket", 60),
    "foxglove": ("foxglove_msgs.msg.CompressedVideo", 60),
}
PUBLISHER_TIMEOUT_S = 60.0
IMAGE = ("sensor_msgs.msg.Image", 5)


class Subscriber(Node):
    """Counts images and records their latencies."""

    def __init__(
        self, topic: str, pause_s: float, depth: int | None = None, *, markers: bool = False
    ) -> None:
        super().__init__("subscriber")
        self._pause_s = pause_s
        kind, usual_depth = KINDS.get(topic.rpartition("/")[2], IMAGE)
        module, _, name = kind.rpartition(".")
        self.latencies_ms: list[float] = []
        self.times: list[float] = []
        self.stream_ms: list[int | None] = []
        self.markers = markers
        self.sizes: list[int] = []
        self.numbers: list[int] = []
        self.first = self.last = 0.0
        self.lost: list[tuple[float, int]] = []
        self.subscription = self.create_subscription(
            getattr(importlib.import_module(module), name),
            topic,
            self.on_message,
            QoSProfile(depth=depth or usual_depth),
            event_callbacks=SubscriptionEventCallbacks(message_lost=self.on_message_lost),
        )

    def on_message_lost(self, event: Any) -> None:
        """Count the messages that the middleware reports as lost."""
        self.lost.append((time.monotonic(), event.total_count_change))

    def on_message(self, message: Any) -> None:
        """Record the latency and the size of an image, and its number if it has one."""
        now_ns = time.time_ns()
        if hasattr(message, "header"):
            frame_id, stamp = message.header.frame_id, message.header.stamp
        else:
            frame_id, stamp = message.frame_id, message.timestamp
        arrival_ns = int(frame_id) if frame_id.isdigit() else to_ns(stamp)
        self.latencies_ms.append((now_ns - arrival_ns) / 1e6)
        self.sizes.append(len(message.data))
        if hasattr(message, "pts"):
            self.numbers.append(message.pts)
        self.last = time.monotonic()
        self.times.append(self.last)
        if self.markers:
            pixels = np.frombuffer(message.data, np.uint8).reshape(message.height, message.width, -1)
            marker = read_marker(pixels)
            self.stream_ms.append(None if marker is None else marker.stream_time_ms)
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
    parser.add_argument("--markers", action="store_true", help="read the stream time in each raw image")
    parser.add_argument("--depth", type=int, help="depth of the queue (5, encoded video 60)")
    arguments = parser.parse_args()
    rclpy.init(signal_handler_options=rclpy.signals.SignalHandlerOptions.NO)
    node = Subscriber(arguments.topic, arguments.pause, arguments.depth, markers=arguments.markers)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    spinning = threading.Thread(target=spin, args=(executor,), daemon=True)
    spinning.start()
    deadline = time.monotonic() + PUBLISHER_TIMEOUT_S
    while node.count_publishers(arguments.topic) == 0:
        if time.monotonic() > deadline:
            sys.exit(f"nothing publishes {arguments.topic} within {PUBLISHER_TIMEOUT_S:.0f} s")
        time.sleep(0.05)
    print("ready", flush=True)
    sys.stdin.read()
    rclpy.shutdown()  # ends the spinning; the executor must not be shut down within a callback
    spinning.join()
    result = {
        "latencies_ms": node.latencies_ms,
        "times": node.times,  # of arrival, on the monotonic clock, which all processes share
        "seconds": node.last - node.first,
        "stream_ms": node.stream_ms,  # of the frames, if they were read
        "sizes": node.sizes,  # of the data, in bytes
        "numbers": node.numbers,  # of the access units, if the messages have them
        "lost": node.lost,  # times, and how many messages the middleware reported as lost
    }
    print(json.dumps(result), flush=True)


def spin(executor: SingleThreadedExecutor) -> None:
    """Spin until the executor is shut down."""
    with contextlib.suppress(ExternalShutdownException, ShutdownException):
        executor.spin()


if __name__ == "__main__":
    main()
