"""A process that records topics of the bridge, and what it has recorded."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory

import bag_recorder
from live_bags import LiveMessage
from waiting import wait_until

if TYPE_CHECKING:
    from live_graph import LiveGraph

TYPES: Final = {
    "image_raw": "sensor_msgs/msg/Image",
    "image_raw/compressed": "sensor_msgs/msg/CompressedImage",
    "image_raw/ffmpeg": "ffmpeg_image_transport_msgs/msg/FFMPEGPacket",
    "image_raw/foxglove": "foxglove_msgs/msg/CompressedVideo",
    "frame_info": "odyssey_ros/msg/FrameInfo",
    "camera_info": "sensor_msgs/msg/CameraInfo",
    "events": "odyssey_ros/msg/StreamEvent",
}


class Recorder:
    """A process that records topics of the bridge."""

    def __init__(self, graph: LiveGraph, folder: Path, *topics: str) -> None:
        self.path = folder / "bag.mcap"
        self._log = folder / "recorder.log"
        arguments = [f"/odyssey/{topic}={TYPES[topic]}" for topic in topics]
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, str(Path(bag_recorder.__file__)), str(self.path), *arguments],
                env=graph.processes.environment(),
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def wait_for_topics(self) -> None:
        wait_until(lambda: bag_recorder.SUBSCRIBED in self._log.read_text(), self._log.read_text)

    def wait_for_more(self, size: int) -> None:
        """Wait until the file is larger by so many bytes."""
        size += self.path.stat().st_size
        wait_until(lambda: self.path.stat().st_size >= size, lambda: f"{size} B; {self._log.read_text()}")

    def end(self) -> None:
        """End the process; the file is complete."""
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(60) == 0, self._log.read_text()

    def kill(self) -> None:
        """Kill the process; the file has no end."""
        self._process.kill()
        self._process.wait()

    def finish(self) -> dict[str, list[Any]]:
        """End the process; return the messages of each topic."""
        self.end()
        found: dict[str, list[Any]] = {}
        with self.path.open("rb") as file:
            reader = make_reader(file, decoder_factories=[DecoderFactory()])
            for _, channel, _, message in reader.iter_decoded_messages():
                found.setdefault(channel.topic.removeprefix("/odyssey/"), []).append(message)
        return found


def serialized_messages(path: Path) -> list[LiveMessage]:
    """Return the messages of a complete MCAP file as they were received."""
    with path.open("rb") as file:
        return [
            LiveMessage(channel.topic, "" if schema is None else schema.name, message.log_time, message.data)
            for schema, channel, message in make_reader(file).iter_messages(log_time_order=False)
        ]
