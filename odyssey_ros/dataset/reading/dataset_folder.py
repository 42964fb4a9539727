"""A dataset folder, to be read: its episodes, as the manifests of all runs and shards list them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odyssey_ros.dataset.errors import PlanError
from odyssey_ros.dataset.manifest import manifest_paths, merged, read_manifest
from odyssey_ros.dataset.reading.stored_episode import StoredEpisode

if TYPE_CHECKING:
    from pathlib import Path


def stored_episodes(folder: Path) -> list[StoredEpisode]:
    """Return the episodes of a dataset folder, in the order of their names. Blocks.

    Args:
        folder: The folder. It is only read, without a lock: another process may add episodes.

    Raises:
        PlanError: The folder has no manifest.
        ManifestError: The folder or a manifest cannot be read, or a manifest contradicts another.
    """
    paths = manifest_paths(folder)
    if not paths:
        raise PlanError(
            f"{folder} has no manifest: name the folder that a command such as `odyssey-dataset simulate -o` "
            "made"
        )
    return [StoredEpisode(folder, entry) for entry in merged(map(read_manifest, paths))]
