"""The entry of the manifest for a bag that was just written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from odyssey_ros.dataset.manifest import FileEntry, ManifestEntry, crc32_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from odyssey_ros.dataset.bags import BagSummary

_METADATA = "metadata.yaml"


def bag_entry(
    summary: BagSummary,
    written: Path,
    bag: str,
    *,
    episode: str,
    images: str,
    stream_id: str,
    prompts: tuple[Mapping[str, Any], ...],
    video: Mapping[str, Any],
    events: Mapping[str, Any] | None,
    provenance: Mapping[str, Any],
    losses: Mapping[str, int],
) -> ManifestEntry:
    """Return the entry of a bag. Blocks.

    Args:
        summary: The properties of the bag. It has at least one picture.
        written: The folder into which the bag was written, and whose name may be a temporary one.
        bag: The folder that the bag will have, relative to that of the dataset.
        episode: This and the others: as in `ManifestEntry`.
        images: Encoding of the pictures.
        stream_id: Id of the recording.
        prompts: The prompts.
        video: The service's video file.
        events: The service's events log.
        provenance: Origin of the episode.
        losses: What was ignored, repaired or guessed.

    Raises:
        OSError: The metadata of the bag cannot be read.
    """
    metadata = written / _METADATA
    width, height = next(iter(summary.sizes))
    return ManifestEntry(
        episode=episode,
        bag=bag,
        files=(
            FileEntry(f"{bag}/{summary.file}", summary.size, summary.crc32),
            FileEntry(f"{bag}/{_METADATA}", metadata.stat().st_size, crc32_of(metadata)),
        ),
        stream_id=stream_id,
        images=images,
        frames=summary.frames,
        width=width,
        height=height,
        sizes=tuple(
            {"width": size[0], "height": size[1], "frames": count} for size, count in summary.sizes.items()
        ),
        start_time_ns=summary.start_time_ns,
        duration_ns=summary.duration_ns,
        prompts=prompts,
        video=video,
        events=events,
        provenance=provenance,
        losses=losses,
    )
