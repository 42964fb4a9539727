"""The node in docs/bridge.md that decodes encoded video."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor

from agreement_frames import marker_of
from live_graph import FrameLabels, LiveGraph, check_label
from waiting import wait_until

DOCS = Path(__file__).parents[2] / "docs"


def _block(page, word):
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)
    return next(block for block in blocks if word in block)


def _viewer_classes():
    names = {}
    program, start, main = _block("bridge.md", "class Viewer").partition("\nrclpy.init()")
    assert start
    assert main.strip() == "rclpy.spin(Viewer())"
    exec(program, names)
    exec(_block("bridge.md", "class FoxgloveViewer"), names)
    return names["Viewer"], names["FoxgloveViewer"]


class _Recording:
    """Keeps what a viewer receives and decodes."""

    def __init__(self):
        self.messages = []
        self.pictures = {}
        super().__init__()

    def packet(self, message):
        self.messages.append(message)
        super().packet(message)

    def video(self, message):
        self.messages.append(message)
        super().video(message)

    def picture(self, stamp_ns, rgb):
        self.pictures[stamp_ns] = rgb


@pytest.mark.parametrize("kind", ["ffmpeg", "foxglove"])
def test_the_viewer_decodes_each_picture_with_its_stamp(domain_id, tmp_path, kind):
    viewer_class = dict(zip(("ffmpeg", "foxglove"), _viewer_classes(), strict=True))[kind]
    with LiveGraph(domain_id, tmp_path, "--no-recordings", "--key-frame-interval", "0") as graph:
        labels = FrameLabels(graph.observer, "/odyssey")
        graph.wait_for_publishers("/odyssey/frame_info", f"/odyssey/image_raw/{kind}")
        graph.start_stream("a fox")
        wait_until(lambda: len(labels.labels) > 3, "labels")
        rclpy.init(domain_id=domain_id)
        viewer = type("Recorder", (_Recording, viewer_class), {})()
        executor = SingleThreadedExecutor()
        executor.add_node(viewer)

        def pictures():
            executor.spin_once(timeout_sec=0.1)
            return len(viewer.pictures) >= 15

        wait_until(pictures, lambda: f"{len(viewer.pictures)} pictures")
        executor.shutdown()
        graph.end_stream()

        by_stamp = {sec * 10**9 + nanosec: label for (sec, nanosec), label in labels.labels.items()}
        for stamp_ns, rgb in viewer.pictures.items():
            check_label(by_stamp[stamp_ns], marker_of(rgb.mean(axis=2).astype("uint8")))
        assert len(viewer.pictures) == len(viewer.messages)

        if kind == "ffmpeg":
            _check_that_a_key_frame_is_awaited(viewer)
        viewer.destroy_node()
        rclpy.shutdown()


def _check_that_a_key_frame_is_awaited(viewer):
    """Only the first message is a key frame."""
    first, second, _lost, *others = viewer.messages
    viewer.decoder, viewer.next_pts = None, None
    viewer.pictures.clear()
    for message in (second, *others):
        viewer.packet(message)
    assert not viewer.pictures
    for message in (first, second, *others):
        viewer.packet(message)
    assert len(viewer.pictures) == 2
