"""Measures the time from subscribing to the encoded topic to the first picture that can be decoded.

Usage: python bench/joins.py [--joins 100] [--video-file FILE] [--seed 1] [--domain 227]

Every join is a new participant of the graph, as a viewer is, at a random moment. Another subscriber takes the
topic all the time, and the emulator sends key frames on request only, so a join falls into the middle of a
group of pictures. The time until the middleware has matched the subscription is given separately. The figures
are printed and written to bench_output/joins.json. With --video-file, a player that plays this file in a loop
takes the place of the bridge.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import sys
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import rclpy
from audience import NAME, SETTLE_S
from cases import PROMPT, TOP, Run, expect, finish, percentile, use_shipped_profile
from graph import Operator
from rclpy.context import Context
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from tables import Row, table

TOPIC = f"/{NAME}/image_raw/ffmpeg"
RATE_HZ = 30
MAX_PAUSE_S = 1.0
TIMEOUT_S = 30.0


@dataclass
class Join:
    """The times of one join in seconds, since the subscription."""

    matched: float | None = None
    first: float | None = None
    decoded: float | None = None
    undecodable: int = 0


class Viewer(Node):
    """Subscribes, and decodes until there is a picture."""

    def __init__(self, context: Context) -> None:
        from ffmpeg_image_transport_msgs.msg import FFMPEGPacket  # noqa: PLC0415 -- not part of every environment

        super().__init__("viewer", context=context, enable_rosout=False, start_parameter_services=False)
        self.join = Join()
        self._decoder = av.CodecContext.create("h264", "r")
        self._began = time.monotonic()
        self.create_subscription(
            FFMPEGPacket,
            TOPIC,
            self._received,
            QoSProfile(depth=60),
            event_callbacks=SubscriptionEventCallbacks(matched=self._matched),
        )

    def _matched(self, _event: object) -> None:
        self.join.matched = self.join.matched or time.monotonic() - self._began

    def _received(self, message: Any) -> None:
        now = time.monotonic() - self._began
        self.join.first = self.join.first or now
        if self.join.decoded is not None:
            return
        if not message.flags & 1:
            self.join.undecodable += 1
        elif self._decoder.decode(av.Packet(bytes(message.data))):
            self.join.decoded = time.monotonic() - self._began


def join(domain: int) -> Join:
    """Join as a new participant; return when a picture was decoded.

    Raises:
        TimeoutError: There was none within the limit.
    """
    context = Context()
    rclpy.init(context=context, domain_id=domain)
    viewer = Viewer(context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(viewer)
    deadline = time.monotonic() + TIMEOUT_S
    try:
        while viewer.join.decoded is None or viewer.join.matched is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"no picture within {TIMEOUT_S:.0f} s: {viewer.join}")
            executor.spin_once(timeout_sec=0.1)
        return viewer.join
    finally:
        executor.shutdown()
        viewer.destroy_node()
        rclpy.try_shutdown(context=context)


def measure_joins(domain: int, count: int, seed: int, video_file: Path | None) -> list[Row]:
    """Return the rows of a table: the times of all joins, in milliseconds."""
    chance = random.Random(seed)
    joins: list[Join] = []
    use_shipped_profile()
    with Run(domain) as run, ExitStack() as stack:
        if video_file is None:
            url = run.start_emulator(RATE_HZ, "--key-frame-interval", "0", "--stream-seconds", "off")
            run.start_bridge(url, NAME)
        else:
            run.start_player(video_file, NAME)
        watcher = run.start_subscriber(TOPIC)
        expect(watcher, "ready")
        if video_file is None:
            operator = stack.enter_context(closing(Operator(domain, [NAME], PROMPT)))
            operator.start_streams()
        time.sleep(SETTLE_S)
        for _ in range(count):
            time.sleep(chance.uniform(0.0, MAX_PAUSE_S))
            joins.append(join(domain))
        numbers = finish(watcher)["numbers"]
    gaps = sum(max(0, later - earlier - 1) for earlier, later in itertools.pairwise(numbers))  # type: ignore[operator, arg-type]
    if gaps:
        print(f"  the other subscriber lost {gaps} of {len(numbers)} frames")  # type: ignore[arg-type]
    return [
        row("subscribed to matched (discovery)", [one.matched for one in joins]),
        row("subscribed to the first picture", [one.decoded for one in joins]),
        row("the same without discovery", [one.decoded - one.matched for one in joins]),  # type: ignore[operator]
        {
            **row("messages before the first key frame", []),
            "p50": percentile([float(one.undecodable) for one in joins], 0.5),
            "p95": percentile([float(one.undecodable) for one in joins], 0.95),
            "max": float(max(one.undecodable for one in joins)),
        },
    ]


def row(name: str, seconds: list[float | None]) -> Row:
    """Return one row of the table, in milliseconds."""
    values = [1000 * (value or 0.0) for value in seconds]
    return {
        "ms": name,
        "p50": percentile(values, 0.5),
        "p95": percentile(values, 0.95),
        "max": max(values, default=0.0),
    }


def main() -> int:
    """Measure the joins and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--joins", type=int, default=100, help="number of joins (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the moments (%(default)s)")
    parser.add_argument("--domain", type=int, default=227, help="ROS domain (%(default)s)")
    parser.add_argument("--video-file", type=Path, metavar="FILE", help="measure a player of this file")
    arguments = parser.parse_args()
    rows = measure_joins(arguments.domain, arguments.joins, arguments.seed, arguments.video_file)
    print(table(f"{arguments.joins} viewers of the encoded topic, one after the other", rows))
    output = TOP / "bench_output"
    output.mkdir(exist_ok=True)
    (output / "joins.json").write_text(json.dumps(rows, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
