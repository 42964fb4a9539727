"""Small dataset folders, written without the command: bags of one video with prompts of one's choice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odyssey_ros.dataset.bag_layout import BagLayout, ImageEncoding
from odyssey_ros.dataset.bags import write_bag
from odyssey_ros.dataset.episodes import Episode
from odyssey_ros.dataset.logs.events import Event, EventKind, EventLog
from odyssey_ros.dataset.manifest import FileEntry, ManifestEntry, read_manifest, write_manifest
from small_video import write_video

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def add_episodes(
    folder: Path,
    episodes: Mapping[str, Sequence[str]],
    video: Path | None = None,
    *,
    images: str = "h264",
    every_ms: int = 200,
    losses: Mapping[str, int] | None = None,
) -> list[ManifestEntry]:
    """Add episodes to a dataset folder, and return all entries of its manifest.

    Args:
        folder: The folder; created when it does not exist.
        episodes: The prompts of each episode, by its name.
        video: The pictures; None for 6 frames of 64x48 at 10 Hz.
        images: Encoding of the pictures in the bags.
        every_ms: Distance of the prompts.
        losses: The losses of the episodes.
    """
    (folder / "episodes").mkdir(parents=True, exist_ok=True)
    path = folder / "manifest.jsonl"
    entries = read_manifest(path) if path.exists() else []
    if video is None:
        video = folder / "video.mp4"
        if not video.exists():
            write_video(video)
    for name, prompts in episodes.items():
        events = EventLog(
            tuple(
                Event(EventKind.PROMPTED if at else EventKind.STARTED, at * every_ms * 1_000_000, prompt)
                for at, prompt in enumerate(prompts)
            )
        )
        bag = f"episodes/{name}"
        episode = Episode(f"stream-{name}", video, events, 1_790_000_000_000_000_000)
        written = write_bag(folder / bag, name, episode, BagLayout(ImageEncoding(images)))
        ((width, height), _), *_ = written.sizes.items()
        entries.append(
            ManifestEntry(
                episode=name,
                bag=bag,
                files=(FileEntry(f"{bag}/{written.file}", written.size, written.crc32),),
                stream_id=f"stream-{name}",
                images=images,
                frames=written.frames,
                width=width,
                height=height,
                start_time_ns=written.start_time_ns,
                duration_ns=written.duration_ns,
                prompts=(),
                video={},
                events=None,
                provenance={},
                losses=losses or {},
                sizes=tuple(
                    {"width": size[0], "height": size[1], "frames": count}
                    for size, count in written.sizes.items()
                ),
            )
        )
    write_manifest(path, entries)
    return entries
