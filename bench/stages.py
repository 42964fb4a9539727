"""Measures the CPU time of each stage of a frame, and of the unavoidable work alone."""

from __future__ import annotations

import array
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import av
import rclpy
from audience import NAME, SETTLE_S
from cases import PROMPT, TOP, Run, expect, finish
from graph import Operator
from rclpy.context import Context
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image

from odyssey_ros.bridge.frames.frame_conversion import FrameConverter

if TYPE_CHECKING:
    import subprocess

    from tables import Row

RATE_HZ = 30
MIN_FRAMES = 60


def measure_stages(domain: int, seconds: float) -> tuple[list[Row], float]:
    """Measure the stages of a bridge with one subscriber, and the same work done alone in this process.

    Returns:
        The rows of a table, and the ratio of the CPU time of all stages to that of the unavoidable work.
    """
    with tempfile.TemporaryDirectory() as folder:
        whole, stages, convert_ms = measure_bridge(domain, seconds, folder)
        recording = next(Path(folder).rglob("*.mp4"))
        decode, frames = decode_alone(recording)
    convert = convert_alone(frames)
    publish = publish_alone(domain + 1, seconds=seconds / 2)
    unavoidable = decode + convert + publish
    rows: list[Row] = []

    def add(name: str, cost: float, alone: float | None = None) -> None:
        rows.append(
            {"stage": name, "cpu ms/frame": cost, "share %": round(cost / whole * 100), "alone ms": alone}
        )

    add("receive (network, decryption, stamps)", stages["receive"])
    add("decode", stages["decode"], decode)
    add("convert", convert_ms, convert)
    add("publish", stages["publish"] - convert_ms + stages["middleware"], publish)
    add("executor (status, diagnostics)", stages["executor"])
    add("other", stages["other"])
    add("all stages", whole, unavoidable)
    return rows, whole / unavoidable


def measure_bridge(domain: int, seconds: float, folder: str) -> tuple[float, dict[str, float], float]:
    """Return the CPU milliseconds for each frame: of the process, of each stage, and of the conversion."""
    with Run(domain) as run:
        url = run.start_emulator(RATE_HZ, "--data-dir", folder)
        bridge = run.start(
            *(sys.executable, str(TOP / "bench" / "staged_bridge.py"), "--ros-args", "--log-level", "warn"),
            *("-p", f"api_url:={url}", "-p", "stamp_source:=arrival"),
        )
        operator = Operator(domain, [NAME], PROMPT)
        diagnostics: dict[str, str] = {}
        operator.listen_to_diagnostics(diagnostics)
        try:
            subscriber = run.start_subscriber(f"/{NAME}/image_raw")
            expect(subscriber, "ready")
            operator.start_streams()
            time.sleep(SETTLE_S)
            begin, before = operator.mark(NAME, bridge.pid), ask(bridge)
            time.sleep(seconds)
            end, after = operator.mark(NAME, bridge.pid), ask(bridge)
            operator.stop_streams()
        finally:
            operator.close()
        finish(subscriber)
    frames = end.received - begin.received
    if frames < MIN_FRAMES:
        raise RuntimeError(f"only {frames} frames in {seconds:g} s")
    stages = {stage: (cpu - before[stage]) * 1000 / frames for stage, cpu in after.items()}
    convert_ms = float(diagnostics["conversion (CPU ms a frame)"])
    return (end.cpu_s - begin.cpu_s) * 1000 / frames, stages, convert_ms


def ask(bridge: subprocess.Popen[str]) -> dict[str, float]:
    """Return the CPU seconds so far of the stages of a staged bridge."""
    assert bridge.stdin is not None  # noqa: S101 -- it is a pipe
    bridge.stdin.write("\n")
    bridge.stdin.flush()
    return dict(json.loads("{" + expect(bridge, "{")))


def decode_alone(recording: Path) -> tuple[float, list[av.VideoFrame]]:
    """Return the CPU milliseconds to decode one frame of a recording, and the last frames.

    A recording holds the encoded frames as they were sent.
    """
    frames: list[av.VideoFrame] = []
    with av.open(str(recording)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        context = container.streams.video[0].codec_context
        begin = time.process_time()
        for packet in packets:
            frames = context.decode(packet) or frames
        cost = time.process_time() - begin
    return cost * 1000 / len(packets), frames


def convert_alone(frames: list[av.VideoFrame], count: int = 200) -> float:
    """Return the CPU milliseconds to convert one frame to rgb8 in the buffer of a message."""
    converter = FrameConverter()
    converter.pixels(frames[0], "rgb8")
    begin = time.process_time()
    for index in range(count):
        converter.pixels(frames[index % len(frames)], "rgb8")
    return (time.process_time() - begin) * 1000 / count


def publish_alone(domain: int, seconds: float) -> float:
    """Return the CPU milliseconds to publish one image to a subscriber in another process.

    The threads of the middleware are included.
    """
    with Run(domain) as run:
        context = Context()
        rclpy.init(context=context, domain_id=domain)
        node = Node("publisher", context=context, enable_rosout=False, start_parameter_services=False)
        publisher = node.create_publisher(Image, "/alone", QoSProfile(depth=5))
        subscriber = run.start_subscriber("/alone")
        expect(subscriber, "ready")
        message = Image(height=704, width=1280, step=3840, encoding="rgb8")
        message.data = array.array("B", bytes(704 * 3840))
        count = round(seconds * RATE_HZ)
        begin, started = time.process_time(), time.monotonic()
        for index in range(count):
            publisher.publish(message)
            time.sleep(max(0.0, started + (index + 1) / RATE_HZ - time.monotonic()))
        cost = time.process_time() - begin
        finish(subscriber)
        node.destroy_node()
        rclpy.shutdown(context=context)
    return cost * 1000 / count
