"""Makes the input of the benchmarks of training data: dataset folders of any length, without the emulator.

A video of moving pictures is encoded once with the encoder of the emulator: 1280x704 at 30 frames per second,
2.5 Mbit/s, a key frame after 30 to 300 frames. `write_bag` turns the video into the bags of the episodes.
"""

from __future__ import annotations

import io
import random
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from odyssey_ros.dataset.bag_layout import BagLayout, ImageEncoding
from odyssey_ros.dataset.bags import write_bag
from odyssey_ros.dataset.episodes import Episode
from odyssey_ros.dataset.logs.events import Event, EventKind, EventLog
from odyssey_ros.dataset.manifest import FileEntry, ManifestEntry, crc32_of, prompt_entry, write_manifest
from odyssey_ros.emulator.media.encoding import RTP_CLOCK, VideoEncoder

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SIZE = (1280, 704)
RATE = 30
PROMPT_S = 4
"""Seconds from one prompt to the next."""

_BITRATE = 2_500_000
_KEY_FRAME_DISTANCES = (30, 300)
_START_NS = 1_700_000_000_000_000_000
_PICTURES = 90


def make_video(path: Path, frames: int) -> None:
    """Encode a video of moving pictures."""
    rng = random.Random(1)
    encoder = VideoEncoder("h264", RATE, _BITRATE)
    pictures = [_picture(number) for number in range(_PICTURES)]
    next_key = 0
    with av.open(str(path), "w", format="mp4") as container:
        stream: Any = None
        for number in range(frames):
            is_key = number == next_key
            if is_key:
                next_key += rng.randint(*_KEY_FRAME_DISTANCES)
            # Forwards and backwards, so that the picture does not jump.
            place = number % (2 * _PICTURES - 2)
            picture = pictures[min(place, 2 * _PICTURES - 2 - place)]
            unit = encoder.encode(picture, number * RTP_CLOCK // RATE, keyframe=is_key)
            if unit is None:
                raise RuntimeError("the encoder dropped a picture")
            if stream is None:
                context = av.open(io.BytesIO(unit.data), format="h264")
                stream = container.add_stream_from_template(context.streams.video[0])
                stream.time_base = Fraction(1, RTP_CLOCK)
            packet = av.Packet(unit.data)
            packet.stream = stream
            packet.time_base = Fraction(1, RTP_CLOCK)
            packet.pts = packet.dts = unit.timestamp
            packet.duration = RTP_CLOCK // RATE
            packet.is_keyframe = unit.keyframe
            container.mux(packet)


def _picture(number: int) -> av.VideoFrame:
    """Return a textured background that moves sideways, with a disc that crosses it."""
    width, height = SIZE
    noise = np.random.default_rng(7).normal(0, 9, (height, width + _PICTURES * 4))
    rows, columns = np.mgrid[0:height, 0:width]
    shift = number * 4
    y = 110 + 50 * np.sin((columns + shift) / 70) * np.cos(rows / 55) + noise[:, shift : shift + width]
    disc = (columns - 10 * number - 200) ** 2 + (rows - 350 - 2 * number) ** 2 < 120**2
    y[disc] = 220 - number
    planes: list[NDArray[np.uint8]] = [np.clip(y, 16, 235).astype(np.uint8)]
    for phase in (0.0, 1.5):
        plane = 128 + 60 * np.sin((columns[::2, ::2] + rows[::2, ::2] + 2 * shift) / 160 + phase)
        planes.append(plane.astype(np.uint8))
    packed = np.concatenate([plane.reshape(-1) for plane in planes]).reshape(height * 3 // 2, width)
    return av.VideoFrame.from_ndarray(packed, format="yuv420p")


def make_folder(folder: Path, video: Path, episodes: int, *, seconds: float, images: str = "h264") -> None:
    """Make a dataset folder whose episodes all have one video."""
    folder.mkdir()
    (folder / "episodes").mkdir()
    entries = []
    for number in range(episodes):
        name = f"walk-{number:03d}"
        log = EventLog(_prompts(name, seconds))
        bag = f"episodes/{name}"
        episode = Episode(f"stream-{number:03d}", video, log, _START_NS + number * 10**12)
        summary = write_bag(folder / bag, name, episode, BagLayout(ImageEncoding(images)))
        metadata = folder / bag / "metadata.yaml"
        entries.append(
            ManifestEntry(
                episode=name,
                bag=bag,
                files=(
                    FileEntry(f"{bag}/{summary.file}", summary.size, summary.crc32),
                    FileEntry(f"{bag}/metadata.yaml", metadata.stat().st_size, crc32_of(metadata)),
                ),
                stream_id=episode.stream_id,
                images=images,
                frames=summary.frames,
                width=SIZE[0],
                height=SIZE[1],
                sizes=tuple(
                    {"width": width, "height": height, "frames": count}
                    for (width, height), count in summary.sizes.items()
                ),
                start_time_ns=summary.start_time_ns,
                duration_ns=summary.duration_ns,
                prompts=tuple(
                    prompt_entry(event.stream_time_ns, event.prompt)
                    for event in log.events
                    if event.kind is not EventKind.ENDED
                ),
                video={"size": video.stat().st_size, "sha256": "0" * 64, "frame_count": summary.frames},
                events=None,
                provenance={},
            )
        )
    write_manifest(folder / "manifest.jsonl", entries)


def _prompts(name: str, seconds: float) -> tuple[Event, ...]:
    kinds = [EventKind.STARTED, *[EventKind.PROMPTED] * int((seconds - 0.5) / PROMPT_S)]
    events = [
        Event(kind, number * PROMPT_S * 10**9, f"{name}: prompt {number}")
        for number, kind in enumerate(kinds)
    ]
    return (*events, Event(EventKind.ENDED, int(seconds * 1e9)))
