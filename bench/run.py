"""make bench: the bridge as it is shipped, beside the plain way, in the same run.

Figures go to the terminal and to bench_output/figures.json. Compare within a run only: machines are noisy.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time

import rclpy
from cases import (
    PREFIX,
    PROMPT,
    TOP,
    Case,
    Figures,
    Run,
    cpu_seconds,
    expect,
    figures,
    finish,
    measure_plain,
)
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from odyssey_ros.msg import StreamStatus
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import String

PATIENCE_S = 40.0


class Operator:
    """Starts and stops the streams of bridges, through the graph."""

    def __init__(self, domain: int, names: list[str]) -> None:
        self._context = Context()
        rclpy.init(context=self._context, domain_id=domain)
        self.node = Node("operator", context=self._context)
        self.statuses: dict[str, StreamStatus] = {}
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        for name in names:
            self.node.create_subscription(
                StreamStatus,
                f"/{name}/status",
                lambda status, name=name: self.statuses.update({name: status}),
                latched,
            )
        self._prompts = {name: self.node.create_publisher(String, f"/{name}/prompt", 10) for name in names}
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def _spin(self) -> None:
        try:
            self._executor.spin()
        except ExternalShutdownException:
            return

    def wait(self, condition: object, what: str) -> None:
        """Wait until ``condition()`` is true."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():  # type: ignore[operator]
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {PATIENCE_S:.0f} s: {what}")
            time.sleep(0.02)

    def start_streams(self) -> None:
        """Wait for the connections, then prompt."""
        connected = StreamStatus.CONNECTED
        self.wait(
            lambda: (
                len(self.statuses) == len(self._prompts)
                and all(status.connection == connected for status in self.statuses.values())
            ),
            "a connection",
        )
        for publisher in self._prompts.values():
            self.wait(
                lambda publisher=publisher: publisher.get_subscription_count() > 0,
                "the bridge's subscription",
            )
            publisher.publish(String(data=PROMPT))
        self.wait(lambda: all(status.streaming for status in self.statuses.values()), "streams")

    def stop_streams(self) -> None:
        """Deactivate, so that all counts come to rest."""
        for name in self._prompts:
            client = self.node.create_client(ChangeState, f"/{name}/change_state")
            client.wait_for_service(timeout_sec=PATIENCE_S)
            transition = Transition(id=Transition.TRANSITION_DEACTIVATE)
            future = client.call_async(ChangeState.Request(transition=transition))
            self.wait(future.done, "the deactivation")
        time.sleep(1.5)

    def close(self) -> None:
        """Leave the graph."""
        self._executor.shutdown()
        self._thread.join(5)
        self.node.destroy_node()
        rclpy.try_shutdown(context=self._context)


def measure(case: Case, domain: int) -> Figures:
    """Measure the bridge under its shipped settings."""
    if case.plain:
        return measure_plain(case, domain)
    os.environ["FASTRTPS_DEFAULT_PROFILES_FILE"] = str(
        PREFIX / "share" / "odyssey_ros" / "config" / "fastdds.xml"
    )
    os.environ["FASTDDS_DEFAULT_PROFILES_FILE"] = os.environ["FASTRTPS_DEFAULT_PROFILES_FILE"]
    names = [f"odyssey{index}" if case.bridges > 1 else "odyssey" for index in range(case.bridges)]
    topic = "image_raw/compressed" if case.compressed else "image_raw"
    with Run(domain, plain=False) as run:
        url = run.start_emulator(case.fps)
        options = {
            "api_url": url,
            "stamp_source": "arrival",
            "encoding": case.encoding,
            "portrait": str(case.portrait).lower(),
        }
        parameters = [part for name, value in options.items() for part in ("-p", f"{name}:={value}")]
        bridges = [
            run.start(
                *(
                    str(PREFIX / "lib" / "odyssey_ros" / "bridge"),
                    "--ros-args",
                    "-r",
                    f"__node:={name}",
                    *parameters,
                )
            )
            for name in names
        ]
        subscribers = [
            run.start_subscriber(f"/{name}/{topic}") for name in names for _ in range(case.subscribers)
        ]
        operator = Operator(domain, names)
        try:
            for subscriber in subscribers:
                expect(subscriber, "ready")
            time.sleep(1.0)
            operator.start_streams()
            time.sleep(2.0)
            frames = {name: status.frames_received for name, status in operator.statuses.items()}
            before = [cpu_seconds(bridge.pid) for bridge in bridges]
            time.sleep(case.seconds)
            cpu = sum(cpu_seconds(bridge.pid) - was for bridge, was in zip(bridges, before, strict=True))
            counted = sum(status.frames_received - frames[name] for name, status in operator.statuses.items())
            operator.stop_streams()
            statuses = list(operator.statuses.values())
        finally:
            operator.close()
        results = [finish(subscriber) for subscriber in subscribers]
    frames_in = sum(status.frames_received for status in statuses)
    published = sum(status.frames_published for status in statuses)
    return figures(case, results, frames_in, published, cpu * frames_in / max(counted, 1))


def row(figure: Figures) -> str:
    """One line of the table."""
    received = f"{min(figure.received)}" if figure.received else "-"
    return (
        f"  {figure.name:<34}{figure.frames_in:>7}{figure.published:>11}{received:>10}{figure.fps:>8.1f}"
        f"{figure.cpu_per_frame:>11.2f}{figure.p50 or 0:>9.2f}{figure.p95 or 0:>9.2f}"
    )


COLUMNS = "in  published  received     fps  cpu ms/fr   p50 ms   p95 ms"
HEADER = f"  {'':<39}{COLUMNS}"


def compare(seconds: float, domain: int) -> tuple[list[Figures], dict[str, float]]:
    """Measure the plain way and ours, alternating twice so that a noisy minute hits both."""
    plain = Case("the plain way (baseline)", plain=True, seconds=seconds)
    shipped = Case("odyssey_ros as shipped", seconds=seconds)
    found = []
    for turn in range(2):
        for offset, case in enumerate((plain, shipped)):
            found.append(measure(case, domain + 2 * turn + offset))
            print(row(found[-1]), flush=True)
    plains, ours = found[0::2], found[1::2]
    ratios = {
        "p95_latency": round(min(f.p95 or 0 for f in ours) / min(f.p95 or 1e9 for f in plains), 3),
        "cpu_per_frame": round(min(f.cpu_per_frame for f in ours) / min(f.cpu_per_frame for f in plains), 3),
    }
    return found, ratios


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=12.0, help="of each measurement")
    arguments = parser.parse_args()
    domain = 1 + os.getpid() % 90
    print(
        f"Frames of 1280x704 rgb8 at 30 Hz, reliable, {arguments.seconds:.0f} s each, {os.cpu_count()} cores"
    )
    print(HEADER, flush=True)
    found, ratios = compare(arguments.seconds, domain)
    print(
        f"  ratio ours / plain:  p95 latency {ratios['p95_latency']}  cpu per frame {ratios['cpu_per_frame']}"
    )
    output = TOP / "bench_output"
    output.mkdir(exist_ok=True)
    document = {"figures": [figure.as_json() for figure in found], "ratios": ratios}
    (output / "figures.json").write_text(json.dumps(document, indent=2) + "\n")
    print(f"  {output / 'figures.json'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
