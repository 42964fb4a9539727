"""The frames of random streams in what trainers load: exports of the recordings, and bags recorded live."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rosbags.highlevel import AnyReader

import bag_recorder
from agreement_frames import seen_of
from agreement_plans import SLOT_S
from agreement_processes import KEY, executable
from encoded_topics import access_unit, decoded
from exported_frames import clips_of, episodes_of_lerobot
from odyssey_ros.dataset.json_lines import split_lines
from waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from agreement_frames import Seen, Stamp, Views
    from agreement_processes import Processes

_TYPES: Final = {
    "image_raw/foxglove": "foxglove_msgs/msg/CompressedVideo",
    "frame_info": "odyssey_ros/msg/FrameInfo",
    "events": "odyssey_ros/msg/StreamEvent",
}


class LiveBags:
    """Records the encoded topic and the labels of bridges, each with a process. A context.

    Args:
        processes: The processes of the graph.
        folder: An empty folder.
        names: The names of the bridges.
    """

    def __init__(self, processes: Processes, folder: Path, names: Sequence[str]) -> None:
        self.paths = [folder / f"{name}.mcap" for name in names]
        self._logs = [folder / f"{name}.recorder.log" for name in names]
        self._processes: list[subprocess.Popen[bytes]] = []
        for name, path, log in zip(names, self.paths, self._logs, strict=True):
            topics = [f"/{name}/{topic}={kind}" for topic, kind in _TYPES.items()]
            with log.open("wb") as output:
                self._processes.append(
                    subprocess.Popen(
                        [sys.executable, str(Path(bag_recorder.__file__)), str(path), *topics],
                        env=processes.environment(),
                        stdout=output,
                        stderr=subprocess.STDOUT,
                    )
                )

    def __enter__(self) -> LiveBags:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.kill()
                process.wait()

    def wait_for_topics(self) -> None:
        """Wait until all topics are recorded."""
        for log in self._logs:
            wait_until(lambda log=log: bag_recorder.SUBSCRIBED in log.read_text(), log.read_text)

    def finish(self) -> None:
        """Complete the files."""
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
        for process, log in zip(self._processes, self._logs, strict=True):
            assert process.wait(60) == 0, log.read_text()


def read_exports(processes: Processes, folder: Path, bags: Sequence[Path], views: Sequence[Views]) -> None:
    """Export the recordings of all streams and import the bags recorded live; add the frames of both.

    Episodes that the exports refuse are added with the reason.
    """
    streams = {stream: view for view in views for stream in view.recorded}
    with ThreadPoolExecutor(2) as threads:
        imported = threads.submit(_import, processes, folder / "live", bags)
        exported = threads.submit(_export, processes, folder, list(streams))
        for stream, seen in imported.result().items():
            # A stream that nobody started here is a disagreement, which the comparison reports.
            streams.get(stream, views[0]).imported.setdefault(stream, []).extend(seen)
        names = exported.result()
    for dataset in sorted((folder / "lerobot").iterdir()):
        if (dataset / "meta" / "info.json").exists():
            for name, frames in episodes_of_lerobot(dataset).items():
                streams[names[name]].exported[names[name]] = frames
    for dataset in sorted((folder / "clips").iterdir()):
        if (dataset / "videos" / "metadata.jsonl").exists():
            for clip in clips_of(dataset):
                streams[names[clip.episode]].clips.setdefault(names[clip.episode], []).append(clip)


def _export(processes: Processes, folder: Path, streams: Sequence[str]) -> dict[str, str]:
    """Make a dataset of the recordings as they are encoded, and both exports; return streams by episode."""
    dataset = folder / "encoded"
    options = ("--images", "h264", "--decoders", "1", "--api-url", processes.url)
    _run(processes, "recordings", *streams, "-o", str(dataset), *options)
    # A busy emulator skips frames: one export fills such gaps, the other one leaves out the clips with gaps.
    for kind, resampled in (("lerobot", ("--resample", f"{1 / SLOT_S:g}")), ("clips", ())):
        options = ("-o", str(folder / kind), "--split-by", "size", "--workers", "1", *resampled)
        # Status 1: streams with several sizes and clips with gaps are left out.
        _run(processes, "export", kind, str(dataset), *options, statuses=(0, 1))
    lines = split_lines((dataset / "manifest.jsonl").read_text(encoding="utf-8"))
    return {entry["episode"]: entry["stream_id"] for entry in map(json.loads, lines)}


def _import(processes: Processes, folder: Path, bags: Sequence[Path]) -> dict[str, list[Seen]]:
    """Import bags; return the frames of each stream."""
    _run(processes, "bags", *map(str, bags), "-o", str(folder), "--workers", "1")
    found: dict[str, list[Seen]] = {}
    for metadata in sorted(folder.rglob("metadata.yaml")):
        seen = _frames_of_encoded_bag(metadata.parent)
        found.setdefault(seen[0].stream_id, []).extend(seen)
    return found


def _frames_of_encoded_bag(bag: Path) -> list[Seen]:
    units, labels = [], {}
    with AnyReader([bag]) as reader:
        for connection, _, data in reader.messages():
            if connection.topic.endswith("/foxglove"):
                units.append(access_unit(reader.deserialize(data, connection.msgtype)))
            elif connection.topic.endswith("/frame_info"):
                label: Any = reader.deserialize(data, connection.msgtype)
                stamp: Stamp = (label.header.stamp.sec, label.header.stamp.nanosec)
                labels[stamp] = label
    assert [unit.stamp for unit in units] == sorted(labels), f"{bag}: pictures and labels differ"
    return [
        seen_of(labels[unit.stamp], (picture.shape[1], picture.shape[0]), marker)
        for unit, picture, marker in decoded(units)
    ]


def _run(processes: Processes, *arguments: str, statuses: Sequence[int] = (0,)) -> None:
    done = subprocess.run(
        [executable("dataset"), *arguments],
        env={**processes.environment(), "ODYSSEY_API_KEY": KEY},
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode in statuses, f"{arguments}: {done.stdout}{done.stderr}"
