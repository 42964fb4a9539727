"""The baseline of the comparison: publishes an Odyssey stream in the most direct way.

It converts and publishes every frame on the event loop, stamps it at publication, and uses default quality of
service and middleware settings. `header.frame_id` holds the arrival time, for the measurement only. Do not
use this node for anything else.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
import time

import rclpy
from rclpy.node import Node
from sensor_msgs.msg import Image

from odyssey_ros.client import Odyssey


class BaselineBridge(Node):
    """Publishes each frame on arrival."""

    def __init__(self) -> None:
        super().__init__("baseline_bridge")
        self.publisher = self.create_publisher(Image, "/odyssey/image_raw", 10)
        self.received = self.published = 0

    def on_frame(self, decoded: object) -> None:
        """Convert, stamp and publish a frame."""
        self.received += 1
        arrival_ns = time.time_ns() - (time.monotonic_ns() - decoded.arrival_ns)  # type: ignore[attr-defined]
        pixels = decoded.frame.to_ndarray(format="rgb24")  # type: ignore[attr-defined]
        message = Image()
        message.header.frame_id = str(arrival_ns)
        message.height, message.width = pixels.shape[:2]
        message.encoding, message.step = "rgb8", message.width * 3
        message.data = pixels.tobytes()
        message.header.stamp = self.get_clock().now().to_msg()
        self.publisher.publish(message)
        self.published += 1


async def stream(node: BaselineBridge, stop: asyncio.Event) -> None:
    """Connect, wait for the subscribers, and stream until `stop` is set."""
    async with Odyssey() as client:
        await client.connect(on_decoded_frame=node.on_frame)
        while (  # noqa: ASYNC110 -- rclpy has no event for it
            node.publisher.get_subscription_count() < int(os.environ.get("SUBSCRIBERS", "1"))
        ):
            await asyncio.sleep(0.1)
        await asyncio.sleep(0.5)
        await client.start_stream("a harbour at dawn, calm water", portrait=False)
        await stop.wait()
        await client.end_stream()
        print(json.dumps({"received": node.received, "published": node.published}), flush=True)


async def main() -> None:
    """Run until SIGINT."""
    rclpy.init(signal_handler_options=rclpy.signals.SignalHandlerOptions.NO)
    node = BaselineBridge()
    threading.Thread(target=rclpy.spin, args=(node,), daemon=True).start()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
    await stream(node, stop)
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
