"""Episodes in dataset folders, made from videos without a service: the bags and the manifest are real."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odyssey_ros.dataset.bags import BagLayout, ImageEncoding, write_bag
from odyssey_ros.dataset.episodes import Episode
from odyssey_ros.dataset.logs.events import Event, EventKind, EventLog
from odyssey_ros.dataset.manifest import (
    FileEntry,
    ManifestEntry,
    crc32_of,
    prompt_entry,
    read_manifest,
    write_manifest,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

START_NS = 1_700_000_000_000_000_000
"""Start of all streams."""


def add_episode(
    folder: Path,
    name: str,
    video: Path,
    prompts: Sequence[tuple[int, str]] = ((0, "a fox"),),
    *,
    images: str = "h264",
    losses: Mapping[str, int] | None = None,
) -> ManifestEntry:
    """Add an episode to a dataset folder, which is made if it does not exist.

    Args:
        folder: The dataset folder.
        name: Name of the episode.
        video: Its video.
        prompts: Pairs of the number of the first frame and the prompt.
        images: Encoding of the pictures.
        losses: Losses for the manifest.
    """
    events = tuple(
        Event(EventKind.PROMPTED if first else EventKind.STARTED, 0, prompt, frame_index=first)
        for first, prompt in prompts
    )
    episode = Episode(f"stream-{name}", video, EventLog(events), START_NS)
    layout = BagLayout(ImageEncoding(images))
    bag = folder / "episodes" / name
    bag.parent.mkdir(parents=True, exist_ok=True)
    summary = write_bag(bag, name, episode, layout)
    metadata = bag / "metadata.yaml"
    (width, height), *_ = summary.sizes
    entry = ManifestEntry(
        episode=name,
        bag=f"episodes/{name}",
        files=(
            FileEntry(f"episodes/{name}/{summary.file}", summary.size, summary.crc32),
            FileEntry(f"episodes/{name}/metadata.yaml", metadata.stat().st_size, crc32_of(metadata)),
        ),
        stream_id=episode.stream_id,
        images=images,
        frames=summary.frames,
        width=width,
        height=height,
        start_time_ns=summary.start_time_ns,
        duration_ns=summary.duration_ns,
        prompts=tuple(prompt_entry(0, prompt, first) for first, prompt in prompts),
        video={"frame_count": summary.frames},
        events=None,
        provenance={},
        losses=dict(losses or {}),
        sizes=tuple(
            {"width": size[0], "height": size[1], "frames": count} for size, count in summary.sizes.items()
        ),
    )
    manifest = folder / "manifest.jsonl"
    entries = read_manifest(manifest) if manifest.exists() else []
    write_manifest(manifest, [*entries, entry])
    return entry
