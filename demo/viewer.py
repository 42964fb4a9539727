"""The subscriber of the demo: receives raw and encoded images, sends prompts, and reports the results.

It uses the topics and the lifecycle services of the bridge only. It writes the contact sheet and the summary.
"""

from __future__ import annotations

import argparse
import json
import signal
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import rclpy
from encoded_path import EncodedPath
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from odyssey_ros.msg import StreamEvent, StreamStatus
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Image
from std_msgs.msg import String

if TYPE_CHECKING:
    from collections.abc import Callable

    from builtin_interfaces.msg import Time

PROMPTS = (
    "a sunny meadow with flowers",
    "night falls over the city, neon lights",
    "a storm at sea, tall waves",
    "a red desert under two moons",
    "a quiet forest in the fog",
    "deep space, a spiral galaxy",
)
CONNECT_TIMEOUT_S = 90.0
ACKNOWLEDGE_TIMEOUT_S = 10.0
STOP_TIMEOUT_S, INTERRUPTED_STOP_TIMEOUT_S = 30.0, 2.2  # the latter fits the limits of demo/run.py
INTERRUPTED_COMPARE_TIMEOUT_S = 0.3
SAMPLE_DELAY_S = 1.5  # from the acknowledgement of a prompt to the image that shows it
MAX_ROWS = 6


@dataclass(slots=True)
class PromptRow:
    """One prompt, with the images before and after it."""

    prompt: str
    sent: float
    before: Image
    acknowledged: float | None = None
    after: Image | None = None


@dataclass(slots=True)
class Tally:
    """The counts and latencies that the viewer measures."""

    received: int = 0
    first: float | None = None
    last: float | None = None
    latencies_ms: list[float] = field(default_factory=list)
    acknowledged: int = 0


class Viewer(Node):
    """The node of the viewer."""

    def __init__(self, bridge: str) -> None:
        super().__init__("viewer")
        self.tally = Tally()
        self.rows: list[PromptRow] = []
        self.sent = 0
        self.latest: Image | None = None
        self.status: StreamStatus | None = None
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.create_subscription(Image, f"{bridge}/image_raw", self._image_received, QoSProfile(depth=20))
        self.create_subscription(StreamStatus, f"{bridge}/status", self._status_received, latched)
        self.create_subscription(StreamEvent, f"{bridge}/events", self._event_received, QoSProfile(depth=100))
        self.encoded = EncodedPath()
        try:
            from ffmpeg_image_transport_msgs.msg import FFMPEGPacket  # noqa: PLC0415 -- may be missing
        except ModuleNotFoundError:
            self.encoded_offered = False
        else:
            self.encoded_offered = True
            qos = QoSProfile(depth=60)  # a lost frame would cost all frames until the next key frame
            topic = f"{bridge}/image_raw/ffmpeg"
            self.create_subscription(FFMPEGPacket, topic, self.encoded.packet_received, qos)
        self._prompts = self.create_publisher(String, f"{bridge}/prompt", QoSProfile(depth=10))
        self._change_state = self.create_client(ChangeState, f"{bridge}/change_state")

    def send(self, prompt: str) -> None:
        """Send a prompt, and keep the image before it."""
        assert self.latest is not None  # noqa: S101 -- prompts are sent after the first image
        self.rows.append(PromptRow(prompt, time.monotonic(), self.latest))
        self.sent += 1
        self._prompts.publish(String(data=prompt))

    def stop_stream(self, within_s: float) -> None:
        """Deactivate the bridge, and wait until the counters of both sides do not change any more."""
        deadline = time.monotonic() + within_s
        if self._change_state.wait_for_service(timeout_sec=within_s / 3):
            request = ChangeState.Request(transition=Transition(id=Transition.TRANSITION_DEACTIVATE))
            answer = self._change_state.call_async(request)
            rclpy.spin_until_future_complete(self, answer, timeout_sec=within_s / 3)
        settled = time.time() + 0.2
        while time.monotonic() < deadline and (self.status is None or seconds(self.status.stamp) < settled):
            rclpy.spin_once(self, timeout_sec=0.05)

    def _image_received(self, message: Image) -> None:
        now = time.monotonic()
        self.tally.latencies_ms.append((time.time() - seconds(message.header.stamp)) * 1e3)
        self.tally.received += 1
        self.tally.first = self.tally.first or now
        self.tally.last = now
        self.latest = message
        if self.encoded_offered:
            self.encoded.image_received(message)
        for row in self.rows:
            if row.after is None and row.acknowledged is not None and now - row.acknowledged > SAMPLE_DELAY_S:
                row.after = message

    def _status_received(self, message: StreamStatus) -> None:
        self.status = message

    def _event_received(self, message: StreamEvent) -> None:
        if message.type == StreamEvent.ACKNOWLEDGED:
            self.tally.acknowledged += 1
            waiting = (row for row in self.rows if row.acknowledged is None)
            if (row := next(waiting, None)) is not None:
                row.acknowledged = time.monotonic()


def seconds(stamp: Time) -> float:
    """Return a stamp in seconds since the epoch, exact to the microsecond."""
    return float(stamp.sec) + float(stamp.nanosec) * 1e-9


def watch(viewer: Viewer, duration: float, interrupts: list[int], report: Callable[[str], None]) -> str:
    """Receive images for `duration` seconds (0: until interrupted); return the reason of a failure, or ""."""
    started = time.monotonic()
    next_line = started
    tally = viewer.tally
    gap = max(3.0, duration / 4.5) if duration else 8.0
    min_prompts = 3
    while not interrupts:
        rclpy.spin_once(viewer, timeout_sec=0.05)
        now = time.monotonic()
        if now >= next_line:
            report(progress(viewer, now - started))
            next_line += 1.0
        if viewer.status is not None and viewer.status.connection == StreamStatus.FAILED:
            return f"the bridge gave up: {viewer.status.message}"
        if tally.first is None:
            if now - started > CONNECT_TIMEOUT_S:
                return f"no image within {CONNECT_TIMEOUT_S:.0f} s: {state_text(viewer)}"
            continue
        wanted = int((now - tally.first) / gap)
        if viewer.sent < min(wanted, max(min_prompts, int(duration / gap))):  # then the operator prompts
            viewer.send(PROMPTS[viewer.sent % len(PROMPTS)])
        if duration and now - tally.first >= duration and viewer.sent >= min_prompts:
            complete = all(row.after is not None for row in viewer.rows)
            if complete or now - viewer.rows[-1].sent >= ACKNOWLEDGE_TIMEOUT_S:
                return ""
    return ""


def progress(viewer: Viewer, seconds: float) -> str:
    """Return one line of progress."""
    tally = viewer.tally
    if tally.first is None or tally.last is None:
        return f"{seconds:4.0f} s  waiting for images: {state_text(viewer)}"
    rate = (tally.received - 1) / max(tally.last - tally.first, 1e-3)
    prompt = viewer.status.prompt if viewer.status else ""
    prompts = f"prompts {tally.acknowledged}/{viewer.sent}"
    return f"{seconds:4.0f} s  {tally.received:5d} frames  {rate:5.1f}/s  {prompts}  {prompt!r}"


def state_text(viewer: Viewer) -> str:
    """Return the state of the bridge as a text."""
    if viewer.status is None:
        return "no status of the bridge yet"
    message = f" ({viewer.status.message})" if viewer.status.message else ""
    return f"the bridge is {viewer.status.connection_text}{message}"


def summary(viewer: Viewer, service: str) -> dict[str, object]:
    """Return the contents of `summary.json`."""
    tally, status = viewer.tally, viewer.status or StreamStatus()
    span = (tally.last or 0.0) - (tally.first or 0.0)
    ordered = sorted(tally.latencies_ms)
    picture = viewer.latest or Image()
    return {
        "service": service,
        "width": picture.width,
        "height": picture.height,
        "encoding": picture.encoding,
        "frames_published": status.frames_published,
        "frames_received": tally.received,
        "frames_dropped": status.frames_dropped,
        "fps": round((tally.received - 1) / span, 2) if span > 0 else 0.0,
        "latency_ms": {
            "p50": round(statistics.median(ordered), 2) if ordered else None,
            "p95": round(ordered[int(len(ordered) * 0.95)], 2) if ordered else None,
        },
        "kilobytes_per_frame": round(len(picture.data) / 1000, 1),
        "encoded": encoded_summary(viewer) if viewer.encoded_offered else None,
        "prompts_sent": viewer.sent,
        "prompts_acknowledged": tally.acknowledged,
    }


def encoded_summary(viewer: Viewer) -> dict[str, object]:
    """Return the part of the summary about the encoded topic."""
    path, status = viewer.encoded, viewer.status or StreamStatus()
    return {
        "codec": path.codec,
        "frames_published": status.frames_passed_through,
        "frames_received": path.received,
        "kilobytes_per_frame": round(path.size / 1000 / path.received, 1) if path.received else None,
        "frames_decoded": path.decoded,
        "frames_compared": path.compared,
        "frames_equal": path.equal,
    }


def to_picture(message: Image, width: int) -> Picture.Image:
    """Return an image message as a picture of the given width."""
    pixels = np.frombuffer(message.data, np.uint8).reshape(message.height, message.step)
    if message.encoding == "mono8":
        picture = Picture.fromarray(pixels[:, : message.width])
    else:
        picture = Picture.fromarray(pixels[:, : message.width * 3].reshape(message.height, message.width, 3))
        if message.encoding == "bgr8":
            blue, green, red = picture.split()
            picture = Picture.merge("RGB", (red, green, blue))
    return picture.convert("RGB").resize((width, round(width * message.height / message.width)))


def contact_sheet(rows: list[PromptRow]) -> Picture.Image:
    """Return the images before and after each prompt, with labels."""
    width = 560 if rows[0].before.width > rows[0].before.height else 320
    height = round(width * rows[0].before.height / rows[0].before.width)
    margin, label = 16, 34
    sheet = Picture.new(
        "RGB", (2 * width + 3 * margin, len(rows) * (height + label + margin) + margin), "white"
    )
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=18)
    for index, row in enumerate(rows):
        top = margin + index * (height + label + margin)
        texts = (f'before "{row.prompt}"', f"{SAMPLE_DELAY_S} s after its acknowledgement")
        for column, (message, text) in enumerate(zip((row.before, row.after), texts, strict=True)):
            left = margin + column * (width + margin)
            draw.text((left, top + 6), text, fill="black", font=font)
            if message is None:
                draw.rectangle((left, top + label, left + width, top + label + height), outline="black")
                draw.text((left + 10, top + label + 10), "not acknowledged", fill="red", font=font)
            else:
                sheet.paste(to_picture(message, width), (left, top + label))
    return sheet


def table(result: dict[str, object]) -> str:
    """Return the results as a table for the terminal."""
    latency = result["latency_ms"]
    assert isinstance(latency, dict)  # noqa: S101 -- `summary` makes a dict
    lines = {
        "images": f"{result['width']}x{result['height']} {result['encoding']}",
        "frames published / received / dropped": (
            f"{result['frames_published']} / {result['frames_received']} / {result['frames_dropped']}"
        ),
        **encoded_lines(result),
        "frames per second": result["fps"],
        "latency, arrival to callback, p50 / p95": f"{latency['p50']} / {latency['p95']} ms",
        "prompts acknowledged": f"{result['prompts_acknowledged']} of {result['prompts_sent']}",
    }
    return "\n".join(f"  {name:<42}{value}" for name, value in lines.items())


def encoded_lines(result: dict[str, object]) -> dict[str, str]:
    """Return the lines of the table about the encoded topic."""
    encoded = result["encoded"]
    if encoded is None:
        return {"encoded": "not offered: ffmpeg_image_transport_msgs is not installed"}
    assert isinstance(encoded, dict)  # noqa: S101 -- `encoded_summary` makes a dict
    return {
        "encoded published / received / decoded": (
            f"{encoded['frames_published']} / {encoded['frames_received']} / {encoded['frames_decoded']}"
            f" ({encoded['codec']})"
        ),
        "kB per frame, raw / encoded": (
            f"{result['kilobytes_per_frame']} / {encoded['kilobytes_per_frame']}"
        ),
        "decoded pixels equal to raw, same header": (
            f"{encoded['frames_equal']} of {encoded['frames_compared']}"
        ),
    }


def main() -> int:
    """Run the viewer; return 0 when images arrived and all prompts were acknowledged."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bridge", default="/odyssey")
    parser.add_argument("--duration", type=float, default=20.0)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--service", default="emulator")
    arguments = parser.parse_args()

    # An interrupt does not shut down rclpy: the stream is stopped and counted in any case.
    interrupts: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: interrupts.append(number))
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    viewer = Viewer(arguments.bridge)
    problem = watch(viewer, arguments.duration, interrupts, lambda line: print(line, flush=True))
    if viewer.latest is not None:
        viewer.stop_stream(INTERRUPTED_STOP_TIMEOUT_S if interrupts else STOP_TIMEOUT_S)
    viewer.encoded.close(INTERRUPTED_COMPARE_TIMEOUT_S if interrupts else STOP_TIMEOUT_S)
    viewer.destroy_node()
    rclpy.try_shutdown()

    result = summary(viewer, arguments.service)
    written = [arguments.output / "summary.json"]
    written[0].write_text(json.dumps(result, indent=2) + "\n")
    if viewer.rows:
        written.insert(0, arguments.output / "contact_sheet.png")
        contact_sheet(viewer.rows[-MAX_ROWS:]).save(written[0])
    if problem:
        print(f"demo: {problem}", file=sys.stderr)
        return 1
    if viewer.latest is None:
        return 1
    print(table(result), *(f"  {path}" for path in written), sep="\n", flush=True)
    if viewer.encoded.equal < viewer.encoded.compared:
        print("demo: encoded frames differ from the raw frames with the same header", file=sys.stderr)
        return 1
    if (missing := viewer.sent - viewer.tally.acknowledged) > 0:
        print(f"demo: {missing} of {viewer.sent} prompts were not acknowledged", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
